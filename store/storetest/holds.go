package storetest

import (
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

func waiting(s *suite, object string) *provision.Account {
	a := account(s, object, "U"+object)
	a.Ownership, a.Remote = provision.Managed, &provision.Remote{ID: a.RemoteID, Active: true}
	a.Status, a.Cause, a.Gate = provision.StatusPending, "because", provision.Gate{State: provision.GateWaiting, Why: "left"}
	return a
}

func (s *suite) gate(t *testing.T, want provision.GateCounts) {
	t.Helper()
	got, err := s.db.GateCounts(t.Context(), "c", at(1_000))
	must(t, err)
	if got != want {
		t.Errorf("the gate has %+v, want %+v", got, want)
	}
}

func (s *suite) openHold(t *testing.T, id string) provision.DeprovisionHold {
	t.Helper()
	h := provision.DeprovisionHold{
		ID: id, EnvironmentID: s.env, ConnectionID: "c", Status: provision.HoldOpen, Cause: "because", CreatedAt: at(10), ExpiresAt: at(20),
		Limits: provision.DeprovisionLimits{Share: 10, Count: 5},
	}
	_, err := s.db.HoldWaiting(t.Context(), h)
	must(t, err)
	return h
}

func decision(h *provision.DeprovisionHold, status provision.HoldStatus, objects ...string) provision.HoldDecision {
	return provision.HoldDecision{
		HoldID: h.ID, Status: status, Objects: objects, By: "Anna", Said: "said by Anna", At: at(30),
		Line: func(h provision.DeprovisionHold, _, _ int64) directory.Activity {
			return directory.Activity{ID: h.ID + string(status), EnvironmentID: h.EnvironmentID, Type: "PROVISIONING_HOLD." + string(status), Kind: directory.KindConnection}
		},
	}
}

// testHolds: rows that wait are held together, are decided together or in parts, and are due then; a decided hold takes nobody.
func testHolds(t *testing.T, s *suite) {
	ctx := t.Context()
	done := account(s, "o0", "U0")
	done.DeprovisionedAt = at(2_000)
	long := account(s, "o9", "U9")
	long.DeprovisionedAt = at(500)
	must(t, s.db.Record(ctx, []*provision.Account{done, long, waiting(s, "o1"), waiting(s, "o2"), waiting(s, "o3")}, nil, nil))
	s.gate(t, provision.GateCounts{Waiting: 3, WaitingRows: 3, Done: 1})
	causes, err := s.db.WaitingCauses(ctx, "c", 5)
	must(t, err)
	if len(causes) != 1 || causes[0] != (provision.WaitingCause{Cause: "because", Kind: directory.KindUser, Rows: 3, ObjectID: "o1"}) {
		t.Errorf("%+v", causes)
	}
	n, err := s.db.CountAccess(ctx, "c", at(1_000))
	must(t, err)
	if n != 3 {
		t.Errorf("%d have access, want 3", n)
	}
	if _, err := s.db.OpenHold(ctx, "c"); !problem.Is(err, problem.NotFound) {
		t.Errorf("nothing is held: %v", err)
	}
	h := s.openHold(t, "h1")
	s.gate(t, provision.GateCounts{Held: 3, HeldRows: 3, Done: 1})
	open, err := s.db.OpenHold(ctx, "c")
	must(t, err)
	if open.ID != h.ID || open.Held != 3 || open.Limits != h.Limits || !open.ExpiresAt.Equal(h.ExpiresAt) {
		t.Errorf("%+v", open)
	}
	rows, err := s.db.HeldRows(ctx, h.ID, "", "", 2)
	must(t, err)
	more, err := s.db.HeldRows(ctx, h.ID, "", rows[1].ID, 2)
	must(t, err)
	if len(rows) != 2 || len(more) != 1 || !rows[0].DueAt.IsZero() || rows[0].Gate != (provision.Gate{State: provision.GateHeld, Why: "left", HoldID: h.ID}) {
		t.Errorf("%+v %+v", rows, more)
	}
	of, err := s.db.CountHeld(ctx, "c", "r")
	must(t, err)
	if of != 3 {
		t.Errorf("%d of the rule are held", of)
	}
	_, decided, err := s.db.DecideHold(ctx, s.env, decision(&h, provision.HoldApproved, "o1"))
	must(t, err)
	stale := rows[0]
	must(t, s.db.Record(ctx, []*provision.Account{&stale}, nil, nil)) // read before the decision: it must not undo it
	due, err := s.db.DueAccounts(ctx, "c", at(40), nil, 10)
	must(t, err)
	if decided != 1 || len(due) != 1 || due[0].ObjectID != "o1" || due[0].Gate != (provision.Gate{State: provision.GateApproved, Why: "left", Said: "said by Anna"}) {
		t.Errorf("%d %+v", decided, due)
	}
	if _, _, err := s.db.DecideHold(ctx, s.env, decision(&h, provision.HoldApproved, "o1")); !problem.Is(err, problem.InvalidData) {
		t.Errorf("somebody who is not held: %v", err)
	}
	_, decided, err = s.db.DecideHold(ctx, s.env, decision(&h, provision.HoldRejected))
	must(t, err)
	after, err := s.db.DeprovisionHold(ctx, s.env, h.ID)
	must(t, err)
	if decided != 2 || after.Status != provision.HoldRejected || after.DecidedBy != "Anna" || after.Held != 0 {
		t.Errorf("%d %+v", decided, after)
	}
	if _, _, err := s.db.DecideHold(ctx, s.env, decision(&h, provision.HoldApproved)); !problem.Is(err, problem.Conflict) {
		t.Errorf("a second decision: %v", err)
	}
	if _, err := s.db.HoldWaiting(ctx, h); !problem.Is(err, problem.Conflict) {
		t.Errorf("a decided hold takes somebody: %v", err)
	}
	if _, err := s.db.DeprovisionHold(ctx, "another", h.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("a hold of another environment: %v", err)
	}
}

// testGatePasses: what waits passes; what is held passes only when that is asked for.
func testGatePasses(t *testing.T, s *suite) {
	ctx := t.Context()
	must(t, s.db.Record(ctx, []*provision.Account{waiting(s, "o1")}, nil, nil))
	h := s.openHold(t, "h1")
	must(t, s.db.Record(ctx, []*provision.Account{waiting(s, "o2")}, nil, nil))
	for held, most := range map[bool]int64{false: 0, true: 1} { // somebody came since they were counted
		none, err := s.db.PassWaiting(ctx, "c", held, most, at(30))
		must(t, err)
		if none != 0 {
			t.Errorf("%d passed", none)
		}
		s.gate(t, provision.GateCounts{Waiting: 1, WaitingRows: 1, Held: 1, HeldRows: 1})
	}
	n, err := s.db.PassWaiting(ctx, "c", false, 1, at(30))
	must(t, err)
	s.gate(t, provision.GateCounts{Passed: 1, Held: 1, HeldRows: 1})
	more, err := s.db.PassWaiting(ctx, "c", true, 1, at(30))
	must(t, err)
	s.gate(t, provision.GateCounts{Passed: 2})
	if n != 1 || more != 1 {
		t.Errorf("%d and %d passed", n, more)
	}
	h.Status, h.DecidedAt = provision.HoldLifted, at(time.Minute.Microseconds())
	must(t, s.db.CloseHold(ctx, h))
	if after, err := s.db.DeprovisionHold(ctx, s.env, h.ID); err != nil || after.Status != provision.HoldLifted {
		t.Errorf("%+v %v", after, err)
	}
	s.openHold(t, "h2") // one open hold a connection: the first one is not in its way
}
