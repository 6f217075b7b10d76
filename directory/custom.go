package directory

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"lockstep/internal/problem"
)

const maxAttributes = 500 // an environment

var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,255}$`)

// Schema answers the attributes that users of the environment can have.
func (s *Service) Schema(ctx context.Context, envID string) (*Schema, error) {
	custom, err := s.store.CustomAttributes(ctx, envID)
	if err != nil {
		return nil, err
	}
	return NewSchema(custom), nil
}

// Attributes lists what the environment declares.
func (s *Service) Attributes(ctx context.Context, envID string) ([]Attribute, error) {
	return s.store.CustomAttributes(ctx, envID)
}

// attributeChanges lists what differs, by attribute.
func attributeChanges(before, after *Attribute) []AttributeChange {
	var out []AttributeChange
	for _, c := range []AttributeChange{
		{"description", before.Description, after.Description}, {"displayName", before.DisplayName, after.DisplayName}, {"multiValued", before.MultiValued, after.MultiValued},
		{"name", before.Name, after.Name}, {"type", string(before.Type), string(after.Type)},
		{"unique", before.Unique, after.Unique},
	} {
		if c.From != c.To {
			out = append(out, c)
		}
	}
	return out
}

// CreateAttribute declares an attribute.
func (s *Service) CreateAttribute(ctx context.Context, envID string, a Attribute) (Attribute, error) {
	a.ID, a.EnvironmentID, a.SchemaType = s.newID(), envID, SchemaCustom
	a.CreatedAt = s.instant()
	a.UpdatedAt = a.CreatedAt
	err := s.edit(ctx, envID, func(tx Tx) error {
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		existing, err := tx.CustomAttributes(ctx, envID)
		if err != nil {
			return err
		}
		if err := checkAttribute(&a, existing); err != nil {
			return err
		}
		deleted, err := tx.DeletedAttributes(ctx, envID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(deleted, func(d Attribute) bool { return strings.EqualFold(d.Name, a.Name) }) {
			return problem.New(problem.Conflict, "an attribute of this name was deleted, and users are still losing their values of it; try again in a minute")
		}
		if err := tx.InsertAttribute(ctx, a); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindAttribute, "CREATED", a.ID, a.Name, Made(attributeChanges(&Attribute{}, &a)))})
	})
	return a, err
}

func checkAttribute(a *Attribute, existing []Attribute) error {
	var l problem.List
	if a.Type == "" {
		a.Type = TypeString
	}
	if !attributeName.MatchString(a.Name) {
		l.Add(problem.InvalidValue, "name", "a name begins with a letter and has letters, digits, - and _ only, at most 256")
	}
	switch a.Type {
	case TypeString, TypeBoolean, TypeInteger, TypeJSON:
	default:
		l.AddDetail(problem.Detail{
			Code: problem.InvalidValue, Target: "type", Message: "an attribute is one of STRING, BOOLEAN, INTEGER, JSON",
			AllowedValues: []string{"STRING", "BOOLEAN", "INTEGER", "JSON"},
		})
	}
	CheckText(&l, "displayName", a.DisplayName, 256, false)
	CheckLines(&l, "description", a.Description, 1024)
	if len(existing) >= maxAttributes {
		l.Add(problem.ConstraintViolation, "name", "an environment declares at most %d attributes; delete one that is not needed", maxAttributes)
	}
	for _, other := range existing {
		if strings.EqualFold(other.Name, a.Name) {
			l.Add(problem.UniquenessViolation, "name", "the environment declares this attribute already")
		}
	}
	for _, standard := range append(NewSchema(nil).Names(), reservedNames...) {
		first, _, _ := strings.Cut(standard, ".")
		if strings.EqualFold(first, a.Name) {
			l.Add(problem.UniquenessViolation, "name", "users have a standard attribute of this name")
			break
		}
	}
	return l.Err("The attribute cannot be declared:")
}

// reservedNames are members of a user in the API that are not attributes of ours.
var reservedNames = []string{
	"_links", "_embedded", "account", "lifecycle", "identityProvider", "mfaEnabled", "verifyStatus", "lastSignOn", "emailVerified",
	"memberOfGroups", "memberOfGroupIDs", "memberOfGroupNames", "password", "custom",
}

// UpdateAttribute changes how an attribute is shown.
func (s *Service) UpdateAttribute(ctx context.Context, envID, id, displayName, description string) (Attribute, error) {
	var out Attribute
	err := s.edit(ctx, envID, func(tx Tx) error {
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		a, err := attributeByID(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		var l problem.List
		CheckText(&l, "displayName", displayName, 256, false)
		CheckLines(&l, "description", description, 1024)
		if err := l.Err("The attribute cannot be saved:"); err != nil {
			return err
		}
		out = a
		var changes []AttributeChange
		if a.Description != description {
			changes = append(changes, AttributeChange{"description", a.Description, description})
		}
		if a.DisplayName != displayName {
			changes = append(changes, AttributeChange{"displayName", a.DisplayName, displayName})
		}
		if len(changes) == 0 {
			return errUnchanged
		}
		out.DisplayName, out.Description, out.UpdatedAt = displayName, description, s.instant()
		if err := tx.UpdateAttribute(ctx, out); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindAttribute, "UPDATED", a.ID, a.Name, changes)})
	})
	return out, err
}

// DeleteAttribute ends an attribute; users lose their values of it. Nobody is shown a value from now on, or can be given one. The
// values themselves are taken off a batch at a time: as many as a request may take here, the rest by SweepAttributes. Until that is
// done the name cannot be declared again, so that no old value comes back.
//
// One that a rule or a group's filter reads is not deleted: were the name declared anew, nobody would have a value, and whoever the
// rule covers would leave it.
func (s *Service) DeleteAttribute(ctx context.Context, envID, id string) error {
	if err := s.checkUnread(ctx, envID, id); err != nil {
		return err
	}
	var a Attribute
	err := s.edit(ctx, envID, func(tx Tx) error {
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		var err error
		if a, err = attributeByID(ctx, tx, envID, id); err != nil {
			return err
		}
		if err := s.checkUnasked(ctx, tx, envID, a.Name); err != nil {
			return err
		}
		if err := tx.DeleteAttribute(ctx, envID, id); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindAttribute, "DELETED", a.ID, a.Name, Unmade(attributeChanges(&a, &Attribute{})))})
	})
	if err != nil {
		return err
	}
	// It is deleted, whatever comes of this. What fails here, or is cut short, SweepAttributes makes good.
	_ = s.sweep(ctx, envID, a, sweptAtOnce)
	return nil
}

// checkUnread refuses to end an attribute that something outside of the directory reads.
func (s *Service) checkUnread(ctx context.Context, envID, id string) error {
	custom, err := s.store.CustomAttributes(ctx, envID)
	if err != nil {
		return err
	}
	for _, a := range custom {
		if a.ID != id {
			continue
		}
		reader, err := s.inUse(ctx, envID, a.Name)
		if err != nil || reader == "" {
			return err
		}
		var l problem.List
		l.Add(problem.ConstraintViolation, "id", "%s asks for it; change that and create a revision first", reader)
		return l.Err("The attribute cannot be deleted:")
	}
	return nil // whoever deletes it says that there is none
}

// sweptAtOnce is how many users a request looks at for values of a deleted attribute.
const sweptAtOnce = 5000

// SweepAttributes takes the values of deleted attributes off all users. It is called now and then; a call while another one is
// under way does nothing, and one that was cut short is made good by the next.
func (s *Service) SweepAttributes(ctx context.Context) error {
	if !s.sweeping.TryLock() {
		return nil
	}
	defer s.sweeping.Unlock()
	environments, err := s.store.Environments(ctx)
	if err != nil {
		return err
	}
	for _, env := range environments {
		deleted, err := s.store.DeletedAttributes(ctx, env.ID)
		if err != nil {
			return err
		}
		for _, a := range deleted {
			if err := s.sweep(ctx, env.ID, a, math.MaxInt); err != nil {
				return fmt.Errorf("take the values of attribute %s off users: %w", a.Name, err)
			}
		}
	}
	return nil
}

// sweep looks at up to limit users, in order, for values of a deleted attribute, and frees its name if those were all. Whoever is
// created or edited meanwhile is given no such value: their edit knows the attributes that there are until it ends.
func (s *Service) sweep(ctx context.Context, envID string, a Attribute, limit int) error {
	for q := (UserQuery{Limit: walkBatch}); limit > 0; limit -= q.Limit {
		users, err := s.store.Users(ctx, envID, q)
		if err != nil {
			return err
		}
		var holders []string
		for i := range users {
			if _, ok := users[i].Custom[a.Name]; ok {
				holders = append(holders, Fold(users[i].Username))
			}
		}
		if len(holders) > 0 {
			if err := s.store.Edit(ctx, func(tx Tx) error { return takeOff(ctx, tx, envID, holders) }); err != nil {
				return err
			}
		}
		if len(users) < q.Limit {
			return s.store.Edit(ctx, func(tx Tx) error { return tx.PurgeAttribute(ctx, envID, a.ID) })
		}
		q.After = users[len(users)-1].ID
	}
	return nil
}

// takeOff drops what is not declared from users.
func takeOff(ctx context.Context, tx Tx, envID string, holders []string) error {
	schema, err := schemaOf(ctx, tx, envID)
	if err != nil {
		return err
	}
	found, err := tx.UsersByUsername(ctx, envID, holders)
	if err != nil {
		return err
	}
	users := make([]User, 0, len(found))
	for _, u := range found {
		u.forget(schema)
		users = append(users, u)
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.ID, b.ID) }) // two sweeps lock in one order
	return tx.UpdateUsers(ctx, users)
}

func attributeByID(ctx context.Context, tx Tx, envID, id string) (Attribute, error) {
	list, err := tx.CustomAttributes(ctx, envID)
	if err != nil {
		return Attribute{}, err
	}
	for _, a := range list {
		if a.ID == id {
			return a, nil
		}
	}
	return Attribute{}, problem.Missing("attribute")
}
