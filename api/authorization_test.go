package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"lockstep/access"
	sandbox "lockstep/sandbox/slack"
)

// authorizationBody begins one for a store that does not exist yet.
func authorizationBody(workspace string) string {
	return fmt.Sprintf(`{"type":"Slack","clientId":%q,"clientSecret":%q,"configuration":{"BASE_URL":"%s/scim/v2/"}}`, sandbox.BuiltInClientID, sandbox.BuiltInClientSecret, workspace)
}

// begun presses a button on the page of consent, and answers the body that the console sends for where it leads back.
func begun(t *testing.T, raw, button string) string {
	t.Helper()
	var answer struct {
		AuthorizeURL string `json:"authorizeUrl"`
	}
	must(t, json.Unmarshal([]byte(raw), &answer))
	u, err := url.Parse(answer.AuthorizeURL)
	must(t, err)
	form := u.Query()
	form.Set("decision", button)
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := c.PostForm(u.Scheme+"://"+u.Host+u.Path, form)
	must(t, err)
	_ = response.Body.Close()
	back, err := response.Location()
	must(t, err)
	body, err := json.Marshal(map[string]string{"state": back.Query().Get("state"), "code": back.Query().Get("code"), "error": back.Query().Get("error")})
	must(t, err)
	return string(body)
}

// TestAuthorization: a token by consent, from the first question to the store; nobody but who began goes on with it, and no answer and no
// log has a secret in it.
func TestAuthorization(t *testing.T) {
	s := serverThat(t, true)
	workspace := httptest.NewServer(sandbox.New(sandbox.Options{TimeScale: -1, Apps: []sandbox.App{{ClientID: sandbox.BuiltInClientID, ClientSecret: sandbox.BuiltInClientSecret, Loopback: true, Rotation: true}}}))
	defer workspace.Close()
	s.person("ann", access.EnvironmentAdmin)
	s.person("rita", access.ReadOnly)
	ann, again, rita := s.browser(), s.browser(), s.browser()
	for b, name := range map[*browser]string{ann: "ann", again: "ann", rita: "rita"} {
		b.expect(200, "POST", "/v1/session", `{"username":"`+name+`","password":"`+password+`"}`)
	}
	base := "/v1/environments/" + s.env + "/propagation"
	setup := ann.expect(200, "GET", base+"/authorizationSetup?organization=true", "")
	for _, text := range []string{s.url + "/console/oauth/slack", `"scopes":["admin"]`, `org_deploy_enabled\": true`, "Org Owner", "public distribution", "https only"} {
		if !strings.Contains(setup, text) {
			t.Errorf("%q is not in %s", text, setup)
		}
	}
	rita.expect(403, "POST", base+"/authorizations", authorizationBody(workspace.URL))
	begin := func() string {
		return ann.expect(201, "POST", base+"/authorizations", authorizationBody(workspace.URL))
	}
	var said strings.Builder
	keep := func(raw string) string { said.WriteString(raw); return raw }

	raw := keep(begin())
	answer := begun(t, raw, "allow")
	rita.expect(403, "POST", base+"/authorizationAnswer", answer)
	if got := keep(again.expect(400, "POST", base+"/authorizationAnswer", answer)); !strings.Contains(got, "begun by somebody else") {
		t.Errorf("another session: %s", got)
	}
	status, got := s.admin("POST", "/propagation/authorizationAnswer", answer)
	if status != 400 || !strings.Contains(got, "begun by somebody else") {
		t.Errorf("a client: %d %s", status, got)
	}
	foreign := s.browser() // another site has the browser answer: the cookie comes along, and is of no use
	foreign.client.Jar, foreign.headers = ann.client.Jar, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
	foreign.expect(403, "POST", base+"/authorizationAnswer", answer)
	granted := keep(ann.expect(200, "POST", base+"/authorizationAnswer", answer))
	for _, text := range []string{`"status":"GRANTED"`, `"name":"Lockstep Sandbox"`, `"owner":"owner"`, `"refreshed":true`} {
		if !strings.Contains(granted, text) {
			t.Errorf("%s is not in %s", text, granted)
		}
	}
	if got := keep(ann.expect(400, "POST", base+"/authorizationAnswer", answer)); !strings.Contains(got, "answered already") {
		t.Errorf("replayed: %s", got)
	}
	var made struct {
		ID string `json:"id"`
	}
	must(t, json.Unmarshal([]byte(granted), &made))
	again.expect(404, "GET", base+"/authorizations/"+made.ID, "")
	keep(ann.expect(200, "GET", base+"/authorizations/"+made.ID, ""))
	store := fmt.Sprintf(`{"name":"Acme","type":"Slack","authorization":{"id":%q},"configuration":{"BASE_URL":"%s/scim/v2/"}}`, made.ID, workspace.URL)
	if got := keep(ann.expect(200, "POST", base+"/stores/connection/status", store)); !strings.Contains(got, `"status":"OK","checks"`) {
		t.Errorf("the test: %s", got)
	}
	again.expect(404, "POST", base+"/stores", store)
	must(t, json.Unmarshal([]byte(keep(ann.expect(201, "POST", base+"/stores", store))), &made))
	ann.expect(404, "POST", base+"/stores", strings.Replace(store, "Acme", "Other", 1))
	status1 := keep(ann.expect(200, "GET", base+"/stores/"+made.ID+"/status", ""))
	for _, text := range []string{`"obtained":"OAUTH"`, `"refreshed":true`, `"name":"Lockstep Sandbox"`, `"clientId":"` + sandbox.BuiltInClientID} {
		if !strings.Contains(status1, text) {
			t.Errorf("%s is not in %s", text, status1)
		}
	}
	keep(ann.expect(200, "POST", base+"/stores/"+made.ID+"/token/refresh", ""))
	rita.expect(403, "POST", base+"/stores/"+made.ID+"/token/refresh", "")

	// Again, with what is saved: nothing is entered twice.
	raw = keep(ann.expect(201, "POST", base+"/authorizations", `{"store":{"id":"`+made.ID+`"}}`))
	if got := keep(ann.expect(200, "POST", base+"/authorizationAnswer", begun(t, raw, "allow"))); !strings.Contains(got, `"status":"TAKEN_OVER"`) {
		t.Errorf("taken over: %s", got)
	}
	if got := keep(ann.expect(400, "POST", base+"/authorizationAnswer", begun(t, begin(), "deny"))); !strings.Contains(got, "consent was denied") {
		t.Errorf("denied: %s", got)
	}
	ann.expect(400, "POST", base+"/authorizations", strings.Replace(authorizationBody(workspace.URL), `"type"`, `"redirectUrl":"https://evil.example/","type"`, 1))
	_, log := s.admin("GET", "/activities", "")
	keep(log)
	for _, marker := range []string{"xoxp", "xoxe", sandbox.BuiltInClientSecret} {
		if strings.Contains(said.String(), marker) {
			t.Errorf("an answer has %q in it", marker)
		}
	}
}

// TestRedirectBehindProxy: consent leads back to the address that people know, whatever the proxy asks for.
func TestRedirectBehindProxy(t *testing.T) {
	s := newServer(t)
	r := httptest.NewRequest(http.MethodGet, "http://10.0.0.1:8020/v1/environments/"+s.env+"/propagation/authorizationSetup", nil)
	r.Header.Set("Authorization", "Bearer "+s.tokens[access.EnvironmentAdmin])
	answer := httptest.NewRecorder()
	s.handler("https://lockstep.example/").ServeHTTP(answer, r)
	if got := answer.Body.String(); !strings.Contains(got, `"redirectUrl":"https://lockstep.example/console/oauth/slack"`) || !strings.Contains(got, `"warnings":[]`) {
		t.Error(got)
	}
}

// TestOAuthServerIsSlacks: without --allow-private-targets the Client Secret goes to Slack and to nobody else.
func TestOAuthServerIsSlacks(t *testing.T) {
	s := newServer(t)
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	status, got := s.admin("POST", "/propagation/authorizations", authorizationBody(other.URL))
	if status != 400 || !strings.Contains(got, "--allow-private-targets") || asked != 0 {
		t.Errorf("%d %s", status, got)
	}
	status, got = s.admin("POST", "/propagation/authorizations", authorizationBody("")[:len(authorizationBody(""))-1]+`,"redirectUrl":"javascript:alert(1)"}`)
	if status != 400 {
		t.Errorf("%d %s", status, got)
	}
	status, got = s.admin("POST", "/propagation/authorizations", `{"type":"Slack","clientId":"1.2","clientSecret":"x"}`)
	if status != 201 || !strings.Contains(got, `"authorizeUrl":"https://slack.com/oauth/v2/authorize?`) {
		t.Errorf("%d %s", status, got)
	}
}

// TestTokenIsNotSentElsewhere: a base URL that leads to another server, with the saved token, is a mistake; whoever means it enters the
// token again. The test of a connection is no way around.
func TestTokenIsNotSentElsewhere(t *testing.T) {
	s := serverThat(t, true)
	asked := 0
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "xoxp-good") {
			asked++
		}
	}))
	defer thief.Close()
	workspace := httptest.NewServer(sandbox.New(sandbox.Options{Token: "xoxp-good", TimeScale: -1}))
	defer workspace.Close()
	_, raw := s.admin("POST", "/propagation/stores", `{"name":"S","type":"Slack","configuration":{"OAUTH_ACCESS_TOKEN":"xoxp-good","BASE_URL":"`+workspace.URL+`/scim/v2/"}}`)
	var made struct {
		ID string `json:"id"`
	}
	must(t, json.Unmarshal([]byte(raw), &made))
	at := "/propagation/stores/" + made.ID
	for _, body := range []string{
		`{"name":"S","type":"Slack","configuration":{"BASE_URL":"` + thief.URL + `/scim/v2/"}}`, `{"name":"S","type":"Slack","configuration":{"SCIM_URL":"` + thief.URL + `/scim/v2/"}}`,
		`{"name":"S","type":"Slack","configuration":{"BASE_URL":"` + thief.URL + `/scim/v2/","BEARER_TOKEN":""}}`, `{"name":"S","type":"Slack","configuration":{}}`,
	} {
		for _, c := range [][2]string{{"PUT", at}, {"POST", at + "/connection/status"}} {
			status, got := s.admin(c[0], c[1], body)
			if status != 400 || !strings.Contains(got, `"code":"REQUIRED_VALUE","target":"configuration.OAUTH_ACCESS_TOKEN","message":"the base URL leads to another server now, and the saved token is not sent there: enter the token for it"`) {
				t.Errorf("%s %s: %d %s", c[0], body, status, got)
			}
		}
	}
	if status, got := s.admin("POST", at+"/connection/status", ""); status != 200 || !strings.Contains(got, `"status":"OK","checks"`) {
		t.Errorf("as it is saved: %d %s", status, got)
	}
	if asked != 0 {
		t.Errorf("the token went elsewhere %d times", asked)
	}
	body := `{"name":"S","type":"Slack","configuration":{"OAUTH_ACCESS_TOKEN":"xoxp-another","BASE_URL":"` + thief.URL + `/scim/v2/"}}`
	if status, got := s.admin("PUT", at, body); status != 200 {
		t.Errorf("with the token: %d %s", status, got)
	}
}

// TestOtherWorkspace: a token of another workspace is refused, unless that is confirmed.
func TestOtherWorkspace(t *testing.T) {
	s := serverThat(t, true)
	w := sandbox.New(sandbox.Options{Token: "xoxp-one", TimeScale: -1})
	other := sandbox.New(sandbox.Options{Token: "xoxp-two", TeamID: "T00000002", TeamName: "Other", TimeScale: -1})
	one, two := httptest.NewServer(w), httptest.NewServer(other)
	defer one.Close()
	defer two.Close()
	body := func(token, at, more string) string {
		return `{"name":"S","type":"Slack"` + more + `,"configuration":{"OAUTH_ACCESS_TOKEN":"` + token + `","BASE_URL":"` + at + `/scim/v2/"}}`
	}
	_, raw := s.admin("POST", "/propagation/stores", body("xoxp-one", one.URL, ""))
	var made struct {
		ID string `json:"id"`
	}
	must(t, json.Unmarshal([]byte(raw), &made))
	at := "/propagation/stores/" + made.ID
	s.admin("POST", at+"/connection/status", "") // it learns its workspace
	status, got := s.admin("POST", at+"/connection/status", body("xoxp-two", two.URL, ""))
	if status != 200 || !strings.Contains(got, `"name":"Workspace","status":"FAILED"`) {
		t.Errorf("the test: %d %s", status, got)
	}
	status, got = s.admin("PUT", at, body("xoxp-two", two.URL, ""))
	if status != 400 || !strings.Contains(got, "the token is for Other") {
		t.Errorf("%d %s", status, got)
	}
	if status, got = s.admin("PUT", at, body("xoxp-two", two.URL, `,"confirmWorkspace":true`)); status != 200 {
		t.Errorf("confirmed: %d %s", status, got)
	}
	if _, got = s.admin("GET", at+"/status", ""); !strings.Contains(got, `"id":"T00000002"`) || !strings.Contains(got, `"obtained":"MANUAL"`) {
		t.Error(got)
	}
}
