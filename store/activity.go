package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"lockstep/directory"
)

const selectActivities = `SELECT seq, id, environment_id, recorded_at, type, kind, object_id, object_name, connection_id, rule_id, correlation_id, success,
 description, actor, changes FROM activities WHERE environment_id = $1`

func scanActivity(s scanner) (directory.Activity, error) {
	var a directory.Activity
	var recorded int64
	var actor, changes []byte
	err := s.Scan(&a.Seq, &a.ID, &a.EnvironmentID, &recorded, &a.Type, &a.Kind, &a.ObjectID, &a.ObjectName, &a.ConnectionID, &a.RuleID,
		&a.CorrelationID, &a.Success, &a.Description, &actor, &changes)
	if err != nil {
		return a, err
	}
	a.RecordedAt = instant(recorded)
	if err := json.Unmarshal(actor, &a.Actor); err != nil {
		return a, err
	}
	return a, json.Unmarshal(changes, &a.Changes)
}

// Activities lists the log, newest first.
func (db *DB) Activities(ctx context.Context, envID string, q directory.ActivityQuery) ([]directory.Activity, error) {
	args := []any{envID}
	var where strings.Builder
	add := func(condition string, value any, there bool) {
		if there {
			args = append(args, value)
			where.WriteString(` AND ` + condition + ` $` + strconv.Itoa(len(args)))
		}
	}
	add("seq <", q.Before, q.Before > 0)
	add("type =", q.Type, q.Type != "")
	add("kind =", string(q.Kind), q.Kind != "")
	add("object_id =", q.ObjectID, q.ObjectID != "")
	add("connection_id =", q.ConnectionID, q.ConnectionID != "")
	add("rule_id =", q.RuleID, q.RuleID != "")
	add("correlation_id =", q.CorrelationID, q.CorrelationID != "")
	add("recorded_at >=", micros(q.Since), !q.Since.IsZero())
	add("recorded_at <", micros(q.Until), !q.Until.IsZero())
	args = append(args, q.Limit)
	return collect(ctx, db.read, scanActivity, selectActivities+where.String()+` ORDER BY seq DESC LIMIT $`+strconv.Itoa(len(args)), args...)
}

// Activity answers one line of the log.
func (db *DB) Activity(ctx context.Context, envID, id string) (directory.Activity, error) {
	return one(db.read.QueryRowContext(ctx, selectActivities+` AND id = $2`, envID, id), scanActivity, "activity")
}
