package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"lockstep/directory"
)

// openPostgres opens one pool that database/sql and the job queue share.
func openPostgres(ctx context.Context, url string) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL cannot be read; it looks like postgres://user:password@host:5432/name")
	}
	config.MaxConns = max(config.MaxConns, 16)
	config.AfterConnect = endIdle
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	// Transactions get half of the connections at most: however many of them wait for each other, there is one to read with.
	write := stdlib.OpenDBFromPool(pool)
	write.SetMaxOpenConns(int(config.MaxConns) / 2)
	return &DB{write: write, read: newReader(stdlib.OpenDBFromPool(pool), false), pool: pool, postgres: true, announcer: newAnnouncer(pool)}, nil //nolint:contextcheck // it outlives the opening
}

// endIdle has PostgreSQL end a transaction in which nothing is asked any more, where nobody has said otherwise: a process that stands still (a
// machine that was suspended) would keep its rows locked from whoever takes its work over. It is not said with the connection's start, as
// poolers refuse what they do not know there.
func endIdle(ctx context.Context, c *pgx.Conn) error {
	const query = `SELECT set_config('idle_in_transaction_session_timeout', '10s', FALSE) WHERE current_setting('idle_in_transaction_session_timeout') = '0'`
	_, err := c.Exec(ctx, query)
	return err
}

// forUpdate ends a query whose rows the transaction is about to change, so that two edits of one object cannot lose each
// other. SQLite has one writer.
func (t *tx) forUpdate(of string) string {
	if t.db.postgres {
		return " FOR UPDATE OF " + of
	}
	return ""
}

// What a transaction can lock besides rows, as seeds of the hash that PostgreSQL asks for. Others use 7 for groups.
const (
	lockEnvironment   = 1 // populations and attributes of an environment
	lockConfiguration = 2 // what is provisioned
	lockAlerts        = 3 // the alerts of an environment
)

// lock waits for a lock that the end of the transaction gives back. It is fair: who wants it alone is not overtaken by those who
// share it. SQLite has one writer.
func (t *tx) lock(ctx context.Context, what int, id string, exclusive bool) error {
	if !t.db.postgres {
		return nil
	}
	query := `SELECT pg_advisory_xact_lock_shared(hashtextextended($1, $2))`
	if exclusive {
		query = `SELECT pg_advisory_xact_lock(hashtextextended($1, $2))`
	}
	_, err := t.ExecContext(ctx, query, id, what)
	return err
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

// retryable reports whether another transaction was in the way. A unique value that somebody else was given at the same moment is
// seen when the edit is run again.
func retryable(err error) bool {
	code := pgCode(err)
	return code == pgSerialization || code == pgDeadlock || errors.Is(err, directory.ErrValueTaken)
}

func unique(err error) bool { return pgCode(err) == pgUnique || sqliteUnique(err) }

// postgresAppendOnly is sqliteAppendOnly in PostgreSQL's words.
var postgresAppendOnly = []string{
	`CREATE FUNCTION activities_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.seq <= (SELECT seq FROM audit_bases WHERE environment_id = OLD.environment_id) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the activity log is append-only';
END $$`,
	`CREATE TRIGGER activities_append_only BEFORE UPDATE OR DELETE ON activities FOR EACH ROW EXECUTE FUNCTION activities_append_only()`,
	`CREATE TRIGGER activities_stay BEFORE TRUNCATE ON activities FOR EACH STATEMENT EXECUTE FUNCTION activities_append_only()`,
	`CREATE FUNCTION audit_bases_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.seq > OLD.seq AND NEW.environment_id = OLD.environment_id THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the activity log is append-only';
END $$`,
	`CREATE TRIGGER audit_bases_append_only BEFORE UPDATE OR DELETE ON audit_bases FOR EACH ROW EXECUTE FUNCTION audit_bases_append_only()`,
	`CREATE TRIGGER audit_bases_stay BEFORE TRUNCATE ON audit_bases FOR EACH STATEMENT EXECUTE FUNCTION audit_bases_append_only()`,
}

var postgresResealable = []string{
	`CREATE OR REPLACE FUNCTION audit_bases_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.environment_id = OLD.environment_id AND (NEW.seq > OLD.seq OR NEW.seq = OLD.seq AND NEW.hash = OLD.hash) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the activity log is append-only';
END $$`,
}
