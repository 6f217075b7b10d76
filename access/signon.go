package access

import (
	"context"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// Session is an administrator who is signed in. Its token is kept as a hash only.
type Session struct {
	Hash            string
	AdministratorID string
	EnvironmentID   string
	CreatedAt       time.Time
	SeenAt          time.Time // to the minute
	ExpiresAt       time.Time
}

var errSignOn = problem.New(problem.Unauthorized, "the username or the password is wrong")

// SignOn checks a password and opens a session. The token is answered once.
func (s *Service) SignOn(ctx context.Context, username string, password secret.Text) (Administrator, secret.Text, error) {
	a, err := s.AdministratorByUsername(ctx, username)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return Administrator{}, secret.Text{}, err
	}
	unknown := err != nil
	if unknown {
		a.PasswordHash = s.passwords.nobody() // takes as long, so that the time tells nothing
	}
	ok, err := s.passwords.verify(ctx, a.PasswordHash, password)
	if err != nil {
		return Administrator{}, secret.Text{}, err
	}
	if !ok || unknown {
		return Administrator{}, secret.Text{}, errSignOn
	}
	token, err := s.open(ctx, &a)
	return a, token, err
}

func (s *Service) open(ctx context.Context, a *Administrator) (secret.Text, error) {
	value, now := random(), s.instant()
	session := Session{
		Hash: sessionHash(secret.New(value)), AdministratorID: a.ID, EnvironmentID: a.EnvironmentID, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(sessionLife),
	}
	checked := a.PasswordHash
	err := s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		all, err := tx.LockAdministrators(ctx)
		if err != nil {
			return err
		}
		signed, err := find(all, a.EnvironmentID, a.ID)
		if err != nil || signed.PasswordHash != checked {
			return errSignOn // edited since the password was checked
		}
		signed.LastSignOnAt = now
		*a = signed
		if err := tx.UpdateAdministrator(ctx, signed); err != nil {
			return err
		}
		// In the same transaction: a new password between the two would not end this session.
		if err := tx.InsertSession(ctx, session); err != nil {
			return err
		}
		origin := directory.OriginOf(ctx)
		origin.Actor = directory.Actor{Type: "USER", ID: signed.ID, Name: signed.Username}
		return tx.Append(ctx, s.lines(directory.WithOrigin(ctx, origin), signed, "SIGNED_ON", "administrator "+signed.Username+" signed on", nil))
	})
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(value), nil
}

func sessionHash(token secret.Text) string {
	if token.IsZero() {
		return ""
	}
	return hash(sessionMark, token.Reveal())
}

var errSession = problem.New(problem.Unauthorized, "the session is over; sign in again")

// VerifySession answers who is signed in. What was found is remembered for at most 10 seconds, as in Verify.
func (s *Service) VerifySession(ctx context.Context, token secret.Text) (Administrator, error) {
	h, now := sessionHash(token), s.now()
	s.mu.Lock()
	hit, ok := s.sessions[h]
	s.mu.Unlock()
	if ok && now.Before(hit.until) {
		return hit.administrator, nil
	}
	session, err := s.store.Session(ctx, h)
	if problem.Is(err, problem.NotFound) || err == nil && (!now.Before(session.ExpiresAt) || now.Sub(session.SeenAt) >= sessionIdle) {
		return Administrator{}, errSession
	}
	if err != nil {
		return Administrator{}, err
	}
	a, err := s.store.Administrator(ctx, session.AdministratorID)
	if problem.Is(err, problem.NotFound) {
		return Administrator{}, errSession
	}
	if err != nil {
		return Administrator{}, err
	}
	if now.Sub(session.SeenAt) >= seenEvery {
		if err := s.store.TouchSession(ctx, h, s.instant()); err != nil {
			return Administrator{}, err
		}
	}
	until := now.Add(cacheLife)
	if session.ExpiresAt.Before(until) {
		until = session.ExpiresAt
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sessions) >= cacheSize {
		clear(s.sessions)
	}
	s.sessions[h] = signedOn{a, until}
	return a, nil
}

// SignOff ends a session.
func (s *Service) SignOff(ctx context.Context, token secret.Text) error {
	err := s.store.DeleteSession(ctx, sessionHash(token))
	s.forgetSessions()
	return err
}

func (s *Service) forgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}
