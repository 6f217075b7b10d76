package engine_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

func (w *world) group(name string, members ...directory.User) directory.Group {
	w.t.Helper()
	g, err := w.people.CreateGroup(w.t.Context(), w.env.ID, directory.Group{Name: name})
	must(w.t, err)
	for _, m := range members {
		must(w.t, w.people.AddMember(w.t.Context(), w.env.ID, g.ID, m.ID))
	}
	return g
}

// carry selects groups on the rule and publishes.
func (w *world) carry(consent bool, groups ...directory.Group) {
	w.t.Helper()
	rule, err := w.provisions.Rule(w.t.Context(), w.env.ID, w.rule.ID)
	must(w.t, err)
	rule.GroupIDs = nil
	for _, g := range groups {
		rule.GroupIDs = append(rule.GroupIDs, g.ID)
	}
	_, err = w.provisions.UpdateRule(w.t.Context(), w.env.ID, rule.ID, rule)
	must(w.t, err)
	_, err = w.provisions.PublishWith(w.t.Context(), w.env.ID, provision.PublishOptions{OverwriteExisting: consent})
	must(w.t, err)
}

// call speaks to the workspace as somebody else does.
func (w *world) call(method, path, body string) []byte {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	w.workspace.ServeHTTP(answer, r)
	if answer.Code >= http.StatusMultipleChoices {
		w.t.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return answer.Body.Bytes()
}

type scimGroup struct {
	ID, DisplayName string
	Members         []struct{ Value string }
}

func (w *world) groups() []scimGroup {
	w.t.Helper()
	var list struct{ Resources []scimGroup }
	must(w.t, json.Unmarshal(w.call("GET", "/scim/v2/Groups?count=1000", ""), &list))
	return list.Resources
}

// on answers the usernames in a group on the target; nil when there is none.
func (w *world) on(name string) []string {
	w.t.Helper()
	byID := map[string]string{}
	for _, m := range w.workspace.Members() {
		byID[m.ID] = m.UserName
	}
	for _, g := range w.groups() {
		if g.DisplayName == name {
			out := []string{}
			for _, m := range g.Members {
				out = append(out, byID[m.Value])
			}
			slices.Sort(out)
			return out
		}
	}
	return nil
}

func (w *world) expect(what, group string, want ...string) {
	w.t.Helper()
	if got := w.on(group); !slices.Equal(got, want) || (got == nil) != (want == nil) {
		w.t.Errorf("%s: group %s has %q, want %q", what, group, got, want)
	}
}

func TestGroupsFlow(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ctx := t.Context()
	var u []directory.User
	for n := range 6 {
		u = append(u, w.create(n))
	}
	guest := w.user(9)
	guest.Title = "Guest" // not covered by the rule
	guest, err := w.people.CreateUser(ctx, w.env.ID, guest)
	must(t, err)
	team, city := w.group("Team", u[0], u[1], guest), w.group("Berlin", u[2])
	must(t, w.people.Nest(ctx, w.env.ID, team.ID, city.ID))
	w.provision(`title eq "Engineer"`, map[string]any{"DEPROVISION_LIMIT_SHARE": 100.0})
	w.carry(false, team, city)
	w.run()
	status := w.settle(provision.StateIdle)
	if status.Groups.Impacted != 2 || status.Groups.Success != 2 || status.Users.Success != 6 {
		t.Fatalf("%+v", status)
	}
	w.expect("first sync", "Team", "user0000", "user0001")
	w.expect("nested", "Berlin", "user0000", "user0001", "user0002")
	if n := w.writes(); n != 8 {
		t.Errorf("the first sync took %d writes, want 6 users and 2 groups", n)
	}
	must(t, w.engine.Resync(ctx, w.env.ID, w.rule.ID))
	w.settle(provision.StateIdle)
	if n := w.writes(); n != 0 {
		t.Errorf("a second full sync took %d writes", n)
	}
	edit := func(what string, want int64, change func() error) {
		t.Helper()
		must(t, change())
		w.settle(provision.StateIdle)
		if n := w.writes(); n != want {
			t.Errorf("%s took %d writes, want %d", what, n, want)
		}
	}
	edit("join", 2, func() error { return w.people.AddMember(ctx, w.env.ID, team.ID, u[3].ID) })
	w.expect("join", "Team", "user0000", "user0001", "user0003")
	w.expect("join", "Berlin", "user0000", "user0001", "user0002", "user0003")
	edit("leave", 2, func() error { return w.people.RemoveMember(ctx, w.env.ID, team.ID, u[0].ID) })
	w.expect("leave", "Berlin", "user0001", "user0002", "user0003")
	edit("the guest is covered", 3, func() error {
		_, err := w.people.UpdateUser(ctx, w.env.ID, guest.ID, func(u *directory.User) error { u.Title = "Engineer"; return nil })
		return err
	})
	w.expect("covered", "Team", "user0001", "user0003", "user0009")
	edit("rename", 1, func() error {
		_, err := w.people.UpdateGroup(ctx, w.env.ID, team.ID, func(g *directory.Group) error { g.Name = "Crew"; return nil })
		return err
	})
	w.expect("rename", "Crew", "user0001", "user0003", "user0009")
	edit("disable", 1, func() error { _, err := w.people.SetEnabled(ctx, w.env.ID, u[1].ID, false); return err })
	edit("enable", 3, func() error { _, err := w.people.SetEnabled(ctx, w.env.ID, u[1].ID, true); return err })
	w.expect("asserted again", "Crew", "user0001", "user0003", "user0009")
	edit("leave the rule", 3, func() error {
		_, err := w.people.UpdateUser(ctx, w.env.ID, guest.ID, func(u *directory.User) error { u.Title = "Guest"; return nil })
		return err
	})
	w.expect("left the rule", "Crew", "user0001", "user0003")
	edit("take the edge out", 1, func() error { return w.people.Unnest(ctx, w.env.ID, team.ID, city.ID) })
	w.expect("no longer nested", "Berlin", "user0002")
	edit("delete a user", 2, func() error { return w.people.DeleteUser(ctx, w.env.ID, u[3].ID) })
	w.expect("deleted user", "Crew", "user0001")
	edit("delete a group", 1, func() error { return w.people.DeleteGroup(ctx, w.env.ID, team.ID) })
	w.expect("deleted group", "Crew", []string{}...)
	if w.on("Crew") == nil {
		t.Error("a deleted group was deleted on the target, although the connection does not allow it")
	}
	w.carry(false)
	w.settle(provision.StateIdle)
	if got := w.on("Berlin"); len(got) != 0 || got == nil || w.writes() != 1 {
		t.Errorf("unselected: %q", got)
	}
	w.carry(false, city)
	w.settle(provision.StateIdle)
	w.expect("selected again", "Berlin", "user0002")
}

// TestGroupDrift: members that somebody added by hand stay on Merge; those of ours that are missing come back.
func TestGroupDrift(t *testing.T) {
	for _, handling := range []string{"Merge", "Overwrite"} {
		t.Run(handling, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{TimeScale: -1})
			foreign := w.workspace.Seed(sandbox.Member{UserName: "foreign", PrimaryEmail: "foreign@other.com", Active: true})[0]
			a, b := w.create(1), w.create(2)
			team := w.group("Team", a, b)
			w.provision("population.id pr", map[string]any{"GROUP_MEMBERSHIP_HANDLING": handling})
			w.carry(false, team)
			w.run()
			w.settle(provision.StateIdle)
			id := w.groups()[0].ID
			w.call("PATCH", "/scim/v2/Groups/"+id, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
 {"op":"add","path":"members","value":[{"value":"%s"}]},{"op":"remove","path":"members[value eq \"%s\"]"}]}`, foreign, w.member("user0001@example.com").ID))
			w.expect("drifted", "Team", "foreign", "user0002")
			w.writes()
			must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
			w.settle(provision.StateIdle)
			want := []string{"foreign", "user0001", "user0002"}
			if handling == "Overwrite" {
				want = want[1:]
			}
			w.expect("repaired", "Team", want...)
			w.call("DELETE", "/scim/v2/Groups/"+id, "")
			must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
			w.settle(provision.StateIdle)
			w.expect("made anew", "Team", "user0001", "user0002")
		})
	}
}

// TestOverwriteNeedsConsent: a group that is there already is held, whole, until somebody agrees.
func TestOverwriteNeedsConsent(t *testing.T) {
	start := func(t *testing.T, handling string, consent bool) (*world, directory.Group) {
		t.Helper()
		w := newWorld(t, sandbox.Options{TimeScale: -1})
		id := w.workspace.Seed(sandbox.Member{UserName: "foreign", PrimaryEmail: "foreign@other.com", Active: true})[0]
		w.call("POST", "/scim/v2/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"team","members":[{"value":"%s"}]}`, id))
		team := w.group("Team", w.create(1))
		w.provision("population.id pr", map[string]any{"GROUP_MEMBERSHIP_HANDLING": handling})
		w.carry(consent, team)
		w.writes()
		w.run()
		return w, team
	}
	t.Run("merge", func(t *testing.T) {
		w, team := start(t, "Merge", false)
		w.settle(provision.StateIdle)
		w.expect("merged, and written as here", "Team", "foreign", "user0001")
		must(t, w.people.DeleteGroup(t.Context(), w.env.ID, team.ID))
		w.settle(provision.StateIdle)
		w.expect("ours are gone", "Team", "foreign")
	})
	t.Run("with the revision", func(t *testing.T) {
		w, _ := start(t, "Overwrite", true)
		w.settle(provision.StateIdle)
		w.expect("overwritten", "Team", "user0001")
	})
	for _, approve := range []bool{true, false} {
		t.Run(fmt.Sprint("held, approved ", approve), func(t *testing.T) {
			w, _ := start(t, "Overwrite", false)
			status := w.settle(provision.StateHeld)
			if n := w.writes(); n != 1 || status.Groups.Partial != 1 || !strings.Contains(status.Details, "1 member would go") {
				t.Errorf("%d writes, %+v", n, status)
			}
			w.expect("held", "team", "foreign")
			holds, err := w.engine.Holds(t.Context(), w.env.ID, w.connection.ID, "", 10)
			must(t, err)
			if len(holds) != 1 || !slices.Equal(holds[0].Leaving, []string{"foreign"}) {
				t.Fatalf("%+v", holds)
			}
			if !approve { // the last word counts
				must(t, w.db.Consent(t.Context(), w.connection.ID, []string{holds[0].Account.ObjectID}, "somebody", time.Now()))
			}
			must(t, w.engine.Decide(t.Context(), w.env.ID, holds[0].Account.ID, approve))
			w.settle(provision.StateIdle)
			if approve {
				w.expect("approved", "Team", "user0001")
			} else {
				w.expect("rejected", "team", "foreign")
				must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
				w.settle(provision.StateIdle)
				w.expect("still rejected", "team", "foreign")
			}
		})
	}
}

// restingGroups waits until no group is due, also of rules that are gone, and the newest revision is in effect.
func (w *world) restingGroups() []provision.Account {
	w.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		w.settle(provision.StateIdle)
		rows, err := w.db.AccountPage(w.t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Kind: directory.KindGroup, Limit: 10})
		must(w.t, err)
		if !slices.ContainsFunc(rows, func(a provision.Account) bool { return !a.DueAt.IsZero() }) {
			return rows
		}
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatalf("groups stay due: %+v", rows)
		}
	}
}

// TestGroupRuleEnds: switched off, a rule changes nothing about its groups; deleted with deprovisioning, they lose our members.
func TestGroupRuleEnds(t *testing.T) {
	for _, deprovision := range []bool{false, true} {
		t.Run(fmt.Sprint(deprovision), func(t *testing.T) {
			w := newWorld(t, sandbox.Options{TimeScale: -1})
			ctx := t.Context()
			team := w.group("Team", w.create(1))
			w.provision("population.id pr", nil)
			w.carry(false, team)
			w.run()
			w.settle(provision.StateIdle)
			other := w.rule
			other.Name, other.GroupIDs = "Other", nil
			other, err := w.provisions.CreateRule(ctx, w.env.ID, other) // keeps the connection at work
			must(t, err)
			other.Active, other.PopulationExpression = true, `username eq "nobody"`
			_, err = w.provisions.UpdateRule(ctx, w.env.ID, other.ID, other)
			must(t, err)
			rule, err := w.provisions.Rule(ctx, w.env.ID, w.rule.ID)
			must(t, err)
			rule.Active = false
			_, err = w.provisions.UpdateRule(ctx, w.env.ID, rule.ID, rule)
			must(t, err)
			_, err = w.provisions.Publish(ctx, w.env.ID)
			must(t, err)
			w.rule = other
			w.settle(provision.StateIdle)
			w.expect("switched off", "Team", "user0001")
			managed := w.connection
			managed.Managed = true
			_, err = w.provisions.UpdateConnection(ctx, w.env.ID, managed.ID, managed, map[string]any{"OAUTH_ACCESS_TOKEN": token, "BASE_URL": w.url, "RATE_LIMIT_FACTOR": 0.0})
			must(t, err)
			must(t, w.provisions.DeleteRule(ctx, w.env.ID, rule.ID, deprovision))
			_, err = w.provisions.Publish(ctx, w.env.ID)
			must(t, err)
			rows := w.restingGroups()
			if deprovision {
				w.expect("deprovisioned", "Team", []string{}...)
			} else {
				w.expect("released", "Team", "user0001")
			}
			if len(rows) != 1 || rows[0].Status != provision.StatusNone {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// TestGroupDeletion: a group that we made is deleted where the connection allows it.
func TestGroupDeletion(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	a := w.create(1)
	mine, other := w.group("Mine", a), w.group("Other", a)
	w.call("POST", "/scim/v2/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Other"}`)
	w.provision("population.id pr", map[string]any{"DELETE_GROUPS": true})
	w.carry(false, mine, other)
	w.run()
	w.settle(provision.StateIdle)
	w.carry(false)
	w.settle(provision.StateIdle)
	if w.on("Mine") != nil {
		t.Error("our group stayed")
	}
	w.expect("a group that was there", "Other", []string{}...)
	rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Kind: directory.KindGroup, Limit: 10})
	must(t, err)
	if len(rows) != 1 || rows[0].ObjectName != "Other" {
		t.Errorf("%+v", rows)
	}
}

// TestGroupCounting: PingOne's worked examples (pingone-provisioning.md §3.5).
func TestGroupCounting(t *testing.T) {
	t.Run("2 groups of 2 users, all users fail", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{TimeScale: -1})
		w.workspace.Inject(sandbox.Fault{Method: "POST", PathPrefix: "/Users", Status: 400, Code: "email_invalid", Times: 100})
		a, b := w.create(1), w.create(2)
		one, two := w.group("One", a, b), w.group("Two", a, b)
		w.provision("population.id pr", nil)
		w.carry(false, one, two)
		w.run()
		status := w.settle(provision.StateIdle)
		if status.Users.Failed != 2 || status.Groups.Impacted != 2 || status.Groups.Success != 2 || status.Groups.Failed != 0 {
			t.Errorf("%+v", status)
		}
	})
	t.Run("5 groups, one membership fails", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{TimeScale: -1})
		var groups []directory.Group
		a, b := w.create(1), w.create(2)
		for i := range 5 {
			groups = append(groups, w.group(fmt.Sprint("Group ", i), a))
		}
		w.provision("population.id pr", nil)
		w.carry(false, groups...)
		w.run()
		w.settle(provision.StateIdle)
		w.workspace.Inject(sandbox.Fault{Method: "PATCH", PathPrefix: "/Groups", Status: 400, Code: "group_member_max_exceeded", Times: 1})
		must(t, w.people.AddMember(t.Context(), w.env.ID, groups[2].ID, b.ID))
		status := w.settle(provision.StateIdle)
		if status.Groups.Impacted != 5 || status.Groups.Success != 4 || status.Groups.Failed != 1 {
			t.Errorf("%+v", status)
		}
	})
	t.Run("creation is off", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{TimeScale: -1})
		g := w.group("Team", w.create(1))
		w.provision("population.id pr", map[string]any{"CREATE_USERS": false})
		w.carry(false, g)
		w.run()
		status := w.settle(provision.StateIdle)
		if status.Users.Unsynced != 1 || status.Groups.Success != 1 {
			t.Errorf("%+v", status)
		}
	})
}

// TestGroupFaults: whatever goes wrong on the way, there is one group with exactly its members in the end.
func TestGroupFaults(t *testing.T) {
	for name, faults := range map[string][]sandbox.Fault{
		"answer lost after the create": {{Method: "POST", PathPrefix: "/Groups", ResetAfter: true, Times: 2}},
		"lost before the create":       {{Method: "POST", PathPrefix: "/Groups", ResetBefore: true, Times: 2}},
		"answer lost after the add":    {{Method: "PATCH", PathPrefix: "/Groups", ResetAfter: true, Times: 2}},
		"server errors":                {{PathPrefix: "/Groups", Status: 500, Times: 3}},
		"throttled":                    {{PathPrefix: "/Groups", Status: 429, RetryAfter: 1, Times: 1}},
		"truncated":                    {{PathPrefix: "/Groups", Truncated: true, Times: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{TimeScale: -1})
			a, b := w.create(1), w.create(2)
			team := w.group("Team", a)
			w.provision("population.id pr", nil)
			w.carry(false, team)
			w.workspace.Inject(faults...)
			w.run()
			w.settle(provision.StateIdle)
			must(t, w.people.AddMember(t.Context(), w.env.ID, team.ID, b.ID))
			status := w.settle(provision.StateIdle)
			if n := len(w.groups()); n != 1 || status.Groups.Success != 1 {
				t.Errorf("%d groups, %+v", n, status.Groups)
			}
			w.expect("in the end", "Team", "user0001", "user0002")
			must(t, w.people.RemoveMember(t.Context(), w.env.ID, team.ID, a.ID))
			must(t, w.people.RemoveMember(t.Context(), w.env.ID, team.ID, b.ID))
			w.settle(provision.StateIdle)
			w.expect("all are ours", "Team", []string{}...)
		})
	}
}

// TestGroupRules: a rule that asks about groups covers direct, nested and dynamic members, and follows changes.
func TestGroupRules(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ctx := t.Context()
	var u []directory.User
	for n := range 4 {
		u = append(u, w.create(n))
	}
	staff, team := w.group("Staff"), w.group("Team", u[0])
	dynamic, err := w.people.CreateGroup(ctx, w.env.ID, directory.Group{Name: "Leads", UserFilter: `title sw "Lead"`})
	must(t, err)
	must(t, w.people.Nest(ctx, w.env.ID, team.ID, staff.ID))
	must(t, w.people.Nest(ctx, w.env.ID, dynamic.ID, staff.ID))
	w.provision(fmt.Sprintf(`memberOfGroups[id eq "%s"]`, staff.ID), nil)
	w.run()
	active := func(what string, want ...string) {
		t.Helper()
		w.settle(provision.StateIdle)
		got := []string{}
		for _, m := range w.workspace.Members() {
			if m.Active {
				got = append(got, m.UserName)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q are active, want %q", what, got, want)
		}
	}
	active("nested", "user0000")
	must(t, w.people.AddMember(ctx, w.env.ID, staff.ID, u[1].ID))
	active("direct", "user0000", "user0001")
	_, err = w.people.UpdateUser(ctx, w.env.ID, u[2].ID, func(u *directory.User) error { u.Title = "Lead"; return nil })
	must(t, err)
	active("dynamic", "user0000", "user0001", "user0002")
	must(t, w.people.Unnest(ctx, w.env.ID, team.ID, staff.ID))
	active("the edge is gone", "user0001", "user0002")
	_, err = w.people.UpdateGroup(ctx, w.env.ID, dynamic.ID, func(g *directory.Group) error { g.UserFilter = `title eq "Engineer"`; return nil })
	must(t, err)
	active("another filter", "user0000", "user0001", "user0003")
	must(t, w.people.DeleteGroup(ctx, w.env.ID, dynamic.ID))
	active("the dynamic group is gone", "user0001")
	must(t, w.people.DeleteGroup(ctx, w.env.ID, staff.ID))
	active("the group is gone")
}

// TestPreviewOfGroupsAtRest: a disabled member who never had an account gets none, and so is not put into the group: a preview
// that says so promises writes that never come.
func TestPreviewOfGroupsAtRest(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	there, away := w.create(1), w.user(2)
	away.Enabled = false
	away, err := w.people.CreateUser(t.Context(), w.env.ID, away)
	must(t, err)
	g := w.group("Staff", there, away)
	w.provision("population.id pr", nil)
	w.carry(false, g)
	before, err := w.engine.Preview(t.Context(), w.env.ID, w.rule.ID, "", func(provision.Operation) error { return nil })
	must(t, err)
	if before.MemberAdd != 1 {
		t.Errorf("before anything is written: %+v", before)
	}
	w.run()
	w.settle(provision.StateIdle)
	w.expect("in step", "Staff", "user0001")
	after, err := w.engine.Preview(t.Context(), w.env.ID, w.rule.ID, "", func(op provision.Operation) error { t.Errorf("%+v", op); return nil })
	must(t, err)
	if after.Update != 0 || after.MemberAdd != 0 {
		t.Errorf("in step: %+v", after)
	}
}

// TestPreviewNamesWhoGoes: before anything was read from the target for good, the preview still says who would go, by name.
func TestPreviewNamesWhoGoes(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	id := w.workspace.Seed(sandbox.Member{UserName: "foreign", PrimaryEmail: "foreign@other.com", Active: true})[0]
	w.call("POST", "/scim/v2/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Team","members":[{"value":"%s"}]}`, id))
	w.provision("population.id pr", map[string]any{"GROUP_MEMBERSHIP_HANDLING": "Overwrite"})
	w.carry(false, w.group("Team", w.create(1)))
	var leaving []string
	_, err := w.engine.Preview(t.Context(), w.env.ID, w.rule.ID, "", func(op provision.Operation) error {
		if op.Members != nil {
			leaving = append(leaving, op.Members.Remove...)
		}
		return nil
	})
	must(t, err)
	if !slices.Equal(leaving, []string{"foreign"}) {
		t.Errorf("who goes: %q", leaving)
	}
}
