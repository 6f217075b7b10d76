package grant

import (
	"context"
	"fmt"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// Create makes a connection with the token of an authorization. Whoever deletes the authorization has the token: two connections would spend
// the same refresh token. A connection that cannot be made gives it back.
func (s *Service) Create(ctx context.Context, envID, bound, id string, c provision.Connection, configuration map[string]any) (provision.Connection, error) {
	a, err := s.granted(ctx, envID, bound, id)
	if err != nil {
		return c, err
	}
	if err := s.Store.DeleteAuthorization(ctx, envID, id); err != nil {
		return c, err
	}
	out, err := s.Provision.CreateWith(ctx, envID, c, configuration, a.Tokens)
	if err != nil {
		if kept := s.Store.SaveAuthorization(context.WithoutCancel(ctx), a); kept != nil {
			return c, fmt.Errorf("give the token back: %w", kept)
		}
		return c, err
	}
	return out, nil
}

// Configure reads the configuration of a connection that is not saved, with the token of an authorization.
func (s *Service) Configure(ctx context.Context, envID, bound, id string, c *provision.Connection, configuration map[string]any) error {
	a, err := s.granted(ctx, envID, bound, id)
	if err != nil {
		return err
	}
	return s.Provision.ConfigureWith(c, configuration, &a.Tokens)
}

// Update replaces a connection. A token that was entered instead of the saved one is asked for its workspace first: one of another
// workspace is refused unless that is confirmed. Where nobody can say, the token is saved, and tested against the workspace that
// is known before anything is written with it.
func (s *Service) Update(ctx context.Context, envID, id string, c provision.Connection, configuration map[string]any, confirmed bool) (provision.Connection, error) {
	saved, err := s.Provision.Connection(ctx, envID, id)
	if err != nil {
		return c, err
	}
	edited := c
	var proven *provision.Identity
	if wrong := s.Provision.Reconfigure(&edited, configuration, &saved, nil); wrong == nil && s.replaces(&saved, &edited) {
		if proven, err = s.vet(ctx, &saved, &edited, confirmed); err != nil {
			return c, err
		}
	} // what is wrong is said below, with all else that is
	return s.Provision.UpdateProven(ctx, envID, id, c, configuration, proven)
}

func (s *Service) replaces(saved, edited *provision.Connection) bool {
	kind, _ := s.Catalogue.Type(saved.Type)
	token := edited.Secrets[kind.TokenKey]
	return kind.TokenKey != "" && !token.IsZero() && token.Reveal() != saved.Secrets[kind.TokenKey].Reveal()
}

func (s *Service) vet(ctx context.Context, saved, edited *provision.Connection, confirmed bool) (*provision.Identity, error) {
	probe := *edited
	probe.Grant = nil
	who, err := s.identify(ctx, &probe)
	switch {
	case err != nil && confirmed:
		return &provision.Identity{}, nil // nobody can say whose it is, and any will do
	case err != nil:
		return nil, nil //nolint:nilerr,nilnil // the test before the first write compares
	case confirmed:
		return &who, nil
	}
	if known := s.known(ctx, saved); known.ID != "" && who.Workspace.ID != "" && known.ID != who.Workspace.ID {
		kind, _ := s.Catalogue.Type(saved.Type)
		var l problem.List
		l.Add(problem.ConstraintViolation, "configuration."+kind.TokenKey,
			"the token is for %s, and this connection provisions %s: everybody would be created again there. Enter a token for %s, or confirm the other workspace",
			who.Workspace.Name, known.Name, known.Name)
		return nil, l.Err("The connection cannot be saved:")
	}
	return &who, nil
}

// Learn records for which workspace a connection's token is, where that is not known. It answers nothing: where nobody can say, it
// stays unknown.
func (s *Service) Learn(ctx context.Context, c *provision.Connection) error {
	kind, _ := s.Catalogue.Type(c.Type)
	if kind.TokenKey == "" || c.Secrets[kind.TokenKey].IsZero() || c.Grant != nil && c.Grant.Workspace.ID != "" {
		return nil
	}
	who, err := s.identify(ctx, c)
	if err != nil || who.Workspace.ID == "" {
		return nil //nolint:nilerr // it is asked again another time
	}
	_, err = s.Provision.Regrant(ctx, c.EnvironmentID, c.ID, func(now *provision.Connection) error {
		if now.Secrets[kind.TokenKey].Reveal() == c.Secrets[kind.TokenKey].Reveal() && now.Grant.Workspace.ID == "" {
			now.Grant.Identity = who
			if now.Grant.Origin == "" {
				now.Grant.Origin = kind.OriginOf(now)
			}
		}
		return nil
	})
	return err
}
