package provision

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

const maxGroups = 10_000 // PingOne recommends at most 1,000 a rule

// Rules lists the rules of an environment, in deciding order.
func (s *Service) Rules(ctx context.Context, envID string) ([]Rule, error) {
	return s.store.Rules(ctx, envID)
}

// Rule answers one rule.
func (s *Service) Rule(ctx context.Context, envID, id string) (Rule, error) {
	return s.store.Rule(ctx, envID, id)
}

// CreateRule makes a rule. It starts inactive whatever the input says: a rule takes effect after it was looked at.
func (s *Service) CreateRule(ctx context.Context, envID string, r Rule) (Rule, error) {
	r.ID, r.EnvironmentID, r.Active = uuid.NewString(), envID, false
	r.CreatedAt = s.instant()
	r.UpdatedAt = r.CreatedAt
	err := s.store.EditProvisioning(ctx, func(tx Tx) error {
		if err := s.checkEnds(ctx, tx, &r); err != nil {
			return err
		}
		if err := s.checkRule(ctx, &r); err != nil {
			return err
		}
		if err := tx.SaveRule(ctx, r); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindRule, "CREATED", r.ID, r.Name, nil)
	})
	return r, err
}

// checkEnds makes sure that the plan and both connections exist and that the rule goes from the identity store to a target.
func (s *Service) checkEnds(ctx context.Context, tx Tx, r *Rule) error {
	plans, err := tx.Plans(ctx, r.EnvironmentID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(plans, func(p Plan) bool { return p.ID == r.PlanID }) {
		return invalid(problem.InvalidValue, "plan.id", "no plan with this id exists in this environment; create a plan first")
	}
	var l problem.List
	source, err := tx.Connection(ctx, r.EnvironmentID, r.SourceID)
	switch {
	case problem.Is(err, problem.NotFound):
		l.Add(problem.InvalidValue, "sourceStore.id", "no store with this id exists in this environment")
	case err != nil:
		return err
	case source.Type != TypeDirectory:
		l.Add(problem.InvalidValue, "sourceStore.id", "the source must be a store of type %s: rules go from the identity store to a target", TypeDirectory)
	}
	target, err := tx.Connection(ctx, r.EnvironmentID, r.TargetID)
	switch {
	case problem.Is(err, problem.NotFound):
		l.Add(problem.InvalidValue, "targetStore.id", "no store with this id exists in this environment")
	case err != nil:
		return err
	case target.Type == TypeDirectory:
		l.Add(problem.InvalidValue, "targetStore.id", "the target must be another system, such as a store of type Slack")
	}
	return l.Err("The rule cannot be saved:")
}

func (s *Service) checkRule(ctx context.Context, r *Rule) error {
	var l problem.List
	checkName(&l, &r.Name, true)
	if len(r.Description) > 1024 {
		l.Add(problem.InvalidValue, "description", "at most 1024 characters are allowed")
	}
	r.PopulationExpression = strings.TrimSpace(r.PopulationExpression)
	if r.PopulationExpression != "" {
		if err := s.checker.CheckFilter(ctx, r.EnvironmentID, r.PopulationExpression); err != nil {
			l.Add(problem.InvalidValue, "populationExpression", "the filter cannot be read %v", err)
		}
	}
	if r.Active && r.PopulationExpression == "" && len(r.PopulationIDs) == 0 {
		l.Add(problem.RequiredValue, "populationExpression", "an active rule needs a user filter; population.id pr covers everybody")
	}
	if len(r.GroupIDs) > maxGroups {
		l.Add(problem.InvalidValue, "groups", "at most %d groups are allowed", maxGroups)
	}
	for _, id := range slices.Concat(r.GroupIDs, r.PopulationIDs) {
		if uuid.Validate(id) != nil {
			l.Add(problem.InvalidValue, "groups", "every group and population is named by its id")
			break
		}
	}
	return l.Err("The rule cannot be saved:")
}

// UpdateRule replaces what can be changed of a rule. Source and target cannot.
func (s *Service) UpdateRule(ctx context.Context, envID, id string, r Rule) (Rule, error) {
	err := s.store.EditProvisioning(ctx, func(tx Tx) error {
		before, err := liveRule(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		var l problem.List
		if r.SourceID != "" && r.SourceID != before.SourceID {
			l.Add(problem.InvalidValue, "sourceStore.id", "the source of a rule cannot be changed; create another rule")
		}
		if r.TargetID != "" && r.TargetID != before.TargetID {
			l.Add(problem.InvalidValue, "targetStore.id", "the target of a rule cannot be changed; create another rule")
		}
		if r.PlanID != "" && r.PlanID != before.PlanID {
			l.Add(problem.InvalidValue, "plan.id", "the plan of a rule cannot be changed")
		}
		if err := l.Err("The rule cannot be saved:"); err != nil {
			return err
		}
		r.ID, r.EnvironmentID, r.PlanID, r.SourceID, r.TargetID = id, envID, before.PlanID, before.SourceID, before.TargetID
		r.Position, r.CreatedAt, r.UpdatedAt = before.Position, before.CreatedAt, s.instant()
		if err := s.checkRule(ctx, &r); err != nil {
			return err
		}
		if err := tx.SaveRule(ctx, r); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindRule, "UPDATED", r.ID, r.Name, ruleChanges(&before, &r))
	})
	return r, err
}

func ruleChanges(before, after *Rule) []directory.AttributeChange {
	var out []directory.AttributeChange
	add := func(name string, from, to any) {
		if from != to {
			out = append(out, directory.AttributeChange{Attribute: name, From: from, To: to})
		}
	}
	add("active", before.Active, after.Active)
	add("description", before.Description, after.Description)
	add("groups", strings.Join(before.GroupIDs, " "), strings.Join(after.GroupIDs, " "))
	add("name", before.Name, after.Name)
	add("populationExpression", before.PopulationExpression, after.PopulationExpression)
	add("populations", strings.Join(before.PopulationIDs, " "), strings.Join(after.PopulationIDs, " "))
	return out
}

func liveRule(ctx context.Context, tx Tx, envID, id string) (Rule, error) {
	r, err := tx.Rule(ctx, envID, id)
	if err == nil && !r.DeletedAt.IsZero() {
		return Rule{}, problem.Missing("rule")
	}
	return r, err
}

// DeleteRule deletes a rule. The next revision carries it out: with deprovision, on a managed connection, whom it provisioned
// is deprovisioned; otherwise their accounts are released.
func (s *Service) DeleteRule(ctx context.Context, envID, id string, deprovision bool) error {
	return s.store.EditProvisioning(ctx, func(tx Tx) error {
		r, err := liveRule(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		return s.deleteRule(ctx, tx, r, deprovision)
	})
}

func (s *Service) deleteRule(ctx context.Context, tx Tx, r Rule, deprovision bool) error {
	r.DeletedAt, r.DeprovisionOnDelete = s.instant(), deprovision
	if err := tx.DeleteMappings(ctx, r.EnvironmentID, r.ID); err != nil {
		return err
	}
	if err := tx.SaveRule(ctx, r); err != nil {
		return err
	}
	return s.log(ctx, tx, r.EnvironmentID, directory.KindRule, "DELETED", r.ID, r.Name, nil)
}

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
	return m, s.saveMapping(ctx, &m, "CREATED")
}

// UpdateMapping replaces a mapping. Its rule cannot be changed.
func (s *Service) UpdateMapping(ctx context.Context, envID, id string, m Mapping) (Mapping, error) {
	before, err := s.store.Mapping(ctx, envID, id)
	if err != nil {
		return m, err
	}
	if m.RuleID != "" && m.RuleID != before.RuleID {
		return m, invalid(problem.InvalidValue, "rule.id", "a mapping cannot be moved to another rule")
	}
	m.ID, m.EnvironmentID, m.RuleID, m.CreatedAt, m.UpdatedAt = id, envID, before.RuleID, before.CreatedAt, s.instant()
	return m, s.saveMapping(ctx, &m, "UPDATED")
}

func (s *Service) saveMapping(ctx context.Context, m *Mapping, verb string) error {
	if m.MappingType == "" {
		m.MappingType = MappingTypeUser
	}
	return s.store.EditProvisioning(ctx, func(tx Tx) error {
		r, err := liveRule(ctx, tx, m.EnvironmentID, m.RuleID)
		if err != nil {
			return err
		}
		target, err := tx.Connection(ctx, m.EnvironmentID, r.TargetID)
		if err != nil {
			return err
		}
		others, err := tx.Mappings(ctx, m.EnvironmentID, m.RuleID)
		if err != nil {
			return err
		}
		if err := s.checkMapping(ctx, m, target.Type, others); err != nil {
			return err
		}
		if err := tx.SaveMapping(ctx, *m); err != nil {
			return err
		}
		return s.log(ctx, tx, m.EnvironmentID, directory.KindMapping, verb, m.ID, m.TargetAttribute, nil)
	})
}

func (s *Service) checkMapping(ctx context.Context, m *Mapping, targetType string, others []Mapping) error {
	var l problem.List
	checkName(&l, &m.Name, false)
	m.SourceAttribute, m.Expression = strings.TrimSpace(m.SourceAttribute), strings.TrimSpace(m.Expression)
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
	switch {
	case (m.SourceAttribute == "") == (m.Expression == ""):
		l.Add(problem.InvalidValue, "sourceAttribute", "give either sourceAttribute or expression")
	case m.Expression != "":
		if err := s.checker.CheckExpression(ctx, m.EnvironmentID, m.Expression); err != nil {
			l.Add(problem.InvalidValue, "expression", "the expression cannot be read %v", err)
		}
	default:
		if err := s.checker.CheckAttribute(ctx, m.EnvironmentID, m.SourceAttribute); err != nil {
			l.Add(problem.InvalidValue, "sourceAttribute", "%v", err)
		}
	}
	for _, other := range others {
		if other.ID != m.ID && other.TargetAttribute == m.TargetAttribute && other.MappingType == m.MappingType {
			l.Add(problem.UniquenessViolation, "targetAttribute", "another mapping of the rule gives this attribute; change that one")
		}
	}
	return l.Err("The mapping cannot be saved:")
}

// DeleteMapping deletes a mapping. A rule without mappings uses its connection type's defaults.
func (s *Service) DeleteMapping(ctx context.Context, envID, id string) error {
	return s.store.EditProvisioning(ctx, func(tx Tx) error {
		if err := tx.DeleteMapping(ctx, envID, id); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindMapping, "DELETED", id, "", nil)
	})
}
