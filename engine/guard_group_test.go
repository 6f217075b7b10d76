package engine_test

import (
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/provision"
)

// teamed is a guarded world in which the first ten people are in a group that the rule carries.
func teamed(t *testing.T, test func(t *testing.T, w *world, team directory.Group, people []directory.User)) {
	t.Helper()
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		page, err := w.db.Users(t.Context(), w.env.ID, directory.UserQuery{Limit: 100})
		must(t, err)
		team := w.group("Team", page[:10]...)
		w.carry(false, team)
		until(t, func() bool { return len(w.on("Team")) == 10 })
		w.settle(provision.StateIdle)
		w.writes()
		test(t, w, team, page)
	})
}

// out takes people out of a group. Several are taken out while nobody looks: one by one, each alone would be below the limits.
func (w *world) out(team directory.Group, people ...directory.User) {
	w.t.Helper()
	if len(people) > 1 {
		w.stop()
		defer w.run()
	}
	for _, u := range people {
		must(w.t, w.people.RemoveMember(w.t.Context(), w.env.ID, team.ID, u.ID))
	}
}

func (w *world) untilHeld(n int64) {
	w.t.Helper()
	until(w.t, func() bool {
		holds, err := w.engine.DeprovisionHolds(w.t.Context(), w.env.ID, w.connection.ID)
		must(w.t, err)
		return len(holds) == 1 && holds[0].Held == n
	})
}

// TestGuardGroupDeleted: a group with half of the people in it is deleted: held with everybody's name, zero writes, until somebody
// approves.
func TestGuardGroupDeleted(t *testing.T) {
	teamed(t, func(t *testing.T, w *world, team directory.Group, _ []directory.User) {
		t.Helper()
		must(t, w.people.DeleteGroup(by(t.Context(), "Ben"), w.env.ID, team.ID))
		status := w.settle(provision.StateHeld)
		w.wrote(0, 0)
		for _, said := range []string{"10 memberships of 1 groups would end (20 people have access)", "by Ben"} {
			if !strings.Contains(status.Details, said) {
				t.Errorf("%q does not say %q", status.Details, said)
			}
		}
		op := w.held(1)[0].Operation
		if op.Kind != directory.KindGroup || op.Object.Name != "Team" || len(op.Members.Remove) != 10 || op.Members.Remove[0] != "user0000" || !strings.Contains(op.Why, "10 members would lose their place") {
			t.Errorf("%+v %+v", op, op.Members)
		}
		w.decide(true)
		until(t, func() bool { return len(w.on("Team")) == 0 })
		w.settle(provision.StateIdle)
		if n := w.inactive(); n != 0 {
			t.Errorf("%d people lost their access", n)
		}
	})
}

// TestGuardGroupBelow: few flow at once, and count for an hour together with people who lose access; what else is to be done with the
// group goes on meanwhile.
func TestGuardGroupBelow(t *testing.T) {
	teamed(t, func(t *testing.T, w *world, team directory.Group, people []directory.User) {
		t.Helper()
		w.out(team, people[0], people[1])
		until(t, func() bool { return len(w.on("Team")) == 8 })
		w.settle(provision.StateIdle)
		w.leave(15, 16)
		w.settle(provision.StateIdle)
		if n := w.inactive(); n != 1 {
			t.Errorf("%d members are not active, want 1", n)
		}
		must(t, w.people.AddMember(t.Context(), w.env.ID, team.ID, people[12].ID))
		w.out(team, people[2])
		w.settle(provision.StateHeld)
		if on := w.on("Team"); len(on) != 9 {
			t.Errorf("%v", on)
		}
		must(t, w.people.AddMember(t.Context(), w.env.ID, team.ID, people[2].ID))
		w.settle(provision.StateIdle)
		if on := w.on("Team"); len(on) != 9 {
			t.Errorf("%v", on)
		}
	})
}

// TestGuardGroupLeavers: people who lose their access leave their groups with it, and are counted once.
func TestGuardGroupLeavers(t *testing.T) {
	teamed(t, func(t *testing.T, w *world, _ directory.Group, _ []directory.User) {
		t.Helper()
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		w.wrote(0, 0)
		for _, op := range w.held(6) {
			if op.Operation.Kind != directory.KindUser {
				t.Errorf("%+v", op)
			}
		}
		w.decide(true)
		w.settle(provision.StateIdle)
		until(t, func() bool { return w.inactive() == 6 && len(w.on("Team")) == 4 })
		w.settle(provision.StateIdle)
	})
}

// TestGuardGroupRejected: whoever was rejected to be taken out stays, also after a reconciliation and a revision; somebody more is
// another question.
func TestGuardGroupRejected(t *testing.T) {
	teamed(t, func(t *testing.T, w *world, team directory.Group, people []directory.User) {
		t.Helper()
		w.out(team, people[:5]...)
		w.settle(provision.StateHeld)
		w.untilHeld(1)
		w.decide(false)
		w.settle(provision.StateIdle)
		must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
		w.settle(provision.StateIdle)
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		status := w.settle(provision.StateIdle)
		w.wrote(0, 0)
		rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Kind: directory.KindGroup, Limit: 5})
		must(t, err)
		if status.Groups.Partial != 1 || len(rows) != 1 || rows[0].Detail != "5 members stay; it was rejected by Anna" {
			t.Errorf("%+v %+v", status.Groups, rows)
		}
		w.out(team, people[5])
		w.settle(provision.StateHeld)
		if op := w.held(1)[0].Operation; len(op.Members.Remove) != 6 {
			t.Errorf("%+v", op.Members)
		}
		w.wrote(0, 0)
	})
}

// TestGuardGroupOfDeletedRule: the rule that provisions people and carries a group is deleted with deprovisioning: people and group are
// held together, and done together.
func TestGuardGroupOfDeletedRule(t *testing.T) {
	teamed(t, func(t *testing.T, w *world, _ directory.Group, _ []directory.User) {
		t.Helper()
		w.connection.Managed = true
		w.configure(map[string]any{"DEPROVISION_LIMIT_COUNT": 3.0})
		must(t, w.provisions.DeleteRule(t.Context(), w.env.ID, w.rule.ID, true))
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.untilHeld(21)
		w.wrote(0, 0)
		w.decide(true)
		until(t, func() bool { return w.inactive() == 20 && len(w.on("Team")) == 0 })
	})
}
