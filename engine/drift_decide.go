package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// driftLine is the activity that tells of a drift, with both values: from ours, to theirs.
func driftLine(d *provision.Drift, action string, origin directory.Origin, now time.Time) directory.Activity {
	return directory.Activity{
		ID: newID(), EnvironmentID: d.EnvironmentID, RecordedAt: now, Type: action, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: d.Kind, ObjectID: d.ObjectID, ObjectName: d.ObjectName, ConnectionID: d.ConnectionID, RuleID: d.RuleID, Success: true,
		Description: "drift: " + d.ObjectName + " " + driftWhat(d), Changes: []directory.AttributeChange{{Attribute: d.Attribute, From: d.Ours, To: d.Theirs}},
	}
}

// driftWhat says what drifted, after the object's name.
func driftWhat(d *provision.Drift) string {
	switch {
	case d.Attribute == provision.DriftActive && d.Hurt:
		return "was deactivated on the target by an update of ours, which did not ask for that"
	case d.Attribute == provision.DriftActive && d.Theirs == true:
		return "was activated on the target"
	case d.Attribute == provision.DriftActive:
		return "was deactivated on the target"
	case d.Attribute == provision.DriftAccount:
		return "is gone from the target"
	case d.Attribute == provision.DriftMembers && d.Theirs == true:
		return "got a member on the target: " + d.MemberName
	case d.Attribute == provision.DriftMembers:
		return "lost a member on the target: " + d.MemberName
	default:
		return "has another " + d.Attribute + " on the target"
	}
}

// Drift lists what others changed on targets.
func (e *Engine) Drift(ctx context.Context, q provision.DriftQuery) ([]provision.Drift, error) {
	return e.store.DriftPage(ctx, q)
}

// DriftByID answers one drift.
func (e *Engine) DriftByID(ctx context.Context, envID, id string) (provision.Drift, error) {
	return e.store.Drift(ctx, envID, id)
}

// DecideDrift repairs or accepts drifts of a connection; no ids = all that are open. It answers how many were decided.
func (e *Engine) DecideDrift(ctx context.Context, envID, connectionID string, ids []string, accept bool) (int64, error) {
	origin, now := directory.OriginOf(ctx), e.now()
	d := provision.DriftDecision{EnvironmentID: envID, ConnectionID: connectionID, IDs: ids, Status: provision.DriftRepairing, By: origin.Actor.Name, At: now}
	action, said := "PROVISIONING_DRIFT.REPAIR_REQUESTED", "; its repair was asked for by "
	if accept {
		d.Status, action, said = provision.DriftAccepted, "PROVISIONING_DRIFT.ACCEPTED", "; the target's value was accepted by "
	}
	d.Line = func(drift *provision.Drift) directory.Activity {
		line := driftLine(drift, action, origin, now)
		line.Description += said + origin.Actor.Name
		return line
	}
	n, err := e.store.DecideDrift(ctx, d)
	if err != nil {
		return 0, fmt.Errorf("keep the decision: %w", err)
	}
	if n == 0 && len(ids) > 0 {
		return 0, problem.New(problem.Conflict, "nothing differs there any more; read the drift again")
	}
	e.emit(provision.Event{Type: "drift", EnvironmentID: envID, ConnectionID: connectionID, Data: map[string]any{"decided": n}})
	e.Wake(envID)
	return n, nil
}

// Scan asks for a drift scan now, which takes all of the target's limits, as a reconciliation does.
func (e *Engine) Scan(ctx context.Context, envID, connectionID string) error {
	if _, err := e.store.Connection(ctx, envID, connectionID); err != nil {
		return err
	}
	if err := e.store.RequestResync(ctx, envID, connectionID, "drift scan asked for by "+directory.OriginOf(ctx).Actor.Name); err != nil {
		return fmt.Errorf("ask for a scan: %w", err)
	}
	e.Wake(envID)
	return nil
}

// CountDrift counts the live drifts of a connection.
func (e *Engine) CountDrift(ctx context.Context, connectionID string) (provision.DriftCounts, error) {
	return e.store.CountDrift(ctx, connectionID, "")
}

// whyDrifted says how much of a rule differs on the target and waits for a decision.
func whyDrifted(c provision.DriftCounts) string {
	if c.Open == 0 {
		return ""
	}
	return fmt.Sprintf("%d values were changed on the target and are not repaired", c.Open)
}

// whyLingering says how many people keep access for the grace period.
func whyLingering(n int64, next time.Time) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d people keep access for the grace period, the first of them until %s", n, next.UTC().Format("2006-01-02 15:04 MST"))
}

func sentences(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "; ")
}
