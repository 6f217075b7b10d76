package engine_test

import (
	"testing"

	"lockstep/directory"
	sandbox "lockstep/sandbox/slack"
)

// TestPauseIsLogged: who stopped provisioning, and who let it go on, is in the log, once.
func TestPauseIsLogged(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.provision("population.id pr", nil)
	ann := directory.Actor{Type: "USER", ID: "a", Name: "ann"}
	ctx := directory.WithOrigin(t.Context(), directory.Origin{Actor: ann})
	for range 2 {
		must(t, w.engine.Pause(ctx, w.env.ID, w.connection.ID))
	}
	must(t, w.engine.Resume(ctx, w.env.ID, w.connection.ID))
	lines, err := w.db.Activities(t.Context(), w.env.ID, directory.ActivityQuery{Limit: 100})
	must(t, err)
	got := map[string]int{}
	for _, line := range lines {
		if line.ObjectID == w.connection.ID && line.Actor == ann {
			got[line.Type]++
		}
	}
	if got["PROVISIONING_SYNC.PAUSED"] != 1 || got["PROVISIONING_SYNC.RESUMED"] != 1 || len(got) != 2 {
		t.Errorf("%v, wanted one line for the pause and one for the resumption", got)
	}
}
