package engine_test

import (
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

const day = 24 * time.Hour

// later lets time pass, as if the process had been stopped meanwhile.
func (w *world) later(d time.Duration) {
	w.stop()
	w.clock.Add(int64(d))
	w.run()
}

// TestGrace: who leaves keeps access for the grace period, shown as pending with its date; it is over by itself.
func TestGrace(t *testing.T) {
	onBoth(t, 10, map[string]any{"GRACE_PERIOD_DAYS": 7.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 2)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 2 })
		status := w.settle(provision.StateIdle)
		if status.Users.Pending != 2 || !strings.Contains(status.Details, "2 people keep access for the grace period") || status.NextLeaves.Sub(w.now()) > 7*day {
			t.Errorf("%+v", status)
		}
		rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Status: provision.StatusPending, Limit: 10})
		must(t, err)
		for _, row := range rows {
			if left := row.DueAt.Sub(w.now()); left > 7*day || left < 7*day-time.Minute || !strings.Contains(row.Detail, "access ends on "+row.DueAt.UTC().Format("2006-01-02")) {
				t.Errorf("%+v", row)
			}
		}
		must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
		w.settle(provision.StateIdle)
		w.later(6 * day)
		w.settle(provision.StateIdle)
		w.wrote(0, 0)
		w.later(day)
		until(t, func() bool { return w.inactive() == 2 })
		status = w.settle(provision.StateIdle)
		w.wrote(2, 2)
		if status.Lingering != 0 || status.Users.Pending != 0 || status.Users.Impacted != 8 {
			t.Errorf("%+v", status)
		}
	})
}

// TestGraceReturns: who comes back within the grace period keeps access, and leaving once more begins anew.
func TestGraceReturns(t *testing.T) {
	onBoth(t, 10, map[string]any{"GRACE_PERIOD_DAYS": 7.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 2)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 2 })
		w.later(5 * day)
		w.titles(0, 1, "Engineer")
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 1 })
		w.later(time.Hour)
		w.leave(0, 1)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 2 })
		w.later(2 * day)
		until(t, func() bool { return w.inactive() == 1 })
		w.settle(provision.StateIdle)
		w.wrote(1, 1)
		if !w.member(w.user(0).Email).Active {
			t.Error("the grace period did not begin anew")
		}
		w.later(5 * day)
		until(t, func() bool { return w.inactive() == 2 })
	})
}

// TestGraceNotForDisabled: who is disabled in the directory loses access at once; who is deleted keeps it for the grace period.
func TestGraceNotForDisabled(t *testing.T) {
	onBoth(t, 10, map[string]any{"GRACE_PERIOD_DAYS": 7.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.edit(3, func(u *directory.User) error { u.Enabled = false; return nil })
		users, err := w.people.Users(t.Context(), w.env.ID, directory.Query{Filter: `username eq "user0004"`})
		must(t, err)
		must(t, w.people.DeleteUser(t.Context(), w.env.ID, users.Users[0].ID))
		until(t, func() bool { return w.inactive() == 1 && w.settle(provision.StateIdle).Lingering == 1 })
		w.wrote(1, 1)
		w.later(7 * day)
		until(t, func() bool { return w.inactive() == 2 })
		w.settle(provision.StateIdle)
		w.wrote(1, 2)
	})
}

// TestGraceMeetsGuard: those whose grace period ends together are counted together: nobody loses access before an administrator decides.
func TestGraceMeetsGuard(t *testing.T) {
	onBoth(t, 20, map[string]any{"GRACE_PERIOD_DAYS": 7.0, "DEPROVISION_LIMIT_COUNT": 3.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 10)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 10 })
		w.later(7 * day)
		status := w.settle(provision.StateHeld)
		w.wrote(0, 0)
		w.held(10)
		if !strings.Contains(status.Details, "edited in the directory") {
			t.Errorf("%q", status.Details)
		}
		w.decide(true)
		w.settle(provision.StateIdle)
		w.wrote(10, 10)
	})
}

// TestGraceShortened: a shorter grace period, published, goes for those who left before.
func TestGraceShortened(t *testing.T) {
	onBoth(t, 10, map[string]any{"GRACE_PERIOD_DAYS": 7.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 2)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 2 })
		w.later(2 * day)
		w.configure(map[string]any{"GRACE_PERIOD_DAYS": 1.0})
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		until(t, func() bool { return w.inactive() == 2 })
		w.settle(provision.StateIdle)
		w.wrote(2, 2)
	})
}

// TestGraceEndsWhenDisabled: who is disabled loses access at once, also while they keep it for the grace period, and where the rule asks for
// enabled people, so that being disabled is leaving.
func TestGraceEndsWhenDisabled(t *testing.T) {
	disable := func(u *directory.User) error { u.Enabled = false; return nil }
	onBoth(t, 10, map[string]any{"GRACE_PERIOD_DAYS": 7.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 2)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 2 })
		w.edit(0, disable)
		until(t, func() bool { return w.inactive() == 1 })
		if w.member(w.user(0).Email).Active || w.settle(provision.StateIdle).Lingering != 1 {
			t.Error("the wrong one lost access")
		}
		w.rule.PopulationExpression = "enabled eq true"
		_, err := w.provisions.UpdateRule(t.Context(), w.env.ID, w.rule.ID, w.rule)
		must(t, err)
		_, err = w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 0 })
		w.edit(5, disable)
		until(t, func() bool { return w.inactive() == 2 })
	})
}

// TestGraceOverAndFailing: whose grace period is over keeps no access for it while the target fails; the status says that they are being closed.
func TestGraceOverAndFailing(t *testing.T) {
	onBoth(t, 10, map[string]any{"GRACE_PERIOD_DAYS": 7.0}, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 2)
		until(t, func() bool { return w.settle(provision.StateIdle).Lingering == 2 })
		w.workspace.Inject(sandbox.Fault{Method: "PATCH", Status: 500, Times: 1000})
		w.later(7 * day)
		until(t, func() bool {
			rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Status: provision.StatusPending, Limit: 10})
			must(t, err)
			return len(rows) == 2 && rows[0].Attempts > 0 && rows[1].Attempts > 0
		})
		status, err := w.engine.Status(t.Context(), w.env.ID, w.rule.ID)
		must(t, err)
		if status.Lingering != 0 || status.State != provision.StateSyncing {
			t.Errorf("%+v", status)
		}
		w.workspace.ClearFaults()
	})
}
