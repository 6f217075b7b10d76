package connectortest

import (
	"fmt"
	"slices"
	"testing"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// people makes accounts, and answers their ids.
func people(t *testing.T, h *Harness, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range n {
		ids[i] = person(t, h, i)
	}
	return ids
}

// holder is a group as the plan sees it.
type holder struct {
	have  provision.Account
	known map[string]provision.KnownMember
}

// convergeGroup applies what the plan says, reads the group back, and demands that nothing is left. It answers the operations.
func convergeGroup(t *testing.T, h *Harness, g *holder, name string, members []string, overwrite bool) int {
	t.Helper()
	n := h.Target.(connector.Normalizer) //nolint:forcetypeassert // every target normalises so far
	attributes, f := n.Normalize(directory.KindGroup, provision.Attributes{plan.AttributeGroupName: name})
	if f != nil {
		t.Fatal(f)
	}
	want := provision.Desired{Ref: provision.Ref{Kind: directory.KindGroup, ID: "g"}, Exists: true, InScope: true, Active: true, Attributes: attributes, Why: "test"}
	diff := func() []provision.Operation {
		m := &provision.Members{Consent: true}
		for _, id := range members {
			m.Wanted = append(m.Wanted, provision.WantedMember{ObjectID: id, RemoteID: id})
		}
		for _, k := range g.known {
			m.Known = append(m.Known, k)
		}
		return plan.Group(&want, &g.have, m, plan.GroupPolicy{Overwrite: overwrite}).ToDo()
	}
	learn := func(r *provision.Remote) {
		ours := map[string]bool{}
		for id, k := range g.known {
			ours[id] = k.Ours
		}
		g.known = map[string]provision.KnownMember{}
		for _, id := range r.Members {
			g.known[id] = provision.KnownMember{RemoteID: id, Present: true, Ours: ours[id]}
		}
		g.have.Remote = r
	}
	operations := diff()
	for _, op := range operations {
		call := connector.Call{Verb: op.Verb, Kind: directory.KindGroup, RemoteID: g.have.RemoteID, Known: g.have.Remote, Members: op.Members, Attributes: provision.Attributes{}}
		for _, c := range op.Changes {
			call.Attributes[c.Attribute] = c.To
		}
		for _, id := range op.Members.Add {
			if g.known == nil {
				g.known = map[string]provision.KnownMember{}
			}
			g.known[id] = provision.KnownMember{RemoteID: id, Ours: true}
		}
		remote, err := h.Target.Do(t.Context(), call)
		if err != nil {
			t.Fatalf("%s: %v", op.Verb, err)
		}
		if g.have.RemoteID == "" {
			g.have.RemoteID, g.have.Ownership = remote.ID, provision.Managed
		}
		learn(remote)
	}
	read, err := h.Target.Get(t.Context(), directory.KindGroup, g.have.RemoteID)
	if err != nil {
		t.Fatal(err)
	}
	learn(read)
	if left := diff(); len(left) != 0 {
		t.Fatalf("after applying, the group still differs: %+v", left)
	}
	return len(operations)
}

// groups: a group is made, changed, found, listed, and deleted.
func groups(t *testing.T, h *Harness) {
	t.Helper()
	ids := people(t, h, 6)
	g := &holder{}
	for i, step := range []struct {
		name    string
		members []string
		want    int
	}{{"Team", ids[:3], 1}, {"Team", ids[:3], 0}, {"Team", ids[1:5], 1}, {"Team", nil, 1}, {"Team", ids, 1}} {
		if n := convergeGroup(t, h, g, step.name, step.members, false); n != step.want {
			t.Errorf("step %d took %d operations, not %d", i, n, step.want)
		}
	}
	// Somebody adds a member by hand, and takes one of ours out.
	other := person(t, h, 100)
	if _, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbUpdate, Kind: directory.KindGroup, RemoteID: g.have.RemoteID, Members: &provision.MemberChange{Add: []string{other}, Remove: ids[:1]}}); err != nil {
		t.Fatal(err)
	}
	read, err := h.Target.Get(t.Context(), directory.KindGroup, g.have.RemoteID)
	if err != nil || !slices.Contains(read.Members, other) || slices.Contains(read.Members, ids[0]) || len(read.Members) != len(ids) {
		t.Fatalf("%+v %v", read, err)
	}
	found, err := h.Target.Find(t.Context(), directory.KindGroup, "TEAM")
	if err != nil || len(found) != 1 || found[0].ID != g.have.RemoteID || len(found[0].Members) != len(ids) {
		t.Errorf("find: %+v %v", found, err)
	}
	if found, err := h.Target.Find(t.Context(), directory.KindGroup, "nothing like it"); err != nil || len(found) != 0 {
		t.Errorf("find none: %v %v", found, err)
	}
	for i := range 60 {
		if _, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbCreate, Kind: directory.KindGroup, Attributes: provision.Attributes{plan.AttributeGroupName: fmt.Sprint("More ", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	err = h.Target.(connector.Lister).List(t.Context(), directory.KindGroup, func(rows []provision.Remote, _ int) error { //nolint:forcetypeassert // every target lists so far
		for _, r := range rows {
			seen[r.ID] = true
		}
		return nil
	})
	if err != nil || len(seen) != 61 {
		t.Errorf("%d groups are listed, %v", len(seen), err)
	}
	_, err = h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbCreate, Kind: directory.KindGroup, Attributes: provision.Attributes{plan.AttributeGroupName: "team"}})
	expect(t, fault(t, err), provision.Taken)
	for range 2 { // deleting what is gone is done
		if _, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbDelete, Kind: directory.KindGroup, RemoteID: g.have.RemoteID}); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	_, err = h.Target.Get(t.Context(), directory.KindGroup, g.have.RemoteID)
	expect(t, fault(t, err), provision.Gone)
}

func person(t *testing.T, h *Harness, n int) string {
	t.Helper()
	r, f := create(t, h, n)
	if f != nil {
		t.Fatal(f)
	}
	return r.ID
}

// refusedMembers: whoever cannot be in a group is named, and keeps nobody else out.
func refusedMembers(t *testing.T, h *Harness) {
	t.Helper()
	ids := people(t, h, 20)
	for _, n := range []int{3, 11} {
		if _, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbDisable, Kind: directory.KindUser, RemoteID: ids[n]}); err != nil {
			t.Fatal(err)
		}
	}
	add := append(slices.Clone(ids), "U0NOBODY")
	slices.Sort(add)
	r, err := h.Target.Do(t.Context(), connector.Call{
		Verb: provision.VerbCreate, Kind: directory.KindGroup, Attributes: provision.Attributes{plan.AttributeGroupName: "Mixed"}, Members: &provision.MemberChange{Add: add},
	})
	f := fault(t, err)
	expect(t, f, provision.Rejected)
	want := []string{"U0NOBODY", ids[3], ids[11]}
	slices.Sort(want)
	if r == nil || len(r.Members) != 18 || !slices.Equal(f.Members, want) {
		t.Fatalf("%+v\n%+v, want %v", r, f, want)
	}
	r, err = h.Target.Do(t.Context(), connector.Call{
		Verb: provision.VerbUpdate, Kind: directory.KindGroup, RemoteID: r.ID, Members: &provision.MemberChange{Add: want[:1], Remove: []string{ids[0], ids[3], "U0NOBODY"}},
	})
	if f := fault(t, err); f == nil || len(f.Members) != 1 || r == nil || len(r.Members) != 17 {
		t.Errorf("%+v %+v", r, f)
	}
}
