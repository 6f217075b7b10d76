package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// DueAccounts lists rows of users that are due, by priority, then by due time, except the objects named.
func (db *DB) DueAccounts(ctx context.Context, connectionID string, now time.Time, except []string, limit int) ([]provision.Account, error) {
	args := []any{connectionID, micros(now)}
	query := selectAccounts + ` AND kind = 'USER' AND due_at > 0 AND due_at <= $2`
	if len(except) > 0 {
		query += ` AND object_id NOT IN (` + db.list(except, &args) + `)`
	}
	args = append(args, limit)
	return collect(ctx, db.read, scanAccount, query+` ORDER BY priority, due_at LIMIT $`+strconv.Itoa(len(args)), args...)
}

// NextDue is the time of the next row that becomes due; zero when there is none.
func (db *DB) NextDue(ctx context.Context, connectionID string) (time.Time, error) {
	var at int64
	err := db.read.QueryRowContext(ctx, `SELECT coalesce(min(due_at), 0) FROM accounts WHERE connection_id = $1 AND due_at > 0`, connectionID).Scan(&at)
	return instant(at), err
}

// CountDue counts the rows of a connection that are due at now.
func (db *DB) CountDue(ctx context.Context, connectionID string, now time.Time) (int64, error) {
	var n int64
	const count = `SELECT count(*) FROM accounts WHERE connection_id = $1 AND due_at > 0 AND due_at <= $2`
	err := db.read.QueryRowContext(ctx, count, connectionID, micros(now)).Scan(&n)
	return n, err
}

// conditions narrows by what the query names.
func conditions(q provision.AccountQuery, args *[]any) string {
	var b strings.Builder
	add := func(column, op, value string) {
		if value != "" {
			*args = append(*args, value)
			b.WriteString(` AND ` + column + ` ` + op + ` $` + strconv.Itoa(len(*args)))
		}
	}
	add("environment_id", "=", q.EnvironmentID)
	add("rule_id", "=", q.RuleID)
	if q.Kind == directory.KindGroup {
		b.WriteString(` AND kind = 'GROUP'`) // in the text, so that the index of groups alone is found
	} else {
		add("kind", "=", string(q.Kind))
	}
	add("object_id", "=", q.ObjectID)
	add("status", "=", string(q.Status))
	add("ownership", "=", string(q.Ownership))
	add("fault_code", "=", q.FaultCode)
	add("id", ">", q.After)
	if q.Name != "" {
		*args = append(*args, likePattern(q.Name))
		n := strconv.Itoa(len(*args))
		b.WriteString(` AND (lower(object_name) LIKE $` + n + ` ESCAPE '!' OR lower(match_key) LIKE $` + n + ` ESCAPE '!')`)
	}
	return b.String()
}

// likePattern matches texts that contain this one.
func likePattern(part string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(part)) + "%"
}

// AccountPage lists rows in the order of their ids.
func (db *DB) AccountPage(ctx context.Context, q provision.AccountQuery) ([]provision.Account, error) {
	args := []any{q.ConnectionID}
	where := conditions(q, &args)
	args = append(args, q.Limit)
	return collect(ctx, db.read, scanAccount, selectAccounts+where+` ORDER BY id LIMIT $`+strconv.Itoa(len(args)), args...)
}

// Account answers one row.
func (db *DB) Account(ctx context.Context, envID, id string) (provision.Account, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE environment_id = $1 AND id = $2`, envID, id), scanAccount, "account")
}

// Orphans lists rows whose user no longer exists.
func (db *DB) Orphans(ctx context.Context, connectionID, after string, limit int) ([]provision.Account, error) {
	return collect(ctx, db.read, scanAccount, selectAccounts+` AND object_id <> '' AND kind = 'USER' AND object_id > $2
 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = accounts.object_id) ORDER BY object_id LIMIT $3`, connectionID, after, limit)
}

// CountAccounts counts the rows of a rule by status. People who left the rule count only while their leaving is not done.
func (db *DB) CountAccounts(ctx context.Context, connectionID, ruleID string, kind directory.Kind) (provision.Counts, error) {
	var out provision.Counts
	type row struct {
		status  provision.SyncStatus
		inScope bool
		n       int64
	}
	rows, err := collect(ctx, db.read, func(s scanner) (row, error) {
		var r row
		return r, s.Scan(&r.status, &r.inScope, &r.n)
	}, `SELECT status, in_scope, count(*) FROM accounts WHERE connection_id = $1 AND rule_id = $2`+ofKind(kind)+` GROUP BY status, in_scope`, connectionID, ruleID)
	for _, r := range rows {
		if r.inScope {
			out.Impacted += r.n
		}
		switch {
		case r.status == provision.StatusPending:
			out.Pending += r.n
		case r.status == provision.StatusFailed:
			out.Failed += r.n
		case !r.inScope:
		case r.status == provision.StatusSuccess:
			out.Success += r.n
		case r.status == provision.StatusUnsynced:
			out.Unsynced += r.n
		case r.status == provision.StatusPartial:
			out.Partial += r.n
		}
	}
	return out, err
}

// FailureCauses lists why the failed objects of a rule fail, the most frequent cause first, each with one of them.
func (db *DB) FailureCauses(ctx context.Context, connectionID, ruleID string) ([]provision.FailureCause, error) {
	return collect(ctx, db.read, func(s scanner) (provision.FailureCause, error) {
		var c provision.FailureCause
		var fault string
		if err := s.Scan(&c.Objects, &fault, &c.Example.ID, &c.Example.Name, &c.Kind); err != nil {
			return c, err
		}
		if fault == "" {
			return c, nil
		}
		return c, json.Unmarshal([]byte(fault), &c.Fault)
	}, `SELECT n, fault, object_id, object_name, kind FROM (SELECT count(*) AS n, min(id) AS first FROM accounts
 WHERE connection_id = $1 AND rule_id = $2 AND status = 'FAILED' GROUP BY fault_code) causes JOIN accounts ON id = first ORDER BY n DESC, fault_code`, connectionID, ruleID)
}
