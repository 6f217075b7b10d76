package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// Throughput counts the writes to targets since a time, in steps of equal length: what succeeded, what failed, and the most that was pending.
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
	if err != nil {
		return nil, err
	}
	return out, db.pendingSince(ctx, envID, since, step, out)
}

// sampleEvery is how finely pending work is kept.
const sampleEvery = time.Minute

// sample is how much was pending in a minute.
type sample struct{ at, pending int64 }

func scanSample(s scanner) (sample, error) {
	var out sample
	return out, s.Scan(&out.at, &out.pending)
}

const selectPending = `SELECT at, pending FROM pending_work WHERE environment_id = $1`

// pendingSince fills in what was pending. A number holds until the next one, so a step has the one that it begins with, too.
func (db *DB) pendingSince(ctx context.Context, envID string, since time.Time, step time.Duration, out []directory.Throughput) error {
	samples, err := collect(ctx, db.read, scanSample, selectPending+` AND at < $2 ORDER BY at DESC LIMIT 1`, envID, micros(since))
	if err != nil {
		return err
	}
	later, err := collect(ctx, db.read, scanSample, selectPending+` AND at >= $2 AND at < $3 ORDER BY at`, envID, micros(since), micros(since.Add(time.Duration(len(out))*step)))
	if err != nil {
		return err
	}
	samples = append(samples, later...)
	var held *int64
	for i := range out {
		begin, end := micros(out[i].At), micros(out[i].At.Add(step))
		most := held
		for len(samples) > 0 && samples[0].at < end {
			n := samples[0].pending
			// What was before does not count where the step begins with a number of its own.
			if held = &n; most == nil || n > *most || samples[0].at <= begin {
				most = held
			}
			samples = samples[1:]
		}
		out[i].Pending = most
	}
	return nil
}

// SamplePending notes how much waits to be written for these rules, if it is other than was noted last. It reads what is pending, not what exists.
func (db *DB) SamplePending(ctx context.Context, envID string, at time.Time, rules []provision.Rule) error {
	var pending int64
	for i := range rules {
		var n int64
		err := db.read.QueryRowContext(ctx, `SELECT count(*) FROM accounts WHERE connection_id = $1 AND rule_id = $2 AND kind IN ('USER', 'GROUP') AND status = $3`,
			rules[i].TargetID, rules[i].ID, string(provision.StatusPending)).Scan(&n)
		if err != nil {
			return err
		}
		pending += n
	}
	last, err := collect(ctx, db.read, scanSample, selectPending+` ORDER BY at DESC LIMIT 1`, envID)
	if err != nil || len(last) > 0 && last[0].pending == pending {
		return err
	}
	_, err = db.write.ExecContext(ctx, `INSERT INTO pending_work (environment_id, at, pending) VALUES ($1, $2, $3)
 ON CONFLICT (environment_id, at) DO UPDATE SET pending = CASE WHEN excluded.pending > pending_work.pending THEN excluded.pending ELSE pending_work.pending END`,
		envID, micros(at.Truncate(sampleEvery)), pending)
	return err
}

// ForgetPending forgets what was pending before a time, but for the number that held then.
func (db *DB) ForgetPending(ctx context.Context, before time.Time) error {
	_, err := db.write.ExecContext(ctx, `DELETE FROM pending_work WHERE at < (SELECT max(held.at) FROM pending_work held
 WHERE held.environment_id = pending_work.environment_id AND held.at <= $1)`, micros(before))
	return err
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
