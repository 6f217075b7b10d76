package store

import (
	"context"
	"encoding/json"

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

func (t *tx) LockEnvironment(ctx context.Context, envID string, exclusive bool) error {
	return t.lock(ctx, lockEnvironment, envID, exclusive)
}

func (t *tx) UpdateEnvironment(ctx context.Context, e directory.Environment) error {
	r, err := t.ExecContext(ctx, `UPDATE environments SET name = $1 WHERE id = $2`, e.Name, e.ID)
	return affected(r, err, "environment")
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

// barePopulation is a population without its count, which costs what the population has users.
const barePopulation = `SELECT id, environment_id, name, description, is_default, created_at, updated_at, 0 FROM populations WHERE environment_id = $1`

func (t *tx) Population(ctx context.Context, envID, id string) (directory.Population, error) {
	return one(t.QueryRowContext(ctx, barePopulation+` AND id = $2`, envID, id), scanPopulation, "population")
}

func (t *tx) PopulationByName(ctx context.Context, envID, name string) (directory.Population, error) {
	return one(t.QueryRowContext(ctx, barePopulation+` AND name_key = $2`, envID, directory.Fold(name)), scanPopulation, "population")
}

func (t *tx) DefaultPopulation(ctx context.Context, envID string) (directory.Population, error) {
	return one(t.QueryRowContext(ctx, barePopulation+` AND is_default`, envID), scanPopulation, "population")
}

func (t *tx) CountPopulation(ctx context.Context, envID, id string) (int64, error) {
	var n int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM users WHERE environment_id = $1 AND population_id = $2`, envID, id).Scan(&n)
	return n, err
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

const (
	selectAttributes = `SELECT body FROM attributes WHERE environment_id = $1 AND NOT deleted ORDER BY name_key`
	selectDeleted    = `SELECT body FROM attributes WHERE environment_id = $1 AND deleted ORDER BY name_key`
)

// CustomAttributes implements directory.Store.
func (db *DB) CustomAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	return collect(ctx, db.read, scanAttribute, selectAttributes, envID)
}

// DeletedAttributes implements directory.Store.
func (db *DB) DeletedAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	return collect(ctx, db.read, scanAttribute, selectDeleted, envID)
}

func (t *tx) DeletedAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	return collect(ctx, t, scanAttribute, selectDeleted, envID)
}

func (t *tx) CustomAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	return collect(ctx, t, scanAttribute, selectAttributes, envID)
}

func (t *tx) InsertAttribute(ctx context.Context, a directory.Attribute) error {
	t.unique = nil
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
	r, err := t.ExecContext(ctx, `UPDATE attributes SET body = $1 WHERE environment_id = $2 AND id = $3 AND NOT deleted`, string(body), a.EnvironmentID, a.ID)
	return affected(r, err, "attribute")
}

func (t *tx) DeleteAttribute(ctx context.Context, envID, id string) error {
	t.unique = nil
	r, err := t.ExecContext(ctx, `UPDATE attributes SET deleted = $1 WHERE environment_id = $2 AND id = $3 AND NOT deleted`, true, envID, id)
	return affected(r, err, "attribute")
}

func (t *tx) PurgeAttribute(ctx context.Context, envID, id string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM attributes WHERE environment_id = $1 AND id = $2 AND deleted`, envID, id)
	return err
}
