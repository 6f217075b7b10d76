package api

import (
	"slices"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// Rule says who follows from a source store to a target store.
type Rule struct {
	Links                Links          `json:"_links"`
	ID                   string         `json:"id" format:"uuid"`
	Environment          Reference      `json:"environment"`
	Plan                 Reference      `json:"plan"`
	Name                 string         `json:"name"`
	Description          string         `json:"description"`
	SourceStore          Reference      `json:"sourceStore"`
	TargetStore          Reference      `json:"targetStore"`
	Active               bool           `json:"active"`
	PopulationExpression string         `json:"populationExpression" doc:"A SCIM filter over users: whom the rule covers."`
	Populations          []Reference    `json:"populations,omitempty" deprecated:"true"`
	Groups               []Reference    `json:"groups"`
	Deprovision          bool           `json:"deprovision" deprecated:"true" doc:"The store's managed says the same."`
	Configuration        map[string]any `json:"configuration,omitempty"`
	ParentRule           *Reference     `json:"parentRule,omitempty"`
	Times
}

// RuleBody is what may be written of a rule.
type RuleBody struct {
	_                    struct{}       `additionalProperties:"true"`
	Name                 string         `json:"name"`
	Description          string         `json:"description,omitempty"`
	Plan                 *Reference     `json:"plan,omitempty" doc:"Left out: the one of the path, or the only one."`
	SourceStore          *Reference     `json:"sourceStore,omitempty" doc:"Needed for a new rule; cannot change."`
	TargetStore          *Reference     `json:"targetStore,omitempty" doc:"Needed for a new rule; cannot change."`
	Active               bool           `json:"active,omitempty" doc:"A new rule is not."`
	PopulationExpression string         `json:"populationExpression,omitempty" doc:"A SCIM filter over users: whom the rule covers."`
	Populations          []Reference    `json:"populations,omitempty" deprecated:"true"`
	Groups               []Reference    `json:"groups,omitempty"`
	Deprovision          bool           `json:"deprovision,omitempty" deprecated:"true"`
	Configuration        map[string]any `json:"configuration,omitempty"`
	ParentRule           *Reference     `json:"parentRule,omitempty"`
}

// Rules is what a list of rules embeds.
type Rules struct {
	Rules []Rule `json:"rules"`
}

func (r *request) rule(p *provision.Rule) Rule {
	self := r.here("/propagation/rules/" + p.ID)
	return Rule{
		Links: Links{
			"self": {self}, "mappings": {self + "/mappings"}, "preview": {self + "/preview"}, "syncStatus": {self + "/syncStatus"},
		},
		ID: p.ID, Environment: refer(p.EnvironmentID), Plan: refer(p.PlanID), Name: p.Name, Description: p.Description,
		SourceStore: refer(p.SourceID), TargetStore: refer(p.TargetID), Active: p.Active, PopulationExpression: p.PopulationExpression,
		Populations: references(p.PopulationIDs), Groups: references(p.GroupIDs), Deprovision: p.Deprovision, Configuration: p.Configuration,
		ParentRule: referTo(p.ParentRuleID), Times: times(p.CreatedAt, p.UpdatedAt),
	}
}

func (in *RuleBody) rule() provision.Rule {
	return provision.Rule{
		Name: in.Name, Description: in.Description, PlanID: in.Plan.id(), SourceID: in.SourceStore.id(), TargetID: in.TargetStore.id(), Active: in.Active,
		PopulationExpression: in.PopulationExpression, PopulationIDs: idsOf(in.Populations), GroupIDs: idsOf(in.Groups), Deprovision: in.Deprovision,
		Configuration: in.Configuration, ParentRuleID: in.ParentRule.id(),
	}
}

func (s *server) listRules(r *request) (Collection[Rules], error) {
	all, err := s.Provision.Rules(r.Context(), r.env)
	if err != nil {
		return Collection[Rules]{}, err
	}
	if plan := r.PathValue("planID"); plan != "" {
		if _, err := s.Provision.Plan(r.Context(), r.env, plan); err != nil {
			return Collection[Rules]{}, err
		}
		all = slices.DeleteFunc(all, func(p provision.Rule) bool { return p.PlanID != plan })
	}
	return whole(r, all, r.rule, func(l []Rule) Rules { return Rules{l} })
}

func (s *server) createRule(r *request, in RuleBody) (Rule, error) {
	p := in.rule()
	if plan := r.PathValue("planID"); plan != "" {
		if p.PlanID != "" && p.PlanID != plan {
			var l problem.List
			l.Add(problem.InvalidValue, "plan.id", "the plan is not the one of the path")
			return Rule{}, l.Err("The rule cannot be saved:")
		}
		p.PlanID = plan
	}
	p, err := s.Provision.CreateRule(r.Context(), r.env, p)
	return r.rule(&p), err
}

func (s *server) readRule(r *request) (Rule, error) {
	p, err := s.Provision.Rule(r.Context(), r.env, r.PathValue("ruleID"))
	return r.rule(&p), err
}

func (s *server) updateRule(r *request, in RuleBody) (Rule, error) {
	p, err := s.Provision.UpdateRule(r.Context(), r.env, r.PathValue("ruleID"), in.rule())
	return r.rule(&p), err
}

func (s *server) deleteRule(r *request) error {
	return s.Provision.DeleteRule(r.Context(), r.env, r.PathValue("ruleID"), r.flag("deprovision"))
}
