package access

import (
	"context"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// SetupNeeded reports whether nobody can sign in yet.
func (s *Service) SetupNeeded(ctx context.Context) (bool, error) {
	all, err := s.store.Administrators(ctx, "")
	return len(all) == 0, err
}

// Invite makes the token of a one-time link by which the first administrator is created. It is good for a day, or until there is
// an administrator.
func (s *Service) Invite(ctx context.Context) (secret.Text, error) {
	value := random()
	err := s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		return tx.InsertInvitation(ctx, hash(invitationMark, value), s.instant().Add(invitationLife))
	})
	return secret.New(value), err
}

// SetUp creates the first administrator by a one-time link, and signs in.
func (s *Service) SetUp(ctx context.Context, envID string, invitation secret.Text, n NewAdministrator) (Administrator, secret.Text, error) {
	if needed, err := s.SetupNeeded(ctx); err != nil {
		return Administrator{}, secret.Text{}, err
	} else if !needed {
		return Administrator{}, secret.Text{}, problem.New(problem.Conflict, "there is an administrator already; sign in")
	}
	n.Role = EnvironmentAdmin
	a, err := s.newAdministrator(envID, n)
	if err != nil {
		return Administrator{}, secret.Text{}, err
	}
	err = s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		all, err := tx.LockAdministrators(ctx)
		if err != nil {
			return err
		}
		expires, err := tx.TakeInvitation(ctx, hash(invitationMark, invitation.Reveal()))
		if problem.Is(err, problem.NotFound) || err == nil && !s.now().Before(expires) {
			return problem.New(problem.AccessFailed, "this link was used already, or is older than a day; restart the server for a new one, or run: lockstep admin create")
		}
		if err != nil {
			return err
		}
		return s.insertAdministrator(ctx, tx, all, a)
	})
	if err != nil {
		return Administrator{}, secret.Text{}, err
	}
	token, err := s.open(ctx, &a)
	return a, token, err
}
