package provision

import (
	"context"
	"maps"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

const renewedVerb = "RENEWED"

// secrets are the tokens as a connection keeps them.
func (t *Tokens) secrets(kind *Type) map[string]secret.Text {
	out := map[string]secret.Text{kind.TokenKey: t.Access}
	if !t.Refresh.IsZero() {
		out[KeyRefreshToken], out[KeyClientSecret] = t.Refresh, t.ClientSecret
	}
	return out
}

// Entrust gives a connection a token that was had by OAuth, instead of the one it has. What is needed to refresh it comes along, and
// what belonged to the old one goes. It works at once.
func (s *Service) Entrust(ctx context.Context, envID, id string, t Tokens) (Connection, error) {
	return s.entrust(ctx, envID, id, "UPDATED", func(c *Connection, kind *Type) error {
		if kind.TokenKey == "" {
			return invalid(problem.ConstraintViolation, "type", "the token of such a connection cannot be had by OAuth")
		}
		for _, key := range append(kind.secretKeys(), KeyRefreshToken, KeyClientSecret) {
			delete(c.Secrets, key)
		}
		maps.Copy(c.Secrets, t.secrets(kind))
		g := t.Grant
		c.Grant = &g
		return nil
	})
}

// Regrant changes what is known of a connection's token, and the token itself if change does. It reports what is kept. The
// administrators' log is told only where a secret changes.
func (s *Service) Regrant(ctx context.Context, envID, id string, change func(c *Connection) error) (Connection, error) {
	return s.entrust(ctx, envID, id, renewedVerb, func(c *Connection, _ *Type) error {
		g := Grant{}
		if c.Grant != nil {
			g = *c.Grant
		}
		c.Grant = &g
		return change(c)
	})
}

func (s *Service) entrust(ctx context.Context, envID, id, verb string, change func(*Connection, *Type) error) (Connection, error) {
	var out Connection
	renewed := false
	err := s.edit(ctx, func(tx Tx) error {
		before, err := tx.Connection(ctx, envID, id)
		if err != nil {
			return err
		}
		kind, _ := s.catalogue.Type(before.Type)
		out = before
		out.Secrets = map[string]secret.Text{}
		maps.Copy(out.Secrets, before.Secrets)
		if err := change(&out, &kind); err != nil {
			return err
		}
		if err := tx.SaveConnection(ctx, out); err != nil {
			return err
		}
		differs := connectionChanges(&before, &out)
		if renewed = len(differs) > 0; !renewed {
			return nil
		}
		if verb != renewedVerb { // a refreshed token is the same permission: how it was tested holds
			if err := tx.ForgetTested(ctx, id); err != nil {
				return err
			}
		}
		return s.log(ctx, tx, out.subject(), verb, differs)
	})
	if err == nil && renewed {
		s.wake(envID)
	}
	return out, err
}

// System is ctx for what Lockstep does by itself.
func System(ctx context.Context) context.Context {
	return directory.WithOrigin(ctx, directory.Origin{Actor: directory.System})
}
