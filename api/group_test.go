package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"lockstep/access"
)

// made answers the id of what a call created.
func (s *server) made(path, body string) string {
	s.t.Helper()
	status, answer := s.admin(http.MethodPost, path, body)
	var out struct{ ID string }
	if must(s.t, json.Unmarshal([]byte(answer), &out)); status != http.StatusCreated {
		s.t.Fatalf("%s: %d %s", path, status, answer)
	}
	return out.ID
}

// TestGroups: PingOne's groups API: groups, memberships of users and groups, include, expand, counts, filters, refusals.
func TestGroups(t *testing.T) {
	s := newServer(t)
	anna := s.made("/users", `{"username":"anna","email":"anna@example.com","title":"Lead"}`)
	team := s.made("/groups", `{"name":"Team","description":"d","externalId":"x","customData":{"a":1}}`)
	city := s.made("/groups", `{"name":"Berlin"}`)
	leads := s.made("/groups", `{"name":"Leads","userFilter":"title eq \"Lead\""}`)
	if id := s.made("/users/"+anna+"/memberOfGroups", `{"id":"`+team+`"}`); id != team {
		t.Errorf("joined %s", id)
	}
	s.made("/groups/"+team+"/memberOfGroups", `{"id":"`+city+`"}`)
	for _, c := range []struct {
		method, path, body string
		status             int
		has, not           string
	}{
		{http.MethodGet, "/groups", "", 200, `"count":3`, ""},
		{http.MethodGet, "/groups?filter=name+sw+%22T%22", "", 200, `"count":1`, "Berlin"},
		{http.MethodGet, "/groups?limit=2", "", 200, `"next"`, ""},
		{http.MethodGet, "/groups?filter=names+eq+%22T%22", "", 400, "did you mean", ""},
		{http.MethodGet, "/groups/" + team, "", 200, `"directMemberCounts":{"users":1}`, "totalMemberCounts"},
		{http.MethodGet, "/groups/" + city + "?include=totalMemberCounts", "", 200, `"totalMemberCounts":{"users":1}`, ""},
		{http.MethodGet, "/users/" + anna + "/memberOfGroups", "", 200, `"reason":"member because of Team"`, `"group":{"_links"`},
		{http.MethodGet, "/users/" + anna + "/memberOfGroups?expand=group", "", 200, `"_embedded":{"group":{`, ""},
		{http.MethodGet, "/users/" + anna + "/memberOfGroups/" + city, "", 200, `"type":"INDIRECT"`, ""},
		{http.MethodGet, "/users/" + anna + "?include=memberOfGroupNames,memberOfGroupIDs", "", 200, `"memberOfGroupNames":["Berlin","Leads","Team"]`, ""},
		{http.MethodGet, "/users/" + anna, "", 200, "", "memberOfGroupNames"},
		{http.MethodGet, "/users?filter=memberOfGroups%5Bid+eq+%22" + city + "%22%5D&include=memberOfGroupIDs", "", 200, `"count":1`, ""},
		{http.MethodGet, "/groups/" + team + "/memberOfGroups", "", 200, `"type":"DIRECT"`, ""},
		{http.MethodGet, "/groups/" + team + "/memberOfGroups/" + city, "", 200, "Berlin", ""},
		{http.MethodGet, "/groups/" + city + "/memberOfGroups/" + team, "", 404, "", ""},
		{http.MethodPost, "/groups/" + city + "/memberOfGroups", `{"id":"` + team + `"}`, 400, "Berlin > Team > Berlin", ""},
		{http.MethodPost, "/groups", `{"name":"team"}`, 400, "UNIQUENESS_VIOLATION", ""},
		{http.MethodPost, "/groups", `{"name":""}`, 400, "REQUIRED_VALUE", ""},
		{http.MethodPost, "/groups", `{"name":"x","userFilter":"titel eq 1"}`, 400, "userFilter", ""},
		{http.MethodPost, "/users/" + anna + "/memberOfGroups", `{"id":"` + anna + `"}`, 400, "no group", ""},
		{http.MethodPost, "/users/" + anna + "/memberOfGroups", `{}`, 400, "REQUIRED_VALUE", ""},
		{http.MethodPost, "/users/" + team + "/memberOfGroups", `{"id":"` + team + `"}`, 404, "no user", ""},
		{http.MethodDelete, "/users/" + anna + "/memberOfGroups/" + leads, "", 400, "matches the group's filter", ""},
		{http.MethodDelete, "/users/" + anna + "/memberOfGroups/" + city, "", 404, "", ""},
		{http.MethodPut, "/groups/" + team, `{"name":"Crew"}`, 200, `"name":"Crew"`, "externalId"},
		{http.MethodDelete, "/groups/" + team + "/memberOfGroups/" + city, "", 204, "", ""},
		{http.MethodDelete, "/users/" + anna + "/memberOfGroups/" + team, "", 204, "", ""},
		{http.MethodDelete, "/users/" + anna + "/memberOfGroups/" + team, "", 404, "", ""},
		{http.MethodDelete, "/groups/" + team, "", 204, "", ""},
		{http.MethodGet, "/groups/" + team, "", 404, "", ""},
		{http.MethodGet, "/users/" + anna + "?include=memberOfGroupNames", "", 200, `"memberOfGroupNames":["Leads"]`, ""},
	} {
		status, answer := s.admin(c.method, c.path, c.body)
		answer = strings.ReplaceAll(answer, `\u003e`, ">")
		if status != c.status || !strings.Contains(answer, c.has) || c.not != "" && strings.Contains(answer, c.not) {
			t.Errorf("%s %s %s\n%d %s", c.method, c.path, c.body, status, answer)
		}
	}
	if status, _ := s.call(access.ReadOnly, http.MethodPost, "/v1/environments/"+s.env+"/groups", `{"name":"x"}`); status != http.StatusForbidden {
		t.Errorf("a reader creates a group: %d", status)
	}
}

// TestMembers: who is in a group and why, page by page and narrowed; what is nested in it; and files of groups and memberships.
func TestMembers(t *testing.T) {
	s := newServer(t)
	anna := s.made("/users", `{"username":"anna","email":"anna@example.com","title":"Lead"}`)
	s.made("/users", `{"username":"ben","email":"ben@example.com","title":"Lead"}`)
	s.made("/users", `{"username":"cleo","email":"cleo@example.com"}`)
	city := s.made("/groups", `{"name":"Berlin","userFilter":"title eq \"Lead\""}`)
	team := s.made("/groups", `{"name":"Team"}`)
	s.made("/users/"+anna+"/memberOfGroups", `{"id":"`+team+`"}`)
	s.made("/groups/"+team+"/memberOfGroups", `{"id":"`+city+`"}`)
	for _, c := range []struct {
		path   string
		status int
		has    string
		not    string
	}{
		{"/groups/" + city + "/members", 200, `"count":2`, "cleo"},
		{"/groups/" + city + "/members", 200, `"type":"DIRECT","reason":"matches the filter","removable":false`, ""},
		{"/groups/" + team + "/members", 200, `"type":"DIRECT","reason":"direct member","removable":true`, "ben"},
		{"/groups/" + city + "/members?limit=1", 200, `"next"`, "ben"},
		{"/groups/" + city + "/members?filter=username+sw+%22b%22", 200, `"count":1`, `"anna"`},
		{"/groups/" + team + "/members?filter=username+eq+%22x%22)+or+(username+pr", 400, "INVALID_REQUEST", ""},
		{"/groups/" + team + "/members?filter=nothing+eq+1", 400, "position 1", ""},
		{"/groups/" + anna + "/members", 404, "no group", ""},
		{"/groups/" + city + "/nestedGroups?include=totalMemberCounts", 200, `"totalMemberCounts":{"users":1}`, "Berlin"},
		{"/groups/" + team + "/nestedGroups", 200, `"count":0`, ""},
		{"/groups/" + anna + "/nestedGroups", 404, "no group", ""},
		{"/users/" + anna + "/memberOfGroups", 200, `"reason":"direct member","removable":true`, ""},
	} {
		status, answer := s.admin(http.MethodGet, c.path, "")
		if status != c.status || !strings.Contains(answer, c.has) || c.not != "" && strings.Contains(answer, c.not) {
			t.Errorf("%s\n%d %s", c.path, status, answer)
		}
	}
	for _, c := range []struct {
		query, file string
		status      int
		has         string
	}{
		{"?dryRun=true", "name,memberOf\nNorth,Team\n", 200, `"created":1`},
		{"", "name,memberOf\nNorth,Team\nSouth,Nowhere\n", 200, `"kind":"GROUPS"`},
		{"", "name,memberOf\nNorth,Team\n", 200, `"updated":0,"unchanged":1`},
		{"", "name,memberOf\nNorth,\n", 200, `"updated":1,"unchanged":0`}, // where it is nested is a change as well
		{"", "name,memberOf\nNorth,Team\n", 200, `"updated":1,"unchanged":0`},
		{"", "group,username\nNorth,cleo\nNorth,nobody\n", 200, `"kind":"MEMBERSHIPS"`},
		{"", "group,username\nNorth,cleo\n", 200, `"unchanged":1`},
		{"", "username,email\nx,x@example.com\n", 400, "name,description"},
		{"", "", 400, "empty"},
	} {
		status, answer := s.send(access.IdentityDataAdmin, "/groups/import"+c.query, "text/csv", "*/*", c.file)
		if status != c.status || !strings.Contains(answer, c.has) {
			t.Errorf("import%s %q\n%d %s", c.query, c.file, status, answer)
		}
	}
	if _, answer := s.admin(http.MethodGet, "/groups/"+city+"/members", ""); !strings.Contains(strings.ReplaceAll(answer, `\u003e`, ">"), "member because of North > Team") {
		t.Errorf("cleo is not in Berlin: %s", answer)
	}
}
