package storetest

import (
	"testing"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

func (s *suite) drift(id, object, attribute string, ours, theirs any) provision.Drift {
	return provision.Drift{
		ID: id, EnvironmentID: s.env, ConnectionID: "c", Kind: directory.KindUser, ObjectID: object, ObjectName: object, RuleID: "r", RemoteID: "U" + object,
		Attribute: attribute, Ours: ours, Theirs: theirs, How: "found", Status: provision.DriftOpen, FoundAt: at(1_000),
	}
}

func (s *suite) driftOf(t *testing.T, id string) provision.Drift {
	t.Helper()
	d, err := s.db.Drift(t.Context(), s.env, id)
	must(t, err)
	return d
}

func (s *suite) decideDrift(t *testing.T, status provision.DriftStatus, want int64, ids ...string) {
	t.Helper()
	n, err := s.db.DecideDrift(t.Context(), provision.DriftDecision{
		EnvironmentID: s.env, ConnectionID: "c", IDs: ids, Status: status, By: "Anna", At: at(2_000),
		Line: func(d *provision.Drift) directory.Activity {
			return directory.Activity{ID: "line" + d.ID + string(status), EnvironmentID: s.env, Type: "T", Kind: directory.KindUser, ConnectionID: "c", Description: "decided"}
		},
	})
	must(t, err)
	if n != want {
		t.Errorf("%d drifts were decided, want %d", n, want)
	}
}

// testDrift: a thing has one live drift; what is found once more leaves a decision, what is found anew replaces it; the end is kept.
func testDrift(t *testing.T, s *suite) {
	ctx := t.Context()
	must(t, s.db.Record(ctx, []*provision.Account{account(s, "o1", "U1"), account(s, "o2", "U2")}, nil, nil))
	if found, err := s.db.LiveDrift(ctx, "c", directory.KindUser, []string{"o1"}); err != nil || len(found) != 0 {
		t.Fatal(found, err)
	}
	line := directory.Activity{ID: "found", EnvironmentID: s.env, Type: "PROVISIONING_DRIFT.FOUND", Kind: directory.KindUser, ConnectionID: "c"}
	must(t, s.db.SaveDrift(ctx, []provision.Drift{
		s.drift("d1", "o1", "title", "Engineer", "Boss"), s.drift("d2", "o1", "phones", []string{"1", "2"}, nil), s.drift("d3", "o2", "active", true, false),
	}, []directory.Activity{line}))
	found, err := s.db.LiveDrift(ctx, "c", directory.KindUser, []string{"o1", "o9"})
	must(t, err)
	if len(found) != 2 || !provision.SameValue(provision.Drifts(found).Of("phones").Ours, []string{"1", "2"}) {
		t.Errorf("%+v", found)
	}
	if n, err := s.db.DecideDrift(ctx, provision.DriftDecision{EnvironmentID: s.env, ConnectionID: "another", IDs: []string{"d1"}, Status: provision.DriftAccepted, By: "Anna", At: at(2_000),
		Line: func(*provision.Drift) directory.Activity { return line }}); err != nil || n != 0 {
		t.Errorf("a drift of another connection was decided: %d %v", n, err)
	}
	s.decideDrift(t, provision.DriftAccepted, 1, "d1", "none")
	again := s.drift("d4", "o1", "title", "Engineer", "Boss")
	must(t, s.db.SaveDrift(ctx, []provision.Drift{again}, nil))
	if d := s.driftOf(t, "d1"); d.Status != provision.DriftAccepted || d.DecidedBy != "Anna" {
		t.Errorf("found once more: %+v", d)
	}
	if count, err := s.db.CountDrift(ctx, "c", ""); err != nil || count != (provision.DriftCounts{Open: 2, Accepted: 1}) {
		t.Errorf("%+v %v", count, err)
	}
	if count, err := s.db.CountDrift(ctx, "c", "other"); err != nil || count != (provision.DriftCounts{}) {
		t.Errorf("%+v %v", count, err)
	}
	rows, err := s.db.AccountsByObject(ctx, "c", directory.KindUser, []string{"o1"})
	must(t, err)
	if rows[0].Marks != 1 || rows[0].Cause != "decided" || rows[0].DueAt.IsZero() {
		t.Errorf("the decision does not make the row due: %+v", rows[0])
	}
	must(t, s.db.SaveDrift(ctx, []provision.Drift{s.drift("d5", "o1", "title", "Engineer", "Chief")}, nil))
	if d := s.driftOf(t, "d5"); d.Status != provision.DriftOpen || d.Theirs != "Chief" {
		t.Errorf("found anew: %+v", d)
	}
	if _, err := s.db.Drift(ctx, s.env, "d1"); !problem.Is(err, problem.NotFound) {
		t.Errorf("the drift that was replaced: %v", err)
	}
	testDriftEnds(t, s)
}

func testDriftEnds(t *testing.T, s *suite) {
	t.Helper()
	ctx := t.Context()
	hurt := s.drift("d6", "o2", "active", true, false)
	hurt.Hurt, hurt.FoundAt = true, at(1_500)
	must(t, s.db.SaveDrift(ctx, []provision.Drift{hurt}, nil))
	people, err := s.db.CountDrifted(ctx, "c", "", at(999))
	must(t, err)
	active, err := s.db.CountDrifted(ctx, "c", "active", at(999))
	must(t, err)
	later, err := s.db.CountDrifted(ctx, "c", "", at(1_500))
	must(t, err)
	hurts, err := s.db.CountHurt(ctx, "c", at(1_000))
	must(t, err)
	if people != 2 || active != 1 || later != 0 || hurts != 1 {
		t.Errorf("%d people, %d of them active, %d later, %d hurt", people, active, later, hurts)
	}
	s.decideDrift(t, provision.DriftRepairing, 3)
	over := s.driftOf(t, "d5")
	over.Status, over.EndedAt = provision.DriftRepaired, at(3_000)
	must(t, s.db.SaveDrift(ctx, []provision.Drift{over}, nil))
	s.decideDrift(t, provision.DriftAccepted, 0, "d5")
	live, err := s.db.DriftPage(ctx, provision.DriftQuery{EnvironmentID: s.env, ConnectionID: "c", RuleID: "r", Live: true, Limit: 10})
	must(t, err)
	page, err := s.db.DriftPage(ctx, provision.DriftQuery{EnvironmentID: s.env, ObjectID: "o1", Status: provision.DriftRepaired, Attribute: "title", After: "d4", Limit: 10})
	must(t, err)
	if len(live) != 2 || len(page) != 1 || page[0].ID != "d5" {
		t.Errorf("live: %+v, page: %+v", live, page)
	}
	must(t, s.db.PruneDrift(ctx, "c", at(2_999)))
	s.driftOf(t, "d5")
	must(t, s.db.PruneDrift(ctx, "c", at(3_001)))
	if _, err := s.db.Drift(ctx, s.env, "d5"); !problem.Is(err, problem.NotFound) {
		t.Errorf("forgotten: %v", err)
	}
}

// testTrip: a connection is stopped once, in all replicas; to let it go on forgets who was hurt.
func testTrip(t *testing.T, s *suite) {
	ctx := t.Context()
	hurt := s.drift("d1", "o1", "active", true, false)
	hurt.Hurt = true
	must(t, s.db.SaveDrift(ctx, []provision.Drift{hurt}, nil))
	line := directory.Activity{ID: "tripped", EnvironmentID: s.env, Type: "T", Kind: directory.KindConnection, ConnectionID: "c"}
	nothing := func(provision.Trip) *provision.Trip { return nil }
	if err := s.db.ChangeTrip(ctx, s.env, "c", nothing); !problem.Is(err, problem.Conflict) {
		t.Errorf("a connection that is not stopped: %v", err)
	}
	trip := provision.Trip{Kind: provision.TripUpdates, Why: "because", Hurt: 3, Since: at(10)}
	for _, want := range []bool{true, false} {
		if set, err := s.db.SetTrip(ctx, s.env, "c", trip, line); err != nil || set != want {
			t.Errorf("stopped: %v %v", set, err)
		}
	}
	// What the runner keeps does not touch it.
	state, err := s.db.Lease(ctx, s.env, "c", "me", at(100), at(50))
	must(t, err)
	state.Trip = nil
	must(t, s.db.SaveRunner(ctx, "me", state))
	must(t, s.db.ChangeTrip(ctx, s.env, "c", func(t provision.Trip) *provision.Trip { t.Request = provision.TripRepair; return &t }))
	state, err = s.db.Runner(ctx, s.env, "c")
	must(t, err)
	if state.Trip == nil || state.Trip.Why != "because" || state.Trip.Request != provision.TripRepair {
		t.Errorf("%+v", state.Trip)
	}
	must(t, s.db.ChangeTrip(ctx, s.env, "c", nothing, directory.Activity{ID: "on", EnvironmentID: s.env, Type: "T", Kind: directory.KindConnection, ConnectionID: "c"}))
	state, err = s.db.Runner(ctx, s.env, "c")
	must(t, err)
	hurts, err := s.db.CountHurt(ctx, "c", at(0))
	must(t, err)
	if state.Trip != nil || hurts != 0 {
		t.Errorf("%+v, %d hurt", state.Trip, hurts)
	}
}

// testLingering: who keeps access for the grace period is counted until it is over, and is ripe then.
func testLingering(t *testing.T, s *suite) {
	ctx := t.Context()
	first, second, held := account(s, "o1", "U1"), account(s, "o2", "U2"), account(s, "o3", "U3")
	for i, a := range []*provision.Account{first, second, held} {
		a.RuleID, a.Status, a.OutSince, a.DueAt = "r", provision.StatusPending, at(10), at(int64(100*(i+1)))
	}
	held.DueAt, held.Gate.State = at(50), provision.GateHeld
	must(t, s.db.Record(ctx, []*provision.Account{first, second, held}, nil, nil))
	n, next, err := s.db.CountLingering(ctx, "c", "r", at(60))
	must(t, err)
	if n != 2 || !next.Equal(at(100)) {
		t.Errorf("%d linger until %s", n, next)
	}
	ripe, err := s.db.Ripe(ctx, "c", at(150), 10)
	must(t, err)
	if len(ripe) != 1 || ripe[0].ObjectID != "o1" || !ripe[0].OutSince.Equal(at(10)) {
		t.Errorf("%+v", ripe)
	}
}

// testReferences: people are found by what they are called, and who waits for one of them is made due.
func testReferences(t *testing.T, s *suite) {
	ctx := t.Context()
	anna, ben := s.create(t, "Anna"), s.create(t, "ben")
	users, err := s.db.UsersCalled(ctx, s.env, []string{"anna", anna.ID, "ben@example.com", "nobody"})
	must(t, err)
	if len(users) != 2 {
		t.Errorf("%+v", users)
	}
	waits, other := account(s, "o1", "U1"), account(s, "o2", "U2")
	waits.WaitsFor, other.WaitsFor = "anna", "somebody"
	must(t, s.db.Record(ctx, []*provision.Account{waits, other}, nil, nil))
	must(t, s.db.MarkWaiting(ctx, "c", []string{ben.ID, "anna"}, at(50), "because"))
	rows, err := s.db.DueAccounts(ctx, "c", at(60), nil, 10)
	must(t, err)
	if len(rows) != 1 || rows[0].ObjectID != "o1" || rows[0].WaitsFor != "anna" || rows[0].Marks != 1 || rows[0].Cause != "because" {
		t.Errorf("%+v", rows)
	}
}
