package schedule_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/secret"
	"lockstep/schedule"
	"lockstep/store"
)

// told is an engine that says when it is asked to reconcile.
type told struct {
	stuck

	reconciled chan struct{}
}

func (t told) RunSlice(context.Context, string, string, time.Duration) error { return nil }
func (t told) Running(string) bool                                           { return true }
func (t told) Reconcile(context.Context, string, string) error {
	t.reconciled <- struct{}{}
	return nil
}

// TestReconciliationSurvivesRestarts: a server that is started again and again reconciles when it is due, not a whole day after its
// last start; and again after that.
func TestReconciliationSurvivesRestarts(t *testing.T) {
	ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "lockstep.db"), Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := directory.NewService(db, directory.Options{}).Setup(t.Context(), "Test"); err != nil {
		t.Fatal(err)
	}
	e := told{reconciled: make(chan struct{}, 100)}
	start := func(every time.Duration) (stop func()) {
		t.Helper()
		nothing := func(context.Context) error { return nil }
		s, err := schedule.Start(t.Context(), schedule.Config{Engine: e, Store: db, Logger: slog.New(slog.DiscardHandler), Reconcile: every, Expire: nothing, Sweep: nothing})
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	due := func() (at []string) {
		t.Helper()
		rows, err := db.WriteDB().QueryContext(t.Context(), `SELECT scheduled_at FROM river_job WHERE kind = 'reconcile'`)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				t.Fatal(err)
			}
			at = append(at, one)
		}
		return at
	}
	start(time.Hour)()
	first := due()
	start(time.Hour)()
	if again := due(); len(first) != 1 || len(again) != 1 || first[0] != again[0] {
		t.Fatalf("after the first start %v, after the second %v", first, again)
	}
	start(time.Minute)()
	if sooner := due(); len(sooner) != 1 || sooner[0] >= first[0] {
		t.Fatalf("with a shorter time %v, before %v", sooner, first)
	}
	// An hour passes while nothing runs.
	if _, err := db.WriteDB().ExecContext(t.Context(), `UPDATE river_job SET scheduled_at = datetime('now', '-1 second') WHERE kind = 'reconcile'`); err != nil {
		t.Fatal(err)
	}
	stop := start(time.Second)
	defer stop()
	for n := range 2 {
		select {
		case <-e.reconciled:
		case <-time.After(30 * time.Second):
			t.Fatalf("reconciled %d times", n)
		}
	}
}
