package schedule_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/postgrestest"
	"lockstep/internal/secret"
	"lockstep/schedule"
	"lockstep/store"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// stuck is an engine that is asked to run a connection and dies, as it were, before it takes the lease.
type stuck struct{ asked chan struct{} }

func (s stuck) Runnable(context.Context, string) ([]string, error) { return []string{"c"}, nil }
func (s stuck) Running(string) bool                                { return false }
func (s stuck) Owner() string                                      { return "server" }
func (s stuck) Reconcile(context.Context, string, string) error    { return nil }
func (s stuck) RunSlice(ctx context.Context, _, _ string, _ time.Duration) error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestJobOfDeadProcessBlocksNobody: a process that was killed after it had fetched the job and before it took the lease leaves a
// job that is "running" for ever. The next start must run the connection all the same, at once.
func TestJobOfDeadProcessBlocksNobody(t *testing.T) {
	ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{PostgresURL: postgrestest.URL(t), Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := directory.NewService(db, directory.Options{}).Setup(t.Context(), "Test"); err != nil {
		t.Fatal(err)
	}
	e := stuck{asked: make(chan struct{}, 100)} // of both: the database is one, so either may fetch the second job
	for _, process := range []string{"the one that dies", "the one after it"} {
		s, err := schedule.Start(t.Context(), schedule.Config{
			Engine: e, Store: db, Logger: slog.New(slog.DiscardHandler), Reconcile: time.Hour, Expire: func(context.Context) error { return nil },
			Sweep: func(context.Context) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = s.Stop(ctx)
		})
		select {
		case <-e.asked:
		case <-time.After(8 * time.Second):
			t.Fatalf("%s was never asked to run the connection", process)
		}
	}
}

// TestAlive: a schedule is alive until it is stopped.
func TestAlive(t *testing.T) {
	ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "lockstep.db"), Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, err := schedule.Start(t.Context(), schedule.Config{
		Engine: stuck{}, Store: db, Logger: slog.New(slog.DiscardHandler), Expire: func(context.Context) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Alive(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Alive(); err == nil {
		t.Error("a schedule that was stopped is alive")
	}
}
