package engine

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"lockstep/provision"
)

// A target that fails again and again is called seldom until it works, so that a backfill of ten thousand people does not become ten
// thousand failures. The first answer that is good ends it.

const (
	quarantineAfter = 16 // failures of the target in a row, whoever they were about
	quarantineFirst = 5 * time.Second
	quarantineLast  = 2 * time.Minute

	actionQuarantined = "PROVISIONING_SYNC.QUARANTINED"
	actionRecovered   = "PROVISIONING_SYNC.RECOVERED"
)

// ails reports whether a fault says that the target does not work, and not that it refuses something.
func ails(f *provision.Fault) bool {
	return f.Kind == provision.Transient && len(f.Throttled) == 0 && (f.HTTPStatus >= http.StatusInternalServerError ||
		slices.Contains([]string{"unreachable", "timeout", "connection_lost", "dns", "truncated_answer"}, f.Code))
}

// failedAgain counts a failure of the target. From the sixteenth in a row on, nobody calls it for a while, longer each time.
func (r *runner) failedAgain(fault *provision.Fault) {
	if !ails(fault) {
		return
	}
	now := r.engine.now()
	r.mu.Lock()
	r.failures++
	q := r.state.Quarantine
	if r.failures < quarantineAfter && q == nil || q != nil && now.Before(q.Until) { // those that were under way do not count again
		r.mu.Unlock()
		return
	}
	next := provision.Quarantine{Fault: fault, Since: now, Attempts: 1}
	if q != nil {
		next.Since, next.Attempts = q.Since, q.Attempts+1
	}
	wait := max(fault.RetryAfter, r.engine.backoff(next.Attempts, quarantineFirst, quarantineLast))
	next.Until = now.Add(wait)
	r.state.Quarantine = &next
	pacer := r.pacer
	r.mu.Unlock()
	pacer.rest(wait)
	if q == nil {
		r.note(actionQuarantined, false, "the target fails again and again, and is called seldom until it works: "+fault.Error())
	}
}

// works notes that the target does what it is asked to.
func (r *runner) works() {
	r.mu.Lock()
	q := r.state.Quarantine
	r.failures, r.state.Quarantine = 0, nil
	r.mu.Unlock()
	if q != nil {
		r.note(actionRecovered, true, fmt.Sprintf("the target works again, after %s", r.engine.now().Sub(q.Since).Round(time.Second)))
	}
}

// rest keeps everybody off the target for a while.
func (p *pacer) rest(d time.Duration) {
	p.mu.Lock()
	var names []string
	for name, b := range p.buckets {
		if !b.bounded {
			names = append(names, name)
		}
	}
	p.mu.Unlock()
	p.throttle(names, d)
}
