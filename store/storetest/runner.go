package storetest

import (
	"errors"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

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
	for _, id := range []string{"pause", "pause again"} {
		must(t, s.db.SetPaused(ctx, s.env, "c", true, directory.Activity{ID: id, EnvironmentID: s.env, RecordedAt: at(1), Type: "PROVISIONING_SYNC.PAUSED"}))
	}
	lines, err := s.db.Activities(ctx, s.env, directory.ActivityQuery{Limit: 10})
	must(t, err)
	if len(lines) != 2 || lines[0].ID != "pause" { // beside the line of the environment
		t.Errorf("a pause is logged when it changes something, in its transaction: %+v", lines)
	}
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

// testRunners: a right that was given back is free at once, and each connection has its own state.
func testRunners(t *testing.T, s *suite) {
	ctx := t.Context()
	now := at(1_000_000)
	_, err := s.db.Lease(ctx, s.env, "c2", "one", now.Add(time.Minute), now)
	must(t, err)
	_, err = s.db.Lease(ctx, s.env, "c1", "one", now.Add(time.Minute), now)
	must(t, err)
	must(t, s.db.Unlease(ctx, "c1", "two")) // not theirs to give
	if _, err := s.db.Lease(ctx, s.env, "c1", "two", now.Add(time.Minute), now); !errors.Is(err, provision.ErrLeased) {
		t.Errorf("somebody else gave the right back: %v", err)
	}
	must(t, s.db.Unlease(ctx, "c1", "one"))
	_, err = s.db.Lease(ctx, s.env, "c1", "two", now.Add(time.Minute), now)
	must(t, err)
	states, err := s.db.RunnerStates(ctx, s.env)
	must(t, err)
	if len(states) != 2 || states[0].ConnectionID != "c1" || states[0].Owner != "two" || states[0].Term != 2 || states[1].Owner != "one" {
		t.Errorf("%+v", states)
	}
	if none, err := s.db.Runner(ctx, s.env, "c3"); err != nil || none.ConnectionID != "c3" || none.Term != 0 {
		t.Errorf("a connection that never ran: %+v %v", none, err)
	}
}
