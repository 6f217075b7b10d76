package engine_test

import (
	"testing"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// grouped is a world with three people in a group that is in step.
func grouped(t *testing.T, settings map[string]any) *world {
	t.Helper()
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	var u []directory.User
	for n := range 4 {
		u = append(u, w.create(n))
	}
	team := w.group("Team", u[0], u[1], u[2])
	w.provision(`title eq "Engineer"`, settings)
	w.carry(false, team)
	w.run()
	w.settle(provision.StateIdle)
	w.expect("at first", "Team", "user0000", "user0001", "user0002")
	w.writes()
	return w
}

func (w *world) teamByHand(change func(*sandbox.Group)) {
	w.t.Helper()
	for _, g := range w.workspace.Groups() {
		if g.Name == "Team" {
			w.workspace.EditGroup(g.ID, change)
		}
	}
}

// byMember sorts drifts of memberships by the member's name.
func byMember(list []provision.Drift) map[string]provision.Drift {
	out := map[string]provision.Drift{}
	for _, d := range list {
		out[d.Attribute+" "+d.MemberName] = d
	}
	return out
}

// TestDriftMembers: somebody is taken out of a group on the target, it is renamed, and, where members are exactly ours, somebody is added:
// all of it is shown and repaired.
func TestDriftMembers(t *testing.T) {
	w := grouped(t, map[string]any{"GROUP_MEMBERSHIP_HANDLING": "Overwrite"})
	other := w.member(w.user(3).Email).ID
	gone := w.member(w.user(1).Email).ID
	w.teamByHand(func(g *sandbox.Group) {
		g.Name = "By hand"
		g.Members = append(without(g.Members, gone), other)
	})
	w.scan()
	w.expect("repaired", "Team", "user0000", "user0001", "user0002")
	found := byMember(w.drifts(false))
	if len(found) != 3 {
		t.Errorf("%+v", found)
	}
	for key, want := range map[string][2]any{
		"members user0001": {true, false}, "members user0003": {false, true}, "displayName ": {"Team", "By hand"},
	} {
		if d := found[key]; d.Ours != want[0] || d.Theirs != want[1] || d.Status != provision.DriftRepaired || d.Kind != directory.KindGroup {
			t.Errorf("%s: %+v", key, d)
		}
	}
	w.writes()
	w.scan()
	w.wrote(0, 0)
}

func without(list []string, one string) []string {
	var out []string
	for _, id := range list {
		if id != one {
			out = append(out, id)
		}
	}
	return out
}

// TestDriftMembersReported: memberships that are only reported are left, one by one accepted or repaired; an accepted one lasts until the
// source changes it.
func TestDriftMembersReported(t *testing.T) {
	w := grouped(t, map[string]any{"DRIFT_HANDLING": "Report"})
	first, second := w.member(w.user(0).Email).ID, w.member(w.user(1).Email).ID
	w.teamByHand(func(g *sandbox.Group) { g.Members = without(without(g.Members, first), second) })
	if status := w.scan(); status.Drift.Open != 2 || status.Groups.Partial != 1 {
		t.Errorf("%+v", status)
	}
	w.expect("reported", "Team", "user0002")
	found := byMember(w.drifts(true))
	w.decideDrift(true, found["members user0000"].ID)
	w.decideDrift(false, found["members user0001"].ID)
	w.settle(provision.StateIdle)
	w.expect("one accepted, one repaired", "Team", "user0001", "user0002")
	w.scan()
	w.expect("scanned once more", "Team", "user0001", "user0002")
	w.titles(0, 1, "Guest") // out of the rule, and so out of the group
	w.settle(provision.StateIdle)
	w.titles(0, 1, "Engineer")
	w.settle(provision.StateIdle)
	w.expect("wanted anew", "Team", "user0000", "user0001", "user0002")
	if live := w.drifts(true); len(live) != 0 {
		t.Errorf("%+v", live)
	}
}

// TestDriftGroupGone: a group that was deleted on the target is reported, and made again when that is asked for.
func TestDriftGroupGone(t *testing.T) {
	w := grouped(t, map[string]any{"DRIFT_HANDLING": "Report"})
	w.workspace.RemoveGroup(w.workspace.Groups()[0].ID)
	w.scan()
	w.expect("reported", "Team")
	live := w.drifts(true)
	if len(live) != 1 || live[0].Attribute != provision.DriftAccount || live[0].Kind != directory.KindGroup {
		t.Fatalf("%+v", live)
	}
	w.decideDrift(false)
	w.settle(provision.StateIdle)
	w.expect("repaired", "Team", "user0000", "user0001", "user0002")
	if d := w.drifts(false); len(d) != 1 || d[0].Status != provision.DriftRepaired {
		t.Errorf("%+v", d)
	}
}

// TestDriftFoundByGroup: somebody was deactivated by hand, which shows when a group refuses them: where drift is only reported, it is reported
// and not repaired.
func TestDriftFoundByGroup(t *testing.T) {
	onBoth(t, 3, map[string]any{"DRIFT_HANDLING": "Report"}, func(t *testing.T, w *world) {
		t.Helper()
		users, err := w.people.Users(t.Context(), w.env.ID, directory.Query{})
		must(t, err)
		w.byHand(2, func(m *sandbox.Member) { m.Active = false })
		w.carry(false, w.group("Team", users.Users...))
		until(t, func() bool { return len(w.drifts(false)) > 0 || w.inactive() == 0 })
		w.oneDrift(provision.DriftActive, true, false, provision.DriftOpen)
		if w.inactive() != 1 {
			t.Error("it was repaired")
		}
	})
}
