package storetest

import (
	"errors"
	"testing"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// configure runs fn in a transaction that must be kept.
func (s *suite) configure(t *testing.T, fn func(tx provision.Tx) error) {
	t.Helper()
	must(t, s.db.EditProvisioning(t.Context(), fn))
}

func testPlans(t *testing.T, s *suite) {
	ctx := t.Context()
	p := provision.Plan{ID: "plan", EnvironmentID: s.env, Name: "Plan", CreatedAt: at(1), UpdatedAt: at(2)}
	s.configure(t, func(tx provision.Tx) error { return tx.SavePlan(ctx, p) })
	p.Name, p.Status = "Renamed", provision.Inactive
	s.configure(t, func(tx provision.Tx) error {
		if err := tx.SavePlan(ctx, p); err != nil {
			return err
		}
		inside, err := tx.Plans(ctx, s.env)
		same(t, "the plan within the edit", []provision.Plan{p}, inside)
		return err
	})
	got, err := s.db.Plan(ctx, s.env, p.ID)
	must(t, err)
	same(t, "the plan", p, got)
	all, err := s.db.Plans(ctx, s.env)
	must(t, err)
	same(t, "the plans", []provision.Plan{p}, all)
	err = s.db.EditProvisioning(ctx, func(tx provision.Tx) error {
		return tx.SavePlan(ctx, provision.Plan{ID: "second", EnvironmentID: s.env})
	})
	if !problem.Is(err, problem.InvalidData) {
		t.Errorf("a second plan: %v", err)
	}
	s.configure(t, func(tx provision.Tx) error {
		missing(t, "deleting nothing", tx.DeletePlan(ctx, s.env, "nothing"))
		return tx.DeletePlan(ctx, s.env, p.ID)
	})
	_, err = s.db.Plan(ctx, s.env, p.ID)
	missing(t, "a deleted plan", err)
}

func testConnections(t *testing.T, s *suite) {
	ctx := t.Context()
	one := provision.Connection{ID: "b", EnvironmentID: s.env, Name: "One", Type: "Slack", Secrets: map[string]secret.Text{"T": secret.New("old")}, CreatedAt: at(1)}
	two := provision.Connection{ID: "a", EnvironmentID: s.env, Name: "Two", Type: "directory", CreatedAt: at(2)}
	s.configure(t, func(tx provision.Tx) error {
		return errors.Join(tx.SaveConnection(ctx, two), tx.SaveConnection(ctx, one))
	})
	one.Name, one.Secrets = "Renamed", map[string]secret.Text{"T": secret.New("new")}
	s.configure(t, func(tx provision.Tx) error {
		if err := tx.SaveConnection(ctx, one); err != nil {
			return err
		}
		inside, err := tx.Connection(ctx, s.env, one.ID)
		must(t, err)
		all, err := tx.Connections(ctx, s.env)
		if inside.Name != "Renamed" || inside.Secrets["T"].Reveal() != "new" || len(all) != 2 {
			t.Errorf("%v %v", inside, all)
		}
		return err
	})
	all, err := s.db.Connections(ctx, s.env)
	must(t, err)
	if len(all) != 2 || all[0].ID != "b" || all[0].Secrets["T"].Reveal() != "new" {
		t.Errorf("in the order of creation: %v", all)
	}
	// The key is lost: what it sealed stays until a secret is entered anew, and then nothing of it is in the way.
	s.exec(t, `UPDATE connections SET secrets = '{"T":"v1:lost:AAAA","REFRESH":"v1:lost:AAAA"}' WHERE id = 'b'`)
	lost := func(after string, want int) provision.Connection {
		t.Helper()
		c, err := s.db.Connection(ctx, s.env, "b")
		must(t, err)
		if len(c.Unreadable) != want || (c.Readable() == nil) != (want == 0) {
			t.Errorf("after %s %v cannot be read, want %d: %v", after, c.Unreadable, want, c.Readable())
		}
		return c
	}
	c := lost("the loss", 2)
	s.configure(t, func(tx provision.Tx) error { return tx.SaveConnection(ctx, c) })
	c = lost("an edit of something else", 2)
	c.Secrets = map[string]secret.Text{"T": secret.New("again")}
	s.configure(t, func(tx provision.Tx) error { return tx.SaveConnection(ctx, c) })
	lost("a new token", 0)
	must(t, s.db.Record(ctx, []*provision.Account{{EnvironmentID: s.env, ConnectionID: "b", Kind: "USER", ObjectID: "o"}}, nil, nil))
	must(t, s.db.SetPaused(ctx, s.env, "b", true, directory.Activity{ID: "pause b", EnvironmentID: s.env, Type: "PROVISIONING_SYNC.PAUSED"}))
	s.configure(t, func(tx provision.Tx) error {
		missing(t, "deleting nothing", tx.DeleteConnection(ctx, s.env, "nothing"))
		return tx.DeleteConnection(ctx, s.env, "b")
	})
	_, err = s.db.Connection(ctx, s.env, "b")
	missing(t, "a deleted connection", err)
	rows, err := s.db.AccountPage(ctx, provision.AccountQuery{ConnectionID: "b", Limit: 10})
	must(t, err)
	states, err := s.db.RunnerStates(ctx, s.env)
	must(t, err)
	if len(rows)+len(states) != 0 {
		t.Errorf("a deleted connection left %v and %v", rows, states)
	}
}

func testRulesAndMappings(t *testing.T, s *suite) {
	ctx := t.Context()
	s.configure(t, func(tx provision.Tx) error {
		return errors.Join(
			tx.SaveRule(ctx, provision.Rule{ID: "r1", EnvironmentID: s.env, Name: "Rule"}), tx.SaveRule(ctx, provision.Rule{ID: "r2", EnvironmentID: s.env, DeletedAt: at(3)}),
			tx.SaveMapping(ctx, provision.Mapping{ID: "m2", EnvironmentID: s.env, RuleID: "r1", TargetAttribute: "b", CreatedAt: at(2)}),
			tx.SaveMapping(ctx, provision.Mapping{ID: "m1", EnvironmentID: s.env, RuleID: "r1", TargetAttribute: "a", CreatedAt: at(1)}),
			tx.SaveMapping(ctx, provision.Mapping{ID: "m3", EnvironmentID: s.env, RuleID: "r2", TargetAttribute: "a", CreatedAt: at(3)}),
		)
	})
	s.configure(t, func(tx provision.Tx) error {
		live, err := tx.Rules(ctx, s.env, false)
		must(t, err)
		all, err := tx.Rules(ctx, s.env, true)
		must(t, err)
		gone, err := tx.Rule(ctx, s.env, "r2")
		must(t, err)
		of, err := tx.Mappings(ctx, s.env, "r1")
		must(t, err)
		every, err := tx.Mappings(ctx, s.env, "")
		must(t, err)
		if len(live) != 1 || len(all) != 2 || gone.DeletedAt.IsZero() || len(of) != 2 || of[0].ID != "m1" || len(every) != 3 {
			t.Errorf("%v %v %v %v %v", live, all, gone, of, every)
		}
		missing(t, "deleting nothing", tx.DeleteMapping(ctx, s.env, "nothing"))
		return errors.Join(tx.DeleteMapping(ctx, s.env, "m1"), tx.DeleteMappings(ctx, s.env, "r2"), tx.PurgeRule(ctx, s.env, "r2"))
	})
	left, err := s.db.Mappings(ctx, s.env, "r1")
	must(t, err)
	none, err := s.db.Mappings(ctx, s.env, "r2")
	must(t, err)
	if len(left) != 1 || left[0].ID != "m2" || len(none) != 0 {
		t.Errorf("%v %v", left, none)
	}
	s.configure(t, func(tx provision.Tx) error {
		all, err := tx.Rules(ctx, s.env, true)
		if len(all) != 1 {
			t.Errorf("a purged rule is there: %v", all)
		}
		return err
	})
}

func testRevisions(t *testing.T, s *suite) {
	ctx := t.Context()
	_, err := s.db.LatestRevision(ctx, s.env)
	missing(t, "nothing published", err)
	for _, id := range []string{"v1", "v2", "v3"} {
		r := provision.Revision{ID: id, EnvironmentID: s.env, CreatedAt: at(9), CreatedBy: "me", Snapshot: provision.Snapshot{Rules: []provision.Rule{{ID: "of " + id}}}}
		s.configure(t, func(tx provision.Tx) error { return tx.InsertRevision(ctx, &r) })
	}
	got, err := s.db.Revision(ctx, s.env, "v2")
	must(t, err)
	same(t, "a revision", provision.Revision{
		ID: "v2", EnvironmentID: s.env, Number: 2, PreviousID: "v1", CreatedAt: at(9), CreatedBy: "me", Snapshot: provision.Snapshot{Rules: []provision.Rule{{ID: "of v2"}}},
	}, got)
	newest, err := s.db.Revisions(ctx, s.env, 2)
	must(t, err)
	if len(newest) != 2 || newest[0].ID != "v3" || newest[1].ID != "v2" || newest[0].Snapshot.Rules != nil {
		t.Errorf("the newest, without snapshots: %+v", newest)
	}
	deletions(t, s)
	_, err = s.db.Revision(ctx, "elsewhere", "v2")
	missing(t, "another environment's revision", err)
}

// deletions: what was deleted after a revision is found in all that came since.
func deletions(t *testing.T, s *suite) {
	t.Helper()
	ctx := t.Context()
	for _, r := range []provision.Revision{
		{ID: "v4", Snapshot: provision.Snapshot{Deleted: []provision.Rule{{ID: "a"}, {ID: "b", DeprovisionOnDelete: true}}}},
		{ID: "v5", Snapshot: provision.Snapshot{Deleted: []provision.Rule{{ID: "b", DeprovisionOnDelete: true}}}}, {ID: "v6"},
	} {
		r.EnvironmentID = s.env
		s.configure(t, func(tx provision.Tx) error { return tx.InsertRevision(ctx, &r) })
	}
	for since, want := range map[string][]provision.Rule{
		"": {{ID: "a"}, {ID: "b", DeprovisionOnDelete: true}}, "v3": {{ID: "a"}, {ID: "b", DeprovisionOnDelete: true}}, "v4": {{ID: "b", DeprovisionOnDelete: true}}, "v5": nil,
	} {
		got, err := s.db.DeletedSince(ctx, s.env, since)
		must(t, err)
		same(t, "deleted since "+since, want, got)
	}
}
