package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// deactivates lets the workspace do what Slack did in April 2024: an update that does not mention active deactivates.
func (w *world) deactivates() {
	w.workspace.Inject(sandbox.Fault{Method: "PATCH", PathPrefix: "/Users/", Times: 10_000, DeactivateOnUpdate: true})
}

// retitle edits everybody at once.
func (w *world) retitle(n int, title string) {
	w.t.Helper()
	w.titles(0, n, title)
}

func (w *world) activity(kind string) []directory.Activity {
	w.t.Helper()
	log, err := w.db.Activities(w.t.Context(), w.env.ID, directory.ActivityQuery{Type: kind, Limit: 10})
	must(w.t, err)
	return log
}

func (w *world) untrip(request provision.TripRequest) {
	w.t.Helper()
	must(w.t, w.engine.Untrip(by(w.t.Context(), "Anna"), w.env.ID, w.connection.ID, request))
}

// TestTripwire: 200 updates, eight calls at once, and each deactivates: at most five people are hurt, the connection says why, a restart
// and another process change nothing, and a repair activates all of them while the target still misbehaves.
func TestTripwire(t *testing.T) {
	for name, latency := range map[string]time.Duration{"at once": 0, "slowly": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{TimeScale: -1, Latency: latency})
			eight := func() *engine.Engine {
				return engine.New(engine.Config{Store: w.db, Types: all.Types(), Client: outbound.Client(true, 5*time.Second), Now: w.now, Slots: 8})
			}
			w.engine = eight()
			var rows strings.Builder
			rows.WriteString("username,email,given,family,title\n")
			for n := range 200 {
				u := w.user(n)
				fmt.Fprintf(&rows, "%s,%s,%s,%s,%s\n", u.Username, u.Email, u.Name.Given, u.Name.Family, u.Title)
			}
			w.imports(rows.String())
			w.provision("population.id pr", nil)
			w.run()
			w.settle(provision.StateIdle)
			w.deactivates()
			w.retitle(200, "Chief")
			status := w.settle(provision.StateHalted)
			if !strings.Contains(status.Details, "updates were answered with people who are not active any more") {
				t.Errorf("%q", status.Details)
			}
			w.stop() // the calls in flight have ended
			hurt := w.hurt()
			if len(hurt) > 5 || len(hurt) < 3 {
				t.Fatalf("%d people were hurt", len(hurt))
			}
			w.engine = eight() // another process
			w.writes()
			w.run()
			w.settle(provision.StateHalted)
			w.untrip(provision.TripRepair)
			until(t, func() bool { return w.inactive() == 0 })
			until(t, func() bool { return len(w.activity("PROVISIONING_TRIPWIRE.REPAIRED")) == 1 })
			w.settle(provision.StateHalted)
			w.workspace.ClearFaults()
			w.untrip(provision.TripResume)
			w.settle(provision.StateIdle)
			for _, m := range w.workspace.Members() {
				if !m.Active || m.Title != "Chief" {
					t.Fatalf("%+v", m)
				}
			}
			if log := w.activity("PROVISIONING_TRIPWIRE.TRIPPED"); len(log) != 1 || log[0].Success {
				t.Errorf("%+v", log)
			}
			if err := w.engine.Untrip(t.Context(), w.env.ID, w.connection.ID, provision.TripResume); !problem.Is(err, problem.Conflict) {
				t.Errorf("resumed when nothing is stopped: %v", err)
			}
		})
	}
}

// hurt lists the people whom updates of ours ever deactivated, whatever became of it since.
func (w *world) hurt() map[string]bool {
	w.t.Helper()
	out := map[string]bool{}
	for _, d := range w.drifts(false) {
		if d.Hurt {
			out[d.ObjectID] = true
		}
	}
	for _, m := range w.workspace.Members() {
		if !m.Active {
			if rows, err := w.db.AccountsByRemote(w.t.Context(), w.connection.ID, directory.KindUser, []string{m.ID}); err == nil && len(rows) == 1 {
				out[rows[0].ObjectID] = true
			}
		}
	}
	return out
}

// TestTripwireReports: also where drift is only reported, or not looked for, an update that deactivates is found, and repaired on demand.
func TestTripwireReports(t *testing.T) {
	for _, handling := range []string{"Report", "Off"} {
		onBoth(t, 20, map[string]any{"DRIFT_HANDLING": handling}, func(t *testing.T, w *world) {
			t.Helper()
			w.deactivates()
			w.retitle(20, "Chief")
			w.settle(provision.StateHalted)
			w.workspace.ClearFaults()
			w.untrip(provision.TripResume)
			w.settle(provision.StateIdle)
			for _, m := range w.workspace.Members() {
				if !m.Active || m.Title != "Chief" {
					t.Fatalf("%+v", m)
				}
			}
		})
	}
}

// TestTripwireRefusedPart: updates of which a part is refused, and another part deactivates, stop the connection as well.
func TestTripwireRefusedPart(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1, UsersMayChangeDisplayName: true})
	people := func(title, nickname string) {
		var rows strings.Builder
		rows.WriteString("username,email,given,family,title,nickname\n")
		for n := range 30 {
			u := w.user(n)
			fmt.Fprintf(&rows, "%s,%s,%s,%s,%s,%s\n", u.Username, u.Email, u.Name.Given, u.Name.Family, title, nickname)
		}
		w.imports(rows.String())
	}
	people("Engineer", "First")
	w.drafting = true
	w.provision("population.id pr", nil)
	for target, source := range map[string]string{
		"userName": "username", "displayName": "nickname", "primaryEmail": "email", "title": "title", "active": "enabled",
	} {
		_, err := w.provisions.CreateMapping(t.Context(), w.env.ID, w.rule.ID, provision.Mapping{TargetAttribute: target, SourceAttribute: source, MappingType: provision.MappingTypeUser})
		must(t, err)
	}
	_, err := w.provisions.Publish(t.Context(), w.env.ID)
	must(t, err)
	w.run()
	w.settle(provision.StateIdle)
	w.deactivates()
	people("Chief", "Second")
	w.settle(provision.StateHalted)
	w.stop()
	if n := len(w.hurt()); n < 3 || n > 5 {
		t.Errorf("%d people were hurt", n)
	}
}

// TestTripwireOffOtherValues: where nobody looks for drift, and the answer differs in more than that they are not active any more.
func TestTripwireOffOtherValues(t *testing.T) {
	onBoth(t, 20, map[string]any{"DRIFT_HANDLING": "Off"}, func(t *testing.T, w *world) {
		t.Helper()
		for n := range 20 {
			w.byHand(n, func(m *sandbox.Member) { m.GivenName = "By hand" })
		}
		w.deactivates()
		w.retitle(20, "Chief")
		w.settle(provision.StateHalted)
		w.stop()
		if n := len(w.hurt()); n < 3 || n > 5 {
			t.Errorf("%d people were hurt", n)
		}
		for _, d := range w.drifts(false) {
			if !d.Hurt {
				t.Errorf("nobody was to look for drift: %+v", d)
			}
		}
	})
}

// TestTripwireAfterCrash: a process that dies after it noted whom updates deactivated, and before it stopped the connection, leaves that
// to the next one.
func TestTripwireAfterCrash(t *testing.T) {
	onBoth(t, 10, map[string]any{"DRIFT_HANDLING": "Report"}, func(t *testing.T, w *world) {
		t.Helper()
		w.stop()
		var noted []provision.Drift
		for n := range 3 {
			w.byHand(n, func(m *sandbox.Member) { m.Active = false })
			m := w.member(w.user(n).Email)
			rows, err := w.db.AccountsByRemote(t.Context(), w.connection.ID, directory.KindUser, []string{m.ID})
			must(t, err)
			noted = append(noted, provision.Drift{
				ID: fmt.Sprintf("0192%04d-0000-7000-8000-000000000000", n), EnvironmentID: w.env.ID, ConnectionID: w.connection.ID, Kind: directory.KindUser,
				ObjectID: rows[0].ObjectID, ObjectName: rows[0].ObjectName, RuleID: w.rule.ID, RemoteID: m.ID, Attribute: provision.DriftActive,
				Ours: true, Theirs: false, Before: true, Hurt: true, Status: provision.DriftOpen, FoundAt: w.now(),
			})
		}
		must(t, w.db.SaveDrift(t.Context(), noted, nil))
		w.run()
		w.settle(provision.StateHalted)
		w.wrote(0, 3)
		w.untrip(provision.TripResume)
		w.settle(provision.StateIdle)
		w.wrote(3, 0)
	})
}

// TestTripwireLeavesReported: where drift is only reported, whoever was deactivated by hand before stays so, whatever is done about a trip.
func TestTripwireLeavesReported(t *testing.T) {
	onBoth(t, 20, map[string]any{"DRIFT_HANDLING": "Report"}, func(t *testing.T, w *world) {
		t.Helper()
		w.byHand(19, func(m *sandbox.Member) { m.Active = false })
		w.scan()
		w.deactivates()
		w.retitle(19, "Chief")
		w.settle(provision.StateHalted)
		w.workspace.ClearFaults()
		w.untrip(provision.TripResume)
		status := w.settle(provision.StateIdle)
		if w.inactive() != 1 || w.member(w.user(19).Email).Active || status.Drift.Open != 1 {
			t.Errorf("%d are not active, %+v", w.inactive(), status.Drift)
		}
		for n := 10; n < 17; n++ {
			w.byHand(n, func(m *sandbox.Member) { m.Active = false })
		}
		w.stop()
		w.clock.Add(int64(7 * time.Hour))
		w.run()
		w.settle(provision.StateHalted)
		w.untrip(provision.TripResume)
		w.settle(provision.StateIdle)
		if w.inactive() != 1 || w.member(w.user(19).Email).Active {
			t.Errorf("%d are not active after a mass change", w.inactive())
		}
	})
}

// TestTripwireOnce: one person who is not active after their update is put right, also where drift is only reported, and stops nothing.
func TestTripwireOnce(t *testing.T) {
	onBoth(t, 5, map[string]any{"DRIFT_HANDLING": "Report"}, func(t *testing.T, w *world) {
		t.Helper()
		w.byHand(2, func(m *sandbox.Member) { m.Active = false })
		w.edit(2, func(u *directory.User) error { u.Title = "Chief"; return nil })
		w.settle(provision.StateIdle)
		w.wrote(2, 0)
		w.oneDrift(provision.DriftActive, true, false, provision.DriftRepaired)
	})
}

// TestTripwireMassChange: many people are deactivated by somebody else between two scans: nothing is written until an administrator says
// so; the repair activates them; what was accepted before stays as it is.
func TestTripwireMassChange(t *testing.T) {
	onBoth(t, 20, nil, func(t *testing.T, w *world) {
		t.Helper()
		for n := range 7 {
			w.byHand(n, func(m *sandbox.Member) { m.Active = false })
		}
		w.stop()
		w.clock.Add(int64(7 * time.Hour))
		w.run()
		status := w.settle(provision.StateHalted)
		if !strings.Contains(status.Details, "the accounts of 7 people were changed on the target") || status.Drift.Open != 7 {
			t.Errorf("%+v", status)
		}
		w.create(30)
		trip, err := w.engine.Tripwire(t.Context(), w.env.ID, w.connection.ID)
		must(t, err)
		if trip == nil || trip.Kind != provision.TripMass || trip.Hurt != 7 {
			t.Fatalf("%+v", trip)
		}
		w.wrote(0, 7)
		for _, d := range w.drifts(true) {
			if d.ObjectName == "user0003" {
				w.decideDrift(true, d.ID)
			}
		}
		w.untrip(provision.TripResume)
		w.settle(provision.StateIdle)
		w.wrote(7, 1)
		if m := w.member(w.user(3).Email); m.Active {
			t.Error("what was accepted was repaired")
		}
	})
}

// TestTripwireVanished: accounts vanish on the target: before many are made anew the connection stops.
func TestTripwireVanished(t *testing.T) {
	onBoth(t, 40, map[string]any{"DEPROVISION_LIMIT_COUNT": 3.0}, func(t *testing.T, w *world) {
		t.Helper()
		for n := range 30 {
			w.workspace.Remove(w.member(w.user(n).Email).ID)
		}
		w.stop()
		w.clock.Add(int64(7 * time.Hour))
		w.run()
		w.settle(provision.StateHalted)
		w.stop()
		if n := w.writes(); n > 5 {
			t.Errorf("%d accounts were made anew", n)
		}
		w.run()
		w.untrip(provision.TripResume)
		until(t, func() bool { return len(w.workspace.Members()) == 40 })
		w.settle(provision.StateIdle)
	})
}
