package plan_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// groupCase is all that a plan of a group is made of.
type groupCase struct {
	want    provision.Desired
	have    provision.Account
	members provision.Members
	policy  plan.GroupPolicy
}

func drawCase(t *rapid.T, label string) groupCase {
	people := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"1", "2", "3", "12", ""}), 0, 4, rapid.ID).Draw(t, label+" people")
	slices.Sort(people)
	c := groupCase{
		want: provision.Desired{
			Ref: provision.Ref{Kind: directory.KindGroup, ID: "g"}, Name: rapid.SampledFrom([]string{"A", "B"}).Draw(t, label+" name"), Exists: true, InScope: true,
			Active: true, RuleID: "r",
		},
		have: provision.Account{
			RemoteID: "S1", Ownership: rapid.SampledFrom([]provision.Ownership{provision.Managed, provision.Adopted}).Draw(t, label+" ownership"), Status: provision.StatusSuccess,
		},
		members: provision.Members{Consent: rapid.Bool().Draw(t, label+" consent")},
		policy:  plan.GroupPolicy{Overwrite: rapid.Bool().Draw(t, label+" overwrite")},
	}
	c.want.Attributes = provision.Attributes{plan.AttributeGroupName: c.want.Name}
	c.have.Remote = &provision.Remote{ID: "S1", Active: true, Attributes: provision.Attributes{plan.AttributeGroupName: rapid.SampledFrom([]string{"A", "B"}).Draw(t, label+" remote name")}}
	for _, id := range people {
		m := provision.WantedMember{ObjectID: id}
		if rapid.Bool().Draw(t, label+" has an account") {
			m.RemoteID, m.Asleep = "U"+id, rapid.Bool().Draw(t, label+" asleep")
		}
		c.members.Wanted = append(c.members.Wanted, m)
	}
	for _, id := range []string{"U", "U1", "U12", "U2", "U3", "U9"} {
		if rapid.Bool().Draw(t, label+" known") {
			k := provision.KnownMember{RemoteID: id, Present: rapid.Bool().Draw(t, label+" present")}
			k.Ours = !k.Present || rapid.Bool().Draw(t, label+" ours")
			c.members.Known = append(c.members.Known, k)
		}
	}
	return c
}

func (c *groupCase) plan() plan.Outcome { return plan.Group(&c.want, &c.have, &c.members, c.policy) }

func (c *groupCase) basis() string {
	remote := *c.have.Remote
	for _, k := range c.members.Known {
		if k.Present {
			remote.Members = append(remote.Members, k.RemoteID)
		}
	}
	slices.Reverse(remote.Members) // their order does not matter
	var digests []uint64
	for i := range c.members.Wanted {
		digests = append(digests, plan.MemberDigest(&c.members.Wanted[i]))
	}
	return plan.GroupBasis(&c.want, &c.have, plan.RemoteDigest(&remote), digests, c.members.Consent, c.policy)
}

// TestGroupBasis: what has the basis of a plan that left nothing to do leaves nothing to do, whatever else is different; a difference that a plan
// sees gives another basis.
func TestGroupBasis(t *testing.T) {
	var same, resting int
	check := func(t *rapid.T) {
		a, b := drawCase(t, "a"), drawCase(t, "b")
		if rapid.Bool().Draw(t, "nearly the same") {
			b = a
			b.members.Known = slices.Clone(a.members.Known)
			b.members.Wanted = slices.Clone(a.members.Wanted)
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				if len(b.members.Wanted) > 0 {
					b.members.Wanted[0].Asleep = !b.members.Wanted[0].Asleep
				}
			case 1:
				if len(b.members.Known) > 0 {
					b.members.Known[0].Present = !b.members.Known[0].Present
				}
			case 2:
				b.policy.Overwrite = !b.policy.Overwrite
			}
		}
		rests := a.plan()
		if len(rests.Operations) > 0 || rests.Status != provision.StatusSuccess {
			return
		}
		resting++
		if a.basis() != b.basis() {
			return
		}
		same++
		// Whose the members are who are there is not in the basis. Those whom a plan left alone are not ours, or are wanted.
		for i := range b.members.Known {
			at := slices.IndexFunc(a.members.Known, func(k provision.KnownMember) bool { return k.RemoteID == b.members.Known[i].RemoteID })
			if at >= 0 {
				b.members.Known[i].Ours = a.members.Known[at].Ours
			}
		}
		if out := b.plan(); len(out.Operations) > 0 || out.Status != rests.Status || out.Detail != rests.Detail {
			t.Fatalf("the same basis, and another plan:\n%+v\n%+v\n%+v", a, b, out)
		}
	}
	for range 20 { // a plan that leaves nothing to do, and another with its basis, are rare
		rapid.Check(t, check)
	}
	if same == 0 || resting == same {
		t.Errorf("%d plans rest, %d have the same basis as another", resting, same)
	}
}

// TestDigestsTellApart: texts that follow each other are not mixed up.
func TestDigestsTellApart(t *testing.T) {
	one := plan.MemberDigest(&provision.WantedMember{ObjectID: "a", RemoteID: "bc"})
	if one == plan.MemberDigest(&provision.WantedMember{ObjectID: "ab", RemoteID: "c"}) || one == plan.MemberDigest(&provision.WantedMember{ObjectID: "a", RemoteID: "bc", Asleep: true}) {
		t.Error("two members have one digest")
	}
	two := plan.RemoteDigest(&provision.Remote{ID: "S", Members: []string{"U2", "U1", "U2"}})
	if two != plan.RemoteDigest(&provision.Remote{ID: "S", Members: []string{"U1", "U2"}}) || two == plan.RemoteDigest(&provision.Remote{ID: "S", Members: []string{"U1U2"}}) {
		t.Error("groups are told apart by the order of their members, or not by who they are")
	}
}
