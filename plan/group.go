package plan

import (
	"fmt"
	"slices"
	"strings"

	"lockstep/directory"
	"lockstep/provision"
)

// GroupPolicy is what a connection allows with groups.
type GroupPolicy struct {
	Overwrite bool // members are exactly ours; otherwise those of others stay
	Delete    bool // a group that we made is deleted when no rule selects it any more
	Report    bool // see Policy
}

// GroupPolicyOf reads the policy from a connection whose defaults are filled in.
func GroupPolicyOf(c *provision.Connection) GroupPolicy {
	return GroupPolicy{
		Overwrite: strings.EqualFold(c.Text(provision.KeyGroupMembership), provision.MembershipOverwrite),
		Delete:    c.Flag(provision.KeyDeleteGroups),
		Report:    provision.DriftSettingsOf(c).Handling == provision.DriftReport,
	}
}

// AttributeGroupName is what groups are called on every target (SCIM).
const AttributeGroupName = "displayName"

// Group plans one group: at most one operation. have may be nil: nothing is known.
func Group(want *provision.Desired, have *provision.Account, members *provision.Members, policy GroupPolicy) Outcome {
	d := groupDiffer{differ: differ{want: want, have: have, policy: Policy{Report: policy.Report}}, members: members, policy: policy}
	if have == nil {
		d.have = &provision.Account{}
	}
	switch {
	case want.Leave:
		return Outcome{Status: d.have.Status, Detail: want.Why}
	case d.have.Linked() && d.have.Remote != nil && d.have.Remote.Protected != "":
		return Outcome{Status: provision.StatusPartial, Detail: "the group is left alone: " + d.have.Remote.Protected}
	case !want.InScope:
		return d.unselected()
	case want.Problem != nil:
		return Outcome{Status: provision.StatusFailed, Detail: want.Problem.Error()}
	case !d.have.Linked():
		return d.create()
	default:
		return d.update()
	}
}

type groupDiffer struct {
	differ
	members *provision.Members
	policy  GroupPolicy
}

// unselected plans a group that no rule carries any more: whom we put there is taken out, and a group that we made goes, where
// that is allowed and nobody else is in it.
func (d *groupDiffer) unselected() Outcome {
	if !d.have.Linked() {
		return Outcome{Status: provision.StatusNone, Detail: d.want.Why}
	}
	var ours []string
	others := 0
	for _, m := range d.members.Known {
		switch {
		case m.Present && m.Ours:
			ours = append(ours, m.RemoteID)
		case m.Present:
			others++
		}
	}
	if d.policy.Delete && d.have.Ownership == provision.Managed {
		if others == 0 || d.policy.Overwrite {
			d.add(d.operation(provision.VerbDelete, d.want.Why), true, "")
			return d.settled(provision.StatusNone, provision.StatusNone)
		}
		op := d.operation(provision.VerbDelete, d.want.Why)
		d.add(op, false, people(others, "member", "there is", "there are")+" not ours")
	}
	if len(ours) > 0 {
		op := d.operation(provision.VerbUpdate, d.want.Why)
		op.Members = change(nil, ours)
		d.add(op, true, "")
	}
	return d.settled(provision.StatusNone, provision.StatusPartial)
}

func (d *groupDiffer) create() Outcome {
	if d.gone() {
		return d.settled(provision.StatusUnsynced, provision.StatusUnsynced)
	}
	op := d.operation(provision.VerbCreate, d.want.Why)
	for _, name := range d.want.Attributes.Names() {
		op.Changes = append(op.Changes, directory.AttributeChange{Attribute: name, To: d.want.Attributes[name]})
	}
	var add []string
	for _, m := range d.members.Wanted {
		if m.RemoteID != "" && !m.Asleep {
			add = append(add, m.RemoteID)
		}
	}
	op.Members = change(add, nil)
	d.add(op, true, "")
	return d.waiting(d.settled(provision.StatusSuccess, provision.StatusPartial))
}

func (d *groupDiffer) update() Outcome {
	remote := d.have.Remote
	if remote == nil {
		remote = &provision.Remote{}
	}
	add, remove, others := d.difference()
	changes := d.changes(remote)
	if len(changes)+len(add)+len(remove) == 0 {
		return d.waiting(d.settled(provision.StatusSuccess, provision.StatusPartial))
	}
	op := d.operation(provision.VerbUpdate, d.whyGroup(changes, add, remove))
	op.Changes, op.Members = changes, change(add, remove)
	held := others > 0 && d.have.Ownership == provision.Adopted && !d.members.Consent
	d.add(op, !held, fmt.Sprintf(
		"the group was there before, and %s would go who %s not ours; publish with overwriteExisting, or approve the hold",
		people(others, "member", "", ""), map[bool]string{true: "is", false: "are"}[others == 1]))
	return d.waiting(d.settled(provision.StatusSuccess, provision.StatusPartial))
}

// difference compares the members by the target's ids. others are those of remove whom we did not put there.
func (d *groupDiffer) difference() (add, remove []string, others int) {
	wanted := make(map[string]bool, len(d.members.Wanted))
	for _, m := range d.members.Wanted {
		if m.RemoteID != "" {
			wanted[m.RemoteID] = true
		}
	}
	present := make(map[string]bool, len(d.members.Known))
	for _, m := range d.members.Known {
		if !m.Present {
			continue
		}
		present[m.RemoteID] = true
		if !wanted[m.RemoteID] && (m.Ours || d.policy.Overwrite) && !d.memberStays(m.RemoteID, false, true) {
			remove = append(remove, m.RemoteID)
			if !m.Ours {
				others++
			}
		}
	}
	for _, m := range d.members.Wanted {
		if m.RemoteID != "" && !m.Asleep && !present[m.RemoteID] && !d.memberStays(m.RemoteID, true, false) {
			add = append(add, m.RemoteID)
		}
	}
	return add, remove, others
}

// memberStays is stays for one membership.
func (d *groupDiffer) memberStays(remoteID string, ours, theirs bool) bool {
	drift := d.want.Drifts.OfMember(remoteID)
	if !drift.Stays(d.policy.Report, ours, theirs) {
		return false
	}
	d.left = append(d.left, drift)
	return true
}

func (d *groupDiffer) whyGroup(changes []directory.AttributeChange, add, remove []string) string {
	var parts []string
	if len(changes) > 0 {
		parts = append(parts, "the name differs")
	}
	if n := len(add); n > 0 {
		parts = append(parts, people(n, "member", "is", "are")+" missing")
	}
	if n := len(remove); n > 0 {
		parts = append(parts, people(n, "member", "does", "do")+" not belong there")
	}
	return d.want.Why + "; " + strings.Join(parts, ", ")
}

// waiting says for whom the group waits. Whoever gets no account does not hold it up: a user's failure is not the group's
// (pingone-provisioning.md §3.5).
func (d *groupDiffer) waiting(out Outcome) Outcome {
	pending, lacking := 0, 0
	for _, m := range d.members.Wanted {
		switch {
		case m.Pending:
			pending++
		case m.RemoteID == "":
			lacking++
		}
	}
	var parts []string
	if out.Detail != "" {
		parts = append(parts, out.Detail)
	}
	if pending > 0 {
		parts = append(parts, "waits for "+people(pending, "member", "", "")+" whose account is being made")
		if out.Status == provision.StatusSuccess {
			out.Status = provision.StatusPending
		}
	}
	if lacking > 0 {
		parts = append(parts, people(lacking, "member", "has", "have")+" no account here")
	}
	out.Detail = strings.Join(parts, "; ")
	return out
}

func change(add, remove []string) *provision.MemberChange {
	if len(add)+len(remove) == 0 {
		return nil
	}
	slices.Sort(add)
	slices.Sort(remove)
	return &provision.MemberChange{Add: slices.Compact(add), Remove: slices.Compact(remove)}
}

// People counts: "1 member stays", "3 members stay".
func People(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// people counts with a verb: "1 member is", "3 members are".
func people(n int, noun, one, many string) string {
	verb := many
	if n == 1 {
		verb = one
	} else {
		noun += "s"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", n, noun, verb))
}
