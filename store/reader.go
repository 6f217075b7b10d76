package store

import (
	"context"
	"database/sql"
	"sync"
)

// reader reads. On SQLite it keeps statements prepared that are run again and again: to have a statement read and planned takes longer than
// to find a row. PostgreSQL's driver does so by itself.
type reader struct {
	*sql.DB
	keeps bool

	mu    sync.Mutex
	asked map[string]int // how often a text was, until it is kept
	ready map[string]*sql.Stmt
}

const (
	keepsAfter = 3    // a text that was asked for so often is kept
	maxKept    = 128  // each is kept once a connection, in some kilobytes
	maxAsked   = 1000 // texts that are counted; those with a filter in them are always others
)

func newReader(db *sql.DB, keeps bool) *reader {
	return &reader{DB: db, keeps: keeps, asked: map[string]int{}, ready: map[string]*sql.Stmt{}}
}

// QueryContext is that of sql.DB.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := r.statement(ctx, query); s != nil { //nolint:sqlclosecheck // kept until the store is closed
		return s.QueryContext(ctx, args...)
	}
	return r.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of sql.DB.
func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := r.statement(ctx, query); s != nil { //nolint:sqlclosecheck // kept until the store is closed
		return s.QueryRowContext(ctx, args...)
	}
	return r.DB.QueryRowContext(ctx, query, args...)
}

// statement answers a statement that is kept; nil: it is not.
func (r *reader) statement(ctx context.Context, query string) *sql.Stmt {
	if !r.keeps {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.ready[query]; s != nil || len(r.ready) >= maxKept {
		return s
	}
	if len(r.asked) >= maxAsked {
		clear(r.asked)
	}
	if r.asked[query]++; r.asked[query] < keepsAfter {
		return nil
	}
	s, err := r.PrepareContext(ctx, query) //nolint:sqlclosecheck // kept until the store is closed
	if err != nil {
		return nil // whoever runs it as it is hears what is wrong
	}
	delete(r.asked, query)
	r.ready[query] = s
	return s
}
