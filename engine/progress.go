package engine

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"lockstep/provision"
)

// rateWindow is the time over which the rate is measured.
const rateWindow = 60

// progress counts what a runner does.
type progress struct {
	mu       sync.Mutex
	calls    [rateWindow]int64 // by second
	second   int64             // the newest second of calls
	since    int64             // the second of the first call
	pending  int64             // calls not yet put into a second
	done     int64
	lastSync time.Time
	dirty    bool
}

func newProgress(s provision.RunnerState) *progress {
	return &progress{done: s.Done, lastSync: s.LastSyncAt}
}

// count notes a call that was made.
func (p *progress) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending++
	p.done++
	p.dirty = true
}

// started notes that work is under way.
func (p *progress) started(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roll(now)
	p.dirty = true
}

// succeeded notes that an object stands as it should.
func (p *progress) succeeded(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roll(now)
	p.lastSync, p.dirty = now, true
}

// roll puts the pending calls into the second of now and forgets the seconds that have passed out of the window.
func (p *progress) roll(now time.Time) {
	s := now.Unix()
	if p.since == 0 {
		p.since, p.second = s, s
	}
	for gap := min(s-p.second, rateWindow); gap > 0; gap-- {
		p.calls[(s-gap+1)%rateWindow] = 0
	}
	p.second = max(p.second, s)
	p.calls[p.second%rateWindow] += p.pending
	p.pending = 0
}

// moved reports whether anything happened since figures was asked last.
func (p *progress) moved() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dirty
}

// figures answers the time of the last success, the calls made, and the rate a minute.
func (p *progress) figures(now time.Time) (time.Time, int64, float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dirty = false
	if p.since == 0 {
		return p.lastSync, p.done, 0
	}
	p.roll(now)
	var sum int64
	for _, n := range p.calls {
		sum += n
	}
	seconds := min(max(now.Unix()-p.since+1, 1), rateWindow) // the clock may have been put back
	return p.lastSync, p.done, float64(sum) * 60 / float64(seconds)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
