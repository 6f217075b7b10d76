package slack_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/connector"
	"lockstep/connector/connectortest"
	"lockstep/connector/slack"
	"lockstep/directory"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

const token = "xoxp-marker-token"

func open(t *testing.T, w *sandbox.Workspace, identifier string) (connector.Target, *atomic.Int64) {
	t.Helper()
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return dial(t, server.URL, identifier)
}

func dial(t *testing.T, server, identifier string) (connector.Target, *atomic.Int64) {
	t.Helper()
	var paced atomic.Int64
	target, err := slack.New().Open(connector.Config{
		Connection: &provision.Connection{
			Settings: map[string]any{"BASE_URL": server + "/scim/v2", "UNIQUE_USER_IDENTIFIER": identifier},
			Secrets:  map[string]secret.Text{"OAUTH_ACCESS_TOKEN": secret.New(token)},
		},
		Client: outbound.Client(true, 5*time.Second),
		Pace:   func(ctx context.Context, _ ...string) error { paced.Add(1); return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return target, &paced
}

// TestConversations: what Slack is known to say, and what we make of it.
func TestConversations(t *testing.T) {
	connectortest.Play(t, "testdata/*.txtar", func(t *testing.T, url string) connector.Target {
		t.Helper()
		target, _ := dial(t, url, "primaryEmail")
		return target
	})
}

// TestConformance: also where Slack may differ from what we take it for.
func TestConformance(t *testing.T) {
	for name, options := range map[string]sandbox.Options{
		"as documented":   {},
		"organisation":    {Enterprise: true},
		"conflicts 400":   {ConflictStatus: http.StatusBadRequest},
		"no bodies":       {Statuses: map[string]int{"PATCH /Users/{id}": http.StatusNoContent}},
		"half a patch":    {PartialPatch: true},
		"filters ignored": {FilterIgnored: true},
	} {
		t.Run(name, func(t *testing.T) { conform(t, options) })
	}
}

func conform(t *testing.T, options sandbox.Options) {
	t.Helper()
	connectortest.Run(t, func(t *testing.T) *connectortest.Harness {
		t.Helper()
		options.Token, options.TimeScale = token, -1
		w := sandbox.New(options)
		target, paced := open(t, w, "primaryEmail")
		faults := map[string]sandbox.Fault{
			"429": {Method: "POST", Status: 429, RetryAfter: 3}, "500": {Method: "POST", Status: 500}, "truncated": {Method: "POST", Truncated: true}, "html": {Method: "POST", HTML: true},
		}
		return &connectortest.Harness{
			Target: target, Paced: func() int { return int(paced.Load()) }, Fault: func(kind string) { w.Inject(faults[kind]) },
			Revoke: func() { w.SetToken("another", sandbox.Owner) },
			Person: func(n, variant int) provision.Attributes {
				return provision.Attributes{
					"userName": strings.ToUpper(connectortest.Name(n)), "primaryEmail": connectortest.Name(n) + "@Example.com", "givenName": "Given", "familyName": fmt.Sprintf("Family %d", variant),
					"title": fmt.Sprintf("Title %d", variant), "department": "R&D", "primaryPhone": fmt.Sprintf("+49 %d", variant), "mobilePhone": "+49 99", "locality": "Köln",
					"employeeNumber": fmt.Sprint(n), "honorificPrefix": "Dr.", "timezone": "Europe/Berlin", "role": "Lead", "userType": "Employee", "secondaryEmail": connectortest.Name(n) + "@home.example",
				}
			},
		}
	})
}

func TestNormalize(t *testing.T) {
	target, _ := open(t, sandbox.New(sandbox.Options{Token: token}), "primaryEmail")
	n := target.(connector.Normalizer) //nolint:forcetypeassert // asserted in the package
	for in, want := range map[string]string{
		"Anna.Bell": "anna.bell", "anna@example.com": "anna", "Änne O'Neil": "_nne_o_neil", strings.Repeat("x", 40): strings.Repeat("x", 21), " a ": "a",
	} {
		out, fault := n.Normalize(directory.KindUser, provision.Attributes{"userName": in, "primaryEmail": "A@B.example"})
		if fault != nil || out["userName"] != want || out["primaryEmail"] != "a@b.example" {
			t.Errorf("%q: %v %v", in, out, fault)
		}
	}
	if _, fault := n.Normalize(directory.KindUser, provision.Attributes{"userName": "a", "primaryEmail": "a@b.c", "title": "Boss 🚀"}); fault == nil || fault.Kind != provision.Rejected {
		t.Errorf("emoji: %v", fault)
	}
	if _, fault := n.Normalize(directory.KindUser, provision.Attributes{"userName": "a"}); fault == nil || fault.Attribute != "primaryEmail" {
		t.Errorf("no address: %v", fault)
	}
	out, fault := n.Normalize(directory.KindUser, provision.Attributes{
		"userName": "a", "primaryEmail": "a@b.c", "displayName": "@Anna @ Home " + strings.Repeat("ä", 80), "startDate": "2024-04-10", "active": true, "nickName": "x", "title": " ",
	})
	want := provision.Attributes{"userName": "a", "primaryEmail": "a@b.c", "displayName": "_Anna _ Home " + strings.Repeat("ä", 67), "startDate": "2024-04-10T00:00:00+0000"}
	if diff := cmp.Diff(want, out); fault != nil || diff != "" {
		t.Errorf("%v %s", fault, diff)
	}
	for _, d := range []string{"2024-04-10T02:00:00+02:00", "2024-04-10T00:00:00Z", "2024-04-10T00:00:00.000Z", "2024-04-10T00:00:00"} {
		if out, fault := n.Normalize(directory.KindUser, provision.Attributes{"userName": "a", "primaryEmail": "a@b.c", "startDate": d}); fault != nil || out["startDate"] != want["startDate"] {
			t.Errorf("%s: %v %v", d, out, fault)
		}
	}
	if _, fault := n.Normalize(directory.KindUser, provision.Attributes{"userName": "a", "primaryEmail": "a@b.c", "startDate": "soon"}); fault == nil || fault.Attribute != "startDate" {
		t.Errorf("a date: %v", fault)
	}
	for _, picture := range []string{"⭐", "☺️", "1️⃣", "🇩🇪", "⌚"} {
		if _, fault := n.Normalize(directory.KindUser, provision.Attributes{"userName": "a", "primaryEmail": "a@b.c", "title": picture}); fault == nil || fault.Code != "invalid_emoji_not_allowed" {
			t.Errorf("%s: %v", picture, fault)
		}
	}
	if _, fault := n.Normalize(directory.KindUser, provision.Attributes{"userName": "a", "primaryEmail": "a@b.c", "title": "Größe → № 5 · Ω 日本 ® ™"}); fault != nil {
		t.Errorf("letters and signs: %v", fault)
	}
	alternative, ok := target.(connector.Alternator).Alternative("userName", strings.Repeat("x", 21), 12) //nolint:forcetypeassert // asserted in the package
	if !ok || alternative != strings.Repeat("x", 19)+"12" {
		t.Errorf("%s", alternative)
	}
}

func TestFindByUserName(t *testing.T) {
	w := sandbox.New(sandbox.Options{Token: token, TimeScale: -1, FilterIgnored: true})
	target, _ := open(t, w, "userName")
	var members []sandbox.Member
	for n := range 50 {
		members = append(members, sandbox.Member{UserName: connectortest.Name(n), PrimaryEmail: connectortest.Name(n) + "@example.com", Active: n%2 == 0})
	}
	w.Seed(members...)
	found, err := target.Find(t.Context(), directory.KindUser, connectortest.Name(33))
	if err != nil || len(found) != 1 || found[0].Active {
		t.Errorf("with a filter that is ignored: %v %v", found, err)
	}
}

func TestDisplayNameIsOnItsOwn(t *testing.T) {
	w := sandbox.New(sandbox.Options{Token: token, TimeScale: -1, UsersMayChangeDisplayName: true})
	target, _ := open(t, w, "primaryEmail")
	id := w.Seed(sandbox.Member{UserName: "anna", DisplayName: "Anna", PrimaryEmail: "anna@example.com", Active: true})[0]
	known, err := target.Get(t.Context(), directory.KindUser, id)
	if err != nil {
		t.Fatal(err)
	}
	remote, err := target.Do(t.Context(), connector.Call{
		Verb: provision.VerbUpdate, Kind: directory.KindUser, RemoteID: id, Known: known, Attributes: provision.Attributes{"displayName": "Other", "title": "Boss"},
	})
	if err == nil || remote == nil || remote.Attributes["title"] != "Boss" || !strings.Contains(err.Error(), "create only") {
		t.Errorf("%v %v", remote, err)
	}
}

// TestSecretStaysSecret: the token is in no error and in no check, whatever goes wrong.
func TestSecretStaysSecret(t *testing.T) {
	w := sandbox.New(sandbox.Options{Token: "another", TimeScale: -1})
	target, _ := open(t, w, "primaryEmail")
	_, err := target.Get(t.Context(), directory.KindUser, "U1")
	said := fmt.Sprintf("%v %+v %#v %v", err, err, err, target.(connector.Checker).Check(t.Context())) //nolint:forcetypeassert // asserted in the package
	if strings.Contains(said, "marker") {
		t.Error(said)
	}
}

func TestEveryCodeHasASentence(t *testing.T) {
	codes := []string{
		"missing_authentication", "invalid_authentication", "permission_denied", "plus_teams_only", "non_org_teams_only", "no_such_user", "email_taken",
		"username_taken", "username_not_allowed", "long_username", "invalid_display_name", "cannot_modify_owner", "cannot_modify_gdpr", "cannot_disable_bot_user_with_scim",
		"cannot_disable_primary_owner", "unable_to_create_team_profile_fields", "invited_user_not_created", "improper_enterprise_schema_format", "something_new",
	}
	w := sandbox.New(sandbox.Options{Token: token, TimeScale: -1})
	target, _ := open(t, w, "primaryEmail")
	kinds := map[provision.FaultKind]int{}
	for _, code := range codes {
		w.Inject(sandbox.Fault{Method: "GET", Status: 400, Code: code + " (user=U1)"})
		_, err := target.Get(t.Context(), directory.KindUser, "U1")
		f, ok := err.(*provision.Fault) //nolint:errorlint // exactly this
		if !ok || f.Code != code || f.Message == "" {
			t.Errorf("%s: %v", code, err)
			continue
		}
		kinds[f.Kind]++
	}
	w.Inject(sandbox.Fault{Method: "GET", Status: 503, Code: "no_such_user"})
	if _, err := target.Get(t.Context(), directory.KindUser, "U1"); err.(*provision.Fault).Kind != provision.Transient { //nolint:errorlint,forcetypeassert // exactly this
		t.Errorf("a failing server says that somebody is gone: %v", err)
	}
	w.Inject(sandbox.Fault{Method: "GET", Status: 404, Code: "not_slacks_word"})
	if _, err := target.Get(t.Context(), directory.KindUser, "U1"); err.(*provision.Fault).Kind != provision.Transient { //nolint:errorlint,forcetypeassert // exactly this
		t.Errorf("a 404 that is not Slack's: %v", err)
	}
	for _, kind := range []provision.FaultKind{provision.Halted, provision.Rejected, provision.Taken, provision.Gone, provision.Transient} {
		if kinds[kind] == 0 {
			t.Errorf("no code is %s", kind)
		}
	}
	if !slices.Contains(codes, "something_new") {
		t.Error("a code nobody knows must be among them")
	}
}
