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
