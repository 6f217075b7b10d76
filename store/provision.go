package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// provisioningTx is the same transaction with the methods of provision.Tx.
type provisioningTx struct{ *tx }

func fromJSON[T any](s scanner) (T, error) {
	var v T
	var body []byte
	if err := s.Scan(&body); err != nil {
		return v, err
	}
	return v, json.Unmarshal(body, &v)
}

func save(ctx context.Context, q querier, query string, v any, args ...any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, query, append([]any{string(body)}, args...)...)
	return err
}

const selectPlans = `SELECT body FROM plans WHERE environment_id = $1`

// Plans implements provision.Store.
func (db *DB) Plans(ctx context.Context, envID string) ([]provision.Plan, error) {
	return collect(ctx, db.read, fromJSON[provision.Plan], selectPlans, envID)
}

// Plan implements provision.Store.
func (db *DB) Plan(ctx context.Context, envID, id string) (provision.Plan, error) {
	return one(db.read.QueryRowContext(ctx, selectPlans+` AND id = $2`, envID, id), fromJSON[provision.Plan], "plan")
}

func (t provisioningTx) Plans(ctx context.Context, envID string) ([]provision.Plan, error) {
	return collect(ctx, t, fromJSON[provision.Plan], selectPlans, envID)
}

func (t provisioningTx) SavePlan(ctx context.Context, p provision.Plan) error {
	err := save(ctx, t, `INSERT INTO plans (body, id, environment_id) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
		p, p.ID, p.EnvironmentID)
	if unique(err) {
		return problem.New(problem.InvalidData, "the environment has a plan already; there is one plan an environment")
	}
	return err
}

func (t provisioningTx) DeletePlan(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM plans WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "plan")
}

// place is where a secret belongs: a sealed value opens for its own place only.
func place(connectionID, key string) string { return "connection/" + connectionID + "/" + key }

func (db *DB) scanConnection(s scanner) (provision.Connection, error) {
	var c provision.Connection
	var body, sealed []byte
	if err := s.Scan(&body, &sealed); err != nil {
		return c, err
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, err
	}
	var secrets map[string]string
	if err := json.Unmarshal(sealed, &secrets); err != nil {
		return c, err
	}
	c.Secrets = make(map[string]secret.Text, len(secrets))
	for _, key := range slices.Sorted(maps.Keys(secrets)) {
		text, err := db.ring.Open(secrets[key], place(c.ID, key))
		if err != nil {
			c.Unreadable = append(c.Unreadable, key)
			continue
		}
		c.Secrets[key] = text
	}
	return c, nil
}

const selectConnections = `SELECT body, secrets FROM connections WHERE environment_id = $1`

// Connections implements provision.Store.
func (db *DB) Connections(ctx context.Context, envID string) ([]provision.Connection, error) {
	return collect(ctx, db.read, db.scanConnection, selectConnections+` ORDER BY created_at, id`, envID)
}

// Connection implements provision.Store.
func (db *DB) Connection(ctx context.Context, envID, id string) (provision.Connection, error) {
	return one(db.read.QueryRowContext(ctx, selectConnections+` AND id = $2`, envID, id), db.scanConnection, "store")
}

func (t provisioningTx) Connections(ctx context.Context, envID string) ([]provision.Connection, error) {
	return collect(ctx, t, t.db.scanConnection, selectConnections+` ORDER BY created_at, id`, envID)
}

func (t provisioningTx) Connection(ctx context.Context, envID, id string) (provision.Connection, error) {
	return one(t.QueryRowContext(ctx, selectConnections+` AND id = $2`+t.forUpdate("connections"), envID, id), t.db.scanConnection, "store")
}

func (t provisioningTx) SaveConnection(ctx context.Context, c provision.Connection) error {
	sealed, err := t.unreadable(ctx, c.ID)
	if err != nil {
		return err
	}
	if len(c.Secrets) > 0 { // entered anew: what belonged to the ones before, as a refresh token does, must not stop the connection for ever
		clear(sealed)
	}
	for key, text := range c.Secrets {
		sealed[key] = t.db.ring.Seal(text, place(c.ID, key))
	}
	secrets, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	c.Secrets = nil
	return save(ctx, t, `INSERT INTO connections (body, id, environment_id, created_at, secrets) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (id) DO UPDATE SET body = excluded.body, secrets = excluded.secrets`, c, c.ID, c.EnvironmentID, micros(c.CreatedAt), string(secrets))
}

// unreadable answers what is kept and cannot be read, as it is kept: the key file may be found again.
func (t provisioningTx) unreadable(ctx context.Context, id string) (map[string]string, error) {
	var raw string
	kept := map[string]string{}
	switch err := t.QueryRowContext(ctx, `SELECT secrets FROM connections WHERE id = $1`, id).Scan(&raw); {
	case errors.Is(err, sql.ErrNoRows):
		return kept, nil
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal([]byte(raw), &kept); err != nil {
		return nil, err
	}
	maps.DeleteFunc(kept, func(key, sealed string) bool { _, err := t.db.ring.Open(sealed, place(id, key)); return err == nil })
	return kept, nil
}

func (t provisioningTx) DeleteConnection(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM connections WHERE environment_id = $1 AND id = $2`, envID, id)
	if err := affected(r, err, "store"); err != nil {
		return err
	}
	for _, table := range []string{"accounts", "runners", "group_consents", "kept_foreign", "drifts"} {
		if _, err := t.ExecContext(ctx, `DELETE FROM `+table+` WHERE connection_id = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

const selectRules = `SELECT body FROM rules WHERE environment_id = $1`

// Rules implements provision.Store.
func (db *DB) Rules(ctx context.Context, envID string) ([]provision.Rule, error) {
	return collect(ctx, db.read, fromJSON[provision.Rule], selectRules+` AND NOT deleted ORDER BY position`, envID)
}

// Rule implements provision.Store.
func (db *DB) Rule(ctx context.Context, envID, id string) (provision.Rule, error) {
	return one(db.read.QueryRowContext(ctx, selectRules+` AND NOT deleted AND id = $2`, envID, id), fromJSON[provision.Rule], "rule")
}

func (t provisioningTx) Rules(ctx context.Context, envID string, deleted bool) ([]provision.Rule, error) {
	query := selectRules
	if !deleted {
		query += ` AND NOT deleted`
	}
	return collect(ctx, t, fromJSON[provision.Rule], query+` ORDER BY position`, envID)
}

func (t provisioningTx) Rule(ctx context.Context, envID, id string) (provision.Rule, error) {
	return one(t.QueryRowContext(ctx, selectRules+` AND id = $2`+t.forUpdate("rules"), envID, id), fromJSON[provision.Rule], "rule")
}

func (t provisioningTx) SaveRule(ctx context.Context, r provision.Rule) error {
	if r.Position == 0 {
		err := t.QueryRowContext(ctx, `SELECT coalesce(max(position), 0) + 1 FROM rules WHERE environment_id = $1`, r.EnvironmentID).Scan(&r.Position)
		if err != nil {
			return err
		}
	}
	return save(ctx, t, `INSERT INTO rules (body, id, environment_id, position, deleted) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (id) DO UPDATE SET body = excluded.body, deleted = excluded.deleted`, r, r.ID, r.EnvironmentID, r.Position, !r.DeletedAt.IsZero())
}

func (t provisioningTx) PurgeRule(ctx context.Context, envID, id string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM rules WHERE environment_id = $1 AND id = $2`, envID, id)
	return err
}

const selectMappings = `SELECT body FROM mappings WHERE environment_id = $1`

// Mappings implements provision.Store.
func (db *DB) Mappings(ctx context.Context, envID, ruleID string) ([]provision.Mapping, error) {
	return collect(ctx, db.read, fromJSON[provision.Mapping], selectMappings+` AND rule_id = $2 ORDER BY created_at, id`, envID, ruleID)
}

func (db *DB) allMappings(ctx context.Context, envID string) ([]provision.Mapping, error) {
	return collect(ctx, db.read, fromJSON[provision.Mapping], selectMappings+` ORDER BY created_at, id`, envID)
}

// Mapping implements provision.Store.
func (db *DB) Mapping(ctx context.Context, envID, id string) (provision.Mapping, error) {
	return one(db.read.QueryRowContext(ctx, selectMappings+` AND id = $2`, envID, id), fromJSON[provision.Mapping], "mapping")
}

func (t provisioningTx) Mappings(ctx context.Context, envID, ruleID string) ([]provision.Mapping, error) {
	if ruleID == "" {
		return collect(ctx, t, fromJSON[provision.Mapping], selectMappings+` ORDER BY created_at, id`, envID)
	}
	return collect(ctx, t, fromJSON[provision.Mapping], selectMappings+` AND rule_id = $2 ORDER BY created_at, id`, envID, ruleID)
}

func (t provisioningTx) SaveMapping(ctx context.Context, m provision.Mapping) error {
	return save(ctx, t, `INSERT INTO mappings (body, id, environment_id, rule_id, created_at) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (id) DO UPDATE SET body = excluded.body`, m, m.ID, m.EnvironmentID, m.RuleID, micros(m.CreatedAt))
}

func (t provisioningTx) DeleteMapping(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM mappings WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "mapping")
}

func (t provisioningTx) DeleteMappings(ctx context.Context, envID, ruleID string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM mappings WHERE environment_id = $1 AND rule_id = $2`, envID, ruleID)
	return err
}

const selectRevisions = `SELECT id, environment_id, number, previous_id, created_at, created_by, snapshot FROM revisions WHERE environment_id = $1`

func scanRevision(s scanner) (provision.Revision, error) {
	var r provision.Revision
	var created int64
	var snapshot []byte
	err := s.Scan(&r.ID, &r.EnvironmentID, &r.Number, &r.PreviousID, &created, &r.CreatedBy, &snapshot)
	if err != nil {
		return r, err
	}
	r.CreatedAt = instant(created)
	return r, json.Unmarshal(snapshot, &r.Snapshot)
}

// LatestRevision implements provision.Store.
func (db *DB) LatestRevision(ctx context.Context, envID string) (provision.Revision, error) {
	return one(db.read.QueryRowContext(ctx, selectRevisions+` ORDER BY number DESC LIMIT 1`, envID), scanRevision, "revision")
}

// DeletedSince lists the rules that revisions after the one given carried out the deletion of, each once, oldest first; after "" all.
func (db *DB) DeletedSince(ctx context.Context, envID, revisionID string) ([]provision.Rule, error) {
	const query = `SELECT snapshot FROM revisions WHERE environment_id = $1
 AND number > coalesce((SELECT number FROM revisions WHERE environment_id = $1 AND id = $2), 0) ORDER BY number`
	snapshots, err := collect(ctx, db.read, fromJSON[struct{ Deleted []provision.Rule }], query, envID, revisionID)
	var out []provision.Rule
	seen := map[string]bool{}
	for _, s := range snapshots {
		for _, r := range s.Deleted {
			if !seen[r.ID] {
				seen[r.ID] = true
				out = append(out, r)
			}
		}
	}
	return out, err
}

// Revision implements provision.Store.
func (db *DB) Revision(ctx context.Context, envID, id string) (provision.Revision, error) {
	return one(db.read.QueryRowContext(ctx, selectRevisions+` AND id = $2`, envID, id), scanRevision, "revision")
}

// Revisions implements provision.Store.
func (db *DB) Revisions(ctx context.Context, envID string, limit int) ([]provision.Revision, error) {
	const query = `SELECT id, environment_id, number, previous_id, created_at, created_by, '{}' FROM revisions WHERE environment_id = $1`
	return collect(ctx, db.read, scanRevision, query+` ORDER BY number DESC LIMIT $2`, envID, limit)
}

func (t provisioningTx) InsertRevision(ctx context.Context, r *provision.Revision) error {
	err := t.QueryRowContext(ctx, `SELECT coalesce(max(number), 0) + 1 FROM revisions WHERE environment_id = $1`, r.EnvironmentID).Scan(&r.Number)
	if err != nil {
		return err
	}
	if r.Number > 1 {
		const previous = `SELECT id FROM revisions WHERE environment_id = $1 ORDER BY number DESC LIMIT 1`
		if err := t.QueryRowContext(ctx, previous, r.EnvironmentID).Scan(&r.PreviousID); err != nil {
			return err
		}
	}
	snapshot, err := json.Marshal(r.Snapshot)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO revisions (id, environment_id, number, previous_id, created_at, created_by, snapshot)
 VALUES ($1, $2, $3, $4, $5, $6, $7)`, r.ID, r.EnvironmentID, r.Number, r.PreviousID, micros(r.CreatedAt), r.CreatedBy, string(snapshot))
	if unique(err) {
		return problem.New(problem.Conflict, "another revision was published in this moment; try again")
	}
	return err
}
