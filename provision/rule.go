package provision

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

const (
	maxGroups            = 10_000  // PingOne recommends at most 1,000 a rule
	maxRuleConfiguration = 4 << 10 // nothing reads it yet: PingOne's is for LDAP gateways
)

// Rules lists the rules of an environment, in deciding order.
func (s *Service) Rules(ctx context.Context, envID string) ([]Rule, error) {
	return s.store.Rules(ctx, envID)
}

// Rule answers one rule.
func (s *Service) Rule(ctx context.Context, envID, id string) (Rule, error) {
	return s.store.Rule(ctx, envID, id)
}

// CreateRule makes a rule. It starts inactive whatever the input says: a rule takes effect after it was looked at, and scripts
// that ask for an active one see in the answer that it is not.
func (s *Service) CreateRule(ctx context.Context, envID string, r Rule) (Rule, error) {
	r.ID, r.EnvironmentID, r.Active = uuid.NewString(), envID, false
	r.CreatedAt = s.instant()
	r.UpdatedAt = r.CreatedAt
	language, err := s.language(ctx, envID)
	if err != nil {
		return r, err
	}
	err = s.edit(ctx, func(tx Tx) error {
		if err := s.checkEnds(ctx, tx, &r); err != nil {
			return err
		}
		if err := checkRule(language, &r); err != nil {
			return err
		}
		if err := tx.SaveRule(ctx, r); err != nil {
			return err
		}
		return s.log(ctx, tx, r.subject(), "CREATED", directory.Made(ruleChanges(&Rule{}, &r)))
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

func checkRule(language Language, r *Rule) error {
	var l problem.List
	checkName(&l, &r.Name, true)
	directory.CheckLines(&l, "description", r.Description, maxDescription)
	r.PopulationExpression = strings.TrimSpace(r.PopulationExpression)
	if r.PopulationExpression != "" {
		if err := language.CheckFilter(r.PopulationExpression); err != nil {
			l.Add(problem.InvalidValue, "populationExpression", "the filter cannot be read %v", err)
		}
	}
	if r.Active && r.PopulationExpression == "" && len(r.PopulationIDs) == 0 {
		l.Add(problem.RequiredValue, "populationExpression", "an active rule needs a user filter; population.id pr covers everybody")
	}
	checkIDs(&l, "groups", r.GroupIDs)
	checkIDs(&l, "populations", r.PopulationIDs)
	if r.ParentRuleID != "" && uuid.Validate(r.ParentRuleID) != nil {
		l.Add(problem.InvalidValue, "parentRule.id", "a rule is named by its id")
	}
	if raw, err := json.Marshal(r.Configuration); err != nil || len(raw) > maxRuleConfiguration || bytes.Contains(raw, []byte(`\u0000`)) {
		l.Add(problem.InvalidValue, "configuration", "JSON of at most %d bytes, without NUL characters, is needed", maxRuleConfiguration)
	}
	return l.Err("The rule cannot be saved:")
}

// checkIDs validates the ids of groups or populations. Ids of objects that do not exist are taken: they match nobody, and a
// script may name what it creates next.
func checkIDs(l *problem.List, target string, ids []string) {
	if len(ids) > maxGroups {
		l.Add(problem.InvalidValue, target, "at most %d are allowed", maxGroups)
		return
	}
	if slices.ContainsFunc(ids, func(id string) bool { return uuid.Validate(id) != nil }) {
		l.Add(problem.InvalidValue, target, "each is named by its id")
	}
}

// UpdateRule replaces what can be changed of a rule. Source and target cannot.
func (s *Service) UpdateRule(ctx context.Context, envID, id string, r Rule) (Rule, error) {
	language, err := s.language(ctx, envID)
	if err != nil {
		return r, err
	}
	err = s.edit(ctx, func(tx Tx) error {
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
		if err := checkRule(language, &r); err != nil {
			return err
		}
		differs := ruleChanges(&before, &r)
		if len(differs) == 0 {
			r = before
			return errUnchanged
		}
		if err := tx.SaveRule(ctx, r); err != nil {
			return err
		}
		return s.log(ctx, tx, r.subject(), "UPDATED", differs)
	})
	return r, err
}

func (r *Rule) subject() subject {
	return subject{envID: r.EnvironmentID, kind: directory.KindRule, id: r.ID, name: r.Name, connectionID: r.TargetID, ruleID: r.ID}
}

func ruleChanges(before, after *Rule) []directory.AttributeChange {
	var out changes
	out.add("active", before.Active, after.Active)
	out.add("deprovision", before.Deprovision, after.Deprovision)
	out.add("description", before.Description, after.Description)
	out.add("groups", strings.Join(before.GroupIDs, " "), strings.Join(after.GroupIDs, " "))
	out.add("name", before.Name, after.Name)
	out.add("parentRule.id", before.ParentRuleID, after.ParentRuleID)
	out.add("populationExpression", before.PopulationExpression, after.PopulationExpression)
	out.add("populations", strings.Join(before.PopulationIDs, " "), strings.Join(after.PopulationIDs, " "))
	if len(before.Configuration)+len(after.Configuration) > 0 {
		out.add("configuration", before.Configuration, after.Configuration)
	}
	return out.sorted()
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
	return s.edit(ctx, func(tx Tx) error {
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
	return s.log(ctx, tx, r.subject(), "DELETED", directory.Unmade(ruleChanges(&r, &Rule{})))
}
