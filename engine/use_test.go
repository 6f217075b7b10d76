package engine_test

import (
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// TestAttributeInUse: an attribute that a rule's filter or mapping reads cannot be deleted, as drafted or as published. Were it declared
// anew afterwards, nobody would have a value of it, everybody would leave the rule, and be deactivated.
func TestAttributeInUse(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.people = directory.NewService(w.db, directory.Options{Wake: w.engine.Wake, InUse: w.engine.AttributeUse})
	made := map[string]directory.Attribute{}
	for _, name := range []string{"team", "badge", "desk", "idle"} {
		a, err := w.people.CreateAttribute(t.Context(), w.env.ID, directory.Attribute{Name: name, Type: directory.TypeString})
		must(t, err)
		made[name] = a
	}
	w.provision(`team eq "blue"`, nil)
	for _, m := range []provision.Mapping{
		{TargetAttribute: "userName", SourceAttribute: "username"}, {TargetAttribute: "primaryEmail", SourceAttribute: "email"},
		{TargetAttribute: "title", Expression: "badge ?: 'none'"}, {TargetAttribute: "department", SourceAttribute: "desk"},
	} {
		_, err := w.provisions.CreateMapping(t.Context(), w.env.ID, w.rule.ID, m)
		must(t, err)
	}
	for _, name := range []string{"team", "badge", "desk"} {
		err := w.people.DeleteAttribute(t.Context(), w.env.ID, made[name].ID)
		if !problem.Is(err, problem.InvalidData) || !strings.Contains(err.Error(), `rule "Staff"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, w.people.DeleteAttribute(t.Context(), w.env.ID, made["idle"].ID))
	rule, err := w.provisions.Rule(t.Context(), w.env.ID, w.rule.ID)
	must(t, err)
	rule.PopulationExpression = "population.id pr"
	_, err = w.provisions.UpdateRule(t.Context(), w.env.ID, rule.ID, rule)
	must(t, err)
	if err := w.people.DeleteAttribute(t.Context(), w.env.ID, made["team"].ID); err == nil {
		t.Error("what the newest revision asks for was deleted, because the draft does not")
	}
	_, err = w.provisions.Publish(t.Context(), w.env.ID)
	must(t, err)
	must(t, w.people.DeleteAttribute(t.Context(), w.env.ID, made["team"].ID))
}
