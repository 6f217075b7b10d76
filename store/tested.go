package store

import (
	"context"
	"encoding/json"

	"lockstep/provision"
)

// Tested implements provision.Store.
func (db *DB) Tested(ctx context.Context, connectionID string) (provision.Tested, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT connection_id, at, checks FROM connection_tests WHERE connection_id = $1`, connectionID),
		func(s scanner) (provision.Tested, error) {
			var t provision.Tested
			var at int64
			var checks []byte
			if err := s.Scan(&t.ConnectionID, &at, &checks); err != nil {
				return t, err
			}
			t.At = instant(at)
			return t, json.Unmarshal(checks, &t.Checks)
		}, "test of the connection")
}

// SaveTested implements provision.Tx.
func (t provisioningTx) SaveTested(ctx context.Context, tested provision.Tested) error {
	checks, err := json.Marshal(tested.Checks)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO connection_tests (connection_id, at, checks) VALUES ($1, $2, $3)
 ON CONFLICT (connection_id) DO UPDATE SET at = excluded.at, checks = excluded.checks`, tested.ConnectionID, micros(tested.At), string(checks))
	return err
}

// ForgetTested implements provision.Tx.
func (t provisioningTx) ForgetTested(ctx context.Context, connectionID string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM connection_tests WHERE connection_id = $1`, connectionID)
	return err
}
