package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	fast "github.com/go-json-experiment/json"

	"lockstep/directory"
	"lockstep/filter"
)

const selectUser = `SELECT u.id, u.environment_id, u.population_id, p.name, u.username, u.email, u.enabled, u.attrs, u.created_at, u.updated_at
 FROM users u JOIN populations p ON p.id = u.population_id WHERE u.environment_id = $1`

func scanUser(s scanner) (directory.User, error) {
	var u directory.User
	var attrs []byte
	var created, updated int64
	err := s.Scan(&u.ID, &u.EnvironmentID, &u.PopulationID, &u.PopulationName, &u.Username, &u.Email, &u.Enabled, &attrs, &created, &updated)
	if err != nil {
		return u, err
	}
	u.CreatedAt, u.UpdatedAt = instant(created), instant(updated)
	if err := fast.Unmarshal(attrs, &u); err != nil {
		return u, fmt.Errorf("read user %s: %w", u.ID, err)
	}
	return u, nil
}

// User implements directory.Store.
func (db *DB) User(ctx context.Context, envID, id string) (directory.User, error) {
	return one(db.read.QueryRowContext(ctx, selectUser+` AND u.id = $2`, envID, id), scanUser, "user")
}

func (t *tx) User(ctx context.Context, envID, id string) (directory.User, error) {
	return one(t.QueryRowContext(ctx, selectUser+` AND u.id = $2`+t.forUpdate("u"), envID, id), scanUser, "user")
}

// UsersByID implements directory.Store.
func (db *DB) UsersByID(ctx context.Context, envID string, ids []string) ([]directory.User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := []any{envID}
	return collect(ctx, db.read, scanUser, selectUser+` AND u.id IN (`+db.list(ids, &args)+`)`, args...)
}

// UsersByUsername implements directory.Store.
func (db *DB) UsersByUsername(ctx context.Context, envID string, folded []string) (map[string]directory.User, error) {
	return db.usersByUsername(ctx, db.read, envID, folded, "")
}

func (t *tx) UsersByUsername(ctx context.Context, envID string, folded []string) (map[string]directory.User, error) {
	return t.db.usersByUsername(ctx, t, envID, folded, t.forUpdate("u"))
}

func (db *DB) usersByUsername(ctx context.Context, q querier, envID string, folded []string, suffix string) (map[string]directory.User, error) {
	out := make(map[string]directory.User, len(folded))
	if len(folded) == 0 {
		return out, nil
	}
	args := []any{envID}
	users, err := collect(ctx, q, scanUser, selectUser+` AND u.username_key IN (`+db.list(folded, &args)+`)`+suffix, args...)
	for _, u := range users {
		out[directory.Fold(u.Username)] = u
	}
	return out, err
}

// Users implements directory.Store.
func (db *DB) Users(ctx context.Context, envID string, q directory.UserQuery) ([]directory.User, error) {
	args := []any{envID, q.After}
	query := selectUser + ` AND u.id > $2`
	if where := narrow(q.Narrow, &args); where != "" {
		query += ` AND ` + where
	}
	args = append(args, q.Limit)
	return collect(ctx, db.read, scanUser, query+` ORDER BY u.id LIMIT $`+strconv.Itoa(len(args)), args...)
}

// CountUsers implements directory.Store.
func (db *DB) CountUsers(ctx context.Context, envID string) (int64, error) {
	var n int64
	err := db.read.QueryRowContext(ctx, `SELECT count(*) FROM users WHERE environment_id = $1`, envID).Scan(&n)
	return n, err
}

// CountMatching implements directory.Store.
func (db *DB) CountMatching(ctx context.Context, envID string, root filter.Node) (int64, bool, error) {
	args := []any{envID}
	query := `SELECT count(*) FROM users u WHERE u.environment_id = $1`
	if where := narrow(root, &args); where != "" {
		query += ` AND ` + where
	}
	var n int64
	err := db.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, exact(root), err
}

func userRow(u *directory.User) ([]any, error) {
	attrs, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	return []any{
		u.ID, u.EnvironmentID, u.PopulationID, u.Username, directory.Fold(u.Username), u.Email, directory.Fold(u.Email), directory.Fold(u.Name.Given),
		directory.Fold(u.Name.Family), u.ExternalID, u.Enabled, string(attrs), micros(u.CreatedAt), micros(u.UpdatedAt),
	}, nil
}

const (
	insertUser = `INSERT INTO users (id, environment_id, population_id, username, username_key, email, email_key, given_key, family_key, external_id,
 enabled, attrs, created_at, updated_at)`
	updateUser = ` ON CONFLICT (id) DO UPDATE SET population_id = excluded.population_id, username = excluded.username,
 username_key = excluded.username_key, email = excluded.email, email_key = excluded.email_key, given_key = excluded.given_key,
 family_key = excluded.family_key, external_id = excluded.external_id, enabled = excluded.enabled, attrs = excluded.attrs,
 updated_at = excluded.updated_at`
)

func (t *tx) InsertUsers(ctx context.Context, users []directory.User) error {
	return t.putUsers(ctx, users, true)
}

func (t *tx) UpdateUsers(ctx context.Context, users []directory.User) error {
	return t.putUsers(ctx, users, false)
}

func (t *tx) putUsers(ctx context.Context, users []directory.User, isNew bool) error {
	suffix := updateUser
	if isNew {
		suffix = ""
	}
	rows := make([][]any, len(users))
	for i := range users {
		row, err := userRow(&users[i])
		if err != nil {
			return err
		}
		rows[i] = row
	}
	if err := insertMany(ctx, t, insertUser, rows, suffix); unique(err) {
		return directory.ErrUsernameTaken
	} else if err != nil {
		return err
	}
	return t.index(ctx, users, isNew)
}

func (t *tx) DeleteUser(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM users WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "user")
}

// SharedEmails lists the users who have one of the addresses while others have it too.
func (db *DB) SharedEmails(ctx context.Context, envID string, emails []string) ([]string, error) {
	keys := make([]string, len(emails))
	for i, e := range emails {
		keys[i] = directory.Fold(e)
	}
	holders := map[string][]string{}
	err := chunks(keys, idChunk, func(part []string) error {
		args := []any{envID}
		found, err := collect(ctx, db.read, func(s scanner) ([2]string, error) {
			var holder [2]string
			return holder, s.Scan(&holder[0], &holder[1])
		}, `SELECT email_key, id FROM users WHERE environment_id = $1 AND email_key IN (`+db.list(part, &args)+`)`, args...)
		for _, h := range found {
			if h[0] != "" && !slices.Contains(holders[h[0]], h[1]) {
				holders[h[0]] = append(holders[h[0]], h[1])
			}
		}
		return err
	})
	var out []string
	for _, ids := range holders {
		if len(ids) > 1 {
			out = append(out, ids...)
		}
	}
	slices.Sort(out)
	return out, err
}
