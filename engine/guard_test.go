package engine_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/internal/postgrestest"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// guarded runs a test of the guard on both databases: 20 people are in step, and the limits are 10 percent and three.
func guarded(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, name := range []string{"sqlite", "postgresql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var on store.Options
			if name == "postgresql" {
				on.PostgresURL = postgrestest.URL(t)
			}
			w := newWorldOn(t, sandbox.Options{TimeScale: -1}, on)
			for n := range 20 {
				w.create(n)
			}
			w.provision(`title eq "Engineer"`, map[string]any{"DEPROVISION_LIMIT_COUNT": 3.0})
			w.run()
			w.settle(provision.StateIdle)
			w.writes()
			test(t, w)
		})
	}
}

// leave lets people leave in one edit, as an import does: everybody of one batch is in one transaction.
func (w *world) leave(from, to int) {
	w.t.Helper()
	w.titles(from, to, "Guest")
}

func (w *world) titles(from, to int, title string) {
	w.t.Helper()
	var rows strings.Builder
	rows.WriteString("username,title\n")
	for n := from; n < to; n++ {
		fmt.Fprintf(&rows, "user%04d,%s\n", n, title)
	}
	w.imports(rows.String())
}

func (w *world) hold() provision.DeprovisionHold {
	w.t.Helper()
	holds, err := w.engine.DeprovisionHolds(w.t.Context(), w.env.ID, w.connection.ID)
	must(w.t, err)
	if len(holds) != 1 {
		w.t.Fatalf("%d holds are open, want one", len(holds))
	}
	return holds[0]
}

// by is a context in which an administrator acts.
func by(ctx context.Context, name string) context.Context {
	return directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: "USER", ID: name, Name: name}})
}

func (w *world) decide(approve bool, objects ...string) {
	w.t.Helper()
	_, _, err := w.engine.DecideDeprovision(by(w.t.Context(), "Anna"), w.env.ID, w.hold().ID, approve, objects)
	must(w.t, err)
}

func (w *world) held(want int) []provision.HeldOperation {
	w.t.Helper()
	hold := w.hold()
	ops, err := w.engine.HeldOperations(w.t.Context(), &hold, "", "", 100)
	must(w.t, err)
	if len(ops) != want || hold.Held != int64(want) {
		w.t.Fatalf("%d operations are held, the hold says %d, want %d", len(ops), hold.Held, want)
	}
	return ops
}

func (w *world) inactive() (n int) {
	for _, m := range w.workspace.Members() {
		if !m.Active {
			n++
		}
	}
	return n
}

func (w *world) wrote(want int64, inactive int) {
	w.t.Helper()
	if n := w.writes(); n != want {
		w.t.Errorf("%d writes, want %d", n, want)
	}
	if n := w.inactive(); n != inactive {
		w.t.Errorf("%d members are not active, want %d", n, inactive)
	}
}

// TestGuardBelow: below the limits it flows at once, and counts for the next ones.
func TestGuardBelow(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 3)
		w.settle(provision.StateIdle)
		w.wrote(3, 3)
		w.leave(3, 4) // the fourth within the hour
		status := w.settle(provision.StateHeld)
		w.wrote(0, 3)
		if !strings.Contains(status.Details, "1 deprovisionings are held") {
			t.Errorf("%q", status.Details)
		}
	})
}

// TestGuardHolds: what is too much is held whole, with its cause, while everything else goes on; approved, it is done, and does not
// count against the next ones.
func TestGuardHolds(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 10)
		status := w.settle(provision.StateHeld)
		w.wrote(0, 0)
		if !strings.Contains(status.Details, "10 of 20 people with access would lose it: edited in the directory by") {
			t.Errorf("%q", status.Details)
		}
		for _, op := range w.held(10) {
			if op.Operation.Verb != provision.VerbDisable || !strings.Contains(op.Operation.Why, "left rule") || len(op.Operation.Changes) != 1 || op.Cause == "" {
				t.Errorf("%+v", op)
			}
		}
		w.create(30)
		w.settle(provision.StateHeld)
		w.wrote(1, 0)
		w.leave(10, 11) // joins the hold
		until(t, func() bool { return w.hold().Held == 11 })
		must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
		w.settle(provision.StateHeld)
		w.wrote(0, 0)
		w.decide(true)
		w.settle(provision.StateIdle)
		w.wrote(11, 11)
		w.leave(11, 12)
		w.settle(provision.StateIdle)
		w.wrote(1, 12)
		log, err := w.db.Activities(t.Context(), w.env.ID, directory.ActivityQuery{Type: "PROVISIONING_HOLD.APPROVED", Limit: 5})
		must(t, err)
		if len(log) != 1 || log[0].Actor.Name != "Anna" || !strings.Contains(log[0].Description, "11 held deprovisionings: approved by Anna") {
			t.Errorf("%+v", log)
		}
	})
}

// TestGuardRejects: what was rejected stays as it is, marked, also when everything is looked at again; another reason is another
// question.
func TestGuardRejects(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 10)
		w.settle(provision.StateHeld)
		w.decide(false)
		status := w.settle(provision.StateIdle)
		if status.Users.Partial != 10 || status.Users.Impacted != 20 {
			t.Errorf("%+v", status.Users)
		}
		must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
		w.settle(provision.StateIdle)
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.settle(provision.StateIdle)
		w.wrote(0, 0)
		rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Status: provision.StatusPartial, Limit: 20})
		must(t, err)
		if len(rows) != 10 || !strings.Contains(rows[0].Detail, "it was rejected by Anna") {
			t.Errorf("%d rows: %+v", len(rows), rows)
		}
		w.titles(0, 10, "Visitor")
		w.settle(provision.StateHeld)
		w.wrote(0, 0)
	})
}

// TestGuardRejectedThenDisabled: that a leaving was rejected keeps nobody's account open who is disabled afterwards.
func TestGuardRejectedThenDisabled(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 10)
		w.settle(provision.StateHeld)
		w.decide(false)
		w.settle(provision.StateIdle)
		w.wrote(0, 0)
		w.edit(4, func(u *directory.User) error { u.Enabled = false; return nil })
		until(t, func() bool { return w.inactive() == 1 })
		if w.member(w.user(4).Email).Active {
			t.Error("the wrong one lost access")
		}
	})
}

// crowd is a store in which others come to the gate between counting who stands there and letting them pass, as visits that end do.
type crowd struct {
	*store.DB
	arrive func()
	once   sync.Once
}

func (c *crowd) PassWaiting(ctx context.Context, connectionID string, held bool, most int64, at time.Time) (int64, error) {
	c.once.Do(c.arrive)
	return c.DB.PassWaiting(ctx, connectionID, held, most, at)
}

// TestGuardCrowd: nobody passes who was not counted.
func TestGuardCrowd(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.stop()
		w.engine = engine.New(engine.Config{Types: all.Types(), Client: outbound.Client(true, 5*time.Second), Now: w.now, Store: &crowd{DB: w.db, arrive: func() {
			w.leave(5, 15)
			for n := 5; n < 15; n++ {
				rows, err := w.db.AccountsByRemote(t.Context(), w.connection.ID, directory.KindUser, []string{w.member(w.user(n).Email).ID})
				must(t, err)
				rows[0].Gate, rows[0].Status = provision.Gate{State: provision.GateWaiting, Why: "left"}, provision.StatusPending
				must(t, w.db.Record(t.Context(), []*provision.Account{&rows[0]}, nil, nil))
			}
		}}})
		w.run()
		w.leave(0, 2)
		w.settle(provision.StateHeld)
		w.wrote(0, 0)
		w.held(12)
	})
}

// TestGuardSome: some are approved, the others stay held; who returns leaves the hold, and the hold ends with the last one.
func TestGuardSome(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		ops := w.held(6)
		w.decide(true, ops[0].Operation.Object.ID, ops[1].Operation.Object.ID)
		w.settle(provision.StateHeld)
		w.wrote(2, 2)
		hold := w.hold()
		for _, op := range w.held(4) {
			_, err := w.people.UpdateUser(t.Context(), w.env.ID, op.Operation.Object.ID, func(u *directory.User) error { u.Title = "Engineer"; return nil })
			must(t, err)
		}
		w.settle(provision.StateIdle)
		w.wrote(0, 2)
		until(t, func() bool {
			after, err := w.db.DeprovisionHold(t.Context(), w.env.ID, hold.ID)
			must(t, err)
			return after.Status == provision.HoldLifted
		})
		_, _, err := w.engine.DecideDeprovision(t.Context(), w.env.ID, hold.ID, true, nil)
		if !problem.Is(err, problem.Conflict) {
			t.Errorf("a decision after the end: %v", err)
		}
	})
}

// TestGuardReturnsThenLeaves: an approval is for one leaving; whoever returns and leaves once more is another event.
func TestGuardReturnsThenLeaves(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		w.decide(true)
		w.settle(provision.StateIdle)
		w.titles(0, 6, "Engineer")
		w.settle(provision.StateIdle)
		w.wrote(12, 0)
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		w.wrote(0, 0)
	})
}

// TestGuardRevision: a filter edited into nothing is held, and says whose edit it was.
func TestGuardRevision(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.rule.PopulationExpression = `title eq "Nobody"`
		_, err := w.provisions.UpdateRule(by(t.Context(), "Ben"), w.env.ID, w.rule.ID, w.rule)
		must(t, err)
		_, err = w.provisions.Publish(by(t.Context(), "Cleo"), w.env.ID)
		must(t, err)
		status := w.settle(provision.StateHeld)
		w.wrote(0, 0)
		w.held(20)
		for _, said := range []string{"revision 2 was published", "published by Cleo", "by Ben"} {
			if !strings.Contains(status.Details, said) {
				t.Errorf("%q does not say %q", status.Details, said)
			}
		}
	})
}

// TestGuardDeletedRule: the only rule is deleted with deprovisioning.
func TestGuardDeletedRule(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.connection.Managed = true
		w.configure(map[string]any{"DEPROVISION_LIMIT_COUNT": 3.0})
		must(t, w.provisions.DeleteRule(t.Context(), w.env.ID, w.rule.ID, true))
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		until(t, func() bool {
			holds, err := w.engine.DeprovisionHolds(t.Context(), w.env.ID, w.connection.ID)
			must(t, err)
			return len(holds) == 1 && holds[0].Held == 20
		})
		w.wrote(0, 0)
		w.decide(true)
		until(t, func() bool { return w.inactive() == 20 })
		w.wrote(20, 20)
	})
}

// TestGuardLimitsRaised: higher limits, published, let go what was held.
func TestGuardLimitsRaised(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		w.configure(map[string]any{"DEPROVISION_LIMIT_COUNT": 3.0, "DEPROVISION_LIMIT_SHARE": 50.0})
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.settle(provision.StateIdle)
		w.wrote(6, 6)
	})
}

// TestGuardOff: 100 percent is no guard.
func TestGuardOff(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.configure(map[string]any{"DEPROVISION_LIMIT_SHARE": 100.0})
		_, err := w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.settle(provision.StateIdle)
		w.leave(0, 20)
		w.settle(provision.StateIdle)
		w.wrote(20, 20)
	})
}

// TestGuardRuleOff: the rule is switched off while its people are held: nobody is to lose access any more.
func TestGuardRuleOff(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		w.rule.Active = false
		_, err := w.provisions.UpdateRule(t.Context(), w.env.ID, w.rule.ID, w.rule)
		must(t, err)
		_, err = w.provisions.CreateRule(t.Context(), w.env.ID, provision.Rule{
			Name: "Other", PlanID: w.rule.PlanID, SourceID: w.rule.SourceID, TargetID: w.connection.ID, PopulationExpression: `title eq "Chief"`,
		})
		must(t, err)
		rules, err := w.provisions.Rules(t.Context(), w.env.ID)
		must(t, err)
		other := rules[1]
		other.Active = true
		_, err = w.provisions.UpdateRule(t.Context(), w.env.ID, other.ID, other)
		must(t, err)
		_, err = w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		until(t, func() bool {
			holds, err := w.engine.DeprovisionHolds(t.Context(), w.env.ID, w.connection.ID)
			must(t, err)
			return len(holds) == 0
		})
		w.wrote(0, 0)
	})
}

// TestGuardExpires: nobody decides for a week; nobody loses access, and the log says so.
func TestGuardExpires(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		w.stop()
		w.clock.Store(int64(provision.HoldFor))
		w.run()
		w.settle(provision.StateIdle)
		w.wrote(0, 0)
		log, err := w.db.Activities(t.Context(), w.env.ID, directory.ActivityQuery{Type: "PROVISIONING_HOLD.EXPIRED", Limit: 5})
		must(t, err)
		if len(log) != 1 || !strings.Contains(log[0].Description, "6 held deprovisionings: rejected, as nobody approved it in time") {
			t.Errorf("%+v", log)
		}
	})
}

// TestGuardWindow: what was done more than an hour ago does not count.
func TestGuardWindow(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 3)
		w.settle(provision.StateIdle)
		w.stop()
		w.clock.Store(int64(provision.GuardWindow) + 1)
		w.run()
		w.leave(3, 6)
		w.settle(provision.StateIdle)
		w.wrote(6, 6)
	})
}

// TestGuardApprovalIsForItsReason: approved while the connection is paused, and before it is done they leave for another reason: that
// was approved by nobody.
func TestGuardApprovalIsForItsReason(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave(0, 6)
		w.settle(provision.StateHeld)
		must(t, w.engine.Pause(t.Context(), w.env.ID, w.connection.ID))
		w.decide(true)
		w.titles(0, 6, "Visitor")
		must(t, w.engine.Resume(t.Context(), w.env.ID, w.connection.ID))
		w.settle(provision.StateHeld)
		w.wrote(0, 0)
		w.held(6)
	})
}

// TestGuardTells: those who watch are told when a hold opens, and when it is decided.
func TestGuardTells(t *testing.T) {
	guarded(t, func(t *testing.T, w *world) {
		t.Helper()
		events, end := w.engine.Subscribe(w.env.ID)
		defer end()
		hear := func(status provision.HoldStatus, held int64) {
			t.Helper()
			deadline := time.After(20 * time.Second)
			for {
				select {
				case e := <-events:
					data, _ := e.Data.(map[string]any)
					if e.Type == "hold" && e.ConnectionID == w.connection.ID && data["status"] == status && data["held"] == held {
						return
					}
				case <-deadline:
					t.Fatalf("nobody said that a hold is %s with %d", status, held)
				}
			}
		}
		w.leave(0, 6)
		hear(provision.HoldOpen, 6)
		w.decide(true)
		hear(provision.HoldApproved, 0)
	})
}
