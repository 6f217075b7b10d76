package store

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// GateCounts counts the rows of a connection at the guard, and those who lost access after a time without a decision.
func (db *DB) GateCounts(ctx context.Context, connectionID string, since time.Time) (provision.GateCounts, error) {
	var out provision.GateCounts
	type row struct {
		state          provision.GateState
		group          bool
		rows, removals int64
	}
	// A group counts as often as it loses a member.
	rows, err := collect(ctx, db.read, func(s scanner) (row, error) {
		var r row
		return r, s.Scan(&r.state, &r.rows, &r.removals, &r.group)
	}, `SELECT gate, count(*), 0, FALSE FROM accounts WHERE connection_id = $1 AND gate <> '' GROUP BY gate
 UNION ALL SELECT gate, count(*), CAST(sum(gate_members) AS BIGINT), TRUE FROM accounts WHERE connection_id = $1 AND gate <> '' AND kind = 'GROUP' GROUP BY gate`, connectionID)
	if err != nil {
		return out, err
	}
	for _, r := range rows {
		n := r.rows
		if r.group {
			n = r.removals - r.rows // it was counted as one person
		}
		switch {
		case r.state == provision.GateWaiting && r.group:
			out.Waiting, out.Groups, out.Removals = out.Waiting+n, r.rows, r.removals
		case r.state == provision.GateWaiting:
			out.Waiting, out.WaitingRows = out.Waiting+n, r.rows
		case r.state == provision.GatePassed:
			out.Passed += n
		case r.state == provision.GateHeld && r.group:
			out.Held += n
		case r.state == provision.GateHeld:
			out.Held, out.HeldRows = out.Held+n, r.rows
		}
	}
	// Who lost access and is to lose it again is one person.
	const done = `SELECT count(*) FROM accounts WHERE connection_id = $1 AND deprovisioned_at > 0 AND deprovisioned_at > $2
 AND gate NOT IN ('WAITING', 'PASSED', 'HELD')`
	if err := db.read.QueryRowContext(ctx, done, connectionID, micros(since)).Scan(&out.Done); err != nil {
		return out, err
	}
	var removed int64
	const lately = `SELECT CAST(coalesce(sum(members), 0) AS BIGINT) FROM member_removals WHERE connection_id = $1 AND removed_at > $2`
	err = db.read.QueryRowContext(ctx, lately, connectionID, micros(since)).Scan(&removed)
	out.Done += removed
	return out, err
}

// countRemoved notes how many members a group is about to lose without a decision.
func (t *tx) countRemoved(ctx context.Context, a *provision.Account) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM member_removals WHERE connection_id = $1 AND removed_at < $2`,
		a.ConnectionID, micros(a.UpdatedAt.Add(-2*provision.GuardWindow))); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `INSERT INTO member_removals (connection_id, removed_at, members) VALUES ($1, $2, $3)`,
		a.ConnectionID, micros(a.UpdatedAt), a.Removed)
	return err
}

// CountAccess counts the people whom the connection gives access, or gave it until they lost it after a time. Accounts that are ours
// and closed are not among them: they grow with the years, and a share of them says nothing. Nor are those that have to be read again:
// they may be closed, and the fewer people, the sooner it is asked.
func (db *DB) CountAccess(ctx context.Context, connectionID string, since time.Time) (int64, error) {
	var n int64
	// Text within JSON has its quotation marks escaped, so the pattern matches the member itself.
	const query = `SELECT count(*) FROM accounts WHERE connection_id = $1 AND kind = 'USER' AND ownership IN ('MANAGED', 'ADOPTED')
 AND (remote LIKE '%"active":true%' OR deprovisioned_at > $2)`
	return n, db.read.QueryRowContext(ctx, query, connectionID, micros(since)).Scan(&n)
}

// WaitingCauses lists what made the waiting rows due, the most frequent first.
func (db *DB) WaitingCauses(ctx context.Context, connectionID string, limit int) ([]provision.WaitingCause, error) {
	return collect(ctx, db.read, func(s scanner) (provision.WaitingCause, error) {
		var c provision.WaitingCause
		return c, s.Scan(&c.Cause, &c.Kind, &c.Rows, &c.ObjectID)
	}, `SELECT cause, kind, count(*) AS n, min(object_id) FROM accounts WHERE connection_id = $1 AND gate <> '' AND gate = 'WAITING'
 GROUP BY cause, kind ORDER BY n DESC, cause LIMIT `+strconv.Itoa(limit), connectionID)
}

// errCrowd says that more stand at the gate than were counted.
var errCrowd = errors.New("more stand at the gate than were counted")

// PassWaiting lets the waiting rows of a connection be carried out; with held, those in a hold as well. When they are more than most, people
// and places in groups together, nobody passes: somebody came between counting and this. It answers how many passed.
func (db *DB) PassWaiting(ctx context.Context, connectionID string, held bool, most int64, at time.Time) (int64, error) {
	var n int64
	err := db.transact(ctx, func(t *tx) error {
		passed, err := collect(ctx, t, func(s scanner) (int64, error) { var n int64; return n, s.Scan(&n) },
			`UPDATE accounts SET gate = 'PASSED', hold_id = '', due_at = $2, priority = $3, marks = marks + 1
 WHERE connection_id = $1 AND gate <> '' AND (gate = 'WAITING' OR gate = 'HELD' AND $4) RETURNING CASE WHEN kind = 'GROUP' THEN gate_members ELSE 1 END`,
			connectionID, micros(at), int(provision.PriorityDeprovision), held)
		if err != nil {
			return err
		}
		n = 0 // the transaction may run again
		for _, each := range passed {
			n += each
		}
		if n > most {
			return errCrowd
		}
		return nil
	})
	if errors.Is(err, errCrowd) {
		return 0, nil
	}
	return n, err
}

const selectHolds = `SELECT h.status, h.body, (SELECT count(*) FROM accounts a WHERE a.hold_id <> '' AND a.hold_id = h.id) FROM deprovision_holds h`

func scanHold(s scanner) (provision.DeprovisionHold, error) {
	var h provision.DeprovisionHold
	var status provision.HoldStatus
	var body []byte
	var held int64
	if err := s.Scan(&status, &body, &held); err != nil {
		return h, err
	}
	err := json.Unmarshal(body, &h)
	h.Status, h.Held = status, held
	return h, err
}

// OpenHold answers the open hold of a connection, or a problem.NotFound.
func (db *DB) OpenHold(ctx context.Context, connectionID string) (provision.DeprovisionHold, error) {
	return one(db.read.QueryRowContext(ctx, selectHolds+` WHERE h.connection_id = $1 AND h.status = 'OPEN'`, connectionID), scanHold, "hold")
}

// DeprovisionHold answers one hold.
func (db *DB) DeprovisionHold(ctx context.Context, envID, id string) (provision.DeprovisionHold, error) {
	return one(db.read.QueryRowContext(ctx, selectHolds+` WHERE h.environment_id = $1 AND h.id = $2`, envID, id), scanHold, "hold")
}

// HeldRows lists the rows of a hold in the order of their ids; name narrows to objects whose name contains it.
func (db *DB) HeldRows(ctx context.Context, holdID, name, after string, limit int) ([]provision.Account, error) {
	query, args := `SELECT `+accountColumns+` FROM accounts WHERE hold_id <> '' AND hold_id = $1 AND id > $2`, []any{holdID, after, limit}
	if name != "" {
		query, args = query+` AND lower(object_name) LIKE $4 ESCAPE '!'`, append(args, likePattern(name))
	}
	return collect(ctx, db.read, scanAccount, query+` ORDER BY id LIMIT $3`, args...)
}

// CountHeld counts the held rows of a rule.
func (db *DB) CountHeld(ctx context.Context, connectionID, ruleID string) (int64, error) {
	var n int64
	const query = `SELECT count(*) FROM accounts WHERE connection_id = $1 AND gate <> '' AND gate = 'HELD' AND rule_id = $2`
	return n, db.read.QueryRowContext(ctx, query, connectionID, ruleID).Scan(&n)
}

// HoldWaiting puts the waiting rows of a connection into a hold, which is made if it is not there. A hold that is decided already is
// a problem.Conflict. It answers how many rows came in.
func (db *DB) HoldWaiting(ctx context.Context, h provision.DeprovisionHold, activities ...directory.Activity) (int64, error) {
	var n int64
	err := db.transact(ctx, func(t *tx) error {
		before, err := t.hold(ctx, h.EnvironmentID, h.ID)
		switch {
		case problem.Is(err, problem.NotFound):
			err = t.saveHold(ctx, &h)
		case err == nil && before.Status != provision.HoldOpen:
			err = problem.New(problem.Conflict, "the hold is decided already")
		}
		if err != nil {
			return err
		}
		r, err := t.ExecContext(ctx, `UPDATE accounts SET gate = 'HELD', hold_id = $2, due_at = 0, status = $3, detail = 'held: ' || gate_why,
 marks = marks + 1 WHERE connection_id = $1 AND gate <> '' AND gate = 'WAITING'`, h.ConnectionID, h.ID, string(provision.StatusPending))
		if err != nil {
			return err
		}
		if n, err = r.RowsAffected(); err != nil {
			return err
		}
		return t.Append(ctx, activities)
	})
	return n, err
}

// hold reads a hold and keeps others from deciding about it until the transaction ends.
func (t *tx) hold(ctx context.Context, envID, id string) (provision.DeprovisionHold, error) {
	const query = `SELECT status, body, 0 FROM deprovision_holds WHERE environment_id = $1 AND id = $2`
	return one(t.QueryRowContext(ctx, query+t.forUpdate("deprovision_holds"), envID, id), scanHold, "hold")
}

func (t *tx) saveHold(ctx context.Context, h *provision.DeprovisionHold) error {
	return save(ctx, t, `INSERT INTO deprovision_holds (body, id, environment_id, connection_id, status, created_at) VALUES ($1, $2, $3, $4, $5, $6)
 ON CONFLICT (id) DO UPDATE SET body = excluded.body, status = excluded.status`,
		h, h.ID, h.EnvironmentID, h.ConnectionID, string(h.Status), micros(h.CreatedAt))
}

// CloseHold ends an open hold that has no rows left.
func (db *DB) CloseHold(ctx context.Context, h provision.DeprovisionHold, activities ...directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		before, err := t.hold(ctx, h.EnvironmentID, h.ID)
		if err != nil || before.Status != provision.HoldOpen {
			return err
		}
		return errors.Join(t.saveHold(ctx, &h), t.Append(ctx, activities))
	})
}

// DecideHold carries out a decision: the rows are due, to be done or to be left as they are. A hold that is decided already is a
// problem.Conflict, and one that has none of the objects a problem.InvalidData. It answers the hold, and how many rows were decided.
func (db *DB) DecideHold(ctx context.Context, envID string, d provision.HoldDecision) (provision.DeprovisionHold, int64, error) {
	var h provision.DeprovisionHold
	var decided int64
	err := db.transact(ctx, func(t *tx) error {
		var err error
		decided = 0 // the transaction may run again
		if h, err = t.hold(ctx, envID, d.HoldID); err != nil {
			return err
		}
		if h.Status != provision.HoldOpen {
			return problem.New(problem.Conflict, "the hold is not open any more: %s by %s", lower(h.Status), h.DecidedBy)
		}
		if decided, err = t.decideRows(ctx, d); err != nil {
			return err
		}
		if decided == 0 && len(d.Objects) > 0 {
			return problem.New(problem.InvalidData, "none of the objects is held here; read the hold again")
		}
		const left = `SELECT count(*) FROM accounts WHERE hold_id <> '' AND hold_id = $1`
		if err := t.QueryRowContext(ctx, left, h.ID).Scan(&h.Held); err != nil {
			return err
		}
		if h.Held == 0 {
			h.Status, h.DecidedAt, h.DecidedBy = d.Status, d.At, d.By
			if err := t.saveHold(ctx, &h); err != nil {
				return err
			}
		}
		return t.Append(ctx, []directory.Activity{d.Line(h, decided, h.Held)})
	})
	return h, decided, err
}

func (t *tx) decideRows(ctx context.Context, d provision.HoldDecision) (int64, error) {
	state := provision.GateRejected
	if d.Status == provision.HoldApproved {
		state = provision.GateApproved
	}
	const update = `UPDATE accounts SET gate = $2, gate_said = $3, hold_id = '', due_at = $4, priority = $5, marks = marks + 1
 WHERE hold_id <> '' AND hold_id = $1`
	args := []any{d.HoldID, string(state), d.Said, micros(d.At), int(provision.PriorityDeprovision)}
	if len(d.Objects) == 0 {
		r, err := t.ExecContext(ctx, update, args...)
		if err != nil {
			return 0, err
		}
		return r.RowsAffected()
	}
	var decided int64
	err := chunks(d.Objects, 5000, func(part []string) error {
		all := append([]any{}, args...)
		r, err := t.ExecContext(ctx, update+` AND object_id IN (`+t.db.list(part, &all)+`)`, all...)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		decided += n
		return err
	})
	return decided, err
}

func lower(s provision.HoldStatus) string {
	switch s {
	case provision.HoldApproved:
		return "approved"
	case provision.HoldRejected:
		return "rejected"
	case provision.HoldExpired:
		return "expired, and closed"
	default:
		return "lifted"
	}
}
