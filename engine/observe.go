package engine

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"lockstep/provision"
)

// Observer is told what is done, for metrics. Its methods are called often and at the same time, and must not wait.
type Observer interface {
	// Called: one request to a target was answered; status is 0 when no answer came.
	Called(connectionID string, status int, took time.Duration)
	// Operated: one operation ended; fault is nil when it was carried out.
	Operated(connectionID string, verb provision.Verb, fault *provision.Fault)
}

// clientFor is the HTTP client by which a connection's target is called.
func (e *Engine) clientFor(connectionID string) *http.Client {
	if e.observer == nil {
		return e.client
	}
	out := *e.client
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = &observed{next: out.Transport, engine: e, connectionID: connectionID}
	return &out
}

type observed struct {
	next         http.RoundTripper
	engine       *Engine
	connectionID string
}

// RoundTrip implements http.RoundTripper.
func (o *observed) RoundTrip(r *http.Request) (*http.Response, error) {
	start := o.engine.now()
	response, err := o.next.RoundTrip(r)
	status := 0
	if err == nil {
		status = response.StatusCode
	}
	o.engine.observer.Called(o.connectionID, status, o.engine.now().Sub(start))
	return response, err
}

// operated tells of one operation. What was not tried, because the runner stops, is none.
func (r *runner) operated(verb provision.Verb, err error) {
	if r.engine.observer == nil {
		return
	}
	fault, isFault := errors.AsType[*provision.Fault](err)
	if err == nil || isFault {
		r.engine.observer.Operated(r.connectionID, verb, fault)
	}
}

// Budgets answers how many requests each connection that this process runs may make at once now, by the target's budgets. A
// budget that is not paced is not in it.
func (e *Engine) Budgets() map[string]map[string]float64 {
	e.mu.Lock()
	runners := slices.Collect(maps.Values(e.runners))
	e.mu.Unlock()
	out := make(map[string]map[string]float64, len(runners))
	for _, r := range runners {
		r.mu.Lock()
		p := r.pacer
		r.mu.Unlock()
		if p != nil { // nil: it has only begun
			out[r.connectionID] = p.left().levels
		}
	}
	return out
}
