package engine_test

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

var full = flag.Bool("full", false, "measure at the full size")

func text(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

// TestGroupScale: groups are written in few calls, whatever their size. The figures are the issue's; times are logged, not judged,
// because the machine may be busy.
func TestGroupScale(t *testing.T) {
	people, many, size := 500, 10, 100
	if *full {
		people, many, size = 10_000, 100, 1_000
	}
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ctx := t.Context()
	var users, groups, members strings.Builder
	users.WriteString("username,email,given,family,title\n")
	for i := range people {
		fmt.Fprintf(&users, "p%05d,p%05d@example.com,G,F,Engineer\n", i, i)
	}
	groups.WriteString("name\n")
	members.WriteString("group,username\n")
	for g := range many {
		fmt.Fprintf(&groups, "Group %03d\n", g)
		for i := range size {
			fmt.Fprintf(&members, "Group %03d,p%05d\n", g, (g*people/many+i)%people)
		}
	}
	_, err := w.people.Import(ctx, w.env.ID, text(users.String()), directory.ImportOptions{})
	must(t, err)
	_, err = w.people.ImportGroups(ctx, w.env.ID, text(groups.String()), directory.ImportOptions{})
	must(t, err)
	began := time.Now()
	report, err := w.people.ImportMemberships(ctx, w.env.ID, text(members.String()), directory.ImportOptions{})
	must(t, err)
	if report.Created != int64(many*size) {
		t.Fatalf("%+v", report)
	}
	t.Logf("%d memberships are imported in %v", many*size, time.Since(began))
	page, err := w.people.Groups(ctx, w.env.ID, directory.Query{Limit: 1000})
	must(t, err)
	w.provision(`title eq "Engineer"`, nil)
	w.carry(false, page.Groups...)
	began = time.Now()
	w.run()
	status := w.settle(provision.StateIdle)
	took := time.Since(began)
	n := w.writes()
	t.Logf("%d people, %d groups of %d: %d writes in %v", people, many, size, n, took)
	if status.Groups.Success != int64(many) || n < int64(people+many) || n > int64(people+2*many) {
		t.Errorf("%d writes, want %d for the people and %d to %d for the groups: %+v", n, people, many, 2*many, status)
	}
	for _, g := range w.groups() {
		if len(g.Members) != size {
			t.Errorf("%s has %d members", g.DisplayName, len(g.Members))
		}
	}
	began = time.Now()
	must(t, w.engine.Resync(ctx, w.env.ID, w.rule.ID))
	w.settle(provision.StateIdle)
	if n := w.writes(); n != 0 {
		t.Errorf("a second full sync took %d writes", n)
	}
	t.Logf("nothing to do: %v", time.Since(began))

	// One member more in a large group is one request of one operation.
	large, err := w.people.CreateGroup(ctx, w.env.ID, directory.Group{Name: "Large", UserFilter: fmt.Sprintf(`username lt "p%05d"`, people/2-1)})
	must(t, err)
	w.carry(false, append(page.Groups, large)...)
	w.settle(provision.StateIdle)
	w.writes()
	last, err := w.people.Users(ctx, w.env.ID, directory.Query{Filter: fmt.Sprintf("username eq \"p%05d\"", people-1)})
	must(t, err)
	began = time.Now()
	must(t, w.people.AddMember(ctx, w.env.ID, large.ID, last.Users[0].ID))
	w.settle(provision.StateIdle)
	t.Logf("one member more in a group of %d: %v", people/2-1, time.Since(began))
	if n := w.writes(); n != 1 {
		t.Errorf("one member more took %d writes", n)
	}
}
