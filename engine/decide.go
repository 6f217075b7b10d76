package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// DeprovisionHolds lists the open holds of a connection: none or one.
func (e *Engine) DeprovisionHolds(ctx context.Context, envID, connectionID string) ([]provision.DeprovisionHold, error) {
	hold, err := e.store.OpenHold(ctx, connectionID)
	if notFound(err) || err == nil && hold.EnvironmentID != envID {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the hold: %w", err)
	}
	return []provision.DeprovisionHold{hold}, nil
}

// HeldOperations lists the operations of a hold, whole, as they would be done now, in the order of their rows' ids.
func (e *Engine) HeldOperations(ctx context.Context, h *provision.DeprovisionHold, after string, limit int) ([]provision.HeldOperation, error) {
	rows, err := e.store.HeldRows(ctx, h.ID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read what is held: %w", err)
	}
	planned, err := e.planned(ctx, h, rows)
	if err != nil {
		return nil, err
	}
	out := make([]provision.HeldOperation, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		op, ok := planned[row.ObjectID]
		if !ok { // it changes at this moment: say what was held
			op = provision.Operation{
				Verb: provision.VerbDisable, Kind: row.Kind, Object: provision.Object{ID: row.ObjectID, Name: row.ObjectName}, RemoteID: row.RemoteID, Why: row.Gate.Why,
			}
		}
		op.Withheld = "held until an administrator decides"
		out = append(out, provision.HeldOperation{AccountID: row.ID, RuleID: row.RuleID, Operation: op, Cause: row.Cause})
	}
	return out, nil
}

// planned answers the operations that take access away, by object, as the newest revision plans them.
func (e *Engine) planned(ctx context.Context, h *provision.DeprovisionHold, rows []provision.Account) (map[string]provision.Operation, error) {
	out := make(map[string]provision.Operation, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	revision, err := e.store.LatestRevision(ctx, h.EnvironmentID)
	if err != nil {
		return nil, fmt.Errorf("read the newest revision: %w", err)
	}
	c, err := e.published(ctx, h.EnvironmentID, &revision.Snapshot, h.ConnectionID)
	if err != nil {
		return nil, err
	}
	l, err := e.compile(ctx, h.EnvironmentID, &revision.Snapshot, c, unpaced)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ObjectID
	}
	items, err := l.evaluate(ctx, e.store, h.EnvironmentID, ids)
	if err != nil {
		return nil, movedOr(err)
	}
	for _, it := range items {
		for _, op := range it.outcome.Operations {
			if op.TakesAccess() {
				out[op.Object.ID] = op
			}
		}
	}
	return out, nil
}

// DecideDeprovision carries out an administrator's decision about a hold, or about some of the objects in it. It answers the hold as
// it is now, and how many operations were decided.
func (e *Engine) DecideDeprovision(
	ctx context.Context, envID, holdID string, approve bool, objects []string,
) (provision.DeprovisionHold, int64, error) {
	origin := directory.OriginOf(ctx)
	d := provision.HoldDecision{HoldID: holdID, Objects: objects, By: origin.Actor.Name, At: e.now()}
	d.Status, d.Said = provision.HoldRejected, "rejected by "+origin.Actor.Name
	if approve {
		d.Status, d.Said = provision.HoldApproved, "approved by "+origin.Actor.Name
	}
	return e.decide(ctx, envID, d, origin)
}

func (e *Engine) decide(
	ctx context.Context, envID string, d provision.HoldDecision, origin directory.Origin,
) (provision.DeprovisionHold, int64, error) {
	name := ""
	if h, err := e.store.DeprovisionHold(ctx, envID, d.HoldID); err == nil {
		if c, err := e.store.Connection(ctx, envID, h.ConnectionID); err == nil {
			name = c.Name
		}
	}
	d.Line = func(h provision.DeprovisionHold, decided, left int64) directory.Activity {
		said := fmt.Sprintf("%d held deprovisionings: %s", decided, d.Said)
		if left > 0 {
			said += fmt.Sprintf("; %d stay held", left)
		}
		return directory.Activity{
			ID: newID(), EnvironmentID: envID, RecordedAt: d.At, Type: "PROVISIONING_HOLD." + string(d.Status), Actor: origin.Actor,
			CorrelationID: origin.CorrelationID, Kind: directory.KindConnection, ObjectID: h.ConnectionID, ObjectName: name, ConnectionID: h.ConnectionID,
			Success: true, Description: said + ". Held was: " + h.Cause,
		}
	}
	hold, decided, err := e.store.DecideHold(ctx, envID, d)
	if err != nil {
		if problem.Is(err, problem.NotFound) || problem.Is(err, problem.Conflict) || problem.Is(err, problem.InvalidData) {
			return hold, 0, err
		}
		return hold, 0, fmt.Errorf("keep the decision: %w", err)
	}
	e.tellHold(&hold)
	e.Wake(envID)
	return hold, decided, nil
}

// tellHold says to those who watch how a hold stands.
func (e *Engine) tellHold(h *provision.DeprovisionHold) {
	e.emit(provision.Event{Type: "hold", EnvironmentID: h.EnvironmentID, ConnectionID: h.ConnectionID, Data: map[string]any{
		"id": h.ID, "status": h.Status, "held": h.Held, "cause": h.Cause,
	}})
}

// whyHeld says how much of a rule is held, and why.
func (e *Engine) whyHeld(ctx context.Context, connectionID string, held int64) string {
	out := fmt.Sprintf("%d deprovisionings are held until an administrator decides", held)
	if h, err := e.store.OpenHold(ctx, connectionID); err == nil {
		out += ": " + h.Cause
	}
	return out
}
