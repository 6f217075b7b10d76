package store

import (
	"context"
	"time"

	"lockstep/access"
	"lockstep/directory"
)

func scanClient(s scanner) (access.Client, error) {
	var c access.Client
	var created int64
	err := s.Scan(&c.ID, &c.EnvironmentID, &c.Name, &c.Role, &c.SecretHash, &created)
	c.CreatedAt = instant(created)
	return c, err
}

const selectClients = `SELECT id, environment_id, name, role, secret_hash, created_at FROM clients`

// InsertClient implements access.Store.
func (db *DB) InsertClient(ctx context.Context, c access.Client, line directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO clients (id, environment_id, name, role, secret_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			c.ID, c.EnvironmentID, c.Name, string(c.Role), c.SecretHash, micros(c.CreatedAt))
		if err != nil {
			return err
		}
		return t.Append(ctx, []directory.Activity{line})
	})
}

// Append implements access.Store.
func (db *DB) Append(ctx context.Context, line directory.Activity) error {
	if _, err := db.Environment(ctx, line.EnvironmentID); err != nil {
		return err
	}
	return db.transact(ctx, func(t *tx) error { return t.Append(ctx, []directory.Activity{line}) })
}

// Client implements access.Store.
func (db *DB) Client(ctx context.Context, id string) (access.Client, error) {
	return one(db.read.QueryRowContext(ctx, selectClients+` WHERE id = $1`, id), scanClient, "client")
}

// Clients implements access.Store.
func (db *DB) Clients(ctx context.Context, envID string) ([]access.Client, error) {
	return collect(ctx, db.read, scanClient, selectClients+` WHERE environment_id = $1 ORDER BY created_at, id`, envID)
}

// DeleteClient implements access.Store.
func (db *DB) DeleteClient(ctx context.Context, envID, id string, line directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		r, err := t.ExecContext(ctx, `DELETE FROM clients WHERE environment_id = $1 AND id = $2`, envID, id)
		if err := affected(r, err, "client"); err != nil {
			return err
		}
		for _, gone := range []string{`DELETE FROM tokens WHERE client_id = $1`, `DELETE FROM role_assignments WHERE principal_id = $1`} {
			if _, err := t.ExecContext(ctx, gone, id); err != nil {
				return err
			}
		}
		return t.Append(ctx, []directory.Activity{line})
	})
}

// InsertToken implements access.Store.
func (db *DB) InsertToken(ctx context.Context, t access.Token) error {
	_, err := db.write.ExecContext(ctx, `INSERT INTO tokens (hash, client_id, environment_id, expires_at) VALUES ($1, $2, $3, $4)`,
		t.Hash, t.ClientID, t.EnvironmentID, micros(t.ExpiresAt))
	return err
}

// Token implements access.Store.
func (db *DB) Token(ctx context.Context, hash string) (access.Token, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT hash, client_id, environment_id, expires_at FROM tokens WHERE hash = $1`, hash),
		func(s scanner) (access.Token, error) {
			var t access.Token
			var expires int64
			err := s.Scan(&t.Hash, &t.ClientID, &t.EnvironmentID, &expires)
			t.ExpiresAt = instant(expires)
			return t, err
		}, "token")
}

// DeleteExpiredTokens implements access.Store.
func (db *DB) DeleteExpiredTokens(ctx context.Context, now time.Time) error {
	for _, table := range []string{"tokens", "sessions", "invitations"} {
		if _, err := db.write.ExecContext(ctx, `DELETE FROM `+table+` WHERE expires_at <= $1`, micros(now)); err != nil { //nolint:gosec // tables of ours
			return err
		}
	}
	return nil
}
