package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/provision"
)

// linkGroup makes sure that the group on the target is known, where there is one.
func (r *runner) linkGroup(ctx context.Context, it *groupItem) error {
	ctx = withPriority(ctx, it.row.Priority)
	if it.row.Linked() {
		if it.row.Remote != nil {
			return nil
		}
		return r.readGroup(ctx, it)
	}
	identifier := r.line.identifier(&it.want)
	switch {
	case it.row.Phase == provision.PhaseCreating && it.row.MatchKey != "":
		identifier = it.row.MatchKey // what the create that was not answered had sent
	case !it.want.InScope || it.row.Phase == provision.PhaseAbsent || identifier == "":
		return nil
	}
	found, err := r.line.target.Find(ctx, directory.KindGroup, identifier)
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		if it.mayAppear(r.line) {
			return &provision.Fault{
				Kind: provision.Transient, Code: "not_shown", Message: "a group was asked for, no answer came, and the target does not show it yet",
				Hint: "it is looked for again by itself; if it stays, look for the group on the target",
			}
		}
		it.row.Phase, it.row.MatchKey = provision.PhaseAbsent, ""
		return nil
	case 1:
		return r.adoptGroup(ctx, it, &found[0])
	default:
		return &provision.Fault{
			Kind: provision.Rejected, Code: "ambiguous", Message: fmt.Sprintf("%d groups on the target have this name, and none is guessed", len(found)),
			Hint: "rename all but one of them on the target",
		}
	}
}

// readGroup asks the target about a group of which it is not known how it stands. What others changed since it was known is drift.
func (r *runner) readGroup(ctx context.Context, it *groupItem) error {
	if it.row.Cause == scanCause {
		ctx = scanning(ctx)
	}
	remote, err := r.line.target.Get(ctx, directory.KindGroup, it.row.RemoteID)
	if err != nil {
		return err
	}
	before := it.known
	was, _ := r.engine.takeBaseline(r.connectionID, it.want.Ref.ID)
	if err := r.learnGroup(ctx, it, remote); err != nil {
		return err
	}
	found := r.learnedMembers(it, before, was)
	if err := r.nameMembers(ctx, found); err != nil {
		return err
	}
	return r.keepDrift(&it.item, found)
}

// adoptGroup ties the group to one of the same name that is there already.
func (r *runner) adoptGroup(ctx context.Context, it *groupItem, remote *provision.Remote) error {
	rows, err := r.engine.store.AccountsByRemote(ctx, r.connectionID, directory.KindGroup, []string{remote.ID})
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	var remove []string
	for _, row := range rows {
		if row.ObjectID != "" && row.ObjectID != it.row.ObjectID {
			return &provision.Fault{
				Kind: provision.Rejected, Code: "linked_elsewhere", Message: fmt.Sprintf("the group of this name is linked to %s", row.ObjectName),
				Hint: "two groups in the directory have one name: rename one of them, or take it out of the rule",
			}
		}
		if row.ObjectID == "" {
			remove = append(remove, row.ID)
		}
	}
	it.row.Ownership = provision.Adopted
	why := "a group of the same name was there; it is adopted"
	if it.row.Phase == provision.PhaseCreating {
		it.row.Ownership = provision.Managed
		why = "the group was created by a call whose answer was lost; it is linked"
	}
	it.row.RemoteID, it.row.Remote = remote.ID, remote
	it.row.Phase, it.row.MatchKey = provision.PhaseNone, ""
	if err := r.save(&it.item, remove, r.activity(&it.item, actionLinked, true, why, nil)); err != nil {
		return err
	}
	return r.learnGroup(ctx, it, remote)
}
