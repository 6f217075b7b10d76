package store

import (
	"context"

	"lockstep/access"
)

const selectAssignments = `SELECT principal_id, environment_id, role FROM role_assignments`

func scanAssignment(s scanner) (access.Assignment, error) {
	var a access.Assignment
	return a, s.Scan(&a.PrincipalID, &a.EnvironmentID, &a.Role)
}

// Assignment implements access.Store.
func (db *DB) Assignment(ctx context.Context, principalID, envID string) (access.Assignment, error) {
	return one(db.read.QueryRowContext(ctx, selectAssignments+` WHERE principal_id = $1 AND environment_id = $2`, principalID, envID), scanAssignment, "role")
}

// AssignmentsOf implements access.Store.
func (db *DB) AssignmentsOf(ctx context.Context, principalID string) ([]access.Assignment, error) {
	return collect(ctx, db.read, scanAssignment, selectAssignments+` WHERE principal_id = $1 ORDER BY environment_id`, principalID)
}

// AssignmentsIn implements access.Store.
func (db *DB) AssignmentsIn(ctx context.Context, envID string) ([]access.Assignment, error) {
	return collect(ctx, db.read, scanAssignment, selectAssignments+` WHERE environment_id = $1 ORDER BY principal_id`, envID)
}

// AllAssignments implements access.AdministratorTx.
func (t administratorTx) AllAssignments(ctx context.Context) ([]access.Assignment, error) {
	return collect(ctx, t.tx, scanAssignment, selectAssignments+` ORDER BY principal_id, environment_id`)
}

// SaveAssignment implements access.AdministratorTx.
func (t administratorTx) SaveAssignment(ctx context.Context, a access.Assignment) error {
	_, err := t.ExecContext(ctx, `INSERT INTO role_assignments (principal_id, environment_id, role) VALUES ($1, $2, $3)
 ON CONFLICT (principal_id, environment_id) DO UPDATE SET role = excluded.role`, a.PrincipalID, a.EnvironmentID, string(a.Role))
	return err
}

// DeleteAssignment implements access.AdministratorTx.
func (t administratorTx) DeleteAssignment(ctx context.Context, principalID, envID string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM role_assignments WHERE principal_id = $1 AND environment_id = $2`, principalID, envID)
	return affected(r, err, "role")
}
