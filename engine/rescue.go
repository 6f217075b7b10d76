package engine

import (
	"context"
	"fmt"

	"lockstep/provision"
)

// rescue activates everybody again whom the target deactivated and we want active, one after the other. A fault ends it until later;
// whoever cannot be activated is left to the ordinary visits.
func (r *runner) rescue(ctx context.Context, trip *provision.Trip) (n int, fault *provision.Fault, err error) {
	q := provision.DriftQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, Live: true, Attribute: provision.DriftActive, Limit: rescueBatch}
	for {
		page, err := r.engine.store.DriftPage(ctx, q)
		if err != nil {
			return n, nil, fmt.Errorf("read drift: %w", err)
		}
		var ids []string
		for i := range page {
			if page[i].Theirs == false && page[i].Status != provision.DriftAccepted && r.saves(trip, &page[i]) {
				ids = append(ids, page[i].ObjectID)
			}
		}
		items, err := r.line.evaluate(ctx, r.engine.store, r.envID, ids)
		if err != nil {
			return n, nil, err
		}
		for _, it := range items {
			done, err := r.rescueOne(ctx, it)
			if fault := asFault(err); fault != nil && (fault.Kind == provision.Transient || fault.Kind == provision.Halted) {
				return n, fault, nil
			}
			if err != nil && asFault(err) == nil {
				return n, nil, err
			}
			if done {
				n++
			}
		}
		if len(page) < q.Limit {
			return n, nil, nil
		}
		q.After = page[len(page)-1].ID
	}
}

// saves reports whether somebody is to be activated because an administrator acts on a trip. Where drift is only reported, whom somebody
// deactivated before that is a question of its own, and waits for its answer.
func (r *runner) saves(trip *provision.Trip, d *provision.Drift) bool {
	return r.line.drift.Handling != provision.DriftReport || d.Hurt || d.Status == provision.DriftRepairing ||
		trip.Kind == provision.TripMass && d.FoundAt.After(trip.From)
}

// rescueOne reads an account and activates it, if it is to be active. Everything else about it is left to the next visit.
func (r *runner) rescueOne(ctx context.Context, it *item) (bool, error) {
	if !it.row.Linked() || it.want.Leave {
		return false, nil
	}
	it.describe(r.engine.now())
	remote, err := r.line.target.Get(withPriority(ctx, provision.PriorityDeprovision), it.row.Kind, it.row.RemoteID)
	if err != nil {
		return false, err
	}
	it.row.Remote = remote
	it.want.Drifts = asked(it.want.Drifts)
	it.plan(r.line.policy)
	done := false
	for _, op := range it.outcome.ToDo() {
		if op.Verb == provision.VerbEnable {
			it.row.Priority = provision.PriorityDeprovision
			if err := r.do(ctx, it, op); err != nil {
				return false, err
			}
			done = true
		}
	}
	it.plan(r.line.policy)
	err = r.saveDrift(r.settledDrifts(it))
	if it.row.DueAt.IsZero() && it.due(r.line) {
		it.row.DueAt, it.row.Status = r.engine.now(), provision.StatusPending
	}
	if err == nil {
		err = r.save(it, nil)
	}
	r.touch(it, true)
	return done, err
}

// asked are drifts as if an administrator had asked for their repair: where drift is only reported, it is not withheld then.
func asked(list provision.Drifts) provision.Drifts {
	out := make(provision.Drifts, 0, len(list))
	for _, d := range list {
		if d.Attribute == provision.DriftActive && d.Status == provision.DriftOpen {
			d.Status = provision.DriftRepairing
		}
		out = append(out, d)
	}
	return out
}
