package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep/connector"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/scim/client"
)

const scopeAdmin = "admin" // a user token scope; nothing else is needed, and nothing else is asked for

var _ connector.Authorizer = slackType{}

// manifest is the part of Slack's app manifest that matters here (docs.slack.dev/reference/app-manifest).
type manifest struct {
	Display struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"display_information"`
	OAuth struct {
		Redirects []string `json:"redirect_urls"`
		Scopes    struct {
			User []string `json:"user"`
		} `json:"scopes"`
	} `json:"oauth_config"`
	Settings struct {
		Organization bool `json:"org_deploy_enabled"`
		Socket       bool `json:"socket_mode_enabled"`
		Rotation     bool `json:"token_rotation_enabled"`
	} `json:"settings"`
}

// Setup implements connector.Authorizer.
func (slackType) Setup(o provision.AppOptions) provision.AppSetup {
	var m manifest
	m.Display.Name, m.Display.Description = "Lockstep", "Keeps members and groups in step with the directory."
	m.OAuth.Redirects, m.OAuth.Scopes.User = []string{o.RedirectURL}, []string{scopeAdmin}
	m.Settings.Organization, m.Settings.Rotation = o.Organization, o.Rotation
	pretty, _ := json.MarshalIndent(m, "", "  ") // plain values always marshal
	compact, _ := json.Marshal(m)
	out := provision.AppSetup{
		RedirectURL: o.RedirectURL, Scopes: []string{scopeAdmin}, Manifest: string(pretty),
		CreateURL: "https://api.slack.com/apps?" + url.Values{"new_app": {"1"}, "manifest_json": {string(compact)}}.Encode(),
		Steps: []string{
			"Create a Slack app from the manifest, or in an app that exists add the redirect URL and the user token scope admin under OAuth & Permissions.",
			"Copy Client ID and Client Secret from Basic Information, App Credentials.",
		},
	}
	if o.Organization {
		out.Steps = append(out.Steps,
			"Activate public distribution under Manage Distribution: an organisation can only install distributed apps.",
			"Connect as an Org Owner, and on Slack's page choose the organisation, not a workspace, at the top right.")
	} else {
		out.Steps = append(out.Steps, "Connect as a Workspace Owner. The token can do what its owner can, as long as they stay an owner.")
	}
	if u, err := url.Parse(o.RedirectURL); err != nil || u.Scheme != "https" {
		out.Warnings = append(out.Warnings, "Slack leads back to addresses with https only, and this server is reached without. Set --external-url to its https address, run lockstep slack token, or paste a token.")
	}
	return out
}

// oauthBase is where the OAuth pages and methods are.
func oauthBase(app connector.App) (*url.URL, error) {
	base, err := baseURL(app.Connection.Text(provision.KeyBaseURL))
	if err != nil {
		return nil, err
	}
	if webHosts[base.Hostname()] == "" && !app.AnyServer {
		return nil, errors.New("the base URL is not Slack's, and the Client Secret is sent to no other server unless Lockstep runs with --allow-private-targets; paste a token instead")
	}
	return webBase(base), nil
}

// AuthorizeURL implements connector.Authorizer (docs.slack.dev/authentication/installing-with-oauth).
func (slackType) AuthorizeURL(app connector.App, redirectURL, state string) (string, error) {
	base, err := oauthBase(app)
	if err != nil {
		return "", err
	}
	at := *base
	at.Path = "/oauth/v2/authorize"
	at.RawQuery = url.Values{"client_id": {app.ClientID}, "user_scope": {scopeAdmin}, "redirect_uri": {redirectURL}, "state": {state}}.Encode()
	return at.String(), nil
}

// Refused implements connector.Authorizer.
func (slackType) Refused(code string) *provision.Fault { return webFault(code) }

// Exchange implements connector.Authorizer.
func (s slackType) Exchange(ctx context.Context, app connector.App, redirectURL, code string) (provision.Tokens, error) {
	return s.access(ctx, app, url.Values{"code": {code}, "redirect_uri": {redirectURL}})
}

// Refresh implements connector.Authorizer (docs.slack.dev/authentication/using-token-rotation).
func (s slackType) Refresh(ctx context.Context, app connector.App, refresh secret.Text) (provision.Tokens, error) {
	return s.access(ctx, app, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}})
}

// installed is the answer of oauth.v2.access. Of a code, the user token is that of authed_user, and a token at the top is a bot's; of a
// refresh token, the user token is at the top (Slack's own SDK reads it there: slack_sdk/oauth/token_rotation).
type installed struct {
	userToken
	User   userToken `json:"authed_user"`
	Team   *place    `json:"team"`
	Org    *place    `json:"enterprise"`
	ForOrg bool      `json:"is_enterprise_install"`
}

type userToken struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Scope   string `json:"scope"`
	Refresh string `json:"refresh_token"`
	Expires int64  `json:"expires_in"`
}

type place struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

const longestLife = 365 * 24 * time.Hour

// access calls oauth.v2.access, the client's credentials by HTTP Basic, and makes sure that what comes is a token for SCIM.
func (s slackType) access(ctx context.Context, app connector.App, form url.Values) (provision.Tokens, error) {
	base, err := oauthBase(app)
	if err != nil {
		return provision.Tokens{}, &provision.Fault{Kind: provision.Halted, Code: "configuration", Message: err.Error()}
	}
	unpaced := func(ctx context.Context, _ ...string) error { return ctx.Err() }
	answer, err := callWeb(ctx, &client.Client{Base: base, ClientID: app.ClientID, Token: app.ClientSecret, HTTP: app.Client, Pace: unpaced}, "oauth.v2.access", form)
	if err != nil {
		return provision.Tokens{}, err
	}
	var body installed
	if json.Unmarshal(answer.raw, &body) != nil {
		return provision.Tokens{}, webFault("internal_error")
	}
	given := body.User
	if given.Token == "" && body.Type == "user" {
		given = body.userToken
	}
	switch {
	case given.Token == "":
		return provision.Tokens{}, &provision.Fault{
			Kind: provision.Halted, Code: "no_user_token", Message: "Slack gave no user token", Hint: "add admin to the User Token Scopes of the Slack app, not to the Bot Token Scopes, then press Get token again",
		}
	case given.Scope != "" && !slices.Contains(scopesOf(given.Scope), scopeAdmin):
		return provision.Tokens{}, webFault("missing_scope")
	}
	out := provision.Tokens{Access: secret.New(given.Token), Refresh: secret.New(given.Refresh), ClientSecret: app.ClientSecret}
	if given.Refresh != "" || given.Expires > 0 {
		out.Life = min(time.Duration(max(given.Expires, 1))*time.Second, longestLife)
	}
	out.Grant = provision.Grant{ClientID: app.ClientID, Identity: provision.Identity{Scopes: scopesOf(given.Scope)}}
	if where := body.Team; where != nil {
		out.Grant.Workspace = provision.Workspace{ID: where.ID, Name: where.Name}
	}
	if where := body.Org; where != nil && body.ForOrg {
		out.Grant.Workspace = provision.Workspace{ID: where.ID, Name: where.Name, Organization: true}
	}
	return out, nil
}

// misplacedFault is a token that would go to another server than it was given for.
func misplacedFault(c *provision.Connection, base *url.URL) *provision.Fault {
	if c.Grant == nil || c.Grant.Origin == "" || c.Grant.Origin == provision.Origin(base.String()) {
		return nil
	}
	return &provision.Fault{
		Kind: provision.Halted, Code: "token_of_another_server", Message: "the token was given for another server than the base URL that is published, and is not sent there",
		Hint: "publish the edited base URL, or enter the token again",
	}
}

// kindOf says what a token is by its beginning (docs.slack.dev/authentication/tokens); "" = nothing is wrong with that.
func kindOf(token secret.Text) string {
	switch value := token.Reveal(); {
	case strings.HasPrefix(value, "xoxb-") || strings.HasPrefix(value, "xoxe.xoxb-"):
		return "this is a bot's token (xoxb-…), and SCIM takes a user token (xoxp-…)"
	case strings.HasPrefix(value, "xoxe-"):
		return "this is a refresh token (xoxe-…), and not the token itself (xoxp-…)"
	case strings.HasPrefix(value, "xapp-"):
		return "this is an app-level token (xapp-…), and SCIM takes a user token (xoxp-…)"
	default:
		return ""
	}
}
