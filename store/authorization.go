package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"lockstep/internal/secret"
	"lockstep/provision"
)

// secretsOf are an authorization's secrets by the names under which they are sealed.
func secretsOf(a *provision.Authorization) map[string]*secret.Text {
	return map[string]*secret.Text{"client secret": &a.Tokens.ClientSecret, "access token": &a.Tokens.Access, "refresh token": &a.Tokens.Refresh}
}

func placeOf(id, name string) string { return "authorization/" + id + "/" + name }

func (db *DB) scanAuthorization(s scanner) (provision.Authorization, error) {
	var a provision.Authorization
	var body, sealed []byte
	var expires int64
	if err := s.Scan(&a.ID, &a.EnvironmentID, &a.StateHash, &a.Bound, &expires, &body, &sealed); err != nil {
		return a, err
	}
	columns := a
	var values map[string]string
	if err := json.Unmarshal(body, &a); err != nil {
		return a, err
	}
	a.ID, a.EnvironmentID, a.StateHash, a.Bound, a.ExpiresAt = columns.ID, columns.EnvironmentID, columns.StateHash, columns.Bound, instant(expires)
	if err := json.Unmarshal(sealed, &values); err != nil {
		return a, err
	}
	for name, into := range secretsOf(&a) {
		*into = secret.Text{}
		if values[name] == "" {
			continue
		}
		text, err := db.ring.Open(values[name], placeOf(a.ID, name))
		if err != nil {
			return a, fmt.Errorf("authorization %s: %w", a.ID, err)
		}
		*into = text
	}
	return a, nil
}

const authorizationColumns = `id, environment_id, state_hash, bound, expires_at, body, secrets`

// SaveAuthorization implements provision.Authorizations.
func (db *DB) SaveAuthorization(ctx context.Context, a provision.Authorization) error {
	sealed := map[string]string{}
	for name, text := range secretsOf(&a) {
		if !text.IsZero() {
			sealed[name] = db.ring.Seal(*text, placeOf(a.ID, name))
		}
		*text = secret.Text{} // a is a copy
	}
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	secrets, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	_, err = db.write.ExecContext(ctx, `INSERT INTO authorizations (`+authorizationColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
 ON CONFLICT (id) DO UPDATE SET state_hash = excluded.state_hash, expires_at = excluded.expires_at, body = excluded.body, secrets = excluded.secrets`,
		a.ID, a.EnvironmentID, a.StateHash, a.Bound, micros(a.ExpiresAt), string(body), string(secrets))
	return err
}

// TakeAuthorization implements provision.Authorizations. One statement decides, so that a state is used once.
func (db *DB) TakeAuthorization(ctx context.Context, stateHash, bound string) (provision.Authorization, error) {
	return one(db.write.QueryRowContext(ctx, `UPDATE authorizations SET state_hash = '' WHERE state_hash = $1 AND state_hash <> '' AND bound = $2
 RETURNING `+authorizationColumns, stateHash, bound), db.scanAuthorization, "authorization")
}

// AuthorizationByState implements provision.Authorizations.
func (db *DB) AuthorizationByState(ctx context.Context, stateHash string) (provision.Authorization, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT `+authorizationColumns+` FROM authorizations WHERE state_hash = $1 AND state_hash <> ''`, stateHash),
		db.scanAuthorization, "authorization")
}

// Authorization implements provision.Authorizations.
func (db *DB) Authorization(ctx context.Context, envID, id string) (provision.Authorization, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT `+authorizationColumns+` FROM authorizations WHERE environment_id = $1 AND id = $2`, envID, id),
		db.scanAuthorization, "authorization")
}

// DeleteAuthorization implements provision.Authorizations.
func (db *DB) DeleteAuthorization(ctx context.Context, envID, id string) error {
	r, err := db.write.ExecContext(ctx, `DELETE FROM authorizations WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "authorization")
}

// DeleteExpiredAuthorizations implements provision.Authorizations.
func (db *DB) DeleteExpiredAuthorizations(ctx context.Context, now time.Time) error {
	_, err := db.write.ExecContext(ctx, `DELETE FROM authorizations WHERE expires_at <= $1`, micros(now))
	return err
}
