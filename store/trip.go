package store

import (
	"context"
	"encoding/json"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// SetTrip stops a connection, unless it is stopped already. It reports whether it did.
func (db *DB) SetTrip(ctx context.Context, envID, connectionID string, trip provision.Trip, line directory.Activity) (bool, error) {
	body, err := json.Marshal(trip)
	if err != nil {
		return false, err
	}
	set := false
	err = db.transact(ctx, func(t *tx) error {
		if err := ensureRunner(ctx, t, envID, connectionID); err != nil {
			return err
		}
		r, err := t.ExecContext(ctx, `UPDATE runners SET trip = $1 WHERE connection_id = $2 AND trip = ''`, string(body), connectionID)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if set = n > 0; err != nil || !set {
			return err
		}
		return t.Append(ctx, []directory.Activity{line})
	})
	return set, err
}

// ChangeTrip changes what is known of a stopped connection; one that is not stopped is a problem.Conflict. A change to nil lets it go on,
// and forgets who was hurt.
func (db *DB) ChangeTrip(ctx context.Context, envID, connectionID string, change func(provision.Trip) *provision.Trip, lines ...directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		const query = `SELECT trip FROM runners WHERE environment_id = $1 AND connection_id = $2 AND trip <> ''`
		trip, err := one(t.QueryRowContext(ctx, query+t.forUpdate("runners"), envID, connectionID), fromJSON[provision.Trip], "trip")
		if problem.Is(err, problem.NotFound) {
			return problem.New(problem.Conflict, "the tripwire has not stopped this connection")
		}
		if err != nil {
			return err
		}
		text := ""
		if next := change(trip); next != nil {
			body, err := json.Marshal(next)
			if err != nil {
				return err
			}
			text = string(body)
		} else if _, err := t.ExecContext(ctx, `UPDATE drifts SET hurt = $1 WHERE connection_id = $2 AND hurt`, false, connectionID); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `UPDATE runners SET trip = $1 WHERE connection_id = $2`, text, connectionID); err != nil {
			return err
		}
		if len(lines) == 0 {
			return nil
		}
		return t.Append(ctx, lines)
	})
}

// CountLingering counts the people of a rule who keep access for the grace period, and says when the first of them loses it. Whose time has
// come, and whose deactivation fails, is tried again and keeps nothing.
func (db *DB) CountLingering(ctx context.Context, connectionID, ruleID string, now time.Time) (int64, time.Time, error) {
	var n, first int64
	const query = `SELECT count(*), coalesce(min(due_at), 0) FROM accounts WHERE connection_id = $1 AND rule_id = $2 AND out_since > 0 AND due_at > $3 AND status = 'PENDING' AND attempts = 0`
	err := db.read.QueryRowContext(ctx, query, connectionID, ruleID, micros(now)).Scan(&n, &first)
	return n, instant(first), err
}

// Ripe lists rows whose grace period is over.
func (db *DB) Ripe(ctx context.Context, connectionID string, now time.Time, limit int) ([]provision.Account, error) {
	return collect(ctx, db.read, scanAccount, selectAccounts+` AND out_since > 0 AND due_at > 0 AND due_at <= $2 AND gate = '' ORDER BY due_at LIMIT $3`,
		connectionID, micros(now), limit)
}
