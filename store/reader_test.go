package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"lockstep/internal/secret"
)

// TestReaderKeeps: a statement that is run again and again is kept, one that is run once is not, and all answer the same.
func TestReaderKeeps(t *testing.T) {
	ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "lockstep.db"), Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ask := func(ctx context.Context, query string, arg int) int {
		var n int
		if err := db.read.QueryRowContext(ctx, query, arg).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	clear(db.read.ready)
	var group sync.WaitGroup
	for range 8 { // on all connections
		group.Go(func() {
			for n := range 50 {
				if got := ask(t.Context(), `SELECT $1 + 1`, n); got != n+1 {
					t.Errorf("%d + 1 is %d", n, got)
				}
			}
		})
	}
	group.Wait()
	if len(db.read.ready) != 1 {
		t.Errorf("%d statements are kept, want 1", len(db.read.ready))
	}
	for n := range 2 * maxAsked {
		ask(t.Context(), fmt.Sprintf(`SELECT $1 + %d`, n+2), n)
	}
	if len(db.read.ready) != 1 || len(db.read.asked) > maxAsked {
		t.Errorf("%d statements are kept and %d counted of those that were run once", len(db.read.ready), len(db.read.asked))
	}
	for n := range 2 * maxKept {
		for range keepsAfter {
			ask(t.Context(), fmt.Sprintf(`SELECT $1 + %d`, -n), n)
		}
	}
	if len(db.read.ready) != maxKept {
		t.Errorf("%d statements are kept, want %d at most", len(db.read.ready), maxKept)
	}
	if err := db.read.QueryRowContext(t.Context(), `SELECT nothing FROM nowhere`).Scan(new(int)); err == nil {
		t.Error("a statement that cannot be read was run")
	}
	for range 3 {
		if err := db.read.QueryRowContext(t.Context(), `SELECT nothing FROM nowhere`).Scan(new(int)); err == nil {
			t.Error("a statement that cannot be read was run")
		}
	}
}
