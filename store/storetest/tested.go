package storetest

import (
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// testTested: the last test of a connection is kept, replaced and forgotten.
func testTested(t *testing.T, s *suite) {
	ctx := t.Context()
	_, err := s.db.Tested(ctx, "c")
	missing(t, "the test of a connection that was not tested", err)
	for i, status := range []string{provision.CheckOK, provision.CheckFailed} {
		tested := provision.Tested{ConnectionID: "c", At: at(int64(i + 1)), Checks: []provision.Check{{Name: "Reachability", Status: status, Message: "m", Hint: "h"}}}
		must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error { return tx.SaveTested(ctx, tested) }))
		got, err := s.db.Tested(ctx, "c")
		must(t, err)
		same(t, "the test", tested, got)
	}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error { return tx.ForgetTested(ctx, "c") }))
	_, err = s.db.Tested(ctx, "c")
	missing(t, "a forgotten test", err)
}

// testThroughput: what was carried out and what failed is counted by steps of time; edits are not.
func testThroughput(t *testing.T, s *suite) {
	ctx := t.Context()
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	line := func(id string, after time.Duration, action string, success bool) directory.Activity {
		return directory.Activity{
			ID: id, EnvironmentID: s.env, RecordedAt: start.Add(after), Type: action, Kind: directory.KindUser, ObjectID: "u", ConnectionID: "c", Success: success,
		}
	}
	const synced, failed = "PROVISIONING_IDENTITY_SYNC.SUCCESS", "PROVISIONING_IDENTITY_SYNC.FAILURE"
	must(t, s.db.Record(ctx, nil, nil, []directory.Activity{
		line("before", -time.Second, synced, true), line("a", 0, synced, true), line("b", 59*time.Second, synced, true),
		line("c", time.Minute, failed, false), line("an edit", time.Second, "USER.UPDATED", true),
	}))
	got, err := s.db.Throughput(ctx, s.env, start, time.Minute, 2)
	must(t, err)
	same(t, "the throughput", []directory.Throughput{{At: start, Success: 2}, {At: start.Add(time.Minute), Failed: 1}}, got)
}

// testPendingWork: how much is pending is noted by the minute, only where it is other than before, and holds until the next number; what is
// old is forgotten, but for the number that holds still.
func testPendingWork(t *testing.T, s *suite) {
	ctx := t.Context()
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	rules := []provision.Rule{{ID: "r1", TargetID: "c1"}, {ID: "r2", TargetID: "c2"}}
	account := func(id, connection, rule string, kind directory.Kind, status provision.SyncStatus) *provision.Account {
		return &provision.Account{ID: id, EnvironmentID: s.env, ConnectionID: connection, Kind: kind, ObjectID: id, RuleID: rule, Status: status, UpdatedAt: start}
	}
	sample := func(after time.Duration, rows ...*provision.Account) {
		t.Helper()
		must(t, s.db.Record(ctx, rows, nil, nil))
		must(t, s.db.SamplePending(ctx, s.env, start.Add(after), rules))
	}
	pending := func(since, step time.Duration, steps int) []int64 {
		t.Helper()
		got, err := s.db.Throughput(ctx, s.env, start.Add(since), step, steps)
		must(t, err)
		out := make([]int64, len(got))
		for i := range got {
			if out[i] = -1; got[i].Pending != nil {
				out[i] = *got[i].Pending
			}
		}
		return out
	}
	a, b := account("a", "c1", "r1", directory.KindUser, provision.StatusPending), account("b", "c2", "r2", directory.KindGroup, provision.StatusPending)
	sample(time.Minute+10*time.Second, a, b, account("c", "c1", "r1", directory.KindUser, provision.StatusSuccess), account("d", "c1", "elsewhere", directory.KindUser, provision.StatusPending))
	a.Status = provision.StatusSuccess
	sample(time.Minute+40*time.Second, a) // the minute keeps the most
	sample(4*time.Minute, a)
	b.Status = provision.StatusSuccess
	sample(5*time.Minute, b)
	sample(6*time.Minute, b)
	same(t, "by the minute", []int64{-1, 2, 2, 2, 1, 0, 0}, pending(0, time.Minute, 7))
	same(t, "by more than a minute", []int64{2, 2, 1, 0}, pending(0, 2*time.Minute, 4))
	same(t, "from the middle", []int64{2, 1}, pending(3*time.Minute, time.Minute, 2))
	must(t, s.db.ForgetPending(ctx, start.Add(4*time.Minute+time.Second)))
	same(t, "after what is old was forgotten", []int64{-1, -1, 1, 0}, pending(2*time.Minute, time.Minute, 4))
	must(t, s.db.ForgetPending(ctx, start.Add(time.Hour)))
	same(t, "what holds still", []int64{0}, pending(time.Hour, time.Minute, 1))
}
