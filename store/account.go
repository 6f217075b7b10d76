package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	fast "github.com/go-json-experiment/json"

	"lockstep/directory"
	"lockstep/provision"
)

const accountColumns = `id, environment_id, connection_id, kind, object_id, object_name, rule_id, in_scope, ownership, remote_id, match_key, remote,
 assigned, phase, status, fault, fault_code, detail, attempts, due_at, priority, cause, origin, synced_at, updated_at, marks,
 gate, gate_why, gate_said, hold_id, deprovisioned_at, out_since, waits_for, gate_members, gate_leaving, basis`

const selectAccounts = `SELECT ` + accountColumns + ` FROM accounts WHERE connection_id = $1`

// ofKind names a kind in a statement's text. Were it a parameter, SQLite would look at its value, as there are indexes of one kind alone, and
// would plan a statement that is kept anew each time.
func ofKind(kind directory.Kind) string {
	return ` AND kind = '` + strings.ReplaceAll(string(kind), `'`, `''`) + `'`
}

func scanAccount(s scanner) (provision.Account, error) {
	var a provision.Account
	var remote, assigned, fault, code, origin, leaving string
	var due, synced, updated, deprovisioned, out int64
	err := s.Scan(&a.ID, &a.EnvironmentID, &a.ConnectionID, &a.Kind, &a.ObjectID, &a.ObjectName, &a.RuleID, &a.InScope, &a.Ownership, &a.RemoteID,
		&a.MatchKey, &remote, &assigned, &a.Phase, &a.Status, &fault, &code, &a.Detail, &a.Attempts, &due, &a.Priority, &a.Cause, &origin, &synced, &updated, &a.Marks,
		&a.Gate.State, &a.Gate.Why, &a.Gate.Said, &a.Gate.HoldID, &deprovisioned, &out, &a.WaitsFor, &a.Gate.Members, &leaving, &a.Basis)
	if err != nil {
		return a, err
	}
	a.DueAt, a.SyncedAt, a.UpdatedAt, a.DeprovisionedAt = instant(due), instant(synced), instant(updated), instant(deprovisioned)
	if origin != "" {
		if err := json.Unmarshal([]byte(origin), &a.Origin); err != nil {
			return a, fmt.Errorf("read account %s: %w", a.ID, err)
		}
	}
	a.OutSince = instant(out)
	if remote != "" {
		if err := fast.Unmarshal([]byte(remote), &a.Remote); err != nil {
			return a, fmt.Errorf("read account %s: %w", a.ID, err)
		}
		tidy(a.Remote.Attributes)
	}
	if assigned != "" {
		if err := json.Unmarshal([]byte(assigned), &a.Assigned); err != nil {
			return a, fmt.Errorf("read account %s: %w", a.ID, err)
		}
	}
	if leaving != "" {
		if err := json.Unmarshal([]byte(leaving), &a.Leaving); err != nil {
			return a, fmt.Errorf("read account %s: %w", a.ID, err)
		}
	}
	if fault != "" {
		if err := json.Unmarshal([]byte(fault), &a.Fault); err != nil {
			return a, fmt.Errorf("read account %s: %w", a.ID, err)
		}
	}
	return a, nil
}

// tidy gives lists back the type they were stored with.
func tidy(attributes provision.Attributes) {
	for name, v := range attributes {
		if list, ok := v.([]any); ok {
			texts := make([]string, 0, len(list))
			for _, e := range list {
				if s, ok := e.(string); ok {
					texts = append(texts, s)
				}
			}
			attributes[name] = texts
		}
	}
}

func optional(v any, there bool) (string, error) {
	if !there {
		return "", nil
	}
	raw, err := json.Marshal(v)
	return string(raw), err
}

func accountRow(a *provision.Account) ([]any, error) {
	remote, err := optional(a.Remote, a.Remote != nil)
	if err != nil {
		return nil, err
	}
	assigned, err := optional(a.Assigned, len(a.Assigned) > 0)
	if err != nil {
		return nil, err
	}
	fault, err := optional(a.Fault, a.Fault != nil)
	if err != nil {
		return nil, err
	}
	origin, err := optional(a.Origin, !a.Origin.IsZero())
	if err != nil {
		return nil, err
	}
	leaving, err := optional(a.Leaving, len(a.Leaving) > 0)
	if err != nil {
		return nil, err
	}
	code := ""
	if a.Fault != nil {
		code = a.Fault.Code
	}
	return []any{
		a.ID, a.EnvironmentID, a.ConnectionID, string(a.Kind), a.ObjectID, a.ObjectName, a.RuleID, a.InScope, string(a.Ownership), a.RemoteID, a.MatchKey,
		remote, assigned, string(a.Phase), string(a.Status), fault, code, a.Detail, a.Attempts, micros(a.DueAt), int(a.Priority), a.Cause, origin,
		micros(a.SyncedAt), micros(a.UpdatedAt), a.Marks,
		string(a.Gate.State), a.Gate.Why, a.Gate.Said, a.Gate.HoldID, micros(a.DeprovisionedAt), micros(a.OutSince), a.WaitsFor, a.Gate.Members, leaving, a.Basis,
	}, nil
}

// upsertAccount leaves the work that MarkDue made of a row, and what was decided about it, to whoever reads the row after the mark. Of which
// connection it is never changes: an index of those columns alone is not written again.
var upsertAccount = func() string {
	var set []string
	for column := range strings.SplitSeq(accountColumns, ",") {
		switch column = strings.TrimSpace(column); column {
		case "id", "marks", "environment_id", "connection_id", "kind":
		case "due_at", "priority", "cause", "origin", "status", "gate", "gate_why", "gate_said", "hold_id", "gate_members", "gate_leaving":
			set = append(set, column+" = CASE WHEN accounts.marks > excluded.marks THEN accounts."+column+" ELSE excluded."+column+" END")
		default:
			set = append(set, column+" = excluded."+column)
		}
	}
	return ` ON CONFLICT (id) DO UPDATE SET ` + strings.Join(set, ", ")
}()

// Record commits rows and activities together; rows in remove are deleted first. A row that MarkDue marked since it was read stays
// due, and stays there if it is Gone.
func (db *DB) Record(ctx context.Context, rows []*provision.Account, remove []string, activities []directory.Activity) error {
	for _, a := range rows {
		if a.ID == "" && !a.Gone {
			a.ID = newID()
		}
	}
	err := db.transact(ctx, func(t *tx) error {
		for _, id := range remove {
			if id == "" {
				continue
			}
			if _, err := t.ExecContext(ctx, `DELETE FROM accounts WHERE id = $1`, id); err != nil {
				return err
			}
		}
		values := make([][]any, 0, len(rows))
		for _, a := range rows {
			if a.Gone {
				if _, err := t.ExecContext(ctx, `DELETE FROM accounts WHERE id = $1 AND marks = $2`, a.ID, a.Marks); err != nil {
					return err
				}
				continue
			}
			row, err := accountRow(a)
			if err != nil {
				return err
			}
			values = append(values, row)
			if a.Removed > 0 {
				if err := t.countRemoved(ctx, a); err != nil {
					return err
				}
			}
		}
		if err := insertMany(ctx, t, `INSERT INTO accounts (`+accountColumns+`)`, values, upsertAccount); err != nil {
			return err
		}
		if len(activities) == 0 {
			return nil
		}
		return t.Append(ctx, activities)
	})
	if unique(err) {
		return provision.ErrLinked
	}
	return err
}

func (db *DB) accountsIn(ctx context.Context, connectionID string, kind directory.Kind, column string, values []string) ([]provision.Account, error) {
	var out []provision.Account
	err := chunks(values, 5000, func(part []string) error {
		args := []any{connectionID}
		found, err := collect(ctx, db.read, scanAccount, selectAccounts+ofKind(kind)+` AND `+column+` IN (`+db.list(part, &args)+`)`, args...)
		out = append(out, found...)
		return err
	})
	return out, err
}

// AccountsByObject answers the rows of those objects that have one.
func (db *DB) AccountsByObject(ctx context.Context, connectionID string, kind directory.Kind, ids []string) ([]provision.Account, error) {
	if len(ids) >= dense && !db.postgres && slices.IsSorted(ids) {
		rows, whole, err := db.accountsBetween(ctx, connectionID, kind, ids)
		if err != nil || whole {
			return rows, err
		}
	}
	return db.accountsIn(ctx, connectionID, kind, "object_id <> '' AND object_id", ids)
}

// dense is from how many objects on they are looked for by their range first. A reconciliation asks for a page of people in as many
// parts as it has walkers: 62 at the fewest.
const dense = 50

// accountsBetween reads the rows from the first object to the last, and leaves out those of others. A reconciliation walks through its
// people in their order: their rows lie side by side, and in SQLite, which compares bytes as we do, reading them so costs an eighth of
// looking up each. (What PostgreSQL compares by is the cluster's choice.) When too many others are among them it is not whole.
func (db *DB) accountsBetween(
	ctx context.Context, connectionID string, kind directory.Kind, ids []string,
) (rows []provision.Account, whole bool, err error) {
	limit := 2 * len(ids)
	query := selectAccounts + ofKind(kind) + ` AND object_id <> '' AND object_id BETWEEN $2 AND $3 ORDER BY object_id LIMIT $4`
	rows, err = collect(ctx, db.read, scanAccount, query, connectionID, ids[0], ids[len(ids)-1], limit)
	if err != nil || len(rows) == limit {
		return nil, false, err
	}
	return slices.DeleteFunc(rows, func(a provision.Account) bool {
		_, asked := slices.BinarySearch(ids, a.ObjectID)
		return !asked
	}), true, nil
}

// AccountsByRemote answers the rows of those remote ids that are known.
func (db *DB) AccountsByRemote(ctx context.Context, connectionID string, kind directory.Kind, ids []string) ([]provision.Account, error) {
	return db.accountsIn(ctx, connectionID, kind, "remote_id <> '' AND remote_id", ids)
}

// News answers those of the listed accounts that are not known as they are, with their rows if there are any. What is kept is
// compared as it is kept, so that a listing of what is known costs no more than reading it.
func (db *DB) News(ctx context.Context, connectionID string, kind directory.Kind, listed []provision.Remote) ([]provision.News, error) {
	ids := make([]string, len(listed))
	for i := range listed {
		ids[i] = listed[i].ID
	}
	kept := make(map[string]string, len(listed))
	err := chunks(ids, 5000, func(part []string) error {
		args := []any{connectionID}
		query := `SELECT remote_id, remote FROM accounts WHERE connection_id = $1` + ofKind(kind) + ` AND remote_id <> '' AND remote_id IN (` +
			db.list(part, &args) + `)`
		rows, err := db.read.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id, remote string
			if err := rows.Scan(&id, &remote); err != nil {
				return err
			}
			kept[id] = remote
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	var out []provision.News
	var changed []string
	for i := range listed {
		have, known := kept[listed[i].ID]
		now, err := json.Marshal(&listed[i])
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", listed[i].ID, err)
		}
		if known && have == string(now) {
			continue
		}
		out = append(out, provision.News{Remote: &listed[i]})
		if known {
			changed = append(changed, listed[i].ID)
		}
	}
	if len(changed) == 0 {
		return out, nil
	}
	rows, err := db.AccountsByRemote(ctx, connectionID, kind, changed)
	byID := make(map[string]*provision.Account, len(rows))
	for i := range rows {
		byID[rows[i].RemoteID] = &rows[i]
	}
	for i := range out {
		out[i].Account = byID[out[i].Remote.ID]
	}
	return out, err
}

// CountRemote counts the rows that have a remote account.
func (db *DB) CountRemote(ctx context.Context, connectionID string, kind directory.Kind) (int64, error) {
	var n int64
	query := `SELECT count(*) FROM accounts WHERE connection_id = $1` + ofKind(kind) + ` AND remote_id <> ''`
	err := db.read.QueryRowContext(ctx, query, connectionID).Scan(&n)
	return n, err
}

// Unlinked answers the foreign rows that hold one of the match keys.
func (db *DB) Unlinked(ctx context.Context, connectionID string, kind directory.Kind, keys []string) ([]provision.Account, error) {
	return db.accountsIn(ctx, connectionID, kind, "object_id = '' AND match_key", keys)
}

// originOf is whose edit or request it is that marks a row; "" leaves it whose it was.
func originOf(ctx context.Context, objectID string) (string, error) {
	c := directory.CauseOf(ctx, objectID)
	return optional(c, !c.IsZero())
}

// MarkDue makes rows due, also those that a visit is about to put to rest. What is due already keeps a higher priority.
func (db *DB) MarkDue(ctx context.Context, q provision.AccountQuery, at time.Time, priority provision.Priority, cause string) (int64, error) {
	origin, err := originOf(ctx, q.ObjectID)
	if err != nil {
		return 0, err
	}
	args := []any{q.ConnectionID, micros(at), int(priority), cause, string(provision.StatusPending), origin}
	where := conditions(q, &args)
	const update = `UPDATE accounts SET due_at = $2, cause = $4, origin = CASE WHEN $6 = '' THEN origin ELSE $6 END, status = $5, marks = marks + 1,
 priority = CASE WHEN due_at > 0 AND priority < $3 THEN priority ELSE $3 END WHERE connection_id = $1 AND object_id <> ''`
	r, err := db.write.ExecContext(ctx, update+where, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Release ends the rows of a rule that was deleted without deprovisioning: nothing of them waits, fails or is held any more. Of an account
// whose making was not answered the intent is kept, so that whoever is covered again gets no second one.
func (db *DB) Release(ctx context.Context, connectionID, ruleID string) (int64, error) {
	const rest = `in_scope = $4, status = '', due_at = 0, attempts = 0, fault = '', fault_code = '', waits_for = '', gate = '', gate_why = '', gate_said = '',
 hold_id = '', gate_members = 0, gate_leaving = '', out_since = 0`
	var released int64
	err := db.transact(ctx, func(t *tx) error {
		r, err := t.ExecContext(ctx, `UPDATE accounts SET ownership = $3, detail = $5, `+rest+` WHERE connection_id = $1 AND rule_id = $2 AND remote_id <> ''`,
			connectionID, ruleID, string(provision.Released), false, "released when its rule was deleted")
		if err != nil {
			return err
		}
		if released, err = r.RowsAffected(); err != nil {
			return err
		}
		if _, err = t.ExecContext(ctx, `DELETE FROM accounts WHERE connection_id = $1 AND rule_id = $2 AND remote_id = '' AND phase <> 'CREATING'`, connectionID, ruleID); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE accounts SET detail = $3, `+rest+` WHERE connection_id = $1 AND rule_id = $2 AND remote_id = ''`,
			connectionID, ruleID, "its rule was deleted before the target answered whether it was made", false)
		return err
	})
	return released, err
}
