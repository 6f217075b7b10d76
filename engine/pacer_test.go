package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"lockstep/connector"
	"lockstep/provision"
)

var slackLike = []connector.Budget{{Name: "write", PerMinute: 600, Burst: 180}, {Name: "create", PerMinute: 180, Burst: 20}, {Name: "update", PerMinute: 180, Burst: 20}}

// TestPacerUsesTheBudget: over twenty virtual minutes at least 97 % of what the target allows is used, and the target, which
// counts for itself and sees requests up to 50 ms late, never refuses one.
func TestPacerUsesTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const minutes = 20
		p := newPacer(slackLike, 1, left{}, time.Now)
		target := rate.NewLimiter(rate.Limit(180.0/60), 20)
		ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute)
		defer cancel()
		var mu sync.Mutex
		var made, refused int
		var group sync.WaitGroup
		for worker := range 32 {
			group.Go(func() {
				for p.acquire(ctx, provision.PriorityBackfill, []string{"write", "create"}) == nil {
					<-time.After(time.Duration(worker*7%50) * time.Millisecond) // on the way
					mu.Lock()
					made++
					if !target.AllowN(time.Now(), 1) {
						refused++
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		allowed := 20 + 180*minutes
		if refused > 0 || made < allowed*97/100 || made > allowed {
			t.Errorf("made %d of %d allowed, %d refused", made, allowed, refused)
		}
		t.Logf("%d of %d allowed: %.1f %%", made, allowed, float64(made)*100/float64(allowed))
	})
}

// TestPacerLate: after a rest, when all of a burst may be spent, requests reach the target a quarter of a second late for some time and then at once.
// None is refused, at Slack's limits or at faster ones.
func TestPacerLate(t *testing.T) {
	for _, factor := range []float64{1, 3, 6} {
		t.Run(fmt.Sprint(factor), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { neverRefused(t, factor) }) })
	}
}

func neverRefused(t *testing.T, factor float64) {
	t.Helper()
	p := newPacer(slackLike, factor, left{}, time.Now)
	target := rate.NewLimiter(rate.Limit(180.0/60*factor), 20)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var mu sync.Mutex
	var made, refused int
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			for {
				if at := time.Since(began) % time.Minute; at < 10*time.Second {
					<-time.After(10*time.Second - at)
				}
				if p.acquire(ctx, provision.PriorityBackfill, []string{"write", "create"}) != nil {
					return
				}
				if time.Since(began)%time.Minute < 20*time.Second {
					<-time.After(late)
				}
				mu.Lock()
				made++
				if !target.AllowN(time.Now(), 1) {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if refused > 0 || made < int(9*120*factor) {
		t.Errorf("%d of %d requests were refused", refused, made)
	}
}

// TestPacerPriority: whoever loses access goes first, and a waiter for one budget does not hold up another's.
func TestPacerPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(slackLike, 1, left{levels: map[string]float64{"create": 0, "update": 0}, at: time.Now()}, time.Now)
		var mu sync.Mutex
		var order []string
		var group sync.WaitGroup
		wait := func(name string, priority provision.Priority, budgets ...string) {
			group.Go(func() {
				if err := p.acquire(t.Context(), priority, budgets); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, name)
			})
			synctest.Wait()
		}
		wait("backfill", provision.PriorityBackfill, "update")
		wait("live", provision.PriorityLive, "update")
		wait("leaver", provision.PriorityDeprovision, "update")
		wait("free", provision.PriorityBackfill, "write")
		group.Wait()
		for i, want := range []string{"free", "leaver", "live", "backfill"} {
			if order[i] != want {
				t.Fatalf("%v", order)
			}
		}
	})
}

// TestPacerThrottleAndStop: a budget that the target says is spent is left alone; stopping sends waiters away.
func TestPacerThrottleAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(slackLike, 0, left{}, time.Now) // no pacing of our own; the target is obeyed all the same
		p.throttle([]string{"create"}, 7*time.Second)
		began := time.Now()
		if err := p.acquire(t.Context(), provision.PriorityLive, []string{"write", "create"}); err != nil || time.Since(began) < 7*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		p.throttle([]string{"create"}, time.Hour)
		flushed := make(chan error, 1)
		go func() { flushed <- p.acquire(t.Context(), provision.PriorityLive, []string{"create"}) }()
		synctest.Wait()
		p.flush()
		if err := <-flushed; !errors.Is(err, errStopping) {
			t.Error(err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- p.acquire(t.Context(), provision.PriorityLive, []string{"create"}) }()
		synctest.Wait()
		p.stop()
		if err := <-stopped; !errors.Is(err, errStopping) {
			t.Error(err)
		}
	})
}

// TestBackoff grows, is bounded, and is never shorter than three quarters of the step.
func TestBackoff(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 100: retryLongest} {
		if d := New(Config{}).backoff(attempt, retryFirst, retryLongest); d > want || d < want*3/4-1 {
			t.Errorf("attempt %d: %s", attempt, d)
		}
	}
}
