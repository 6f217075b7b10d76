package process_test

import (
	"testing"
	"time"

	sandbox "lockstep/sandbox/slack"
)

// TestTerminated: SIGTERM in the middle of a sync. The call that is under way finishes and is remembered, so that after the next
// start nobody is looked for again. Even when the target does not answer at all, the process ends within ten seconds.
func TestTerminated(t *testing.T) {
	t.Parallel()
	store := []string{"--data=" + t.TempDir()}
	w := newTarget(t, sandbox.Options{TimeScale: -1, Latency: time.Second})
	s := newServer(t, "server", store...)
	c := newCompany(t, w, store, func() string { return s.address })
	s.start()
	c.found(80, 0)
	eventually(t, 20*time.Second, "creates are under way", func() bool { return len(w.Members()) > len(c.foreign)+2 })
	if took := s.terminate(); took > 5*time.Second {
		t.Errorf("with calls that take a second, the end took %s", took)
	}
	again := time.Now()
	s.start()
	c.settle(time.Minute)
	for _, call := range w.since(again) {
		if call.filter != "" {
			t.Errorf("after the restart the target was asked for %s", call.filter)
		}
	}
	c.verify()

	hang := make(chan struct{})
	w.hold(hang)
	before := len(w.since(time.Time{}))
	p := c.people[5]
	status, raw, err := c.ask("PATCH", "/users/"+p.id, `{"title":"Visitor"}`)
	if err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, raw, err)
	}
	p.Title = "Visitor"
	eventually(t, 10*time.Second, "a call that hangs", func() bool { return len(w.since(time.Time{})) > before })
	took := s.terminate()
	if took > 10*time.Second {
		t.Errorf("with a call that hangs, the end took %s", took)
	}
	t.Logf("with a call that hangs, the end took %s", took)
	close(hang)
	w.hold(nil)
	s.start()
	c.verify()
}
