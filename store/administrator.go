package store

import (
	"context"
	"time"

	"lockstep/access"
	"lockstep/directory"
)

const selectAdministrators = `SELECT id, environment_id, username, name, role, password_hash, created_at, updated_at, last_sign_on_at FROM administrators`

func scanAdministrator(s scanner) (access.Administrator, error) {
	var a access.Administrator
	var created, updated, signed int64
	err := s.Scan(&a.ID, &a.EnvironmentID, &a.Username, &a.Name, &a.Role, &a.PasswordHash, &created, &updated, &signed)
	a.CreatedAt, a.UpdatedAt, a.LastSignOnAt = instant(created), instant(updated), instant(signed)
	return a, err
}

// administratorTx is an edit of administrators in progress.
type administratorTx struct{ *tx }

// EditAdministrators implements access.Store.
func (db *DB) EditAdministrators(ctx context.Context, fn func(access.AdministratorTx) error) error {
	return db.transact(ctx, func(t *tx) error { return fn(administratorTx{t}) })
}

// Administrator implements access.Store.
func (db *DB) Administrator(ctx context.Context, id string) (access.Administrator, error) {
	return one(db.read.QueryRowContext(ctx, selectAdministrators+` WHERE id = $1`, id), scanAdministrator, "administrator")
}

// AdministratorByUsername implements access.Store.
func (db *DB) AdministratorByUsername(ctx context.Context, folded string) (access.Administrator, error) {
	return one(db.read.QueryRowContext(ctx, selectAdministrators+` WHERE username_key = $1`, folded), scanAdministrator, "administrator")
}

// Administrators implements access.Store.
func (db *DB) Administrators(ctx context.Context, envID string) ([]access.Administrator, error) {
	return collect(ctx, db.read, scanAdministrator, selectAdministrators+` WHERE $1 = '' OR environment_id = $1 ORDER BY username_key`, envID)
}

// LockAdministrators implements access.AdministratorTx. The rows of the environments are what every edit has in common.
func (t administratorTx) LockAdministrators(ctx context.Context) ([]access.Administrator, error) {
	if _, err := t.ExecContext(ctx, `UPDATE environments SET seq = seq`); err != nil {
		return nil, err
	}
	return collect(ctx, t.tx, scanAdministrator, selectAdministrators+` ORDER BY username_key`)
}

// InsertAdministrator implements access.AdministratorTx.
func (t administratorTx) InsertAdministrator(ctx context.Context, a access.Administrator) error {
	_, err := t.ExecContext(ctx, `INSERT INTO administrators
 (id, environment_id, username, username_key, name, role, password_hash, created_at, updated_at, last_sign_on_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		a.ID, a.EnvironmentID, a.Username, directory.Fold(a.Username), a.Name, string(a.Role), a.PasswordHash, micros(a.CreatedAt), micros(a.UpdatedAt), micros(a.LastSignOnAt))
	return err
}

// UpdateAdministrator implements access.AdministratorTx.
func (t administratorTx) UpdateAdministrator(ctx context.Context, a access.Administrator) error {
	r, err := t.ExecContext(ctx, `UPDATE administrators SET name = $1, role = $2, password_hash = $3, updated_at = $4, last_sign_on_at = $5 WHERE id = $6`,
		a.Name, string(a.Role), a.PasswordHash, micros(a.UpdatedAt), micros(a.LastSignOnAt), a.ID)
	return affected(r, err, "administrator")
}

// DeleteAdministrator implements access.AdministratorTx.
func (t administratorTx) DeleteAdministrator(ctx context.Context, id string) error {
	if err := t.DeleteSessions(ctx, id, ""); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM role_assignments WHERE principal_id = $1`, id); err != nil {
		return err
	}
	r, err := t.ExecContext(ctx, `DELETE FROM administrators WHERE id = $1`, id)
	return affected(r, err, "administrator")
}

// DeleteSessions implements access.AdministratorTx.
func (t administratorTx) DeleteSessions(ctx context.Context, administratorID, kept string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM sessions WHERE administrator_id = $1 AND hash <> $2`, administratorID, kept)
	return err
}

// InsertInvitation implements access.AdministratorTx.
func (t administratorTx) InsertInvitation(ctx context.Context, hash string, expires time.Time) error {
	_, err := t.ExecContext(ctx, `INSERT INTO invitations (hash, expires_at) VALUES ($1, $2)`, hash, micros(expires))
	return err
}

// TakeInvitation implements access.AdministratorTx.
func (t administratorTx) TakeInvitation(ctx context.Context, hash string) (time.Time, error) {
	return one(t.QueryRowContext(ctx, `DELETE FROM invitations WHERE hash = $1 RETURNING expires_at`, hash), func(s scanner) (time.Time, error) {
		var expires int64
		err := s.Scan(&expires)
		return instant(expires), err
	}, "invitation")
}

// DeleteInvitations implements access.AdministratorTx.
func (t administratorTx) DeleteInvitations(ctx context.Context) error {
	_, err := t.ExecContext(ctx, `DELETE FROM invitations`)
	return err
}

// InsertSession implements access.AdministratorTx.
func (t administratorTx) InsertSession(ctx context.Context, s access.Session) error {
	_, err := t.ExecContext(ctx, `INSERT INTO sessions (hash, administrator_id, environment_id, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		s.Hash, s.AdministratorID, s.EnvironmentID, micros(s.CreatedAt), micros(s.SeenAt), micros(s.ExpiresAt))
	return err
}

// Session implements access.Store.
func (db *DB) Session(ctx context.Context, hash string) (access.Session, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT hash, administrator_id, environment_id, created_at, seen_at, expires_at FROM sessions WHERE hash = $1`, hash),
		func(s scanner) (access.Session, error) {
			var out access.Session
			var created, seen, expires int64
			err := s.Scan(&out.Hash, &out.AdministratorID, &out.EnvironmentID, &created, &seen, &expires)
			out.CreatedAt, out.SeenAt, out.ExpiresAt = instant(created), instant(seen), instant(expires)
			return out, err
		}, "session")
}

// TouchSession implements access.Store.
func (db *DB) TouchSession(ctx context.Context, hash string, at time.Time) error {
	_, err := db.write.ExecContext(ctx, `UPDATE sessions SET seen_at = $1 WHERE hash = $2`, micros(at), hash)
	return err
}

// DeleteSession implements access.Store.
func (db *DB) DeleteSession(ctx context.Context, hash string) error {
	_, err := db.write.ExecContext(ctx, `DELETE FROM sessions WHERE hash = $1`, hash)
	return err
}
