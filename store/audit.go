package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep/audit"
	"lockstep/directory"
)

// brokenSeal is what stands in place of a seal once a head was found that this server did not seal: the log goes on, because an edit
// must not fail for it, but it is never taken for whole again. The number of that head follows.
const brokenSeal = "broken:"

// takeNumbers locks the environment's row, takes n numbers of its log, and answers the head before them with its seal.
func (t *tx) takeNumbers(ctx context.Context, envID string, n int64) (head audit.Head, seal string, err error) {
	head.EnvironmentID = envID
	const query = `UPDATE environments SET seq = seq + $1 WHERE id = $2 RETURNING seq, chain, seal`
	err = t.briefly(ctx, query, func(s *sql.Stmt) error {
		return s.QueryRowContext(ctx, n, envID).Scan(&head.Seq, &head.Hash, &seal)
	}, func() error {
		return t.QueryRowContext(ctx, query, n, envID).Scan(&head.Seq, &head.Hash, &seal)
	})
	head.Seq -= n
	begun(&head)
	return head, seal, err
}

// briefly runs a statement of every edit: on SQLite as a prepared one.
func (t *tx) briefly(ctx context.Context, query string, prepared func(*sql.Stmt) error, plain func() error) error {
	if t.db.postgres {
		return plain() // the driver keeps it prepared
	}
	statement, err := t.statement(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }() // the prepared one stays
	return prepared(statement)
}

// keepHead seals the newest line. The head before it is looked at first: a forged one must not be made good by what comes after it.
func (t *tx) keepHead(ctx context.Context, before audit.Head, sealed string, head audit.Head) error {
	seal := t.db.ring.Stamp(head.Text())
	switch state := t.db.sealOf(before, sealed); {
	case t.reseal || state == audit.SealWhole:
	case state == audit.SealBroken:
		seal = sealed
	default:
		seal = brokenSeal + strconv.FormatInt(before.Seq, 10)
	}
	const query = `UPDATE environments SET chain = $1, seal = $2 WHERE id = $3`
	args := []any{string(head.Hash), seal, head.EnvironmentID}
	err := t.briefly(ctx, query, func(s *sql.Stmt) error {
		_, err := s.ExecContext(ctx, args...)
		return err
	}, func() error {
		_, err := t.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the head of the log: %w", err)
	}
	return nil
}

// Reseal implements audit.Store.
func (db *DB) Reseal(ctx context.Context, line directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		cleared, err := t.resealBase(ctx, line.EnvironmentID)
		if err != nil {
			return err
		}
		told := line
		if cleared > 0 {
			told.Changes = []directory.AttributeChange{{Attribute: "clearedAwayUpTo", To: cleared}}
		}
		t.reseal = true
		return t.Append(ctx, []directory.Activity{told})
	})
}

// resealBase seals the note of retention, where its seal is not ours, and answers up to which line it says that the log was cleared away.
func (t *tx) resealBase(ctx context.Context, envID string) (int64, error) {
	base := audit.Head{EnvironmentID: envID}
	seal := ""
	row := t.QueryRowContext(ctx, `SELECT seq, hash, seal FROM audit_bases WHERE environment_id = $1`+t.forUpdate("audit_bases"), envID)
	err := row.Scan(&base.Seq, &base.Hash, &seal)
	if errors.Is(err, sql.ErrNoRows) || err == nil && t.db.sealOfBase(base, seal) == audit.SealWhole {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, err = t.ExecContext(ctx, `UPDATE audit_bases SET seal = $1 WHERE environment_id = $2`, t.db.ring.Stamp(base.BaseText()), envID)
	return base.Seq, err
}

// begun fills in the link before the first line.
func begun(h *audit.Head) {
	if h.Seq == 0 && h.Hash == "" {
		h.Hash = audit.Genesis
	}
}

func (db *DB) sealOf(h audit.Head, seal string) audit.Seal {
	switch {
	case strings.HasPrefix(seal, brokenSeal):
		return audit.SealBroken
	case h.Seq == 0 && h.Hash == audit.Genesis && seal == "", db.ring.Stamped(h.Text(), seal):
		return audit.SealWhole
	default:
		return audit.SealForged
	}
}

func (db *DB) sealOfBase(h audit.Head, seal string) audit.Seal {
	if h.Seq == 0 && h.Hash == audit.Genesis && seal == "" || db.ring.Stamped(h.BaseText(), seal) {
		return audit.SealWhole
	}
	return audit.SealForged
}

// Chain implements audit.Store.
func (db *DB) Chain(ctx context.Context, envID string) (audit.Chain, error) {
	scan := func(s scanner) (audit.Chain, error) {
		c := audit.Chain{Head: audit.Head{EnvironmentID: envID}, Base: audit.Head{EnvironmentID: envID}}
		var seal, baseSeal string
		if err := s.Scan(&c.Seq, &c.Hash, &seal, &c.Base.Seq, &c.Base.Hash, &baseSeal); err != nil {
			return c, err
		}
		begun(&c.Head)
		begun(&c.Base)
		c.Seal, c.BaseSeal = db.sealOf(c.Head, seal), db.sealOfBase(c.Base, baseSeal)
		if c.Seal == audit.SealBroken {
			c.BrokenAt, _ = strconv.ParseInt(strings.TrimPrefix(seal, brokenSeal), 10, 64)
		}
		return c, nil
	}
	return one(db.read.QueryRowContext(ctx, `SELECT e.seq, e.chain, e.seal, coalesce(b.seq, 0), coalesce(b.hash, ''), coalesce(b.seal, '')
 FROM environments e LEFT JOIN audit_bases b ON b.environment_id = e.id WHERE e.id = $1`, envID), scan, "environment")
}

const selectLines = `SELECT a.environment_id, a.seq, a.id, a.recorded_at, a.type, a.kind, a.object_id, a.object_name, a.connection_id, a.rule_id, a.correlation_id,
 a.success, a.feed, a.description, a.actor, a.changes, a.cause, a.hash, coalesce(p.hash, '')
 FROM activities a LEFT JOIN activities p ON p.environment_id = a.environment_id AND p.seq = a.seq - 1 WHERE a.environment_id = $1 AND a.seq > $2`

func scanLine(s scanner) (audit.Line, error) {
	var l audit.Line
	var recorded int64
	var actor, changes, cause string
	err := s.Scan(&l.EnvironmentID, &l.Seq, &l.ID, &recorded, &l.Type, &l.Resource.Type, &l.Resource.ID, &l.Resource.Name, &l.StoreID, &l.RuleID, &l.CorrelationID,
		&l.Success, &l.Feed, &l.Description, &actor, &changes, &cause, &l.Hash, &l.Previous)
	l.RecordedAt = audit.Stamp(instant(recorded))
	l.Actor, l.Changes = json.RawMessage(actor), json.RawMessage(changes)
	if cause != "" {
		l.Cause = json.RawMessage(cause)
	}
	return l, err
}

// Lines implements audit.Store.
func (db *DB) Lines(ctx context.Context, envID string, q directory.ActivityQuery) ([]audit.Line, error) {
	args := []any{envID, q.After}
	where := activityConditions("a.", q, &args)
	args = append(args, q.Limit)
	return collect(ctx, db.read, scanLine, selectLines+where+` ORDER BY a.seq LIMIT $`+strconv.Itoa(len(args)), args...)
}

// Prune implements audit.Store. The note of the last line that goes and its going are one transaction. What goes is proved first: a line that
// was made to look old must not be cleared away, and sealed over.
func (db *DB) Prune(ctx context.Context, envID string, before time.Time, upTo int64, limit int) (pruned int64, err error) {
	err = db.transact(ctx, func(t *tx) error {
		pruned = 0
		base := audit.Head{EnvironmentID: envID}
		seal := ""
		row := t.QueryRowContext(ctx, `SELECT seq, hash, seal FROM audit_bases WHERE environment_id = $1`+t.forUpdate("audit_bases"), envID)
		if err := row.Scan(&base.Seq, &base.Hash, &seal); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		begun(&base)
		if db.sealOfBase(base, seal) != audit.SealWhole {
			return notWhole(base.Seq)
		}
		last, err := t.old(ctx, base, before, upTo, limit)
		if err != nil {
			return err
		}
		if pruned = last.Seq - base.Seq; pruned == 0 {
			return nil
		}
		_, err = t.ExecContext(ctx, `INSERT INTO audit_bases (environment_id, seq, hash, seal) VALUES ($1, $2, $3, $4)
 ON CONFLICT (environment_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, seal = excluded.seal WHERE audit_bases.seq = $5`,
			envID, last.Seq, string(last.Hash), db.ring.Stamp(last.BaseText()), base.Seq)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `DELETE FROM activities WHERE environment_id = $1 AND seq <= $2`, envID, last.Seq)
		return err
	})
	return pruned, err
}

// old walks from a base along the lines recorded before a time, and answers the last one.
func (t *tx) old(ctx context.Context, base audit.Head, before time.Time, upTo int64, limit int) (audit.Head, error) {
	lines, err := collect(ctx, t, scanLine, selectLines+` AND a.seq <= $3 ORDER BY a.seq LIMIT $4`, base.EnvironmentID, base.Seq, upTo, limit)
	if err != nil {
		return base, err
	}
	last, end := base, audit.Stamp(before)
	for i := range lines {
		l := &lines[i]
		if l.RecordedAt >= end {
			break
		}
		if l.Seq != last.Seq+1 || !l.Whole(last.Hash) {
			return base, notWhole(last.Seq + 1)
		}
		last.Seq, last.Hash = l.Seq, l.Hash
	}
	return last, nil
}

func notWhole(seq int64) error {
	return fmt.Errorf("the activity log is not whole at line %d, so that nothing of it is cleared away; lockstep audit verify says more", seq)
}

// chainOld is a migration: it chains the lines that there are.
func (db *DB) chainOld(ctx context.Context, migration *sql.Tx) error {
	t := &tx{Tx: migration, db: db}
	environments, err := collect(ctx, t, scanEnvironment, `SELECT id, name, created_at FROM environments`)
	if err != nil {
		return err
	}
	for _, env := range environments {
		if err := t.chainEnvironment(ctx, env.ID); err != nil {
			return fmt.Errorf("chain the activity log: %w", err)
		}
	}
	return nil
}

func (t *tx) chainEnvironment(ctx context.Context, envID string) error {
	const size = 200
	head := audit.Head{EnvironmentID: envID, Hash: audit.Genesis}
	for {
		lines, err := collect(ctx, t, scanLine, selectLines+` ORDER BY a.seq LIMIT $3`, envID, head.Seq, size)
		if err != nil {
			return err
		}
		for i := range lines {
			text, err := lines[i].Text()
			if err != nil {
				return err
			}
			head.Seq, head.Hash = lines[i].Seq, head.Hash.Next(text)
			if _, err := t.ExecContext(ctx, `UPDATE activities SET hash = $1 WHERE environment_id = $2 AND seq = $3`, string(head.Hash), envID, head.Seq); err != nil {
				return err
			}
		}
		if len(lines) < size {
			break
		}
	}
	if head.Seq == 0 {
		return nil
	}
	_, err := t.ExecContext(ctx, `UPDATE environments SET chain = $1, seal = $2 WHERE id = $3`, string(head.Hash), t.db.ring.Stamp(head.Text()), envID)
	return err
}

// closeLog is a migration: from here on the database refuses to change lines.
func (db *DB) closeLog(ctx context.Context, migration *sql.Tx) error {
	return db.inOwnWords(ctx, migration, sqliteAppendOnly, postgresAppendOnly)
}

// resealable is a migration: of retention's note the seal may be replaced, and nothing else.
func (db *DB) resealable(ctx context.Context, migration *sql.Tx) error {
	return db.inOwnWords(ctx, migration, sqliteResealable, postgresResealable)
}

func (db *DB) inOwnWords(ctx context.Context, migration *sql.Tx, sqlite, postgres []string) error {
	statements := sqlite
	if db.postgres {
		statements = postgres
	}
	for _, text := range statements {
		if _, err := migration.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}
