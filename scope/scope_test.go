package scope_test

import (
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/provision"
	"lockstep/scope"
)

func TestDecide(t *testing.T) {
	schema := directory.NewSchema([]directory.Attribute{{Name: "level", Type: directory.TypeInteger}}).Filter()
	rule := func(id, expression string, active bool) provision.Rule {
		return provision.Rule{ID: id, Name: id, Active: active, PopulationExpression: expression}
	}
	anna := &directory.User{
		Username: "anna", Title: "Lead", PopulationID: "00000000-0000-4000-8000-000000000001",
		Groups: []directory.Membership{{GroupID: "g", GroupName: "Staff"}}, GroupsKnown: true,
	}
	for name, test := range map[string]struct {
		rules   []provision.Rule
		in      bool
		unknown bool
		by      string
	}{
		"covered":                            {[]provision.Rule{rule("a", `title eq "lead"`, true)}, true, false, "a"},
		"not covered":                        {[]provision.Rule{rule("a", `title eq "x"`, true)}, false, false, ""},
		"the first that covers decides":      {[]provision.Rule{rule("a", `title eq "x"`, true), rule("b", "username pr", true), rule("c", "username pr", true)}, true, false, "b"},
		"an inactive rule decides nothing":   {[]provision.Rule{rule("a", "username pr", false)}, false, false, ""},
		"an empty filter covers nobody":      {[]provision.Rule{rule("a", "", true)}, false, false, ""},
		"a broken rule might cover anybody":  {[]provision.Rule{rule("a", "gone eq 1", true)}, false, true, "a"},
		"a later rule that covers still may": {[]provision.Rule{rule("a", "gone eq 1", true), rule("b", "username pr", true)}, true, false, "b"},
		"in a group":                         {[]provision.Rule{rule("a", `memberOfGroups[id eq "g"]`, true)}, true, false, "a"},
		"in another group":                   {[]provision.Rule{rule("a", `memberOfGroups[id eq "h"]`, true)}, false, false, ""},
		"not in another group":               {[]provision.Rule{rule("a", `not (memberOfGroups[id eq "h"])`, true)}, true, false, "a"},
		"by name, to exclude":                {[]provision.Rule{rule("a", `memberOfGroupNames ne "staff"`, true)}, false, false, ""},
		"populations narrow":                 {[]provision.Rule{{ID: "a", Active: true, PopulationExpression: "username pr", PopulationIDs: []string{"00000000-0000-4000-8000-000000000002"}}}, false, false, ""},
		"one of the populations":             {[]provision.Rule{{ID: "a", Active: true, PopulationIDs: []string{"00000000-0000-4000-8000-000000000002", anna.PopulationID}}}, true, false, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := scope.Compile(test.rules, schema)
			if d := rules.Decide(anna); d.In != test.in || d.Unknown != test.unknown || d.RuleID != test.by {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestWhyNot(t *testing.T) {
	rules := scope.Compile([]provision.Rule{{ID: "a", Name: "Staff", Active: true, PopulationExpression: `title eq "Staff" and enabled eq true`}}, directory.NewSchema(nil).Filter())
	why := rules.WhyNot("a", &directory.User{Title: "Guest", Enabled: true})
	if !strings.Contains(why, `left rule "Staff": title is "Guest", not "Staff"`) {
		t.Error(why)
	}
}
