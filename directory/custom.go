package directory

import (
	"context"
	"regexp"
	"strings"

	"lockstep/internal/problem"
)

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

// CreateAttribute declares an attribute.
func (s *Service) CreateAttribute(ctx context.Context, envID string, a Attribute) (Attribute, error) {
	a.ID, a.EnvironmentID, a.SchemaType = s.newID(), envID, SchemaCustom
	a.CreatedAt = s.instant()
	a.UpdatedAt = a.CreatedAt
	err := s.edit(ctx, envID, func(tx Tx) error {
		existing, err := tx.CustomAttributes(ctx, envID)
		if err != nil {
			return err
		}
		if err := checkAttribute(&a, existing); err != nil {
			return err
		}
		if err := tx.InsertAttribute(ctx, a); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindAttribute, "CREATED", a.ID, a.Name, nil)})
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
	checkText(&l, "displayName", a.DisplayName, 256, false)
	checkText(&l, "description", a.Description, 1024, false)
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
		a, err := attributeByID(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		var l problem.List
		checkText(&l, "displayName", displayName, 256, false)
		checkText(&l, "description", description, 1024, false)
		if err := l.Err("The attribute cannot be saved:"); err != nil {
			return err
		}
		a.DisplayName, a.Description, a.UpdatedAt = displayName, description, s.instant()
		out = a
		return tx.UpdateAttribute(ctx, a)
	})
	return out, err
}

// DeleteAttribute ends an attribute. Users keep no value of it.
func (s *Service) DeleteAttribute(ctx context.Context, envID, id string) error {
	return s.edit(ctx, envID, func(tx Tx) error {
		a, err := attributeByID(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		if err := tx.DeleteAttribute(ctx, envID, id); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindAttribute, "DELETED", a.ID, a.Name, nil)})
	})
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
