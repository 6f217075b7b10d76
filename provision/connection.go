package provision

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// Connections lists the connections of an environment.
func (s *Service) Connections(ctx context.Context, envID string) ([]Connection, error) {
	return s.store.Connections(ctx, envID)
}

// Connection answers one connection, with its secrets.
func (s *Service) Connection(ctx context.Context, envID, id string) (Connection, error) {
	return s.store.Connection(ctx, envID, id)
}

// CreateConnection makes a connection; it is off unless it says otherwise.
func (s *Service) CreateConnection(ctx context.Context, envID string, c Connection, configuration map[string]any) (Connection, error) {
	return s.create(ctx, envID, c, configuration, nil)
}

// CreateWith is CreateConnection with tokens that were had by OAuth, which the configuration leaves out.
func (s *Service) CreateWith(ctx context.Context, envID string, c Connection, configuration map[string]any, t Tokens) (Connection, error) {
	return s.create(ctx, envID, c, configuration, &t)
}

func (s *Service) create(ctx context.Context, envID string, c Connection, configuration map[string]any, t *Tokens) (Connection, error) {
	c.ID, c.EnvironmentID = uuid.NewString(), envID
	c.CreatedAt = s.instant()
	c.UpdatedAt = c.CreatedAt
	if err := s.ConfigureWith(&c, configuration, t); err != nil {
		return c, err
	}
	err := s.edit(ctx, func(tx Tx) error {
		if err := checkConnection(ctx, tx, &c); err != nil {
			return err
		}
		if err := tx.SaveConnection(ctx, c); err != nil {
			return err
		}
		return s.log(ctx, tx, c.subject(), "CREATED", directory.Made(connectionChanges(&Connection{}, &c)))
	})
	return c, err
}

func checkConnection(ctx context.Context, tx Tx, c *Connection) error {
	var l problem.List
	checkName(&l, &c.Name, true)
	checkStatus(&l, c.Status)
	directory.CheckLines(&l, "description", c.Description, maxDescription)
	directory.CheckText(&l, "image.id", c.ImageID, maxName, false)
	directory.CheckText(&l, "image.href", c.ImageHref, maxSetting, false)
	if c.Status == "" {
		c.Status = Inactive
	}
	others, err := tx.Connections(ctx, c.EnvironmentID)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.ID != c.ID && directory.Fold(other.Name) == directory.Fold(c.Name) {
			l.Add(problem.UniquenessViolation, "name", "another connection has this name")
		}
	}
	return l.Err("The connection cannot be saved:")
}

// UpdateConnection replaces a connection. Secrets that are left out stay.
func (s *Service) UpdateConnection(ctx context.Context, envID, id string, c Connection, configuration map[string]any) (Connection, error) {
	return s.UpdateProven(ctx, envID, id, c, configuration, nil)
}

// UpdateProven is UpdateConnection with what the target says of a new token; nil = it was not asked.
func (s *Service) UpdateProven(ctx context.Context, envID, id string, c Connection, configuration map[string]any, proven *Identity) (Connection, error) {
	changed := false
	err := s.edit(ctx, func(tx Tx) error {
		before, err := tx.Connection(ctx, envID, id)
		if err != nil {
			return err
		}
		t, _ := s.catalogue.Type(before.Type)
		if given, ok := s.catalogue.Type(c.Type); c.Type != "" && (!ok || given.Name != before.Type) {
			return invalid(problem.InvalidValue, "type", "the type of a connection cannot be changed; create another connection")
		}
		c.ID, c.EnvironmentID, c.Type, c.CreatedAt, c.UpdatedAt = id, envID, before.Type, before.CreatedAt, s.instant()
		if c.Status == "" {
			c.Status = before.Status
		}
		if err := s.Reconfigure(&c, configuration, &before, proven); err != nil {
			return err
		}
		if err := checkConnection(ctx, tx, &c); err != nil {
			return err
		}
		differs := connectionChanges(&before, &c)
		if changed = len(differs) > 0; !changed {
			c = before
			return errUnchanged
		}
		if err := tx.SaveConnection(ctx, c); err != nil {
			return err
		}
		if touchesCredentials(t, differs) {
			if err := tx.ForgetTested(ctx, id); err != nil {
				return err
			}
		}
		return s.log(ctx, tx, c.subject(), "UPDATED", differs)
	})
	if err == nil && changed {
		s.wake(envID)
	}
	return c, err
}

func (c *Connection) subject() subject {
	return subject{envID: c.EnvironmentID, kind: directory.KindConnection, id: c.ID, name: c.Name, connectionID: c.ID}
}

// connectionChanges never shows a secret, only that it was set, replaced or cleared.
func connectionChanges(before, after *Connection) []directory.AttributeChange {
	var out changes
	out.add("name", before.Name, after.Name)
	out.add("description", before.Description, after.Description)
	out.add("status", string(before.Status), string(after.Status))
	out.add("managed", before.Managed, after.Managed)
	out.add("image.id", before.ImageID, after.ImageID)
	out.add("image.href", before.ImageHref, after.ImageHref)
	for k, v := range before.Settings {
		out.add("configuration."+k, v, after.Settings[k])
	}
	for k, v := range after.Settings {
		if _, ok := before.Settings[k]; !ok {
			out.add("configuration."+k, nil, v)
		}
	}
	for k, old := range before.Secrets {
		switch now := after.Secrets[k]; {
		case old.IsZero(): // as good as none
		case now.IsZero():
			out.add("configuration."+k, "set", nil)
		case old.Reveal() != now.Reveal():
			out.add("configuration."+k, "set", "replaced")
		}
	}
	for k, now := range after.Secrets {
		if before.Secrets[k].IsZero() && !now.IsZero() {
			out.add("configuration."+k, nil, "set")
		}
	}
	return out.sorted()
}

// DeleteConnection deletes a connection that no rule uses.
func (s *Service) DeleteConnection(ctx context.Context, envID, id string) error {
	return s.edit(ctx, func(tx Tx) error {
		c, err := tx.Connection(ctx, envID, id)
		if err != nil {
			return err
		}
		rules, err := tx.Rules(ctx, envID, true)
		if err != nil {
			return err
		}
		var using []string
		for _, r := range rules {
			if r.SourceID == id || r.TargetID == id {
				name := r.Name
				if !r.DeletedAt.IsZero() {
					name += " (deleted, waits for a revision)"
				}
				using = append(using, name)
			}
		}
		if len(using) > 0 {
			return invalid(problem.ConstraintViolation, "id", "the connection is used by the rules %s; delete them first", strings.Join(using, ", "))
		}
		if err := tx.ForgetTested(ctx, id); err != nil {
			return err
		}
		if err := tx.DeleteConnection(ctx, envID, id); err != nil {
			return err
		}
		return s.log(ctx, tx, c.subject(), "DELETED", directory.Unmade(connectionChanges(&c, &Connection{})))
	})
}
