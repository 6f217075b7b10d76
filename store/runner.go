package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

const selectRunner = `SELECT environment_id, connection_id, owner, leased_until, term, paused, resync, trip, body FROM runners`

func scanRunner(s scanner) (provision.RunnerState, error) {
	var r, columns provision.RunnerState
	var until int64
	var trip, body []byte
	err := s.Scan(&columns.EnvironmentID, &columns.ConnectionID, &columns.Owner, &until, &columns.Term, &columns.Paused, &columns.Resync, &trip, &body)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return r, err
	}
	r.EnvironmentID, r.ConnectionID, r.Owner, r.LeasedUntil = columns.EnvironmentID, columns.ConnectionID, columns.Owner, instant(until)
	r.Term, r.Paused, r.Resync = columns.Term, columns.Paused, columns.Resync
	if len(trip) > 0 {
		err = json.Unmarshal(trip, &r.Trip)
	}
	return r, err
}

// Runner answers a connection's state; one that never ran has a zero state.
func (db *DB) Runner(ctx context.Context, envID, connectionID string) (provision.RunnerState, error) {
	r, err := scanRunner(db.read.QueryRowContext(ctx, selectRunner+` WHERE connection_id = $1`, connectionID))
	if errors.Is(err, sql.ErrNoRows) {
		return provision.RunnerState{EnvironmentID: envID, ConnectionID: connectionID}, nil
	}
	return r, err
}

// RunnerStates lists the states of an environment's connections.
func (db *DB) RunnerStates(ctx context.Context, envID string) ([]provision.RunnerState, error) {
	return collect(ctx, db.read, scanRunner, selectRunner+` WHERE environment_id = $1 ORDER BY connection_id`, envID)
}

// ensureRunner makes the row that the statements after it change.
func ensureRunner(ctx context.Context, q querier, envID, connectionID string) error {
	_, err := q.ExecContext(ctx, `INSERT INTO runners (connection_id, environment_id, owner, leased_until, term, paused, resync, body)
 VALUES ($1, $2, '', 0, 0, $3, '', '{}') ON CONFLICT (connection_id) DO NOTHING`, connectionID, envID, false)
	return err
}

// Lease takes or renews the right to run a connection. One statement decides, so two owners never both have it.
func (db *DB) Lease(ctx context.Context, envID, connectionID, owner string, until, now time.Time) (provision.RunnerState, error) {
	var r provision.RunnerState
	err := db.transact(ctx, func(t *tx) error {
		if err := ensureRunner(ctx, t, envID, connectionID); err != nil {
			return err
		}
		result, err := t.ExecContext(ctx, `UPDATE runners SET term = CASE WHEN owner = $2 THEN term ELSE term + 1 END, owner = $2, leased_until = $3
 WHERE connection_id = $1 AND (owner = $2 OR owner = '' OR leased_until <= $4)`, connectionID, owner, micros(until), micros(now))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(provision.ErrLeased, err)
		}
		r, err = scanRunner(t.QueryRowContext(ctx, selectRunner+` WHERE connection_id = $1`, connectionID))
		return err
	})
	return r, err
}

// Unlease gives the right back.
func (db *DB) Unlease(ctx context.Context, connectionID, owner string) error {
	_, err := db.write.ExecContext(ctx, `UPDATE runners SET owner = '', leased_until = 0 WHERE connection_id = $1 AND owner = $2`, connectionID, owner)
	return err
}

// SaveRunner keeps the state, except lease, pause, trip and the resync request.
func (db *DB) SaveRunner(ctx context.Context, owner string, s provision.RunnerState) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	result, err := db.write.ExecContext(ctx, `UPDATE runners SET body = $1 WHERE connection_id = $2 AND owner = $3`, string(body), s.ConnectionID, owner)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return provision.ErrLeased
	}
	return nil
}

// SetPaused pauses or resumes a connection, and logs the line if that changes anything.
func (db *DB) SetPaused(ctx context.Context, envID, connectionID string, paused bool, line directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		if err := ensureRunner(ctx, t, envID, connectionID); err != nil {
			return err
		}
		r, err := t.ExecContext(ctx, `UPDATE runners SET paused = $1 WHERE connection_id = $2 AND paused <> $1`, paused, connectionID)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return t.Append(ctx, []directory.Activity{line})
	})
}

// RequestResync notes that a full reconciliation was asked for.
func (db *DB) RequestResync(ctx context.Context, envID, connectionID, cause string) error {
	return db.transact(ctx, func(t *tx) error {
		if err := ensureRunner(ctx, t, envID, connectionID); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE runners SET resync = $1 WHERE connection_id = $2`, cause, connectionID)
		return err
	})
}

// ClearResync drops the request that has just been answered.
func (db *DB) ClearResync(ctx context.Context, connectionID, cause string) error {
	_, err := db.write.ExecContext(ctx, `UPDATE runners SET resync = '' WHERE connection_id = $1 AND resync = $2`, connectionID, cause)
	return err
}
