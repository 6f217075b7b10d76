package slack

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxRequest = 4 << 20 // 15,000 operations that name a member each

// call is one request on its way.
type call struct {
	*http.Request
	version string
	id      string
	body    []byte
	fault   *Fault // never nil
}

// endpoint serves a call with a status and a body; a *failure is Slack's refusal.
type endpoint func(*call) (int, any, error)

func (w *Workspace) routes() {
	w.mux = http.NewServeMux()
	for _, version := range []string{"v1", "v2"} {
		base := "/scim/" + version
		for _, name := range []string{"ServiceProviderConfig", "ServiceProviderConfigs"} {
			w.mux.HandleFunc("GET "+base+"/"+name, func(rw http.ResponseWriter, r *http.Request) {
				w.note(r.Method, r.URL.Path, "GET /ServiceProviderConfig", http.StatusOK)
				w.answer(rw, http.StatusOK, serviceProviderConfig) // whatever the token
			})
		}
		for name, document := range discovery(version) {
			w.mux.Handle(base+"/"+name, w.api(version, name, document))
		}
		w.mux.Handle(base+"/Users", w.api(version, "Users", w.users))
		w.mux.Handle(base+"/Users/{id}", w.api(version, "Users", w.user))
		w.mux.Handle(base+"/Groups", w.api(version, "Groups", w.groupList))
		w.mux.Handle(base+"/Groups/{id}", w.api(version, "Groups", w.group))
		w.mux.Handle(base+"/", w.api(version, "", func(*call) (int, any, error) { return 0, nil, fail(http.StatusNotFound, "bad_endpoint") }))
	}
	w.mux.HandleFunc("/scim/", func(rw http.ResponseWriter, r *http.Request) {
		w.note(r.Method, r.URL.Path, r.Method+" /", http.StatusNotFound)
		w.refuse(rw, "v2", &failure{status: http.StatusNotFound, code: "unsupported_version"})
	})
	w.webAPI()
	w.authorizeRoutes()
	w.control()
}

// ServeHTTP implements http.Handler. A trailing slash is accepted, as Slack does.
func (w *Workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutSuffix(r.URL.Path, "/"); ok && strings.Count(path, "/") > 2 && strings.HasPrefix(path, "/scim/") {
		r = r.Clone(r.Context())
		r.URL.Path = path
	}
	w.mux.ServeHTTP(rw, r)
}

// api wraps an endpoint: authentication, limits, locks, faults, the log, and both shapes of errors.
func (w *Workspace) api(version, resource string, serve endpoint) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, version: version, id: r.PathValue("id"), fault: w.fault(r)}
		name := r.Method + " /" + resource
		if c.id != "" {
			name += "/{id}"
		}
		if c.fault.ResetBefore || c.fault.Status != 0 {
			w.work(r.Context())
			w.note(r.Method, r.URL.Path, name, c.fault.status())
			w.instead(rw, c)
			return
		}
		status, body, err := w.serve(r.Context(), c, name, serve)
		f, failed := errors.AsType[*failure](err)
		if failed {
			status = w.status(f)
		} else if other, ok := w.options.Statuses[name]; ok {
			status = other
		}
		if status == http.StatusNoContent {
			body = nil
		}
		w.note(r.Method, r.URL.Path, name, status)
		switch {
		case c.fault.spoil(rw, r):
		case failed:
			w.refuse(rw, version, f)
		case c.fault.SlowBody > 0:
			w.trickle(r.Context(), rw, c.fault.SlowBody, status, body)
		default:
			w.answer(rw, status, body)
		}
	})
}

// serve does a request. The lock is held while it is worked on, and is free again before the answer is on its way.
func (w *Workspace) serve(ctx context.Context, c *call, name string, serve endpoint) (int, any, error) {
	if err := w.authenticate(c.Request); err != nil {
		return 0, nil, err
	}
	if err := w.spend(c.Method, name); err != nil {
		return 0, nil, err
	}
	if c.Method != http.MethodGet {
		raw, err := io.ReadAll(io.LimitReader(c.Body, maxRequest+1))
		if err != nil || len(raw) > maxRequest {
			return 0, nil, bad("invalid_request_payload")
		}
		c.body = raw
		if c.id != "" {
			if err := w.lock(c.id); err != nil {
				return 0, nil, err
			}
			defer w.unlock(c.id)
		}
	}
	w.work(ctx)
	return serve(c)
}

// work takes the time that a request takes. It is done even when nobody waits for it any more.
func (w *Workspace) work(ctx context.Context) { wait(ctx, w.options.Latency) }

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *Workspace) authenticate(r *http.Request) error {
	header := r.Header.Get("Authorization")
	if header == "" {
		return fail(http.StatusUnauthorized, "missing_authentication")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	given, ok := strings.CutPrefix(header, "Bearer ")
	t, wrong := w.state(given)
	switch {
	case !ok || wrong != "" || !slices.Contains(t.scopes, scopeAdmin) || w.role != Owner && w.role != PrimaryOwner && w.role != Admin:
		return fail(http.StatusUnauthorized, "invalid_authentication")
	case w.options.Enterprise && !t.organization:
		return fail(http.StatusForbidden, "non_org_teams_only")
	default:
		return nil
	}
}

// page reads startIndex and count: 10 rows unless asked for more, and never more than 1,000. The names' case does not matter.
func page(q url.Values) (start, count int) {
	return max(number(query(q, "startIndex"), 1), 1), min(max(number(query(q, "count"), 10), 0), 1000)
}

func query(q url.Values, name string) string {
	for key, values := range q {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return otherwise
}
