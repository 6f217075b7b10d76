package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lockstep/directory"
	"lockstep/provision"
)

// link makes sure that the account on the target is known, where there is one (step 7).
func (r *runner) link(ctx context.Context, it *item) error {
	ctx = withPriority(ctx, it.priority(it.row.Priority)) // the look before a deactivation, or an edit, does not wait behind a backfill
	if it.row.Linked() && it.row.Remote == nil {
		return r.read(ctx, it)
	}
	if !it.lookup(r.line) {
		return nil
	}
	identifier := r.line.identifier(&it.want)
	if it.row.Phase == provision.PhaseCreating && it.row.MatchKey != "" {
		identifier = it.row.MatchKey // what the create that was not answered had sent
	}
	found, err := r.line.target.Find(ctx, it.row.Kind, identifier)
	if err != nil {
		return err
	}
	if found, err = r.adoptable(ctx, it.row.Kind, found); err != nil {
		return err
	}
	switch len(found) {
	case 0:
		if it.mayAppear(r.line) {
			return &provision.Fault{
				Kind: provision.Transient, Code: "not_shown", Message: "an account was asked for, no answer came, and the target does not show it yet",
				Hint: "it is looked for again by itself; if it stays, look for the account on the target",
			}
		}
		it.row.Phase, it.row.MatchKey = provision.PhaseAbsent, ""
		return nil
	case 1:
		return r.adopt(ctx, it, &found[0])
	default:
		return ambiguous(len(found), r.line.identifies())
	}
}

func ambiguous(n int, identifies string) *provision.Fault {
	return &provision.Fault{
		Kind: provision.Rejected, Code: codeAmbiguous, Message: ambiguousSaid(n, identifies),
		Hint: "link the person to one of them on the connection's page, or correct the accounts on the target, then retry",
	}
}

// adoptable leaves out the accounts of which an administrator said that they stay foreign. When none is left, nobody may have them.
func (r *runner) adoptable(ctx context.Context, kind directory.Kind, found []provision.Remote) ([]provision.Remote, error) {
	if len(found) == 0 {
		return nil, nil
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	kept, err := r.engine.store.KeptForeign(ctx, r.connectionID, kind, ids)
	if err != nil {
		return nil, fmt.Errorf("read what stays foreign: %w", err)
	}
	free := slices.DeleteFunc(slices.Clone(found), func(remote provision.Remote) bool { return kept[remote.ID] })
	if len(free) == 0 {
		return nil, &provision.Fault{
			Kind: provision.Rejected, Code: codeKeptForeign, Message: keptSaid(r.line.identifies()),
			Hint: "link the person to it on the connection's page, or correct the identifier here or there",
		}
	}
	return free, nil
}

// read asks the target about an account of which it is not known how it stands. What others changed since it was known is drift.
func (r *runner) read(ctx context.Context, it *item) error {
	if it.row.Cause == scanCause {
		ctx = scanning(ctx)
	}
	remote, err := r.line.target.Get(ctx, it.row.Kind, it.row.RemoteID)
	if err != nil {
		return err
	}
	r.works()
	it.row.Remote = remote
	hurt, err := r.compareRead(it, remote)
	if err != nil || !hurt {
		return err
	}
	return r.hurt(ctx)
}

// adopt ties the object to an account that is there already. An account that is somebody else's, or that must not be written,
// is never taken.
func (r *runner) adopt(ctx context.Context, it *item, remote *provision.Remote) error {
	rows, err := r.engine.store.AccountsByRemote(ctx, r.connectionID, it.row.Kind, []string{remote.ID})
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	var remove []string
	for _, row := range rows {
		if gone, err := r.inherits(ctx, it, &row); err != nil {
			return err
		} else if gone {
			remove = append(remove, row.ID)
			continue
		}
		if row.ObjectID != "" && row.ObjectID != it.row.ObjectID && !it.want.InScope {
			// A create for them was not answered, and whoever came in their place has the account: there is no other one.
			it.row.Phase, it.row.MatchKey = provision.PhaseAbsent, ""
			return nil
		}
		if row.ObjectID != "" && row.ObjectID != it.row.ObjectID {
			return &provision.Fault{
				Kind: provision.Rejected, Code: codeLinkedElsewhere,
				Message: fmt.Sprintf("the account with this %s is linked to %s", r.line.identifies(), row.ObjectName),
				Hint:    "two people in the directory claim one account: correct one of them, or unlink the account",
			}
		}
		if row.ObjectID == "" {
			remove = append(remove, row.ID)
		}
	}
	if err := r.uncertain(it, remote); err != nil {
		return err
	}
	if err := errors.Join(r.claimed(ctx, it), r.alone(ctx, it, remote)); err != nil {
		return err
	}
	it.row.Ownership = provision.Adopted
	why := adoptedSaid(r.line.identifies())
	if it.row.Phase == provision.PhaseCreating {
		it.row.Ownership = provision.Managed
		why = lostSaid
	}
	it.row.RemoteID, it.row.Remote = remote.ID, remote
	it.row.Phase, it.row.MatchKey = provision.PhaseNone, ""
	it.row.Assigned, it.tries = nil, nil // a name that seemed taken may be taken by this very account
	return r.save(it, remove, r.activity(it, actionLinked, true, why, nil))
}

// inherits reports whether a row's account passes on to another person, because the one it is tied to was deleted from the
// directory: somebody who was deleted and comes back has a new id and the old identifier.
func (r *runner) inherits(ctx context.Context, it *item, row *provision.Account) (bool, error) {
	if row.ObjectID == "" || row.ObjectID == it.row.ObjectID || row.Kind != directory.KindUser {
		return false, nil
	}
	users, err := r.engine.store.UsersByID(ctx, r.envID, []string{row.ObjectID})
	if err != nil {
		return false, fmt.Errorf("read users: %w", err)
	}
	if len(users) > 0 {
		return false, nil
	}
	if r.busy(row.ObjectID) {
		return false, &provision.Fault{
			Kind: provision.Transient, Code: "being_closed", Message: "the account is being closed for somebody who was deleted from the directory", Hint: "it is tried again by itself",
		}
	}
	return true, nil
}
