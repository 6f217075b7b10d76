package slack_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lockstep/connector"
	"lockstep/connector/slack"
	"lockstep/directory"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// transport answers instead of the network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func openWith(settings map[string]any, token string, answer transport) (connector.Target, error) {
	return slack.New().Open(connector.Config{
		Connection: &provision.Connection{Settings: settings, Secrets: map[string]secret.Text{"OAUTH_ACCESS_TOKEN": secret.New(token)}},
		Client:     &http.Client{Transport: answer}, Pace: func(ctx context.Context, _ ...string) error { return ctx.Err() },
	})
}

func TestOpen(t *testing.T) {
	for name, test := range map[string]struct {
		settings map[string]any
		token    string
		asks     string // the URL of a look-up; "" = it must not open
	}{
		"Slack itself":              {map[string]any{}, "xoxp-1", "https://api.slack.com/scim/v2/Users/U1"},
		"an empty base URL":         {map[string]any{"BASE_URL": " "}, "xoxp-1", "https://api.slack.com/scim/v2/Users/U1"},
		"no slash at the end":       {map[string]any{"BASE_URL": "http://127.0.0.1:1/scim/v2"}, "xoxp-1", "http://127.0.0.1:1/scim/v2/Users/U1"},
		"a token with a line's end": {map[string]any{}, "xoxp-1\r\n", "https://api.slack.com/scim/v2/Users/U1"},
		"no token":                  {map[string]any{}, "", ""},
		"a token of two lines":      {map[string]any{}, "xoxp-marker\nX-Evil: 1", ""},
		"an unknown identifier":     {map[string]any{"UNIQUE_USER_IDENTIFIER": "marker"}, "xoxp-1", ""},
		"no URL":                    {map[string]any{"BASE_URL": "marker"}, "xoxp-1", ""},
		"no host":                   {map[string]any{"BASE_URL": "https://:443/marker"}, "xoxp-1", ""},
		"another scheme":            {map[string]any{"BASE_URL": "file:///marker"}, "xoxp-1", ""},
		"a password":                {map[string]any{"BASE_URL": "https://u:marker@example.com/"}, "xoxp-1", ""},
		"a query":                   {map[string]any{"BASE_URL": "https://example.com/?marker=1"}, "xoxp-1", ""},
		"a broken one":              {map[string]any{"BASE_URL": "https://exa mple/marker%zz"}, "xoxp-1", ""},
		"Slack without TLS":         {map[string]any{"BASE_URL": "http://api.slack.com/scim/v2/"}, "xoxp-1", ""},
		"the same in capitals":      {map[string]any{"BASE_URL": "http://API.Slack.com/scim/v2/"}, "xoxp-1", ""},
		"GovSlack without TLS":      {map[string]any{"BASE_URL": "http://api.slack-gov.com/scim/v2/"}, "xoxp-1", ""},
		"capitals":                  {map[string]any{"BASE_URL": "https://API.Slack.com/scim/v2/"}, "xoxp-1", "https://api.slack.com/scim/v2/Users/U1"},
		"version 1":                 {map[string]any{"BASE_URL": "https://api.slack.com/scim/v1"}, "xoxp-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var asked, authorization string
			target, err := openWith(test.settings, test.token, func(r *http.Request) (*http.Response, error) {
				asked, authorization = r.URL.String(), r.Header.Get("Authorization")
				return nil, errors.New("no network here")
			})
			if test.asks == "" {
				if err == nil || strings.Contains(err.Error(), "marker") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := target.Get(t.Context(), directory.KindUser, "U1"); err == nil || asked != test.asks || authorization != "Bearer xoxp-1" {
				t.Errorf("%s as %q, %v", asked, authorization, err)
			}
		})
	}
}

// TestIDsAreEscaped: an id from elsewhere never leads to another path.
func TestIDsAreEscaped(t *testing.T) {
	var asked string
	target, err := openWith(map[string]any{}, "xoxp-1", func(r *http.Request) (*http.Response, error) {
		asked = r.URL.EscapedPath()
		return nil, errors.New("no network here")
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Get(t.Context(), directory.KindUser, "a/b?c"); err == nil || asked != "/scim/v2/Users/a%2Fb%3Fc" {
		t.Errorf("%s %v", asked, err)
	}
}

// TestCheckOnSlackItself: auth.test says whose token it is and what it may; when it cannot say, reading members decides.
func TestCheckOnSlackItself(t *testing.T) {
	const owner = `{"ok":true,"url":"https://x.slack.com/","team":"Acme","user":"grace","team_id":"T1","user_id":"W1"}`
	for name, test := range map[string]struct {
		answer, scopes string
		fail           bool
		members        int // the status of the list
		want           []string
	}{
		"all is well":          {answer: owner, scopes: "identify,admin", members: 200, want: []string{"OK", "OK", "OK", "OK"}},
		"no admin scope":       {answer: owner, scopes: "identify, users:read", members: 401, want: []string{"OK", "OK", "FAILED", "FAILED"}},
		"scopes are not said":  {answer: owner, members: 200, want: []string{"OK", "OK", "SKIPPED", "OK"}},
		"revoked":              {answer: `{"ok":false,"error":"token_revoked"}`, members: 401, want: []string{"OK", "FAILED", "SKIPPED", "FAILED"}},
		"auth.test is limited": {answer: `{"ok":false,"error":"ratelimited"}`, members: 200, want: []string{"OK", "OK", "SKIPPED", "OK"}},
		"slack.com is blocked": {fail: true, members: 200, want: []string{"OK", "OK", "SKIPPED", "OK"}},
		"blocked, and refused": {fail: true, members: 401, want: []string{"OK", "FAILED", "SKIPPED", "FAILED"}},
	} {
		t.Run(name, func(t *testing.T) {
			target, err := openWith(map[string]any{}, "xoxp-marker", func(r *http.Request) (*http.Response, error) {
				say := func(status int, body string) (*http.Response, error) {
					return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
				}
				switch r.Method + " " + r.URL.Host + r.URL.Path {
				case "GET api.slack.com/scim/v2/ServiceProviderConfig":
					return say(200, `{}`)
				case "POST slack.com/api/auth.test":
					if test.fail {
						return nil, errors.New("blocked")
					}
					answer, err := say(200, test.answer)
					answer.Header.Set("X-Oauth-Scopes", test.scopes)
					return answer, err
				case "GET api.slack.com/scim/v2/Users":
					if test.members != http.StatusOK {
						return say(test.members, `{"Errors":{"description":"invalid_authentication","code":401}}`)
					}
					return say(200, `{"Resources":[{"id":"U1"}],"totalResults":1}`)
				}
				return say(404, `{}`)
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range target.(connector.Checker).Check(t.Context()) { //nolint:forcetypeassert // asserted in the package
				if slices.Contains([]string{"Reachability", "Credentials", "Admin scope", "Read members"}, c.Name) {
					got = append(got, c.Status)
				}
				if c.Message == "" || c.Status == provision.CheckFailed && c.Hint == "" || strings.Contains(c.Message+c.Hint, "marker") {
					t.Errorf("%+v", c)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// TestDescribe: what is said about the type holds together.
func TestDescribe(t *testing.T) {
	d := slack.New().Describe()
	attributes := map[string]provision.TargetAttribute{}
	for _, a := range d.Attributes {
		if _, twice := attributes[a.Name]; twice || a.Title == "" {
			t.Errorf("%+v", a)
		}
		attributes[a.Name] = a
	}
	for _, m := range d.Defaults {
		if attributes[m.TargetAttribute].Name == "" || m.SourceAttribute == "" {
			t.Errorf("%+v", m)
		}
	}
	fields := map[string]provision.Field{}
	for _, f := range d.Fields {
		if f.Label == "" || f.Help == "" {
			t.Errorf("%+v", f)
		}
		fields[f.Key] = f
	}
	for _, key := range []string{"CREATE_USERS", "UPDATE_USERS", "DISABLE_USERS", "DEPROVISION_USERS"} {
		if fields[key].Kind != provision.FieldFlag || fields[key].Default != true {
			t.Errorf("%+v", fields[key])
		}
	}
	for _, key := range d.Rename {
		if fields[key].Key == "" {
			t.Errorf("%s is renamed to nothing", key)
		}
	}
	budgets := map[string]bool{}
	for _, b := range slack.New().Budgets() {
		if budgets[b.Name] || b.PerMinute <= 0 || b.Burst <= 0 {
			t.Errorf("%+v", b)
		}
		budgets[b.Name] = true
	}
}
