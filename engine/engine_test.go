package engine_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

const token = "xoxp-test-token"

// world is the real thing in one process: store, services, engine, and a simulated workspace behind HTTP.
type world struct {
	t          *testing.T
	db         *store.DB
	people     *directory.Service
	provisions *provision.Service
	engine     *engine.Engine
	workspace  *sandbox.Workspace
	env        directory.Environment
	connection provision.Connection
	rule       provision.Rule
	url        string
	cancel     context.CancelFunc
	done       chan struct{}
	clock      atomic.Int64 // how much later it is for the engine, in nanoseconds
}

func newWorld(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	return newWorldOn(t, o, store.Options{})
}

// newWorldOn is newWorld on a database of one's choice; none is SQLite.
func newWorldOn(t *testing.T, o sandbox.Options, on store.Options) *world {
	t.Helper()
	ctx := t.Context()
	if o.Token == "" {
		o.Token = token
	}
	w := &world{t: t, workspace: sandbox.New(o)}
	server := httptest.NewServer(w.workspace)
	t.Cleanup(server.Close)
	w.url = server.URL + "/scim/v2/"
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	on.Path, on.Ring = filepath.Join(dir, "lockstep.db"), ring
	w.db, err = store.Open(ctx, on)
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	w.engine = engine.New(engine.Config{Store: w.db, Types: all.Types(), Client: outbound.Client(true, 5*time.Second), Now: w.now})
	w.people = directory.NewService(w.db, directory.Options{Wake: w.engine.Wake})
	w.provisions = provision.NewService(w.db, provision.Deps{
		Catalogue: all.NewCatalogue(), Checker: engine.Checker{Schema: w.people.Schema}, Wake: w.engine.Wake,
	})
	w.env, err = w.people.Setup(ctx, "Test")
	must(t, err)
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }

// imports takes over a file of people.
func (w *world) imports(file string) {
	w.t.Helper()
	report, err := w.people.Import(w.t.Context(), w.env.ID, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(file)), nil }, directory.ImportOptions{})
	must(w.t, err)
	if report.Refused > 0 {
		w.t.Fatalf("%+v", report.Refusals)
	}
}

// configure replaces the connection's settings, as drafts.
func (w *world) configure(settings map[string]any) {
	w.t.Helper()
	configuration := map[string]any{"BASE_URL": w.url, "RATE_LIMIT_FACTOR": 0.0}
	maps.Copy(configuration, settings)
	_, err := w.provisions.UpdateConnection(w.t.Context(), w.env.ID, w.connection.ID, w.connection, configuration)
	must(w.t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// provision sets up a plan, a connection and an active rule, and publishes them.
func (w *world) provision(expression string, settings map[string]any) {
	w.t.Helper()
	ctx := w.t.Context()
	plan, err := w.provisions.CreatePlan(ctx, w.env.ID, provision.Plan{Name: "Plan"})
	must(w.t, err)
	source, err := w.provisions.CreateConnection(ctx, w.env.ID, provision.Connection{Name: "Directory", Type: "directory"}, nil)
	must(w.t, err)
	configuration := map[string]any{"OAUTH_ACCESS_TOKEN": token, "BASE_URL": w.url, "RATE_LIMIT_FACTOR": 0.0}
	maps.Copy(configuration, settings)
	w.connection, err = w.provisions.CreateConnection(ctx, w.env.ID, provision.Connection{Name: "Slack", Type: "Slack", Status: provision.Active}, configuration)
	must(w.t, err)
	w.rule, err = w.provisions.CreateRule(ctx, w.env.ID, provision.Rule{
		Name: "Staff", PlanID: plan.ID, SourceID: source.ID, TargetID: w.connection.ID, PopulationExpression: expression,
	})
	must(w.t, err)
	w.rule.Active = true
	w.rule, err = w.provisions.UpdateRule(ctx, w.env.ID, w.rule.ID, w.rule)
	must(w.t, err)
	_, err = w.provisions.Publish(ctx, w.env.ID)
	must(w.t, err)
}

func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.cancel, w.done = cancel, make(chan struct{})
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			if err := w.engine.RunSlice(ctx, w.env.ID, w.connection.ID, time.Minute); err != nil && ctx.Err() == nil {
				w.t.Error(err)
				return
			}
		}
	}()
	w.t.Cleanup(w.stop)
}

func (w *world) stop() {
	w.cancel()
	<-w.done
}

// settle waits until the rule says that nothing is due.
func (w *world) settle(want provision.RuleState) provision.RuleStatus {
	w.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		status, err := w.engine.Status(w.t.Context(), w.env.ID, w.rule.ID)
		must(w.t, err)
		if status.State == want {
			return status
		}
		select {
		case <-ticker.C:
		case <-deadline:
			rows, _ := w.db.AccountPage(w.t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Limit: 5, Status: provision.StatusPending})
			w.t.Fatalf("the rule does not become %s: %+v\n%+v", want, status, rows)
		}
	}
}

func (w *world) user(n int) directory.User {
	return directory.User{
		Username: fmt.Sprintf("user%04d", n), Email: fmt.Sprintf("user%04d@example.com", n), Enabled: true,
		Name: directory.Name{Given: "Given", Family: fmt.Sprintf("Family%d", n)}, Title: "Engineer",
	}
}

func (w *world) create(n int) directory.User {
	w.t.Helper()
	u, err := w.people.CreateUser(w.t.Context(), w.env.ID, w.user(n))
	must(w.t, err)
	return u
}

// writes answers how many writes the workspace saw since the last call.
func (w *world) writes() int64 {
	log := w.workspace.Requests()
	w.workspace.ResetLog()
	return log.Totals["writes"]
}

func (w *world) member(email string) sandbox.Member {
	w.t.Helper()
	for _, m := range w.workspace.Members() {
		if m.PrimaryEmail == email {
			return m
		}
	}
	w.t.Fatalf("no member has %s", email)
	return sandbox.Member{}
}

func TestUsersFlow(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	for n := range 20 {
		w.create(n)
	}
	w.provision("population.id pr and title eq \"Engineer\"", nil)
	w.run()
	status := w.settle(provision.StateIdle)
	if status.Users.Success != 20 || status.Users.Impacted != 20 || len(w.workspace.Members()) != 20 {
		t.Fatalf("after the first sync: %+v, %d members", status.Users, len(w.workspace.Members()))
	}
	if n := w.writes(); n != 20 {
		t.Errorf("the first sync took %d writes, want 20", n)
	}
	must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
	w.settle(provision.StateIdle)
	if n := w.writes(); n != 0 {
		t.Errorf("a second full sync took %d writes, want none", n)
	}
	users, err := w.people.Users(t.Context(), w.env.ID, directory.Query{})
	must(t, err)
	u := users.Users[3]
	edit := func(name string, want int64, change func(*directory.User) error, check func(sandbox.Member) bool) {
		t.Helper()
		u, err = w.people.UpdateUser(t.Context(), w.env.ID, u.ID, change)
		must(t, err)
		w.settle(provision.StateIdle)
		if n := w.writes(); n != want {
			t.Errorf("%s took %d writes, want %d", name, n, want)
		}
		if m := w.member(u.Email); !check(m) {
			t.Errorf("%s: the member is %+v", name, m)
		}
	}
	edit("update", 1, func(u *directory.User) error { u.Name.Family = "New"; return nil }, func(m sandbox.Member) bool { return m.FamilyName == "New" })
	edit("rename", 1, func(u *directory.User) error { u.Username = "renamed"; return nil }, func(m sandbox.Member) bool { return m.UserName == "renamed" })
	edit("new address", 1, func(u *directory.User) error { u.Email = "renamed@example.com"; return nil }, func(m sandbox.Member) bool { return m.Active })
	edit("disable", 1, func(u *directory.User) error { u.Enabled = false; return nil }, func(m sandbox.Member) bool { return !m.Active })
	edit("enable", 1, func(u *directory.User) error { u.Enabled = true; return nil }, func(m sandbox.Member) bool { return m.Active })
	edit("leave", 1, func(u *directory.User) error { u.Title = "Guest"; return nil }, func(m sandbox.Member) bool { return !m.Active })
	edit("return", 1, func(u *directory.User) error { u.Title = "Engineer"; return nil }, func(m sandbox.Member) bool { return m.Active })
	must(t, w.people.DeleteUser(t.Context(), w.env.ID, u.ID))
	w.settle(provision.StateIdle)
	if m := w.member("renamed@example.com"); m.Active || w.writes() != 1 {
		t.Errorf("deletion: the member is %+v", m)
	}
}

func TestAdoption(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.workspace.Seed(
		sandbox.Member{UserName: "boss", PrimaryEmail: "boss@example.com", Active: true, Role: sandbox.PrimaryOwner},
		sandbox.Member{UserName: "old.login", PrimaryEmail: "User0001@example.com", GivenName: "Given", FamilyName: "Family1", Title: "Engineer", Active: true},
		sandbox.Member{UserName: "user0002", PrimaryEmail: "user0002@example.com", GivenName: "Given", FamilyName: "Family2", Title: "Engineer"},
		sandbox.Member{UserName: "foreign", PrimaryEmail: "foreign@other.com", Active: true},
		sandbox.Member{UserName: "bot", PrimaryEmail: "botuser-T1-A1@slack-bots.com", Active: true, Bot: true},
		sandbox.Member{UserName: "user0003", PrimaryEmail: "somebody.else@example.com", Active: true}, // holds a name that we want
		sandbox.Member{UserName: "leaver", PrimaryEmail: "user0004@example.com", Active: true},
	)
	for n := 1; n <= 5; n++ {
		u := w.user(n)
		u.Enabled = n != 4 // 4 has left, and nobody closed the account
		_, err := w.people.CreateUser(t.Context(), w.env.ID, u)
		must(t, err)
	}
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	if n := len(w.workspace.Members()); n != 9 {
		t.Errorf("%d members, want 9: seven that were there, two new", n)
	}
	for email, want := range map[string]string{
		"boss@example.com": "boss", "foreign@other.com": "foreign", "User0001@example.com": "user0001", "user0003@example.com": "user00032",
	} {
		if m := w.member(email); m.UserName != want || !m.Active {
			t.Errorf("%s is %+v", email, m)
		}
	}
	if m := w.member("user0002@example.com"); !m.Active {
		t.Error("a deactivated member who is covered was not enabled")
	}
	if m := w.member("user0004@example.com"); m.Active {
		t.Error("the account of somebody who is disabled stayed open")
	}
	foreign, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Ownership: provision.Foreign, Limit: 100})
	must(t, err)
	if len(foreign) != 4 {
		t.Errorf("%d foreign accounts are known, want 4", len(foreign))
	}
	w.writes()
	must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
	w.settle(provision.StateIdle)
	if n := w.writes(); n != 0 {
		t.Errorf("a second full sync took %d writes, want none", n)
	}
}

func TestPreviewAndOnDemand(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.workspace.Seed(sandbox.Member{UserName: "user0001", PrimaryEmail: "user0001@example.com", GivenName: "Old", Active: true})
	for n := range 4 {
		w.create(n)
	}
	w.provision("population.id pr", nil)
	var operations []provision.Operation
	summary, err := w.engine.Preview(t.Context(), w.env.ID, w.rule.ID, "", func(op provision.Operation) error { operations = append(operations, op); return nil })
	must(t, err)
	if summary.Create != 3 || summary.Update != 1 || len(operations) != 4 || w.writes() != 0 {
		t.Errorf("%+v", summary)
	}
	w.run()
	w.settle(provision.StateIdle)
	if n := w.writes(); n != 4 {
		t.Errorf("the sync took %d writes, and the preview promised 4", n)
	}
	m := w.member("user0002@example.com")
	w.workspace.Edit(m.ID, func(m *sandbox.Member) { m.Title = "Changed by hand" })
	users, err := w.people.Users(t.Context(), w.env.ID, directory.Query{Filter: `username eq "user0002"`})
	must(t, err)
	trace, err := w.engine.OnDemand(t.Context(), w.env.ID, w.rule.ID, provision.Ref{Kind: directory.KindUser, ID: users.Users[0].ID})
	must(t, err)
	if trace.Result != provision.StatusSuccess || len(trace.Steps) != 5 {
		t.Errorf("%+v", trace)
	}
}

// TestDeletedRule: without the wish to deprovision its accounts are released and left alone; with it, on a managed connection,
// they are closed by the next revision. That goes also when another revision is published before the first takes effect.
func TestDeletedRule(t *testing.T) {
	for name, c := range map[string]struct {
		deprovision bool
		revisions   int
	}{"released": {false, 1}, "deprovisioned": {true, 1}, "released, then published again": {false, 2}, "deprovisioned, then published again": {true, 2}} {
		t.Run(name, func(t *testing.T) {
			deprovision := c.deprovision
			w := newWorld(t, sandbox.Options{TimeScale: -1})
			for n := range 5 {
				w.create(n)
			}
			w.provision("population.id pr", nil)
			w.connection.Managed = true
			configuration := map[string]any{"BASE_URL": w.url, "RATE_LIMIT_FACTOR": 0.0}
			_, err := w.provisions.UpdateConnection(t.Context(), w.env.ID, w.connection.ID, w.connection, configuration)
			must(t, err)
			w.run()
			w.settle(provision.StateIdle)
			must(t, w.provisions.DeleteRule(t.Context(), w.env.ID, w.rule.ID, deprovision))
			w.writes()
			w.stop()
			var revision provision.Revision
			for range c.revisions {
				revision, err = w.provisions.Publish(t.Context(), w.env.ID)
				must(t, err)
			}
			w.run()
			want := int64(0)
			if deprovision {
				want = 5
			}
			deadline := time.After(10 * time.Second)
			for done := false; !done; {
				state, err := w.db.Runner(t.Context(), w.env.ID, w.connection.ID)
				must(t, err)
				gate, err := w.db.GateCounts(t.Context(), w.connection.ID, time.Time{})
				must(t, err)
				due, err := w.db.NextDue(t.Context(), w.connection.ID)
				must(t, err)
				select {
				case <-deadline:
					t.Fatal("the revision does not take effect")
				default:
				}
				done = state.RevisionID == revision.ID && state.Sweep.ID == "" && due.IsZero() && gate.Waiting == 0
			}
			if n := w.writes(); n != want {
				t.Errorf("%d writes, want %d", n, want)
			}
			ownership := provision.Managed
			if !deprovision {
				ownership = provision.Released
			}
			rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Ownership: ownership, Limit: 10})
			must(t, err)
			if len(rows) != 5 {
				t.Errorf("%d rows are %s", len(rows), ownership)
			}
		})
	}
}

// TestPolicyShowsWhatItWithholds: five people, creation off: impacted 5, unsynced 5 (pingone-provisioning.md §3.5).
func TestPolicyShowsWhatItWithholds(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	for n := range 5 {
		w.create(n)
	}
	w.provision("population.id pr", map[string]any{"CREATE_USERS": false})
	w.run()
	status := w.settle(provision.StateIdle)
	if status.Users.Impacted != 5 || status.Users.Unsynced != 5 || status.Users.Failed != 0 || w.writes() != 0 {
		t.Errorf("%+v", status.Users)
	}
}

// TestBrokenRuleHarmsNobody: the attribute that a filter names is deleted; nobody loses access.
func TestBrokenRuleHarmsNobody(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	a, err := w.people.CreateAttribute(t.Context(), w.env.ID, directory.Attribute{Name: "team"})
	must(t, err)
	for n := range 3 {
		u := w.user(n)
		u.Custom = map[string]any{"team": "blue"}
		_, err := w.people.CreateUser(t.Context(), w.env.ID, u)
		must(t, err)
	}
	w.provision(`team eq "blue"`, nil)
	w.run()
	w.settle(provision.StateIdle)
	w.writes()
	must(t, w.people.DeleteAttribute(t.Context(), w.env.ID, a.ID))
	w.create(9)
	status := w.settle(provision.StateIdle)
	if w.writes() != 0 || !strings.Contains(status.Details, "cannot be read") {
		t.Errorf("%+v", status)
	}
}

// TestPauseStopsWhatIsQueued: with the budget spent and people waiting for it, a pause is followed by no write but those that
// were on their way.
// TestDeletedAttributeHarmsNobody: an attribute that decides who is covered is deleted in the middle of a reconciliation, and users
// lose their values one after another. Nobody is deactivated for it.
func TestDeletedAttributeHarmsNobody(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ctx := t.Context()
	a, err := w.people.CreateAttribute(ctx, w.env.ID, directory.Attribute{Name: "badge", Type: directory.TypeString})
	must(t, err)
	const people = 1100
	var file strings.Builder
	file.WriteString("username,email,badge\n")
	for n := range people {
		fmt.Fprintf(&file, "u%d,u%d@example.com,B\n", n, n)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(file.String())), nil }
	_, err = w.people.Import(ctx, w.env.ID, open, directory.ImportOptions{})
	must(t, err)
	w.provision(`badge pr`, nil)
	w.run()
	w.settle(provision.StateIdle)
	w.writes()
	for range 3 {
		must(t, w.engine.Resync(ctx, w.env.ID, w.rule.ID))
	}
	must(t, w.people.DeleteAttribute(ctx, w.env.ID, a.ID))
	must(t, w.engine.Resync(ctx, w.env.ID, w.rule.ID))
	status := w.settle(provision.StateIdle)
	if n := w.writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
	for _, m := range w.workspace.Members() {
		if !m.Active {
			t.Fatalf("%s was deactivated", m.PrimaryEmail)
		}
	}
	if len(w.workspace.Members()) != people || !strings.Contains(status.Details, "filter") {
		t.Errorf("%d members, %+v", len(w.workspace.Members()), status)
	}
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("it never happens")
		}
	}
}
