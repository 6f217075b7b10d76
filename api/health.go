package api

import (
	"context"
	"net/http"
	"time"
)

// Answered is a request that was answered.
type Answered struct {
	Route  string // the pattern that matched, "GET /v1/environments/{environmentID}/users"; "" = none
	Method string
	Status int // 0: the client went before there was one
	Took   time.Duration
}

// Check is something that must work for the server to be ready.
type Check struct {
	Name  string
	Run   func(ctx context.Context) error
	Wrong string // what is said when it does not: a plain sentence with the next step
}

const (
	healthy       = "OK"
	unavailable   = "UNAVAILABLE"
	checkPatience = 5 * time.Second // probes give up soon; an answer that says why is worth more than none
)

// Health says that the process runs.
type Health struct {
	Status string `json:"status" enum:"OK"`
}

// Readiness says whether the server can work, and what is in the way.
type Readiness struct {
	Status string         `json:"status" enum:"OK,UNAVAILABLE"`
	Checks []CheckedReady `json:"checks"`
}

// CheckedReady is one thing that must work.
type CheckedReady struct {
	Name    string `json:"name"`
	Status  string `json:"status" enum:"OK,UNAVAILABLE"`
	Message string `json:"message,omitempty" doc:"What is wrong, and the next step."`
}

// ready says what is wrong without the error itself, which may name hosts and users; the log has it.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	out, status := Readiness{Status: healthy, Checks: []CheckedReady{}}, http.StatusOK
	for _, c := range s.Ready {
		checked := CheckedReady{Name: c.Name, Status: healthy}
		ctx, cancel := context.WithTimeout(r.Context(), checkPatience)
		if err := c.Run(ctx); err != nil {
			s.Logger.Warn("the server is not ready", "check", c.Name, "error", err)
			checked.Status, checked.Message = unavailable, c.Wrong
			out.Status, status = unavailable, http.StatusServiceUnavailable
		}
		cancel()
		out.Checks = append(out.Checks, checked)
	}
	writeJSON(w, status, out)
}
