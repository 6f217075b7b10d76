package slack_test

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"lockstep/sandbox/slack"
)

// FuzzRequests: whatever is sent, the workspace answers JSON in one of its shapes, and stays one in which everybody is found by
// name, by address and in their groups.
func FuzzRequests(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			head, body, _ := strings.Cut(strings.TrimSpace(string(part.Data)), "\n")
			method, path, _ := strings.Cut(head, " ")
			if at := slices.Index(methods, method); part.Name == "request" && at >= 0 {
				_, query, _ := strings.Cut(path, "filter=")
				f.Add(at, strings.Contains(path, "/v1/"), strings.Contains(path, "Groups"), query, body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, method int, old, group bool, filter, body string) {
		w := slack.New(slack.Options{Token: "t", TimeScale: -1, Enterprise: true})
		ids := w.Seed(
			slack.Member{ID: "U1", UserName: "anna", PrimaryEmail: "anna@example.com", Active: true},
			slack.Member{ID: "U2", UserName: "bert", PrimaryEmail: "bert@example.com", Profile: map[string]string{"department": "Sales"}},
		)
		groups := w.SeedGroups(slack.Group{ID: "S1", Name: "All", Members: ids}, slack.Group{ID: "S2", Name: "None"})
		base, id := "/scim/v2/", ids[0]
		if old {
			base = "/scim/v1/"
		}
		resource := "Users"
		if group {
			resource, id = "Groups", groups[0]
		}
		verb := methods[uint(method)%uint(len(methods))]
		for _, path := range []string{base + resource + "?filter=" + url.QueryEscape(filter), base + resource + "/" + id} {
			status, _, answer := do(t, w, "t", verb, path, strings.ReplaceAll(body, "<anna>", ids[0]))
			if answer != "" && !json.Valid([]byte(answer)) || status >= 500 && !strings.Contains(answer, "unable_to_create_team_profile_fields") {
				t.Errorf("%s %s: %d %s", verb, path, status, answer)
			}
		}
		whole(t, w)
	})
}

// whole checks that all ways to a member lead to them.
func whole(t *testing.T, w *slack.Workspace) {
	t.Helper()
	names, emails := map[string]bool{}, map[string]bool{}
	for _, m := range w.Members() {
		name, email := strings.ToLower(m.UserName), strings.ToLower(m.PrimaryEmail)
		if names[name] || emails[email] || name == "" || email == "" || strings.EqualFold(m.SecondaryEmail, email) {
			t.Errorf("%+v", m)
		}
		names[name], emails[email] = true, true
		for _, filter := range []string{`userName eq "` + m.UserName + `"`, `email eq ` + string(quoted(m.PrimaryEmail))} {
			if _, _, found := do(t, w, "t", "GET", "/scim/v2/Users?filter="+url.QueryEscape(filter), ""); !strings.Contains(found, `"`+m.ID+`"`) {
				t.Errorf("%s: %s", filter, found)
			}
		}
		var shown struct {
			Groups []struct{ Value string }
		}
		_, _, raw := do(t, w, "t", "GET", "/scim/v2/Users/"+m.ID, "")
		if err := json.Unmarshal([]byte(raw), &shown); err != nil {
			t.Errorf("%v: %s", err, raw)
		}
		for _, g := range w.Groups() {
			in := slices.ContainsFunc(shown.Groups, func(v struct{ Value string }) bool { return v.Value == g.ID })
			if in != slices.Contains(g.Members, m.ID) {
				t.Errorf("%s in %s: %v", m.ID, g.ID, in)
			}
		}
	}
}

func quoted(s string) []byte {
	out, _ := json.Marshal(s)
	return out
}
