package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"lockstep/directory"
)

// Throughput counts the writes to targets since a time, in steps of equal length: what succeeded and what failed.
func (db *DB) Throughput(ctx context.Context, envID string, since time.Time, step time.Duration, steps int) ([]directory.Throughput, error) {
	out := make([]directory.Throughput, steps)
	for i := range out {
		out[i].At = since.Add(time.Duration(i) * step)
	}
	from, err := db.firstSince(ctx, envID, micros(since))
	if err != nil {
		return nil, err
	}
	type row struct {
		step    int64
		success bool
		n       int64
	}
	rows, err := collect(ctx, db.read, func(s scanner) (row, error) {
		var r row
		return r, s.Scan(&r.step, &r.success, &r.n)
	}, `SELECT (recorded_at - $1) / $2 AS step, success, count(*) FROM activities
 WHERE environment_id = $3 AND seq >= $4 AND recorded_at >= $1 AND type LIKE 'PROVISIONING!_%!_SYNC.%' ESCAPE '!'
 AND (type LIKE '%.SUCCESS' OR type LIKE '%.FAILURE') GROUP BY 1, 2`, micros(since), step.Microseconds(), envID, from)
	for _, r := range rows {
		switch i := min(r.step, int64(steps-1)); {
		case r.success:
			out[i].Success += r.n
		default:
			out[i].Failed += r.n
		}
	}
	return out, err
}

// firstSince is about where in the log a time begins. The log is in the order of commits, times are nearly so; a minute's grace covers
// what is not. It is found by halving, so that a long log needs no index of times.
func (db *DB) firstSince(ctx context.Context, envID string, since int64) (int64, error) {
	var low, high int64
	if err := db.read.QueryRowContext(ctx, `SELECT seq FROM environments WHERE id = $1`, envID).Scan(&high); err != nil {
		return 0, err
	}
	since -= time.Minute.Microseconds()
	for low < high {
		middle := (low + high) / 2
		var at int64
		err := db.read.QueryRowContext(ctx, `SELECT recorded_at FROM activities WHERE environment_id = $1 AND seq >= $2 ORDER BY seq LIMIT 1`, envID, middle).Scan(&at)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			high = middle
		case err != nil:
			return 0, err
		case at < since:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, nil
}
