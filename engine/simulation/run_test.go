package simulation

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"lockstep/provision"
)

const (
	restLimit = 3 * time.Hour // after the last fault everything must be at rest, virtually
	poll      = 500 * time.Millisecond
)

// run lets a schedule run in a bubble of virtual time.
func run(t *testing.T, s schedule, m mutant) result {
	t.Helper()
	dir, err := os.MkdirTemp(shelf(), "simulation")
	must(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	var out result
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, s, m)
		w.play()
		w.current().stop()
		w.lives.Wait()
		if err := w.db.Close(); err != nil {
			w.violate("the store cannot be closed: %v", err)
		}
		out = result{violations: w.violations, log: w.log, calls: w.tally.calls, virtual: time.Since(w.start), crashed: w.crashes > 0}
	})
	return out
}

// play is a run from the first event to the last check.
func (w *world) play() {
	w.begin()
	for i, e := range w.s.Events {
		w.pass(e.Gap)
		if w.stopped() {
			return
		}
		w.trace("# %d %s", i, e)
		if err := w.happen(e); err != nil {
			w.violate("event %d was refused: %v", i, err)
		}
		if w.hash("probe", fmt.Sprint(i))%3 == 0 {
			w.probe()
		}
	}
	w.trace("# the faults stop")
	w.calm()
	if !w.settle() || !w.decideAll() {
		return
	}
	w.check("at rest", false)
	w.probe()
	w.trace("# a full reconciliation")
	w.rest(w.s.Target.Hidden) // everybody can be seen
	if err := w.happen(event{Do: resync}); err != nil || !w.settle() || !w.decideAll() {
		w.violate("the reconciliation does not end: %v", err)
		return
	}
	clear(w.truth.drifted)
	w.check("after a reconciliation", true)
	w.probe()
	w.quiet()
}

// pass lets time pass between two events.
func (w *world) pass(d time.Duration) {
	for ; d > time.Second && w.s.Guard.on(); d -= time.Second {
		w.rest(time.Second)
		w.watch()
	}
	w.rest(d)
}

// calm ends all faults: whatever is drafted is published, and everything works again.
func (w *world) calm() {
	w.mu.Lock()
	w.faults = nil
	clear(w.breaks)
	w.mu.Unlock()
	w.current().forgetCrash()
	if err := w.endBetrayal(); err != nil {
		w.violate("the connection cannot be resumed: %v", err)
	}
	last := []event{{Do: restore}, {Do: resume}}
	if !w.truth.storeOn {
		last = append(last, event{Do: storeOn})
	}
	if w.truth.unpublished || !w.truth.storeOn { // not otherwise: a revision has everybody looked at again, and hides lost edits
		last = append(last, event{Do: publish})
	}
	for _, e := range last {
		if err := w.happen(e); err != nil {
			w.violate("%s was refused: %v", e.Do, err)
		}
	}
}

// settle waits until the engine says that nothing is left to do. A long wait for a retry is passed with the process ended, as if
// it were restarted: nothing happens meanwhile.
func (w *world) settle() bool {
	begin := time.Now()
	for time.Since(begin) < restLimit {
		if w.stopped() {
			return false
		}
		left, next := w.left()
		if left == "" {
			return true
		}
		if left == "trip" { // by what was on its way when the target began to behave
			if err := w.endBetrayal(); err != nil {
				w.violate("the connection cannot be resumed: %v", err)
			}
		}
		if far := time.Until(next); left == "due" && far > time.Minute {
			w.restart(far - time.Second)
		}
		w.rest(poll)
		w.watch()
	}
	left, next := w.left()
	w.violate("not at rest %v after the last fault: %s (next at %v)", restLimit, left, next.Sub(w.start))
	rows, _ := w.db.AccountPage(w.ctx, provision.AccountQuery{ConnectionID: w.connection.ID, Limit: 50})
	for _, r := range rows {
		if !r.DueAt.IsZero() {
			w.trace("due: %s %s %q at %v: %s", r.ObjectName, r.Status, r.Phase, r.DueAt.Sub(w.start), r.Detail)
		}
	}
	return false
}

// left says what is to be done yet; "" = nothing.
func (w *world) left() (string, time.Time) {
	ctx := atDoor(w.ctx)
	state, err := w.outside.Runner(ctx, w.env.ID, w.connection.ID)
	head, err3 := w.outside.FeedHead(ctx, w.env.ID)
	next, err4 := w.outside.NextDue(ctx, w.connection.ID)
	gate, err5 := remembered(w.outside, "account gate", func() (provision.GateCounts, error) {
		return w.db.GateCounts(ctx, w.connection.ID, time.Now())
	})
	switch {
	case err != nil || err3 != nil || err4 != nil || err5 != nil:
		return "the store does not answer", time.Time{}
	case state.RevisionID != w.truth.latest().id:
		return "revision", time.Time{}
	case state.Trip != nil:
		return "trip", time.Time{}
	case state.Halt != nil:
		return "halt", time.Time{}
	case state.Sweep.ID != "" || state.Resync != "":
		return "sweep", time.Time{}
	case head > state.Cursor:
		return "feed", time.Time{}
	case !next.IsZero():
		return "due", next
	case gate.Waiting > 0:
		return "gate", time.Time{}
	default:
		return "", time.Time{}
	}
}

// quiet: at rest nothing is called.
func (w *world) quiet() {
	w.mu.Lock()
	before := w.tally.calls
	w.mu.Unlock()
	w.rest(20 * time.Second)
	w.mu.Lock()
	calls := w.tally.calls - before
	w.mu.Unlock()
	if calls > 0 {
		w.violate("%d calls were made while nothing was due", calls)
	}
}

func (w *world) stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.aborted || len(w.violations) > 5
}
