package slack

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong with the requests that it matches.
type Fault struct {
	Method     string `json:"method"`     // "" = any
	PathPrefix string `json:"pathPrefix"` // "" = any
	Skip       int    `json:"skip"`       // let so many pass first
	Times      int    `json:"times"`      // how often; 0 = once

	Status             int    `json:"status"`             // answer this, before anything is done
	RetryAfter         int    `json:"retryAfter"`         // seconds, with Status
	Code               string `json:"code"`               // the error's code, with Status
	ResetBefore        bool   `json:"resetBefore"`        // break the connection before anything is done
	ResetAfter         bool   `json:"resetAfter"`         // do it, then break the connection
	Hang               bool   `json:"hang"`               // do it, then never answer
	Truncated          bool   `json:"truncated"`          // do it, then answer half
	HTML               bool   `json:"html"`               // do it, then answer a page
	DeactivateOnUpdate bool   `json:"deactivateOnUpdate"` // as Slack did in April 2024
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

// fault takes the first fault that matches a request.
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
	return nil
}

func (f *Fault) status() int {
	if f.ResetBefore {
		return 0
	}
	return f.Status
}

// before reports whether it has answered instead of the workspace.
func (f *Fault) before(rw http.ResponseWriter) bool {
	if f.ResetBefore {
		reset(rw)
		return true
	}
	if f.Status == 0 {
		return false
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
	answer(rw, f.Status, errorBody("v2", &failure{status: f.Status, code: code}))
	return true
}

// after reports whether it has spoilt the answer.
func (f *Fault) after(rw http.ResponseWriter, r *http.Request) bool {
	switch {
	case f.ResetAfter:
		reset(rw)
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-time.After(2 * time.Minute):
		}
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

func reset(rw http.ResponseWriter) {
	if hijacker, ok := rw.(http.Hijacker); ok {
		if connection, _, err := hijacker.Hijack(); err == nil {
			_ = connection.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// deactivate is Slack's failure of April 2024: an update that does not mention active leaves the member inactive.
func (w *Workspace) deactivate(c *call) {
	if c.Method == http.MethodPatch && !strings.Contains(string(c.body), `"active"`) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if m := w.members[c.id]; m != nil {
			m.Active = false
		}
	}
}
