package engine_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// counting counts what the guard asks of the store, and turns in which the runner looked for edits.
type counting struct {
	engine.Store
	asked, turns atomic.Int64
	endless      atomic.Bool // a reconciliation walks for ever
}

func (c *counting) GateCounts(ctx context.Context, id string, since time.Time) (provision.GateCounts, error) {
	c.asked.Add(1)
	return c.Store.GateCounts(ctx, id, since)
}

func (c *counting) Changes(ctx context.Context, envID string, after int64, limit int) ([]directory.Change, error) {
	c.turns.Add(1)
	return c.Store.Changes(ctx, envID, after, limit)
}

func (c *counting) Users(ctx context.Context, envID string, q directory.UserQuery) ([]directory.User, error) {
	if c.endless.Load() {
		q.After = ""
	}
	users, err := c.Store.Users(ctx, envID, q)
	if c.endless.Load() && len(users) > 0 {
		return slices.Repeat(users[len(users)-1:], q.Limit), err
	}
	return users, err
}

func newCounted(t *testing.T) (*world, *counting, directory.User) {
	t.Helper()
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	c := &counting{Store: w.db}
	w.engine = engine.New(engine.Config{Store: c, Types: all.Types(), Client: outbound.Client(true, 5*time.Second), Now: w.now})
	w.people = directory.NewService(w.db, directory.Options{Wake: w.engine.Wake})
	first := w.create(0)
	for n := range 19 {
		w.create(n + 1)
	}
	w.provision(`title eq "Engineer"`, map[string]any{"DEPROVISION_LIMIT_COUNT": 3.0})
	return w, c, first
}

// TestGuardCost: while nobody is at the gate the guard asks nothing of the store, however many turns the runner takes, and neither does
// it while a hold is open and nobody comes or goes.
func TestGuardCost(t *testing.T) {
	w, c, _ := newCounted(t)
	w.run()
	w.settle(provision.StateIdle)
	quiet := func(state provision.RuleState, first int) {
		t.Helper()
		before, turns := c.asked.Load(), c.turns.Load()
		for n := range 20 {
			w.create(first + n)
			until(t, func() bool { return len(w.workspace.Members()) == first+n+1 })
		}
		w.settle(state)
		if asked, turned := c.asked.Load()-before, c.turns.Load()-turns; asked > 0 || turned < 20 {
			t.Errorf("the guard asked %d times in %d turns", asked, turned)
		}
	}
	quiet(provision.StateIdle, 20)
	w.leave(0, 10)
	w.settle(provision.StateHeld)
	quiet(provision.StateHeld, 40)
	w.decide(true)
	w.settle(provision.StateIdle)
	until(t, func() bool { return w.inactive() == 10 })
}

// TestGuardPatienceOutlivesSlices: nobody waits at the gate for more than half a minute, whatever goes on; a slice that ends does not
// have them wait anew.
func TestGuardPatienceOutlivesSlices(t *testing.T) {
	w, c, first := newCounted(t)
	slice := func() {
		t.Helper()
		must(t, w.engine.RunSlice(t.Context(), w.env.ID, w.connection.ID, 300*time.Millisecond))
	}
	for w.workspace.Requests().Totals["writes"] < 20 {
		slice()
	}
	c.endless.Store(true)
	must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
	for walks := false; !walks; {
		slice()
		state, err := w.db.Runner(t.Context(), w.env.ID, w.connection.ID)
		must(t, err)
		walks = state.Sweep.Phase == provision.SweepWalk
	}
	w.writes()
	_, err := w.people.UpdateUser(t.Context(), w.env.ID, first.ID, func(u *directory.User) error { u.Title = "Guest"; return nil })
	must(t, err)
	for waits := int64(0); waits == 0; {
		slice()
		counts, err := w.db.GateCounts(t.Context(), w.connection.ID, w.now())
		must(t, err)
		waits = counts.Waiting
	}
	w.clock.Store(int64(20 * time.Second))
	slice()
	slice()
	w.wrote(0, 0)
	w.clock.Store(int64(31 * time.Second))
	for n := 0; n < 50 && w.inactive() == 0; n++ {
		slice()
	}
	w.wrote(1, 1)
}
