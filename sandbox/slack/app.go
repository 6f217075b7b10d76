package slack

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// App is a Slack app that people can install to get a token by OAuth (docs.slack.dev/authentication/installing-with-oauth).
type App struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	// RedirectURLs are where consent may lead back to: one of these, or below it. They begin with https.
	RedirectURLs []string `json:"redirectUrls"`
	// Loopback lets consent also lead back to any address of this machine, without TLS.
	Loopback bool `json:"loopback"`
	// Rotation makes its tokens expire, and gives a refresh token with each.
	Rotation bool `json:"rotation"`
	// TokenSeconds is how long an expiring token lives; 0 = twelve hours.
	TokenSeconds int `json:"tokenSeconds"`
	// Scopes are what consent gives instead of what was asked for; nil = what was asked for.
	Scopes []string `json:"scopes"`
}

// The app that every workspace has, for rehearsals on one's own machine.
const (
	BuiltInClientID     = "10000000001.20000000001"
	BuiltInClientSecret = "sandbox-client-secret"
)

const (
	codeLife  = 10 * time.Minute
	tokenLife = 12 * time.Hour
)

// code is a consent that was not exchanged yet.
type code struct {
	app          string
	redirectURL  string
	scopes       []string
	organization bool
	expires      time.Time
}

// issued is a token that was had by OAuth.
type issued struct {
	app          string
	scopes       []string
	organization bool
	expires      time.Time // zero: never
	revoked      bool
}

// oauth is what the workspace keeps of apps. The workspace's mutex guards it.
type oauth struct {
	apps    map[string]App
	codes   map[string]code
	tokens  map[string]*issued
	refresh map[string]issued // by refresh token; one that was used is not in it
	gone    bool              // the account of whoever consented is deactivated
	team    place
}

// place is the workspace; an organisation's id has an E for the T.
type place struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (p place) organization() place { return place{"E" + strings.TrimPrefix(p.ID, "T"), p.Name} }

func newOAuth(o *Options) oauth {
	return oauth{
		team:  place{cmp.Or(o.TeamID, "T00000001"), cmp.Or(o.TeamName, "Lockstep Sandbox")},
		apps:  map[string]App{BuiltInClientID: {ClientID: BuiltInClientID, ClientSecret: BuiltInClientSecret, Loopback: true}},
		codes: map[string]code{}, tokens: map[string]*issued{}, refresh: map[string]issued{},
	}
}

// AddApps adds apps, or replaces those with the same client id.
func (w *Workspace) AddApps(apps ...App) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range apps {
		w.oauth.apps[apps[i].ClientID] = apps[i]
	}
}

// SetTeam makes it another workspace, as when an address leads elsewhere all at once.
func (w *Workspace) SetTeam(id, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.oauth.team = place{id, name}
}

func (w *Workspace) team() place {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.oauth.team
}

// SetAccount says what became of whoever consented: their role, and whether their account is active.
func (w *Workspace) SetAccount(role Role, active bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.role, w.oauth.gone = role, !active
}

// takes reports whether consent may lead to an address.
func (a *App) takes(redirectURL string) bool {
	u, err := url.Parse(redirectURL)
	if err != nil || u.Host == "" || u.Fragment != "" || strings.Contains(redirectURL, "#") {
		return false
	}
	if a.Loopback && u.Scheme == "http" && loopback(u.Hostname()) {
		return true
	}
	return u.Scheme == "https" && slices.ContainsFunc(a.RedirectURLs, func(known string) bool {
		return redirectURL == known || strings.HasPrefix(redirectURL, strings.TrimSuffix(known, "/")+"/")
	})
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// state answers what auth.test says against a token, or "" when it is good. The caller holds mu.
func (w *Workspace) state(token string) (*issued, string) {
	if token == w.token && token != "" {
		return &issued{scopes: []string{scopeAdmin}, organization: w.options.Enterprise}, ""
	}
	t := w.oauth.tokens[token]
	switch {
	case t == nil:
		return nil, "invalid_auth"
	case t.revoked:
		return t, "token_revoked"
	case w.oauth.gone:
		return t, "account_inactive"
	case !t.expires.IsZero() && !w.options.Now().Before(t.expires):
		return t, "token_expired"
	default:
		return t, ""
	}
}

const scopeAdmin = "admin"

// random makes what nobody can guess.
func random(prefix string) string {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails
	return prefix + hex.EncodeToString(raw)
}
