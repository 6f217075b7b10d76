package store_test

import (
	"testing"
	"time"

	"lockstep/internal/postgrestest"
	"lockstep/store"
)

// TestAnnounce: another process hears of an edit at once; who made it does not hear himself; and what is announced last is told
// before the store is closed.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there := open(t, store.Options{PostgresURL: url}), open(t, store.Options{PostgresURL: url})
	heard := map[*store.DB]chan string{here: make(chan string, 10), there: make(chan string, 10)}
	for db, c := range heard {
		go db.Heed(t.Context(), func(env string) { c <- env })
		if first := next(t, c); first != "" {
			t.Errorf("heard %q before anything was announced", first)
		}
	}
	here.Announce("first")
	if env := next(t, heard[there]); env != "first" {
		t.Errorf("heard %q", env)
	}
	here.Announce("last")
	if err := here.Close(); err != nil {
		t.Error(err)
	}
	if env := next(t, heard[there]); env != "last" || len(heard[here]) > 0 {
		t.Errorf("heard %q; the other one %d", env, len(heard[here]))
	}
}

func next(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case env := <-c:
		return env
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is heard")
		return ""
	}
}
