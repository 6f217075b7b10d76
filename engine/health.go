package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/provision"
)

const (
	// unlistedAfter is how often in a row a target must refuse to be listed.
	unlistedAfter = 3
	maxHeld       = 1000
)

const (
	unreadable     = "its saved secrets cannot be read with the keys at hand"
	unreadableHint = "enter them again, or restore the key file and start the server again"
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
		if c.Readable() != nil {
			h.Halted = &provision.Trouble{Message: unreadable, Hint: unreadableHint}
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
	h.Halted, h.Quarantined = stopped(&state), ailing(&state)
	if g := c.Grant; g != nil && (c.Secrets[provision.KeyRefreshToken].IsZero() || g.Trouble != nil) { // nobody refreshes it, or that fails
		h.CredentialsExpireAt = g.ExpiresAt
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

// stopped says why nothing is written at all.
func stopped(s *provision.RunnerState) *provision.Trouble {
	switch {
	case s.Trip != nil:
		return &provision.Trouble{Since: s.Trip.Since, Message: s.Trip.Why}
	case s.Halt != nil && s.Halt.Fault != nil:
		return &provision.Trouble{Since: s.Halt.Since, Message: s.Halt.Fault.Message, Hint: s.Halt.Fault.Hint}
	default:
		return nil
	}
}

// ailing says why the target is called seldom.
func ailing(s *provision.RunnerState) *provision.Trouble {
	switch {
	case s.Quarantine != nil && s.Quarantine.Fault != nil:
		return &provision.Trouble{Since: s.Quarantine.Since, Message: s.Quarantine.Fault.Message, Hint: s.Quarantine.Fault.Hint}
	case s.Sweep.Fault != nil && s.Sweep.Attempts >= unlistedAfter:
		return &provision.Trouble{Message: s.Sweep.Fault.Message, Hint: s.Sweep.Fault.Hint}
	default:
		return nil
	}
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
