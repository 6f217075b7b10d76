package slack

import (
	"math"
	"net/http"
	"strings"

	"golang.org/x/time/rate"
)

// published are Slack's limits a minute and their bursts (docs.slack.dev/reference/scim-api/rate-limits).
var published = map[string][2]int{
	"write": {600, 180}, "read": {1000, 1000}, "GET /Users/{id}": {300, 300}, "POST /Users": {180, 20}, "PATCH /Users/{id}": {180, 20},
	"DELETE /Users/{id}": {180, 20}, "GET /Groups/{id}": {300, 300}, "POST /Groups": {180, 20}, "PATCH /Groups/{id}": {180, 80}, "DELETE /Groups/{id}": {180, 20},
}

func newBudgets(scale float64) map[string]*rate.Limiter {
	if scale < 0 {
		return nil
	}
	if scale == 0 {
		scale = 1
	}
	out := map[string]*rate.Limiter{}
	for name, p := range published {
		out[name] = rate.NewLimiter(rate.Limit(float64(p[0])/60*scale), p[1])
	}
	return out
}

// spend takes a token from the endpoint's bucket and the organisation's, or says how long to wait.
func (w *Workspace) spend(method, endpoint string) error {
	if w.budgets == nil {
		return nil
	}
	org := "write"
	if method == http.MethodGet {
		org = "read"
	}
	if method == http.MethodPut {
		endpoint = strings.Replace(endpoint, http.MethodPut, http.MethodPatch, 1)
	}
	now := w.options.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range []string{endpoint, org} {
		b := w.budgets[name]
		if b == nil {
			continue
		}
		if missing := 1 - b.TokensAt(now); missing > 0 {
			seconds := int(math.Ceil(missing / float64(b.Limit())))
			return &failure{http.StatusTooManyRequests, "too_many_requests", max(seconds, 1)}
		}
	}
	for _, name := range []string{endpoint, org} {
		if b := w.budgets[name]; b != nil {
			b.AllowN(now, 1)
		}
	}
	return nil
}

// lock takes a user or group for one write. Slack lets nobody else change it meanwhile.
func (w *Workspace) lock(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.locked[id] {
		return &failure{http.StatusTooManyRequests, "resource_locked", 1}
	}
	w.locked[id] = true
	return nil
}

func (w *Workspace) unlock(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.locked, id)
}
