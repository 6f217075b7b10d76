package engine

import (
	"context"
	"slices"

	"lockstep/plan"
	"lockstep/provision"
)

// learnedMembers says who was added to a group on the target, and who was taken out, since we looked last.
func (r *runner) learnedMembers(it *groupItem, before map[string]provision.KnownMember, was *provision.Remote) []provision.Drift {
	bare := *it
	bare.want.Drifts = nil
	bare.planGroup(r.line.groupPolicy)
	var out []provision.Drift
	for _, op := range bare.outcome.Operations {
		if op.Verb != provision.VerbUpdate {
			continue
		}
		for _, c := range op.Changes {
			if was != nil && !provision.SameValue(was.Attributes[c.Attribute], c.From) {
				d := r.newDrift(&it.item, c.Attribute, howRead)
				d.Ours, d.Theirs, d.Before = c.To, c.From, was.Attributes[c.Attribute]
				out = append(out, d)
			}
		}
		if op.Members == nil {
			continue
		}
		for _, id := range op.Members.Add {
			if before[id].Present {
				out = append(out, r.memberDrift(it, id, true))
			}
		}
		for _, id := range op.Members.Remove {
			if !before[id].Present && !before[id].Ours {
				out = append(out, r.memberDrift(it, id, false))
			}
		}
	}
	return out
}

func (r *runner) memberDrift(it *groupItem, remoteID string, ours bool) provision.Drift {
	d := r.newDrift(&it.item, provision.DriftMembers, howRead)
	d.Member, d.MemberName, d.Ours, d.Theirs, d.Before = remoteID, it.names([]string{remoteID}, 1)[0], ours, !ours, ours
	return d
}

// nameMembers finds out what the members are called who are nobody's here.
func (r *runner) nameMembers(ctx context.Context, found []provision.Drift) error {
	var ids []string
	for i := range found {
		if found[i].Member != "" && found[i].MemberName == found[i].Member {
			ids = append(ids, found[i].Member)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	names, err := r.engine.memberNames(ctx, r.connectionID, ids)
	if err != nil {
		return err
	}
	for i := range found {
		if at := slices.Index(ids, found[i].Member); at >= 0 {
			found[i].MemberName = names[at]
		}
	}
	return nil
}

// settledMembers are the live drifts of a group that are over.
func (r *runner) settledMembers(it *groupItem) []provision.Drift {
	if len(it.want.Drifts) == 0 || it.want.Leave || it.row.Linked() && it.row.Remote == nil {
		return nil
	}
	bare := *it
	bare.want.Drifts = nil
	bare.planGroup(r.line.groupPolicy)
	differs, changes := map[string]bool{}, map[string]any{}
	for _, op := range bare.outcome.Operations {
		if op.Verb != provision.VerbUpdate {
			continue
		}
		for _, c := range op.Changes {
			changes[c.Attribute] = c.To
		}
		if op.Members != nil {
			for _, id := range slices.Concat(op.Members.Add, op.Members.Remove) {
				differs[id] = true
			}
		}
	}
	var out []provision.Drift
	for _, d := range it.want.Drifts {
		to, changed := changes[d.Attribute]
		over := !changed || !provision.SameValue(to, d.Ours)
		switch d.Attribute {
		case provision.DriftMembers:
			over = !differs[d.Member]
		case provision.DriftAccount:
			over = it.row.Linked() || d.Basis != plan.Fingerprint(&it.want)
		}
		if over {
			out = append(out, r.over(d, it.written))
		}
	}
	return out
}
