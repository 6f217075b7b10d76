package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// The tripwire (docs/decisions/0028) stops all writes to a connection when updates are answered with people who are inactive now, or when
// much changed on the target between two scans. Who was hurt is in the rows of drift, and that the connection is stopped in the runner's
// row, so that it survives a crash and holds for every replica.

const (
	budgetUnverified = "updates under way" // ours: how many people an update that goes wrong can hurt before we know
	actionTripped    = "PROVISIONING_TRIPWIRE.TRIPPED"
	actionAsked      = "PROVISIONING_TRIPWIRE.REQUESTED"
	actionUntripped  = "PROVISIONING_TRIPWIRE.RESUMED"
	actionRescued    = "PROVISIONING_TRIPWIRE.REPAIRED"
	rescueBatch      = 100
)

type watchKey struct{}

// watch is an update that must not deactivate anybody, until its answer is known.
type watch struct {
	pacer *pacer
	taken bool
}

// watch answers nil for what may deactivate, or cannot.
func (r *runner) watch(op *provision.Operation) *watch {
	if op.Kind != directory.KindUser || op.Verb != provision.VerbUpdate {
		return nil
	}
	return &watch{pacer: r.pacer}
}

func withWatch(ctx context.Context, w *watch) context.Context {
	if w == nil {
		return ctx
	}
	return context.WithValue(ctx, watchKey{}, w)
}

// with adds the place that the update takes among those under way; its first request takes it.
func (w *watch) with(budgets []string) []string {
	if w == nil || w.taken {
		return budgets
	}
	return append(slices.Clip(budgets), budgetUnverified)
}

func (w *watch) take() {
	if w != nil {
		w.taken = true
	}
}

func (w *watch) done(hurt bool) {
	if w != nil && w.taken {
		w.pacer.verified(hurt)
	}
}

// compare keeps what others changed about an account, and whether an update of ours deactivated the person. op is what was just done.
func (r *runner) compare(it *item, before, now *provision.Remote, op *provision.Operation) (hurt bool, err error) {
	if before == nil || now == nil {
		return false, nil
	}
	found := r.drifted(it, before, now, howAnswered, attributesOf([]provision.Operation{*op})...)
	if hurt = op.Kind == directory.KindUser && op.Verb == provision.VerbUpdate && before.Active && !now.Active; hurt {
		d := r.newDrift(it, provision.DriftActive, howAnswered)
		d.Ours, d.Theirs, d.Before, d.Hurt = true, false, true, true
		found = append(without(found, provision.DriftActive), d)
	}
	return hurt, r.keepDrift(it, found)
}

// compareRead is compare for an account that was read. Where a call may have been under way about it when the process died, or no answer
// came, a deactivation is taken for the call's.
func (r *runner) compareRead(it *item, now *provision.Remote) (hurt bool, err error) {
	before, called := r.engine.takeBaseline(r.connectionID, it.want.Ref.ID)
	found := r.drifted(it, before, now, howRead)
	for i := range found {
		if d := &found[i]; called && d.Attribute == provision.DriftActive && d.Theirs == false {
			d.Hurt, hurt = true, true
		}
	}
	return hurt, r.keepDrift(it, found)
}

func without(list []provision.Drift, attribute string) []provision.Drift {
	out := list[:0]
	for _, d := range list {
		if d.Attribute != attribute {
			out = append(out, d)
		}
	}
	return out
}

// countHurt tells a pacer how many updates may be under way: as many as can still go wrong before too many are hurt.
func (r *runner) countHurt(ctx context.Context, p *pacer) error {
	now := r.engine.now()
	n, err := r.engine.store.CountHurt(ctx, r.connectionID, now.Add(-provision.TripWindow))
	if err != nil {
		return fmt.Errorf("count whom updates deactivated: %w", err)
	}
	r.hurtAt, r.hurtLately = now, n
	p.unverified(max(1, provision.TripHurtMost-int(n)))
	return nil
}

// hurt is called when an update has deactivated somebody. It stops the connection when that is no accident any more.
func (r *runner) hurt(ctx context.Context) error {
	n, err := r.engine.store.CountHurt(ctx, r.connectionID, r.engine.now().Add(-provision.TripWindow))
	if err != nil {
		return fmt.Errorf("count whom updates deactivated: %w", err)
	}
	if n < provision.TripHurt {
		return nil // maybe somebody deactivated them by hand a moment before: they are activated again at once
	}
	return errors.Join(errStopped, r.tripHurt(ctx, n))
}

func (r *runner) tripHurt(ctx context.Context, n int64) error {
	return r.trip(ctx, provision.TripUpdates, n, time.Time{}, fmt.Sprintf(
		"%d updates were answered with people who are not active any more, although nobody asked for that; "+
			"nothing is written until an administrator says so: repair activates them again, resume does that and goes on", n))
}

// tooMany stops the connection when more people changed on the target since a time than the limits of the mass-deprovision guard.
func (r *runner) tooMany(ctx context.Context, attribute string, since time.Time) (bool, error) {
	now := r.engine.now()
	since = latest(since, r.state.ResumedAt)
	n, err := r.engine.store.CountDrifted(ctx, r.connectionID, attribute, since)
	if err != nil {
		return false, fmt.Errorf("count drift: %w", err)
	}
	if !r.line.limits.OverCount(n) {
		return false, nil
	}
	people, err := r.engine.store.CountAccess(ctx, r.connectionID, now.Add(-provision.GuardWindow))
	if err != nil {
		return false, fmt.Errorf("count who has access: %w", err)
	}
	if !r.line.limits.OverShare(n, people+n) {
		return false, nil
	}
	rest := "which repairs the rest"
	if r.line.drift.Handling == provision.DriftReport {
		rest = "which activates again whom they deactivated, and leaves the rest to be decided"
	}
	when := "before it was listed for the first time"
	if !since.IsZero() {
		when = "since " + since.UTC().Format("2006-01-02 15:04")
	}
	return true, r.trip(ctx, provision.TripMass, n, since, fmt.Sprintf(
		"the accounts of %d people were changed on the target %s, and not by Lockstep; nothing is written until an administrator says so: "+
			"look at the drift, accept what is right, then resume, %s", n, when, rest))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// trip stops the connection, in all replicas, with the calls in flight. A mass change is of what was found after from.
func (r *runner) trip(ctx context.Context, kind provision.TripKind, hurt int64, from time.Time, why string) error {
	r.mu.Lock()
	r.tripped = true
	r.trips++
	pacer := r.pacer
	r.mu.Unlock()
	pacer.flush()
	trip := provision.Trip{Kind: kind, Why: why, Hurt: hurt, From: from, Since: r.engine.now()}
	if _, err := r.engine.store.SetTrip(ctx, r.envID, r.connectionID, trip, r.connectionActivity(actionTripped, false, "the tripwire stopped the connection: "+why)); err != nil {
		return fmt.Errorf("stop the connection: %w", err)
	}
	r.engine.tellTrip(r.envID, r.connectionID, true)
	r.poke()
	return nil
}

func (e *Engine) tellTrip(envID, connectionID string, tripped bool) {
	e.emit(provision.Event{Type: "tripwire", EnvironmentID: envID, ConnectionID: connectionID, Data: map[string]any{"tripped": tripped}})
}

// takeTrip takes over what is kept about the tripwire, unless it tripped since that was read.
func (r *runner) takeTrip(stored *provision.Trip, trips int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trips != trips {
		return
	}
	r.tripped, r.state.Trip = stored != nil, stored
}

// seeToTrip reports whether the connection is stopped by the tripwire, and carries out what an administrator wants done about it.
func (r *runner) seeToTrip(ctx context.Context) (bool, error) {
	r.mu.Lock()
	tripped, trip, pacer := r.tripped, r.state.Trip, r.pacer
	r.mu.Unlock()
	now := r.engine.now()
	if !tripped {
		if now.Sub(r.hurtAt) > time.Minute { // those of an hour ago do not count any more
			if err := r.countHurt(ctx, pacer); err != nil {
				return false, err
			}
		}
		if n := r.hurtLately; n >= provision.TripHurt {
			// The process died, or the store failed, after they were noted and before the connection was stopped. Who resumes it ends them.
			return true, r.tripHurt(ctx, n)
		}
		return false, nil
	}
	r.report(ctx)
	if trip == nil || trip.Request == provision.TripNone || now.Before(r.rescueAt) {
		return true, nil
	}
	r.wait() // for the calls in flight
	n, fault, err := r.rescue(ctx, trip)
	if err != nil || ctx.Err() != nil {
		return true, err
	}
	if fault != nil {
		r.rescues++
		r.rescueAt = now.Add(max(fault.RetryAfter, r.engine.backoff(r.rescues, retryFirst, retryLongest)))
		if fault.Kind == provision.Halted {
			r.halt(fault)
		}
		return true, nil
	}
	r.rescues = 0
	said := fmt.Sprintf("%d people whom the target had deactivated are active again; asked for by %s", n, trip.RequestedBy)
	if trip.Request == provision.TripRepair {
		return true, r.endRequest(ctx, r.connectionActivity(actionRescued, true, said+"; the connection stays stopped until it is resumed"))
	}
	return r.untrip(ctx, r.connectionActivity(actionUntripped, true, said+"; provisioning goes on"))
}

func (r *runner) endRequest(ctx context.Context, line directory.Activity) error {
	err := r.engine.store.ChangeTrip(ctx, r.envID, r.connectionID, func(t provision.Trip) *provision.Trip {
		t.Request, t.RequestedBy, t.RepairedAt = provision.TripNone, "", r.engine.now()
		return &t
	}, line)
	if problem.Is(err, problem.Conflict) {
		return nil
	}
	return err
}

func (r *runner) untrip(ctx context.Context, line directory.Activity) (bool, error) {
	r.state.ResumedAt = r.engine.now()
	if err := r.keepState(ctx); err != nil {
		return true, err
	}
	err := r.engine.store.ChangeTrip(ctx, r.envID, r.connectionID, func(provision.Trip) *provision.Trip { return nil }, line)
	if err != nil && !problem.Is(err, problem.Conflict) {
		return true, fmt.Errorf("let the connection go on: %w", err)
	}
	r.mu.Lock()
	r.tripped, r.state.Trip = false, nil
	r.trips++
	r.mu.Unlock()
	r.engine.tellTrip(r.envID, r.connectionID, false)
	return false, r.countHurt(ctx, r.pacer)
}

// Tripwire answers why a connection is stopped; nil = it is not.
func (e *Engine) Tripwire(ctx context.Context, envID, connectionID string) (*provision.Trip, error) {
	if _, err := e.store.Connection(ctx, envID, connectionID); err != nil {
		return nil, err
	}
	state, err := e.store.Runner(ctx, envID, connectionID)
	return state.Trip, err
}

// Untrip asks for the repair of a stopped connection, or for it to go on. The connection's runner does it.
func (e *Engine) Untrip(ctx context.Context, envID, connectionID string, request provision.TripRequest) error {
	c, err := e.store.Connection(ctx, envID, connectionID)
	if err != nil {
		return err
	}
	origin := directory.OriginOf(ctx)
	line := directory.Activity{
		ID: newID(), EnvironmentID: envID, RecordedAt: e.now(), Type: actionAsked, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: directory.KindConnection, ObjectID: c.ID, ObjectName: c.Name, ConnectionID: c.ID, Success: true,
		Description: fmt.Sprintf("%s asked for after the tripwire stopped connection %s", strings.ToLower(string(request)), c.Name),
	}
	err = e.store.ChangeTrip(ctx, envID, connectionID, func(t provision.Trip) *provision.Trip {
		t.Request, t.RequestedBy = request, origin.Actor.Name
		return &t
	}, line)
	if err != nil {
		return err
	}
	e.Wake(envID)
	return nil
}
