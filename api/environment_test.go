package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lockstep/access"
)

// environment makes one by the API, as an administrator in a browser, and answers its id.
func (b *browser) environment(name string) string {
	b.t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	must(b.t, json.Unmarshal([]byte(b.expect(http.StatusCreated, "POST", "/v1/environments", `{"name":"`+name+`"}`)), &made))
	return made.ID
}

// TestEnvironments: an environment is made, renamed, and shares nothing with the first; nobody but who made it enters until they are given a role.
func TestEnvironments(t *testing.T) {
	s := newServer(t)
	s.person("ann", access.EnvironmentAdmin)
	s.person("ben", access.EnvironmentAdmin)
	ann, ben := s.browser(), s.browser()
	ann.expect(200, "POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	ben.expect(200, "POST", "/v1/session", `{"username":"ben","password":"`+password+`"}`)
	for body, target := range map[string]string{`{"name":""}`: `"name"`, `{"name":" test "}`: `"name"`, `{"name":"a\nb"}`: `"name"`} {
		if raw := ann.expect(400, "POST", "/v1/environments", body); !strings.Contains(raw, `"target":`+target) {
			t.Errorf("%s: %s", body, raw)
		}
	}
	rehearsal := ann.environment("Rehearsal")
	if raw := ann.expect(400, "POST", "/v1/environments", `{"name":"REHEARSAL"}`); !strings.Contains(raw, "UNIQUENESS_VIOLATION") {
		t.Error(raw)
	}
	here := "/v1/environments/" + rehearsal
	if raw := ann.expect(200, "GET", here+"/populations", ""); !strings.Contains(raw, `"name":"Default"`) {
		t.Errorf("a new environment has no default population: %s", raw)
	}
	ann.expect(201, "POST", here+"/users", `{"username":"zoe","email":"zoe@example.com"}`)
	if raw := ann.expect(200, "GET", "/v1/environments/"+s.env+"/users", ""); strings.Contains(raw, "zoe") {
		t.Errorf("a user of one environment is in another: %s", raw)
	}
	if raw := ann.expect(200, "PUT", here, `{"name":"Staging"}`); !strings.Contains(raw, `"name":"Staging"`) {
		t.Error(raw)
	}
	if raw := ann.expect(200, "GET", here+"/activities", ""); !strings.Contains(raw, `"ENVIRONMENT.CREATED"`) || !strings.Contains(raw, `"ENVIRONMENT.UPDATED"`) || !strings.Contains(raw, `"name":"ann"`) {
		t.Errorf("the log of the environment: %s", raw)
	}
	if raw := ann.expect(200, "GET", "/v1/environments", ""); !strings.Contains(raw, `"Staging"`) || strings.Index(raw, s.env) > strings.Index(raw, rehearsal) {
		t.Errorf("the environments of who made one, their own first: %s", raw)
	}
	if raw := ann.expect(200, "GET", "/v1/session", ""); !strings.Contains(raw, `"name":"Staging","role":"Environment Admin"`) {
		t.Errorf("the session does not name it: %s", raw)
	}
	// Whoever has no role there is kept out, as is every client.
	for _, path := range []string{"", "/users", "/activities", "/profile", "/propagation/events"} {
		ben.expect(403, "GET", here+path, "")
	}
	ben.expect(403, "PUT", here, `{"name":"Mine"}`)
	if raw := ben.expect(200, "GET", "/v1/environments", ""); strings.Contains(raw, rehearsal) {
		t.Errorf("an environment is shown to somebody who may not enter it: %s", raw)
	}
	if status, raw := s.call(access.EnvironmentAdmin, http.MethodGet, here+"/users", ""); status != http.StatusForbidden {
		t.Errorf("a client of another environment: %d %s", status, raw)
	}
	if status, _ := s.call(access.IdentityDataAdmin, http.MethodPost, "/v1/environments", `{"name":"Other"}`); status != http.StatusForbidden {
		t.Errorf("an Identity Data Admin makes an environment: %d", status)
	}
}

// TestRolesElsewhere: an administrator of one environment is given a role in another, which is theirs at once, and gone at once; who they are
// stays their own environment's matter; and no environment is left without anybody who may do everything.
func TestRolesElsewhere(t *testing.T) {
	s := newServer(t)
	s.person("ann", access.EnvironmentAdmin)
	s.person("ben", access.EnvironmentAdmin)
	ann, ben := s.browser(), s.browser()
	ann.expect(200, "POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	ben.expect(200, "POST", "/v1/session", `{"username":"ben","password":"`+password+`"}`)
	rehearsal := ann.environment("Rehearsal")
	here := "/v1/environments/" + rehearsal
	list := func() map[string]string {
		t.Helper()
		var page struct {
			Embedded struct {
				Administrators []struct{ ID, Username, Role string } `json:"administrators"`
			} `json:"_embedded"`
		}
		must(t, json.Unmarshal([]byte(ann.expect(200, "GET", here+"/administrators", "")), &page))
		out := map[string]string{}
		for _, a := range page.Embedded.Administrators {
			out[a.Username] = a.ID
			out[a.Username+" role"] = a.Role
		}
		return out
	}
	for _, body := range []string{`{"username":"nobody","role":"Read Only","existing":true}`, `{"username":"ann","role":"Read Only","existing":true}`} {
		if raw := ann.expect(400, "POST", here+"/administrators", body); !strings.Contains(raw, `"target":"username"`) {
			t.Errorf("%s: %s", body, raw)
		}
	}
	ann.expect(400, "POST", here+"/administrators", `{"username":"ben","role":"Read Only"}`) // no role by a password that was forgotten
	ann.expect(201, "POST", here+"/administrators", `{"username":"BEN","role":"Read Only","existing":true}`)
	ben.expect(200, "GET", here+"/users", "")
	ben.expect(403, "POST", here+"/users", `{"username":"x","email":"x@example.com"}`)
	if raw := ben.expect(200, "GET", here+"/profile", ""); !strings.Contains(raw, `"Environment Admin"`) {
		t.Errorf("the profile is the one at home: %s", raw)
	}
	names := list()
	if names["ann role"] != "Environment Admin" || names["ben role"] != "Read Only" {
		t.Errorf("%v", names)
	}
	path := here + "/administrators/" + names["ben"]
	for _, body := range []string{`{"password":"another good sentence"}`, `{"name":"Somebody else"}`} {
		if raw := ann.expect(400, "PUT", path, body); !strings.Contains(raw, "they belong to another environment") {
			t.Errorf("%s: %s", body, raw)
		}
	}
	// The only one who may do everything stays so.
	ann.expect(409, "DELETE", here+"/administrators/"+names["ann"], "")
	ann.expect(400, "PUT", here+"/administrators/"+names["ann"], `{"role":"Read Only"}`)
	ben.expect(409, "DELETE", "/v1/environments/"+s.env+"/administrators/"+names["ann"], "")
	ann.expect(200, "PUT", path, `{"role":"Environment Admin"}`)
	ben.expect(201, "POST", here+"/users", `{"username":"x","email":"x@example.com"}`)
	ben.expect(204, "DELETE", here+"/administrators/"+names["ann"], "")
	ann.expect(403, "GET", here+"/users", "")
	ann.expect(200, "GET", "/v1/environments/"+s.env+"/users", "") // at home nothing changed
	if raw := ben.expect(200, "GET", here+"/activities", ""); !strings.Contains(raw, "ADMINISTRATOR.ROLE_ASSIGNED") || !strings.Contains(raw, "ADMINISTRATOR.ROLE_REMOVED") {
		t.Errorf("the log: %s", raw)
	}
}

// TestEnvironmentOfAClient: a script makes an environment, and works in it with the token that it has.
func TestEnvironmentOfAClient(t *testing.T) {
	s := newServer(t)
	s.person("ann", access.ReadOnly)
	status, raw := s.call(access.EnvironmentAdmin, http.MethodPost, "/v1/environments", `{"name":"Made by a script","region":"EU"}`)
	var made struct{ ID string }
	must(t, json.Unmarshal([]byte(raw), &made))
	here := "/v1/environments/" + made.ID
	if status != http.StatusCreated {
		t.Fatal(status, raw)
	}
	for _, call := range [][2]string{{"/propagation/plans", `{"name":"Plan"}`}, {"/administrators", `{"username":"ann","role":"Environment Admin","existing":true}`}} {
		if status, raw := s.call(access.EnvironmentAdmin, http.MethodPost, here+call[0], call[1]); status != http.StatusCreated {
			t.Errorf("%s: %d %s", call[0], status, raw)
		}
	}
	ann := s.browser()
	ann.expect(200, "POST", "/v1/session", `{"username":"ann","password":"`+password+`"}`)
	ann.expect(201, "POST", here+"/users", `{"username":"x","email":"x@example.com"}`)
	ann.expect(403, "POST", "/v1/environments/"+s.env+"/users", `{"username":"x","email":"x@example.com"}`)

	// The script is listed where it may do something, and can be kept out; it stays what it is at home.
	var page struct {
		Embedded struct {
			Clients []struct {
				ID, Role    string
				Environment struct{ ID string }
			} `json:"clients"`
		} `json:"_embedded"`
	}
	must(t, json.Unmarshal([]byte(ann.expect(200, "GET", here+"/clients", "")), &page))
	if l := page.Embedded.Clients; len(l) != 1 || l[0].Role != "Environment Admin" || l[0].Environment.ID != s.env {
		t.Fatalf("the clients are %+v", l)
	}
	client := here + "/clients/" + page.Embedded.Clients[0].ID
	ann.expect(200, "GET", client, "")
	ann.expect(204, "DELETE", client, "")
	ann.expect(404, "DELETE", client, "")
	if status, raw := s.call(access.EnvironmentAdmin, http.MethodGet, here+"/users", ""); status != http.StatusForbidden {
		t.Errorf("a client without a role: %d %s", status, raw)
	}
	if status, raw := s.call(access.EnvironmentAdmin, http.MethodGet, "/v1/environments/"+s.env+"/users", ""); status != http.StatusOK {
		t.Errorf("the client at home: %d %s", status, raw)
	}
}

// TestTooManyEnvironments: the hundredth is the last.
func TestTooManyEnvironments(t *testing.T) {
	s := newServer(t)
	for n := 2; n <= 100; n++ {
		if status, raw := s.call(access.EnvironmentAdmin, http.MethodPost, "/v1/environments", fmt.Sprintf(`{"name":"Environment %d"}`, n)); status != http.StatusCreated {
			t.Fatal(n, status, raw)
		}
	}
	if status, raw := s.call(access.EnvironmentAdmin, http.MethodPost, "/v1/environments", `{"name":"One more"}`); status != http.StatusConflict {
		t.Errorf("%d %s", status, raw)
	}
	if _, raw := s.call(access.EnvironmentAdmin, http.MethodGet, "/v1/environments?limit=1000", ""); !strings.Contains(raw, `"size":100`) {
		t.Errorf("not all are listed: %s", raw)
	}
}
