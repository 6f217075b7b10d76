package provision

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

const maxSetting = 4096

// Effective is the connection with its type's defaults filled in.
func Effective(t Type, c Connection) Connection {
	c.Settings = maps.Clone(c.Settings)
	if c.Settings == nil {
		c.Settings = map[string]any{}
	}
	for _, f := range t.Fields {
		if v, ok := c.Settings[f.Key]; f.Default != nil && (!ok || v == "") {
			c.Settings[f.Key] = f.Default
		}
	}
	return c
}

// Configure reads a configuration as clients send it: other spellings of keys and values are taken over, secrets go apart.
// Secrets that are left out are taken from kept. It does not store anything.
func (s *Service) Configure(c *Connection, configuration map[string]any, kept map[string]secret.Text) error {
	t, ok := s.catalogue.Type(c.Type)
	if !ok {
		names := make([]string, 0, len(s.catalogue.Types()))
		for _, known := range s.catalogue.Types() {
			names = append(names, known.Name)
		}
		p := problem.New(problem.InvalidData, "The connection cannot be saved:")
		p.Details = []problem.Detail{{Code: problem.InvalidValue, Target: "type", Message: "connections of this type are not supported", AllowedValues: names}}
		return p
	}
	c.Type = t.Name
	c.Settings, c.Secrets = map[string]any{}, maps.Clone(kept)
	if c.Secrets == nil {
		c.Secrets = map[string]secret.Text{}
	}
	var l problem.List
	for _, key := range slices.Sorted(maps.Keys(configuration)) {
		s.setting(&l, t, c, key, configuration[key])
	}
	for _, f := range t.Fields {
		if f.Required && f.Kind == FieldSecret && c.Secrets[f.Key].IsZero() || f.Required && f.Kind != FieldSecret && c.Settings[f.Key] == nil {
			l.Add(problem.RequiredValue, "configuration."+f.Key, "%s is required", f.Label)
		}
	}
	return l.Err("The connection cannot be saved:")
}

func (s *Service) setting(l *problem.List, t Type, c *Connection, key string, value any) {
	target := "configuration." + key
	if slices.Contains(t.Ignore, key) || value == nil {
		return
	}
	if renamed, ok := t.Rename[key]; ok {
		if value == "" {
			return // other clients send empty twins of keys that they do not use
		}
		key = renamed
	}
	i := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Key == key })
	if i < 0 {
		keys := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			keys[i] = f.Key
		}
		l.AddDetail(problem.Detail{
			Code: problem.InvalidValue, Target: target, Message: fmt.Sprintf("%s connections have no such setting", t.Title), AllowedValues: keys,
		})
		return
	}
	f := t.Fields[i]
	if f.Kind == FieldSecret {
		text, ok := value.(string)
		switch {
		case !ok || len(text) > maxSetting || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }):
			l.Add(problem.InvalidValue, target, "text without line breaks, of at most %d characters, is needed", maxSetting)
		case text != "":
			c.Secrets[key] = secret.New(strings.TrimSpace(text))
		}
		return
	}
	v, message := f.read(value)
	if message != "" {
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: target, Message: message, AllowedValues: f.Allowed})
		return
	}
	c.Settings[key] = v
}

// read gives a value the field's kind. Terraform sends everything as text.
func (f Field) read(value any) (any, string) { //nolint:gocyclo // one case a kind of setting
	text, isText := value.(string)
	text = strings.TrimSpace(text)
	if len(text) > maxSetting {
		return nil, fmt.Sprintf("at most %d characters are allowed", maxSetting)
	}
	switch f.Kind {
	case FieldFlag:
		if b, ok := value.(bool); ok {
			return b, ""
		}
		if b, err := strconv.ParseBool(strings.ToLower(text)); isText && err == nil {
			return b, ""
		}
		return nil, "true or false is needed"
	case FieldNumber:
		n, ok := value.(float64)
		if isText {
			parsed, err := strconv.ParseFloat(text, 64)
			n, ok = parsed, err == nil
		}
		if !ok || f.Minimum != nil && n < *f.Minimum || f.Maximum != nil && n > *f.Maximum {
			return nil, "a number in the allowed range is needed"
		}
		return n, ""
	}
	if !isText {
		return nil, "text is needed"
	}
	if text == "" {
		return text, ""
	}
	if f.Kind == FieldURL {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return nil, "an http or https address is needed, such as https://api.example.com/scim/v2/"
		}
	}
	if len(f.Allowed) == 0 {
		return text, ""
	}
	for _, allowed := range f.Allowed {
		if strings.EqualFold(allowed, text) {
			return allowed, ""
		}
	}
	return nil, "the value is not one of those allowed"
}

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
	c.ID, c.EnvironmentID = uuid.NewString(), envID
	c.CreatedAt = s.instant()
	c.UpdatedAt = c.CreatedAt
	if err := s.Configure(&c, configuration, nil); err != nil {
		return c, err
	}
	err := s.store.EditProvisioning(ctx, func(tx Tx) error {
		if err := checkConnection(ctx, tx, &c); err != nil {
			return err
		}
		if err := tx.SaveConnection(ctx, c); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindConnection, "CREATED", c.ID, c.Name, nil)
	})
	return c, err
}

func checkConnection(ctx context.Context, tx Tx, c *Connection) error {
	var l problem.List
	checkName(&l, &c.Name, true)
	checkStatus(&l, c.Status)
	if len(c.Description) > 1024 {
		l.Add(problem.InvalidValue, "description", "at most 1024 characters are allowed")
	}
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
	err := s.store.EditProvisioning(ctx, func(tx Tx) error {
		before, err := tx.Connection(ctx, envID, id)
		if err != nil {
			return err
		}
		t, ok := s.catalogue.Type(c.Type)
		if c.Type != "" && (!ok || t.Name != before.Type) {
			return invalid(problem.InvalidValue, "type", "the type of a connection cannot be changed; create another connection")
		}
		c.ID, c.EnvironmentID, c.Type, c.CreatedAt, c.UpdatedAt = id, envID, before.Type, before.CreatedAt, s.instant()
		if c.Status == "" {
			c.Status = before.Status
		}
		if err := s.Configure(&c, configuration, before.Secrets); err != nil {
			return err
		}
		if err := checkConnection(ctx, tx, &c); err != nil {
			return err
		}
		if err := tx.SaveConnection(ctx, c); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindConnection, "UPDATED", c.ID, c.Name, connectionChanges(&before, &c))
	})
	if err == nil {
		s.wake(envID) // a replaced token works at once
	}
	return c, err
}

// connectionChanges never shows a secret.
func connectionChanges(before, after *Connection) []directory.AttributeChange {
	var out []directory.AttributeChange
	add := func(name string, from, to any) {
		if from != to {
			out = append(out, directory.AttributeChange{Attribute: name, From: from, To: to})
		}
	}
	add("name", before.Name, after.Name)
	add("description", before.Description, after.Description)
	add("status", string(before.Status), string(after.Status))
	add("managed", before.Managed, after.Managed)
	keys := map[string]bool{}
	for k := range before.Settings {
		keys[k] = true
	}
	for k := range after.Settings {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		add("configuration."+k, before.Settings[k], after.Settings[k])
	}
	for _, k := range slices.Sorted(maps.Keys(after.Secrets)) {
		if after.Secrets[k].Reveal() != before.Secrets[k].Reveal() {
			out = append(out, directory.AttributeChange{Attribute: "configuration." + k, From: "[secret]", To: "[replaced]"})
		}
	}
	return out
}

// DeleteConnection deletes a connection that no rule uses.
func (s *Service) DeleteConnection(ctx context.Context, envID, id string) error {
	return s.store.EditProvisioning(ctx, func(tx Tx) error {
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
		if err := tx.DeleteConnection(ctx, envID, id); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindConnection, "DELETED", c.ID, c.Name, nil)
	})
}
