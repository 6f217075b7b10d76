package api_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/access"
	"lockstep/alert"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/grant"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/messenger"
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
	stop   func() // closes the event streams
	config api.Config
}

// handler is the same API under another address.
func (s *server) handler(externalURL string) http.Handler {
	c := s.config
	c.ExternalURL = externalURL
	return api.New(c)
}

func newServer(t testing.TB) *server {
	t.Helper()
	return serverThat(t, false)
}

// serverThat may call private addresses, or not.
func serverThat(t testing.TB, allowPrivate bool) *server {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	db, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	e := engine.New(engine.Config{Store: db, Types: all.Types(), Client: outbound.Client(allowPrivate, time.Second)})
	people := directory.NewService(db, directory.Options{Wake: e.Wake})
	catalogue := all.NewCatalogue()
	clients := access.NewService(db, nil)
	env, err := people.Setup(ctx, "Test")
	must(t, err)
	closing := make(chan struct{})
	provisions := provision.NewService(db, provision.Deps{Catalogue: catalogue, Checker: engine.Checker{Schema: people.Schema}, Wake: e.Wake})
	config := api.Config{
		Grants:  grant.New(grant.Config{Store: db, Provision: provisions, Catalogue: catalogue, Types: all.Types(), Client: outbound.Client(allowPrivate, time.Second), AnyServer: allowPrivate}),
		Closing: closing, Heartbeat: 5 * time.Millisecond, Directory: people, Access: clients, Catalogue: catalogue, Engine: e, Log: db, Audit: audit.NewService(db, ring), Alerts: alert.NewService(alert.Config{Store: db, Source: e, Sender: messenger.New(outbound.Client(false, time.Second), outbound.Dialer(false))}), Version: "test",
		Ready:     []api.Check{{Name: "database", Run: db.Ping}},
		Provision: provisions,
	}
	h := httptest.NewServer(documented(t, api.New(config)))
	t.Cleanup(h.Close)
	s := &server{t: t, url: h.URL, env: env.ID, access: clients, config: config, tokens: map[access.Role]string{}, stop: sync.OnceFunc(func() { close(closing) })}
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
		if strings.HasSuffix(path, "/events") || !strings.HasPrefix(path, "/v1/environments") {
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
			reads := method == http.MethodGet && !strings.Contains(path, "/alerts/") && !strings.Contains(path, "/clients") && !strings.Contains(path, "/administrators") && !strings.Contains(path, "/authorizations/") || strings.Contains(path, "/profile") || strings.HasSuffix(path, "/preview") || strings.Contains(path, "/storeMetadata") || strings.HasSuffix(path, "/evaluate")
			directoryEdit := path != "/v1/environments" && path != "/v1/environments/{environmentID}" && !strings.Contains(path, "/alerts") && !strings.Contains(path, "/propagation/") && !strings.Contains(path, "/clients") && !strings.Contains(path, "/administrators") && !strings.Contains(path, "syncedRules")
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
		"array":     {"[]", 400, "must be a JSON object"},
		"null":      {"null", 400, "must be a JSON object"},
		"two":       {"{} {}", 400, "more than one"},
		"brace":     {"{}}", 400, "behind it"},
		"bracket":   {"{}]", 400, "behind it"},
		"nul":       {`{"username":"a\u0000"}`, 400, "NUL"},
		"nul name":  {`{"a\u0000":1}`, 400, "NUL"},
		"twice":     {`{"username":"a","email":"a@b.c","username":"b"}`, 400, "twice, at character"},
		"twice in":  {`{"name":{"given":"a","given":"b"}}`, 400, "twice"},
		"lines":     {"\n{\n  \"username\": x}", 400, "line 3, character 15"},
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
	for _, path := range []string{"/populations", "/users"} {
		if status, body := s.admin(http.MethodPost, path, `{"username":"a","email":"a@b.c","name":{},"NAME":{}}`); status != 400 {
			t.Errorf("%s: a member in two spellings: %d %s", path, status, body)
		}
	}
	if status, body := s.admin(http.MethodPost, "/populations", `{"description":"x","name":"X","NAME":"Y"}`); status != 400 || !strings.Contains(body, "different spellings, at character") {
		t.Errorf("a member in two spellings: %d %s", status, body)
	}
	if status, body := s.admin(http.MethodPost, "/populations", `{"name":"a\\u0000b","description":"{\"a\":1,\"a\":2}"}`); status != 201 {
		t.Errorf("text that only looks hostile: %d %s", status, body)
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

// TestNothingIsPassedOver: what a body says is done or refused, never ignored, and what was read can be sent back.
func TestNothingIsPassedOver(t *testing.T) {
	s := newServer(t)
	call := func(method, path, body string, status int, says string) string {
		t.Helper()
		got, raw := s.admin(method, path, body)
		if got != status || !strings.Contains(raw, says) {
			t.Errorf("%s %s %s: %d %s", method, path, body, got, raw)
		}
		return raw
	}
	id := func(raw string) string {
		var o struct {
			ID string `json:"id"`
		}
		must(t, json.Unmarshal([]byte(raw), &o))
		return o.ID
	}
	var schemas struct {
		Embedded struct {
			Schemas []struct{ ID string } `json:"schemas"`
		} `json:"_embedded"`
	}
	must(t, json.Unmarshal([]byte(call(http.MethodGet, "/schemas", "", 200, "User")), &schemas))
	attributes := "/schemas/" + schemas.Embedded.Schemas[0].ID + "/attributes"
	shirt := attributes + "/" + id(call(http.MethodPost, attributes, `{"name":"shirt","displayName":"Shirt","description":"size"}`, 201, "shirt"))

	call(http.MethodPatch, shirt, `{"description":"its size"}`, 200, `"displayName":"Shirt"`)
	call(http.MethodPut, shirt, `{"description":"its size","type":"string"}`, 200, `"name":"shirt"`)
	call(http.MethodPut, shirt, `{"type":"BOOLEAN"}`, 400, `"target":"type"`)
	call(http.MethodPut, attributes+"/00000000-0000-4000-8000-000000000000", `{}`, 404, "NOT_FOUND")
	var list struct {
		Embedded struct{ Attributes []struct{ ID, Name string } } `json:"_embedded"`
	}
	must(t, json.Unmarshal([]byte(call(http.MethodGet, attributes, "", 200, "title")), &list))
	title := list.Embedded.Attributes[slices.IndexFunc(list.Embedded.Attributes, func(a struct{ ID, Name string }) bool { return a.Name == "title" })].ID
	call(http.MethodDelete, "/schemas/00000000-0000-4000-8000-000000000000/attributes/"+title, ``, 404, "schema")
	call(http.MethodDelete, attributes+"/"+title, ``, 400, "standard attribute")

	call(http.MethodPost, "/users", `{"username":"a","email":"a@b.c","name.given":"A"}`, 400, "part of name")
	call(http.MethodPost, "/users", `{"username":"a","email":"a@b.c","shirt":"L","Shirt":"M"}`, 400, "different spellings")
	call(http.MethodPost, "/users", `{"username":"a","email":"a@b.c","titel":"x"}`, 400, `did you mean \"title\"?`)
	user := call(http.MethodPost, "/users", `{"username":"a","email":"a@b.c","shirt":"L","name":{"given":"A"}}`, 201, `"shirt":"L"`)
	if again := call(http.MethodPut, "/users/"+id(user), user, 200, ""); again != user {
		t.Errorf("sent back as it was read, a user changed:\n%s\n%s", user, again)
	}
	call(http.MethodPatch, "/users/"+id(user), `{"name":null,"title":"Dr"}`, 200, `"shirt":"L"`)
	if raw := call(http.MethodPatch, "/users/"+id(user), `{"shirt":null}`, 200, `"title":"Dr"`); strings.Contains(raw, "shirt") || strings.Contains(raw, "given") {
		t.Error(raw)
	}
}

// TestPages: every list takes limit and cursor, and no list takes a cursor of another kind of list.
func TestPages(t *testing.T) {
	s := newServer(t)
	for n := range 3 {
		if status, body := s.admin(http.MethodPost, "/populations", fmt.Sprintf(`{"name":"P%d"}`, n)); status != http.StatusCreated {
			t.Fatal(body)
		}
	}
	cursor := func(position string) string { return base64.RawURLEncoding.EncodeToString([]byte("v1:" + position)) }
	number, id := cursor("1"), cursor("00000000-0000-4000-8000-000000000000")
	for path, right := range map[string]string{
		"/users": id, "/activities": number, "/populations": number, "/propagation/stores": number, "/propagation/rules": number,
		"/propagation/plans": number, "/propagation/revisions": number, "/clients": number, "/schemas": number,
	} {
		for query, want := range map[string]int{
			"": 200, "limit=1": 200, "limit=100000": 200, "limit=0": 400, "limit=-1": 400, "limit=x": 400, "limit=1e3": 400,
			"cursor=" + right: 200, "cursor=%00": 400, "cursor=zzz": 400, "cursor=" + cursor(""): 400, "cursor=" + cursor("-1"): 400,
			"cursor=" + cursor("99999999999999999999"): 400,
		} {
			if status, body := s.admin(http.MethodGet, path+"?"+query, ""); status != want {
				t.Errorf("%s?%s: %d %s", path, query, status, body)
			}
		}
		wrong := number
		if right == number {
			wrong = id
		}
		if status, body := s.admin(http.MethodGet, path+"?cursor="+wrong, ""); status != http.StatusBadRequest {
			t.Errorf("%s with another list's cursor: %d %s", path, status, body)
		}
	}
	_, body := s.admin(http.MethodGet, "/populations?limit=3", "")
	if !strings.Contains(body, `"count":4`) || !strings.Contains(body, `"size":3`) || !strings.Contains(body, `"next"`) {
		t.Error(body)
	}
	_, body = s.admin(http.MethodGet, "/populations?limit=3&cursor="+cursor("3"), "")
	if !strings.Contains(body, `"size":1`) || strings.Contains(body, `"next"`) {
		t.Error(body)
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
		"no grant":    {basic, "", 400, "invalid_request"},
		"rubbish id":  {none, "grant_type=client_credentials&client_secret=x&client_id=" + strings.Repeat("x", 10_000), 401, "invalid_client"},
		"other grant": {basic, "grant_type=password", 400, "unsupported_grant_type"},
		"wrong":       {func(r *http.Request) { r.SetBasicAuth(c.ID, "no") }, "grant_type=client_credentials", 401, "invalid_client"},
		"nobody":      {none, "grant_type=client_credentials", 401, "invalid_client"},
	} {
		if status, body := ask(test.authorize, test.form); status != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestClients(t *testing.T) {
	s := newServer(t)
	status, raw := s.admin(http.MethodPost, "/clients", `{"name":"c"}`)
	var c struct {
		ID     string `json:"id"`
		Secret string `json:"clientSecret"`
		Links  struct {
			Self struct {
				Href string `json:"href"`
			} `json:"self"`
		} `json:"_links"`
	}
	must(t, json.Unmarshal([]byte(raw), &c))
	if status != http.StatusCreated || c.Secret == "" {
		t.Fatal(status)
	}
	for _, path := range []string{strings.TrimPrefix(c.Links.Self.Href, s.url), "/v1/environments/" + s.env + "/clients"} {
		if status, raw := s.call(access.EnvironmentAdmin, http.MethodGet, path, ""); status != http.StatusOK || !strings.Contains(raw, c.ID) || strings.Contains(raw, c.Secret) {
			t.Errorf("%s: %d", path, status)
		}
	}
	r, err := http.NewRequest(http.MethodGet, s.url+"/v1/environments", nil)
	must(t, err)
	r.Header.Set("Authorization", "bearer "+s.tokens[access.ReadOnly])
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Errorf("a scheme in lower case: %d", response.StatusCode)
	}
}

// TestActivityFilter makes people one after another and asks the log about them.
func TestActivityFilter(t *testing.T) {
	s := newServer(t)
	for n := range 4 {
		if status, body := s.admin(http.MethodPost, "/users", fmt.Sprintf(`{"username":"u%d","email":"u%d@example.com"}`, n, n)); status != http.StatusCreated {
			t.Fatal(body)
		}
	}
	type line struct {
		RecordedAt    string `json:"recordedAt"`
		CorrelationID string `json:"correlationId"`
		Resources     []struct{ ID string }
	}
	ask := func(filter string) (int, []line) {
		var out struct {
			Embedded struct{ Activities []line } `json:"_embedded"`
		}
		status, raw := s.admin(http.MethodGet, "/activities?filter="+url.QueryEscape(filter), "")
		must(t, json.Unmarshal([]byte(raw), &out))
		return status, out.Embedded.Activities
	}
	_, all := ask(`action.type eq "USER.CREATED"`)
	if len(all) != 4 {
		t.Fatalf("%d of 4", len(all))
	}
	newest := all[0]
	for _, test := range []struct {
		filter string
		status int
		least  int
		most   int
	}{
		{`recordedAt eq "` + newest.RecordedAt + `" and resources.id eq "` + newest.Resources[0].ID + `"`, 200, 1, 1},
		{`recordedAt ge "` + newest.RecordedAt + `"`, 200, 1, 4},
		{`recordedAt ge "2000-01-01T00:00:00Z" and recordedAt ge "2999-01-01T00:00:00Z" and recordedAt ge "2001-01-01T00:00:00Z"`, 200, 0, 0},
		{`recordedAt lt "2001-01-01T00:00:00Z" and recordedAt lt "2999-01-01T00:00:00Z"`, 200, 0, 0},
		{`correlationId eq "` + newest.CorrelationID + `" and resources.type eq "user"`, 200, 1, 1},
		{`action.type eq "USER.CREATED" and action.type eq "USER.DELETED"`, 400, 0, 0},
		{`action.type eq ""`, 400, 0, 0}, // not "everything"
		{`action.type sw "USER"`, 400, 0, 0},
		{`nonsense eq "x"`, 400, 0, 0},
		{`recordedAt eq "yesterday"`, 400, 0, 0},
		{`action.type eq "a" or action.type eq "b"`, 400, 0, 0},
	} {
		if status, lines := ask(test.filter); status != test.status || len(lines) < test.least || len(lines) > test.most {
			t.Errorf("%s: %d, %d lines", test.filter, status, len(lines))
		}
	}
}

// TestStoreStatus: an active store that a rule writes to says how it stands, as PingOne's does.
func TestStoreStatus(t *testing.T) {
	s := newServer(t)
	made := func(path, body string) string {
		t.Helper()
		status, raw := s.admin(http.MethodPost, path, body)
		var o struct{ ID string }
		must(t, json.Unmarshal([]byte(raw), &o))
		if status != http.StatusCreated {
			t.Fatal(raw)
		}
		return o.ID
	}
	plan := made("/propagation/plans", `{"name":"P"}`)
	source := made("/propagation/stores", `{"name":"D","type":"directory","configuration":{}}`)
	target := made("/propagation/stores", `{"name":"S","type":"Slack","status":"ACTIVE","configuration":{"OAUTH_ACCESS_TOKEN":"x"}}`)
	made("/propagation/plans/"+plan+"/rules", `{"name":"R","sourceStore":{"id":"`+source+`"},"targetStore":{"id":"`+target+`"}}`)
	want := `"syncStatus":{"syncState":"SYNCING","successCount":0,"failedCount":0,"userTotal":0}`
	for _, path := range []string{"/propagation/stores/" + target, "/propagation/stores"} {
		if _, raw := s.admin(http.MethodGet, path, ""); strings.Count(raw, want) != 1 {
			t.Errorf("%s: %s", path, raw)
		}
	}
	if _, raw := s.admin(http.MethodGet, "/propagation/stores/"+source, ""); strings.Contains(raw, "syncStatus") {
		t.Error(raw)
	}
}

func TestAccountFilter(t *testing.T) {
	s := newServer(t)
	_, raw := s.admin(http.MethodPost, "/propagation/stores", `{"name":"S","type":"Slack","configuration":{"OAUTH_ACCESS_TOKEN":"x"}}`)
	var store struct{ ID string }
	must(t, json.Unmarshal([]byte(raw), &store))
	for query, want := range map[string]int{
		"": 200, "status=failed": 200, "ownership=FOREIGN": 200, "objectId=00000000-0000-4000-8000-000000000000": 200,
		"status=BROKEN": 400, "ownership=MINE": 400, "objectId=%00": 400, "status=%FF": 400,
	} {
		if status, body := s.admin(http.MethodGet, "/propagation/stores/"+store.ID+"/accounts?"+query, ""); status != want {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// TestEvents: a stream lives on heartbeats, and ends with the right to it or with the server.
func TestEvents(t *testing.T) {
	for name, end := range map[string]func(*server, string) error{
		"the client is deleted": func(s *server, id string) error { return s.access.DeleteClient(t.Context(), s.env, id) },
		"the server stops":      func(s *server, _ string) error { s.stop(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c, _, err := s.access.CreateClient(t.Context(), s.env, "watcher", access.ReadOnly)
			must(t, err)
			token, _, err := s.access.Issue(t.Context(), c)
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/environments/"+s.env+"/propagation/events", nil)
			must(t, err)
			r.Header.Set("Authorization", "Bearer "+token.Reveal())
			response, err := http.DefaultClient.Do(r)
			must(t, err)
			defer func() { _ = response.Body.Close() }()
			lines := bufio.NewScanner(response.Body)
			for lines.Scan() {
				if lines.Text() == ": still here" {
					break
				}
			}
			must(t, end(s, c.ID))
			for lines.Scan() {
			}
			must(t, lines.Err()) // ended by the server, not by our time-out
		})
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
