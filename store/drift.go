package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

const (
	driftLive    = `status IN ('OPEN', 'REPAIRING', 'ACCEPTED')` // as the index of live drifts says it
	selectDrifts = `SELECT body FROM drifts WHERE connection_id = $1`
)

func scanDrift(s scanner) (provision.Drift, error) {
	d, err := fromJSON[provision.Drift](s)
	d.Tidy()
	return d, err
}

// LiveDrift answers the live drifts of objects. Most connections have none, which is asked first.
func (db *DB) LiveDrift(ctx context.Context, connectionID string, kind directory.Kind, objectIDs []string) ([]provision.Drift, error) {
	var some bool
	const exists = `SELECT EXISTS (SELECT 1 FROM drifts WHERE connection_id = $1 AND kind = $2 AND ` + driftLive + `)`
	if err := db.read.QueryRowContext(ctx, exists, connectionID, string(kind)).Scan(&some); err != nil || !some {
		return nil, err
	}
	var out []provision.Drift
	err := chunks(objectIDs, 5000, func(part []string) error {
		args := []any{connectionID, string(kind)}
		found, err := collect(ctx, db.read, scanDrift, selectDrifts+` AND kind = $2 AND `+driftLive+` AND object_id IN (`+db.list(part, &args)+`)`, args...)
		out = append(out, found...)
		return err
	})
	return out, err
}

// SaveDrift keeps drifts that were found, and the end of others, with the activities that tell of them. A live drift takes the place of
// the one that is known of the same thing, unless both say the same: then what was decided stands.
func (db *DB) SaveDrift(ctx context.Context, drifts []provision.Drift, activities []directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		for i := range drifts {
			if err := t.saveDrift(ctx, &drifts[i]); err != nil {
				return err
			}
		}
		if len(activities) == 0 {
			return nil
		}
		return t.Append(ctx, activities)
	})
}

func (t *tx) saveDrift(ctx context.Context, d *provision.Drift) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if !d.Status.Live() {
		_, err := t.ExecContext(ctx, `UPDATE drifts SET status = $1, ended_at = $2, body = $3 WHERE id = $4 AND `+driftLive,
			string(d.Status), micros(d.EndedAt), string(body), d.ID)
		return err
	}
	finding, err := json.Marshal([]any{d.Ours, d.Theirs})
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO drifts (id, environment_id, connection_id, kind, object_id, attribute, member, rule_id, status, finding, hurt,
 found_at, ended_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13)
 ON CONFLICT (connection_id, kind, object_id, attribute, member) WHERE `+driftLive+` DO UPDATE SET id = excluded.id, rule_id = excluded.rule_id,
 status = excluded.status, finding = excluded.finding, hurt = excluded.hurt, found_at = excluded.found_at, body = excluded.body
 WHERE drifts.finding <> excluded.finding OR excluded.hurt`,
		d.ID, d.EnvironmentID, d.ConnectionID, string(d.Kind), d.ObjectID, d.Attribute, d.Member, d.RuleID, string(d.Status), string(finding), d.Hurt,
		micros(d.FoundAt), string(body))
	return err
}

// DriftPage lists drifts in the order in which they were found.
func (db *DB) DriftPage(ctx context.Context, q provision.DriftQuery) ([]provision.Drift, error) {
	args := []any{q.EnvironmentID}
	var where strings.Builder
	add := func(condition, value string) {
		if value != "" {
			args = append(args, value)
			where.WriteString(` AND ` + condition + ` $` + strconv.Itoa(len(args)))
		}
	}
	add("connection_id =", q.ConnectionID)
	add("rule_id =", q.RuleID)
	add("object_id =", q.ObjectID)
	add("status =", string(q.Status))
	add("attribute =", q.Attribute)
	add("id >", q.After)
	if q.Live {
		where.WriteString(` AND ` + driftLive)
	}
	args = append(args, q.Limit)
	return collect(ctx, db.read, scanDrift, `SELECT body FROM drifts WHERE environment_id = $1`+where.String()+` ORDER BY id LIMIT $`+strconv.Itoa(len(args)), args...)
}

// Drift answers one drift.
func (db *DB) Drift(ctx context.Context, envID, id string) (provision.Drift, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT body FROM drifts WHERE environment_id = $1 AND id = $2`, envID, id), scanDrift, "drift")
}

// CountDrift counts the live drifts of a connection, or of one rule of it.
func (db *DB) CountDrift(ctx context.Context, connectionID, ruleID string) (provision.DriftCounts, error) {
	var out provision.DriftCounts
	args := []any{connectionID}
	query := `SELECT coalesce(sum(CASE WHEN status = 'ACCEPTED' THEN 0 ELSE 1 END), 0), coalesce(sum(CASE WHEN status = 'ACCEPTED' THEN 1 ELSE 0 END), 0)
 FROM drifts WHERE connection_id = $1 AND ` + driftLive
	if ruleID != "" {
		args = append(args, ruleID)
		query += ` AND rule_id = $2`
	}
	return out, db.read.QueryRowContext(ctx, query, args...).Scan(&out.Open, &out.Accepted)
}

// CountDrifted counts the people of a connection of whom a drift was found after a time; attribute narrows to one.
func (db *DB) CountDrifted(ctx context.Context, connectionID, attribute string, since time.Time) (int64, error) {
	var n int64
	const query = `SELECT count(DISTINCT object_id) FROM drifts WHERE connection_id = $1 AND kind = 'USER' AND found_at > $2 AND ($3 = '' OR attribute = $3)`
	return n, db.read.QueryRowContext(ctx, query, connectionID, micros(since), attribute).Scan(&n)
}

// CountHurt counts the people whom updates of ours deactivated after a time, and who do not count as settled.
func (db *DB) CountHurt(ctx context.Context, connectionID string, since time.Time) (int64, error) {
	var n int64
	const query = `SELECT count(*) FROM drifts WHERE connection_id = $1 AND hurt AND found_at > $2`
	return n, db.read.QueryRowContext(ctx, query, connectionID, micros(since)).Scan(&n)
}

// DecideDrift carries out a decision: the objects are due. It answers how many drifts were decided; one that has ended is none of them.
func (db *DB) DecideDrift(ctx context.Context, d provision.DriftDecision) (int64, error) {
	var decided int64
	err := db.transact(ctx, func(t *tx) error {
		decided = 0 // the transaction may run again
		if len(d.IDs) == 0 {
			n, err := t.decideOpen(ctx, &d)
			decided = n
			return err
		}
		var lines []directory.Activity
		for _, id := range d.IDs {
			query := `SELECT body FROM drifts WHERE environment_id = $1 AND id = $2 AND connection_id = $3 AND ` + driftLive + t.forUpdate("drifts")
			drift, err := one(t.QueryRowContext(ctx, query, d.EnvironmentID, id, d.ConnectionID), scanDrift, "drift")
			if problem.Is(err, problem.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			line, err := t.decideDrift(ctx, &drift, &d)
			if err != nil {
				return err
			}
			lines = append(lines, line)
		}
		decided = int64(len(lines))
		return t.Append(ctx, lines)
	})
	return decided, err
}

// decideOpen decides about everything that nobody has decided about.
func (t *tx) decideOpen(ctx context.Context, d *provision.DriftDecision) (int64, error) {
	open, err := collect(ctx, t, scanDrift, selectDrifts+` AND environment_id = $2 AND status = 'OPEN' ORDER BY id`+t.forUpdate("drifts"), d.ConnectionID, d.EnvironmentID)
	if err != nil {
		return 0, err
	}
	lines := make([]directory.Activity, len(open))
	for i := range open {
		if lines[i], err = t.decideDrift(ctx, &open[i], d); err != nil {
			return 0, err
		}
	}
	return int64(len(open)), t.Append(ctx, lines)
}

func (t *tx) decideDrift(ctx context.Context, drift *provision.Drift, d *provision.DriftDecision) (directory.Activity, error) {
	drift.Status, drift.DecidedBy, drift.DecidedAt = d.Status, d.By, d.At
	line := d.Line(drift)
	body, err := json.Marshal(drift)
	if err != nil {
		return line, err
	}
	if _, err := t.ExecContext(ctx, `UPDATE drifts SET status = $1, body = $2 WHERE id = $3`, string(d.Status), string(body), drift.ID); err != nil {
		return line, err
	}
	_, err = t.ExecContext(ctx, `UPDATE accounts SET due_at = $1, priority = $2, cause = $3, status = $4, marks = marks + 1
 WHERE connection_id = $5 AND kind = $6 AND object_id = $7`, micros(d.At), int(provision.PriorityLive), line.Description, string(provision.StatusPending),
		drift.ConnectionID, string(drift.Kind), drift.ObjectID)
	return line, err
}

// PruneDrift forgets drifts that ended before a time.
func (db *DB) PruneDrift(ctx context.Context, connectionID string, before time.Time) error {
	_, err := db.write.ExecContext(ctx, `DELETE FROM drifts WHERE connection_id = $1 AND ended_at > 0 AND ended_at < $2`, connectionID, micros(before))
	return err
}
