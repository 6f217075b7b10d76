package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// openPostgres opens one pool that database/sql and the job queue share.
func openPostgres(ctx context.Context, url string) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL cannot be read; it looks like postgres://user:password@host:5432/name")
	}
	config.MaxConns = max(config.MaxConns, 16)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	return &DB{write: db, read: db, pool: pool, postgres: true, announcer: newAnnouncer(pool)}, nil //nolint:contextcheck // it outlives the opening
}

// forUpdate ends a query whose rows the transaction is about to change, so that two edits of one object cannot lose each
// other. SQLite has one writer.
func (t *tx) forUpdate(of string) string {
	if t.db.postgres {
		return " FOR UPDATE OF " + of
	}
	return ""
}

// The SQLSTATEs that are acted on.
const (
	pgUnique        = "23505"
	pgSerialization = "40001"
	pgDeadlock      = "40P01"
)

func pgCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func retryable(err error) bool {
	code := pgCode(err)
	return code == pgSerialization || code == pgDeadlock
}

func unique(err error) bool { return pgCode(err) == pgUnique || sqliteUnique(err) }
