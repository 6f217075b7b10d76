package engine_test

import (
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/postgrestest"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

// onBoth runs a test on both databases, with n people in step.
func onBoth(t *testing.T, n int, settings map[string]any, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, name := range []string{"sqlite", "postgresql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var on store.Options
			if name == "postgresql" {
				on.PostgresURL = postgrestest.URL(t)
			}
			w := newWorldOn(t, sandbox.Options{TimeScale: -1}, on)
			for i := range n {
				w.create(i)
			}
			w.provision(`title ne "Guest"`, settings)
			w.run()
			w.settle(provision.StateIdle)
			w.writes()
			test(t, w)
		})
	}
}

// byHand changes a member as somebody in the workspace would.
func (w *world) byHand(n int, change func(*sandbox.Member)) {
	w.t.Helper()
	if !w.workspace.Edit(w.member(w.user(n).Email).ID, change) {
		w.t.Fatal("no such member")
	}
}

// scan lets the time of the next drift scan come, and waits until it is over.
func (w *world) scan() provision.RuleStatus {
	w.t.Helper()
	w.stop()
	w.clock.Add(int64(7 * time.Hour))
	before, err := w.db.Runner(w.t.Context(), w.env.ID, w.connection.ID)
	must(w.t, err)
	w.run()
	until(w.t, func() bool {
		state, err := w.db.Runner(w.t.Context(), w.env.ID, w.connection.ID)
		must(w.t, err)
		return state.ScannedAt.After(before.ScannedAt)
	})
	return w.settle(provision.StateIdle)
}

func (w *world) drifts(live bool) []provision.Drift {
	w.t.Helper()
	list, err := w.engine.Drift(w.t.Context(), provision.DriftQuery{EnvironmentID: w.env.ID, ConnectionID: w.connection.ID, Live: live, Limit: 100})
	must(w.t, err)
	return list
}

func (w *world) oneDrift(attribute string, ours, theirs any, status provision.DriftStatus) provision.Drift {
	w.t.Helper()
	list := w.drifts(false)
	if len(list) != 1 || list[0].Attribute != attribute || list[0].Ours != ours || list[0].Theirs != theirs || list[0].Status != status {
		w.t.Fatalf("want one drift of %s (%v, %v), %s, and not %+v", attribute, ours, theirs, status, list)
	}
	return list[0]
}

func (w *world) decideDrift(accept bool, ids ...string) {
	w.t.Helper()
	_, err := w.engine.DecideDrift(by(w.t.Context(), "Anna"), w.env.ID, w.connection.ID, ids, accept)
	must(w.t, err)
}

func (w *world) edit(n int, change func(*directory.User) error) {
	w.t.Helper()
	users, err := w.people.Users(w.t.Context(), w.env.ID, directory.Query{Filter: `username eq "` + w.user(n).Username + `"`})
	must(w.t, err)
	_, err = w.people.UpdateUser(w.t.Context(), w.env.ID, users.Users[0].ID, change)
	must(w.t, err)
}

// TestDriftRepaired: by itself the scan finds what others changed, shows both values, and repairs it.
func TestDriftRepaired(t *testing.T) {
	onBoth(t, 10, nil, func(t *testing.T, w *world) {
		t.Helper()
		w.byHand(3, func(m *sandbox.Member) { m.Title = "By hand" })
		w.scan()
		d := w.oneDrift("title", "Engineer", "By hand", provision.DriftRepaired)
		if d.Before != "Engineer" || d.ObjectName != "user0003" || d.EndedAt.IsZero() {
			t.Errorf("%+v", d)
		}
		w.wrote(1, 0)
		if m := w.member(w.user(3).Email); m.Title != "Engineer" {
			t.Errorf("%+v", m)
		}
		log, err := w.db.Activities(t.Context(), w.env.ID, directory.ActivityQuery{Type: "PROVISIONING_DRIFT.FOUND", Limit: 5})
		must(t, err)
		if len(log) != 1 || len(log[0].Changes) != 1 || log[0].Changes[0].From != "Engineer" || log[0].Changes[0].To != "By hand" {
			t.Errorf("%+v", log)
		}
		w.scan()
		w.wrote(0, 0)
	})
}

// TestDriftDeactivated: somebody is deactivated by hand, and somebody who left is activated: both are put right, the second one through
// the mass-deprovision guard.
func TestDriftDeactivated(t *testing.T) {
	onBoth(t, 10, nil, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(5, 6)
		w.settle(provision.StateIdle)
		w.wrote(1, 1)
		w.byHand(3, func(m *sandbox.Member) { m.Active = false })
		w.byHand(5, func(m *sandbox.Member) { m.Active = true })
		w.scan()
		w.wrote(2, 1)
		for _, d := range w.drifts(false) {
			if d.Attribute != provision.DriftActive || d.Status != provision.DriftRepaired || d.Ours == d.Theirs {
				t.Errorf("%+v", d)
			}
		}
	})
}

// TestDriftGuard: a repair that takes access away from more people than the limits is held.
func TestDriftGuard(t *testing.T) {
	onBoth(t, 20, map[string]any{"DEPROVISION_LIMIT_COUNT": 2.0, "DEPROVISION_LIMIT_SHARE": 40.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 8)
		w.settle(provision.StateIdle)
		w.wrote(8, 8)
		w.configure(map[string]any{"DEPROVISION_LIMIT_COUNT": 2.0, "DEPROVISION_LIMIT_SHARE": 15.0})
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.settle(provision.StateIdle)
		for n := range 3 { // of 15: over both limits of the guard, and of the tripwire
			w.byHand(n, func(m *sandbox.Member) { m.Active = true })
		}
		w.stop()
		w.clock.Add(int64(7 * time.Hour))
		w.run()
		status := w.settle(provision.StateHalted)
		if !strings.Contains(status.Details, "the accounts of 3 people were changed on the target") {
			t.Errorf("%q", status.Details)
		}
		must(t, w.engine.Untrip(by(t.Context(), "Anna"), w.env.ID, w.connection.ID, provision.TripResume))
		w.settle(provision.StateHeld)
		w.wrote(0, 5)
		w.decide(true)
		w.settle(provision.StateIdle)
		w.wrote(3, 8)
	})
}

// TestDriftReported: where drift is only reported, it is left until an administrator decides, also by a full resync; the rest goes on.
func TestDriftReported(t *testing.T) {
	onBoth(t, 10, map[string]any{"DRIFT_HANDLING": "Report"}, func(t *testing.T, w *world) {
		t.Helper()
		w.byHand(3, func(m *sandbox.Member) { m.Title = "By hand" })
		status := w.scan()
		d := w.oneDrift("title", "Engineer", "By hand", provision.DriftOpen)
		if status.Drift.Open != 1 || status.Users.Partial != 1 || !strings.Contains(status.Details, "1 values were changed on the target") {
			t.Errorf("%+v", status)
		}
		must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
		w.settle(provision.StateIdle)
		w.wrote(0, 0)
		w.edit(3, func(u *directory.User) error { u.Name.Family = "New"; return nil })
		w.settle(provision.StateIdle)
		w.wrote(1, 0)
		if m := w.member(w.user(3).Email); m.Title != "By hand" || m.FamilyName != "New" {
			t.Errorf("%+v", m)
		}
		w.decideDrift(false, d.ID)
		status = w.settle(provision.StateIdle)
		w.wrote(1, 0)
		if d := w.oneDrift("title", "Engineer", "By hand", provision.DriftRepaired); d.DecidedBy != "Anna" || status.Drift.Open != 0 || status.Users.Success != 10 {
			t.Errorf("%+v %+v", d, status)
		}
		if _, err := w.engine.DecideDrift(t.Context(), w.env.ID, w.connection.ID, []string{d.ID}, true); !problem.Is(err, problem.Conflict) {
			t.Errorf("a decision after the end: %v", err)
		}
	})
}

// TestDriftAccepted: what is accepted stays through reconciliations, until the source changes that attribute; whoever changes it once more
// makes a new drift.
func TestDriftAccepted(t *testing.T) {
	onBoth(t, 10, map[string]any{"DRIFT_HANDLING": "Report"}, func(t *testing.T, w *world) {
		t.Helper()
		w.byHand(3, func(m *sandbox.Member) { m.Title = "By hand" })
		w.byHand(4, func(m *sandbox.Member) { m.Active = false })
		w.scan()
		w.decideDrift(true) // all that are open
		status := w.settle(provision.StateIdle)
		if status.Drift != (provision.DriftCounts{Accepted: 2}) || status.Users.Success != 10 {
			t.Errorf("%+v", status)
		}
		w.configure(map[string]any{"DRIFT_HANDLING": "Repair"})
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.settle(provision.StateIdle)
		w.scan()
		w.wrote(0, 1)
		w.edit(3, func(u *directory.User) error { u.Name.Given = "Other"; return nil })
		w.settle(provision.StateIdle)
		if m := w.member(w.user(3).Email); m.Title != "By hand" || m.GivenName != "Other" {
			t.Errorf("%+v", m)
		}
		w.edit(3, func(u *directory.User) error { u.Title = "Chief"; return nil })
		w.edit(4, func(u *directory.User) error { u.Enabled = false; return nil })
		w.settle(provision.StateIdle)
		w.wrote(2, 1)
		if m := w.member(w.user(3).Email); m.Title != "Chief" {
			t.Errorf("%+v", m)
		}
		if live := w.drifts(true); len(live) != 0 {
			t.Errorf("%+v", live)
		}
		w.edit(4, func(u *directory.User) error { u.Enabled = true; return nil })
		w.settle(provision.StateIdle)
		w.wrote(1, 0)
	})
}

// TestDriftAcceptedActivation: that an account is open was accepted of somebody who had left, or who was disabled; when they are disabled, or
// leave as well, it is closed.
func TestDriftAcceptedActivation(t *testing.T) {
	disable := func(u *directory.User) error { u.Enabled = false; return nil }
	onBoth(t, 10, nil, func(t *testing.T, w *world) {
		t.Helper()
		w.configure(map[string]any{"DRIFT_HANDLING": "Report"})
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.leave(5, 6)
		w.edit(6, disable)
		until(t, func() bool { return w.inactive() == 2 })
		w.settle(provision.StateIdle)
		w.byHand(5, func(m *sandbox.Member) { m.Active = true })
		w.byHand(6, func(m *sandbox.Member) { m.Active = true })
		w.scan()
		w.decideDrift(true)
		w.settle(provision.StateIdle)
		w.scan()
		if w.inactive() != 0 {
			t.Fatal("what was accepted was repaired")
		}
		w.edit(5, disable)
		w.leave(6, 7)
		until(t, func() bool { return w.inactive() == 2 })
		w.settle(provision.StateIdle)
		if live := w.drifts(true); len(live) != 0 {
			t.Errorf("%+v", live)
		}
	})
}

// TestDriftOff: nobody looks for it, and a reconciliation writes what differs.
func TestDriftOff(t *testing.T) {
	onBoth(t, 5, map[string]any{"DRIFT_HANDLING": "Off"}, func(t *testing.T, w *world) {
		t.Helper()
		w.byHand(3, func(m *sandbox.Member) { m.Title = "By hand" })
		must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
		w.settle(provision.StateIdle)
		w.wrote(1, 0)
		if list := w.drifts(false); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

// TestEditIsNoDrift: an edit of the directory that is not carried out yet is none.
func TestEditIsNoDrift(t *testing.T) {
	onBoth(t, 5, nil, func(t *testing.T, w *world) {
		t.Helper()
		must(t, w.engine.Pause(t.Context(), w.env.ID, w.connection.ID))
		w.edit(3, func(u *directory.User) error { u.Title = "Chief"; return nil })
		must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
		must(t, w.engine.Resume(t.Context(), w.env.ID, w.connection.ID))
		w.settle(provision.StateIdle)
		w.wrote(1, 0)
		if list := w.drifts(false); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

// TestNobodyIsGoneFromOneListing: a page that leaves people out takes nobody's account for gone; they are asked for by their ids.
func TestNobodyIsGoneFromOneListing(t *testing.T) {
	onBoth(t, 5, nil, func(t *testing.T, w *world) {
		t.Helper()
		m := w.member(w.user(2).Email)
		w.workspace.Inject(sandbox.Fault{Method: "GET", PathPrefix: "/Users", Times: 2, Omit: m.ID})
		w.scan()
		w.wrote(0, 0)
		if list := w.drifts(false); len(list) != 0 || len(w.workspace.Members()) != 5 {
			t.Errorf("%+v", list)
		}
	})
}

// TestDriftVanished: an account that is gone is made again, or reported, or left where that is accepted, until anything else is wanted.
func TestDriftVanished(t *testing.T) {
	onBoth(t, 10, map[string]any{"DRIFT_HANDLING": "Report"}, func(t *testing.T, w *world) {
		t.Helper()
		w.workspace.Remove(w.member(w.user(2).Email).ID)
		status := w.scan()
		w.wrote(0, 0)
		d := w.drifts(true)
		if len(d) != 1 || d[0].Attribute != provision.DriftAccount || status.Users.Unsynced != 1 {
			t.Fatalf("%+v %+v", d, status)
		}
		w.decideDrift(true, d[0].ID)
		w.settle(provision.StateIdle)
		w.scan()
		w.wrote(0, 0)
		w.edit(2, func(u *directory.User) error { u.Name.Family = "Back"; return nil })
		w.settle(provision.StateIdle)
		w.wrote(1, 0)
		if m := w.member(w.user(2).Email); m.FamilyName != "Back" {
			t.Errorf("%+v", m)
		}
		w.configure(map[string]any{"DRIFT_HANDLING": "Repair"})
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.settle(provision.StateIdle)
		w.workspace.Remove(w.member(w.user(4).Email).ID)
		w.scan()
		w.wrote(1, 0)
		w.member(w.user(4).Email)
	})
}

// TestDriftScanShare: a scheduled scan waits for its share of the reads, and takes no more.
func TestDriftScanShare(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.create(1)
	w.provision("population.id pr", map[string]any{"RATE_LIMIT_FACTOR": 1.0, "DRIFT_READ_SHARE": 10.0})
	w.run()
	w.settle(provision.StateIdle)
	w.scan()
	level, there := w.engine.Budgets()[w.connection.ID]["drift scan: read"]
	if !there || level > 100 {
		t.Errorf("the share of 1,000 reads a minute: %v, %v", level, there)
	}
}
