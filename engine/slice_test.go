package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

// With one slot, what has the lowest priority is done as well.
func TestOneSlot(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.create(1)
	w.create(2)
	w.provision("population.id pr", nil)
	w.engine = engine.New(engine.Config{Store: w.db, Types: all.Types(), Client: outbound.Client(true, 5*time.Second), Slots: 1})
	w.run()
	w.settle(provision.StateIdle)
	if n := len(w.workspace.Members()); n != 2 {
		t.Errorf("%d members", n)
	}
}

// A listing that takes longer than a slice is read to its end: begun anew with each slice, it never ended.
func TestListingOutlivesSlice(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1, Latency: 20 * time.Millisecond})
	members := make([]sandbox.Member, 3500)
	for i := range members {
		name := fmt.Sprintf("member%d", i)
		members[i] = sandbox.Member{UserName: name, PrimaryEmail: name + "@example.com", Active: true}
	}
	w.workspace.Seed(members...)
	w.provision("population.id pr", nil)
	for range 10 {
		must(t, w.engine.RunSlice(t.Context(), w.env.ID, w.connection.ID, 30*time.Millisecond))
		state, err := w.db.Runner(t.Context(), w.env.ID, w.connection.ID)
		must(t, err)
		if !state.ScannedAt.IsZero() {
			return
		}
	}
	t.Errorf("the workspace is not listed after ten slices, with %d requests", w.workspace.Requests().Totals["GET /Users"])
}

// forgetful is a store that does not answer when a runner looks for what the one before was about to write.
type forgetful struct{ *store.DB }

var errForgetful = errors.New("the store does not answer")

func (forgetful) AccountsByObject(context.Context, string, directory.Kind, []string) ([]provision.Account, error) {
	return nil, errForgetful
}

// Whom a runner that died was about to write is read by the next one, also when one in between could not.
func TestVisitingOutlivesAFailure(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.create(1)
	w.provision("population.id pr", nil)
	now := time.Now()
	state, err := w.db.Lease(t.Context(), w.env.ID, w.connection.ID, "the one that died", now.Add(time.Minute), now)
	must(t, err)
	state.Working, state.Visiting = true, []string{"somebody"}
	must(t, w.db.SaveRunner(t.Context(), "the one that died", state))
	must(t, w.db.Unlease(t.Context(), w.connection.ID, "the one that died"))
	between := engine.New(engine.Config{Store: forgetful{w.db}, Types: all.Types(), Client: outbound.Client(true, 5*time.Second)})
	if err := between.RunSlice(t.Context(), w.env.ID, w.connection.ID, time.Minute); !errors.Is(err, errForgetful) {
		t.Fatal(err)
	}
	after, err := w.db.Runner(t.Context(), w.env.ID, w.connection.ID)
	must(t, err)
	if !slices.Equal(after.Visiting, state.Visiting) || !after.Working {
		t.Errorf("after the failure: %+v", after)
	}
}
