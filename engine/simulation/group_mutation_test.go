package simulation

import (
	"context"
	"slices"
	"testing"
	"time"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/provision"
)

// deafStore spoils what the engine keeps about groups.
type deafStore struct {
	engine.Store
	mark    func(cause string) bool // whether groups are marked
	members func([]provision.KnownMember) []provision.KnownMember
}

func (d deafStore) MarkGroups(ctx context.Context, connectionID string, ids []string, at time.Time, p provision.Priority, cause string) error {
	if d.mark != nil && !d.mark(cause) {
		return nil
	}
	return d.Store.MarkGroups(ctx, connectionID, ids, at, p, cause)
}

func (d deafStore) SaveAccountMembers(ctx context.Context, id string, put []provision.KnownMember, drop []string) error {
	if d.members != nil {
		put = d.members(put)
	}
	return d.Store.SaveAccountMembers(ctx, id, put, drop)
}

// lazyGroups is a target that leaves out a part of what it is told about groups.
type lazyGroups struct {
	whole
	change func(connector.Call) connector.Call
}

func (l lazyGroups) Do(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	if call.Kind == directory.KindGroup {
		call = l.change(call)
	}
	return l.whole.Do(ctx, call)
}

// looseGroups takes everybody out of a group with whoever is taken out, as a bare remove of members does at Slack.
type looseGroups struct{ whole }

func (l looseGroups) Do(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	if call.Kind == directory.KindGroup && call.Members != nil && len(call.Members.Remove) > 0 {
		if r, err := l.Get(ctx, call.Kind, call.RemoteID); err == nil {
			all := *call.Members
			all.Remove = slices.DeleteFunc(slices.Clone(r.Members), func(id string) bool { return slices.Contains(call.Members.Add, id) })
			call.Members = &all
		}
	}
	return l.whole.Do(ctx, call)
}

func breaking(d deafStore) func(engine.Store) engine.Store {
	return func(s engine.Store) engine.Store { d.Store = s; return d }
}

var groupMutants = []mutant{
	{name: "edits of groups are not followed", store: breaking(deafStore{mark: func(cause string) bool { return cause != "edited in the directory" }})},
	{name: "members' accounts are not followed", seed: 395, store: breaking(deafStore{mark: func(cause string) bool { return cause != "members got or lost their accounts" }})},
	{name: "nobody is ours", seed: 54, store: breaking(deafStore{members: func(put []provision.KnownMember) []provision.KnownMember {
		out := slices.Clone(put)
		for i := range out {
			out[i].Ours = false
		}
		return out
	}})},
	{name: "everybody is ours", store: breaking(deafStore{members: func(put []provision.KnownMember) []provision.KnownMember {
		out := slices.Clone(put)
		for i := range out {
			out[i].Ours = true
		}
		return out
	}})},
	{name: "a remove empties the group", seed: 56, target: func(_ *world, inner whole) whole { return looseGroups{inner} }},
	{name: "groups are not renamed", target: func(_ *world, inner whole) whole {
		return lazyGroups{inner, func(c connector.Call) connector.Call {
			if c.Verb == provision.VerbUpdate {
				c.Attributes = provision.Attributes{}
			}
			return c
		}}
	}},
	{name: "nobody is taken out", target: func(_ *world, inner whole) whole {
		return lazyGroups{inner, func(c connector.Call) connector.Call {
			if c.Members != nil {
				c.Members = &provision.MemberChange{Add: c.Members.Add}
			}
			return c
		}}
	}},
}

// TestGroupMutations: the simulation catches every mutant of groups within a few seeds.
func TestGroupMutations(t *testing.T) { caught(t, groupMutants, groupMutationSeeds, generateGroups) }
