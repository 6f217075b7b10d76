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
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

//go:embed migrations/*.sql
var migrations embed.FS

var (
	_ directory.Store = (*DB)(nil)
	_ provision.Store = (*DB)(nil)
	_ access.Store    = (*DB)(nil)
)

// Options says where things are kept: a file, or a PostgreSQL URL.
type Options struct {
	Path        string
	PostgresURL string
	Ring        *secret.Ring // seals secrets; needed
}

// DB is the store. It is safe for concurrent use.
type DB struct {
	write    *sql.DB // on SQLite a single connection
	read     *sql.DB
	pool     *pgxpool.Pool // PostgreSQL only
	postgres bool
	ring     *secret.Ring

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
	provider, err := goose.NewProvider(dialect, db.write, files)
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
	err := db.write.Close()
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
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

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// tx is an edit in progress; it is both directory.Tx and provision.Tx.
type tx struct {
	*sql.Tx
	db *DB
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
	t, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = t.Rollback() }() // after a commit it does nothing
	if err := fn(&tx{t, db}); err != nil {
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

// EditProvisioning implements provision.Store.
func (db *DB) EditProvisioning(ctx context.Context, fn func(provision.Tx) error) error {
	return db.transact(ctx, func(t *tx) error { return fn(provisioningTx{t}) })
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

// insertRows is how many rows one statement writes on PostgreSQL, where every statement is a way there and back.
const insertRows = 250

// insertMany writes rows. On SQLite one prepared statement is run for each row: a statement with thousands of parameters costs
// the square of their number there (measured: 2,200 people a second imported with 250 rows a statement).
func insertMany(ctx context.Context, t *tx, into string, rows [][]any, suffix string) error {
	if len(rows) == 0 {
		return nil
	}
	width := len(rows[0])
	if !t.db.postgres {
		statement, err := t.PrepareContext(ctx, into+" VALUES "+groups(1, width)+suffix)
		if err != nil {
			return err
		}
		defer func() { _ = statement.Close() }()
		for _, row := range rows {
			if _, err := statement.ExecContext(ctx, row...); err != nil {
				return err
			}
		}
		return nil
	}
	for len(rows) > 0 {
		n := min(insertRows, len(rows))
		args := make([]any, 0, n*width)
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := t.ExecContext(ctx, into+" VALUES "+groups(n, width)+suffix, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// groups writes "($1,$2),($3,$4)".
func groups(n, width int) string {
	var b strings.Builder
	b.Grow(n * width * 6)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for j := range width {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i*width + j + 1))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// list writes "$4,$5,$6" for values that come after others. SQLite takes ?4: there $4 is a name, and names are looked up one by
// one. It must be the last to use parameters in a statement.
func (db *DB) list(values []string, args *[]any) string {
	mark := "?"
	if db.postgres {
		mark = "$"
	}
	parts := make([]string, len(values))
	for i, v := range values {
		*args = append(*args, v)
		parts[i] = mark + strconv.Itoa(len(*args))
	}
	return strings.Join(parts, ",")
}

// chunks calls fn with at most size values at a time.
func chunks(values []string, size int, fn func([]string) error) error {
	for len(values) > 0 {
		n := min(size, len(values))
		if err := fn(values[:n]); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// collect reads rows with scan.
func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

type scanner interface{ Scan(dest ...any) error }

// one reads a row that may be missing.
func one[T any](row *sql.Row, scan func(scanner) (T, error), kind string) (T, error) {
	v, err := scan(row)
	if errors.Is(err, sql.ErrNoRows) {
		return v, problem.Missing(kind)
	}
	return v, err
}

// affected turns "no such row" into a problem.
func affected(result sql.Result, err error, kind string) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return problem.Missing(kind)
	}
	return nil
}
