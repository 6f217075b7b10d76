package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"lockstep/audit"
	"lockstep/directory"
)

const selectActivities = `SELECT seq, id, environment_id, recorded_at, type, kind, object_id, object_name, connection_id, rule_id, correlation_id, success,
 description, actor, changes, cause FROM activities WHERE environment_id = $1`

func scanActivity(s scanner) (directory.Activity, error) {
	var a directory.Activity
	var recorded int64
	var actor, changes, cause []byte
	err := s.Scan(&a.Seq, &a.ID, &a.EnvironmentID, &recorded, &a.Type, &a.Kind, &a.ObjectID, &a.ObjectName, &a.ConnectionID, &a.RuleID,
		&a.CorrelationID, &a.Success, &a.Description, &actor, &changes, &cause)
	if err != nil {
		return a, err
	}
	a.RecordedAt = instant(recorded)
	if err := json.Unmarshal(actor, &a.Actor); err != nil {
		return a, err
	}
	if len(cause) > 0 {
		if err := json.Unmarshal(cause, &a.Cause); err != nil {
			return a, err
		}
	}
	return a, json.Unmarshal(changes, &a.Changes)
}

// Activities lists the log, newest first.
func (db *DB) Activities(ctx context.Context, envID string, q directory.ActivityQuery) ([]directory.Activity, error) {
	args := []any{envID}
	where := activityConditions("", q, &args)
	args = append(args, q.Limit)
	return collect(ctx, db.read, scanActivity, selectActivities+where+` ORDER BY seq DESC LIMIT $`+strconv.Itoa(len(args)), args...)
}

// activityConditions narrows by what the query names, the place to start apart.
func activityConditions(table string, q directory.ActivityQuery, args *[]any) string {
	var where strings.Builder
	add := func(condition string, value any, there bool) {
		if there {
			*args = append(*args, value)
			where.WriteString(` AND ` + table + condition + ` $` + strconv.Itoa(len(*args)))
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
	return where.String()
}

// Activity answers one line of the log.
func (db *DB) Activity(ctx context.Context, envID, id string) (directory.Activity, error) {
	return one(db.read.QueryRowContext(ctx, selectActivities+` AND id = $2`, envID, id), scanActivity, "activity")
}

const insertActivity = `INSERT INTO activities (environment_id, seq, id, recorded_at, type, kind, object_id, object_name, connection_id, rule_id,
 correlation_id, success, feed, description, actor, changes, cause, hash)`

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
	n := int64(len(activities))
	before, sealed, err := t.takeNumbers(ctx, envID, n)
	if err != nil {
		return fmt.Errorf("take numbers of the log: %w", err)
	}
	head := before
	rows := make([][]any, n)
	for i, a := range activities {
		head.Seq++
		a.Seq = head.Seq
		record, err := audit.RecordOf(a)
		if err != nil {
			return err
		}
		text, err := record.Text()
		if err != nil {
			return err
		}
		head.Hash = head.Hash.Next(text)
		rows[i] = []any{
			envID, a.Seq, a.ID, micros(a.RecordedAt), a.Type, string(a.Kind), a.ObjectID, a.ObjectName, a.ConnectionID, a.RuleID, a.CorrelationID,
			a.Success, a.Kind.Feed() && a.ConnectionID == "", a.Description, string(record.Actor), string(record.Changes), string(record.Cause), string(head.Hash),
		}
	}
	if err := insertMany(ctx, t, insertActivity, rows, ""); err != nil {
		return err
	}
	return t.keepHead(ctx, before, sealed, head)
}

// Changes lists what the feed has after a number, oldest first.
func (db *DB) Changes(ctx context.Context, envID string, after int64, limit int) ([]directory.Change, error) {
	return collect(ctx, db.read, func(s scanner) (directory.Change, error) {
		var c directory.Change
		var at int64
		var actor []byte
		if err := s.Scan(&c.Seq, &c.Type, &c.Kind, &c.ObjectID, &at, &c.ActivityID, &c.CorrelationID, &actor); err != nil {
			return c, err
		}
		c.At = instant(at)
		return c, json.Unmarshal(actor, &c.Actor)
	}, `SELECT seq, type, kind, object_id, recorded_at, id, correlation_id, actor FROM activities WHERE environment_id = $1 AND seq > $2 AND feed ORDER BY seq LIMIT $3`, envID, after, limit)
}

// FeedHead is the number of the newest entry of the feed; 0 when there is none.
func (db *DB) FeedHead(ctx context.Context, envID string) (int64, error) {
	var seq int64
	err := db.read.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM activities WHERE environment_id = $1 AND feed`, envID).Scan(&seq)
	return seq, err
}
