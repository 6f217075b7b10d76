package slack

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong with the requests that it matches.
type Fault struct {
	Method     string `json:"method"`     // "" = any
	PathPrefix string `json:"pathPrefix"` // a part of the path; "" = any
	Skip       int    `json:"skip"`       // let so many pass first
	Times      int    `json:"times"`      // how often; 0 = once

	Status             int     `json:"status"`             // answer this, before anything is done
	RetryAfter         int     `json:"retryAfter"`         // seconds, with Status; 0 = none is said
	Code               string  `json:"code"`               // the error's code, with Status
	ResetBefore        bool    `json:"resetBefore"`        // break the connection before anything is done
	ResetAfter         bool    `json:"resetAfter"`         // do it, then break the connection
	Hang               bool    `json:"hang"`               // do it, then never answer
	Truncated          bool    `json:"truncated"`          // do it, then answer half
	HTML               bool    `json:"html"`               // do it, then answer a page
	SlowBody           float64 `json:"slowBody"`           // do it, then take so many seconds over the answer's body
	DeactivateOnUpdate bool    `json:"deactivateOnUpdate"` // as Slack did in April 2024
	FilterIgnored      bool    `json:"filterIgnored"`      // list as if there were no filter
	// Drift shifts the pages after the first by so many rows, as when the list changes while it is read: 1 repeats a row, -1
	// leaves one out.
	Drift int `json:"drift"`
	// Omit leaves the member with this id out of a list of users, also of how many there are.
	Omit string `json:"omit"`
}

// Inject queues faults.
func (w *Workspace) Inject(faults ...Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range faults {
		f.Times = max(f.Times, 1)
		w.faults = append(w.faults, &f)
	}
}

// ClearFaults forgets the faults that have not happened yet.
func (w *Workspace) ClearFaults() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = nil
}

// fault takes the first fault that matches a request; without one, it is a fault that does nothing.
func (w *Workspace) fault(r *http.Request) *Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, f := range w.faults {
		if f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.PathPrefix) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		taken := *f
		if f.Times--; f.Times == 0 {
			w.faults = append(w.faults[:i], w.faults[i+1:]...)
		}
		return &taken
	}
	return &Fault{}
}

func (f *Fault) status() int {
	if f.ResetBefore {
		return 0
	}
	return f.Status
}

// instead answers in place of the workspace, in the shape of the version that was asked.
func (w *Workspace) instead(rw http.ResponseWriter, c *call) {
	f := c.fault
	if f.ResetBefore {
		reset(rw)
		return
	}
	if f.RetryAfter > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	code := f.Code
	if code == "" {
		code = "database_query_failure"
		if f.Status == http.StatusTooManyRequests {
			code = "too_many_requests"
		}
	}
	w.answer(rw, f.Status, errorBody(c.version, f.Status, code))
}

const hangs = 2 * time.Minute

// spoil reports whether it has spoilt the answer to something that was done.
func (f *Fault) spoil(rw http.ResponseWriter, r *http.Request) bool {
	switch {
	case f.ResetAfter:
		reset(rw)
	case f.Hang:
		wait(r.Context(), hangs)
		reset(rw)
	case f.Truncated:
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusOK)
		_, _ = rw.Write([]byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"U1`))
	case f.HTML:
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusOK)
		_, _ = rw.Write([]byte("<!doctype html><title>Maintenance</title>"))
	default:
		return false
	}
	return true
}

const trickles = 10

// trickle writes an answer bit by bit.
func (w *Workspace) trickle(ctx context.Context, rw http.ResponseWriter, seconds float64, status int, body any) {
	raw, err := encode(body)
	if err != nil || raw == nil {
		w.answer(rw, status, body)
		return
	}
	rw.Header().Set("Content-Type", w.options.ContentType)
	rw.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	rw.WriteHeader(status)
	pause := time.Duration(seconds * float64(time.Second) / trickles)
	for n := range trickles {
		wait(ctx, pause)
		if _, err := rw.Write(raw[n*len(raw)/trickles : (n+1)*len(raw)/trickles]); err != nil { //nolint:gosec // JSON, and served as such
			return
		}
		_ = http.NewResponseController(rw).Flush()
	}
}

func reset(rw http.ResponseWriter) {
	if hijacker, ok := rw.(http.Hijacker); ok {
		if connection, _, err := hijacker.Hijack(); err == nil {
			_ = connection.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}
