package engine

import (
	"context"
	"fmt"
	"slices"

	"lockstep/directory"
	"lockstep/provision"
)

// sweepGroups looks at every group that a rule carries or carried, and ends the reconciliation. When the target was listed, the
// groups on it are read as well, each with its members.
func (r *runner) sweepGroups(ctx context.Context) error {
	at, cause := r.engine.now(), r.state.Sweep.Cause
	r.mu.Lock()
	making := len(r.inflight) > len(r.groups.inflight)
	r.mu.Unlock()
	if !making {
		due, err := r.engine.store.DueAccounts(ctx, r.connectionID, at, nil, 1)
		if err != nil {
			return fmt.Errorf("read due work: %w", err)
		}
		making = len(due) > 0
	}
	if making {
		at = at.Add(r.gatherFor())
		r.gathers()
	}
	visited := r.visiting()
	rows, err := r.groupRows(ctx)
	if err != nil {
		return err
	}
	resting, err := r.resting(ctx, rows)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(rows))
	var save []*provision.Account
	var ids []string
	for i := range rows {
		known[rows[i].ObjectID] = true
		if rows[i].ObjectID == "" || r.state.Sweep.Scan && waitsForRetry(&rows[i]) {
			continue
		}
		if resting[rows[i].ObjectID] {
			continue
		}
		ids = append(ids, rows[i].ObjectID)
		if r.state.Sweep.List && rows[i].RemoteID != "" && !visited[rows[i].ObjectID] {
			r.engine.keepBaseline(r.connectionID, rows[i].ObjectID, rows[i].Remote, false)
			rows[i].Remote, rows[i].Basis = nil, "" // read before anything is decided
			save = append(save, &rows[i])
		}
	}
	if len(save) > 0 {
		if err := r.engine.store.Record(ctx, save, nil, nil); err != nil {
			return fmt.Errorf("mark groups to be read: %w", err)
		}
	}
	if err := r.remark(ctx, ids, at, provision.PriorityBackfill, cause); err != nil {
		return err
	}
	fresh := slices.DeleteFunc(sortedKeys(r.line.carriers), func(id string) bool { return known[id] })
	if err := r.newGroups(ctx, fresh, at, provision.PriorityBackfill, cause); err != nil {
		return err
	}
	r.forgetMemo()
	r.state.Sweep = provision.Sweep{}
	r.progress.succeeded(r.engine.now())
	return r.keepState(ctx)
}

func (r *runner) groupRows(ctx context.Context) ([]provision.Account, error) {
	var out []provision.Account
	q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: directory.KindGroup, Limit: sweepBatch}
	for {
		page, err := r.engine.store.AccountPage(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read accounts: %w", err)
		}
		out = append(out, page...)
		if len(page) < q.Limit {
			return out, nil
		}
		q.After = page[len(page)-1].ID
	}
}
