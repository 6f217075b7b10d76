package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// ingestGroups takes over what changed about groups. Members who joined or left have lines of their own in the feed; a group whose
// name, filter or place among the others changed concerns everybody who is in it, where a rule asks about groups.
func (r *runner) ingestGroups(ctx context.Context, changes []directory.Change) error {
	var changed, moved []string
	for _, c := range changes {
		if c.Kind != directory.KindGroup || slices.Contains(changed, c.ObjectID) && c.Type == directory.ActionMembers {
			continue
		}
		changed = append(changed, c.ObjectID)
		if c.Type != directory.ActionMembers && !slices.Contains(moved, c.ObjectID) {
			moved = append(moved, c.ObjectID)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if r.line.rules.AsksGroups() {
		for _, id := range moved {
			if err := r.reconsiderMembers(ctx, id); err != nil {
				return err
			}
		}
	}
	above, err := r.engine.store.GroupsAbove(ctx, changed)
	if err != nil {
		return fmt.Errorf("read groups: %w", err)
	}
	wait, err := r.patience(ctx)
	if err != nil {
		return err
	}
	r.gathers()
	return r.markGroups(ctx, append(above, changed...), r.engine.now().Add(wait), provision.PriorityLive, editedCause)
}

func (r *runner) reconsiderMembers(ctx context.Context, groupID string) error {
	for after := ""; ; {
		ids, err := r.engine.store.EffectiveMembers(ctx, groupID, after, sweepBatch)
		if err != nil {
			return fmt.Errorf("read members: %w", err)
		}
		if err := r.reconsider(ctx, ids, provision.PriorityLive, "their groups changed"); err != nil {
			return err
		}
		if len(ids) < sweepBatch {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// markGroups makes groups due; those that a rule carries get a row if they have none.
func (r *runner) markGroups(ctx context.Context, ids []string, at time.Time, p provision.Priority, cause string) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows, err := r.engine.store.AccountsByObject(ctx, r.connectionID, directory.KindGroup, ids)
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	known := make(map[string]bool, len(rows))
	for i := range rows {
		known[rows[i].ObjectID] = true
	}
	var fresh []string
	for _, id := range ids {
		if !known[id] && len(r.line.carriers[id]) > 0 {
			fresh = append(fresh, id)
		}
	}
	if err := r.newGroups(ctx, fresh, at, p, cause); err != nil {
		return err
	}
	return r.remark(ctx, sortedKeys(known), at, p, cause)
}

// remark makes groups due that have a row. One in a visit is due when the visit ends: the mark is counted.
func (r *runner) remark(ctx context.Context, ids []string, at time.Time, p provision.Priority, cause string) error {
	r.mu.Lock()
	for _, id := range ids {
		if r.inflight[id] {
			r.repeat[id] = true
		}
	}
	r.mu.Unlock()
	if err := r.engine.store.MarkGroups(ctx, r.connectionID, ids, at, p, cause); err != nil {
		return fmt.Errorf("mark groups: %w", err)
	}
	return nil
}

// newGroups makes rows for groups that a rule carries and that exist.
func (r *runner) newGroups(ctx context.Context, ids []string, at time.Time, p provision.Priority, cause string) error {
	for part := range slices.Chunk(ids, sweepBatch) {
		items, err := r.line.evaluateGroups(ctx, r.engine.store, r.envID, part)
		if err != nil {
			return err
		}
		rows := make([]*provision.Account, 0, len(items))
		for _, it := range items {
			if it.row.ID != "" || !it.want.InScope {
				continue
			}
			it.describe(r.engine.now())
			it.row.DueAt, it.row.Priority, it.row.Cause, it.row.Status, it.row.UpdatedAt = at, p, cause, provision.StatusPending, r.engine.now()
			it.row.Origin = directory.CauseOf(ctx, it.row.ObjectID)
			rows = append(rows, it.row)
		}
		if len(rows) == 0 {
			continue
		}
		err = r.engine.store.Record(ctx, rows, nil, nil)
		if errors.Is(err, provision.ErrLinked) {
			return errRaced
		}
		if err != nil {
			return fmt.Errorf("mark due work: %w", err)
		}
	}
	return nil
}
