package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"lockstep/directory"
)

func scanEnvironment(s scanner) (directory.Environment, error) {
	var e directory.Environment
	var created int64
	err := s.Scan(&e.ID, &e.Name, &created)
	e.CreatedAt = instant(created)
	return e, err
}

// Environments implements directory.Store.
func (db *DB) Environments(ctx context.Context) ([]directory.Environment, error) {
	return collect(ctx, db.read, scanEnvironment, `SELECT id, name, created_at FROM environments ORDER BY created_at, id`)
}

const selectEnvironment = `SELECT id, name, created_at FROM environments WHERE id = $1`

// Environment implements directory.Store.
func (db *DB) Environment(ctx context.Context, id string) (directory.Environment, error) {
	return one(db.read.QueryRowContext(ctx, selectEnvironment, id), scanEnvironment, "environment")
}

func (t *tx) Environment(ctx context.Context, id string) (directory.Environment, error) {
	return one(t.QueryRowContext(ctx, selectEnvironment, id), scanEnvironment, "environment")
}

// Environments implements directory.Tx.
func (t *tx) Environments(ctx context.Context) ([]directory.Environment, error) {
	if t.db.postgres {
		if _, err := t.ExecContext(ctx, `LOCK TABLE environments IN EXCLUSIVE MODE`); err != nil {
			return nil, err
		}
	}
	return collect(ctx, t, scanEnvironment, `SELECT id, name, created_at FROM environments ORDER BY created_at, id`)
}

func (t *tx) InsertEnvironment(ctx context.Context, e directory.Environment) error {
	_, err := t.ExecContext(ctx, `INSERT INTO environments (id, name, created_at) VALUES ($1, $2, $3)`, e.ID, e.Name, micros(e.CreatedAt))
	return err
}

func scanPopulation(s scanner) (directory.Population, error) {
	var p directory.Population
	var created, updated int64
	err := s.Scan(&p.ID, &p.EnvironmentID, &p.Name, &p.Description, &p.Default, &created, &updated, &p.UserCount)
	p.CreatedAt, p.UpdatedAt = instant(created), instant(updated)
	return p, err
}

const selectPopulation = `SELECT p.id, p.environment_id, p.name, p.description, p.is_default, p.created_at, p.updated_at,
 (SELECT count(*) FROM users u WHERE u.population_id = p.id) FROM populations p WHERE p.environment_id = $1`

// Populations implements directory.Store.
func (db *DB) Populations(ctx context.Context, envID string) ([]directory.Population, error) {
	return collect(ctx, db.read, scanPopulation, selectPopulation+` ORDER BY p.name_key`, envID)
}

// Population implements directory.Store.
func (db *DB) Population(ctx context.Context, envID, id string) (directory.Population, error) {
	return one(db.read.QueryRowContext(ctx, selectPopulation+` AND p.id = $2`, envID, id), scanPopulation, "population")
}

func (t *tx) Population(ctx context.Context, envID, id string) (directory.Population, error) {
	return one(t.QueryRowContext(ctx, selectPopulation+` AND p.id = $2`, envID, id), scanPopulation, "population")
}

func (t *tx) PopulationByName(ctx context.Context, envID, name string) (directory.Population, error) {
	return one(t.QueryRowContext(ctx, selectPopulation+` AND p.name_key = $2`, envID, directory.Fold(name)), scanPopulation, "population")
}

func (t *tx) DefaultPopulation(ctx context.Context, envID string) (directory.Population, error) {
	const query = `SELECT id, environment_id, name, description, is_default, created_at, updated_at, 0 FROM populations WHERE environment_id = $1 AND is_default`
	return one(t.QueryRowContext(ctx, query, envID), scanPopulation, "population")
}

func (t *tx) InsertPopulation(ctx context.Context, p directory.Population) error {
	if err := t.undefault(ctx, p); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `INSERT INTO populations (id, environment_id, name, name_key, description, is_default, created_at, updated_at)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.ID, p.EnvironmentID, p.Name, directory.Fold(p.Name), p.Description, p.Default, micros(p.CreatedAt), micros(p.UpdatedAt))
	return err
}

func (t *tx) undefault(ctx context.Context, p directory.Population) error {
	if !p.Default {
		return nil
	}
	_, err := t.ExecContext(ctx, `UPDATE populations SET is_default = $1 WHERE environment_id = $2 AND id <> $3`, false, p.EnvironmentID, p.ID)
	return err
}

func (t *tx) UpdatePopulation(ctx context.Context, p directory.Population) error {
	if err := t.undefault(ctx, p); err != nil {
		return err
	}
	r, err := t.ExecContext(ctx, `UPDATE populations SET name = $1, name_key = $2, description = $3, is_default = $4, updated_at = $5
 WHERE environment_id = $6 AND id = $7`,
		p.Name, directory.Fold(p.Name), p.Description, p.Default, micros(p.UpdatedAt), p.EnvironmentID, p.ID)
	return affected(r, err, "population")
}

func (t *tx) DeletePopulation(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM populations WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "population")
}

func scanAttribute(s scanner) (directory.Attribute, error) {
	var a directory.Attribute
	var body string
	if err := s.Scan(&body); err != nil {
		return a, err
	}
	return a, json.Unmarshal([]byte(body), &a)
}

const selectAttributes = `SELECT body FROM attributes WHERE environment_id = $1 ORDER BY name_key`

// CustomAttributes implements directory.Store.
func (db *DB) CustomAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	return collect(ctx, db.read, scanAttribute, selectAttributes, envID)
}

func (t *tx) CustomAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	return collect(ctx, t, scanAttribute, selectAttributes, envID)
}

func (t *tx) InsertAttribute(ctx context.Context, a directory.Attribute) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO attributes (id, environment_id, name, name_key, body) VALUES ($1, $2, $3, $4, $5)`,
		a.ID, a.EnvironmentID, a.Name, directory.Fold(a.Name), string(body))
	return err
}

func (t *tx) UpdateAttribute(ctx context.Context, a directory.Attribute) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	r, err := t.ExecContext(ctx, `UPDATE attributes SET body = $1 WHERE environment_id = $2 AND id = $3`, string(body), a.EnvironmentID, a.ID)
	return affected(r, err, "attribute")
}

func (t *tx) DeleteAttribute(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM attributes WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "attribute")
}

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
	if err := json.Unmarshal(attrs, &u); err != nil {
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

func (t *tx) UsersWith(ctx context.Context, envID, attribute string, value any, limit int) ([]string, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	text := string(raw)
	if s, ok := value.(string); ok {
		text = s
	}
	return collect(ctx, t, func(s scanner) (string, error) { var id string; return id, s.Scan(&id) },
		`SELECT id FROM users WHERE environment_id = $1 AND CAST(attrs->'custom'->>CAST($2 AS text) AS text) = $3 LIMIT $4`, envID, attribute, text, limit)
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
	return t.putUsers(ctx, users, "")
}

func (t *tx) UpdateUsers(ctx context.Context, users []directory.User) error {
	return t.putUsers(ctx, users, updateUser)
}

func (t *tx) putUsers(ctx context.Context, users []directory.User, suffix string) error {
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
	return nil
}

func (t *tx) DeleteUser(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM users WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "user")
}

const insertActivity = `INSERT INTO activities (environment_id, seq, id, recorded_at, type, kind, object_id, object_name, connection_id, rule_id,
 correlation_id, success, feed, description, actor, changes)`

// Append implements directory.Tx and provision.Tx. Taking numbers locks the environment's row until the end of the
// transaction, so numbers rise in the order of commits and a reader that follows them misses none.
func (t *tx) Append(ctx context.Context, activities []directory.Activity) error {
	byEnv := map[string][]*directory.Activity{}
	var order []string
	for i := range activities {
		env := activities[i].EnvironmentID
		if byEnv[env] == nil {
			order = append(order, env)
		}
		byEnv[env] = append(byEnv[env], &activities[i])
	}
	for _, env := range order {
		if err := t.appendTo(ctx, env, byEnv[env]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) appendTo(ctx context.Context, envID string, activities []*directory.Activity) error {
	var last int64
	n := int64(len(activities))
	err := t.QueryRowContext(ctx, `UPDATE environments SET seq = seq + $1 WHERE id = $2 RETURNING seq`, n, envID).Scan(&last)
	if err != nil {
		return fmt.Errorf("take numbers of the log: %w", err)
	}
	rows := make([][]any, n)
	for i, a := range activities {
		a.Seq = last - n + int64(i) + 1
		actor, err := json.Marshal(a.Actor)
		if err != nil {
			return err
		}
		changes := []byte("[]")
		if len(a.Changes) > 0 {
			if changes, err = json.Marshal(a.Changes); err != nil {
				return err
			}
		}
		rows[i] = []any{
			envID, a.Seq, a.ID, micros(a.RecordedAt), a.Type, string(a.Kind), a.ObjectID, a.ObjectName, a.ConnectionID, a.RuleID, a.CorrelationID,
			a.Success, a.Kind.Feed() && a.ConnectionID == "", a.Description, string(actor), string(changes),
		}
	}
	return insertMany(ctx, t, insertActivity, rows, "")
}

// Changes lists what the feed has after a number, oldest first.
func (db *DB) Changes(ctx context.Context, envID string, after int64, limit int) ([]directory.Change, error) {
	return collect(ctx, db.read, func(s scanner) (directory.Change, error) {
		var c directory.Change
		var at int64
		err := s.Scan(&c.Seq, &c.Type, &c.Kind, &c.ObjectID, &at)
		c.At = instant(at)
		return c, err
	}, `SELECT seq, type, kind, object_id, recorded_at FROM activities WHERE environment_id = $1 AND seq > $2 AND feed ORDER BY seq LIMIT $3`, envID, after, limit)
}

// FeedHead is the number of the newest entry of the feed; 0 when there is none.
func (db *DB) FeedHead(ctx context.Context, envID string) (int64, error) {
	var seq int64
	err := db.read.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM activities WHERE environment_id = $1 AND feed`, envID).Scan(&seq)
	return seq, err
}
