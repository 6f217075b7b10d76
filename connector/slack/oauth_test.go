package slack_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep/connector"
	"lockstep/connector/slack"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

const redirect = "http://127.0.0.1:1/console/oauth/slack"

func authorizer() connector.Authorizer { return slack.New().(connector.Authorizer) } //nolint:forcetypeassert // asserted in the package

func app(server, clientSecret string) connector.App {
	return connector.App{
		Connection: &provision.Connection{Settings: map[string]any{"BASE_URL": server + "/scim/v2/"}}, Client: outbound.Client(true, 5*time.Second),
		ClientID: sandbox.BuiltInClientID, ClientSecret: secret.New(clientSecret), AnyServer: true,
	}
}

// consent presses a button on the page that the URL names, and answers where it leads back to.
func consent(t *testing.T, address string, fields url.Values) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	form := u.Query()
	maps.Copy(form, fields)
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := c.PostForm(u.Scheme+"://"+u.Host+u.Path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	back, err := response.Location()
	if err != nil {
		page, _ := io.ReadAll(response.Body)
		t.Fatalf("%v\n%s", err, page)
	}
	return back.Query()
}

// TestTokenByOAuth: consent, exchange, refresh; for a workspace and an organisation.
func TestTokenByOAuth(t *testing.T) {
	for name, o := range map[string]sandbox.Options{
		"workspace":    {TimeScale: -1},
		"organisation": {TimeScale: -1, Enterprise: true},
		"rotation":     {TimeScale: -1, Apps: []sandbox.App{{ClientID: sandbox.BuiltInClientID, ClientSecret: sandbox.BuiltInClientSecret, Loopback: true, Rotation: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(sandbox.New(o))
			defer server.Close()
			a := app(server.URL, sandbox.BuiltInClientSecret)
			page, err := authorizer().AuthorizeURL(a, redirect, "state")
			if err != nil || !strings.HasPrefix(page, server.URL+"/oauth/v2/authorize?") || strings.Contains(page, sandbox.BuiltInClientSecret) {
				t.Fatal(page, err)
			}
			back := consent(t, page, url.Values{"decision": {"allow"}, "install": {"organization"}})
			got, err := authorizer().Exchange(t.Context(), a, redirect, back.Get("code"))
			if err != nil || back.Get("state") != "state" {
				t.Fatal(back, err)
			}
			if got.Grant.Workspace.Organization != o.Enterprise || got.Grant.Workspace.Name != "Lockstep Sandbox" || got.Refresh.IsZero() == (name == "rotation") {
				t.Errorf("%+v", got)
			}
			works(t, server.URL, got)
			if name == "rotation" {
				next, err := authorizer().Refresh(t.Context(), a, got.Refresh)
				if err != nil || next.Life != 12*time.Hour || next.Refresh.IsZero() || next.Access.Reveal() == got.Access.Reveal() {
					t.Fatalf("%+v %v", next, err)
				}
				works(t, server.URL, next)
				works(t, server.URL, got) // an access token lives until it expires
				_, err = authorizer().Refresh(t.Context(), a, got.Refresh)
				if f, ok := errors.AsType[*provision.Fault](err); !ok || f.Code != "invalid_refresh_token" || f.Kind != provision.Halted {
					t.Errorf("a refresh token that was used: %v", err)
				}
			}
		})
	}
}

// works: the target says that the token is for the same workspace, and serves SCIM with it.
func works(t *testing.T, server string, got provision.Tokens) {
	t.Helper()
	target, err := slack.New().Open(connector.Config{
		Connection: &provision.Connection{Settings: map[string]any{"BASE_URL": server + "/scim/v2/"}, Secrets: map[string]secret.Text{"OAUTH_ACCESS_TOKEN": got.Access}},
		Client:     outbound.Client(true, 5*time.Second), Pace: func(context.Context, ...string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	who, err := target.(connector.Identifier).Identify(t.Context()) //nolint:forcetypeassert // asserted in the package
	if err != nil || got.Grant.Workspace.ID != "" && who.Workspace != got.Grant.Workspace || who.Owner != "owner" {
		t.Errorf("%+v %v", who, err)
	}
	for _, c := range target.(connector.Checker).Check(t.Context()) { //nolint:forcetypeassert // asserted in the package
		if c.Status == provision.CheckFailed {
			t.Errorf("%+v", c)
		}
	}
}

// TestEachErrorIsASentence: every error of oauth.v2.access, of the consent page and of auth.test is shown with a next step, and with
// nothing that is secret.
func TestEachErrorIsASentence(t *testing.T) {
	code := ""
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"ok":false,"error":"`+code+`"}`)
	}))
	defer server.Close()
	target, _ := dial(t, server.URL, "primaryEmail")
	a := app(server.URL, "marker-secret")
	for _, c := range []struct{ code, says, next string }{
		// oauth.v2.access (notes A2.2)
		{"invalid_code", "used already, is older than ten minutes", "press Get token again"},
		{"invalid_client_id", "does not know this Client ID", "Basic Information"},
		{"bad_client_secret", "Client Secret is wrong", "Basic Information"},
		{"bad_redirect_uri", "redirect URL is not one of", "add the redirect URL"},
		{"invalid_grant_type", "this kind of exchange", "paste a token"},
		{"invalid_refresh_token", "used already, or was revoked", "consent again"},
		{"oauth_authorization_url_mismatch", "another version of OAuth", "only the page that Lockstep opens"},
		{"cannot_install_an_org_installed_app", "installed on the organisation already", "choose the organisation"},
		{"no_scopes", "asks for no scope", "add admin to the User Token Scopes"},
		{"access_denied", "consent was denied", "allow it, as an owner"},
		// auth.test (notes A2.3)
		{"invalid_auth", "not valid, or this server's address", "enter a new token"},
		{"not_authed", "got no token", "enter a new token"},
		{"account_inactive", "owner is deactivated", "another owner"},
		{"token_revoked", "lost the role", "press Get token again"},
		{"token_expired", "has expired", "press Get token"},
		{"missing_scope", "lacks the scope admin", "add admin to the User Token Scopes"},
		{"ratelimited", "asked too often", "wait a minute"},
		// seen in Slack's lists besides
		{"invalid_scope", "may not ask for the scope", "User Token Scopes"},
		{"accesslimited", "does not serve this network", "allow-list"},
		{"internal_error", "failure inside", "in a few minutes"},
		{"nobody_knows_this", "does not know (nobody_knows_this)", "paste a token"},
	} {
		code = c.code
		_, exchanged := authorizer().Exchange(t.Context(), a, redirect, "marker-code")
		_, refreshed := authorizer().Refresh(t.Context(), a, secret.New("marker-refresh"))
		_, identified := target.(connector.Identifier).Identify(t.Context()) //nolint:forcetypeassert // asserted in the package
		for where, err := range map[string]error{"exchange": exchanged, "refresh": refreshed, "auth.test": identified, "consent": authorizer().Refused(c.code)} {
			f, ok := errors.AsType[*provision.Fault](err)
			if !ok || f.Code != c.code || !strings.Contains(f.Message, c.says) || !strings.Contains(f.Hint, c.next) {
				t.Errorf("%s, %s: %+v", c.code, where, err)
				continue
			}
			if strings.Contains(f.Error(), "marker") || strings.HasSuffix(f.Message, ".") {
				t.Errorf("%s, %s: %s", c.code, where, f)
			}
		}
	}
	if f := authorizer().Refused("Some <b>text</b> of anybody"); strings.Contains(f.Error(), "<") {
		t.Errorf("what anybody can write into an address is shown: %s", f)
	}
}

// TestOAuthServer: the Client Secret goes to Slack, and to another server only where that is allowed.
func TestOAuthServer(t *testing.T) {
	a := app("https://slack.example.com", "x")
	for base, want := range map[string]string{
		"": "https://slack.com/oauth/v2/authorize?", "https://api.slack.com/scim/v2/": "https://slack.com/oauth/v2/authorize?",
		"https://api.slack-gov.com/scim/v2/": "https://slack-gov.com/oauth/v2/authorize?", "https://slack.example.com/scim/v2/": "",
		"https://api.slack.com.example.com/scim/v2/": "", "https://slack.com@example.com/scim/v2/": "",
	} {
		a.AnyServer, a.Connection = false, &provision.Connection{Settings: map[string]any{"BASE_URL": base}}
		got, err := authorizer().AuthorizeURL(a, redirect, "s")
		if want == "" && err == nil || want != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s %v", base, got, err)
		}
		if want == "" {
			if _, err := authorizer().Exchange(t.Context(), a, redirect, "code"); err == nil {
				t.Errorf("%s: the secret was sent", base)
			}
		}
	}
}

// TestWrongKindsOfTokens: what was pasted by mistake is recognised.
func TestWrongKindsOfTokens(t *testing.T) {
	server := httptest.NewServer(sandbox.New(sandbox.Options{Token: token, TimeScale: -1}))
	defer server.Close()
	for given, says := range map[string]string{"xoxb-1": "a bot's token", "xoxe-1-x": "a refresh token", "xapp-1": "an app-level token"} {
		target, err := slack.New().Open(connector.Config{
			Connection: &provision.Connection{Settings: map[string]any{"BASE_URL": server.URL + "/scim/v2/"}, Secrets: map[string]secret.Text{"OAUTH_ACCESS_TOKEN": secret.New(given)}},
			Client:     outbound.Client(true, 5*time.Second), Pace: func(context.Context, ...string) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, c := range target.(connector.Checker).Check(t.Context()) { //nolint:forcetypeassert // asserted in the package
			found = found || c.Name == "Credentials" && strings.Contains(c.Message, says)
		}
		if !found {
			t.Errorf("%s is taken", given)
		}
	}
}

// TestTokenStaysWhereItIsFor: a token that was given for one server is sent to no other, whatever the base URL is.
func TestTokenStaysWhereItIsFor(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	target, err := slack.New().Open(connector.Config{
		Connection: &provision.Connection{
			Settings: map[string]any{"BASE_URL": server.URL + "/scim/v2/"}, Secrets: map[string]secret.Text{"OAUTH_ACCESS_TOKEN": secret.New("xoxp-1")},
			Grant: &provision.Grant{Origin: "https://api.slack.com:443"},
		},
		Client: outbound.Client(true, 5*time.Second), Pace: func(context.Context, ...string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	checks := target.(connector.Checker).Check(t.Context())              //nolint:forcetypeassert // asserted in the package
	_, identified := target.(connector.Identifier).Identify(t.Context()) //nolint:forcetypeassert // asserted in the package
	_, found := target.Find(t.Context(), "USER", "a@example.com")
	if asked != 0 || identified == nil || found == nil || len(checks) != 1 || checks[0].Status != provision.CheckFailed {
		t.Errorf("asked %d times; %v %v %v", asked, identified, found, checks)
	}
}
