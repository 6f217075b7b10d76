package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"lockstep/provision"
	"lockstep/scim/client"
)

// webHosts are the hosts of Slack's Web API, by that of the SCIM API: slack.com, and slack-gov.com for GovSlack
// (docs.slack.dev/govslack, whose SCIM host is nowhere public and follows the same pattern here).
var webHosts = map[string]string{officialHost: "slack.com", "api.slack-gov.com": "slack-gov.com"}

// webBase is where the Web API is. Of a server that is not Slack's, such as a simulated one, it is below the same origin: a token never
// leaves the origin that it is for.
func webBase(base *url.URL) *url.URL {
	if host := webHosts[base.Hostname()]; host != "" {
		return &url.URL{Scheme: "https", Host: host, Path: "/api/"}
	}
	return &url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/api/"}
}

// webAnswer is what every method of the Web API answers, with status 200 also when it refuses.
type webAnswer struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
	raw   json.RawMessage
	head  http.Header
}

// callWeb calls a method. The error is a *provision.Fault: the transport's, or Slack's refusal with its code.
func callWeb(ctx context.Context, c *client.Client, method string, form url.Values) (*webAnswer, error) {
	answer, err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: method, Form: form})
	if err != nil {
		return nil, err
	}
	out := &webAnswer{raw: answer.Body, head: answer.Header}
	switch wrong := json.Unmarshal(answer.Body, out); {
	case answer.Status == http.StatusTooManyRequests:
		f := webFault("ratelimited")
		f.RetryAfter, f.HTTPStatus = answer.RetryAfter, answer.Status
		return nil, f
	case wrong != nil || !out.OK && out.Error == "":
		return nil, &provision.Fault{
			Kind: provision.Transient, Code: codeNoWebAPI, Message: "the server has no Web API of Slack's at this address", Hint: hintBaseURL, HTTPStatus: answer.Status,
			Unanswered: answer.Status >= http.StatusInternalServerError,
		}
	case !out.OK:
		f := webFault(out.Error)
		f.HTTPStatus = answer.Status
		return nil, f
	}
	return out, nil
}

// codeNoWebAPI is our code for an answer that is not the Web API's.
const codeNoWebAPI = "no_web_api"

// identity is what auth.test tells (docs.slack.dev/reference/methods/auth.test). An organisation's token has the organisation's id in
// the place of the workspace's.
type identity struct {
	provision.Identity
	userID string
}

func readIdentity(a *webAnswer) identity {
	var body struct {
		Team         string `json:"team"`
		User         string `json:"user"`
		TeamID       string `json:"team_id"`
		UserID       string `json:"user_id"`
		EnterpriseID string `json:"enterprise_id"`
	}
	_ = json.Unmarshal(a.raw, &body) // it was read before
	return identity{provision.Identity{
		Workspace: provision.Workspace{ID: body.TeamID, Name: body.Team, Organization: body.TeamID != "" && body.TeamID == body.EnterpriseID || strings.HasPrefix(body.TeamID, "E")},
		Owner:     body.User, Scopes: scopesOf(a.head.Get("X-Oauth-Scopes")),
	}, body.UserID}
}

func scopesOf(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// Identify implements connector.Identifier.
func (t *target) Identify(ctx context.Context) (provision.Identity, error) {
	who, err := t.whose(ctx)
	return who.Identity, err
}

func (t *target) whose(ctx context.Context) (identity, error) {
	if t.misplaced != nil {
		return identity{}, t.misplaced
	}
	answer, err := callWeb(ctx, t.web(), "auth.test", url.Values{})
	if err != nil {
		return identity{}, err
	}
	return readIdentity(answer), nil
}

// web is a client of the Web API with the same token.
func (t *target) web() *client.Client {
	web := *t.client
	web.Base = webBase(t.client.Base)
	return &web
}
