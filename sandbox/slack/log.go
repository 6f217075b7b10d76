package slack

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Log is what was asked of the workspace.
type Log struct {
	Requests []Request        `json:"requests"` // the last 10,000
	Totals   map[string]int64 `json:"totals"`   // by method and endpoint, "429", and "writes"
}

// Request is one request that was answered.
type Request struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"` // 0: the connection was broken
}

const keptRequests = 10_000

// Requests answers what was asked since the log was reset.
func (w *Workspace) Requests() Log {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Log{Requests: slices.Clone(w.log.Requests), Totals: maps.Clone(w.log.Totals)}
}

// ResetLog forgets the requests.
func (w *Workspace) ResetLog() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = Log{Totals: map[string]int64{}}
}

func (w *Workspace) note(method, path, endpoint string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.log.Requests) >= keptRequests {
		w.log.Requests = slices.Clone(w.log.Requests[keptRequests/2:])
	}
	w.log.Requests = append(w.log.Requests, Request{w.options.Now(), method, path, status})
	w.log.Totals[endpoint]++
	if status == http.StatusTooManyRequests {
		w.log.Totals["429"]++
	}
	if method != http.MethodGet && status < 300 {
		w.log.Totals["writes"]++
	}
}
