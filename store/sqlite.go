package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite opens a file: one connection writes, a few read. WAL with synchronous=NORMAL keeps every commit when the process
// is killed; after a loss of power the last few may be missing, which the next reconciliation makes good. Caches are small: what is
// not in them the operating system has, and larger ones made nothing faster (an import of 100,000, a resync of them, a first sync).
func openSQLite(ctx context.Context, path string) (*DB, error) {
	dsn := func(extra string) string {
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
			"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_pragma=temp_store(2)" + extra
	}
	write, err := sql.Open("sqlite", dsn("&_pragma=cache_size(-8192)"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read, err := sql.Open("sqlite", dsn("&_pragma=query_only(1)&_pragma=cache_size(-4096)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(4)
	read.SetMaxIdleConns(4)
	return &DB{write: write, read: newReader(read, true), prepared: prepared{ready: map[string]*sql.Stmt{}}}, nil
}

// prepared keeps statements that write rows: on SQLite a short transaction spends most of its time on having them read. They are
// prepared between transactions, because the one connection that writes belongs to the transaction while it lasts.
type prepared struct {
	mu     sync.Mutex
	ready  map[string]*sql.Stmt
	wanted []string
}

// maxPrepared bounds what is kept; the texts are few.
const maxPrepared = 64

// statement answers a prepared statement for the transaction; it is to be closed.
func (t *tx) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	p := &t.db.prepared
	p.mu.Lock()
	ready := p.ready[text]
	if ready == nil && len(p.ready)+len(p.wanted) < maxPrepared && !slices.Contains(p.wanted, text) {
		p.wanted = append(p.wanted, text)
	}
	p.mu.Unlock()
	if ready == nil {
		return t.PrepareContext(ctx, text)
	}
	return t.StmtContext(ctx, ready), nil
}

// prepareWanted prepares what was asked for. It must not be called in a transaction.
func (db *DB) prepareWanted(ctx context.Context) error {
	p := &db.prepared
	p.mu.Lock()
	wanted := p.wanted
	p.wanted = nil
	p.mu.Unlock()
	for _, text := range wanted {
		statement, err := db.write.PrepareContext(ctx, text) //nolint:sqlclosecheck // kept until the store is closed
		if err != nil {
			return fmt.Errorf("prepare a statement: %w", err)
		}
		p.mu.Lock()
		if p.ready[text] == nil {
			p.ready[text], statement = statement, nil
		}
		p.mu.Unlock()
		if statement != nil { // another transaction was quicker
			_ = statement.Close()
		}
	}
	return nil
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func sqliteUnique(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// sqliteAppendOnly makes the database refuse what the log is not for: lines are never changed, and go only when retention has noted
// the last of them.
var sqliteAppendOnly = []string{
	`CREATE TRIGGER activities_stay BEFORE UPDATE ON activities BEGIN SELECT RAISE(ABORT, 'the activity log is append-only'); END`,
	`CREATE TRIGGER activities_go BEFORE DELETE ON activities
 WHEN OLD.seq > coalesce((SELECT seq FROM audit_bases WHERE environment_id = OLD.environment_id), 0)
 BEGIN SELECT RAISE(ABORT, 'the activity log is append-only'); END`,
	`CREATE TRIGGER audit_bases_stay BEFORE UPDATE ON audit_bases WHEN NEW.seq <= OLD.seq OR NEW.environment_id <> OLD.environment_id
 BEGIN SELECT RAISE(ABORT, 'the activity log is append-only'); END`,
	`CREATE TRIGGER audit_bases_go BEFORE DELETE ON audit_bases BEGIN SELECT RAISE(ABORT, 'the activity log is append-only'); END`,
}

var sqliteResealable = []string{
	`DROP TRIGGER audit_bases_stay`,
	`CREATE TRIGGER audit_bases_stay BEFORE UPDATE ON audit_bases
 WHEN NEW.environment_id <> OLD.environment_id OR NEW.seq < OLD.seq OR NEW.seq = OLD.seq AND NEW.hash <> OLD.hash
 BEGIN SELECT RAISE(ABORT, 'the activity log is append-only'); END`,
}
