package provision

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// Mappings lists the mappings of a rule.
func (s *Service) Mappings(ctx context.Context, envID, ruleID string) ([]Mapping, error) {
	if _, err := s.store.Rule(ctx, envID, ruleID); err != nil {
		return nil, err
	}
	return s.store.Mappings(ctx, envID, ruleID)
}

// Mapping answers one mapping.
func (s *Service) Mapping(ctx context.Context, envID, id string) (Mapping, error) {
	return s.store.Mapping(ctx, envID, id)
}

// CreateMapping adds a mapping to a rule.
func (s *Service) CreateMapping(ctx context.Context, envID, ruleID string, m Mapping) (Mapping, error) {
	m.ID, m.EnvironmentID, m.RuleID = uuid.NewString(), envID, ruleID
	m.CreatedAt = s.instant()
	m.UpdatedAt = m.CreatedAt
	language, err := s.language(ctx, envID)
	if err != nil {
		return m, err
	}
	err = s.edit(ctx, func(tx Tx) error {
		r, err := s.checkMapping(ctx, tx, language, &m)
		if err != nil {
			return err
		}
		if err := tx.SaveMapping(ctx, m); err != nil {
			return err
		}
		return s.log(ctx, tx, m.subject(&r), "CREATED", directory.Made(mappingChanges(&Mapping{}, &m)))
	})
	return m, err
}

// UpdateMapping replaces a mapping. Its rule cannot be changed.
func (s *Service) UpdateMapping(ctx context.Context, envID, id string, m Mapping) (Mapping, error) {
	language, err := s.language(ctx, envID)
	if err != nil {
		return m, err
	}
	err = s.edit(ctx, func(tx Tx) error {
		before, err := mappingIn(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		if m.RuleID != "" && m.RuleID != before.RuleID {
			return invalid(problem.InvalidValue, "rule.id", "a mapping cannot be moved to another rule")
		}
		m.ID, m.EnvironmentID, m.RuleID, m.CreatedAt, m.UpdatedAt = id, envID, before.RuleID, before.CreatedAt, s.instant()
		r, err := s.checkMapping(ctx, tx, language, &m)
		if err != nil {
			return err
		}
		differs := mappingChanges(&before, &m)
		if len(differs) == 0 {
			m = before
			return errUnchanged
		}
		if err := tx.SaveMapping(ctx, m); err != nil {
			return err
		}
		return s.log(ctx, tx, m.subject(&r), "UPDATED", differs)
	})
	return m, err
}

func mappingIn(ctx context.Context, tx Tx, envID, id string) (Mapping, error) {
	all, err := tx.Mappings(ctx, envID, "")
	if err != nil {
		return Mapping{}, err
	}
	for _, m := range all {
		if m.ID == id {
			return m, nil
		}
	}
	return Mapping{}, problem.Missing("mapping")
}

// subject names a mapping by the attribute that it gives: its own name is optional.
func (m *Mapping) subject(r *Rule) subject {
	return subject{envID: m.EnvironmentID, kind: directory.KindMapping, id: m.ID, name: m.TargetAttribute, connectionID: r.TargetID, ruleID: r.ID}
}

func mappingChanges(before, after *Mapping) []directory.AttributeChange {
	var out changes
	out.add("attributeMappingType", before.MappingType, after.MappingType)
	out.add("clearWhenEmpty", before.ClearWhenEmpty, after.ClearWhenEmpty)
	out.add("createOnly", before.CreateOnly, after.CreateOnly)
	out.add("expression", before.Expression, after.Expression)
	out.add("name", before.Name, after.Name)
	out.add("sourceAttribute", before.SourceAttribute, after.SourceAttribute)
	out.add("targetAttribute", before.TargetAttribute, after.TargetAttribute)
	return out.sorted()
}

// checkMapping validates a mapping in its rule, and answers the rule.
func (s *Service) checkMapping(ctx context.Context, tx Tx, language Language, m *Mapping) (Rule, error) {
	r, err := liveRule(ctx, tx, m.EnvironmentID, m.RuleID)
	if err != nil {
		return r, err
	}
	target, err := tx.Connection(ctx, m.EnvironmentID, r.TargetID)
	if err != nil {
		return r, err
	}
	others, err := tx.Mappings(ctx, m.EnvironmentID, m.RuleID)
	if err != nil {
		return r, err
	}
	if m.MappingType == "" {
		m.MappingType = MappingTypeUser
	}
	var l problem.List
	checkName(&l, &m.Name, false)
	if m.MappingType != MappingTypeUser {
		l.AddDetail(problem.Detail{
			Code: problem.InvalidValue, Target: "attributeMappingType", Message: "only attributes of users can be mapped", AllowedValues: []string{MappingTypeUser},
		})
	}
	s.checkTarget(&l, m, target.Type, others)
	checkSource(&l, language, m)
	return r, l.Err("The mapping cannot be saved:")
}

func (s *Service) checkTarget(l *problem.List, m *Mapping, targetType string, others []Mapping) {
	t, _ := s.catalogue.Type(targetType)
	names := make([]string, len(t.Attributes))
	for i, a := range t.Attributes {
		names[i] = a.Name
	}
	switch {
	case m.TargetAttribute == "":
		l.Add(problem.RequiredValue, "targetAttribute", "a target attribute is required")
	case !slices.Contains(names, m.TargetAttribute):
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: "targetAttribute", Message: t.Title + " has no such attribute", AllowedValues: names})
	}
	for _, other := range others {
		if other.ID != m.ID && other.TargetAttribute == m.TargetAttribute {
			l.Add(problem.UniquenessViolation, "targetAttribute", "another mapping of the rule gives this attribute; change that one")
		}
	}
}

func checkSource(l *problem.List, language Language, m *Mapping) {
	m.SourceAttribute, m.Expression = strings.TrimSpace(m.SourceAttribute), strings.TrimSpace(m.Expression)
	switch {
	case m.SourceAttribute == "" && m.Expression == "":
		l.Add(problem.RequiredValue, "sourceAttribute", "give either sourceAttribute or expression")
	case m.SourceAttribute != "" && m.Expression != "":
		l.Add(problem.InvalidValue, "sourceAttribute", "give either sourceAttribute or expression, not both")
	case m.Expression != "":
		if err := language.CheckExpression(m.Expression); err != nil {
			l.Add(problem.InvalidValue, "expression", "the expression cannot be read %v", err)
		}
	default:
		if err := language.CheckAttribute(m.SourceAttribute); err != nil {
			l.Add(problem.InvalidValue, "sourceAttribute", "%v", err)
		}
	}
}

// DeleteMapping deletes a mapping. A rule without mappings uses its connection type's defaults.
func (s *Service) DeleteMapping(ctx context.Context, envID, id string) error {
	return s.edit(ctx, func(tx Tx) error {
		m, err := mappingIn(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		r, err := tx.Rule(ctx, envID, m.RuleID)
		if err != nil {
			return err
		}
		if err := tx.DeleteMapping(ctx, envID, id); err != nil {
			return err
		}
		return s.log(ctx, tx, m.subject(&r), "DELETED", directory.Unmade(mappingChanges(&m, &Mapping{})))
	})
}
