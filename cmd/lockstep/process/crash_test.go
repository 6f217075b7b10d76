package process_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"lockstep/internal/postgrestest"
	sandbox "lockstep/sandbox/slack"
)

// TestKilled: kill -9 at random moments, each time followed by a restart at once, while people are edited and a first sync of
// many people is under way: nothing is lost, nobody has two accounts, and the target's limits are kept.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		database string
		kills    int
	}{{"SQLite", 100}, {"PostgreSQL", 30}} {
		t.Run(c.database, func(t *testing.T) {
			t.Parallel()
			store := []string{"--data=" + t.TempDir()}
			if c.database == "PostgreSQL" {
				store = append(store, "--database="+postgrestest.URL(t))
			}
			killed(t, c.kills, store)
		})
	}
}

const killedScale = 6 // times Slack's limits, so that the first sync lasts as long as the killing

func killed(t *testing.T, kills int, store []string) {
	w := newTarget(t, sandbox.Options{TimeScale: killedScale, Latency: 5 * time.Millisecond})
	s := newServer(t, "server", store...)
	c := newCompany(t, w, store, func() string { return s.address })
	moment := chance(t, 0)
	// Its very first start is killed as well, in the middle of making its database.
	for range 5 {
		s.spawn()
		<-time.After(time.Duration(moment.IntN(120)) * time.Millisecond)
		s.kill()
	}
	s.start()
	c.found(2*kills+60, killedScale)
	stop := make(chan struct{})
	stopped := c.editing(chance(t, 1), 40*time.Millisecond, stop)
	how := map[string]int{}
	for range kills {
		how[s.dies(moment, w)]++
		s.start()
	}
	close(stop)
	<-stopped
	c.verify()
	t.Logf("%d kills %v; %d edits acknowledged, %d whose answer was lost; %d accounts, %d calls", kills, how, c.edits.Load(), c.unknown.Load(), len(w.Members()), len(w.since(time.Time{})))
	t.Logf("ready after a kill: %s", s.starts)
	if s.starts.at(0.5) > 2*time.Second || s.starts.at(1) > 15*time.Second {
		t.Errorf("the server takes too long to be ready: %s", s.starts)
	}
}

// dies kills the server at a moment of chance.
func (s *server) dies(chance *rand.Rand, w *target) string {
	switch chance.IntN(6) {
	case 0: // while it starts
		s.kill()
		s.spawn()
		<-time.After(time.Duration(chance.IntN(150)) * time.Millisecond)
		s.kill()
		return "while it started"
	case 1, 2:
		<-time.After(time.Duration(chance.IntN(300)) * time.Millisecond)
		s.kill()
		return "at any time"
	default: // in the middle of a call
		sprung := make(chan struct{})
		done := chance.IntN(2) == 0
		w.set(&trap{after: 1 + chance.IntN(12), done: done, spring: func() {
			s.kill()
			close(sprung)
		}})
		select {
		case <-sprung:
		case <-time.After(500 * time.Millisecond):
			w.set(nil)
			s.kill()
			return "with no call to wait for"
		}
		if done {
			return "after a call was carried out"
		}
		return "before a call was carried out"
	}
}
