package engine_test

import (
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// managed sets up a rule that maps the manager, by username, beside what is mapped by default.
func managed(t *testing.T, w *world) {
	t.Helper()
	_, err := w.people.CreateAttribute(t.Context(), w.env.ID, directory.Attribute{Name: "boss", Type: directory.TypeString})
	must(t, err)
	w.provision(`title ne "Guest"`, nil)
	for target, source := range map[string]string{"userName": "username", "primaryEmail": "email", "givenName": "name.given", "familyName": "name.family", "active": "enabled", "manager": "boss"} {
		_, err := w.provisions.CreateMapping(t.Context(), w.env.ID, w.rule.ID, provision.Mapping{TargetAttribute: target, SourceAttribute: source, MappingType: provision.MappingTypeUser})
		must(t, err)
	}
	_, err = w.provisions.Publish(t.Context(), w.env.ID)
	must(t, err)
}

func (w *world) bossed(n int, boss string) directory.User {
	w.t.Helper()
	u := w.user(n)
	u.Custom = map[string]any{"boss": boss}
	u, err := w.people.CreateUser(w.t.Context(), w.env.ID, u)
	must(w.t, err)
	return u
}

// TestLateReferences: a manager is linked by what they are called in the directory. One who is not covered yet, or who is not even in the
// directory, is linked when they get an account, without anybody starting anything; nobody fails meanwhile.
func TestLateReferences(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	managed(t, w)
	w.run()
	w.settle(provision.StateIdle)
	first := w.create(0)
	w.settle(provision.StateIdle)
	w.bossed(1, "USER0000")                          // has an account
	w.bossed(2, "user0008@example.com")              // is not covered
	w.bossed(3, "user0009")                          // does not exist
	w.bossed(4, w.member("user0000@example.com").ID) // is named by the target's id
	late := w.user(8)
	late.Title = "Guest"
	late, err := w.people.CreateUser(t.Context(), w.env.ID, late)
	must(t, err)
	status := w.settle(provision.StateIdle)
	if status.Users.Success != 5 || status.Users.Failed != 0 {
		t.Errorf("%+v", status.Users)
	}
	boss := func(n int, want directory.User) {
		t.Helper()
		id := ""
		if want.Email != "" {
			id = w.member(want.Email).ID
		}
		if got := w.member(w.user(n).Email).Profile["manager"]; got != id {
			t.Errorf("the manager of user%04d is %q, want %q", n, got, id)
		}
	}
	boss(1, first)
	boss(2, directory.User{})
	boss(3, directory.User{})
	boss(4, first)
	rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Name: "user0003", Limit: 1})
	must(t, err)
	if !strings.Contains(rows[0].Detail, "manager waits for user0009, who has no account here yet") {
		t.Errorf("%+v", rows[0])
	}
	w.writes()
	_, err = w.people.UpdateUser(t.Context(), w.env.ID, late.ID, func(u *directory.User) error { u.Title = "Engineer"; return nil })
	must(t, err)
	w.create(9)
	until(t, func() bool {
		return w.member(w.user(2).Email).Profile["manager"] != "" && w.member(w.user(3).Email).Profile["manager"] != ""
	})
	w.settle(provision.StateIdle)
	boss(2, late)
	boss(3, w.user(9))
	w.wrote(4, 0) // two people made, two linked
	must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
	w.settle(provision.StateIdle)
	w.wrote(0, 0)
}

// TestManagersAmongThemselves: a first sync of people who are each other's managers, in any order, ends with all of them linked.
func TestManagersAmongThemselves(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	managed(t, w)
	const people = 30
	for n := range people {
		w.bossed(n, w.user((n*7+1)%people).Username)
	}
	w.run()
	until(t, func() bool {
		n := 0
		for _, m := range w.workspace.Members() {
			if m.Profile["manager"] != "" {
				n++
			}
		}
		return n == people
	})
	if status := w.settle(provision.StateIdle); status.Users.Success != people {
		t.Errorf("%+v", status.Users)
	}
}

// TestLateMember: a member of a group who gets an account later is added to the group then.
func TestLateMember(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	first := w.create(0)
	late := w.user(1)
	late.Title = "Guest"
	late, err := w.people.CreateUser(t.Context(), w.env.ID, late)
	must(t, err)
	team := w.group("Team", first, late)
	w.provision(`title eq "Engineer"`, nil)
	w.carry(false, team)
	w.run()
	w.settle(provision.StateIdle)
	w.expect("at first", "Team", "user0000")
	_, err = w.people.UpdateUser(t.Context(), w.env.ID, late.ID, func(u *directory.User) error { u.Title = "Engineer"; return nil })
	must(t, err)
	until(t, func() bool { return len(w.on("Team")) == 2 })
	w.settle(provision.StateIdle)
	w.expect("later", "Team", "user0000", "user0001")
}
