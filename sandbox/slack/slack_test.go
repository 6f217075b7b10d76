package slack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lockstep/sandbox/slack"
)

const patchURN = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`

// do makes a request as a client would and answers status, headers and body.
func do(t testing.TB, w *slack.Workspace, token, method, path, body string) (int, http.Header, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	raw, _ := io.ReadAll(recorder.Result().Body)
	return recorder.Code, recorder.Result().Header, string(raw)
}

func user(name, extra string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"emails":[{"value":"%s@example.com","primary":true}]%s}`, name, strings.ToLower(name), extra)
}

// TestRefusals: the constraints of slack-github-scim.md A6, A9 to A13 and A16, with their codes, statuses and shapes.
func TestRefusals(t *testing.T) {
	w := slack.New(slack.Options{Token: "t", TimeScale: -1, UsersMayChangeDisplayName: true})
	ids := w.Seed(
		slack.Member{UserName: "anna", PrimaryEmail: "anna@example.com", DisplayName: "Anna", Active: true},
		slack.Member{UserName: "boss", PrimaryEmail: "boss@example.com", Active: true, Role: slack.PrimaryOwner},
		slack.Member{UserName: "bot", PrimaryEmail: "bot@slack-bots.com", Active: true, Bot: true},
		slack.Member{UserName: "erased", PrimaryEmail: "erased@example.com", Erased: true},
		slack.Member{UserName: "gone", PrimaryEmail: "gone@example.com"},
	)
	users := "/scim/v2/Users"
	off := `{` + patchURN + `,"Operations":[{"op":"replace","path":"active","value":false}]}`
	for name, test := range map[string]struct {
		token, method, path, body string
		status                    int
		says                      string
	}{
		"no token, v1 shape in v2":      {"", "GET", users, "", 401, `{"Errors":{"description":"missing_authentication","code":401}}`},
		"wrong token":                   {"x", "GET", users, "", 401, "invalid_authentication"},
		"anybody may read capabilities": {"", "GET", "/scim/v2/ServiceProviderConfigs", "", 200, `"filter":{"maxResults":0,"supported":false}`},
		"no schemas":                    {"t", "POST", users, `{"userName":"x"}`, 400, `"detail":"missing_schema_element"`},
		"no address":                    {"t", "POST", users, `{"schemas":["x"],"userName":"x"}`, 400, "email_empty"},
		"long name":                     {"t", "POST", users, user(strings.Repeat("x", 22), ""), 400, "username_too_long (username="},
		"reserved":                      {"t", "POST", users, user("everyone", ""), 400, "username_not_allowed"},
		"a channel's name":              {"t", "POST", users, user("general", ""), 409, "username_taken"},
		"a deactivated member's":        {"t", "POST", users, user("gone", ""), 409, "_taken"},
		"address taken":                 {"t", "POST", users, strings.Replace(user("other", ""), "other@", "Anna@", 1), 409, "existing_user=" + ids[0]},
		"emoji":                         {"t", "POST", users, user("smile", `,"title":"🚀"`), 400, "invalid_emoji_not_allowed"},
		"active as text":                {"t", "PATCH", users + "/" + ids[0], strings.Replace(off, "false", `"False"`, 1), 400, "invalid_attribute_format"},
		"display name later":            {"t", "PATCH", users + "/" + ids[0], `{` + patchURN + `,"Operations":[{"op":"replace","path":"displayName","value":"B"}]}`, 400, "invalid_display_name"},
		"primary owner":                 {"t", "PATCH", users + "/" + ids[1], off, 403, "cannot_disable_primary_owner"},
		"bot":                           {"t", "DELETE", users + "/" + ids[2], "", 403, "cannot_disable_bot_user_with_scim"},
		"erased":                        {"t", "PATCH", users + "/" + ids[3], off, 403, "cannot_modify_gdpr"},
		"nobody":                        {"t", "GET", users + "/U0", "", 404, "no_such_user"},
		"nowhere":                       {"t", "GET", "/scim/v2/Bulk", "", 404, "bad_endpoint"},
		"garbage filter":                {"t", "GET", users + "?filter=foo", "", 400, "no_filters (is_aggregate_call=1)"},
		"unknown member":                {"t", "POST", "/scim/v2/Groups", `{"schemas":["x"],"displayName":"G","members":[{"value":"U0"}]}`, 400, "no_such_group_members"},
	} {
		if status, _, body := do(t, w, test.token, test.method, test.path, test.body); status != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// TestShapes: coupling, lower case, null-laden profiles, phones, and a DELETE that never deletes.
func TestShapes(t *testing.T) {
	w := slack.New(slack.Options{Token: "t", TimeScale: -1})
	status, _, raw := do(t, w, "t", "POST", "/scim/v2/Users/", user("Guest.User", `,"phoneNumbers":[{"value":"555-555-5555","type":"work"},{"value":"555-555-4444","type":"mobile"}]`))
	var u struct {
		ID, UserName, NickName, ExternalID string
		PhoneNumbers                       json.RawMessage `json:"phoneNumbers"`
	}
	if err := json.Unmarshal([]byte(raw), &u); err != nil || status != 201 {
		t.Fatal(status, raw)
	}
	if u.UserName != "guest.user" || u.NickName != u.UserName || u.ExternalID != "" || !strings.Contains(raw, `"costCenter":null`) {
		t.Error(raw)
	}
	if string(u.PhoneNumbers) != `[{"value":"555-555-5555","type":"mobile"},{"value":"555-555-4444","primary":true}]` {
		t.Errorf("phones: %s", u.PhoneNumbers)
	}
	for range 2 {
		if status, _, _ := do(t, w, "t", "DELETE", "/scim/v2/Users/"+u.ID, ""); status != 204 {
			t.Errorf("DELETE: %d", status)
		}
	}
	if _, _, raw := do(t, w, "t", "GET", "/scim/v2/Users/"+u.ID, ""); !strings.Contains(raw, `"active":false`) {
		t.Error(raw)
	}
	if status, _, _ := do(t, w, "t", "DELETE", "/scim/v1/Users/"+u.ID, ""); status != 200 {
		t.Errorf("v1 DELETE: %d", status)
	}
	if _, _, raw := do(t, w, "t", "GET", "/scim/v2/Users?filter=email+eq+%22GUEST.user@example.com%22", ""); !strings.Contains(raw, `"totalResults":1`) {
		t.Error(raw)
	}
	// Slack's trap: a bare remove of members empties the group, whatever the value says.
	_, _, group := do(t, w, "t", "POST", "/scim/v2/Groups", `{"schemas":["x"],"displayName":"G"}`)
	var g struct{ ID string }
	if err := json.Unmarshal([]byte(group), &g); err != nil {
		t.Fatal(err)
	}
	a := w.Seed(slack.Member{UserName: "a", PrimaryEmail: "a@x.y", Active: true}, slack.Member{UserName: "b", PrimaryEmail: "b@x.y", Active: true})
	do(t, w, "t", "PATCH", "/scim/v2/Groups/"+g.ID, fmt.Sprintf(`{%s,"Operations":[{"op":"add","path":"members","value":[{"value":%q},{"value":%q}]}]}`, patchURN, a[0], a[1]))
	_, _, one := do(t, w, "t", "PATCH", "/scim/v2/Groups/"+g.ID, fmt.Sprintf(`{%s,"Operations":[{"op":"remove","path":"members[value eq \"%s\"]"}]}`, patchURN, a[0]))
	if strings.Contains(one, a[0]) || !strings.Contains(one, a[1]) {
		t.Error(one)
	}
	_, _, none := do(t, w, "t", "PATCH", "/scim/v2/Groups/"+g.ID, fmt.Sprintf(`{%s,"Operations":[{"op":"remove","path":"members","value":[{"value":%q}]}]}`, patchURN, a[0]))
	if !strings.Contains(none, `"members":[]`) {
		t.Error(none)
	}
}

// TestRateLimit: 20 creates at once, then three a second; 429 says when.
func TestRateLimit(t *testing.T) {
	now := time.Unix(1000, 0)
	w := slack.New(slack.Options{Token: "t", Now: func() time.Time { return now }})
	made := 0
	try := func(n int) (int, http.Header) {
		status, header, _ := do(t, w, "t", "POST", "/scim/v2/Users", user(fmt.Sprintf("u%d", n), ""))
		if status == 201 {
			made++
		}
		return status, header
	}
	for n := range 25 {
		if status, header := try(n); (status == 429) != (n >= 20) || status == 429 && header.Get("Retry-After") != "1" {
			t.Errorf("%d: %d %v", n, status, header)
		}
	}
	now = now.Add(2 * time.Second)
	for n := range 10 {
		try(100 + n)
	}
	if made != 26 {
		t.Errorf("%d were made, want 26", made)
	}
	if totals := w.Requests().Totals; totals["writes"] != 26 || totals["429"] != 9 {
		t.Errorf("%v", totals)
	}
}
