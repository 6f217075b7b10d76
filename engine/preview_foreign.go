package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"lockstep/directory"
	"lockstep/provision"
)

// nameStrangers names members who would go of whom only the listing knows.
func (m *matcher) nameStrangers(operations []provision.Operation) error {
	unnamed := map[string]string{}
	for i := range operations {
		if change := operations[i].Members; change != nil {
			for _, id := range change.Remove {
				unnamed[id] = id
			}
		}
	}
	if len(unnamed) == 0 || m.listed == nil {
		return nil
	}
	for _, accounts := range m.listed {
		for _, raw := range accounts {
			remote, err := unpackRemote(raw)
			if err != nil {
				return err
			}
			if unnamed[remote.ID] != "" {
				unnamed[remote.ID] = remoteName(&remote)
			}
		}
	}
	for i := range operations {
		if change := operations[i].Members; change != nil {
			for j, id := range change.Remove {
				if name := unnamed[id]; name != "" {
					change.Remove[j] = name
				}
			}
		}
	}
	return nil
}

// foreign shows the accounts that are nobody's whom a rule covers, in the order of their ids.
func (f *foresight) foreign(ctx context.Context) error {
	taken := func(id string) bool { return f.match.taken[id] || f.match.maybe[id] }
	show := func(remote *provision.Remote) error {
		f.out.Summary.Foreign++
		return f.yield(provision.Foreseen{Group: provision.ForeseenForeign, Operation: provision.Operation{
			Kind: directory.KindUser, Object: provision.Object{Name: remoteName(remote)}, RemoteID: remote.ID,
			Why: cmp.Or(remote.Protected, "nobody whom a rule covers has this "+f.line.identifies()),
		}, Candidates: []provision.Candidate{{RemoteID: remote.ID, Name: remoteName(remote), Active: remote.Active}}})
	}
	if f.match.listed != nil {
		return f.foreignListed(ctx, taken, show)
	}
	q := provision.AccountQuery{EnvironmentID: f.envID, ConnectionID: f.line.connection.ID, Kind: directory.KindUser, Ownership: provision.Foreign, Limit: sweepBatch}
	for {
		rows, err := f.engine.store.AccountPage(ctx, q)
		if err != nil {
			return fmt.Errorf("read foreign accounts: %w", err)
		}
		for i := range rows {
			remote := rows[i].Remote
			if remote == nil {
				remote = &provision.Remote{ID: rows[i].RemoteID}
			}
			if taken(rows[i].RemoteID) {
				continue
			}
			if err := show(remote); err != nil {
				return err
			}
		}
		if len(rows) < q.Limit {
			return nil
		}
		q.After = rows[len(rows)-1].ID
	}
}

func (f *foresight) foreignListed(ctx context.Context, taken func(id string) bool, show func(*provision.Remote) error) error {
	for keys := range slices.Chunk(sortedKeys(f.match.listed), sweepBatch) {
		var remotes []provision.Remote
		var ids []string
		for _, key := range keys {
			for _, raw := range f.match.listed[key] {
				remote, err := unpackRemote(raw)
				if err != nil {
					return err
				}
				if !taken(remote.ID) {
					remotes, ids = append(remotes, remote), append(ids, remote.ID)
				}
			}
		}
		rows, err := f.engine.store.AccountsByRemote(ctx, f.line.connection.ID, directory.KindUser, ids)
		if err != nil {
			return fmt.Errorf("read accounts: %w", err)
		}
		ours := make(map[string]bool, len(rows))
		for i := range rows {
			ours[rows[i].RemoteID] = rows[i].ObjectID != ""
		}
		for i := range remotes {
			if ours[remotes[i].ID] {
				continue
			}
			if err := show(&remotes[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// previewPace lets a preview spend the target's read budget as everything else does: behind everybody who waits, with the runner's
// own pacer while there is one.
func (e *Engine) previewPace(envID string, c provision.Connection) paceFunc {
	var own *pacer
	return func(ctx context.Context, budgets ...string) error {
		e.mu.Lock()
		r := e.runners[c.ID]
		e.mu.Unlock()
		if r != nil {
			r.mu.Lock()
			p := r.pacer
			r.mu.Unlock()
			if p != nil {
				if err := p.pace(ctx, budgets...); !errors.Is(err, errStopping) {
					return err
				}
			}
		}
		if own == nil {
			state, err := e.store.Runner(ctx, envID, c.ID)
			if err != nil {
				return fmt.Errorf("read the runner's state: %w", err)
			}
			kind := e.types[c.Type]
			effective := provision.Effective(kind.Describe(), c)
			levels := left{levels: state.Budgets, at: state.BudgetsAt, notBefore: state.NotBefore}
			own = newPacer(kind.Budgets(), effective.Number(provision.KeyRateLimitFactor, 1), levels, e.now)
		}
		return own.pace(ctx, budgets...)
	}
}
