package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"lockstep/directory"
)

// TestRetention: the hourly housekeeping clears away what is older than is to be kept, says so in the log, and the rest is proved.
func TestRetention(t *testing.T) {
	a, err := where{Data: t.TempDir()}.open(t.Context(), true, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.close() }()
	// The line about the environment is of today, so older ones behind it stay: time stands still in a test, not in a log.
	if err := a.housekeeping(48*time.Hour, slog.New(slog.DiscardHandler))(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := a.db.Chain(t.Context(), a.env.ID)
	if err != nil || first.Base.Seq != 0 {
		t.Fatal(first, err)
	}
	other := directory.Environment{ID: uuid.NewString(), Name: "Old", CreatedAt: time.Now()}
	old := func(age time.Duration) directory.Activity {
		return directory.Activity{
			ID: uuid.NewString(), EnvironmentID: other.ID, RecordedAt: time.Now().Add(-age), Type: "USER.UPDATED", Kind: directory.KindUser, ObjectID: "u", Success: true,
		}
	}
	err = a.db.Edit(t.Context(), func(tx directory.Tx) error {
		if err := tx.InsertEnvironment(t.Context(), other); err != nil {
			return err
		}
		var lines []directory.Activity
		for range 5000 {
			lines = append(lines, old(72*time.Hour))
		}
		return tx.Append(t.Context(), append(lines, old(49*time.Hour), old(47*time.Hour), old(0)))
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := a.housekeeping(48*time.Hour, slog.New(slog.DiscardHandler))(t.Context()); err != nil {
			t.Fatal(err)
		}
		report, err := a.audit.Verify(t.Context(), other.ID, nil, nil)
		if err != nil || !report.Whole || report.Pruned != 5001 || report.Lines != 3 {
			t.Fatalf("%+v %+v %v", report, report.Fault, err)
		}
	}
	rows, err := a.db.Activities(t.Context(), other.ID, directory.ActivityQuery{Limit: 10})
	if err != nil || len(rows) != 3 || rows[0].Type != "AUDIT.PRUNED" {
		t.Fatal(rows, err)
	}
	for keep, good := range map[time.Duration]bool{0: true, time.Hour: false, -time.Hour: false, 24 * time.Hour: true, 8760 * time.Hour: true} {
		if err := checkRetention(keep); (err == nil) != good {
			t.Error(keep, err)
		}
	}
}
