// Package store keeps everything, on SQLite (embedded, the default) or PostgreSQL, with one SQL text for both. What has to
// differ is in sqlite.go and postgres.go.
//
// It holds no rules: validation and decisions are made by those who call it.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"lockstep/access"
	"lockstep/alert"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/internal/secret"
	"lockstep/provision"
)

//go:embed migrations/*.sql
var migrations embed.FS

var (
	_ directory.Store          = (*DB)(nil)
	_ provision.Store          = (*DB)(nil)
	_ access.Store             = (*DB)(nil)
	_ audit.Store              = (*DB)(nil)
	_ provision.Authorizations = (*DB)(nil)
	_ alert.Store              = (*DB)(nil)
)

// Options says where things are kept: a file, or a PostgreSQL URL.
type Options struct {
	Path        string
	PostgresURL string
	Ring        *secret.Ring // seals secrets; needed
}

// DB is the store. It is safe for concurrent use.
type DB struct {
	write    *sql.DB // on SQLite a single connection, on PostgreSQL half of the pool
	read     *reader
	pool     *pgxpool.Pool // PostgreSQL only
	postgres bool
	ring     *secret.Ring
	prepared prepared // SQLite only

	announcer *announcer // PostgreSQL only
}

// Open opens the store and brings its schema up to date.
func Open(ctx context.Context, o Options) (*DB, error) {
	var db *DB
	var err error
	if o.PostgresURL != "" {
		db, err = openPostgres(ctx, o.PostgresURL)
	} else {
		db, err = openSQLite(ctx, o.Path)
	}
	if err != nil {
		return nil, err
	}
	db.ring = o.Ring
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	dialect := goose.DialectSQLite3
	if db.postgres {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, db.write, files, goose.WithGoMigrations(
		goose.NewGoMigration(5, &goose.GoFunc{RunTx: db.fillUnique}, nil),
		goose.NewGoMigration(301, &goose.GoFunc{RunTx: db.chainOld}, nil),
		goose.NewGoMigration(302, &goose.GoFunc{RunTx: db.closeLog}, nil),
		goose.NewGoMigration(430, &goose.GoFunc{RunTx: db.resealable}, nil),
	))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// Close ends all connections.
func (db *DB) Close() error {
	if db.announcer != nil {
		db.announcer.close()
	}
	err := errors.Join(db.write.Close(), db.read.Close())
	if db.pool != nil {
		db.pool.Close()
	}
	return err
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.write.PingContext(ctx) }

// WriteDB is the connection that writes go through, for the job queue that lives in the same database.
func (db *DB) WriteDB() *sql.DB { return db.write }

// Pool is PostgreSQL's pool, or nil.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// tx is an edit in progress; it is both directory.Tx and provision.Tx.
type tx struct {
	*sql.Tx
	db     *DB
	unique map[string][]directory.Attribute // the unique attributes of environments, once read
	reseal bool                             // the head of the log is sealed whatever stood there
}

const maxConflicts = 10

// transact runs fn in a transaction, again if another transaction was in its way.
func (db *DB) transact(ctx context.Context, fn func(*tx) error) error {
	for attempt := 1; ; attempt++ {
		err := db.once(ctx, fn)
		if err == nil || !retryable(err) || attempt == maxConflicts {
			return err
		}
	}
}

func (db *DB) once(ctx context.Context, fn func(*tx) error) error {
	if err := db.prepareWanted(ctx); err != nil {
		return err
	}
	t, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = t.Rollback() }() // after a commit it does nothing
	if err := fn(&tx{Tx: t, db: db}); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Edit implements directory.Store.
func (db *DB) Edit(ctx context.Context, fn func(directory.Tx) error) error {
	return db.transact(ctx, func(t *tx) error { return fn(t) })
}

// EditProvisioning implements provision.Store. Edits of what is provisioned come one after another, as on SQLite: a revision
// reads plan, connections, rules and mappings as they belong together, and no edit decides by what another one is changing.
func (db *DB) EditProvisioning(ctx context.Context, fn func(provision.Tx) error) error {
	return db.transact(ctx, func(t *tx) error {
		if err := t.lock(ctx, lockConfiguration, "", true); err != nil {
			return err
		}
		return fn(provisioningTx{t})
	})
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
