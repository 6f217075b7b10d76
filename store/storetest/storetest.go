// Package storetest is what every store must do, whatever database is below it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/filter"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/store"
)

// Run runs the suite; open answers a fresh store.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s *suite){
		"setup": testSetup, "users": testUsers, "rollback": testRollback, "usernames": testUsernames, "feed": testFeed, "lost updates": testLostUpdates,
		"narrow": testNarrow, "secrets": testSecrets, "provisioning": testProvisioning, "accounts": testAccounts, "due": testDue,
		"lease": testLease, "access": testAccess, "administrators": testAdministrators, "activities": testActivities,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{db: open(t)}
			s.people = directory.NewService(s.db, directory.Options{})
			env, err := s.people.Setup(t.Context(), "Test")
			must(t, err)
			s.env = env.ID
			test(t, s)
		})
	}
}

type suite struct {
	db     *store.DB
	people *directory.Service
	env    string
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *suite) create(t *testing.T, username string) directory.User {
	t.Helper()
	u, err := s.people.CreateUser(t.Context(), s.env, directory.User{Username: username, Email: username + "@example.com", Enabled: true})
	must(t, err)
	return u
}

// testSetup: many that start at once end with one environment and one default population.
func testSetup(t *testing.T, s *suite) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if env, err := directory.NewService(s.db, directory.Options{}).Setup(context.Background(), "Again"); err != nil || env.ID != s.env {
				t.Errorf("%v %v", env, err)
			}
		})
	}
	group.Wait()
	if all, err := s.db.Environments(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
}

func testUsers(t *testing.T, s *suite) {
	ctx := t.Context()
	_, err := s.people.CreateAttribute(ctx, s.env, directory.Attribute{Name: "badge", Type: directory.TypeString, Unique: true})
	must(t, err)
	want, err := s.people.CreateUser(ctx, s.env, directory.User{
		Username: "Ünïcode.Name", Email: "x@example.com", Enabled: true, Name: directory.Name{Given: "Zoë", Family: "O'Neil; DROP"},
		Address: directory.Address{CountryCode: "DE"}, Custom: map[string]any{"badge": "A-1"},
	})
	must(t, err)
	got, err := s.db.User(ctx, s.env, want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the user came back otherwise (-want +got):\n%s", diff)
	}
	byName, err := s.db.UsersByUsername(ctx, s.env, []string{directory.Fold("ünïcode.NAME"), "nobody"})
	must(t, err)
	if len(byName) != 1 {
		t.Errorf("by username: %v", byName)
	}
	_, err = s.people.CreateUser(ctx, s.env, directory.User{Username: "other", Email: "y@example.com", Custom: map[string]any{"badge": "A-1"}})
	if !problem.Is(err, problem.InvalidData) {
		t.Errorf("a unique value twice: %v", err)
	}
	must(t, s.people.DeleteUser(ctx, s.env, want.ID))
	if _, err := s.db.User(ctx, s.env, want.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("a deleted user: %v", err)
	}
	if users, err := s.db.UsersByID(ctx, s.env, []string{want.ID}); err != nil || len(users) != 0 {
		t.Errorf("%v %v", users, err)
	}
}

func testRollback(t *testing.T, s *suite) {
	ctx := t.Context()
	before, err := s.db.FeedHead(ctx, s.env)
	must(t, err)
	boom := errors.New("boom")
	err = s.db.Edit(ctx, func(tx directory.Tx) error {
		p, err := tx.DefaultPopulation(ctx, s.env)
		if err != nil {
			return err
		}
		u := directory.User{ID: "00000000-0000-7000-8000-000000000001", EnvironmentID: s.env, PopulationID: p.ID, Username: "ghost", Email: "g@x.y"}
		if err := tx.InsertUsers(ctx, []directory.User{u}); err != nil {
			return err
		}
		if err := tx.Append(ctx, []directory.Activity{{ID: "a", EnvironmentID: s.env, Kind: directory.KindUser, Type: "USER.CREATED"}}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	after, err := s.db.FeedHead(ctx, s.env)
	must(t, err)
	if n, _ := s.db.CountUsers(ctx, s.env); n != 0 || after != before {
		t.Errorf("an edit that failed left %d users, feed %d -> %d", n, before, after)
	}
}

func testUsernames(t *testing.T, s *suite) {
	s.create(t, "anna")
	_, err := s.people.CreateUser(t.Context(), s.env, directory.User{Username: "ANNA", Email: "a2@example.com"})
	if !problem.Is(err, problem.InvalidData) || !strings.Contains(err.Error(), "username") {
		t.Errorf("a username twice: %v", err)
	}
}

// testFeed: a reader that follows the feed while many write never misses an entry.
func testFeed(t *testing.T, s *suite) {
	const writers, each = 6, 15
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range each {
				_, err := s.people.CreateUser(context.Background(), s.env, directory.User{Username: fmt.Sprintf("w%d-%d", w, n), Email: "w@example.com"})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	seen := map[string]bool{}
	var cursor int64
	read := func() {
		for {
			changes, err := s.db.Changes(t.Context(), s.env, cursor, 7)
			must(t, err)
			for _, c := range changes {
				if c.Seq <= cursor {
					t.Errorf("seq %d after %d", c.Seq, cursor)
				}
				cursor = c.Seq
				seen[c.ObjectID] = true
			}
			if len(changes) < 7 {
				return
			}
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		read()
	}
	if len(seen) != writers*each {
		t.Errorf("the reader saw %d of %d", len(seen), writers*each)
	}
	if head, err := s.db.FeedHead(t.Context(), s.env); err != nil || head != cursor {
		t.Errorf("head %d, cursor %d, %v", head, cursor, err)
	}
}

// testLostUpdates: two edits of one user at the same time both count.
func testLostUpdates(t *testing.T, s *suite) {
	u := s.create(t, "busy")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := s.people.UpdateUser(context.Background(), s.env, u.ID, func(u *directory.User) error { u.Title += "x"; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := s.db.User(t.Context(), s.env, u.ID)
	must(t, err)
	if got.Title != "xxxxxxxx" {
		t.Errorf("%d of 8 edits were kept", len(got.Title))
	}
}

// testNarrow: whatever the filter, SQL never loses a user whom the filter matches.
func testNarrow(t *testing.T, s *suite) {
	ctx := t.Context()
	names := []string{"anna", "BEN", "Kelvin\u212A", "stra\u00dfe", "100%_\\", "İstanbul", "o'neil"}
	for i, name := range names {
		_, err := s.people.CreateUser(ctx, s.env, directory.User{
			Username: name, Email: fmt.Sprintf("%d@Example.com", i), Enabled: i%2 == 0, ExternalID: fmt.Sprintf("E%d", i), Name: directory.Name{Given: name, Family: strings.ToUpper(name)},
		})
		must(t, err)
	}
	schema, err := s.people.Schema(ctx, s.env)
	must(t, err)
	everybody, err := s.db.Users(ctx, s.env, directory.UserQuery{Limit: 1000})
	must(t, err)
	text := rapid.OneOf(rapid.SampledFrom(append(names, "AN", "k", "ss", "%", "_", "\\", "E3", "example", "")), rapid.Map(rapid.StringN(0, 4, 8), func(s string) string { return strings.ReplaceAll(s, "\x00", "") }))
	condition := rapid.Custom(func(t *rapid.T) string {
		path := rapid.SampledFrom([]string{"username", "email", "name.given", "name.family", "externalId", "title"}).Draw(t, "path")
		op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "pr"}).Draw(t, "op")
		if rapid.IntRange(0, 5).Draw(t, "other") == 0 {
			return rapid.SampledFrom([]string{"enabled eq true", "enabled eq \"False\"", "createdAt gt \"2020-01-01T00:00:00Z\"", "population.id pr"}).Draw(t, "fixed")
		}
		if op == "pr" {
			return path + " pr"
		}
		f := filter.Filter{Root: filter.Compare{Path: path, Op: filter.Op(op), Value: text.Draw(t, "value")}}
		return f.String()
	})
	rapid.Check(t, func(rt *rapid.T) {
		parts := rapid.SliceOfN(condition, 1, 3).Draw(rt, "conditions")
		source := strings.Join(parts, rapid.SampledFrom([]string{" and ", " or "}).Draw(rt, "join"))
		if rapid.IntRange(0, 4).Draw(rt, "not") == 0 {
			source = "not (" + source + ")"
		}
		p, err := directory.CompileFilter(schema, source)
		if err != nil {
			rt.Fatal(err)
		}
		narrowed, err := s.db.Users(ctx, s.env, directory.UserQuery{Limit: 1000, Narrow: p.Filter().Root})
		if err != nil {
			rt.Fatalf("%s: %v", source, err)
		}
		found := map[string]bool{}
		for _, u := range narrowed {
			found[u.ID] = true
		}
		for i := range everybody {
			if p.Match(&everybody[i]) && !found[everybody[i].ID] {
				rt.Fatalf("%s loses %s", source, everybody[i].Username)
			}
		}
	})
}

func testSecrets(t *testing.T, s *suite) {
	ctx := t.Context()
	c := provision.Connection{
		ID: "c1", EnvironmentID: s.env, Name: "Slack", Type: "Slack", Settings: map[string]any{"A": "b", "N": 1.5, "F": true},
		Secrets: map[string]secret.Text{"TOKEN": secret.New("xoxp-very-secret")}, CreatedAt: time.UnixMicro(1000).UTC(),
	}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error { return tx.SaveConnection(ctx, c) }))
	got, err := s.db.Connection(ctx, s.env, "c1")
	must(t, err)
	if got.Secrets["TOKEN"].Reveal() != "xoxp-very-secret" || got.Number("N", 0) != 1.5 || !got.Flag("F") {
		t.Errorf("%v", got)
	}
	var stored string
	must(t, s.db.WriteDB().QueryRowContext(ctx, `SELECT body || secrets FROM connections WHERE id = 'c1'`).Scan(&stored))
	if strings.Contains(stored, "very-secret") {
		t.Error("the secret is readable in the database")
	}
}

func testProvisioning(t *testing.T, s *suite) {
	ctx := t.Context()
	r := provision.Rule{ID: "r1", EnvironmentID: s.env, Name: "Rule", GroupIDs: []string{"g"}}
	m := provision.Mapping{ID: "m1", EnvironmentID: s.env, RuleID: "r1", TargetAttribute: "a", Expression: "b"}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error {
		return errors.Join(tx.SaveRule(ctx, r), tx.SaveRule(ctx, provision.Rule{ID: "r2", EnvironmentID: s.env}), tx.SaveMapping(ctx, m))
	}))
	rules, err := s.db.Rules(ctx, s.env)
	must(t, err)
	if len(rules) != 2 || rules[0].ID != "r1" || rules[0].Position >= rules[1].Position {
		t.Errorf("%+v", rules)
	}
	first := provision.Revision{ID: "v1", EnvironmentID: s.env, Snapshot: provision.Snapshot{Rules: rules}}
	second := provision.Revision{ID: "v2", EnvironmentID: s.env}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error {
		return errors.Join(tx.InsertRevision(ctx, &first), tx.InsertRevision(ctx, &second))
	}))
	latest, err := s.db.LatestRevision(ctx, s.env)
	must(t, err)
	if latest.ID != "v2" || latest.PreviousID != "v1" || latest.Number != 2 {
		t.Errorf("%+v", latest)
	}
	deleted := rules[0]
	deleted.DeletedAt = time.Now()
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error { return tx.SaveRule(ctx, deleted) }))
	if _, err := s.db.Rule(ctx, s.env, "r1"); !problem.Is(err, problem.NotFound) {
		t.Errorf("a deleted rule: %v", err)
	}
	if _, err := s.db.Mapping(ctx, s.env, "nothing"); !problem.Is(err, problem.NotFound) {
		t.Errorf("a missing mapping: %v", err)
	}
}

func account(s *suite, object, remote string) *provision.Account {
	return &provision.Account{EnvironmentID: s.env, ConnectionID: "c", Kind: directory.KindUser, ObjectID: object, RemoteID: remote, RuleID: "r", InScope: true, Status: provision.StatusSuccess}
}

func testAccounts(t *testing.T, s *suite) {
	ctx := t.Context()
	a := account(s, "o1", "U1")
	a.Remote = &provision.Remote{ID: "U1", Active: true, Attributes: provision.Attributes{"x": "y", "l": []string{"1", "2"}}}
	a.Assigned = map[string]provision.Choice{"userName": {Wanted: "a", Used: "a2"}}
	a.Fault = &provision.Fault{Kind: provision.Rejected, Code: "c", Message: "m"}
	a.SyncedAt = time.UnixMicro(123456).UTC()
	must(t, s.db.Record(ctx, []*provision.Account{a}, nil, nil))
	rows, err := s.db.AccountsByObject(ctx, "c", directory.KindUser, []string{"o1", "o2"})
	must(t, err)
	if len(rows) != 1 {
		t.Fatalf("%v", rows)
	}
	if diff := cmp.Diff(*a, rows[0]); diff != "" {
		t.Errorf("the row came back otherwise (-want +got):\n%s", diff)
	}
	if err := s.db.Record(ctx, []*provision.Account{account(s, "o2", "U1")}, nil, nil); !errors.Is(err, provision.ErrLinked) {
		t.Errorf("a remote account twice: %v", err)
	}
	foreign := account(s, "", "U9")
	foreign.MatchKey = "k"
	must(t, s.db.Record(ctx, []*provision.Account{foreign}, nil, nil))
	unlinked, err := s.db.Unlinked(ctx, "c", directory.KindUser, []string{"k"})
	must(t, err)
	orphans, err := s.db.Orphans(ctx, "c", "", 10)
	must(t, err)
	if len(unlinked) != 1 || len(orphans) != 1 || orphans[0].ObjectID != "o1" {
		t.Errorf("unlinked %v, orphans %v", unlinked, orphans)
	}
	counts, err := s.db.CountAccounts(ctx, "c", "r", directory.KindUser)
	must(t, err)
	if counts.Success != 2 {
		t.Errorf("%+v", counts)
	}
	n, err := s.db.Release(ctx, "c", "r")
	must(t, err)
	if released, _ := s.db.Account(ctx, s.env, a.ID); n != 2 || released.Ownership != provision.Released {
		t.Errorf("%d %+v", n, released)
	}
}

func testDue(t *testing.T, s *suite) {
	ctx := t.Context()
	now := time.UnixMicro(10_000_000).UTC()
	for i, p := range []provision.Priority{provision.PriorityBackfill, provision.PriorityDeprovision, provision.PriorityLive} {
		a := account(s, fmt.Sprintf("o%d", i), "")
		a.DueAt, a.Priority = now.Add(-time.Duration(i)*time.Second), p
		must(t, s.db.Record(ctx, []*provision.Account{a}, nil, nil))
	}
	later := account(s, "later", "")
	later.DueAt = now.Add(time.Hour)
	must(t, s.db.Record(ctx, []*provision.Account{later}, nil, nil))
	due, err := s.db.DueAccounts(ctx, "c", now, []string{"o2"}, 10)
	must(t, err)
	if len(due) != 2 || due[0].ObjectID != "o1" || due[1].ObjectID != "o0" {
		t.Errorf("%v", due)
	}
	n, err := s.db.MarkDue(ctx, provision.AccountQuery{ConnectionID: "c", ObjectID: "later"}, now, provision.PriorityLive, "asked for")
	must(t, err)
	next, err := s.db.NextDue(ctx, "c")
	must(t, err)
	if n != 1 || !next.Equal(now.Add(-2*time.Second)) {
		t.Errorf("%d %v", n, next)
	}
}

func testLease(t *testing.T, s *suite) {
	ctx := t.Context()
	now := time.UnixMicro(1_000_000).UTC()
	first, err := s.db.Lease(ctx, s.env, "c", "one", now.Add(time.Minute), now)
	must(t, err)
	if _, err := s.db.Lease(ctx, s.env, "c", "two", now.Add(time.Minute), now); !errors.Is(err, provision.ErrLeased) {
		t.Errorf("a second owner: %v", err)
	}
	first.Cursor, first.RevisionID = 42, "v"
	must(t, s.db.SaveRunner(ctx, "one", first))
	must(t, s.db.SetPaused(ctx, s.env, "c", true))
	must(t, s.db.RequestResync(ctx, s.env, "c", "because"))
	second, err := s.db.Lease(ctx, s.env, "c", "two", now.Add(2*time.Hour), now.Add(time.Hour))
	must(t, err)
	if second.Cursor != 42 || second.Term != first.Term+1 || !second.Paused || second.Resync != "because" {
		t.Errorf("%+v", second)
	}
	if err := s.db.SaveRunner(ctx, "one", first); !errors.Is(err, provision.ErrLeased) {
		t.Errorf("a lost lease still writes: %v", err)
	}
	must(t, s.db.ClearResync(ctx, "c", "another"))
	if r, _ := s.db.Runner(ctx, s.env, "c"); r.Resync != "because" {
		t.Error("another request was dropped")
	}
}

func testAccess(t *testing.T, s *suite) {
	ctx := t.Context()
	clients := access.NewService(s.db, nil)
	c, password, err := clients.CreateClient(ctx, s.env, "ci", access.ReadOnly)
	must(t, err)
	if _, err := clients.Authenticate(ctx, s.env, c.ID, secret.New("wrong")); !problem.Is(err, problem.Unauthorized) {
		t.Errorf("a wrong secret: %v", err)
	}
	got, err := clients.Authenticate(ctx, s.env, c.ID, password)
	must(t, err)
	token, _, err := clients.Issue(ctx, got)
	must(t, err)
	if who, err := clients.Verify(ctx, token); err != nil || who.ID != c.ID {
		t.Errorf("%v %v", who, err)
	}
	must(t, clients.DeleteClient(ctx, s.env, c.ID))
	if _, err := clients.Verify(ctx, token); !problem.Is(err, problem.Unauthorized) {
		t.Errorf("the token of a deleted client: %v", err)
	}
}

func testActivities(t *testing.T, s *suite) {
	u := s.create(t, "anna")
	_, err := s.people.UpdateUser(t.Context(), s.env, u.ID, func(u *directory.User) error { u.Title = "Boss"; return nil })
	must(t, err)
	_, err = s.people.UpdateUser(t.Context(), s.env, u.ID, func(*directory.User) error { return nil })
	must(t, err)
	log, err := s.db.Activities(t.Context(), s.env, directory.ActivityQuery{ObjectID: u.ID, Limit: 10})
	must(t, err)
	if len(log) != 2 || log[0].Type != "USER.UPDATED" || len(log[0].Changes) != 1 || log[0].Changes[0].To != "Boss" {
		t.Errorf("%+v", log)
	}
}
