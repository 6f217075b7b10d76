package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxRequest = 1 << 20

// failure is an answer that is an error: a code of Slack's, with the values that Slack adds in brackets.
type failure struct {
	status int
	code   string
	retry  int
}

func (f *failure) Error() string { return f.code }

func fail(status int, code string) error { return &failure{status: status, code: code} }

func (w *Workspace) routes() {
	w.mux = http.NewServeMux()
	for _, version := range []string{"v1", "v2"} {
		base := "/scim/" + version
		for _, name := range []string{"ServiceProviderConfig", "ServiceProviderConfigs"} {
			w.mux.HandleFunc("GET "+base+"/"+name, func(rw http.ResponseWriter, r *http.Request) {
				w.note(r.Method, r.URL.Path, "GET /ServiceProviderConfig", http.StatusOK)
				answer(rw, http.StatusOK, serviceProviderConfig) // whatever the token
			})
		}
		w.mux.Handle(base+"/ResourceTypes", w.api(version, "ResourceTypes", func(*call) (int, any, error) { return http.StatusOK, resourceTypes, nil }))
		w.mux.Handle(base+"/Users", w.api(version, "Users", w.users))
		w.mux.Handle(base+"/Users/{id}", w.api(version, "Users", w.user))
		w.mux.Handle(base+"/Groups", w.api(version, "Groups", w.groupList))
		w.mux.Handle(base+"/Groups/{id}", w.api(version, "Groups", w.group))
		w.mux.Handle(base+"/", w.api(version, "", func(*call) (int, any, error) { return 0, nil, fail(http.StatusNotFound, "bad_endpoint") }))
	}
	w.mux.HandleFunc("POST /api/auth.test", w.authTest)
	w.control()
}

// ServeHTTP implements http.Handler. A trailing slash is accepted, as Slack does.
func (w *Workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/scim/") && strings.HasSuffix(r.URL.Path, "s/") {
		r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
	}
	w.mux.ServeHTTP(rw, r)
}

// call is one request on its way.
type call struct {
	*http.Request
	version string
	id      string
	body    []byte
}

// api wraps an endpoint: authentication, limits, locks, faults, the log, and both shapes of errors.
func (w *Workspace) api(version, resource string, serve func(*call) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, version: version, id: r.PathValue("id")}
		endpoint := r.Method + " /" + resource
		if c.id != "" {
			endpoint += "/{id}"
		}
		if w.options.Latency > 0 {
			timer := time.NewTimer(w.options.Latency)
			select {
			case <-timer.C:
			case <-r.Context().Done():
				timer.Stop()
			}
		}
		fault := w.fault(r)
		if fault != nil && fault.before(rw) {
			w.note(r.Method, r.URL.Path, endpoint, fault.status())
			return
		}
		status, body, err := w.serve(c, endpoint, serve)
		if err == nil && fault != nil && fault.DeactivateOnUpdate {
			w.deactivate(c)
		}
		if f, ok := errors.AsType[*failure](err); ok {
			status = f.status
			body = errorBody(version, f)
			if f.retry > 0 {
				rw.Header().Set("Retry-After", strconv.Itoa(f.retry))
			}
		}
		w.note(r.Method, r.URL.Path, endpoint, status)
		if fault != nil && fault.after(rw, r) {
			return
		}
		answer(rw, status, body)
	})
}

func (w *Workspace) serve(c *call, endpoint string, serve func(*call) (int, any, error)) (int, any, error) {
	if err := w.authenticate(c.Request); err != nil {
		return 0, nil, err
	}
	if err := w.spend(c.Method, endpoint); err != nil {
		return 0, nil, err
	}
	if c.Method != http.MethodGet {
		raw, err := io.ReadAll(io.LimitReader(c.Body, maxRequest+1))
		if err != nil || len(raw) > maxRequest {
			return 0, nil, fail(http.StatusBadRequest, "invalid_request_payload")
		}
		c.body = raw
		if c.id != "" {
			if !w.lock(c.id) {
				return 0, nil, &failure{http.StatusTooManyRequests, "resource_locked", 1}
			}
			defer w.unlock(c.id)
		}
	}
	return serve(c)
}

func (w *Workspace) authenticate(r *http.Request) error {
	header := r.Header.Get("Authorization")
	if header == "" {
		return fail(http.StatusUnauthorized, "missing_authentication")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if given, ok := strings.CutPrefix(header, "Bearer "); !ok || given != w.token || w.token == "" || w.role != Owner && w.role != Admin {
		return fail(http.StatusUnauthorized, "invalid_authentication")
	}
	return nil
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
		endpoint = strings.Replace(endpoint, "PUT", "PATCH", 1)
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

func (w *Workspace) lock(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.locked[id] {
		return false
	}
	w.locked[id] = true
	return true
}

func (w *Workspace) unlock(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.locked, id)
}

func answer(rw http.ResponseWriter, status int, body any) {
	if body == nil {
		rw.WriteHeader(status)
		return
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		rw.WriteHeader(http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json;charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(b.Bytes())
}

// errorBody: version 1, and failures of authentication in both, have one shape; version 2 has RFC 7644's with an integer status.
func errorBody(version string, f *failure) any {
	if version == "v1" || f.status == http.StatusUnauthorized {
		return map[string]any{"Errors": map[string]any{"description": f.code, "code": f.status}}
	}
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "detail": f.code, "status": f.status}
}

// serviceProviderConfig says that filters are not supported; they are. So does Slack's.
var serviceProviderConfig = map[string]any{
	"authenticationSchemes": []any{map[string]any{
		"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "Authentication Scheme using the OAuth Bearer Token Standard",
		"specUrl": "http://tools.ietf.org/html/draft-ietf-oauth-v2-bearer-01", "primary": true,
	}},
	"patch": map[string]any{"supported": true}, "bulk": map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
	"filter": map[string]any{"supported": false, "maxResults": 0}, "changePassword": map[string]any{"supported": false},
	"sort": map[string]any{"supported": false}, "etag": map[string]any{"supported": false}, "xmlDataFormat": map[string]any{"supported": false},
}

// resourceTypes is version 2's; there is no total in that list.
var resourceTypes = map[string]any{
	"schemas": []string{versionURNs["v2"].list},
	"Resources": []any{
		map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": "User", "name": "User", "endpoint": "/Users", "description": "User Account",
			"schema": versionURNs["v2"].core, "schemaExtensions": []any{map[string]any{"schema": versionURNs["v2"].enterprise, "required": false}},
		},
		map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": "Group", "name": "Group", "endpoint": "/Groups", "description": "Group", "schema": groupURN,
		},
	},
}

func (w *Workspace) authTest(rw http.ResponseWriter, r *http.Request) {
	if w.authenticate(r) != nil {
		answer(rw, http.StatusOK, map[string]any{"ok": false, "error": "invalid_auth"})
		return
	}
	rw.Header().Set("X-Oauth-Scopes", "admin")
	answer(rw, http.StatusOK, map[string]any{
		"ok": true, "url": "https://sandbox.slack.com/", "team": "Lockstep Sandbox", "user": "owner", "team_id": "T00000001", "user_id": "U00000001",
	})
}
