package process_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lockstep/internal/postgrestest"
	sandbox "lockstep/sandbox/slack"
)

// TestDatabaseKilled: PostgreSQL is stopped immediately, twice, in the middle of a sync and of edits. The server says that it is
// not ready, goes on by itself when the database is back, and nothing is lost.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Start(t)
	store := []string{"--data=" + t.TempDir(), "--database=" + cluster.URL(t)}
	w := newTarget(t, sandbox.Options{TimeScale: killedScale, Latency: 5 * time.Millisecond})
	s := newServer(t, "server", store...)
	c := newCompany(t, w, store, func() string { return s.address })
	s.start()
	c.found(150, killedScale)
	stop := make(chan struct{})
	moment := chance(t, 0)
	stopped := c.editing(chance(t, 1), 40*time.Millisecond, stop)
	var again times
	for range 3 {
		<-time.After(time.Duration(500+moment.IntN(500)) * time.Millisecond)
		cluster.Crash(t)
		eventually(t, 5*time.Second, "the server is not ready", func() bool { return !s.ready() })
		<-time.After(time.Duration(moment.IntN(500)) * time.Millisecond)
		cluster.Restart(t)
		back := time.Now()
		eventually(t, 10*time.Second, "the server is ready", s.ready)
		eventually(t, 20*time.Second, "a call to the target", func() bool { return len(w.since(back)) > 0 })
		again = append(again, time.Since(back))
	}
	close(stop)
	<-stopped
	c.verify()
	t.Logf("the first call after the database is back: %s; %d edits acknowledged, %d whose answer was lost", again, c.edits.Load(), c.unknown.Load())
	if s.command.ProcessState != nil {
		t.Error("the server ended")
	}
}

// pair is two replicas on one database; their folders are their own, the keys are shared.
type pair struct {
	*company
	both  [2]*server
	asked atomic.Int32 // whom the company asks
	db    *sql.DB
}

func newPair(t *testing.T, w *target, flags ...string) *pair {
	t.Helper()
	shared, url := t.TempDir(), postgrestest.URL(t)
	db, err := sql.Open("pgx", url)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	p := &pair{db: db}
	store := []string{"--database=" + url, "--keys=" + filepath.Join(shared, "keys.json")}
	for i, name := range []string{"a", "b"} {
		p.both[i] = newServer(t, name, slices.Concat([]string{"--data=" + filepath.Join(shared, name)}, store, flags)...)
		p.both[i].start()
	}
	p.company = newCompany(t, w, append(store, "--data="+shared), func() string { return p.both[p.asked.Load()].address })
	return p
}

// runner is the replica that holds the connection's lease, and the other one.
func (p *pair) runner() (runs, other int) {
	p.t.Helper()
	var owner string
	eventually(p.t, 20*time.Second, "somebody runs the connection", func() bool {
		return p.db.QueryRow(`SELECT owner FROM runners WHERE owner <> ''`).Scan(&owner) == nil
	})
	for i, s := range p.both {
		raw, err := os.ReadFile(filepath.Join(s.data, "owner"))
		must(p.t, err)
		if strings.TrimSpace(string(raw)) == owner {
			return i, 1 - i
		}
	}
	p.t.Fatalf("the lease is held by %s, who is nobody", owner)
	return 0, 0
}

// TestReplicaKilled: the replica that runs the connection is killed in the middle of a sync. The other one takes over within 30 s.
func TestReplicaKilled(t *testing.T) {
	t.Parallel()
	w := newTarget(t, sandbox.Options{TimeScale: killedScale, Latency: 5 * time.Millisecond})
	c := newPair(t, w)
	c.found(250, killedScale)
	eventually(t, 10*time.Second, "the sync is under way", func() bool { return len(w.Members()) > 60 })
	runs, other := c.runner()
	c.asked.Store(int32(other))
	c.both[runs].kill()
	died := time.Now()
	stop := make(chan struct{})
	stopped := c.editing(chance(t, 0), 40*time.Millisecond, stop)
	eventually(t, 30*time.Second, "the other replica takes over", func() bool { return len(w.since(died.Add(200*time.Millisecond))) > 0 })
	took := time.Since(died)
	close(stop)
	<-stopped
	c.verify()
	t.Logf("taken over after %s", took.Round(time.Millisecond))
}

// TestEditReachesOtherReplica: an edit made at the replica that does not run the connection is written at once.
func TestEditReachesOtherReplica(t *testing.T) {
	t.Parallel()
	w := newTarget(t, sandbox.Options{TimeScale: -1})
	c := newPair(t, w)
	c.found(20, 0)
	c.settle(20 * time.Second)
	_, other := c.runner()
	c.asked.Store(int32(other))
	var delays times
	for i := range 20 {
		began := time.Now()
		status, raw, err := c.ask(http.MethodPatch, "/users/"+c.people[i].id, fmt.Sprintf(`{"name":{"family":"Edited%d"}}`, i))
		if err != nil || status != http.StatusOK {
			t.Fatalf("%d %s %v", status, raw, err)
		}
		eventually(t, 5*time.Second, "the write", func() bool { return len(w.since(began)) > 0 })
		delays = append(delays, w.since(began)[0].at.Sub(began))
	}
	t.Logf("from an edit to the write: %s", delays)
	if delays.at(0.5) > 300*time.Millisecond {
		t.Errorf("the edits of another replica are only found by looking now and then: %s", delays)
	}
}

// TestRollingRestart: both replicas are restarted in turn, twice, while a client that asks only those who say that they are ready
// makes edits. None of them fails.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	w := newTarget(t, sandbox.Options{TimeScale: killedScale, Latency: 5 * time.Millisecond})
	c := newPair(t, w, "--drain=400ms")
	stop := make(chan struct{})
	balanced := c.balancing(stop)
	c.found(100, killedScale)
	stopped := c.editing(chance(t, 0), 10*time.Millisecond, stop)
	var ends times
	for range 2 {
		for _, s := range c.both {
			ends = append(ends, s.terminate())
			s.start()
		}
	}
	close(stop)
	<-stopped
	<-balanced
	c.asked.Store(0)
	c.verify()
	if c.unknown.Load() > 0 {
		t.Errorf("%d of %d edits failed during a rolling restart", c.unknown.Load(), c.edits.Load())
	}
	t.Logf("%d edits; from SIGTERM to the end: %s", c.edits.Load(), ends)
}

// balancing asks, like a load balancer, who is ready, and sends requests there. When nobody is, they wait as long as it takes to
// ask again.
func (p *pair) balancing(stop <-chan struct{}) chan struct{} {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for turn := 0; ; turn++ {
			for i := range p.both {
				if candidate := (turn + i) % len(p.both); p.both[candidate].ready() { // in turns
					p.asked.Store(int32(candidate))
					break
				}
			}
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	}()
	return stopped
}

// freeze stops a replica in the middle of a transaction, whose locks are in the way of the other one; when it is not caught in one in many
// attempts, anywhere.
func (p *pair) freeze(s *server) {
	p.t.Helper()
	const still = `SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.relation = 'accounts'::regclass AND l.mode = 'RowExclusiveLock'
 WHERE a.datname = current_database() AND a.state = 'idle in transaction' AND a.state_change < clock_timestamp() - interval '60 ms'`
	for attempt := range 200 {
		must(p.t, s.command.Process.Signal(syscall.SIGSTOP))
		stopped := time.Now()
		for time.Since(stopped) < 80*time.Millisecond {
			var held int
			must(p.t, p.db.QueryRow(still).Scan(&held))
			if held > 0 {
				p.t.Logf("it stands still in a transaction, at attempt %d", attempt+1)
				return
			}
		}
		must(p.t, s.command.Process.Signal(syscall.SIGCONT))
	}
	must(p.t, s.command.Process.Signal(syscall.SIGSTOP))
}

// TestReplicaFrozen: the replica that runs the connection stands still (a machine that was suspended) until the other one has
// taken over, and then goes on where it was: it must neither call nor record anything any more.
func TestReplicaFrozen(t *testing.T) {
	t.Parallel()
	w := newTarget(t, sandbox.Options{TimeScale: killedScale, Latency: 50 * time.Millisecond})
	c := newPair(t, w)
	c.found(250, killedScale)
	eventually(t, 20*time.Second, "the sync is under way", func() bool { return len(w.Members()) > 60 })
	runs, other := c.runner()
	c.asked.Store(int32(other))
	c.freeze(c.both[runs])
	frozen := time.Now()
	stop := make(chan struct{})
	stopped := c.editing(chance(t, 0), 40*time.Millisecond, stop)
	eventually(t, 30*time.Second, "the other replica takes over", func() bool { return len(w.since(frozen.Add(time.Second))) > 20 })
	must(t, c.both[runs].command.Process.Signal(syscall.SIGCONT))
	eventually(t, 10*time.Second, "the first replica serves again", c.both[runs].ready)
	<-time.After(2 * time.Second)
	close(stop)
	<-stopped
	c.verify()
}
