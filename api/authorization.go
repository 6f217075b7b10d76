package api

import (
	"net/url"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// redirectPath is the console's page to which consent leads back. It hands the code to the API, with the session that began.
const redirectPath = "/console/oauth/slack"

// AuthorizationSetup is how the app has to be made at the target.
type AuthorizationSetup struct {
	RedirectURL string   `json:"redirectUrl" doc:"To register at the target, exactly so."`
	Scopes      []string `json:"scopes" doc:"User token scopes."`
	Manifest    string   `json:"manifest" doc:"To paste at the target."`
	CreateURL   string   `json:"createUrl" doc:"A page of the target on which the manifest stands already."`
	Steps       []string `json:"steps"`
	Warnings    []string `json:"warnings" doc:"What keeps it from working as this server is reached."`
}

func (s *server) authorizationSetup(r *request) (AuthorizationSetup, error) {
	kind := r.parameter("type")
	if kind == "" {
		kind = "Slack"
	}
	setup, err := s.Grants.Setup(kind, provision.AppOptions{RedirectURL: r.href(redirectPath), Organization: r.flag("organization"), Rotation: r.flag("rotation")})
	if setup.Warnings == nil {
		setup.Warnings = []string{}
	}
	return AuthorizationSetup(setup), err
}

// AuthorizationBody begins to get a token.
type AuthorizationBody struct {
	_             struct{}       `additionalProperties:"true"`
	Type          string         `json:"type,omitempty" doc:"The type of a store that does not exist yet."`
	Store         *Reference     `json:"store,omitempty" doc:"The store that takes the token over; left out: one that does not exist yet."`
	Configuration map[string]any `json:"configuration,omitempty" doc:"Of a store that does not exist yet: its BASE_URL, if it has one."`
	ClientID      string         `json:"clientId,omitempty" doc:"Of the app. Left out with clientSecret: those by which the store's token was had."`
	ClientSecret  string         `json:"clientSecret,omitempty" doc:"Write-only."`
	RedirectURL   string         `json:"redirectUrl,omitempty" doc:"For scripts: where consent leads back to. Left out: to the console."`
}

// Authorization is a token that is being had. The token itself is answered to nobody.
type Authorization struct {
	ID           string          `json:"id" format:"uuid"`
	Status       string          `json:"status" enum:"PENDING,GRANTED,TAKEN_OVER,OTHER_WORKSPACE" doc:"GRANTED waits for its store to be created, OTHER_WORKSPACE to be confirmed."`
	AuthorizeURL string          `json:"authorizeUrl,omitempty" doc:"The page on which to consent; answered once."`
	RedirectURL  string          `json:"redirectUrl"`
	ExpiresAt    Stamp           `json:"expiresAt" doc:"Until then it can be gone on with."`
	Store        *Reference      `json:"store,omitempty"`
	Token        *TokenState     `json:"token,omitempty" doc:"What is known of the token."`
	Known        *WorkspaceState `json:"known,omitempty" doc:"With OTHER_WORKSPACE: what the store provisions so far."`
}

// TokenState is what is known of a store's token.
type TokenState struct {
	Obtained   string          `json:"obtained" enum:"OAUTH,MANUAL" doc:"MANUAL: it was pasted."`
	Workspace  *WorkspaceState `json:"workspace,omitempty"`
	Owner      string          `json:"owner,omitempty"`
	Scopes     []string        `json:"scopes,omitempty"`
	ClientID   string          `json:"clientId,omitempty"`
	ObtainedAt OptionalStamp   `json:"obtainedAt"`
	ExpiresAt  OptionalStamp   `json:"expiresAt" doc:"null: it does not, as far as is known."`
	Refreshed  bool            `json:"refreshed" doc:"It is refreshed by itself."`
	RefreshAt  OptionalStamp   `json:"refreshAt" doc:"When it is refreshed next; null: not by itself."`
	Problem    *TokenProblem   `json:"problem,omitempty" doc:"Why it was not refreshed."`
}

// WorkspaceState is a workspace or an organisation of the target.
type WorkspaceState struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Organization bool   `json:"organization"`
}

// TokenProblem is a refresh that failed.
type TokenProblem struct {
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
	At      Stamp         `json:"at"`
	NextAt  OptionalStamp `json:"nextAt" doc:"null: it is not tried again; somebody has to consent."`
}

func workspaceState(w provision.Workspace) *WorkspaceState {
	if w.ID == "" {
		return nil
	}
	return &WorkspaceState{w.ID, w.Name, w.Organization}
}

// tokenState is what is known of a connection's token; nil = nothing, or there is none.
func tokenState(c *provision.Connection) *TokenState {
	g := c.Grant
	if g == nil {
		return nil
	}
	out := grantState(g)
	out.Refreshed = !c.Secrets[provision.KeyRefreshToken].IsZero()
	if !out.Refreshed {
		out.RefreshAt = OptionalStamp{}
	}
	return out
}

func grantState(g *provision.Grant) *TokenState {
	out := &TokenState{
		Obtained: "OAUTH", Workspace: workspaceState(g.Workspace), Owner: g.Owner, Scopes: g.Scopes, ClientID: g.ClientID,
		ObtainedAt: OptionalStamp{Stamp(g.ObtainedAt)}, ExpiresAt: OptionalStamp{Stamp(g.ExpiresAt)}, RefreshAt: OptionalStamp{Stamp(g.RenewAt())},
	}
	if g.ClientID == "" {
		out.Obtained = "MANUAL"
	}
	if t := g.Trouble; t != nil {
		out.Problem = &TokenProblem{t.Message, t.Hint, Stamp(t.At), OptionalStamp{Stamp(t.NextAt)}}
	}
	return out
}

func authorization(a *provision.Authorization) Authorization {
	out := Authorization{ID: a.ID, Status: "PENDING", RedirectURL: a.RedirectURL, ExpiresAt: Stamp(a.ExpiresAt)}
	if a.ConnectionID != "" {
		out.Store = &Reference{ID: a.ConnectionID}
	}
	if !a.Granted() {
		return out
	}
	out.Token = grantState(&a.Tokens.Grant)
	out.Token.Refreshed = !a.Tokens.Refresh.IsZero()
	switch {
	case a.Differs:
		out.Status, out.Known = "OTHER_WORKSPACE", workspaceState(a.Known)
	case a.ConnectionID != "":
		out.Status = "TAKEN_OVER"
	default:
		out.Status = "GRANTED"
	}
	return out
}

func (s *server) beginAuthorization(r *request, in AuthorizationBody) (Authorization, error) {
	ask := provision.ConsentRequest{
		Type: in.Type, ConnectionID: in.Store.id(), Settings: in.Configuration, ClientID: in.ClientID, ClientSecret: secret.New(in.ClientSecret), RedirectURL: r.href(redirectPath),
	}
	if in.RedirectURL != "" {
		u, err := url.Parse(in.RedirectURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" || len(in.RedirectURL) > maxRedirectURL {
			return Authorization{}, problem.New(problem.InvalidData, "redirectUrl must be an http or https address, without a fragment")
		}
		if r.caller.administratorID != "" { // a session comes back to the console, and nowhere else
			return Authorization{}, problem.New(problem.InvalidData, "redirectUrl is for API clients; leave it out")
		}
		ask.RedirectURL = in.RedirectURL
	}
	a, page, err := s.Grants.Begin(r.Context(), r.env, r.caller.bound, ask)
	if err != nil {
		return Authorization{}, err
	}
	out := authorization(&a)
	out.AuthorizeURL = page
	return out, nil
}

const maxRedirectURL = 2048

// AuthorizationAnswer is what consent led back with, as it stands in the address.
type AuthorizationAnswer struct {
	_     struct{} `additionalProperties:"true"`
	State string   `json:"state"`
	Code  string   `json:"code,omitempty"`
	Error string   `json:"error,omitempty"`
}

func (s *server) completeAuthorization(r *request, in AuthorizationAnswer) (Authorization, error) {
	a, err := s.Grants.Complete(r.Context(), r.env, r.caller.bound, provision.ConsentAnswer{State: in.State, Code: in.Code, Error: in.Error})
	if err != nil {
		return Authorization{}, err
	}
	return authorization(&a), nil
}

func (s *server) readAuthorization(r *request) (Authorization, error) {
	a, err := s.Grants.Authorization(r.Context(), r.env, r.caller.bound, r.PathValue("authorizationID"))
	return authorization(&a), err
}

func (s *server) confirmAuthorization(r *request) (Authorization, error) {
	a, err := s.Grants.Confirm(r.Context(), r.env, r.caller.bound, r.PathValue("authorizationID"))
	a.Differs = false
	return authorization(&a), err
}

func (s *server) deleteAuthorization(r *request) error {
	return s.Grants.Abandon(r.Context(), r.env, r.caller.bound, r.PathValue("authorizationID"))
}

func (s *server) refreshToken(r *request) (TokenState, error) {
	c, err := s.Grants.RenewNow(r.Context(), r.env, r.PathValue("storeID"))
	if err != nil {
		return TokenState{}, err
	}
	return *tokenState(&c), nil
}
