package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/store"
)

const nobody = "00000000-0000-4000-8000-000000000000"

// world is a service over a real store, with the real catalogue and checker.
type world struct {
	*provision.Service

	db    *store.DB
	env   string
	woken int

	plan           provision.Plan
	source, target provision.Connection
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	people := directory.NewService(db, directory.Options{})
	env, err := people.Setup(t.Context(), "Test")
	must(t, err)
	w := &world{db: db, env: env.ID}
	w.Service = provision.NewService(db, provision.Deps{
		Catalogue: all.NewCatalogue(), Checker: engine.Checker{Schema: people.Schema}, Wake: func(string) { w.woken++ },
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// furnish makes a plan and both connections.
func (w *world) furnish(t *testing.T) {
	t.Helper()
	var err error
	w.plan, err = w.CreatePlan(t.Context(), w.env, provision.Plan{Name: "Plan"})
	must(t, err)
	w.source, err = w.CreateConnection(t.Context(), w.env, provision.Connection{Name: "Directory", Type: "directory"}, nil)
	must(t, err)
	w.target, err = w.CreateConnection(t.Context(), w.env, provision.Connection{Name: "Slack", Type: "slack", Managed: true}, slack())
	must(t, err)
}

func slack(more ...any) map[string]any {
	out := map[string]any{"OAUTH_ACCESS_TOKEN": "xoxp-marker"}
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

func (w *world) rule(t *testing.T, name string) provision.Rule {
	t.Helper()
	r, err := w.CreateRule(t.Context(), w.env, provision.Rule{Name: name, PlanID: w.plan.ID, SourceID: w.source.ID, TargetID: w.target.ID})
	must(t, err)
	return r
}

func (w *world) log(t *testing.T) []directory.Activity {
	t.Helper()
	list, err := w.db.Activities(t.Context(), w.env, directory.ActivityQuery{Limit: 1000})
	must(t, err)
	slices.Reverse(list)
	return list
}

func differs(attribute string, from, to any) directory.AttributeChange {
	return directory.AttributeChange{Attribute: attribute, From: from, To: to}
}

func refused(t *testing.T, err error, code, target string) {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.InvalidData {
		t.Errorf("want a refusal at %s, got: %v", target, err)
		return
	}
	if !slices.ContainsFunc(p.Details, func(d problem.Detail) bool { return d.Code == code && d.Target == target }) {
		t.Errorf("want %s at %s, got %+v", code, target, p.Details)
	}
	if strings.Contains(err.Error(), "xoxp") {
		t.Errorf("a secret is in the error: %v", err)
	}
}

func TestPlans(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.Publish(ctx, w.env); err == nil {
		t.Error("published without a plan")
	}
	_, err := w.CreatePlan(ctx, w.env, provision.Plan{Name: " "})
	refused(t, err, problem.RequiredValue, "name")
	_, err = w.CreatePlan(ctx, w.env, provision.Plan{Name: "P", Status: "ON"})
	refused(t, err, problem.InvalidValue, "status")
	w.furnish(t)
	_, err = w.CreatePlan(ctx, w.env, provision.Plan{Name: "Other"})
	refused(t, err, problem.UniquenessViolation, "environment.id")
	r := w.rule(t, "Staff")
	must(t, w.DeletePlan(ctx, w.env, w.plan.ID))
	if _, err := w.Rule(ctx, w.env, r.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("the rule outlived its plan: %v", err)
	}
	if _, err := w.CreatePlan(ctx, w.env, provision.Plan{Name: "Next"}); err != nil {
		t.Errorf("no second life: %v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		configuration map[string]any
		code, target  string // "" = accepted
	}{
		{slack(), "", ""},
		{map[string]any{"BEARER_TOKEN": "xoxp", "SCIM_URL": "", "GROUP_NAME_SOURCE": "Common Name"}, "", ""}, // the third-party Terraform provider
		{slack("CREATE_USERS", "true", "RATE_LIMIT_FACTOR", "0.5", "REMOVE_ACTION", "disable"), "", ""},
		{slack("CREATE_USERS", nil, "BASE_URL", ""), "", ""},
		{nil, problem.RequiredValue, "configuration.OAUTH_ACCESS_TOKEN"},
		{slack("OAUTH_ACCESS_TOKEN", ""), problem.RequiredValue, "configuration.OAUTH_ACCESS_TOKEN"},
		{slack("OAUTH_ACCESS_TOKEN", " \n"), problem.RequiredValue, "configuration.OAUTH_ACCESS_TOKEN"},
		{slack("OAUTH_ACCESS_TOKEN", "a\nb"), problem.InvalidValue, "configuration.OAUTH_ACCESS_TOKEN"},
		{slack("OAUTH_ACCESS_TOKEN", 7.0), problem.InvalidValue, "configuration.OAUTH_ACCESS_TOKEN"},
		{slack("OAUTH_ACCESS_TOKEN", strings.Repeat("x", 5000)), problem.InvalidValue, "configuration.OAUTH_ACCESS_TOKEN"},
		{slack("NOPE", 1.0), problem.InvalidValue, "configuration.NOPE"},
		{slack("CREATE_USERS", "perhaps"), problem.InvalidValue, "configuration.CREATE_USERS"},
		{slack("CREATE_USERS", 1.0), problem.InvalidValue, "configuration.CREATE_USERS"},
		{slack("REMOVE_ACTION", "Delete"), problem.InvalidValue, "configuration.REMOVE_ACTION"},
		{slack("RATE_LIMIT_FACTOR", "fast"), problem.InvalidValue, "configuration.RATE_LIMIT_FACTOR"},
		{slack("RATE_LIMIT_FACTOR", "NaN"), problem.InvalidValue, "configuration.RATE_LIMIT_FACTOR"},
		{slack("RATE_LIMIT_FACTOR", "Infinity"), problem.InvalidValue, "configuration.RATE_LIMIT_FACTOR"},
		{slack("RATE_LIMIT_FACTOR", math.Inf(1)), problem.InvalidValue, "configuration.RATE_LIMIT_FACTOR"},
		{slack("RATE_LIMIT_FACTOR", -1.0), problem.InvalidValue, "configuration.RATE_LIMIT_FACTOR"},
		{slack("BASE_URL", "ftp://example.com"), problem.InvalidValue, "configuration.BASE_URL"},
		{slack("BASE_URL", "https://user:xoxp@example.com/"), problem.InvalidValue, "configuration.BASE_URL"},
		{slack("BASE_URL", "https://example.com/\x00"), problem.InvalidValue, "configuration.BASE_URL"},
	} {
		c := provision.Connection{Type: "Slack"}
		err := w.Configure(&c, test.configuration, nil)
		if test.code == "" {
			must(t, err)
			continue
		}
		refused(t, err, test.code, test.target)
	}
	c := provision.Connection{Type: "sLaCk"}
	must(t, w.Configure(&c, slack("CREATE_USERS", "true", "RATE_LIMIT_FACTOR", "0.5", "REMOVE_ACTION", "disable", "BASE_URL", ""), nil))
	want := map[string]any{"CREATE_USERS": true, "RATE_LIMIT_FACTOR": 0.5, "REMOVE_ACTION": "Disable"} // canonical, typed, without defaults
	if diff := cmp.Diff(want, c.Settings); diff != "" || c.Type != "Slack" {
		t.Errorf("%s (-want +got):\n%s", c.Type, diff)
	}
	kind, _ := all.NewCatalogue().Type("Slack")
	if e := provision.Effective(kind, c); e.Text("UNIQUE_USER_IDENTIFIER") != "primaryEmail" || c.Settings["UNIQUE_USER_IDENTIFIER"] != nil {
		t.Errorf("defaults: %v, of %v", e.Settings, c.Settings)
	}
	c = provision.Connection{Type: "directory"}
	must(t, w.Configure(&c, map[string]any{}, nil))
	refused(t, w.Configure(&c, map[string]any{"A": "b"}, nil), problem.InvalidValue, "configuration.A")
	c = provision.Connection{Type: "Teams"}
	refused(t, w.Configure(&c, nil, nil), problem.InvalidValue, "type")
}

func TestConnections(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.furnish(t)
	if w.target.Status != provision.Inactive {
		t.Errorf("a new connection is %s", w.target.Status)
	}
	_, err := w.CreateConnection(ctx, w.env, provision.Connection{Name: "SLACK ", Type: "Slack"}, slack())
	refused(t, err, problem.UniquenessViolation, "name")
	_, err = w.CreateConnection(ctx, w.env, provision.Connection{Name: strings.Repeat("x", 257), Type: "Slack", Status: "ON", Description: "a\x00"}, slack())
	refused(t, err, problem.InvalidValue, "name")
	refused(t, err, problem.InvalidValue, "status")
	refused(t, err, problem.InvalidValue, "description")
	_, err = w.UpdateConnection(ctx, w.env, w.target.ID, provision.Connection{Name: "Slack", Type: "directory"}, nil)
	refused(t, err, problem.InvalidValue, "type")

	put := func(name string, configuration map[string]any) []directory.AttributeChange {
		t.Helper()
		before, woken := len(w.log(t)), w.woken
		_, err := w.UpdateConnection(ctx, w.env, w.target.ID, provision.Connection{Name: name, Managed: true}, configuration)
		must(t, err)
		added := w.log(t)[before:]
		if len(added) != w.woken-woken || len(added) > 1 {
			t.Fatalf("logged %d, woke %d", len(added), w.woken-woken)
		}
		if len(added) == 0 {
			return nil
		}
		if added[0].ConnectionID != w.target.ID || added[0].Type != "PROVISIONING_CONNECTION.UPDATED" {
			t.Errorf("%+v", added[0])
		}
		return added[0].Changes
	}
	token := func() string {
		c, err := w.Connection(ctx, w.env, w.target.ID)
		must(t, err)
		return c.Secrets["OAUTH_ACCESS_TOKEN"].Reveal()
	}
	for _, step := range []struct {
		name          string
		configuration map[string]any
		token         string
		want          []directory.AttributeChange
	}{
		{"Slack", slack(), "xoxp-marker", nil},
		{"Slack", nil, "xoxp-marker", nil}, // left out is kept
		{"Slack", slack("OAUTH_ACCESS_TOKEN", "xoxp-marker2\n"), "xoxp-marker2", []directory.AttributeChange{differs("configuration.OAUTH_ACCESS_TOKEN", "set", "replaced")}},
		{"Chat", map[string]any{"CREATE_USERS": "true"}, "xoxp-marker2", []directory.AttributeChange{differs("configuration.CREATE_USERS", nil, true), differs("name", "Slack", "Chat")}},
		{"Chat", map[string]any{}, "xoxp-marker2", []directory.AttributeChange{differs("configuration.CREATE_USERS", true, nil)}}, // a PUT replaces
	} {
		if diff := cmp.Diff(step.want, put(step.name, step.configuration)); diff != "" {
			t.Errorf("%s %v (-want +got):\n%s", step.name, step.want, diff)
		}
		if token() != step.token {
			t.Errorf("another token is kept after %v", step.want)
		}
	}
	_, err = w.UpdateConnection(ctx, w.env, w.target.ID, provision.Connection{Name: "Chat"}, slack("OAUTH_ACCESS_TOKEN", ""))
	refused(t, err, problem.RequiredValue, "configuration.OAUTH_ACCESS_TOKEN")
	raw, _ := json.Marshal(w.log(t))
	if strings.Contains(string(raw), "xoxp") {
		t.Error("a secret is in the log")
	}

	r := w.rule(t, "Staff")
	err = w.DeleteConnection(ctx, w.env, w.target.ID)
	refused(t, err, problem.ConstraintViolation, "id")
	if err == nil || !strings.Contains(err.Error(), "Staff") {
		t.Errorf("the rule is not named: %v", err)
	}
	must(t, w.DeleteRule(ctx, w.env, r.ID, false))
	refused(t, w.DeleteConnection(ctx, w.env, w.target.ID), problem.ConstraintViolation, "id") // its deletion waits for a revision
	_, err = w.Publish(ctx, w.env)
	must(t, err)
	must(t, w.DeleteConnection(ctx, w.env, w.target.ID))
}

func TestRules(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.furnish(t)
	good := provision.Rule{Name: "Staff", PlanID: w.plan.ID, SourceID: w.source.ID, TargetID: w.target.ID, Active: true}
	many := make([]string, 10_001)
	for i := range many {
		many[i] = nobody
	}
	for _, test := range []struct {
		target, code string
		edit         func(r *provision.Rule)
	}{
		{"name", problem.RequiredValue, func(r *provision.Rule) { r.Name = "" }},
		{"plan.id", problem.InvalidValue, func(r *provision.Rule) { r.PlanID = nobody }},
		{"sourceStore.id", problem.InvalidValue, func(r *provision.Rule) { r.SourceID = nobody }},
		{"sourceStore.id", problem.InvalidValue, func(r *provision.Rule) { r.SourceID = w.target.ID }},
		{"targetStore.id", problem.InvalidValue, func(r *provision.Rule) { r.TargetID = w.source.ID }},
		{"populationExpression", problem.InvalidValue, func(r *provision.Rule) { r.PopulationExpression = "username eq" }},
		{"populationExpression", problem.InvalidValue, func(r *provision.Rule) { r.PopulationExpression = `shoe eq "42"` }},
		{"groups", problem.InvalidValue, func(r *provision.Rule) { r.GroupIDs = []string{"staff"} }},
		{"groups", problem.InvalidValue, func(r *provision.Rule) { r.GroupIDs = many }},
		{"populations", problem.InvalidValue, func(r *provision.Rule) { r.PopulationIDs = []string{"staff"} }},
		{"parentRule.id", problem.InvalidValue, func(r *provision.Rule) { r.ParentRuleID = "x" }},
		{"configuration", problem.InvalidValue, func(r *provision.Rule) { r.Configuration = map[string]any{"a": strings.Repeat("x", 5000)} }},
		{"configuration", problem.InvalidValue, func(r *provision.Rule) { r.Configuration = map[string]any{"a": "\x00"} }},
	} {
		r := good
		test.edit(&r)
		_, err := w.CreateRule(ctx, w.env, r)
		refused(t, err, test.code, test.target)
	}
	r, err := w.CreateRule(ctx, w.env, good)
	must(t, err)
	if r.Active {
		t.Error("a rule starts inactive")
	}
	put := func(edit func(r *provision.Rule)) (provision.Rule, error) {
		next := provision.Rule{Name: r.Name}
		edit(&next)
		return w.UpdateRule(ctx, w.env, r.ID, next)
	}
	_, err = put(func(r *provision.Rule) { r.Active = true })
	refused(t, err, problem.RequiredValue, "populationExpression")
	_, err = put(func(r *provision.Rule) { r.SourceID = w.target.ID })
	refused(t, err, problem.InvalidValue, "sourceStore.id")
	_, err = put(func(r *provision.Rule) { r.TargetID = w.source.ID })
	refused(t, err, problem.InvalidValue, "targetStore.id")
	activate := func(r *provision.Rule) { r.Active, r.PopulationExpression = true, "enabled eq true" }
	before := len(w.log(t))
	active, err := put(activate)
	if err != nil || !active.Active || active.TargetID != w.target.ID {
		t.Errorf("%+v %v", active, err)
	}
	again, err := put(activate)
	if diff := cmp.Diff(active, again); diff != "" || err != nil {
		t.Errorf("the same again (-first +second):\n%s%v", diff, err)
	}
	added := w.log(t)[before:]
	want := []directory.AttributeChange{differs("active", false, true), differs("populationExpression", "", "enabled eq true")}
	if len(added) != 1 || added[0].RuleID != r.ID || added[0].ConnectionID != w.target.ID || cmp.Diff(want, added[0].Changes) != "" {
		t.Errorf("%+v", added)
	}
	if _, err := put(func(r *provision.Rule) { r.Active, r.PopulationIDs = true, []string{nobody} }); err != nil {
		t.Errorf("populations are enough: %v", err)
	}
}

func TestMappings(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.furnish(t)
	r := w.rule(t, "Staff")
	for _, test := range []struct {
		target, code string
		mapping      provision.Mapping
	}{
		{"targetAttribute", problem.RequiredValue, provision.Mapping{SourceAttribute: "username"}},
		{"targetAttribute", problem.InvalidValue, provision.Mapping{SourceAttribute: "username", TargetAttribute: "shoe"}},
		{"sourceAttribute", problem.RequiredValue, provision.Mapping{TargetAttribute: "userName"}},
		{"sourceAttribute", problem.InvalidValue, provision.Mapping{TargetAttribute: "userName", SourceAttribute: "shoe"}},
		{"sourceAttribute", problem.InvalidValue, provision.Mapping{TargetAttribute: "userName", SourceAttribute: "username", Expression: "user.username"}},
		{"expression", problem.InvalidValue, provision.Mapping{TargetAttribute: "userName", Expression: "${("}},
		{"attributeMappingType", problem.InvalidValue, provision.Mapping{TargetAttribute: "userName", SourceAttribute: "username", MappingType: "groupAttributeMapping"}},
	} {
		_, err := w.CreateMapping(ctx, w.env, r.ID, test.mapping)
		refused(t, err, test.code, test.target)
	}
	m, err := w.CreateMapping(ctx, w.env, r.ID, provision.Mapping{TargetAttribute: "userName", SourceAttribute: " username "})
	must(t, err)
	if m.MappingType != provision.MappingTypeUser || m.SourceAttribute != "username" {
		t.Errorf("%+v", m)
	}
	_, err = w.CreateMapping(ctx, w.env, r.ID, provision.Mapping{TargetAttribute: "userName", SourceAttribute: "email"})
	refused(t, err, problem.UniquenessViolation, "targetAttribute")
	_, err = w.UpdateMapping(ctx, w.env, m.ID, provision.Mapping{RuleID: nobody, TargetAttribute: "userName", SourceAttribute: "email"})
	refused(t, err, problem.InvalidValue, "rule.id")
	before := len(w.log(t))
	for range 2 {
		m, err = w.UpdateMapping(ctx, w.env, m.ID, provision.Mapping{RuleID: r.ID, TargetAttribute: "userName", SourceAttribute: "email"})
		must(t, err)
	}
	kept, err := w.Mapping(ctx, w.env, m.ID)
	if diff := cmp.Diff(m, kept); diff != "" || err != nil {
		t.Errorf("what was answered is not what is kept (-answered +kept):\n%s%v", diff, err)
	}
	added := w.log(t)[before:]
	want := []directory.AttributeChange{differs("sourceAttribute", "username", "email")}
	if len(added) != 1 || added[0].RuleID != r.ID || added[0].ObjectName != "userName" || cmp.Diff(want, added[0].Changes) != "" {
		t.Errorf("%+v", added)
	}
	must(t, w.DeleteMapping(ctx, w.env, m.ID))
	if err := w.DeleteMapping(ctx, w.env, m.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := w.UpdateMapping(ctx, w.env, m.ID, provision.Mapping{TargetAttribute: "userName", SourceAttribute: "email"}); !problem.Is(err, problem.NotFound) {
		t.Errorf("an update brought it back: %v", err)
	}
}

// overtaken is a store in which another revision is published just after somebody read which is the newest.
type overtaken struct {
	*store.DB

	publish func()
}

func (o *overtaken) LatestRevision(ctx context.Context, envID string) (provision.Revision, error) {
	r, err := o.DB.LatestRevision(ctx, envID)
	if publish := o.publish; publish != nil {
		o.publish = nil
		publish()
	}
	return r, err
}

// TestPublishLosesNoDeprovisioning: of revisions that are made at the same moment, the newest still knows that a rule was deleted
// with the wish to deprovision.
func TestPublishLosesNoDeprovisioning(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.furnish(t)
	r, kept := w.rule(t, "Leaves"), w.rule(t, "Stays")
	must(t, w.DeleteRule(ctx, w.env, r.ID, true))
	racing := &overtaken{DB: w.db, publish: func() { _, err := w.Publish(ctx, w.env); must(t, err) }}
	latest, err := provision.NewService(racing, provision.Deps{Catalogue: all.NewCatalogue()}).Publish(ctx, w.env)
	must(t, err)
	if latest.Number != 2 || latest.PreviousID == "" {
		t.Errorf("revision %d after %q", latest.Number, latest.PreviousID)
	}
	d := latest.Snapshot.Deleted
	if len(d) != 1 || d[0].ID != r.ID || !d[0].DeprovisionOnDelete {
		t.Errorf("deleted: %+v", d)
	}
	if rules := latest.Snapshot.Rules; len(rules) != 1 || rules[0].ID != kept.ID {
		t.Errorf("rules: %+v", rules)
	}
	for _, c := range latest.Snapshot.Connections {
		if len(c.Secrets) > 0 {
			t.Error("a secret is in the snapshot")
		}
	}
	if n := len(slices.DeleteFunc(w.log(t), func(a directory.Activity) bool { return a.Kind != directory.KindRevision })); n != 2 {
		t.Errorf("%d revisions are in the log", n)
	}
}

func TestDeprovisioningNeedsAManagedConnection(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.furnish(t)
	_, err := w.UpdateConnection(ctx, w.env, w.target.ID, provision.Connection{Name: "Slack", Managed: false}, nil)
	must(t, err)
	r := w.rule(t, "Leaves")
	must(t, w.DeleteRule(ctx, w.env, r.ID, true))
	revision, err := w.Publish(ctx, w.env)
	must(t, err)
	if d := revision.Snapshot.Deleted; len(d) != 1 || d[0].DeprovisionOnDelete {
		t.Errorf("%+v", d)
	}
}

// failing is a checker whose store cannot be reached.
type failing struct{}

var errDown = errors.New("the database is down")

func (failing) Language(context.Context, string) (provision.Language, error) { return nil, errDown }

// A store that cannot be reached is nobody's input: it must not be told as a value that is wrong.
func TestCheckerFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish(t)
	r := w.rule(t, "Rule")
	m, err := w.CreateMapping(t.Context(), w.env, r.ID, provision.Mapping{TargetAttribute: "userName", SourceAttribute: "username"})
	must(t, err)
	w.Service = provision.NewService(w.db, provision.Deps{Catalogue: all.NewCatalogue(), Checker: failing{}})
	r.PopulationExpression = "population.id pr"
	_, created := w.CreateRule(t.Context(), w.env, r)
	_, updated := w.UpdateRule(t.Context(), w.env, r.ID, r)
	_, mapped := w.CreateMapping(t.Context(), w.env, r.ID, provision.Mapping{TargetAttribute: "title", Expression: "user.title"})
	_, remapped := w.UpdateMapping(t.Context(), w.env, m.ID, m)
	for _, err := range []error{created, updated, mapped, remapped} {
		var refused *problem.Error
		if !errors.Is(err, errDown) || errors.As(err, &refused) {
			t.Errorf("%v", err)
		}
	}
}
