package store

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep/provision"
)

// MemberAccounts answers, in no particular order, every effective member of a group and how they stand on a connection.
func (db *DB) MemberAccounts(ctx context.Context, connectionID, groupID string) ([]provision.MemberAccount, error) {
	return collect(ctx, db.read, func(s scanner) (provision.MemberAccount, error) {
		var m provision.MemberAccount
		var remote string
		err := s.Scan(&m.ObjectID, &m.Name, &m.InScope, &m.RuleID, &m.Ownership, &m.RemoteID, &remote, &m.Status)
		m.Seen, m.Active = remote != "", activeIn(remote)
		return m, err
	}, below+`SELECT m.user_id, coalesce(a.object_name, ''), coalesce(a.in_scope, FALSE), coalesce(a.rule_id, ''), coalesce(a.ownership, ''),
 coalesce(a.remote_id, ''), coalesce(substr(a.remote, 1, 2 * length(a.remote_id) + 40), ''), coalesce(a.status, '')
 FROM (SELECT DISTINCT user_id FROM group_members WHERE group_id IN (SELECT id FROM below)) m
 LEFT JOIN accounts a ON a.connection_id = $2 AND a.kind = 'USER' AND a.object_id = m.user_id AND a.object_id <> ''`, groupID, connectionID)
}

// activeIn reads from the beginning of a provision.Remote's JSON whether the account is active: the id comes first, then this.
// Large groups have thousands of members, whose attributes are not needed.
func activeIn(remote string) bool {
	_, after, found := strings.Cut(remote, `"active":`)
	return found && strings.HasPrefix(after, "true")
}

// AccountMembers answers the members of a group on its target, as they are known.
func (db *DB) AccountMembers(ctx context.Context, accountID string) ([]provision.KnownMember, error) {
	return collect(ctx, db.read, func(s scanner) (provision.KnownMember, error) {
		var m provision.KnownMember
		return m, s.Scan(&m.RemoteID, &m.Present, &m.Ours)
	}, `SELECT remote_id, present, ours FROM account_members WHERE account_id = $1 ORDER BY remote_id`, accountID)
}

// SaveAccountMembers writes what changed about the members of a group on its target. What its plan was made of is not so any more.
func (db *DB) SaveAccountMembers(ctx context.Context, accountID string, put []provision.KnownMember, drop []string) error {
	if len(put)+len(drop) == 0 {
		return nil
	}
	return db.transact(ctx, func(t *tx) error {
		if _, err := t.ExecContext(ctx, `UPDATE accounts SET basis = '' WHERE id = $1 AND basis <> ''`, accountID); err != nil {
			return err
		}
		rows := make([][]any, len(put))
		for i, m := range put {
			rows[i] = []any{accountID, m.RemoteID, m.Present, m.Ours}
		}
		const upsert = ` ON CONFLICT (account_id, remote_id) DO UPDATE SET present = excluded.present, ours = excluded.ours`
		if err := insertMany(ctx, t, `INSERT INTO account_members (account_id, remote_id, present, ours)`, rows, upsert); err != nil {
			return err
		}
		return chunks(drop, idChunk, func(part []string) error {
			args := []any{accountID}
			_, err := t.ExecContext(ctx, `DELETE FROM account_members WHERE account_id = $1 AND remote_id IN (`+db.list(part, &args)+`)`, args...)
			return err
		})
	})
}

// ForgetMemberships notes that it is not known any more in which groups of a connection the accounts are: they were not active.
func (db *DB) ForgetMemberships(ctx context.Context, connectionID string, remoteIDs []string) error {
	return chunks(remoteIDs, idChunk, func(part []string) error {
		return db.transact(ctx, func(t *tx) error {
			args := []any{connectionID}
			members := ` (SELECT id FROM accounts WHERE connection_id = $1 AND kind = 'GROUP') AND remote_id IN (` + db.list(part, &args) + `)`
			const rests = `UPDATE accounts SET basis = '' WHERE connection_id = $1 AND kind = 'GROUP' AND basis <> '' AND id IN (SELECT account_id FROM account_members WHERE account_id IN`
			if _, err := t.ExecContext(ctx, rests+members+`)`, args...); err != nil {
				return err
			}
			_, err := t.ExecContext(ctx, `UPDATE account_members SET present = FALSE WHERE account_id IN`+members, args...)
			return err
		})
	})
}

// DueGroups lists group rows that are due, by priority, then by due time, except those named.
func (db *DB) DueGroups(ctx context.Context, connectionID string, now time.Time, except []string, limit int) ([]provision.Account, error) {
	args := []any{connectionID, micros(now)}
	query := selectAccounts + ` AND kind = 'GROUP' AND object_id <> '' AND due_at > 0 AND due_at <= $2`
	if len(except) > 0 {
		query += ` AND object_id NOT IN (` + db.list(except, &args) + `)`
	}
	args = append(args, limit)
	return collect(ctx, db.read, scanAccount, query+` ORDER BY priority, due_at LIMIT $`+strconv.Itoa(len(args)), args...)
}

// markGroups leaves a row that is due earlier due then, and one that the target put off; the mark is counted in any case, so that a
// visit under way sees it.
const markGroups = `UPDATE accounts SET marks = marks + 1, status = $5,
 priority = CASE WHEN due_at = 0 OR due_at > $2 THEN $3 ELSE priority END, cause = CASE WHEN due_at = 0 OR due_at > $2 THEN $4 ELSE cause END,
 origin = CASE WHEN due_at = 0 OR due_at > $2 THEN $6 ELSE origin END,
 due_at = CASE WHEN due_at = 0 OR (due_at > $2 AND fault NOT LIKE '%"retryAfter":%') THEN $2 ELSE due_at END
 WHERE connection_id = $1 AND kind = 'GROUP' AND object_id IN (`

// MarkGroups makes the rows of groups due, unless they are due earlier.
func (db *DB) MarkGroups(ctx context.Context, connectionID string, ids []string, at time.Time, priority provision.Priority, cause string) error {
	byOrigin := map[string][]string{}
	for _, id := range ids {
		origin, err := originOf(ctx, id)
		if err != nil {
			return err
		}
		byOrigin[origin] = append(byOrigin[origin], id)
	}
	for _, origin := range slices.Sorted(maps.Keys(byOrigin)) {
		err := chunks(byOrigin[origin], idChunk, func(part []string) error {
			args := []any{connectionID, micros(at), int(priority), cause, string(provision.StatusPending), origin}
			query := markGroups + db.list(part, &args) + `)` //nolint:gosec // list binds values
			_, err := db.write.ExecContext(ctx, query, args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// GatheredGroups makes groups due that wait for members only. It answers how many.
func (db *DB) GatheredGroups(ctx context.Context, connectionID string, now time.Time) (int64, error) {
	r, err := db.write.ExecContext(ctx, `UPDATE accounts SET due_at = $2 WHERE connection_id = $1 AND kind = 'GROUP' AND due_at > 0 AND due_at > $2 AND attempts = 0 AND status = $3`,
		connectionID, micros(now), string(provision.StatusPending))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Consents answers which of the groups may be overwritten on a connection.
func (db *DB) Consents(ctx context.Context, connectionID string, groupIDs []string) (map[string]bool, error) {
	out := map[string]bool{}
	err := chunks(groupIDs, idChunk, func(part []string) error {
		args := []any{connectionID}
		found, err := collect(ctx, db.read, scanText, `SELECT group_id FROM group_consents WHERE connection_id = $1 AND group_id IN (`+db.list(part, &args)+`)`, args...)
		for _, id := range found {
			out[id] = true
		}
		return err
	})
	return out, err
}

// Consent notes that somebody agreed to groups being overwritten on a connection.
func (db *DB) Consent(ctx context.Context, connectionID string, groupIDs []string, by string, at time.Time) error {
	return db.transact(ctx, func(t *tx) error { return t.Consent(ctx, connectionID, groupIDs, by, at) })
}

func (t *tx) Consent(ctx context.Context, connectionID string, groupIDs []string, by string, at time.Time) error {
	rows := make([][]any, len(groupIDs))
	for i, id := range groupIDs {
		rows[i] = []any{connectionID, id, by, micros(at)}
	}
	return insertMany(ctx, t, `INSERT INTO group_consents (connection_id, group_id, given_by, given_at)`, rows,
		` ON CONFLICT (connection_id, group_id) DO UPDATE SET given_by = excluded.given_by, given_at = excluded.given_at`)
}

// EndConsent takes a consent back that was given until then: the group is not selected any more.
func (db *DB) EndConsent(ctx context.Context, connectionID, groupID string, given time.Time) error {
	_, err := db.write.ExecContext(ctx, `DELETE FROM group_consents WHERE connection_id = $1 AND group_id = $2 AND given_at <= $3`,
		connectionID, groupID, micros(given))
	return err
}
