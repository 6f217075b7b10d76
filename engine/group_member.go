package engine

import (
	"context"
	"fmt"
	"maps"

	"lockstep/directory"
	"lockstep/provision"
)

// learnGroup takes over what the target says about a group and its members. Whom we put there stays ours.
func (r *runner) learnGroup(ctx context.Context, it *groupItem, remote *provision.Remote) error {
	next := make(map[string]provision.KnownMember, len(remote.Members))
	for _, id := range remote.Members {
		next[id] = provision.KnownMember{RemoteID: id, Present: true, Ours: it.known[id].Ours}
	}
	for id, m := range it.known {
		if _, there := next[id]; !there && m.Ours {
			next[id] = provision.KnownMember{RemoteID: id, Ours: true} // maybe about to be added again
		}
	}
	it.row.Remote = remote
	return r.keepMembers(ctx, it, next)
}

// keepMembers writes what differs from what was known.
func (r *runner) keepMembers(ctx context.Context, it *groupItem, next map[string]provision.KnownMember) error {
	if maps.Equal(it.known, next) {
		return nil
	}
	var put []provision.KnownMember
	var drop []string
	for _, id := range sortedKeys(next) {
		if it.known[id] != next[id] {
			put = append(put, next[id])
		}
	}
	for _, id := range sortedKeys(it.known) {
		if _, stays := next[id]; !stays {
			drop = append(drop, id)
		}
	}
	if err := r.engine.store.SaveAccountMembers(ctx, it.row.ID, put, drop); err != nil {
		return fmt.Errorf("keep members: %w", err)
	}
	it.known = next
	return nil
}

// intendMembers notes, before a call, whom it adds: after a lost answer they are ours.
func (r *runner) intendMembers(ctx context.Context, it *groupItem, change *provision.MemberChange) error {
	if change == nil || len(change.Add) == 0 {
		return nil
	}
	next := maps.Clone(it.known)
	for _, id := range change.Add {
		next[id] = provision.KnownMember{RemoteID: id, Present: next[id].Present, Ours: true}
	}
	return r.keepMembers(ctx, it, next)
}

// reread makes accounts be read that the target refuses as members: they may have been deactivated there, and nobody told us.
func (r *runner) reread(ctx context.Context, remoteIDs []string) error {
	rows, err := r.engine.store.AccountsByRemote(ctx, r.connectionID, directory.KindUser, remoteIDs)
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	now := r.engine.now()
	var save []*provision.Account
	for i := range rows {
		if row := &rows[i]; row.Linked() && row.Remote != nil && !r.busy(row.ObjectID) {
			r.engine.keepBaseline(r.connectionID, row.ObjectID, row.Remote, false) // what the reading shows is drift
			row.Remote, row.UpdatedAt = nil, now
			row.DueAt, row.Status, row.Priority, row.Cause = now, provision.StatusPending, provision.PriorityLive, "the target refuses them as a member of a group"
			save = append(save, row)
		}
	}
	if len(save) == 0 {
		return nil
	}
	if err := r.engine.store.Record(ctx, save, nil, nil); err != nil {
		return fmt.Errorf("mark accounts to be read: %w", err)
	}
	r.poke()
	return nil
}

// tidyMembers forgets members of ours who are neither there nor wanted.
func (r *runner) tidyMembers(ctx context.Context, it *groupItem) error {
	if it.row.ID == "" || it.want.Leave {
		return nil
	}
	wanted := make(map[string]bool, len(it.wanted))
	for _, m := range it.wanted {
		wanted[m.RemoteID] = true
	}
	next := make(map[string]provision.KnownMember, len(it.known))
	for id, m := range it.known {
		if m.Present || wanted[id] {
			next[id] = m
		}
	}
	if len(next) == len(it.known) {
		return nil
	}
	return r.keepMembers(ctx, it, next)
}
