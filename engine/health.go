package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/provision"
)

const (
	// quarantineAfter is how often in a row a target must refuse to be listed.
	quarantineAfter = 3
	maxHeld         = 1000
)

// Health says how the connections stand that the newest revision lets provision, for whoever tells people about it.
func (e *Engine) Health(ctx context.Context, envID string) ([]provision.Health, error) {
	ids, err := e.Runnable(ctx, envID)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	revision, err := e.store.LatestRevision(ctx, envID)
	if err != nil {
		return nil, fmt.Errorf("read the newest revision: %w", err)
	}
	if p := revision.Snapshot.Plan; p == nil || p.Status == provision.Inactive {
		return nil, nil
	}
	out := make([]provision.Health, 0, len(ids))
	for _, id := range ids {
		c, err := e.store.Connection(ctx, envID, id)
		if notFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h, err := e.health(ctx, &revision, &c)
		if err != nil {
			return nil, fmt.Errorf("look at connection %s: %w", id, err)
		}
		out = append(out, h)
	}
	return out, nil
}

func (e *Engine) health(ctx context.Context, revision *provision.Revision, c *provision.Connection) (provision.Health, error) {
	h := provision.Health{ConnectionID: c.ID, Name: c.Name, PublishedAt: revision.CreatedAt}
	state, err := e.store.Runner(ctx, c.EnvironmentID, c.ID)
	if err != nil {
		return h, err
	}
	h.Paused, h.LastSyncAt = state.Paused, state.LastSyncAt
	if state.Halt != nil && state.Halt.Fault != nil {
		h.Halted = &provision.Trouble{Since: state.Halt.Since, Message: state.Halt.Fault.Message, Hint: state.Halt.Fault.Hint}
	}
	if s := state.Sweep; s.Fault != nil && s.Attempts >= quarantineAfter {
		h.Quarantined = &provision.Trouble{Message: s.Fault.Message, Hint: s.Fault.Hint}
	}
	if err := e.heldHealth(ctx, c, &h); err != nil {
		return h, err
	}
	for _, rule := range revision.Snapshot.RulesFor(c.ID) {
		if !rule.Active {
			continue
		}
		for _, kind := range []directory.Kind{directory.KindUser, directory.KindGroup} {
			n, err := e.store.CountAccounts(ctx, c.ID, rule.ID, kind)
			if err != nil {
				return h, err
			}
			h.Impacted, h.Failed = h.Impacted+n.Impacted, h.Failed+n.Failed
		}
	}
	return h, nil
}

// heldHealth says what waits for a decision: deprovisionings at the guard, and groups that would be overwritten.
func (e *Engine) heldHealth(ctx context.Context, c *provision.Connection, h *provision.Health) error {
	mass, err := e.DeprovisionHolds(ctx, c.EnvironmentID, c.ID)
	if err != nil {
		return err
	}
	for i := range mass {
		h.Held, h.HeldSince, h.HeldWhy = h.Held+mass[i].Held, mass[i].CreatedAt, mass[i].Cause
	}
	rows, err := e.store.AccountPage(ctx, provision.AccountQuery{
		EnvironmentID: c.EnvironmentID, ConnectionID: c.ID, Kind: directory.KindGroup, FaultCode: provision.CodeOverwriteHeld, Limit: maxHeld,
	})
	if err != nil {
		return err
	}
	h.Held += int64(len(rows))
	if h.HeldWhy == "" && len(rows) > 0 {
		h.HeldWhy = fmt.Sprintf("group %s: %s", rows[0].ObjectName, rows[0].Fault.Message)
	}
	return nil
}
