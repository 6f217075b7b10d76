package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// TestEffective: one membership a group, with the shortest reason; a circle, of which there is none, does not hang.
func TestEffective(t *testing.T) {
	names := directory.GroupNames{"a": "A", "b": "B", "c": "C", "d": "D"}
	for what, test := range map[string]struct {
		base     []directory.Base
		nestings []directory.Nesting
		want     []string
	}{
		"nothing":           {nil, []directory.Nesting{{Child: "a", Parent: "b"}}, nil},
		"direct and filter": {[]directory.Base{{GroupID: "a", ByFilter: true}, {GroupID: "a"}}, nil, []string{"A DIRECT direct member"}},
		"the shortest way":  {[]directory.Base{{GroupID: "a"}, {GroupID: "c"}}, []directory.Nesting{{Child: "a", Parent: "b"}, {Child: "b", Parent: "d"}, {Child: "c", Parent: "d"}}, []string{"A DIRECT direct member", "B INDIRECT member because of A", "C DIRECT direct member", "D INDIRECT member because of C"}},
		"a way":             {[]directory.Base{{GroupID: "a", ByFilter: true}}, []directory.Nesting{{Child: "b", Parent: "c"}, {Child: "a", Parent: "b"}}, []string{"A DIRECT matches the filter", "B INDIRECT member because of A", "C INDIRECT member because of A > B"}},
		"own comes first":   {[]directory.Base{{GroupID: "a"}, {GroupID: "b"}}, []directory.Nesting{{Child: "a", Parent: "b"}}, []string{"A DIRECT direct member", "B DIRECT direct member"}},
		"a circle":          {[]directory.Base{{GroupID: "a"}}, []directory.Nesting{{Child: "a", Parent: "b"}, {Child: "b", Parent: "a"}}, []string{"A DIRECT direct member", "B INDIRECT member because of A"}},
	} {
		t.Run(what, func(t *testing.T) {
			var got []string
			for _, m := range directory.Effective(test.base, test.nestings, names) {
				got = append(got, fmt.Sprintf("%s %s %s", m.GroupName, m.Type, m.Reason))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestImportGroups: what files give and refuse; a dry run and all-or-nothing leave nothing behind.
func TestImportGroups(t *testing.T) {
	s, env := newService(t)
	ctx := t.Context()
	for _, name := range []string{"anna", "bo"} {
		_, err := s.CreateUser(ctx, env, directory.User{Username: name, Email: name + "@example.com", Title: "Lead"})
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(take func() (directory.ImportReport, error), want string) {
		t.Helper()
		r, err := take()
		got := fmt.Sprintf("%d %d %d %d %v", r.Created, r.Updated, r.Unchanged, r.Refused, r.Applied)
		for _, refusal := range r.Refusals {
			got += fmt.Sprintf("; line %d %s: %s", refusal.Line, refusal.Column, refusal.Message)
		}
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	groups := func(file string, o directory.ImportOptions) func() (directory.ImportReport, error) {
		return func() (directory.ImportReport, error) { return s.ImportGroups(ctx, env, source([]byte(file)), o) }
	}
	members := func(file string, o directory.ImportOptions) func() (directory.ImportReport, error) {
		return func() (directory.ImportReport, error) { return s.ImportMemberships(ctx, env, source([]byte(file)), o) }
	}
	const first = "Name;Filter;Population;MemberOf\nTeam;;;All|Berlin\nBerlin;;Sales;\nAll;;;\nLeads;\"title eq \"\"Lead\"\"\";;All\n"
	run(groups(first, directory.ImportOptions{DryRun: true}), "4 0 0 0 false")
	if n, err := s.CountGroups(ctx, env, ""); err != nil || n != 0 {
		t.Fatalf("a dry run left %d groups, %v", n, err)
	}
	run(groups(first, directory.ImportOptions{}), "4 0 0 0 true")
	run(groups(first, directory.ImportOptions{}), "0 0 4 0 true")
	page, err := s.Groups(ctx, env, directory.Query{Filter: `name eq "all"`})
	if err != nil || len(page.Groups) != 1 {
		t.Fatal(page, err)
	}
	if counts, err := s.GroupCounts(ctx, []string{page.Groups[0].ID}, true); err != nil || counts[page.Groups[0].ID].Total != 2 {
		t.Errorf("the leads are in all: %+v %v", counts, err)
	}
	// Nested in exactly what the file says; the rest of the group stays.
	run(groups("name,memberOf\nTeam,Berlin\nLeads,\n", directory.ImportOptions{}), "0 2 0 0 true")
	if counts, err := s.GroupCounts(ctx, []string{page.Groups[0].ID}, true); err != nil || counts[page.Groups[0].ID].Total != 0 {
		t.Errorf("the leads are still in all: %+v %v", counts, err)
	}
	run(groups("name,description\nTeam,x\nteam,y\nNew,z\n,\n", directory.ImportOptions{AllOrNothing: true}),
		"1 1 0 2 false; line 3 : an earlier line of the file has the same name; line 5 name: a value is required")
	run(groups("name,population,memberOf\nA,Nowhere,\nB,,Nothing\nC\n", directory.ImportOptions{}),
		"1 0 0 3 true; line 2 population: there is no such population; create it first; line 3 memberOf: there is no group of one of these names, or several; line 4 : the row has 1 values, but the header names 3 columns")
	run(groups("name,colour\nA,red\n", directory.ImportOptions{}), "line 1: column 2 is not one that is known; the columns are such as name,description,externalId,userFilter,memberOf")
	run(groups("description\nx\n", directory.ImportOptions{}), "line 1: the column name is missing; the columns are such as name,description,externalId,userFilter,memberOf")
	run(groups("", directory.ImportOptions{}), "the file is empty; the first line must name the columns, such as username,email,given,family")

	run(members("group,username\nTeam,anna\nteam,ANNA\nTeam,bo\n", directory.ImportOptions{DryRun: true}), "2 0 1 0 false")
	run(members("group,username\nTeam,anna\nTeam,nobody\n", directory.ImportOptions{AllOrNothing: true}), "1 0 0 1 false; line 3 username: there is no such user; create or import them first")
	run(members("group,username\nTeam,anna\nteam,ANNA\nTeam,bo\nNone,bo\n", directory.ImportOptions{}), "2 0 1 1 true; line 5 group: there is no such group; create or import it first")
	run(members("username,group\nanna,Team\nbo,Team\n", directory.ImportOptions{}), "0 0 2 0 true")
	run(members("username\nanna\n", directory.ImportOptions{}), "line 1: the column group is missing; the columns are such as group,username")
}

func TestKindOfFile(t *testing.T) {
	for header, want := range map[string]directory.FileKind{
		"username,email,given": directory.FileOfUsers, "Group;Username": directory.FileOfMemberships, "name,description": directory.FileOfGroups,
		"displayName,memberOf": directory.FileOfGroups, "name,email": directory.FileOfUsers, "group,username,title": directory.FileOfUsers, "description": directory.FileOfUsers,
	} {
		if got, err := directory.KindOfFile(strings.NewReader(header + "\n")); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", header, got, err, want)
		}
	}
	if _, err := directory.KindOfFile(strings.NewReader("")); !problem.Is(err, problem.InvalidData) {
		t.Errorf("an empty file: %v", err)
	}
}

// A group that is named twice is one: the second reading of the file changes nothing, and wakes nobody.
func TestImportGroupsNamedTwice(t *testing.T) {
	w := newWorld(t)
	const file = "name,memberOf\nAll,\nTeam,All|all\n"
	for i, woken := range []int{1, 0} {
		before := w.woken
		_, err := w.ImportGroups(t.Context(), w.env, source([]byte(file)), directory.ImportOptions{})
		must(t, err)
		if w.woken-before != woken {
			t.Errorf("reading %d woke %d times, want %d", i+1, w.woken-before, woken)
		}
	}
}

// Deleting and declaring attributes between edits: each edit is judged by the attributes of its own environment, however often the
// filters were kept before.
func TestGroupFiltersFollowTheAttributes(t *testing.T) {
	w := newWorld(t)
	u, err := w.CreateUser(t.Context(), w.env, directory.User{Username: "anna", Email: "a@example.com"})
	must(t, err)
	for i := range 10 { // more sets of attributes than are kept
		a := w.attribute(t, directory.Attribute{Name: fmt.Sprintf("a%d", i)})
		g, err := w.CreateGroup(t.Context(), w.env, directory.Group{Name: a.Name, UserFilter: a.Name + ` eq "x"`})
		must(t, err)
		for _, value := range []any{"x", "y", "x"} {
			_, err = w.UpdateUser(t.Context(), w.env, u.ID, func(u *directory.User) error {
				u.Custom = map[string]any{a.Name: value}
				return nil
			})
			must(t, err)
			counts, err := w.GroupCounts(t.Context(), []string{g.ID}, false)
			must(t, err)
			if want := map[any]int64{"x": 1}[value]; counts[g.ID].Direct != want {
				t.Errorf("%s is %v: %d members, want %d", a.Name, value, counts[g.ID].Direct, want)
			}
		}
		must(t, w.DeleteGroup(t.Context(), w.env, g.ID))
		must(t, w.DeleteAttribute(t.Context(), w.env, a.ID))
		_, err = w.CreateGroup(t.Context(), w.env, directory.Group{Name: a.Name, UserFilter: a.Name + ` eq "x"`})
		if !problem.Is(err, problem.InvalidData) {
			t.Errorf("a filter that asks for the deleted attribute %s: %v", a.Name, err)
		}
	}
}

// BenchmarkEditAmongDynamicGroups: one edit tries a thousand filters.
func BenchmarkEditAmongDynamicGroups(b *testing.B) {
	w := newWorld(b)
	for i := range 100 {
		w.attribute(b, directory.Attribute{Name: fmt.Sprintf("a%d", i)})
	}
	u, err := w.CreateUser(b.Context(), w.env, directory.User{Username: "anna", Email: "a@example.com"})
	must(b, err)
	for i := range 1000 {
		_, err := w.CreateGroup(b.Context(), w.env, directory.Group{Name: fmt.Sprintf("g%d", i), UserFilter: fmt.Sprintf(`title eq "%d"`, i)})
		must(b, err)
	}
	for i := 0; b.Loop(); i++ {
		_, err := w.UpdateUser(b.Context(), w.env, u.ID, func(u *directory.User) error { u.Title = fmt.Sprint(i % 1000); return nil })
		must(b, err)
	}
}

// TestGroupNames: a name may repeat across populations, not between a population and the environment, and nobody is in two groups of
// one name.
func TestGroupNames(t *testing.T) {
	s, env := newService(t)
	ctx := t.Context()
	populations, err := s.Populations(ctx, env)
	if err != nil || len(populations) != 2 {
		t.Fatal(populations, err)
	}
	make := func(population string) (directory.Group, error) {
		return s.CreateGroup(ctx, env, directory.Group{Name: "Team", PopulationID: population})
	}
	one, err := make(populations[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	two, err := make(populations[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := make(""); !problem.Is(err, problem.InvalidData) {
		t.Errorf("of the environment, beside those of populations: %v", err)
	}
	u, err := s.CreateUser(ctx, env, directory.User{Username: "anna", Email: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddMember(ctx, env, one.ID, u.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.AddMember(ctx, env, two.ID, u.ID); !problem.Is(err, problem.InvalidData) {
		t.Errorf("in two groups of one name: %v", err)
	}
	if err := s.DeletePopulation(ctx, env, populations[1].ID); !problem.Is(err, problem.InvalidData) {
		t.Errorf("a population with a group: %v", err)
	}
	refused := []directory.Group{
		{Name: strings.Repeat("x", 257)}, {Name: "a\nb"}, {Name: "x", ExternalID: strings.Repeat("x", 1025)}, {Name: "x", PopulationID: "nowhere"},
		{Name: "x", UserFilter: "nothing eq"}, {Name: "x", CustomData: map[string]any{"a": strings.Repeat("x", 20_000)}}, {Name: "x", CustomData: map[string]any{"a": "\x00"}},
	}
	for _, g := range refused {
		if _, err := s.CreateGroup(ctx, env, g); !problem.Is(err, problem.InvalidData) {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

// FuzzImportGroups: whatever a file holds, the import ends with a report or a sentence, and the same file again changes nothing.
func FuzzImportGroups(f *testing.F) {
	for _, seed := range []string{"name\nA\n", "name,memberOf\nA,B\nB,A\n", "group,username\nA,b\n", "name;filter\n\"A\";title eq \"x\n", "name,name\nA,B\n", "\xef\xbb\xbfname\n\n\x00\n"} {
		f.Add([]byte(seed))
	}
	s, env := newService(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, take := range []func() (directory.ImportReport, error){
			func() (directory.ImportReport, error) {
				return s.ImportGroups(t.Context(), env, source(file), directory.ImportOptions{})
			},
			func() (directory.ImportReport, error) {
				return s.ImportMemberships(t.Context(), env, source(file), directory.ImportOptions{})
			},
		} {
			if _, err := take(); err != nil {
				continue
			}
			if again, err := take(); err != nil || again.Created+again.Updated > 0 {
				t.Errorf("again: %+v %v", again, err)
			}
		}
	})
}
