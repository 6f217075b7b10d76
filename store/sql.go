package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"lockstep/internal/problem"
)

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

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
		// Without numbers: SQLite takes $1 for a name, and looks names up one by one.
		statement, err := t.statement(ctx, into+" VALUES (?"+strings.Repeat(",?", width-1)+")"+suffix)
		if err != nil {
			return err
		}
		defer func() { _ = statement.Close() }() // the prepared one stays
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

// list writes what stands in IN (…) for values that come after others: "$4,$5,$6". SQLite takes them as one: reading a statement with
// hundreds of parameters, and binding them one by one, takes it longer than finding the rows. It must be the last to use parameters in
// a statement.
func (db *DB) list(values []string, args *[]any) string {
	if !db.postgres {
		raw, _ := json.Marshal(values) // of texts; it cannot fail
		*args = append(*args, string(raw))
		return "SELECT value FROM json_each(?" + strconv.Itoa(len(*args)) + ")"
	}
	parts := make([]string, len(values))
	for i, v := range values {
		*args = append(*args, v)
		parts[i] = "$" + strconv.Itoa(len(*args))
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
