package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/postgrestest"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/store"
)

// BenchmarkHold measures what the guard costs the store when 10,000 of 100,000 people are to lose access: counting them, holding them, a
// page of the list, and the decision.
func BenchmarkHold(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		benchmarkHold(b, store.Options{Path: filepath.Join(b.TempDir(), "lockstep.db")})
	})
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkHold(b, store.Options{PostgresURL: postgrestest.URL(b)}) })
}

func benchmarkHold(b *testing.B, o store.Options) {
	b.Helper()
	ring, err := secret.LoadRing(filepath.Join(b.TempDir(), "keys.json"))
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(err)
	o.Ring = ring
	db, err := store.Open(b.Context(), o)
	must(err)
	defer func() { _ = db.Close() }()
	env, err := directory.NewService(db, directory.Options{}).Setup(b.Context(), "Test")
	must(err)
	const people, leaving = 100_000, 10_000
	for from := 0; from < people; from += 1000 {
		rows := make([]*provision.Account, 1000)
		for i := range rows {
			n := from + i
			rows[i] = &provision.Account{
				EnvironmentID: env.ID, ConnectionID: "c", Kind: directory.KindUser, ObjectID: fmt.Sprint("o", n), ObjectName: fmt.Sprint("user", n), RuleID: "r", InScope: true,
				Ownership: provision.Managed, RemoteID: fmt.Sprint("U", n), Remote: &provision.Remote{ID: fmt.Sprint("U", n), Active: true, Attributes: provision.Attributes{"userName": fmt.Sprint("user", n)}},
			}
			if n < leaving {
				rows[i].Status, rows[i].Cause, rows[i].Gate = provision.StatusPending, "edited in the directory", provision.Gate{State: provision.GateWaiting, Why: "disabled in the directory"}
			}
		}
		must(db.Record(b.Context(), rows, nil, nil))
	}
	timed := func(what string, work func() error) {
		b.Helper()
		begin := time.Now()
		must(work())
		b.ReportMetric(float64(time.Since(begin).Microseconds())/1000, "ms/"+what)
	}
	for b.Loop() {
		h := provision.DeprovisionHold{ID: fmt.Sprint("h", b.N, time.Now().UnixNano()), EnvironmentID: env.ID, ConnectionID: "c", Status: provision.HoldOpen, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
		since := time.Now().Add(-time.Hour)
		timed("count-gate", func() error { _, err := db.GateCounts(b.Context(), "c", since); return err })
		timed("count-access", func() error { _, err := db.CountAccess(b.Context(), "c", since); return err })
		timed("hold", func() error {
			n, err := db.HoldWaiting(b.Context(), h)
			if err == nil && n != leaving {
				err = fmt.Errorf("%d were held", n)
			}
			return err
		})
		timed("page-of-100", func() error { _, err := db.HeldRows(b.Context(), h.ID, "", "", 100); return err })
		timed("approve", func() error {
			_, n, err := db.DecideHold(b.Context(), env.ID, provision.HoldDecision{
				HoldID: h.ID, Status: provision.HoldApproved, By: "Anna", Said: "approved by Anna", At: time.Now(),
				Line: func(h provision.DeprovisionHold, _, _ int64) directory.Activity {
					return directory.Activity{ID: h.ID, EnvironmentID: env.ID, Type: "PROVISIONING_HOLD.APPROVED", Kind: directory.KindConnection}
				},
			})
			if err == nil && n != leaving {
				err = fmt.Errorf("%d were decided", n)
			}
			return err
		})
	}
}
