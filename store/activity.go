package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"lockstep/directory"
)

const selectActivities = `SELECT seq, id, environment_id, recorded_at, type, kind, object_id, object_name, connection_id, rule_id, correlation_id, success,
 description, actor, changes FROM activities WHERE environment_id = $1`

func scanActivity(s scanner) (directory.Activity, error) {
	var a directory.Activity
	var recorded int64
	var actor, changes []byte
	err := s.Scan(&a.Seq, &a.ID, &a.EnvironmentID, &recorded, &a.Type, &a.Kind, &a.ObjectID, &a.ObjectName, &a.ConnectionID, &a.RuleID,
		&a.CorrelationID, &a.Success, &a.Description, &actor, &changes)
	if err != nil {
		return a, err
	}
	a.RecordedAt = instant(recorded)
	if err := json.Unmarshal(actor, &a.Actor); err != nil {
		return a, err
	}
	return a, json.Unmarshal(changes, &a.Changes)
}

// Activities lists the log, newest first.
func (db *DB) Activities(ctx context.Context, envID string, q directory.ActivityQuery) ([]directory.Activity, error) {
	args := []any{envID}
	var where strings.Builder
	add := func(condition string, value any, there bool) {
		if there {
			args = append(args, value)
			where.WriteString(` AND ` + condition + ` $` + strconv.Itoa(len(args)))
		}
	}
	add("seq <", q.Before, q.Before > 0)
	add("type =", q.Type, q.Type != "")
	add("kind =", string(q.Kind), q.Kind != "")
	add("object_id =", q.ObjectID, q.ObjectID != "")
	add("connection_id =", q.ConnectionID, q.ConnectionID != "")
	add("rule_id =", q.RuleID, q.RuleID != "")
	add("correlation_id =", q.CorrelationID, q.CorrelationID != "")
	add("recorded_at >=", micros(q.Since), !q.Since.IsZero())
	add("recorded_at <", micros(q.Until), !q.Until.IsZero())
	args = append(args, q.Limit)
	return collect(ctx, db.read, scanActivity, selectActivities+where.String()+` ORDER BY seq DESC LIMIT $`+strconv.Itoa(len(args)), args...)
}

// Activity answers one line of the log.
func (db *DB) Activity(ctx context.Context, envID, id string) (directory.Activity, error) {
	return one(db.read.QueryRowContext(ctx, selectActivities+` AND id = $2`, envID, id), scanActivity, "activity")
}

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
