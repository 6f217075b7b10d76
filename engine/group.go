package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

// syncGroups takes groups through all stages, as Sync does with users. About one group there is never more than one call.
func (r *runner) syncGroups(ctx context.Context, ids []string, visited func(id string)) error {
	items, err := r.line.evaluateGroups(ctx, r.engine.store, r.envID, ids)
	if err != nil {
		return err
	}
	each(ids, items, func(it *groupItem) string { return it.want.Ref.ID }, func(it *groupItem) { r.visitGroup(ctx, it) }, visited)
	return nil
}

// visitGroup brings one group to where it should stand, or records why that is not possible now.
func (r *runner) visitGroup(ctx context.Context, it *groupItem) {
	it.describe(r.engine.now())
	it.row.Basis = ""
	for range maxRounds {
		err := r.settleGroup(ctx, it)
		var fault *provision.Fault
		switch {
		case err == nil:
			r.finishGroup(ctx, it)
			return
		case errors.Is(err, errGate):
			r.waitAtGate(it)
			return
		case errors.Is(err, errDiffers):
		case errors.As(err, &fault) && (!r.stopping() || fault.Unanswered):
			if !r.reactGroup(ctx, it, fault) {
				return
			}
		default:
			if errors.Is(err, errStale) {
				r.staleLine()
			}
			r.leave(&it.item)
			return
		}
	}
	r.refuse(&it.item, &provision.Fault{
		Kind: provision.Rejected, Code: "no_end", Message: "the target keeps answering in a way that leads nowhere",
		Hint: "look at the group's activity to see what was tried",
	})
}

// waitAtGate ends a visit whose group waits at the guard: the rest of its plan is done.
func (r *runner) waitAtGate(it *groupItem) {
	if err := r.saveDrift(r.settledMembers(it)); err != nil {
		r.fail(err)
		return
	}
	it.waitGroup()
	r.conclude(&it.item)
}

func (r *runner) staleLine() {
	r.mu.Lock()
	r.stale = true
	r.mu.Unlock()
	r.poke()
}

// settleGroup finds the group on the target and does what the plan says.
func (r *runner) settleGroup(ctx context.Context, it *groupItem) error {
	if it.want.Leave {
		it.planGroup(r.line.groupPolicy)
		it.ungate()
		return nil
	}
	if err := r.line.members(ctx, r.engine.store, it, false); err != nil {
		return err
	}
	if err := r.linkGroup(ctx, it); err != nil {
		return err
	}
	if err := r.planGroup(ctx, it); err != nil {
		return err
	}
	done := it.outcome.ToDo()
	for _, op := range done {
		if r.stopping() {
			return errStopped
		}
		if err := r.doGroup(ctx, it, op); err != nil {
			return err
		}
	}
	if err := r.verifyGroup(ctx, it, done); err != nil {
		return err
	}
	if len(it.leaving) > 0 {
		return errGate
	}
	return nil
}

// doGroup makes one call and remembers what the target answered.
func (r *runner) doGroup(ctx context.Context, it *groupItem, op provision.Operation) error {
	call := connector.Call{
		Verb: op.Verb, Kind: op.Kind, RemoteID: it.row.RemoteID, Known: it.row.Remote, Members: op.Members, Attributes: provision.Attributes{},
	}
	for _, c := range op.Changes {
		call.Attributes[c.Attribute] = c.To
	}
	calling := withIntent(withPriority(ctx, it.row.Priority), func() error {
		if r.overtaken(it.want.Ref.ID) {
			return errOvertaken
		}
		if op.Verb == provision.VerbCreate {
			if err := r.intend(&it.item); err != nil {
				return err
			}
		}
		if err := r.countRemoval(it, &op); err != nil {
			return err
		}
		return r.intendMembers(ctx, it, op.Members)
	})
	remote, err := r.line.target.Do(calling, call)
	r.progress.count()
	if err == nil {
		r.works()
	}
	if remote != nil {
		it.wrote(&op)
		if op.Verb == provision.VerbCreate {
			r.learn(&it.item, op.Verb, remote)
			if err := r.save(&it.item, nil); err != nil { // the link first: members stand below it
				return err
			}
		}
		if err := r.learnGroup(ctx, it, remote); err != nil {
			return err
		}
	}
	if err != nil {
		if f := asFault(err); f != nil && f.Unanswered && it.row.Linked() {
			r.engine.keepBaseline(r.connectionID, it.want.Ref.ID, it.row.Remote, true)
			it.row.Remote = nil // read again before anything is decided
		}
		return err
	}
	if op.Verb == provision.VerbDelete {
		if err := r.forgetGroup(ctx, it); err != nil {
			return err
		}
	}
	return r.save(&it.item, nil, r.activity(&it.item, actionSynced, true, fmt.Sprintf("%s: %s", op.Verb, op.Why), op.Changes))
}

// forgetGroup ends a link whose group does not exist any more.
func (r *runner) forgetGroup(ctx context.Context, it *groupItem) error {
	it.unlink()
	return r.keepMembers(ctx, it, map[string]provision.KnownMember{})
}

// verifyGroup plans once more from what the target answered: what was done and is still to be done would be written for ever. What
// the answer shows besides is planned anew.
func (r *runner) verifyGroup(ctx context.Context, it *groupItem, done []provision.Operation) error {
	if len(done) == 0 {
		return nil // the plan is that of what was read
	}
	if err := r.planGroup(ctx, it); err != nil {
		return err
	}
	left := it.outcome.ToDo()
	if len(left) == 0 {
		return nil
	}
	if !slices.ContainsFunc(left, func(l provision.Operation) bool {
		return slices.ContainsFunc(done, func(d provision.Operation) bool { return repeats(&l, &d) })
	}) {
		return errDiffers
	}
	return &provision.Fault{
		Kind: provision.Rejected, Code: "not_stored", Message: fmt.Sprintf("the target accepted the change and still differs: %s", left[0].Why),
		Hint: "somebody else may be changing the group on the target",
	}
}

// repeats reports whether an operation does over again what another did.
func repeats(left, done *provision.Operation) bool {
	if left.Verb == provision.VerbDelete && done.Verb == provision.VerbDelete {
		return true
	}
	for _, c := range left.Changes {
		if slices.ContainsFunc(done.Changes, func(d directory.AttributeChange) bool { return d.Attribute == c.Attribute && d.To == c.To }) {
			return true
		}
	}
	if left.Members == nil || done.Members == nil {
		return false
	}
	both := func(a, b []string) bool { // sorted
		return slices.ContainsFunc(a, func(id string) bool { _, found := slices.BinarySearch(b, id); return found })
	}
	return both(left.Members.Add, done.Members.Add) || both(left.Members.Remove, done.Members.Remove)
}

// reactGroup decides what a fault means. It reports whether to plan again at once; otherwise the outcome is recorded.
func (r *runner) reactGroup(ctx context.Context, it *groupItem, fault *provision.Fault) bool {
	switch fault.Kind {
	case provision.Taken:
		it.row.Phase, it.row.MatchKey = provision.PhaseNone, ""
		if !it.taken && !it.row.Linked() {
			it.taken = true
			return true // it was made a moment ago: look it up, and adopt it
		}
	case provision.Gone:
		if !r.gone(ctx, &it.item, fault) {
			return false
		}
		if err := r.forgetGroup(ctx, it); err != nil {
			r.leave(&it.item)
			return false
		}
		return true
	case provision.Rejected:
		if len(fault.Members) > 0 {
			if it.stored.Fault == nil || it.stored.Fault.Code != fault.Code { // once: whoever stays refused is not read for ever
				if err := r.reread(ctx, fault.Members); err != nil {
					r.fail(err)
				}
			}
			named := *fault
			named.Message += " (" + strings.Join(it.names(fault.Members, 5), ", ") + ")"
			fault = &named
		}
	default:
		return r.react(ctx, &it.item, fault)
	}
	r.refuse(&it.item, fault)
	return false
}

// finishGroup records that the group stands as it should, as far as can be now.
func (r *runner) finishGroup(ctx context.Context, it *groupItem) {
	if it.want.Leave && it.outcome.Status == provision.StatusPending {
		it.outcome.Status = leftStatus(it, r.line.rules.Active(it.row.RuleID)) // due is all that it was
	}
	now := r.engine.now()
	if err := r.saveDrift(r.settledMembers(it)); err != nil {
		r.fail(err)
		return
	}
	it.rest(now)
	switch it.outcome.Status {
	case provision.StatusSuccess, provision.StatusNone:
		it.row.SyncedAt = now
	case provision.StatusPending:
		it.row.DueAt, it.row.Priority, it.row.Cause = now.Add(r.gatherFor()), provision.PriorityBackfill, waitsCause
	}
	var lines []directory.Activity
	if held := heldFault(it); held != nil {
		first := it.stored.Fault == nil || it.stored.Fault.Code != held.Code
		it.row.Fault = held
		if first && held.Code == provision.CodeOverwriteHeld {
			lines = append(lines, r.activity(&it.item, actionHeld, false, held.Message, nil))
		}
	}
	if err := r.tidyMembers(ctx, it); err != nil {
		r.fail(err)
		return
	}
	it.row.Basis = it.basis(r.line.groupPolicy)
	r.progress.succeeded(now)
	if !it.want.InScope && !it.want.Leave {
		if err := r.engine.store.EndConsent(ctx, r.connectionID, it.row.ObjectID, r.line.published); err != nil {
			r.fail(fmt.Errorf("end a consent: %w", err))
			return
		}
		it.row.Gone = it.row.RemoteID == "" // nothing is left to remember
	}
	r.conclude(&it.item, lines...)
}

// leftStatus is where a group stands about which nothing may be done.
func leftStatus(it *groupItem, active bool) provision.SyncStatus {
	switch {
	case !active || it.row.Ownership == provision.Released:
		return provision.StatusNone
	case it.row.Linked():
		return provision.StatusPartial
	default:
		return provision.StatusUnsynced
	}
}

const actionHeld = "PROVISIONING_GROUP_SYNC.HELD"

// codeOverwriteRejected is the fault code of a group of which an administrator said that it must not be overwritten.
const codeOverwriteRejected = "overwrite_rejected"

// heldFault says that the group waits for consent, or that it was refused.
func heldFault(it *groupItem) *provision.Fault {
	for _, op := range it.outcome.Operations {
		if op.Withheld == "" || op.Verb != provision.VerbUpdate {
			continue
		}
		if it.stored.Fault != nil && it.stored.Fault.Code == codeOverwriteRejected {
			return it.stored.Fault
		}
		return &provision.Fault{
			Kind: provision.Rejected, Code: provision.CodeOverwriteHeld, Message: op.Withheld, Members: op.Members.Remove,
		}
	}
	return nil
}

// groupAction is the type of an activity about a group, in PingOne's words where it has any.
func groupAction(action string, fault *provision.Fault) string {
	action = strings.Replace(action, "IDENTITY", "GROUP", 1)
	if action == "PROVISIONING_GROUP_SYNC.FAILURE" && fault != nil && len(fault.Members) > 0 {
		return "PROVISIONING_GROUP_MEMBERSHIP_SYNC.FAILURE"
	}
	return action
}
