package simulation

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	sandbox "lockstep/sandbox/slack"
)

// What can happen to groups.
const (
	groupIn     deed = "group in"     // Who joins group N
	groupOut    deed = "group out"    //
	groupNest   deed = "group nest"   // group Who is nested in group N
	groupUnnest deed = "group unnest" //
	groupName   deed = "group name"   // group N gets another name
	groupCarry  deed = "group carry"  // rule Who carries group N
	groupDrop   deed = "group drop"   // ... does not any more
	groupFilter deed = "group filter" // group N is of whoever has the title Text, besides; "" = of nobody
	groupHand   deed = "group hand"   // somebody changes group N on the target by hand: takes Who out, or puts a foreign member in
)

// groupKind is the groups of a world; none in most.
type groupKind struct {
	N         int
	Overwrite bool
	There     bool // the first group is on the target already, with a foreign member
}

func (k groupKind) handling() string {
	if k.Overwrite {
		return "Overwrite"
	}
	return "Merge"
}

// groupTruth is one group: who said that somebody is in it, and nothing worked out.
type groupTruth struct {
	id, name string
	direct   map[string]bool // directory ids
	inside   map[int]bool    // groups that are nested in it
	title    string          // whoever has it is in the group; "" = nobody
	renames  int
	foreign  map[string]bool // members that were put in by hand, as "group/member" of the target
	covered  map[int]bool    // rules that carried it, as published
	drifted  bool            // changed by hand since the last listing
}

// generateGroups makes a schedule in which groups are edited as well. The rest is as generate makes it.
func generateGroups(seed uint64) schedule {
	s := generate(seed)
	r := rand.New(rand.NewPCG(seed, 0x9209))
	s.Groups = groupKind{N: 1 + r.IntN(3), Overwrite: chance(r, 40), There: chance(r, 40)}
	for i := range s.Rules {
		for g := range s.Groups.N {
			if chance(r, 60) {
				s.Rules[i].Groups = append(s.Rules[i].Groups, g)
			}
		}
	}
	var events []event
	for _, e := range s.Events {
		for chance(r, 60) {
			events = append(events, someGroupEvent(r, &s))
		}
		events = append(events, e)
	}
	for range r.IntN(3) {
		e := event{Gap: gap(r), Do: groupFilter, N: r.IntN(s.Groups.N), Text: pick(r, "", "Engineer", "Sales", "Sales", "Support")}
		events = slices.Insert(events, r.IntN(len(events)+1), e)
	}
	s.Events = events
	return s
}

func someGroupEvent(r *rand.Rand, s *schedule) event {
	e := event{Gap: gap(r), Who: r.IntN(6), N: r.IntN(s.Groups.N)}
	e.Do = pick(r, groupIn, groupIn, groupIn, groupOut, groupNest, groupUnnest, groupName, groupHand)
	if chance(r, 10) { // seldom: a revision has every group looked at again, and hides lost edits
		e.Do = pick(r, groupCarry, groupDrop, publish)
	}
	switch e.Do {
	case groupNest, groupUnnest:
		e.Who = r.IntN(s.Groups.N)
	case groupCarry, groupDrop:
		e.Who = r.IntN(len(s.Rules))
	}
	return e
}

// setUpGroups makes the groups, and lets the rules carry them.
func (w *world) setUpGroups() error {
	for n := range w.s.Groups.N {
		g, err := w.people.CreateGroup(w.ctx, w.env.ID, directory.Group{Name: fmt.Sprint("Group ", n)})
		if err != nil {
			return err
		}
		w.truth.groups = append(w.truth.groups, groupTruth{
			id: g.ID, name: g.Name, direct: map[string]bool{}, inside: map[int]bool{}, foreign: map[string]bool{}, covered: map[int]bool{},
		})
	}
	if w.s.Groups.There {
		w.seed(sandbox.Member{UserName: "ingroup", PrimaryEmail: "ingroup@elsewhere.example", GivenName: "In", Active: true, Created: time.Now().AddDate(-1, 0, 0)})
		for _, m := range w.workspace.Members() {
			if m.UserName == "ingroup" {
				for _, id := range w.workspace.SeedGroups(sandbox.Group{Name: w.truth.groups[0].name, Members: []string{m.ID}}) {
					w.truth.groups[0].foreign[id+"/"+m.ID] = true
				}
			}
		}
	}
	for n, r := range w.s.Rules {
		w.truth.drafts[n].Groups = nil
		for _, g := range r.Groups {
			if err := w.editGroup(event{Do: groupCarry, Who: n, N: g}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) editGroup(e event) error {
	t := &w.truth
	if len(t.groups) == 0 {
		return nil
	}
	g := &t.groups[e.N]
	switch e.Do {
	case groupIn, groupOut:
		u := t.now(e.Who)
		if u == nil || g.direct[u.ID] == (e.Do == groupIn) {
			return nil
		}
		if e.Do == groupIn {
			g.direct[u.ID] = true
			return w.people.AddMember(w.ctx, w.env.ID, g.id, u.ID)
		}
		delete(g.direct, u.ID)
		return w.people.RemoveMember(w.ctx, w.env.ID, g.id, u.ID)
	case groupNest, groupUnnest:
		return w.nestGroup(e)
	case groupName:
		g.renames++
		g.name = fmt.Sprintf("Group %d.%d", e.N, g.renames)
		_, err := w.people.UpdateGroup(w.ctx, w.env.ID, g.id, func(in *directory.Group) error { in.Name = g.name; return nil })
		return err
	case groupFilter:
		g.title = e.Text
		_, err := w.people.UpdateGroup(w.ctx, w.env.ID, g.id, func(in *directory.Group) error { in.UserFilter = titleFilter(g.title); return nil })
		return err
	case groupHand:
		w.groupByHand(e)
		return nil
	default:
		return w.carryGroup(e)
	}
}

func titleFilter(title string) string {
	if title == "" {
		return ""
	}
	return fmt.Sprintf("title eq %q", title)
}

func (w *world) nestGroup(e event) error {
	t := &w.truth
	g, child := &t.groups[e.N], t.groups[e.Who]
	switch {
	case e.Do == groupUnnest && g.inside[e.Who]:
		delete(g.inside, e.Who)
		return w.people.Unnest(w.ctx, w.env.ID, child.id, g.id)
	case e.Do == groupNest && !g.inside[e.Who]:
		if err := w.people.Nest(w.ctx, w.env.ID, child.id, g.id); err == nil { // a circle is refused
			g.inside[e.Who] = true
		}
	}
	return nil
}

// carryGroup drafts which groups a rule carries.
func (w *world) carryGroup(e event) error {
	d := &w.truth.drafts[e.Who]
	if d.gone || slices.Contains(d.Groups, e.N) == (e.Do == groupCarry) {
		return nil
	}
	groups := slices.DeleteFunc(slices.Clone(d.Groups), func(n int) bool { return n == e.N })
	if e.Do == groupCarry {
		groups = append(groups, e.N)
	}
	d.Groups = groups
	w.truth.unpublished = true
	r, err := w.provisions.Rule(w.ctx, w.env.ID, d.id)
	if err != nil {
		return err
	}
	r.GroupIDs = nil
	for _, n := range groups {
		r.GroupIDs = append(r.GroupIDs, w.truth.groups[n].id)
	}
	_, err = w.provisions.UpdateRule(w.ctx, w.env.ID, r.ID, r)
	return err
}

// groupByHand changes a group on the target.
func (w *world) groupByHand(e event) {
	t := &w.truth
	g := &t.groups[e.N]
	for _, on := range w.onTarget(g.name) {
		g.drifted = true
		next := slices.Clone(on.Members)
		if e.Who%2 == 0 {
			for _, m := range w.membersOf(e.Who) {
				next = slices.DeleteFunc(next, func(id string) bool { return id == m.ID })
			}
		} else {
			for _, id := range slices.Sorted(maps.Keys(t.seeded)) {
				if w.ownerOf(id) == foreign && w.byID()[id].Active && !slices.Contains(next, id) {
					next = append(next, id)
					g.foreign[on.ID+"/"+id] = true
					break
				}
			}
		}
		w.workspace.EditGroup(on.ID, func(in *sandbox.Group) { in.Members = next })
	}
}

func (w *world) onTarget(name string) []sandbox.Group {
	return slices.DeleteFunc(w.workspace.Groups(), func(g sandbox.Group) bool { return !strings.EqualFold(g.Name, name) })
}

// in reports whether somebody is in a group, however.
func (t *truth) in(n int, u *directory.User, seen map[int]bool) bool {
	if seen[n] {
		return false
	}
	seen[n] = true
	if g := &t.groups[n]; g.direct[u.ID] || g.title != "" && u.Title == g.title {
		return true
	}
	for child := range t.groups[n].inside {
		if t.in(child, u, seen) {
			return true
		}
	}
	return false
}

// checkGroups compares the groups on the target with what is expected of them at rest.
func (w *world) checkGroups(when string, strict bool) {
	t := &w.truth
	p := t.latest()
	for n := range t.groups {
		g := &t.groups[n]
		if strict {
			g.drifted = false
		}
		if g.drifted || !p.storeOn {
			continue
		}
		carried := false
		for i, r := range p.rules {
			if r.Active && !r.gone && slices.Contains(r.Groups, n) {
				carried = true
				g.covered[i] = true
			}
		}
		if carried {
			w.checkGroup(when, strict, n, p)
		}
	}
}

// checkGroup: one group on the target, with everybody who is to be in it, and nobody of ours who is not.
func (w *world) checkGroup(when string, strict bool, n int, p publication) {
	t := &w.truth
	g := &t.groups[n]
	there := w.onTarget(g.name)
	if len(there) != 1 {
		w.violate("%s: there are %d groups with the name %s", when, len(there), g.name)
		return
	}
	members := there[0].Members
	for who := range cast {
		if !strict && t.drifted[who] {
			continue
		}
		u := t.now(who)
		wanted := u != nil && (p.home == "" || u.PopulationID == p.home) && t.in(n, u, map[int]bool{}) && slices.ContainsFunc(p.rules, func(r draft) bool {
			return r.Active && !r.gone && slices.Contains(r.Groups, n) && slices.Contains(r.Titles, u.Title)
		})
		for _, m := range w.membersOf(who) {
			is := slices.Contains(members, m.ID)
			switch {
			case wanted && m.Active && !is:
				w.violate("%s: %s is not in %s", when, name(who), g.name)
			case !wanted && is && !g.foreign[there[0].ID+"/"+m.ID] && !w.staysIn(there[0].ID, m.ID):
				w.violate("%s: %s is in %s, and should not be", when, name(who), g.name)
			}
		}
	}
	for both := range g.foreign {
		group, id, _ := strings.Cut(both, "/")
		if group != there[0].ID {
			continue // it had another name when the group was linked
		}
		is := slices.Contains(members, id)
		switch {
		case strict && w.s.Groups.Overwrite && is && w.ownerOf(id) == foreign:
			w.violate("%s: the foreign member %s is still in %s, which is overwritten", when, id, g.name)
		case !w.s.Groups.Overwrite && !is && w.byID()[id].Active:
			w.violate("%s: the foreign member %s was taken out of %s", when, id, g.name)
		}
	}
}

// TestGroupSchedules: 400 worlds with groups hold; the failing seed is printed.
func TestGroupSchedules(t *testing.T) {
	const parts = 4
	for part := range uint64(parts) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			for seed := *firstFlag + part; seed < *firstFlag+*countFlag/5; seed += parts {
				s := generateGroups(seed)
				if out := run(t, s, mutant{}); len(out.violations) > 0 {
					t.Errorf("seed %d: %s\nreplay it with:  go test ./engine/simulation -run TestGroupReplay -seed=%d -v", seed, strings.Join(out.violations, "\n"), seed)
					return
				}
			}
		})
	}
}

// TestGroupReplay shows one seed of TestGroupSchedules with everything that happens.
func TestGroupReplay(t *testing.T) {
	if *seedFlag == 0 {
		return
	}
	s := generateGroups(*seedFlag)
	t.Log("\n" + s.String())
	out := run(t, s, mutant{})
	t.Log("\n" + strings.Join(out.log, "\n"))
	for _, v := range out.violations {
		t.Error(v)
	}
}
