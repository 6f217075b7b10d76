package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/access"
	"lockstep/api"
	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/store"
)

// server is the real API over real services and a real store.
type server struct {
	t      testing.TB
	url    string
	env    string
	access *access.Service
	tokens map[access.Role]string
}

func newServer(t testing.TB) *server {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	db, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	e := engine.New(engine.Config{Store: db, Types: all.Types(), Client: outbound.Client(false, time.Second)})
	people := directory.NewService(db, directory.Options{Wake: e.Wake})
	catalogue := all.NewCatalogue()
	clients := access.NewService(db, nil)
	env, err := people.Setup(ctx, "Test")
	must(t, err)
	h := httptest.NewServer(api.New(api.Config{
		Directory: people, Access: clients, Catalogue: catalogue, Engine: e, Log: db, Ready: db.Ping, Version: "test",
		Provision: provision.NewService(db, provision.Deps{Catalogue: catalogue, Checker: engine.Checker{Schema: people.Schema}, Wake: e.Wake}),
	}))
	t.Cleanup(h.Close)
	s := &server{t: t, url: h.URL, env: env.ID, access: clients, tokens: map[access.Role]string{}}
	for _, role := range []access.Role{access.EnvironmentAdmin, access.IdentityDataAdmin, access.ReadOnly} {
		c, _, err := clients.CreateClient(ctx, env.ID, string(role), role)
		must(t, err)
		token, _, err := clients.Issue(ctx, c)
		must(t, err)
		s.tokens[role] = token.Reveal()
	}
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *server) call(role access.Role, method, path, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+s.tokens[role])
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	must(s.t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 10<<20))
	must(s.t, err)
	return response.StatusCode, string(raw)
}

func (s *server) admin(method, path, body string) (int, string) {
	return s.call(access.EnvironmentAdmin, method, "/v1/environments/"+s.env+path, body)
}

// TestRoles goes over the whole route table, as the OpenAPI document lists it: nobody without a token gets anything, and no role
// more than it may.
func TestRoles(t *testing.T) {
	s := newServer(t)
	_, raw := s.call("", http.MethodGet, "/v1/openapi.json", "")
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	must(t, json.Unmarshal([]byte(raw), &document))
	n := 0
	for path, methods := range document.Paths {
		if strings.HasSuffix(path, "/events") {
			continue
		}
		for method := range methods {
			n++
			method = strings.ToUpper(method)
			at := strings.ReplaceAll(path, "{environmentID}", s.env)
			for strings.Contains(at, "{") {
				i, j := strings.Index(at, "{"), strings.Index(at, "}")
				at = at[:i] + "00000000-0000-4000-8000-000000000000" + at[j+1:]
			}
			if status, body := s.call("", method, at, ""); status != http.StatusUnauthorized || !strings.Contains(body, `"code":"UNAUTHORIZED"`) {
				t.Errorf("%s %s without a token: %d %s", method, path, status, body)
			}
			reads := method == http.MethodGet && !strings.Contains(path, "/clients") && !strings.Contains(path, "/administrators") || strings.Contains(path, "/profile") || strings.HasSuffix(path, "/preview") || strings.Contains(path, "/storeMetadata") || strings.HasSuffix(path, "/evaluate")
			directoryEdit := !strings.Contains(path, "/propagation/") && !strings.Contains(path, "/clients") && !strings.Contains(path, "/administrators") && !strings.Contains(path, "syncedRules")
			for role, may := range map[access.Role]bool{access.ReadOnly: reads, access.IdentityDataAdmin: reads || directoryEdit} {
				if status, body := s.call(role, method, at, ""); (status == http.StatusForbidden) == may {
					t.Errorf("%s, %s %s: %d %s", role, method, path, status, body)
				}
			}
			if status, body := s.call(access.EnvironmentAdmin, method, at, "{}"); status >= 500 {
				t.Errorf("%s %s: %d %s", method, path, status, body)
			}
		}
	}
	if n < 70 {
		t.Errorf("only %d operations were tried", n)
	}
	if status, _ := s.call(access.EnvironmentAdmin, http.MethodGet, "/v1/environments/00000000-0000-4000-8000-000000000000/users", ""); status != http.StatusForbidden {
		t.Errorf("another environment: %d", status)
	}
}

// TestSecretsNeverComeBack sends a marker through everything that takes a connection.
func TestSecretsNeverComeBack(t *testing.T) {
	s := newServer(t)
	var said strings.Builder
	call := func(method, path, body string) string {
		status, raw := s.admin(method, path, body)
		fmt.Fprintln(&said, method, path, status, raw)
		return raw
	}
	good := `{"name":"S","type":"Slack","configuration":{"OAUTH_ACCESS_TOKEN":"xoxp-marker"}}`
	var created struct {
		ID string `json:"id"`
	}
	must(t, json.Unmarshal([]byte(call(http.MethodPost, "/propagation/stores", good)), &created))
	for _, body := range []string{
		good, `{"name":"S","type":"Slack","configuration":{"OAUTH_ACCESS_TOKEN":"xoxp-marker","NOPE":1}}`, `{"name":"T","type":"Slack","configuration":{"BEARER_TOKEN":"xoxp-marker","SCIM_URL":"x"}}`,
		`{"name":"T","type":"Slack","configuration":{"OAUTH_ACCESS_TOKEN":{"a":"xoxp-marker"}}}`, `{"name":"T","type":"Slack","configuration":"xoxp-marker"}`,
		`{"name":"T","type":"xoxp-marker"}`, `{"name":"T","configuration":{"OAUTH_ACCESS_TOKEN":"xoxp-marker"`, `"xoxp-marker"`,
		`{"name":"T","type":"Slack","configuration":{"OAUTH_ACCESS_TOKEN":"xoxp-marker","BASE_URL":"http://127.0.0.1:1/"}}`,
	} {
		for _, path := range []string{"/propagation/stores", "/propagation/stores/connection/status", "/propagation/stores/" + created.ID + "/connection/status"} {
			call(http.MethodPost, path, body)
		}
		call(http.MethodPut, "/propagation/stores/"+created.ID, body)
	}
	for _, path := range []string{"/propagation/stores", "/propagation/stores/" + created.ID, "/activities"} {
		call(http.MethodGet, path, "")
	}
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "xoxp-marker") {
			t.Error(line)
		}
	}
}

func TestHostileBodies(t *testing.T) {
	s := newServer(t)
	for name, test := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"empty":     {"", 400, "empty"},
		"not json":  {"{x", 400, "character 2"},
		"array":     {"[]", 400, "wrong type"},
		"null":      {"null", 400, "must be a JSON object"},
		"two":       {"{} {}", 400, "more than one"},
		"nul":       {`{"username":"a\u0000"}`, 400, "NUL"},
		"deep":      {strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), 400, "deeper"},
		"invalid":   {"{\"username\":\"\xff\"}", 400, "UTF-8"},
		"large":     {`{"username":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "larger"},
		"long name": {`{"username":"` + strings.Repeat("x", 129) + `","email":"a@b.c"}`, 400, "at most 128"},
		"control":   {`{"username":"a\nb","email":"a@b.c"}`, 400, "control characters"},
	} {
		if status, body := s.admin(http.MethodPost, "/users", test.body); status != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body := s.admin(http.MethodGet, "/users", ""); status != 200 || !strings.Contains(body, `"size":0`) {
		t.Errorf("something was half-written: %s", body)
	}
}

func TestPaging(t *testing.T) {
	s := newServer(t)
	for n := range 25 {
		if status, body := s.admin(http.MethodPost, "/users", fmt.Sprintf(`{"username":"u%d","email":"u%d@example.com"}`, n, n)); status != http.StatusCreated {
			t.Fatal(body)
		}
	}
	next, seen := s.url+"/v1/environments/"+s.env+"/users?limit=10&filter=username+sw+%22u%22", 0
	for pages := 0; next != ""; pages++ {
		var list struct {
			Links map[string]struct {
				Href string `json:"href"`
			} `json:"_links"`
			Size int `json:"size"`
		}
		_, raw := s.call(access.EnvironmentAdmin, http.MethodGet, strings.TrimPrefix(next, s.url), "")
		must(t, json.Unmarshal([]byte(raw), &list))
		seen += list.Size
		if next = list.Links["next"].Href; next != "" && !strings.HasPrefix(next, s.url) || pages > 3 {
			t.Fatalf("next is %q", next)
		}
	}
	if seen != 25 {
		t.Errorf("%d of 25", seen)
	}
}

func TestTokens(t *testing.T) {
	s := newServer(t)
	c, password, err := s.access.CreateClient(t.Context(), s.env, "x", access.ReadOnly)
	must(t, err)
	ask := func(authorize func(*http.Request), form string) (int, string) {
		r, err := http.NewRequest(http.MethodPost, s.url+"/"+s.env+"/as/token", strings.NewReader(form))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		authorize(r)
		response, err := http.DefaultClient.Do(r)
		must(t, err)
		defer func() { _ = response.Body.Close() }()
		raw, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(raw)
	}
	basic := func(r *http.Request) { r.SetBasicAuth(c.ID, password.Reveal()) }
	none := func(*http.Request) {}
	for name, test := range map[string]struct {
		authorize func(*http.Request)
		form      string
		status    int
		says      string
	}{
		"basic":       {basic, "grant_type=client_credentials", 200, `"token_type":"Bearer"`},
		"form":        {none, "grant_type=client_credentials&client_id=" + c.ID + "&client_secret=" + password.Reveal(), 200, `"access_token"`},
		"other grant": {basic, "grant_type=password", 400, "unsupported_grant_type"},
		"wrong":       {func(r *http.Request) { r.SetBasicAuth(c.ID, "no") }, "grant_type=client_credentials", 401, "invalid_client"},
		"nobody":      {none, "grant_type=client_credentials", 401, "invalid_client"},
	} {
		if status, body := ask(test.authorize, test.form); status != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func FuzzBodies(f *testing.F) {
	s := newServer(f)
	for _, seed := range []string{`{"username":"a","email":"a@b.c"}`, `{"name":{"given":1}}`, `{"population":{"id":[]}}`, `[[[`, `{"enabled":"x","address":null}`} {
		f.Add(seed, "")
		f.Add(seed, base64.RawURLEncoding.EncodeToString([]byte("v1:1")))
	}
	f.Fuzz(func(t *testing.T, body, cursor string) {
		s := &server{t: t, url: s.url, env: s.env, tokens: s.tokens}
		for _, path := range []string{"/users", "/populations", "/propagation/plans", "/propagation/stores", "/propagation/rules"} {
			if status, answer := s.admin(http.MethodPost, path, body); status >= 500 {
				t.Fatalf("%s: %d %s", path, status, answer)
			}
		}
		if status, answer := s.admin(http.MethodGet, "/users?cursor="+url.QueryEscape(cursor), ""); status >= 500 {
			t.Fatalf("%d %s", status, answer)
		}
	})
}
