package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

func (s *suite) group(t *testing.T, g directory.Group) directory.Group {
	t.Helper()
	g, err := s.people.CreateGroup(t.Context(), s.env, g)
	must(t, err)
	return g
}

// groupsOf is what a user's memberships say, as "name (reason)".
func (s *suite) groupsOf(t *testing.T, userID string) []string {
	t.Helper()
	list, err := s.people.MembershipsOf(t.Context(), s.env, userID)
	must(t, err)
	out := []string{}
	for _, m := range list {
		out = append(out, fmt.Sprintf("%s %s (%s)", m.GroupName, m.Type, m.Reason))
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\n got %q\nwant %q", what, got, want)
	}
}

func testGroups(t *testing.T, s *suite) {
	ctx := t.Context()
	anna, bo := s.create(t, "anna"), s.create(t, "bo")
	team := s.group(t, directory.Group{Name: " Team ", Description: "two", ExternalID: "x-1", CustomData: map[string]any{"cost": "42"}})
	city := s.group(t, directory.Group{Name: "Berlin"})
	country := s.group(t, directory.Group{Name: "Germany"})
	got, err := s.db.Group(ctx, s.env, team.ID)
	must(t, err)
	if got.Name != "Team" || got.ExternalID != "x-1" || got.CustomData["cost"] != "42" || got.Description != "two" {
		t.Errorf("a group came back otherwise: %+v", got)
	}
	if _, err := s.people.CreateGroup(ctx, s.env, directory.Group{Name: "TEAM"}); !problem.Is(err, problem.InvalidData) {
		t.Errorf("a name twice: %v", err)
	}
	must(t, s.people.AddMember(ctx, s.env, team.ID, anna.ID))
	must(t, s.people.AddMember(ctx, s.env, team.ID, anna.ID)) // again: nothing
	must(t, s.people.Nest(ctx, s.env, team.ID, city.ID))
	must(t, s.people.Nest(ctx, s.env, city.ID, country.ID))
	equal(t, "nested", s.groupsOf(t, anna.ID), []string{
		"Berlin INDIRECT (member because of Team)", "Germany INDIRECT (member because of Team > Berlin)", "Team DIRECT (direct member)",
	})
	err = s.people.Nest(ctx, s.env, country.ID, team.ID)
	if err == nil || !strings.Contains(err.Error(), "Germany > Team > Berlin > Germany") {
		t.Errorf("a circle: %v", err)
	}
	if err := s.people.Nest(ctx, s.env, team.ID, team.ID); !problem.Is(err, problem.InvalidData) {
		t.Errorf("in itself: %v", err)
	}
	above, err := s.people.ParentsOf(ctx, s.env, team.ID)
	must(t, err)
	if len(above) != 2 || above[0].GroupName != "Berlin" || above[0].Type != directory.MembershipDirect || above[1].Type != directory.MembershipIndirect {
		t.Errorf("above: %+v", above)
	}
	counts, err := s.people.GroupCounts(ctx, []string{country.ID, team.ID}, true)
	must(t, err)
	if counts[country.ID] != (directory.GroupCounts{Total: 1}) || counts[team.ID] != (directory.GroupCounts{Direct: 1, Total: 1}) {
		t.Errorf("counts: %+v", counts)
	}
	for _, f := range []string{
		fmt.Sprintf(`memberOfGroups[id eq "%s"]`, country.ID), `memberOfGroupNames eq "germany"`, `memberOfGroups[name sw "Ger"]`,
		fmt.Sprintf(`memberOfGroupIDs eq "%s" and username sw "a"`, country.ID),
	} {
		page, err := s.people.Users(ctx, s.env, directory.Query{Filter: f})
		must(t, err)
		if len(page.Users) != 1 || page.Users[0].ID != anna.ID {
			t.Errorf("%s: %+v", f, page.Users)
		}
	}
	s.testMembers(t, country.ID, city.ID, team.ID)
	if n, err := s.people.CountUsers(ctx, s.env, fmt.Sprintf(`not (memberOfGroups[id eq "%s"])`, country.ID)); err != nil || n != 1 {
		t.Errorf("not in the group: %d %v", n, err)
	}
	must(t, s.people.AddMember(ctx, s.env, city.ID, bo.ID))
	must(t, s.people.DeleteGroup(ctx, s.env, city.ID))
	equal(t, "the middle is gone", s.groupsOf(t, anna.ID), []string{"Team DIRECT (direct member)"})
	equal(t, "its member is in none", s.groupsOf(t, bo.ID), []string{})
	if err := s.people.RemoveMember(ctx, s.env, team.ID, bo.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("no member: %v", err)
	}
	must(t, s.people.DeleteUser(ctx, s.env, anna.ID))
	if counts, err := s.people.GroupCounts(ctx, []string{team.ID}, true); err != nil || counts[team.ID].Direct != 0 {
		t.Errorf("a deleted user is still in a group: %+v %v", counts, err)
	}
}

// testMembers: the members of a nested group, with the reason of each; and what is nested in it directly.
func (s *suite) testMembers(t *testing.T, country, city, team string) {
	t.Helper()
	ctx := t.Context()
	nested, err := s.db.NestedIn(ctx, country)
	must(t, err)
	equal(t, "nested directly", nested, []string{city})
	page, err := s.people.Members(ctx, s.env, country, directory.Query{})
	must(t, err)
	if len(page.Members) != 1 || page.Members[0].Membership.Removable || !strings.Contains(page.Members[0].Membership.Reason, "because of Team") {
		t.Errorf("members: %+v", page.Members)
	}
	if page, err = s.people.Members(ctx, s.env, team, directory.Query{Filter: `username sw "a"`}); err != nil || len(page.Members) != 1 || !page.Members[0].Membership.Removable {
		t.Errorf("members of the inner one: %+v %v", page.Members, err)
	}
	for text, want := range map[string]int64{"": 1, `username sw "a"`: 1, `username sw "zz"`: 0} {
		if n, err := s.people.CountMembers(ctx, s.env, country, text); err != nil || n != want {
			t.Errorf("%s: %d members %v", text, n, err)
		}
	}
}

// testDynamicGroups: membership follows the users' attributes, and the feed says about whom and what.
func testDynamicGroups(t *testing.T, s *suite) {
	ctx := t.Context()
	anna := s.create(t, "anna")
	must(t, nil)
	_, err := s.people.CreateAttribute(ctx, s.env, directory.Attribute{Name: "team", Type: directory.TypeString})
	must(t, err)
	g := s.group(t, directory.Group{Name: "Leads", UserFilter: `title sw "Lead" or team eq "core"`})
	all := s.group(t, directory.Group{Name: "All"})
	must(t, s.people.Nest(ctx, s.env, g.ID, all.ID))
	equal(t, "no lead yet", s.groupsOf(t, anna.ID), []string{})
	head, err := s.db.FeedHead(ctx, s.env)
	must(t, err)
	_, err = s.people.UpdateUser(ctx, s.env, anna.ID, func(u *directory.User) error { u.Title = "Lead engineer"; return nil })
	must(t, err)
	equal(t, "a lead", s.groupsOf(t, anna.ID), []string{"All INDIRECT (member because of Leads)", "Leads DIRECT (matches the filter)"})
	changes, err := s.db.Changes(ctx, s.env, head, 10)
	must(t, err)
	if len(changes) != 2 || changes[0].Type != directory.ActionMembers || changes[0].ObjectID != g.ID || changes[1].ObjectID != anna.ID {
		t.Errorf("the feed: %+v", changes)
	}
	if err := s.people.RemoveMember(ctx, s.env, g.ID, anna.ID); !problem.Is(err, problem.InvalidData) {
		t.Errorf("out of a dynamic group: %v", err)
	}
	bo, err := s.people.CreateUser(ctx, s.env, directory.User{Username: "bo", Email: "b@x.y", Custom: map[string]any{"team": "CORE"}})
	must(t, err)
	if got := s.groupsOf(t, bo.ID); len(got) != 2 {
		t.Errorf("a new user who matches: %q", got)
	}
	_, err = s.people.UpdateGroup(ctx, s.env, g.ID, func(g *directory.Group) error { g.UserFilter = `team eq "core"`; return nil })
	must(t, err)
	equal(t, "the filter changed", s.groupsOf(t, anna.ID), []string{})
	custom, err := s.people.Attributes(ctx, s.env)
	must(t, err)
	if err := s.people.DeleteAttribute(ctx, s.env, custom[0].ID); !problem.Is(err, problem.InvalidData) {
		t.Errorf("an attribute that a filter asks for: %v", err)
	}
	if _, err := s.people.CreateGroup(ctx, s.env, directory.Group{Name: "Loop", UserFilter: `memberOfGroupNames eq "x"`}); !problem.Is(err, problem.InvalidData) {
		t.Errorf("a filter about groups: %v", err)
	}
	s.group(t, directory.Group{Name: "Home", UserFilter: `population.name eq "Everybody"`})
	populations, err := s.people.Populations(ctx, s.env)
	must(t, err)
	_, err = s.people.UpdatePopulation(ctx, s.env, populations[0].ID, func(p *directory.Population) error { p.Name = "Everybody"; return nil })
	must(t, err)
	equal(t, "the population has the name now", s.groupsOf(t, anna.ID), []string{"Home DIRECT (matches the filter)"})
}

// naive is the model: who said what, and nothing worked out.
type naive struct {
	titles  map[string]string          // by user
	direct  map[string]map[string]bool // group -> users
	filters map[string]string          // group -> wanted title, "" = none
	nested  map[string]map[string]bool // parent -> children
}

func (n *naive) in(group, user string, seen map[string]bool) bool {
	if seen[group] {
		return false
	}
	seen[group] = true
	if n.direct[group][user] || n.filters[group] != "" && n.titles[user] == n.filters[group] {
		return true
	}
	for child := range n.nested[group] {
		if n.in(child, user, seen) {
			return true
		}
	}
	return false
}

func (n *naive) reaches(parent, child string, seen map[string]bool) bool {
	if parent == child {
		return true
	}
	if seen[parent] {
		return false
	}
	seen[parent] = true
	for c := range n.nested[parent] {
		if n.reaches(c, child, seen) {
			return true
		}
	}
	return false
}

// testGroupModel edits at random and demands that memberships are those of the model, from both sides.
func testGroupModel(t *testing.T, s *suite) {
	ctx := t.Context()
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		m := &naive{map[string]string{}, map[string]map[string]bool{}, map[string]string{}, map[string]map[string]bool{}}
		var users, groups []string
		do := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		for i := range 4 {
			u, err := s.people.CreateUser(ctx, s.env, directory.User{Username: fmt.Sprintf("u%d-%d", round, i), Email: "u@example.com"})
			do(err)
			users = append(users, u.ID)
		}
		for i := range 5 {
			g, err := s.people.CreateGroup(ctx, s.env, directory.Group{Name: fmt.Sprintf("g%d-%d", round, i)})
			do(err)
			groups = append(groups, g.ID)
			m.direct[g.ID], m.nested[g.ID] = map[string]bool{}, map[string]bool{}
		}
		titles := []string{"", "a", "b"}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			g, other := rapid.SampledFrom(groups).Draw(rt, "group"), rapid.SampledFrom(groups).Draw(rt, "other")
			u, title := rapid.SampledFrom(users).Draw(rt, "user"), rapid.SampledFrom(titles).Draw(rt, "title")
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				do(s.people.AddMember(ctx, s.env, g, u))
				m.direct[g][u] = true
			case 1:
				if m.direct[g][u] {
					do(s.people.RemoveMember(ctx, s.env, g, u))
					delete(m.direct[g], u)
				}
			case 2:
				err := s.people.Nest(ctx, s.env, other, g)
				if circle := m.reaches(other, g, map[string]bool{}); circle != (err != nil) {
					rt.Fatalf("a circle is %v, and nesting says %v", circle, err)
				} else if !circle {
					m.nested[g][other] = true
				}
			case 3:
				if m.nested[g][other] {
					do(s.people.Unnest(ctx, s.env, other, g))
					delete(m.nested[g], other)
				}
			case 4:
				_, err := s.people.UpdateUser(ctx, s.env, u, func(u *directory.User) error { u.Title = title; return nil })
				do(err)
				m.titles[u] = title
			case 5:
				_, err := s.people.UpdateGroup(ctx, s.env, g, func(g *directory.Group) error {
					g.UserFilter = ""
					if title != "" {
						g.UserFilter = fmt.Sprintf("title eq %q", title)
					}
					return nil
				})
				do(err)
				m.filters[g] = title
			}
		}
		for _, u := range users {
			list, err := s.people.MembershipsOf(ctx, s.env, u)
			do(err)
			for _, g := range groups {
				want := m.in(g, u, map[string]bool{})
				if got := slices.ContainsFunc(list, func(m directory.Membership) bool { return m.GroupID == g }); got != want {
					rt.Fatalf("user %s in %s: %v, should be %v (%+v)", u, g, got, want, list)
				}
				members, err := s.db.EffectiveMembers(ctx, g, "", 100)
				do(err)
				if slices.Contains(members, u) != want {
					rt.Fatalf("group %s lists %v", g, members)
				}
				all, err := s.db.MembersOf(ctx, g)
				do(err)
				slices.Sort(members) // the database may order otherwise
				if !slices.Equal(all, members) {
					rt.Fatalf("group %s has %v, lists %v", g, all, members)
				}
			}
			of, err := s.db.GroupsOf(ctx, []string{u})
			do(err)
			if len(of) != len(list) {
				rt.Fatalf("groups of %s: %v, %v", u, of, list)
			}
		}
	})
}

// testLargeNesting: an edit above 50,000 people writes a line or two, not one for each of them. BenchmarkLargeNesting times it.
func testLargeNesting(t *testing.T, s *suite) {
	ctx := t.Context()
	const many = 50_000
	home := s.create(t, "first").PopulationID
	must(t, s.db.Edit(ctx, func(tx directory.Tx) error {
		users := make([]directory.User, many)
		for i := range users {
			users[i] = directory.User{
				ID: uuid.Must(uuid.NewV7()).String(), EnvironmentID: s.env, PopulationID: home, Username: fmt.Sprintf("p%d", i), Email: "p@example.com", Title: "x",
			}
		}
		return tx.InsertUsers(ctx, users)
	}))
	base := s.group(t, directory.Group{Name: "Base", UserFilter: `title eq "x"`})
	middle, top := s.group(t, directory.Group{Name: "Middle"}), s.group(t, directory.Group{Name: "Top"})
	must(t, s.people.Nest(ctx, s.env, middle.ID, top.ID))
	must(t, s.people.Nest(ctx, s.env, base.ID, middle.ID))
	if counts, err := s.people.GroupCounts(ctx, []string{top.ID}, true); err != nil || counts[top.ID].Total != many {
		t.Fatalf("%+v %v", counts, err)
	}
	one := s.create(t, "one")
	for name, edit := range map[string]func() error{
		"take out and put in an edge": func() error {
			if err := s.people.Unnest(ctx, s.env, base.ID, middle.ID); err != nil {
				return err
			}
			return s.people.Nest(ctx, s.env, base.ID, middle.ID)
		},
		"one member more": func() error { return s.people.AddMember(ctx, s.env, middle.ID, one.ID) },
		"one member less": func() error { return s.people.RemoveMember(ctx, s.env, middle.ID, one.ID) },
		"an edit of a user": func() error {
			_, err := s.people.UpdateUser(ctx, s.env, one.ID, func(u *directory.User) error { u.Title += "y"; return nil })
			return err
		},
	} {
		if name == "one member less" {
			must(t, s.people.AddMember(ctx, s.env, middle.ID, one.ID))
		}
		before, err := s.db.FeedHead(ctx, s.env)
		must(t, err)
		must(t, edit())
		if after, err := s.db.FeedHead(ctx, s.env); err != nil || after == before || after > before+4 {
			t.Errorf("%s: the feed went from %d to %d: %v", name, before, after, err)
		}
	}
}
