package storetest

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/filter"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// testGroupRows: groups, base memberships and nestings, statement by statement.
func testGroupRows(t *testing.T, s *suite) {
	ctx := t.Context()
	anna, bo := s.create(t, "anna"), s.create(t, "bo")
	populations, err := s.db.Populations(ctx, s.env)
	must(t, err)
	home := populations[0].ID
	now := time.UnixMicro(1_700_000_000_000_000).UTC()
	group := func(id, name string) directory.Group {
		return directory.Group{
			ID: "00000000-0000-7000-8000-00000000000" + id, EnvironmentID: s.env, Name: name, Description: "d", CustomData: map[string]any{"a": "b"},
			CreatedAt: now, UpdatedAt: now,
		}
	}
	a, b, c := group("1", "A"), group("2", "Bé"), group("3", "C")
	b.PopulationID, c.UserFilter = home, `title eq "x"`
	must(t, s.db.Edit(ctx, func(tx directory.Tx) error {
		must(t, tx.InsertGroups(ctx, []directory.Group{a, b, c}))
		a.Name, a.UpdatedAt = "A2", now.Add(time.Second)
		must(t, tx.UpdateGroups(ctx, []directory.Group{a}))
		got, err := tx.Group(ctx, s.env, a.ID)
		must(t, err)
		if diff := cmp.Diff(a, got); diff != "" {
			t.Errorf("a group came back otherwise:\n%s", diff)
		}
		named, err := tx.GroupsNamed(ctx, s.env, []string{directory.Fold("a2"), directory.Fold("BÉ"), "nobody"})
		must(t, err)
		if len(named) != 2 {
			t.Errorf("by name: %+v", named)
		}
		dynamic, err := tx.DynamicGroups(ctx, s.env)
		must(t, err)
		if len(dynamic) != 1 || dynamic[0].ID != c.ID {
			t.Errorf("dynamic: %+v", dynamic)
		}
		for id, want := range map[string]bool{home: true, a.ID: false} {
			if has, err := tx.HasGroups(ctx, s.env, id); err != nil || has != want {
				t.Errorf("groups of a population: %v %v", has, err)
			}
		}
		testBaseRows(t, s, tx, a, b, anna, bo)
		return nil
	}))
	testGroupReads(t, s, []directory.Group{a, b, c}, anna)
	must(t, s.db.Edit(ctx, func(tx directory.Tx) error { return tx.DeleteGroup(ctx, s.env, a.ID) }))
	if of, err := s.db.GroupsOf(ctx, []string{anna.ID}); err != nil || len(of) != 0 {
		t.Errorf("members of a deleted group: %v %v", of, err)
	}
	if err := s.db.Edit(ctx, func(tx directory.Tx) error { return tx.DeleteGroup(ctx, s.env, a.ID) }); !problem.Is(err, problem.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func testBaseRows(t *testing.T, s *suite, tx directory.Tx, a, b directory.Group, anna, bo directory.User) {
	t.Helper()
	ctx := t.Context()
	same := func(what string, got, want []string) {
		t.Helper()
		slices.Sort(got)
		equal(t, what, got, want)
	}
	joined, err := tx.AddMembers(ctx, a.ID, false, []string{anna.ID, bo.ID, "nobody"})
	must(t, err)
	same("joined", joined, []string{anna.ID, bo.ID})
	joined, err = tx.AddMembers(ctx, a.ID, false, []string{anna.ID})
	must(t, err)
	same("joined again", joined, nil)
	_, err = tx.AddMembers(ctx, a.ID, true, []string{anna.ID})
	must(t, err)
	left, err := tx.RemoveMembers(ctx, a.ID, false, []string{bo.ID, "nobody"})
	must(t, err)
	same("left", left, []string{bo.ID})
	members, err := tx.BaseMembers(ctx, a.ID, true)
	must(t, err)
	same("by filter", members, []string{anna.ID})
	base, err := tx.BaseOf(ctx, []string{anna.ID, bo.ID})
	must(t, err)
	if len(base) != 1 || len(base[anna.ID]) != 2 {
		t.Errorf("base: %+v", base)
	}
	names, err := tx.Usernames(ctx, s.env, []string{anna.ID, "nobody"})
	must(t, err)
	if !maps.Equal(names, map[string]string{anna.ID: "anna"}) {
		t.Errorf("usernames: %v", names)
	}
	walked, err := tx.Walk(ctx, s.env, directory.UserQuery{Limit: 10, Narrow: filter.Compare{Path: "username", Op: filter.Equal, Value: "bo"}})
	must(t, err)
	if len(walked) != 1 || walked[0].ID != bo.ID {
		t.Errorf("walked: %+v", walked)
	}
	for i, want := range []bool{true, false} {
		if changed, err := tx.Nest(ctx, directory.Nesting{Child: a.ID, Parent: b.ID}); err != nil || changed != want {
			t.Errorf("nest %d: %v %v", i, changed, err)
		}
	}
	above, err := tx.NestingsAbove(ctx, a.ID)
	must(t, err)
	if diff := cmp.Diff([]directory.Nesting{{Child: a.ID, Parent: b.ID}}, above); diff != "" {
		t.Errorf("above:\n%s", diff)
	}
	children, err := tx.NestedIn(ctx, b.ID)
	must(t, err)
	same("nested", children, []string{a.ID})
	if changed, err := tx.Unnest(ctx, directory.Nesting{Child: b.ID, Parent: a.ID}); err != nil || changed {
		t.Errorf("the other way round: %v %v", changed, err)
	}
}

func testGroupReads(t *testing.T, s *suite, groups []directory.Group, anna directory.User) {
	t.Helper()
	ctx := t.Context()
	a, b := groups[0], groups[1]
	if n, err := s.db.CountGroups(ctx, s.env); err != nil || n != 3 {
		t.Errorf("count: %d %v", n, err)
	}
	page, err := s.db.Groups(ctx, s.env, a.ID, 1)
	must(t, err)
	if diff := cmp.Diff(groups[1:2], page); diff != "" {
		t.Errorf("a page:\n%s", diff)
	}
	byID, err := s.db.GroupsByID(ctx, s.env, []string{b.ID, "nobody"})
	must(t, err)
	if len(byID) != 1 || byID[0].PopulationID != b.PopulationID {
		t.Errorf("by id: %+v", byID)
	}
	counts, err := s.db.GroupCounts(ctx, []string{a.ID, b.ID}, true)
	must(t, err)
	if counts[a.ID] != (directory.GroupCounts{Direct: 1, Total: 1}) || counts[b.ID] != (directory.GroupCounts{Total: 1}) {
		t.Errorf("counts: %+v", counts)
	}
	memberships, err := s.db.Memberships(ctx, s.env, []string{anna.ID, "nobody"})
	must(t, err)
	var names []string
	for _, m := range memberships[anna.ID] {
		names = append(names, m.GroupName+" "+m.Reason)
	}
	equal(t, "memberships", names, []string{"A2 direct member", "Bé member because of A2"})
	if len(memberships) != 1 {
		t.Errorf("%+v", memberships)
	}
	above, err := s.db.GroupsAbove(ctx, []string{a.ID, "nobody"})
	must(t, err)
	slices.Sort(above)
	equal(t, "above", above, []string{a.ID, b.ID})
	nestings, err := s.db.NestingsAbove(ctx, b.ID)
	must(t, err)
	if len(nestings) != 0 {
		t.Errorf("above the top: %v", nestings)
	}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error { return tx.Consent(ctx, "c", []string{a.ID}, "me", time.Now()) }))
	if consents, err := s.db.Consents(ctx, "c", []string{a.ID, b.ID}); err != nil || !consents[a.ID] || consents[b.ID] {
		t.Errorf("consents: %v %v", consents, err)
	}
	if _, err := s.db.Group(ctx, strings.Repeat("0", 36), a.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("of another environment: %v", err)
	}
}
