// Package scope decides whether the rules of one connection cover a person, and says why in the administrator's words.
//
// Several rules can write to one connection. The first active rule, in the rules' own order, that covers a person decides
// for them. A rule that cannot be read any more decides nothing: whoever it might cover is left alone, because "not covered"
// would mean that they lose access.
package scope

import (
	"fmt"
	"slices"
	"strings"

	"lockstep/filter"
	"lockstep/provision"
)

// Rules is the compiled rules of one connection, in deciding order. It is safe for concurrent use.
type Rules struct{ list []rule }

type rule struct {
	id, name  string
	active    bool
	predicate *filter.Predicate // nil: covers nobody
	broken    error
}

// Decision is the outcome for one person.
type Decision struct {
	In       bool
	RuleID   string // the rule that decides; also when it could not be read
	RuleName string
	Why      string
	// Unknown says that a rule which might cover the person cannot be read: nothing may be done.
	Unknown bool
}

// Compile prepares rules, which must come in deciding order. Rules that cannot be read are kept as broken; Broken lists them.
func Compile(rules []provision.Rule, schema filter.Schema) *Rules {
	out := &Rules{list: make([]rule, 0, len(rules))}
	for i := range rules {
		r := rule{id: rules[i].ID, name: rules[i].Name, active: rules[i].Active}
		if text := Expression(&rules[i]); text != "" {
			r.predicate, r.broken = compile(text, schema)
		}
		out.list = append(out.list, r)
	}
	return out
}

func compile(text string, schema filter.Schema) (*filter.Predicate, error) {
	f, err := filter.Parse(text)
	if err != nil {
		return nil, err
	}
	p, err := filter.Compile(f, schema)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// AsksGroups reports whether an active rule asks about groups: nobody may be judged then whose groups were not read.
func (r *Rules) AsksGroups() bool {
	for i := range r.list {
		if r.list[i].active && r.list[i].predicate != nil && asksGroups(r.list[i].predicate) {
			return true
		}
	}
	return false
}

func asksGroups(p *filter.Predicate) bool {
	return slices.ContainsFunc(p.Paths(), func(path string) bool { return strings.HasPrefix(path, "memberOfGroup") })
}

// Covers reports whether the filter of one rule matches the person, whichever rule decides for them.
func (r *Rules) Covers(ruleID string, person filter.Object) bool {
	for i := range r.list {
		if rule := &r.list[i]; rule.id == ruleID {
			return rule.active && rule.predicate != nil && rule.predicate.Match(person)
		}
	}
	return false
}

// Expression is the whole user filter of a rule: its expression, narrowed to its populations where it names any (PingOne's
// deprecated way to say population.id).
func Expression(r *provision.Rule) string {
	text := strings.TrimSpace(r.PopulationExpression)
	if len(r.PopulationIDs) == 0 {
		return text
	}
	parts := make([]string, len(r.PopulationIDs))
	for i, id := range r.PopulationIDs {
		parts[i] = fmt.Sprintf("population.id eq %q", id)
	}
	populations := strings.Join(parts, " or ")
	if text == "" {
		return populations
	}
	return "(" + populations + ") and (" + text + ")"
}

// Broken answers the error of a rule that cannot be read, or nil.
func (r *Rules) Broken(ruleID string) error {
	for i := range r.list {
		if r.list[i].id == ruleID {
			return r.list[i].broken
		}
	}
	return nil
}

// Active reports whether the rule is there and active.
func (r *Rules) Active(ruleID string) bool {
	for i := range r.list {
		if r.list[i].id == ruleID {
			return r.list[i].active
		}
	}
	return false
}

// Any reports whether any rule is active.
func (r *Rules) Any() bool {
	for i := range r.list {
		if r.list[i].active {
			return true
		}
	}
	return false
}

// Name answers the name of a rule, or "".
func (r *Rules) Name(ruleID string) string {
	for i := range r.list {
		if r.list[i].id == ruleID {
			return r.list[i].name
		}
	}
	return ""
}

// Decide says which rule covers the person.
func (r *Rules) Decide(person filter.Object) Decision {
	var unknown *rule
	for i := range r.list {
		rule := &r.list[i]
		switch {
		case !rule.active:
		case rule.broken != nil:
			if unknown == nil {
				unknown = rule
			}
		case rule.predicate != nil && rule.predicate.Match(person):
			return Decision{In: true, RuleID: rule.id, RuleName: rule.name, Why: fmt.Sprintf("covered by rule %q", rule.name)}
		}
	}
	if unknown != nil {
		return Decision{
			Unknown: true, RuleID: unknown.id, RuleName: unknown.name,
			Why: fmt.Sprintf("the user filter of rule %q cannot be read: %v", unknown.name, unknown.broken),
		}
	}
	return Decision{}
}

// WhyNot says why a rule does not cover the person: the condition that does not hold.
func (r *Rules) WhyNot(ruleID string, person filter.Object) string {
	for i := range r.list {
		rule := &r.list[i]
		if rule.id != ruleID {
			continue
		}
		if rule.predicate == nil {
			return fmt.Sprintf("rule %q covers nobody", rule.name)
		}
		return fmt.Sprintf("left rule %q: %s", rule.name, rule.predicate.Explain(person))
	}
	return "no rule covers them"
}
