package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep/provision"
	"lockstep/scim/client"
)

// Check implements connector.Checker. Slack answers its ServiceProviderConfig to anybody, so reaching it proves nothing about
// the token; a list does.
func (t *target) Check(ctx context.Context) []provision.Check {
	reach := t.checkReach(ctx)
	if reach.Status == provision.CheckFailed {
		skipped := "not tried: the target cannot be reached"
		return []provision.Check{
			reach, {Name: nameCredentials, Status: provision.CheckSkipped, Message: skipped},
			{Name: nameScope, Status: provision.CheckSkipped, Message: skipped}, {Name: nameRead, Status: provision.CheckSkipped, Message: skipped},
		}
	}
	credentials, scope := t.checkToken(ctx)
	read := t.checkRead(ctx)
	if credentials.Status == provision.CheckSkipped {
		// Nobody else says whose token it is, but that it can read members says that it is one.
		credentials = provision.Check{Name: nameCredentials, Status: read.Status, Message: "the token is accepted" + credentials.Message, Hint: read.Hint}
		if read.Status == provision.CheckFailed {
			credentials.Message = read.Message
		}
	}
	return []provision.Check{reach, credentials, scope, read}
}

const (
	nameReach       = "Reachability"
	nameCredentials = "Credentials"
	nameScope       = "Admin scope"
	nameRead        = "Read members"
)

func (t *target) checkReach(ctx context.Context) provision.Check {
	_, err := t.send(ctx, client.Request{Method: http.MethodGet, Path: "ServiceProviderConfig", Budgets: []string{budgetRead}})
	return failedOr(nameReach, err, "the SCIM API answers at "+t.client.Base.Host)
}

func (t *target) checkRead(ctx context.Context) provision.Check {
	list, _, err := t.page(ctx, url.Values{"count": {"1"}})
	return failedOr(nameRead, err, fmt.Sprintf("%d members can be read", list.TotalResults))
}

func failedOr(name string, err error, message string) provision.Check {
	if err == nil {
		return provision.Check{Name: name, Status: provision.CheckOK, Message: message}
	}
	c := provision.Check{Name: name, Status: provision.CheckFailed, Message: "the test was interrupted", Hint: "try again"}
	if fault, ok := errors.AsType[*provision.Fault](err); ok {
		c.Message, c.Hint, c.RetryAfter = fault.Message, fault.Hint, fault.RetryAfter
	}
	return c
}

// checkToken asks Slack's Web API whose token it is, and which scopes it has (docs.slack.dev/reference/methods/auth.test). It is
// there on Slack's own host only. When it cannot say, that is no failure: reading members proves as much.
func (t *target) checkToken(ctx context.Context) (credentials, scope provision.Check) {
	credentials = provision.Check{Name: nameCredentials, Status: provision.CheckSkipped}
	scope = provision.Check{Name: nameScope, Status: provision.CheckSkipped, Message: "this target does not say which scopes the token has"}
	if !t.official {
		return credentials, scope
	}
	web := *t.client
	web.Base = &url.URL{Scheme: "https", Host: "slack.com", Path: "/api/"}
	answer, err := web.Do(ctx, client.Request{Method: http.MethodPost, Path: "auth.test"})
	if err != nil {
		credentials.Message = "; slack.com, which says whose it is, could not be asked"
		return credentials, scope
	}
	var body struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		Team  string `json:"team"`
		User  string `json:"user"`
	}
	if json.Unmarshal(answer.Body, &body) != nil || !body.OK {
		why, refused := tokenErrors[body.Error]
		if !refused {
			credentials.Message = "; slack.com, which says whose it is, did not answer the question"
			return credentials, scope
		}
		return provision.Check{Name: nameCredentials, Status: provision.CheckFailed, Message: "Slack refuses the token: " + why, Hint: hintToken}, scope
	}
	credentials = provision.Check{Name: nameCredentials, Status: provision.CheckOK, Message: fmt.Sprintf("the token is %s's in %s", body.User, body.Team)}
	scopes := strings.FieldsFunc(answer.Header.Get("X-Oauth-Scopes"), func(r rune) bool { return r == ',' || r == ' ' })
	switch {
	case len(scopes) == 0:
	case slices.Contains(scopes, "admin"):
		scope = provision.Check{Name: nameScope, Status: provision.CheckOK, Message: "the token has the scope admin"}
	default:
		scope = provision.Check{
			Name: nameScope, Status: provision.CheckFailed, Message: "the token lacks the scope admin",
			Hint: "add admin to the User Token Scopes of the Slack app, install it again and enter the new token",
		}
	}
	return credentials, scope
}

// tokenErrors are what auth.test answers when the token itself is at fault. Anything else (ratelimited, internal_error …) says
// nothing about it.
var tokenErrors = map[string]string{
	"invalid_auth":           "it is not valid, or this server's address is not allowed",
	"not_authed":             "none was sent",
	"account_inactive":       "the account of its owner is deactivated",
	"token_revoked":          "it was revoked",
	"token_expired":          "it has expired; switch token rotation off in the Slack app",
	"missing_scope":          "it lacks a scope",
	"not_allowed_token_type": "it is not a user token (xoxp-…)",
	"no_permission":          "its owner may not use it",
	"org_login_required":     "the workspace is moving into an organisation",
}
