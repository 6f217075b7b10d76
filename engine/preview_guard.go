package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep/directory"
	"lockstep/provision"
)

const untilDecided = "; they are held until an administrator decides"

// guard tells whether the mass-deprovision guard would hold what takes access away. It weighs as the guard does (see weigh): all of
// the connection's people together with those who lost access lately, whichever rule is previewed.
func (f *foresight) guard(ctx context.Context) error {
	if f.barred == 0 {
		return nil
	}
	why, err := f.weigh(ctx, f.takes)
	if err != nil || why == "" {
		return err
	}
	f.out.Guard = why + untilDecided
	f.out.Summary.Held += f.barred
	return nil
}

// weigh says why the guard holds so many who are to lose access or their place in a group; "" = it does not.
func (f *foresight) weigh(ctx context.Context, takes int64) (string, error) {
	store, id, now, limits := f.engine.store, f.line.connection.ID, f.engine.now(), f.line.limits
	counts, err := store.GateCounts(ctx, id, now.Add(-provision.GuardWindow))
	if err != nil {
		return "", fmt.Errorf("count who loses access: %w", err)
	}
	total := counts.Done + counts.Waiting + counts.Passed + takes
	hold, err := store.OpenHold(ctx, id)
	if err != nil && !notFound(err) {
		return "", fmt.Errorf("read the hold: %w", err)
	}
	open := err == nil
	if open && !limits.Above(hold.Limits) {
		return "a hold is open, and who loses access joins it: " + hold.Cause, nil
	}
	total += counts.Held
	if !limits.OverCount(total) {
		return "", nil
	}
	people, err := store.CountAccess(ctx, id, now.Add(-provision.GuardWindow))
	if err != nil {
		return "", fmt.Errorf("count who has access: %w", err)
	}
	if people += f.opened; limits.OverShare(total, people) {
		return fmt.Sprintf("%d of %d people with access would lose it, above the limits of %g %% and %g", total, people, limits.Share, limits.Count), nil
	}
	return "", nil
}

// partGroup keeps aside the plan of a group from which the guard may keep members from being taken out, and what is left of it then.
func (f *foresight) partGroup(ctx context.Context, it *groupItem) error {
	whole := it.outcome
	err := f.line.guardGroup(ctx, f.engine.store, it, func(person *provision.Account) standing {
		out := standing{active: person.Remote == nil || person.Remote.Active}
		if s, moves := f.stands[person.ObjectID]; moves {
			held := s.barred && f.out.Guard != ""
			out.active, out.waiting = !s.asleep || held, held
		}
		return out
	})
	if err != nil || len(it.leaving) == 0 {
		return err
	}
	removal := provision.Operation{Verb: provision.VerbUpdate, Kind: directory.KindGroup, Object: provision.Object{ID: it.want.Ref.ID, Name: it.want.Name}, RemoteID: it.row.RemoteID}
	for _, op := range whole.ToDo() {
		if op.Verb == provision.VerbDelete || op.Members != nil && len(op.Members.Remove) > 0 {
			removal = op
		}
	}
	removal.Changes, removal.Members = nil, &provision.MemberChange{Remove: it.leaving}
	left := it.outcome
	left.Operations = append(slices.Clone(left.Operations), removal)
	it.outcome, it.guardedPlan = left, nil
	if err := f.nameGroup(ctx, it); err != nil {
		return err
	}
	held := it.outcome
	it.guardedPlan, it.outcome = &held, whole
	return nil
}

// gateGroups shows the groups that would lose members: the removals that the guard would hold as operations of their own.
func (f *foresight) gateGroups(ctx context.Context, groups []*groupItem) error {
	if len(groups) == 0 {
		return nil
	}
	takes := int64(0)
	if f.out.Guard == "" { // or they are held, and wait
		takes = f.takes
	}
	for _, it := range groups {
		takes += it.counted
	}
	why, err := f.weigh(ctx, takes)
	if err != nil {
		return err
	}
	if f.out.Guard != "" && why == "" {
		why = f.out.Guard // they join the hold of the people
	}
	for _, it := range groups {
		if why == "" {
			if err := f.showGroup(it); err != nil {
				return err
			}
			continue
		}
		operations := it.guardedPlan.Operations
		removal := operations[len(operations)-1]
		it.outcome = *it.guardedPlan
		it.outcome.Operations = operations[:len(operations)-1]
		f.out.Summary.Count(removal)
		f.out.Summary.Held++
		if err := f.yield(provision.Foreseen{Group: provision.GroupOf(&removal), Operation: removal, Barred: true}); err != nil {
			return err
		}
		if len(it.outcome.Operations) == 0 {
			continue
		}
		if err := f.showGroup(it); err != nil {
			return err
		}
	}
	if why != "" {
		f.out.GuardGroups = strings.TrimSuffix(why, untilDecided) + untilDecided
	}
	return nil
}
