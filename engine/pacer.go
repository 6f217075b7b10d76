package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"lockstep/connector"
	"lockstep/provision"
)

// errStopping ends the wait for a budget when the slice ends: the work stays due.
var errStopping = errors.New("the runner is stopping")

// paceShare is how much of a published limit is used at the most: the target's clock and ours tick apart, and the way of a
// request takes longer or shorter, so that exactly the published rate would be refused now and then.
const paceShare = 0.995

// late is by how much a request may be late at the target without being refused. While the target's bucket is full nothing flows into it, so that
// a request under way then is missing afterwards: the burst is smaller by as much as flows in that time: by one at
// least, by a quarter at most.
const late = 250 * time.Millisecond

// pacer spends a target's budgets. Waiters are served by priority, then in the order in which they came; one that waits for
// a spent budget does not hold up those that need another one. One runner drains a connection, so it is the only pacer.
type pacer struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
	waiting []*waiter // by priority, then seq
	seq     uint64
	timer   *time.Timer
	stopped bool
}

type bucket struct {
	limiter *rate.Limiter // nil: not paced
	until   time.Time     // the target said "not before"
	// Of budgetUnverified: how many may be under way, and are.
	bounded    bool
	most, used int
}

type waiter struct {
	priority provision.Priority
	seq      uint64
	budgets  []string
	granted  chan struct{}
	refused  bool
}

// left is what the pacer before leaves to the next: the tokens at a time (what is not in it starts full), and until when the
// target wants to be left alone.
type left struct {
	levels    map[string]float64
	at        time.Time
	notBefore map[string]time.Time
}

// newPacer scales the published budgets by factor; 0 means no pacing of our own.
func newPacer(budgets []connector.Budget, factor float64, from left, now func() time.Time) *pacer {
	p := &pacer{now: now, buckets: make(map[string]*bucket, len(budgets))}
	for _, b := range budgets {
		p.buckets[b.Name] = newBucket(b, factor, from.levels, from.at)
		p.buckets[b.Name].until = from.notBefore[b.Name]
	}
	return p
}

func newBucket(b connector.Budget, factor float64, levels map[string]float64, at time.Time) *bucket {
	if factor == 0 {
		return &bucket{}
	}
	perSecond := b.PerMinute / 60 * factor * paceShare
	room := min(int(math.Ceil(perSecond*late.Seconds())), b.Burst/4)
	burst := max(1, b.Burst-max(1, room))
	limiter := rate.NewLimiter(rate.Limit(perSecond), burst)
	if level, ok := levels[b.Name]; ok {
		if used := burst - int(level); used > 0 {
			limiter.AllowN(at, min(used, burst))
		}
	}
	return &bucket{limiter: limiter}
}

// spent are the levels of budgets of which nothing is left: that is assumed when nobody can say, because too little costs a moment
// and too much is refused.
func spent(budgets []connector.Budget) map[string]float64 {
	levels := make(map[string]float64, len(budgets))
	for _, b := range budgets {
		levels[b.Name] = 0
	}
	return levels
}

// acquire waits until a request that spends these budgets may be made.
func (p *pacer) acquire(ctx context.Context, priority provision.Priority, budgets []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return errStopping
	}
	p.seq++
	w := &waiter{priority: priority, seq: p.seq, budgets: budgets, granted: make(chan struct{})}
	i := sort.Search(len(p.waiting), func(i int) bool { return p.waiting[i].priority > priority })
	p.waiting = append(p.waiting, nil)
	copy(p.waiting[i+1:], p.waiting[i:])
	p.waiting[i] = w
	p.pump()
	p.mu.Unlock()

	select {
	case <-w.granted:
		if w.refused {
			return errStopping
		}
		return nil
	case <-ctx.Done():
		if !p.forget(w) && !w.refused && slices.Contains(budgets, budgetUnverified) {
			p.verified(false) // granted in this moment
		}
		return ctx.Err()
	}
}

// forget reports whether the waiter was waiting still.
func (p *pacer) forget(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.waiting {
		if other == w {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// pump grants what can be granted and sets the timer for the rest. The caller holds mu.
func (p *pacer) pump() {
	now := p.now()
	var next time.Duration
	blocked := map[string]bool{}
	kept := p.waiting[:0]
	for _, w := range p.waiting {
		wait, name := p.wait(w, blocked, now)
		if wait <= 0 {
			p.spend(w, now)
			close(w.granted)
			continue
		}
		// Nobody behind takes the token that this one waits for.
		blocked[name] = true
		if next == 0 || wait < next {
			next = wait
		}
		kept = append(kept, w)
	}
	clear(p.waiting[len(kept):])
	p.waiting = kept
	if p.timer != nil {
		p.timer.Stop()
	}
	if next > 0 {
		p.timer = time.AfterFunc(next, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.pump()
		})
	}
}

// wait answers how long the scarcest budget needs, and its name; 0 = the request may be made.
func (p *pacer) wait(w *waiter, blocked map[string]bool, now time.Time) (time.Duration, string) {
	var longest time.Duration
	var name string
	for _, n := range w.budgets {
		b := p.buckets[n]
		if b == nil {
			continue
		}
		d := b.wait(now)
		if blocked[n] {
			d = max(d, time.Millisecond)
		}
		if d > longest {
			longest, name = d, n
		}
	}
	return longest, name
}

func (b *bucket) wait(now time.Time) time.Duration {
	d := b.until.Sub(now)
	if b.bounded && b.used >= b.most {
		return time.Hour // whoever is done lets the next one in
	}
	if b.limiter != nil {
		if missing := 1 - b.limiter.TokensAt(now); missing > 0 {
			d = max(d, time.Duration(missing/float64(b.limiter.Limit())*float64(time.Second))+time.Microsecond)
		}
	}
	return max(d, 0)
}

func (p *pacer) spend(w *waiter, now time.Time) {
	for _, n := range w.budgets {
		b := p.buckets[n]
		if b == nil {
			continue
		}
		if b.limiter != nil {
			b.limiter.AllowN(now, 1)
		}
		if b.bounded {
			b.used++
		}
	}
}

// unverified bounds how many updates may be under way whose answers are not known yet.
func (p *pacer) unverified(most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.buckets[budgetUnverified]
	if b == nil {
		b = &bucket{bounded: true}
		p.buckets[budgetUnverified] = b
	}
	b.most = most
	p.pump()
}

// verified ends one of them; hurt = there is one less from now on.
func (p *pacer) verified(hurt bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.buckets[budgetUnverified]; b != nil {
		b.used--
		if hurt {
			b.most--
		}
	}
	p.pump()
}

// throttle keeps everybody off budgets that the target says are spent.
func (p *pacer) throttle(budgets []string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := p.now().Add(d)
	for _, n := range budgets {
		if b := p.buckets[n]; b != nil && b.until.Before(until) {
			b.until = until
		}
	}
	p.pump()
}

// left answers what the next pacer has to know, so that it does not burst.
func (p *pacer) left() left {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := left{levels: make(map[string]float64, len(p.buckets)), at: p.now(), notBefore: map[string]time.Time{}}
	for n, b := range p.buckets {
		if b.limiter != nil {
			out.levels[n] = b.limiter.TokensAt(out.at)
		}
		if b.until.After(out.at) {
			out.notBefore[n] = b.until
		}
	}
	return out
}

// stop sends everybody who waits away, and everybody who comes.
func (p *pacer) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.flush()
}

// flush sends everybody who waits away: a pause or a halt must not be followed by the calls that were queued for the budget.
func (p *pacer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.waiting {
		w.refused = true
		close(w.granted)
	}
	p.waiting = nil
	if p.timer != nil {
		p.timer.Stop()
	}
}
