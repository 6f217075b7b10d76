package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// Drift is what others change on a target although we manage it (docs/decisions/0027). It is found where the target is read: what it
// says now is compared with what it said when we looked last, so that an edit of the directory that is not yet carried out is none.

// Drifts is what the engine remembers of drift.
type Drifts interface {
	// LiveDrift answers the live drifts of objects.
	LiveDrift(ctx context.Context, connectionID string, kind directory.Kind, objectIDs []string) ([]provision.Drift, error)
	// SaveDrift keeps drifts that were found, and the end of others. The same found once more changes nothing about a decision.
	SaveDrift(ctx context.Context, drifts []provision.Drift, activities []directory.Activity) error
	DriftPage(ctx context.Context, q provision.DriftQuery) ([]provision.Drift, error)
	Drift(ctx context.Context, envID, id string) (provision.Drift, error)
	// CountDrift counts the live drifts of a connection, or of one rule of it.
	CountDrift(ctx context.Context, connectionID, ruleID string) (provision.DriftCounts, error)
	// CountDrifted counts the people of whom a drift was found after since; attribute narrows to one.
	CountDrifted(ctx context.Context, connectionID, attribute string, since time.Time) (int64, error)
	// CountHurt counts the people whom updates of ours deactivated after since.
	CountHurt(ctx context.Context, connectionID string, since time.Time) (int64, error)
	// DecideDrift notes a decision and makes the objects due. It answers how many live drifts were decided.
	DecideDrift(ctx context.Context, d provision.DriftDecision) (int64, error)
	PruneDrift(ctx context.Context, connectionID string, before time.Time) error

	// SetTrip stops a connection; false: it was stopped already.
	SetTrip(ctx context.Context, envID, connectionID string, trip provision.Trip, line directory.Activity) (bool, error)
	// ChangeTrip changes a trip; nil ends it. It is a problem.Conflict when there is none.
	ChangeTrip(ctx context.Context, envID, connectionID string, change func(provision.Trip) *provision.Trip, lines ...directory.Activity) error

	// CountLingering counts the people of a rule who keep access for the grace period, and says when the first of them loses it.
	CountLingering(ctx context.Context, connectionID, ruleID string, now time.Time) (int64, time.Time, error)
	// Ripe lists rows whose grace period is over and who were not at the guard yet.
	Ripe(ctx context.Context, connectionID string, now time.Time, limit int) ([]provision.Account, error)
}

const (
	scanCause     = "drift scan"
	howListed     = "found in a listing of the target"
	howRead       = "found when the account was read"
	howAnswered   = "found in the answer to an update"
	actionDrifted = "PROVISIONING_DRIFT.FOUND"
)

// drifts reads the live drifts of objects.
func (l *line) drifts(ctx context.Context, store Store, kind directory.Kind, ids []string) (map[string]provision.Drifts, error) {
	found, err := store.LiveDrift(ctx, l.connection.ID, kind, ids)
	if err != nil {
		return nil, fmt.Errorf("read drift: %w", err)
	}
	if len(found) == 0 {
		return nil, nil //nolint:nilnil // nobody has any
	}
	out := map[string]provision.Drifts{}
	for i := range found {
		out[found[i].ObjectID] = append(out[found[i].ObjectID], found[i])
	}
	return out, nil
}

// bare plans as if nobody had decided anything about drift, from what the target says now.
func (it *item) bare(policy plan.Policy, now *provision.Remote) map[string]directory.AttributeChange {
	row, want := *it.row, it.want
	row.Remote, want.Drifts = now, nil
	out := map[string]directory.AttributeChange{}
	for _, op := range plan.Diff(&want, &row, policy).Operations {
		for _, c := range op.Changes {
			if op.Verb != provision.VerbCreate {
				out[c.Attribute] = c
			}
		}
	}
	return out
}

// drifted says what changed on the target since we looked last, and is not as wanted. What was just written is not asked about.
func (r *runner) drifted(it *item, before, now *provision.Remote, how string, written ...string) []provision.Drift {
	if before == nil || now == nil || !it.row.Linked() {
		return nil
	}
	var out []provision.Drift
	changes := it.bare(r.line.policy, now)
	for _, name := range sortedKeys(changes) {
		was, is := before.Attributes[name], now.Attributes[name]
		if name == provision.DriftActive {
			was, is = before.Active, now.Active
		}
		if !slices.Contains(written, name) && !provision.SameValue(was, is) {
			d := r.newDrift(it, name, how)
			d.Ours, d.Theirs, d.Before = changes[name].To, is, was
			out = append(out, d)
		}
	}
	return out
}

func (r *runner) newDrift(it *item, attribute, how string) provision.Drift {
	basis := ""
	if attribute == provision.DriftActive {
		basis = plan.Standing(&it.want)
	}
	return provision.Drift{
		ID: newID(), EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: it.want.Ref.Kind, ObjectID: it.want.Ref.ID, ObjectName: it.want.Name,
		RuleID: it.want.RuleID, RemoteID: it.row.RemoteID, Attribute: attribute, Basis: basis, How: how, Status: provision.DriftOpen, FoundAt: r.engine.now(),
	}
}

// settledDrifts are the live drifts of an object that are over: nothing differs any more, or the source wants something else by now.
func (r *runner) settledDrifts(it *item) []provision.Drift {
	if len(it.want.Drifts) == 0 || it.want.Leave || it.row.Linked() && it.row.Remote == nil {
		return nil
	}
	changes := it.bare(r.line.policy, it.row.Remote)
	var out []provision.Drift
	for _, d := range it.want.Drifts {
		over := false
		switch d.Attribute {
		case provision.DriftMembers: // see settledMembers
		case provision.DriftAccount:
			over = it.row.Linked() || d.Basis != plan.Fingerprint(&it.want)
		default:
			c, differs := changes[d.Attribute]
			over = !differs || !provision.SameValue(c.To, d.Ours) || d.Attribute == provision.DriftActive && plan.Overtaken(&d, &it.want)
		}
		if over {
			out = append(out, r.over(d, it.written))
		}
	}
	return out
}

func (r *runner) over(d provision.Drift, written map[string]bool) provision.Drift {
	d.Status, d.EndedAt = provision.DriftEnded, r.engine.now()
	if written[d.Attribute] {
		d.Status = provision.DriftRepaired
	}
	return d
}

// wrote notes what an operation of this visit has written.
func (it *item) wrote(op *provision.Operation) {
	if it.written == nil {
		it.written = map[string]bool{}
	}
	for _, c := range op.Changes {
		it.written[c.Attribute] = true
	}
	if op.Verb == provision.VerbCreate {
		it.written[provision.DriftAccount] = true
	}
	if op.Members != nil {
		it.written[provision.DriftMembers] = true
	}
}

// keepDrift keeps what was found of one object, before anything is decided from it.
func (r *runner) keepDrift(it *item, found []provision.Drift) error {
	if r.line.drift.Handling == provision.DriftOff { // what an update of ours did is kept all the same
		found = slices.DeleteFunc(found, func(d provision.Drift) bool { return !d.Hurt })
	}
	if len(found) == 0 {
		return nil
	}
	if err := r.saveDrift(found); err != nil {
		return err
	}
	it.want.Drifts = merged(it.want.Drifts, found)
	return nil
}

// merged puts findings in the place of what was known of the same thing. The list that was read stays as it is.
func merged(known provision.Drifts, found []provision.Drift) provision.Drifts {
	out := slices.Clone(known)
	for _, d := range found {
		i := slices.IndexFunc(out, func(k provision.Drift) bool { return k.Key() == d.Key() })
		switch {
		case i < 0:
			out = append(out, d)
		case d.Hurt || !provision.SameValue(out[i].Ours, d.Ours) || !provision.SameValue(out[i].Theirs, d.Theirs):
			out[i] = d
		}
	}
	return out
}

// saveDrift keeps drifts, and logs those that are new.
func (r *runner) saveDrift(drifts []provision.Drift) error {
	if len(drifts) == 0 {
		return nil
	}
	var lines []directory.Activity
	for i := range drifts {
		if d := &drifts[i]; d.Status == provision.DriftOpen {
			lines = append(lines, driftLine(d, actionDrifted, directory.Origin{Actor: directory.System}, r.engine.now()))
		}
	}
	if err := r.engine.store.SaveDrift(r.calls, drifts, lines); err != nil {
		return fmt.Errorf("keep drift: %w", err)
	}
	r.engine.emit(provision.Event{Type: "drift", EnvironmentID: r.envID, ConnectionID: r.connectionID, Data: map[string]any{"found": len(lines)}})
	return nil
}

// refreshed compares what a listing says of accounts of ours with what was known: what drifted is kept before the rows are.
func (r *runner) refreshed(ctx context.Context, before, now map[string]*provision.Remote) error {
	if r.line.drift.Handling == provision.DriftOff || len(now) == 0 {
		return nil
	}
	items, err := r.line.evaluate(ctx, r.engine.store, r.envID, sortedKeys(now))
	if err != nil {
		return err
	}
	var found []provision.Drift
	for _, it := range items {
		id := it.want.Ref.ID
		if it.row.RemoteID != now[id].ID {
			continue // linked to another account meanwhile
		}
		fresh := r.drifted(it, before[id], now[id], howListed)
		it.want.Drifts = merged(it.want.Drifts, fresh)
		it.row.Remote = now[id]
		found = append(append(found, fresh...), r.settledDrifts(it)...)
	}
	return r.saveDrift(found)
}

// vanished notes that the target does not have somebody's account any more. It reports whether so many are gone that the connection stops.
func (r *runner) vanished(ctx context.Context, it *item) (bool, error) {
	if r.line.drift.Handling == provision.DriftOff || !it.want.InScope || !it.want.Active {
		return false, nil
	}
	d := r.newDrift(it, provision.DriftAccount, howRead)
	d.Ours, d.Before, d.Basis = it.row.RemoteID, it.row.RemoteID, plan.Fingerprint(&it.want)
	if it.stored.Remote == nil && !it.stored.UpdatedAt.IsZero() {
		d.FoundAt = it.stored.UpdatedAt // when it was not listed: an administrator who let the connection go on since knew of it
	}
	if err := r.keepDrift(it, []provision.Drift{d}); err != nil || it.want.Ref.Kind != directory.KindUser {
		return false, err
	}
	return r.tooMany(ctx, provision.DriftAccount, r.engine.now().Add(-provision.TripWindow))
}
