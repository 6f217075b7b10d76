package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// The mass-deprovision guard (docs/decisions/0021). Whoever is to lose access waits at the gate until all that belongs together is
// counted: below the limits they pass, above them an administrator decides. Nothing is remembered beside the rows, so a crash at any
// moment counts the same.

// Guard is what the engine asks of the store for the mass-deprovision guard.
type Guard interface {
	// GateCounts counts the rows of a connection at the gate, and those who lost access after since without a decision.
	GateCounts(ctx context.Context, connectionID string, since time.Time) (provision.GateCounts, error)
	// CountAccess counts the people whom the connection gives access, or gave it until they lost it after since.
	CountAccess(ctx context.Context, connectionID string, since time.Time) (int64, error)
	// WaitingCauses lists what made the waiting rows due, the most frequent first.
	WaitingCauses(ctx context.Context, connectionID string, limit int) ([]provision.WaitingCause, error)
	// PassWaiting lets the waiting rows be carried out; with held, those in a hold as well. When they are more than most, people and
	// places together, nobody passes. It answers how many did.
	PassWaiting(ctx context.Context, connectionID string, held bool, most int64, at time.Time) (int64, error)
	// OpenHold is a problem.NotFound when nothing is held.
	OpenHold(ctx context.Context, connectionID string) (provision.DeprovisionHold, error)
	DeprovisionHold(ctx context.Context, envID, id string) (provision.DeprovisionHold, error)
	// HeldRows lists the rows of a hold in the order of their ids; name narrows to objects whose name contains it.
	HeldRows(ctx context.Context, holdID, name, after string, limit int) ([]provision.Account, error)
	CountHeld(ctx context.Context, connectionID, ruleID string) (int64, error)
	// HoldWaiting puts the waiting rows into a hold, new or open; it is a problem.Conflict when that one is decided already.
	HoldWaiting(ctx context.Context, h provision.DeprovisionHold, activities ...directory.Activity) (int64, error)
	// CloseHold ends an open hold that has no rows left.
	CloseHold(ctx context.Context, h provision.DeprovisionHold, activities ...directory.Activity) error
	// DecideHold makes the rows of a hold due, with the decision; it answers the hold and how many rows were decided.
	DecideHold(ctx context.Context, envID string, d provision.HoldDecision) (provision.DeprovisionHold, int64, error)
	// Activities lists the log, newest first: whose edit it was.
	Activities(ctx context.Context, envID string, q directory.ActivityQuery) ([]directory.Activity, error)
}

const (
	// gateQuiet is how long the feed must be silent before more people than the count limit pass for being a small share: an
	// import comes in batches, and its first ones may be a small share of everybody.
	gateQuiet = time.Second
	// gatePatience bounds how long somebody waits at the gate for the feed to fall silent or for a reconciliation to end.
	gatePatience = 30 * time.Second
	accessKept   = 10 * time.Second // how long the number of people with access is good for
)

// gate is what a runner knows about its waiting rows. It is all right to lose it.
type gate struct {
	known  atomic.Bool // nobody waits, and nothing has come to the gate or left a hold since that was seen; a new slice knows nothing
	expiry time.Time   // of the open hold; zero = none is open

	fedAt    time.Time // when the feed last had something
	access   int64     // people with access
	accessAt time.Time
}

// guard lets waiting rows pass, or holds them. drained says that the feed had nothing more in this turn. While there is nothing to do it
// asks nothing: only this runner brings rows to the gate, and it looks once when it starts.
func (r *runner) guard(ctx context.Context, drained bool) error {
	now := r.engine.now()
	if !drained {
		r.gate.fedAt = now
	}
	if r.gate.known.Load() && (r.gate.expiry.IsZero() || now.Before(r.gate.expiry)) {
		return nil
	}
	r.gate.known.Store(true) // until somebody comes, or has to be looked after still
	waits, err := r.weighWaiting(ctx, now, drained)
	if err != nil || waits {
		r.gate.known.Store(false)
	}
	return err
}

// weighWaiting reports whether it has to be looked again in the next turn.
func (r *runner) weighWaiting(ctx context.Context, now time.Time, drained bool) (bool, error) {
	r.gate.expiry = time.Time{}
	counts, err := r.engine.store.GateCounts(ctx, r.connectionID, now.Add(-provision.GuardWindow))
	if err != nil {
		return false, fmt.Errorf("count who loses access: %w", err)
	}
	hold, err := r.engine.store.OpenHold(ctx, r.connectionID)
	if err != nil && !notFound(err) {
		return false, fmt.Errorf("read the hold: %w", err)
	}
	if err == nil {
		r.gate.expiry = hold.ExpiresAt
		if open, err := r.tend(ctx, &hold, counts); err != nil || open {
			return counts.WaitingRows > 0 || hold.Status != provision.HoldOpen, err
		}
	}
	if counts.WaitingRows == 0 {
		r.state.WaitingSince = time.Time{}
		return false, nil
	}
	if r.state.WaitingSince.IsZero() {
		r.state.WaitingSince = now
	}
	exceeded, known, err := r.weigh(ctx, counts, drained)
	switch {
	case err != nil || !known:
		return true, err
	case exceeded:
		return false, r.openHold(ctx, counts)
	default:
		passed, err := r.pass(ctx, false, counts)
		return !passed, err
	}
}

// gated notes, after an item was kept, that it came to the gate or left a hold.
func (r *runner) gated(it *item) {
	if it.row.Gate.State == provision.GateWaiting || it.stored.Gate.State == provision.GateHeld {
		r.gate.known.Store(false)
	}
}

// weigh tells whether the waiting rows exceed the limits. It is not known while more of the same event may be to come, unless they
// exceed the limits already.
func (r *runner) weigh(ctx context.Context, c provision.GateCounts, drained bool) (exceeded, known bool, err error) {
	now, limits := r.engine.now(), r.line.limits
	total := c.Done + c.Waiting + c.Passed
	patient := now.Sub(r.state.WaitingSince) < gatePatience
	walking := r.state.Sweep.Phase == provision.SweepWalk || r.state.Sweep.Phase == provision.SweepAfter
	if c.Groups > 0 { // groups that are looked at may lose members as well
		r.mu.Lock()
		walking = walking || len(r.groups.inflight) > 0
		r.mu.Unlock()
	}
	if !limits.OverCount(total) {
		// Those whose visits have to be taken again may be part of it.
		known = drained && !walking && !limits.OverCount(total+r.unsettled())
		return false, known || !patient, nil
	}
	people, err := r.access(ctx)
	if err != nil {
		return false, false, err
	}
	if limits.OverShare(total, people) {
		return true, true, nil
	}
	quiet := drained && !walking && now.Sub(r.gate.fedAt) >= gateQuiet && r.unsettled() == 0
	return false, quiet || !patient, nil
}

// access counts the people with access. It costs what there are, so it is asked only above the count limit, and kept for a moment.
func (r *runner) access(ctx context.Context) (int64, error) {
	now := r.engine.now()
	if r.gate.accessAt.IsZero() || now.Sub(r.gate.accessAt) > accessKept {
		n, err := r.engine.store.CountAccess(ctx, r.connectionID, now.Add(-provision.GuardWindow))
		if err != nil {
			return 0, fmt.Errorf("count who has access: %w", err)
		}
		r.gate.access, r.gate.accessAt = n, now
	}
	return r.gate.access, nil
}

// pass lets those who were counted go on, with held also those in a hold. It reports whether they did: visits end beside the loop, and
// when one of them has brought somebody to the gate since, all of them are weighed once more.
func (r *runner) pass(ctx context.Context, held bool, c provision.GateCounts) (bool, error) {
	most := c.Waiting
	if held {
		most += c.Held
	}
	n, err := r.engine.store.PassWaiting(ctx, r.connectionID, held, most, r.engine.now())
	if err != nil {
		return false, fmt.Errorf("let deprovisioning go on: %w", err)
	}
	if n == 0 && most > 0 {
		return false, nil
	}
	r.state.WaitingSince = time.Time{}
	return true, nil
}

// tend looks after an open hold. It reports whether it is open still; then what waits has joined it.
func (r *runner) tend(ctx context.Context, hold *provision.DeprovisionHold, c provision.GateCounts) (bool, error) {
	now := r.engine.now()
	switch {
	case c.HeldRows == 0:
		return false, r.lift(ctx, hold, "nobody is to lose access any more")
	case !now.Before(hold.ExpiresAt):
		_, _, err := r.engine.decide(ctx, hold.EnvironmentID, provision.HoldDecision{
			HoldID: hold.ID, Status: provision.HoldExpired, By: directory.System.Name, Said: "rejected, as nobody approved it in time", At: now,
		}, directory.Origin{Actor: directory.System})
		if problem.Is(err, problem.Conflict) { // somebody decided in the last moment
			err = nil
		}
		return true, err
	case r.line.limits.Above(hold.Limits):
		exceeded, err := r.exceeded(ctx, c)
		if err != nil || exceeded {
			return true, errors.Join(err, r.join(ctx, hold, c))
		}
		if passed, err := r.pass(ctx, true, c); err != nil || !passed {
			return true, err
		}
		return true, r.lift(ctx, hold, fmt.Sprintf("the limits were raised: %d deprovisionings go on", c.HeldRows))
	default:
		return true, r.join(ctx, hold, c)
	}
}

// exceeded weighs everything that waits or is held.
func (r *runner) exceeded(ctx context.Context, c provision.GateCounts) (bool, error) {
	total := c.Done + c.Waiting + c.Passed + c.Held
	if !r.line.limits.OverCount(total) {
		return false, nil
	}
	people, err := r.access(ctx)
	return r.line.limits.OverShare(total, people), err
}

// join adds what waits to the hold that is open.
func (r *runner) join(ctx context.Context, hold *provision.DeprovisionHold, c provision.GateCounts) error {
	r.state.WaitingSince = time.Time{}
	if c.WaitingRows == 0 {
		return nil
	}
	n, err := r.engine.store.HoldWaiting(ctx, *hold)
	if problem.Is(err, problem.Conflict) {
		return nil // decided in this moment: the next turn weighs them anew
	}
	if err != nil {
		return fmt.Errorf("hold deprovisioning: %w", err)
	}
	hold.Held += n
	r.engine.tellHold(hold)
	return nil
}

func (r *runner) openHold(ctx context.Context, c provision.GateCounts) error {
	now := r.engine.now()
	cause, err := r.cause(ctx)
	if err != nil {
		return fmt.Errorf("find out whose edit it was: %w", err)
	}
	hold := provision.DeprovisionHold{
		ID: newID(), EnvironmentID: r.envID, ConnectionID: r.connectionID, Status: provision.HoldOpen, Limits: r.line.limits, CreatedAt: now,
		ExpiresAt: now.Add(provision.HoldFor), Cause: r.wouldLose(c) + ": " + cause,
	}
	said := fmt.Sprintf("held until an administrator decides, above the limits of %g %% and %g: %s", hold.Limits.Share, hold.Limits.Count, hold.Cause)
	n, err := r.engine.store.HoldWaiting(ctx, hold, r.connectionActivity("PROVISIONING_HOLD.CREATED", false, said))
	if err != nil {
		return fmt.Errorf("hold deprovisioning: %w", err)
	}
	r.state.WaitingSince, r.gate.expiry = time.Time{}, hold.ExpiresAt
	hold.Held = n
	r.engine.tellHold(&hold)
	return nil
}

// wouldLose says how many people would lose what.
func (r *runner) wouldLose(c provision.GateCounts) string {
	people := c.WaitingRows - c.Groups
	said := fmt.Sprintf("%d of %d people with access would lose it", people, r.gate.access)
	switch {
	case c.Groups == 0:
		return said
	case people == 0:
		return fmt.Sprintf("%d memberships of %d groups would end (%d people have access)", c.Removals, c.Groups, r.gate.access)
	default:
		return fmt.Sprintf("%s, and %d memberships of %d groups would end", said, c.Removals, c.Groups)
	}
}

// lift ends a hold that nobody has to decide about any more.
func (r *runner) lift(ctx context.Context, hold *provision.DeprovisionHold, why string) error {
	hold.Status, hold.DecidedAt, hold.DecidedBy, hold.Held = provision.HoldLifted, r.engine.now(), directory.System.Name, 0
	if err := r.engine.store.CloseHold(ctx, *hold, r.connectionActivity("PROVISIONING_HOLD.LIFTED", true, "the hold is lifted: "+why)); err != nil {
		return fmt.Errorf("end the hold: %w", err)
	}
	r.engine.tellHold(hold)
	return nil
}

// unsettled counts the objects whose visits have to be taken again, because they were edited meanwhile.
func (r *runner) unsettled() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int64(len(r.retake))
	for id := range r.repeat {
		if !r.groups.inflight[id] {
			n++
		}
	}
	return n
}

// reweigh evaluates, together, the objects that were edited during their visits, so that those of them who lose access are counted
// before one of them does.
func (r *runner) reweigh(ctx context.Context) error {
	r.mu.Lock()
	var ids []string
	for id := range r.retake {
		if !r.inflight[id] {
			ids = append(ids, id)
			delete(r.retake, id)
		}
	}
	r.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	if err := r.reconsider(ctx, ids, provision.PriorityLive, editedCause); err != nil {
		r.mu.Lock()
		for _, id := range ids {
			r.retake[id] = true
		}
		r.mu.Unlock()
		return err
	}
	return nil
}
