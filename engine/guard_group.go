package engine

import (
	"context"
	"fmt"
	"slices"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// A member who is taken out of a group counts at the guard like a person who loses access (docs/decisions/0026). The group's row stands at
// the same gate, with whom it would lose; the rest of its plan is carried out meanwhile.

// planGroup plans a group, and keeps whoever must not be taken out of it yet.
func (r *runner) planGroup(ctx context.Context, it *groupItem) error {
	it.planGroup(r.line.groupPolicy)
	return r.line.guardGroup(ctx, r.engine.store, it, nil)
}

// guardGroup takes out of the plan whom the guard did not let pass. soon says, in a preview, how people will stand when all that is
// planned for them is done.
func (l *line) guardGroup(ctx context.Context, store Store, it *groupItem, soon func(*provision.Account) standing) error {
	it.leaving, it.counted = nil, 0
	leaving, counted, err := l.leavers(ctx, store, it, soon)
	if err != nil {
		return err
	}
	gate := &it.row.Gate
	known := !slices.ContainsFunc(leaving, func(id string) bool { _, found := slices.BinarySearch(it.row.Leaving, id); return !found })
	switch {
	case len(leaving) == 0:
		it.ungate()
	case known && (gate.State == provision.GatePassed || gate.State == provision.GateApproved):
	case known && gate.State == provision.GateRejected:
		it.keepMembers(leaving)
		it.outcome.Detail = fmt.Sprintf("%s; it was %s", plan.People(len(leaving), "member stays", "members stay"), gate.Said)
		if it.outcome.Status != provision.StatusPending {
			it.outcome.Status = provision.StatusPartial
		}
	default:
		it.keepMembers(leaving)
		it.leaving, it.counted = leaving, counted
	}
	return nil
}

// leavers answers the members of ours whom the plan takes out, but for those who have lost their access already. counted are those who
// keep it; whoever is at the guard themselves is counted there, and stays until that is decided.
func (l *line) leavers(
	ctx context.Context, store Store, it *groupItem, soon func(*provision.Account) standing,
) (leaving []string, counted int64, err error) {
	out := it.removes()
	if len(out) == 0 || l.limits.Off() {
		return nil, 0, nil
	}
	rows, err := store.AccountsByRemote(ctx, l.connection.ID, directory.KindUser, out)
	if err != nil {
		return nil, 0, fmt.Errorf("read accounts: %w", err)
	}
	people := make(map[string]*provision.Account, len(rows))
	for i := range rows {
		people[rows[i].RemoteID] = &rows[i]
	}
	for _, id := range out {
		person := people[id]
		ours := person != nil && person.Linked()
		closed, waits := false, false
		if ours {
			closed = person.Remote != nil && !person.Remote.Active
			waits = person.Gate.State != provision.GateNone && person.Gate.State != provision.GateRejected
			if soon != nil {
				s := soon(person)
				closed, waits = !s.active, s.waiting
			}
		}
		switch {
		case !ours && !it.known[id].Ours, !it.known[id].Ours && it.consent: // somebody agreed that those of others go
		case closed: // they have lost it
		case waits:
			leaving = append(leaving, id)
		default:
			leaving = append(leaving, id)
			counted++
		}
	}
	return leaving, counted, nil
}

// removes lists the members whom the plan takes out; sorted.
func (it *groupItem) removes() []string {
	for _, op := range it.outcome.ToDo() {
		switch {
		case op.Verb == provision.VerbDelete:
			return slices.DeleteFunc(sortedKeys(it.known), func(id string) bool { return !it.known[id].Present })
		case op.Members != nil && len(op.Members.Remove) > 0:
			return op.Members.Remove
		}
	}
	return nil
}

// keepMembers leaves members in the group for now.
func (it *groupItem) keepMembers(stay []string) {
	var left []provision.Operation
	for _, op := range it.outcome.Operations {
		if op.Withheld != "" {
			left = append(left, op)
			continue
		}
		if op.Verb == provision.VerbDelete {
			continue
		}
		if op.Members != nil {
			op.Members = &provision.MemberChange{Add: op.Members.Add, Remove: slices.DeleteFunc(slices.Clone(op.Members.Remove), func(id string) bool {
				_, found := slices.BinarySearch(stay, id)
				return found
			})}
		}
		if op.Verb == provision.VerbCreate || len(op.Changes) > 0 || op.Members.Size() > 0 {
			left = append(left, op)
		}
	}
	it.outcome.Operations = left
}

// ungate forgets what the guard said about the group: nobody is to lose their place any more.
func (it *groupItem) ungate() { it.row.Gate, it.row.Leaving = provision.Gate{}, nil }

// waitGroup puts the group's row at the gate. One that is held stays held.
func (it *groupItem) waitGroup() {
	row := it.row
	why := fmt.Sprintf("%s; %s their place in the group", it.want.Why, plan.People(len(it.leaving), "member would lose", "members would lose"))
	if row.Gate.State != provision.GateHeld {
		row.Gate, row.Detail = provision.Gate{State: provision.GateWaiting}, why
	} else {
		row.Detail = "held: " + why
	}
	row.Gate.Why, row.Gate.Members, row.Leaving = why, it.counted, it.leaving
	it.rowAtGate()
}

// countRemoval counts the members who are about to be taken out without a decision, once, before the call: its answer may be lost.
func (r *runner) countRemoval(it *groupItem, op *provision.Operation) error {
	removes := op.Verb == provision.VerbDelete || op.Members != nil && len(op.Members.Remove) > 0
	if !removes || it.row.Gate.State != provision.GatePassed || it.row.Gate.Members == 0 {
		return nil
	}
	it.row.Removed, it.row.Gate.Members = it.row.Gate.Members, 0
	err := r.save(&it.item, nil)
	it.row.Removed = 0
	return err
}
