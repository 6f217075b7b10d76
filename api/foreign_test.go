package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/store"
)

// TestOtherEnvironment goes over the whole route table with the ids of another environment, in paths and in bodies: nothing of it is
// answered, and nothing of it is changed.
func TestOtherEnvironment(t *testing.T) {
	s := newServer(t)
	db, _ := s.config.Log.(*store.DB)
	other := directory.Environment{ID: uuid.NewString(), Name: "Other"}
	must(t, db.Edit(t.Context(), func(tx directory.Tx) error {
		if err := tx.InsertEnvironment(t.Context(), other); err != nil {
			return err
		}
		return tx.InsertPopulation(t.Context(), directory.Population{ID: uuid.NewString(), EnvironmentID: other.ID, Name: "Default", Default: true})
	}))
	theirs := &server{t: t, url: s.url, env: other.ID, tokens: map[access.Role]string{}}
	client, _, err := s.access.CreateClient(t.Context(), other.ID, "theirs", access.EnvironmentAdmin)
	must(t, err)
	token, _, err := s.access.Issue(t.Context(), client)
	must(t, err)
	theirs.tokens[access.EnvironmentAdmin] = token.Reveal()

	// Something of everything, with a word that is nowhere in ours.
	ids := map[string]string{"clientID": client.ID, "remoteID": "x", "type": "Slack"}
	made := func(of *server, path, body string) string {
		t.Helper()
		status, raw := of.admin(http.MethodPost, path, body)
		var o struct {
			ID string `json:"id"`
		}
		if must(t, json.Unmarshal([]byte(raw), &o)); status >= 300 {
			t.Fatalf("%s: %d %s", path, status, raw)
		}
		return o.ID
	}
	fill := func(of *server, word string) map[string]string {
		t.Helper()
		out := map[string]string{}
		out["populationID"] = made(of, "/populations", `{"name":"`+word+`"}`)
		out["userID"] = made(of, "/users", `{"username":"`+word+`","email":"`+word+`@example.com","population":{"id":"`+out["populationID"]+`"}}`)
		out["groupID"] = made(of, "/groups", `{"name":"`+word+`"}`)
		out["planID"] = made(of, "/propagation/plans", `{"name":"`+word+`"}`)
		out["sourceID"] = made(of, "/propagation/stores", `{"name":"`+word+` people","type":"directory"}`)
		out["storeID"] = made(of, "/propagation/stores", `{"name":"`+word+`","type":"Slack","status":"ACTIVE","configuration":{"OAUTH_ACCESS_TOKEN":"xoxp-`+word+`"}}`)
		out["ruleID"] = made(of, "/propagation/plans/"+out["planID"]+"/rules", `{"name":"`+word+`","sourceStore":{"id":"`+out["sourceID"]+`"},"targetStore":{"id":"`+out["storeID"]+`"},"active":true,"populationExpression":"population.id eq \"`+out["populationID"]+`\""}`)
		out["mappingID"] = made(of, "/propagation/rules/"+out["ruleID"]+"/mappings", `{"sourceAttribute":"email","targetAttribute":"primaryEmail"}`)
		out["revisionID"] = made(of, "/propagation/revisions", `{}`)
		out["administratorID"] = made(of, "/administrators", `{"username":"`+word+`","password":"`+password+`","role":"Read Only"}`)
		out["authorizationID"] = made(of, "/propagation/authorizations", `{"type":"Slack","clientId":"1.2","clientSecret":"x"}`)
		var list struct {
			Embedded struct {
				Schemas    []struct{ ID string } `json:"schemas"`
				Activities []struct{ ID string } `json:"activities"`
			} `json:"_embedded"`
		}
		for _, path := range []string{"/schemas", "/activities"} {
			_, raw := of.admin(http.MethodGet, path, "")
			must(t, json.Unmarshal([]byte(raw), &list))
		}
		out["schemaID"], out["activityID"] = list.Embedded.Schemas[0].ID, list.Embedded.Activities[0].ID
		out["attributeID"] = made(of, "/schemas/"+out["schemaID"]+"/attributes", `{"name":"`+word+`"}`)
		return out
	}
	maps.Copy(ids, fill(theirs, "foreignmarker"))
	ours := fill(s, "ours")
	state := func() string {
		var all strings.Builder
		for _, path := range []string{"/users", "/groups", "/populations", "/propagation/plans", "/propagation/stores", "/propagation/rules", "/propagation/rules/" + ids["ruleID"] + "/mappings", "/clients", "/administrators", "/propagation/revisions", "/schemas/" + ids["schemaID"] + "/attributes", "/propagation/authorizations/" + ids["authorizationID"], "/activities"} {
			status, raw := theirs.admin(http.MethodGet, path, "")
			if status != http.StatusOK {
				t.Errorf("%s: %d %s", path, status, raw)
			}
			all.WriteString(raw)
		}
		return all.String()
	}
	before := state()

	_, raw := s.call("", http.MethodGet, "/v1/openapi.json", "")
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	must(t, json.Unmarshal([]byte(raw), &document))
	tried := 0
	parameter := regexp.MustCompile(`\{(\w+)\}`)
	for path, methods := range document.Paths {
		rest, ok := strings.CutPrefix(path, "/v1/environments/{environmentID}")
		if !ok || !strings.Contains(rest, "{") || strings.Contains(rest, "{type}") {
			continue
		}
		named := 0
		at := parameter.ReplaceAllStringFunc(rest, func(p string) string {
			if id := ids[strings.Trim(p, "{}")]; id != "" {
				named++
				return id
			}
			return uuid.NewString()
		})
		for method := range methods {
			method = strings.ToUpper(method)
			for _, body := range []string{"", "{}", `{"name":"taken","enabled":false,"id":"` + ours["populationID"] + `","decision":"REJECT","action":"RESUME"}`} {
				if method == http.MethodGet && body != "" {
					continue
				}
				tried++
				if status, raw := s.admin(method, at, body); status < 400 || status >= 500 || strings.Contains(raw, "foreignmarker") {
					t.Errorf("%s %s %s (%d ids): %d %s", method, rest, body, named, status, raw)
				}
			}
		}
	}
	if tried < 120 {
		t.Errorf("only %d requests were tried", tried)
	}
	for _, c := range [][3]string{
		{"POST", "/users", `{"username":"new","email":"new@example.com","population":{"id":"` + ids["populationID"] + `"}}`},
		{"PUT", "/users/" + ours["userID"] + "/population", `{"id":"` + ids["populationID"] + `"}`},
		{"POST", "/users/" + ours["userID"] + "/memberOfGroups", `{"id":"` + ids["groupID"] + `"}`},
		{"POST", "/groups", `{"name":"g","population":{"id":"` + ids["populationID"] + `"}}`},
		{"POST", "/propagation/plans/" + ours["planID"] + "/rules", `{"name":"r","sourceStore":{"id":"` + ids["sourceID"] + `"},"targetStore":{"id":"` + ours["storeID"] + `"}}`},
		{"POST", "/propagation/plans/" + ours["planID"] + "/rules", `{"name":"r","sourceStore":{"id":"` + ours["sourceID"] + `"},"targetStore":{"id":"` + ids["storeID"] + `"}}`},
		{"POST", "/propagation/rules", `{"name":"r","plan":{"id":"` + ids["planID"] + `"},"sourceStore":{"id":"` + ours["sourceID"] + `"},"targetStore":{"id":"` + ours["storeID"] + `"}}`},
		{"POST", "/propagation/rules/" + ours["ruleID"] + "/preview", `{"user":{"id":"` + ids["userID"] + `"}}`},
		{"POST", "/propagation/expressions/evaluate", `{"expression":"username","user":{"id":"` + ids["userID"] + `"}}`},
		{"POST", "/users/" + ids["userID"] + "/syncedRules/" + ours["ruleID"], ""},
		{"POST", "/users/" + ours["userID"] + "/syncedRules/" + ids["ruleID"], ""},
		{"POST", "/propagation/stores/" + ours["storeID"] + "/accounts", `{"user":{"id":"` + ids["userID"] + `"},"remoteId":"U1"}`},
		{"POST", "/propagation/authorizations", `{"store":{"id":"` + ids["storeID"] + `"},"clientId":"1.2","clientSecret":"x"}`},
		{"POST", "/propagation/stores", `{"name":"n","type":"Slack","authorization":{"id":"` + ids["authorizationID"] + `"}}`},
	} {
		if status, raw := s.admin(c[0], c[1], c[2]); status < 400 || status >= 500 || strings.Contains(raw, "foreignmarker") {
			t.Errorf("%s %s %s: %d %s", c[0], c[1], c[2], status, raw)
		}
	}
	if after := state(); after != before {
		t.Errorf("the other environment was changed:\n%s\n%s", before, after)
	}
}
