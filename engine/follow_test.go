package engine_test

import (
	"testing"

	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// TestFollowed: what a connection has not looked at yet must stay in the log, also while it is paused.
func TestFollowed(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.provision("population.id pr", nil)
	w.run()
	w.create(1)
	w.settle(provision.StateIdle)
	followed := func() int64 {
		t.Helper()
		n, err := w.engine.Followed(t.Context(), w.env.ID)
		must(t, err)
		return n
	}
	head := func() int64 {
		t.Helper()
		n, err := w.db.FeedHead(t.Context(), w.env.ID)
		must(t, err)
		return n
	}
	if followed() != head() {
		t.Errorf("followed up to %d of %d", followed(), head())
	}
	before := head()
	must(t, w.engine.Pause(t.Context(), w.env.ID, w.connection.ID))
	w.create(2)
	if followed() > before || head() == before {
		t.Errorf("followed up to %d, although the connection is paused since %d of %d", followed(), before, head())
	}
	must(t, w.engine.Resume(t.Context(), w.env.ID, w.connection.ID))
	w.settle(provision.StateIdle)
	if followed() != head() {
		t.Errorf("followed up to %d of %d", followed(), head())
	}
}
