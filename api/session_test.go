package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"lockstep/access"
	"lockstep/internal/secret"
)

const password = "a sentence nobody guesses"

// browser is one with a jar of cookies.
type browser struct {
	*server

	client  http.Client
	headers map[string]string
}

func (s *server) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(s.t, err)
	return &browser{server: s, client: http.Client{Jar: jar}, headers: map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": s.url}}
}

func (b *browser) do(method, path, body string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	must(b.t, err)
	r.Header.Set("Content-Type", "application/json")
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	response, err := b.client.Do(r)
	must(b.t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	must(b.t, err)
	return response, string(raw)
}

func (b *browser) expect(status int, method, path, body string) string {
	b.t.Helper()
	response, raw := b.do(method, path, body)
	if response.StatusCode != status {
		b.t.Errorf("%s %s: %d %s, want %d", method, path, response.StatusCode, raw, status)
	}
	return raw
}

func (s *server) person(username string, role access.Role) {
	s.t.Helper()
	_, err := s.access.CreateAdministrator(s.t.Context(), s.env, access.NewAdministrator{Username: username, Role: role, Password: secret.New(password)})
	must(s.t, err)
}

func TestSignOn(t *testing.T) {
	s := newServer(t)
	s.person("ann", access.EnvironmentAdmin)
	b := s.browser()
	if raw := b.expect(200, "GET", "/v1/session", ""); strings.Contains(raw, `"administrator"`) || !strings.Contains(raw, `"setupNeeded":false`) {
		t.Error(raw)
	}
	users := "/v1/environments/" + s.env + "/users"
	b.expect(401, "GET", users, "")
	b.expect(401, "POST", "/v1/session", `{"username":"ann","password":"wrong"}`)
	b.expect(400, "POST", "/v1/session", `{"username":1}`)
	response, raw := b.do("POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	cookie := response.Header.Get("Set-Cookie")
	if response.StatusCode != http.StatusOK || !strings.Contains(cookie, "; HttpOnly; SameSite=Strict") || strings.Contains(raw, password) || !strings.Contains(raw, s.env) {
		t.Errorf("%d %s %s", response.StatusCode, cookie, raw)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "lockstep_session="), ";")
	if strings.Contains(raw, value) {
		t.Error("a script can read the session's token")
	}
	b.expect(201, "POST", users, `{"username":"new","email":"new@example.com"}`)
	if raw := b.expect(200, "GET", "/v1/environments/"+s.env+"/activities?limit=1", ""); !strings.Contains(raw, `"user":{`) || !strings.Contains(raw, `"name":"ann"`) {
		t.Errorf("the log does not say who: %s", raw)
	}
	b.expect(204, "DELETE", "/v1/session", "")
	b.expect(401, "GET", users, "")
}

// TestOtherSites: a page of another site makes the browser ask, cookie and all, and nothing happens.
func TestOtherSites(t *testing.T) {
	s := newServer(t)
	s.person("ann", access.EnvironmentAdmin)
	b := s.browser()
	b.expect(200, "POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	users := "/v1/environments/" + s.env + "/users"
	for _, headers := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"},
	} {
		b.headers = headers
		b.expect(403, "POST", users, `{"username":"evil","email":"evil@example.com"}`)
		b.expect(403, "DELETE", "/v1/session", "")
		b.expect(403, "POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	}
	// A script with a token is no browser, wherever it says it comes from.
	b.headers = map[string]string{"Origin": "https://tool.example", "Authorization": "Bearer " + s.tokens[access.EnvironmentAdmin]}
	b.expect(201, "POST", users, `{"username":"script","email":"script@example.com"}`)
}

func TestSignOnIsThrottled(t *testing.T) {
	s := newServer(t)
	s.person("ann", access.EnvironmentAdmin)
	b := s.browser()
	for range 10 {
		b.expect(401, "POST", "/v1/session", `{"username":"ann","password":"guess"}`)
	}
	response, _ := b.do("POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
		t.Errorf("the eleventh guess: %d", response.StatusCode)
	}
}

// TestThrottleIsNotFlushed: failures that cost nothing, as made-up clients, make nobody forget whose password was guessed at.
func TestThrottleIsNotFlushed(t *testing.T) {
	s := newServer(t)
	h := s.handler("")
	ask := func(path, media, body string) int {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		return answer.Code
	}
	guess := func() bool {
		return ask("/v1/session", "application/json", `{"username":"ann","password":"guess"}`) == http.StatusUnauthorized
	}
	for range 10 {
		guess()
	}
	for range 10_001 {
		ask("/nowhere/as/token", "application/x-www-form-urlencoded", "grant_type=client_credentials&client_secret=x&client_id="+uuid.NewString())
	}
	checked := 0
	for range 8 {
		if guess() {
			checked++
		}
	}
	if checked > 3 { // one a second
		t.Errorf("%d of 8 more guesses were checked", checked)
	}
}

// TestThrottleByNetwork: whoever has an IPv6 network has as many addresses as they like.
func TestThrottleByNetwork(t *testing.T) {
	s := newServer(t)
	h := s.handler("")
	checked := 0
	for n := range 20 {
		r := httptest.NewRequest(http.MethodPost, "/v1/session", strings.NewReader(`{"username":"ann","password":"guess"}`))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = fmt.Sprintf("[2001:db8:1:2:%x::1]:1234", n)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code == http.StatusUnauthorized {
			checked++
		}
	}
	if checked > 14 { // ten, and one a second
		t.Errorf("%d of 20 guesses from one network were checked", checked)
	}
}

// TestBehindProxy: the address from outside is not another site, whatever the proxy asks for.
func TestBehindProxy(t *testing.T) {
	s := newServer(t)
	for external, want := range map[string]int{"https://lockstep.example": 204, "https://lockstep.example/": 204, "https://lockstep.example/below": 204, "https://other.example": 403} {
		r := httptest.NewRequest(http.MethodDelete, "http://10.0.0.1:8020/v1/session", nil)
		r.Header.Set("Origin", "https://lockstep.example")
		answer := httptest.NewRecorder()
		s.handler(external).ServeHTTP(answer, r)
		if answer.Code != want {
			t.Errorf("%s: %d", external, answer.Code)
		}
	}
}

// TestGuessesAtOnce: whoever guesses many times at once gets no more guesses than one after the other.
func TestGuessesAtOnce(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	var group sync.WaitGroup
	var checked atomic.Int64
	for range 40 {
		group.Go(func() {
			if response, _ := b.do("POST", "/v1/session", `{"username":"ann","password":"guess"}`); response.StatusCode == http.StatusUnauthorized {
				checked.Add(1)
			}
		})
	}
	group.Wait()
	// Ten are free, then one a second; one more may be under way.
	if n := checked.Load(); n > 15 {
		t.Errorf("%d of 40 guesses were checked", n)
	}
}

// TestPlantedCookies: over TLS a session is taken from the cookie that browsers let nobody else set, and from no other.
func TestPlantedCookies(t *testing.T) {
	s := newServer(t)
	s.person("ann", access.EnvironmentAdmin)
	response, _ := s.browser().do("POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	token := response.Cookies()[0].Value
	for scheme, want := range map[string][2]int{"http": {200, 401}, "https": {401, 200}} {
		h := s.handler(scheme + "://lockstep.example")
		for i, name := range []string{"lockstep_session", "__Host-lockstep_session"} {
			r := httptest.NewRequest(http.MethodGet, "/v1/environments/"+s.env+"/users", nil)
			r.AddCookie(&http.Cookie{Name: name, Value: token})
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			if answer.Code != want[i] {
				t.Errorf("%s by %s: %d", name, scheme, answer.Code)
			}
		}
	}
}

// TestSessionRoles: a session gives what its administrator's role gives, and each may change their own password.
func TestSessionRoles(t *testing.T) {
	s := newServer(t)
	env := "/v1/environments/" + s.env
	for username, want := range map[string][2]int{"admin": {201, 201}, "people": {201, 403}, "reader": {403, 403}} {
		s.person(username, map[string]access.Role{"admin": access.EnvironmentAdmin, "people": access.IdentityDataAdmin, "reader": access.ReadOnly}[username])
		b := s.browser()
		b.expect(200, "POST", "/v1/session", `{"username":"`+username+`","password":"`+password+`"}`)
		b.expect(200, "GET", env+"/users", "")
		b.expect(want[0], "POST", env+"/users", `{"username":"`+username+`","email":"x@example.com"}`)
		b.expect(want[1], "POST", env+"/administrators", `{"username":"by `+username+`","password":"`+password+`","role":"Read Only"}`)
		b.expect(400, "PUT", env+"/profile/password", `{"currentPassword":"wrong","newPassword":"the next sentence"}`)
		b.expect(200, "PUT", env+"/profile/password", `{"currentPassword":"`+password+`","newPassword":"the next sentence"}`)
		b.expect(200, "PUT", env+"/profile", `{"name":"Somebody"}`)
		if raw := b.expect(200, "GET", env+"/profile", ""); !strings.Contains(raw, `"name":"Somebody"`) || strings.Contains(raw, "argon2") {
			t.Error(raw)
		}
	}
	if status, _ := s.admin("GET", "/profile", ""); status != http.StatusNotFound {
		t.Errorf("the profile of a client: %d", status)
	}
}

func TestAdministrators(t *testing.T) {
	s := newServer(t)
	status, raw := s.admin("POST", "/administrators", `{"username":"ann","name":"Ann","password":"`+password+`","role":"environment admin"}`)
	var made struct{ ID, Role string }
	must(t, json.Unmarshal([]byte(raw), &made))
	if status != 201 || made.Role != "Environment Admin" || strings.Contains(raw, "argon2") {
		t.Errorf("%d %s", status, raw)
	}
	for body, target := range map[string]string{
		`{"username":"ann","password":"` + password + `","role":"Read Only"}`: "username", `{"username":"x","password":"` + password + `"}`: "role", `{"username":"x","role":"Read Only"}`: "password",
	} {
		if status, raw := s.admin("POST", "/administrators", body); status != 400 || !strings.Contains(raw, `"target":"`+target+`"`) {
			t.Errorf("%s: %d %s", body, status, raw)
		}
	}
	if status, raw := s.admin("DELETE", "/administrators/"+made.ID, ""); status != http.StatusConflict {
		t.Errorf("the last one: %d %s", status, raw)
	}
	if status, raw := s.admin("PUT", "/administrators/"+made.ID, `{"name":"Ann Bell"}`); status != 200 || !strings.Contains(raw, "Ann Bell") {
		t.Errorf("%d %s", status, raw)
	}
}

func TestSetUp(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	if raw := b.expect(200, "GET", "/v1/session", ""); !strings.Contains(raw, `"setupNeeded":true`) {
		t.Error(raw)
	}
	link, err := s.access.Invite(t.Context())
	must(t, err)
	body := `{"username":"ann","password":"` + password + `","token":"`
	b.expect(403, "POST", "/v1/setup", body+`guess"}`)
	b.expect(400, "POST", "/v1/setup", `{"username":"ann","password":"short","token":"`+link.Reveal()+`"}`)
	b.expect(200, "POST", "/v1/setup", body+link.Reveal()+`"}`)
	b.expect(200, "GET", "/v1/environments/"+s.env+"/administrators", "")
	b.expect(409, "POST", "/v1/setup", body+link.Reveal()+`"}`)
}
