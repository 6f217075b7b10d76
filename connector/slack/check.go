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

// The steps of a test, in their order.
const (
	nameDNS         = "DNS"
	nameTLS         = "TLS"
	nameReach       = "Reachability"
	nameCredentials = "Credentials"
	nameExpiry      = "Token expiry"
	nameWorkspace   = "Workspace"
	nameScope       = "Admin scope"
	nameRole        = "Owner's role"
	namePlan        = "Plan"
	nameAllowList   = "IP allow-list"
	nameRead        = "Read members"
)

// Check implements connector.Checker. Slack answers its ServiceProviderConfig to anybody, so reaching it proves nothing about
// the token; a list does.
func (t *target) Check(ctx context.Context) []provision.Check {
	if t.misplaced != nil {
		return []provision.Check{failed(nameCredentials, t.misplaced)}
	}
	way := newWay(t.client.Base)
	reach := passed(nameReach, "the SCIM API answers at "+t.client.Base.Host)
	_, err := t.send(way.watch(ctx), client.Request{Method: http.MethodGet, Path: "ServiceProviderConfig", Budgets: []string{budgetRead}})
	if err != nil {
		reach = failed(nameReach, err)
	}
	out := append(way.checks(err), reach)
	if err != nil {
		for _, name := range []string{nameCredentials, nameWorkspace, nameScope, nameRole, namePlan, nameAllowList, nameRead} {
			out = append(out, skipped(name, "not tried: the target cannot be reached"))
		}
		return out
	}
	seen := t.look(ctx)
	out = append(out, seen.credentials())
	if t.expires() {
		out = append(out, provision.Check{
			Name: nameExpiry, Status: provision.CheckWarning, Message: "the token expires within twelve hours, and was pasted without what refreshes it",
			Hint: "press Get token: a token that is had so is refreshed by itself",
		})
	}
	return append(out, seen.workspace(), seen.scope(), seen.role(ctx), seen.plan(), seen.allowList(), seen.members())
}

// expires: it is a token of an app with rotation, of which nothing else is known (docs.slack.dev/authentication/using-token-rotation).
func (t *target) expires() bool {
	return strings.HasPrefix(t.client.Token.Reveal(), "xoxe.") && (t.grant == nil || t.grant.ExpiresAt.IsZero())
}

func skipped(name, why string) provision.Check {
	return provision.Check{Name: name, Status: provision.CheckSkipped, Message: why}
}

func passed(name, message string) provision.Check {
	return provision.Check{Name: name, Status: provision.CheckOK, Message: message}
}

func failed(name string, err error) provision.Check {
	c := provision.Check{Name: name, Status: provision.CheckFailed, Message: "the test was interrupted", Hint: "try again"}
	if fault, ok := errors.AsType[*provision.Fault](err); ok {
		c.Message, c.Hint, c.RetryAfter = fault.Message, fault.Hint, fault.RetryAfter
	}
	return c
}

// sight is what the two questions that tell about a token were answered: auth.test, and a list of one member.
type sight struct {
	target  *target
	who     identity
	whoErr  *provision.Fault // nil: it was answered
	total   int
	readErr error
}

func (t *target) look(ctx context.Context) *sight {
	s := &sight{target: t}
	var err error
	if s.who, err = t.whose(ctx); err != nil {
		if f, ok := errors.AsType[*provision.Fault](err); ok {
			s.whoErr = f
		} else {
			s.whoErr = &provision.Fault{Kind: provision.Transient, Message: "it was interrupted"}
		}
	}
	list, _, err := t.page(ctx, url.Values{"count": {"1"}})
	s.total, s.readErr = list.TotalResults, err
	return s
}

// refused: Slack itself says that the token is not good.
func (s *sight) refused() bool { return s.whoErr != nil && !unsure(s.whoErr) }

func (s *sight) code() string {
	if f, ok := errors.AsType[*provision.Fault](s.readErr); ok {
		return f.Code
	}
	return ""
}

// credentials: where auth.test cannot say, that the token can read members says that it is one.
func (s *sight) credentials() provision.Check {
	if wrong := kindOf(s.target.client.Token); wrong != "" {
		return provision.Check{Name: nameCredentials, Status: provision.CheckFailed, Message: wrong, Hint: "enter the User OAuth Token of the Slack app, or press Get token"}
	}
	switch {
	case s.whoErr == nil:
		return passed(nameCredentials, fmt.Sprintf("the token is %s's in %s", s.who.Owner, s.who.Workspace.Name))
	case s.refused():
		return failed(nameCredentials, s.whoErr)
	case s.readErr != nil:
		return failed(nameCredentials, s.readErr)
	case s.whoErr.Code == codeNoWebAPI:
		return passed(nameCredentials, "the token is accepted; this target does not say whose it is")
	default:
		return passed(nameCredentials, "the token is accepted; "+webBase(s.target.client.Base).Host+", which says whose it is, could not be asked")
	}
}

// workspace makes sure that the token is for the workspace that the connection has provisioned so far: with another one, everybody
// would be made again elsewhere.
func (s *sight) workspace() provision.Check {
	var known provision.Workspace
	if s.target.grant != nil {
		known = s.target.grant.Workspace
	}
	what := func(w provision.Workspace) string {
		if w.Organization {
			return "the organisation " + w.Name
		}
		return "the workspace " + w.Name
	}
	switch {
	case s.refused():
		return skipped(nameWorkspace, "not known: Slack refuses the token")
	case s.whoErr != nil || s.who.Workspace.ID == "":
		return skipped(nameWorkspace, "not known: this target did not say for which workspace the token is")
	case known.ID != "" && known.ID != s.who.Workspace.ID:
		return provision.Check{
			Name: nameWorkspace, Status: provision.CheckFailed,
			Message: fmt.Sprintf("the token is for %s (%s), and this connection provisions %s (%s)", what(s.who.Workspace), s.who.Workspace.ID, what(known), known.ID),
			Hint:    "enter a token for the same workspace; if another one is meant, confirm it, or make another connection",
		}
	default:
		return passed(nameWorkspace, "the token is for "+what(s.who.Workspace)+" ("+s.who.Workspace.ID+")")
	}
}

func (s *sight) scope() provision.Check {
	scopes := s.who.Scopes
	if len(scopes) == 0 && s.target.grant != nil {
		scopes = s.target.grant.Scopes
	}
	switch {
	case s.whoErr != nil && s.whoErr.Code == "missing_scope":
		return failed(nameScope, s.whoErr)
	case s.refused():
		return skipped(nameScope, "not known: Slack refuses the token")
	case s.whoErr != nil || len(scopes) == 0:
		return skipped(nameScope, "this target does not say which scopes the token has")
	case slices.Contains(scopes, scopeAdmin):
		return passed(nameScope, "the token has the scope admin")
	default:
		return failed(nameScope, webFault("missing_scope"))
	}
}

// role asks users.info, which only a token with users:read may: the scope admin alone tells no role
// (docs.slack.dev/reference/methods/users.info).
func (s *sight) role(ctx context.Context) provision.Check {
	if s.whoErr != nil || s.readErr != nil {
		return skipped(nameRole, "not known: the token does not work")
	}
	answer, err := (*webAnswer)(nil), error(webFault("missing_scope"))
	if slices.Contains(s.who.Scopes, "users:read") {
		answer, err = callWeb(ctx, s.target.web(), "users.info", url.Values{"user": {s.who.userID}})
	}
	if err != nil {
		return skipped(nameRole, "an administrator or an owner, since SCIM takes the token. Slack tells which only to tokens with users:read; an administrator's cannot change owners")
	}
	var body struct {
		User struct {
			Owner   bool `json:"is_owner"`
			Primary bool `json:"is_primary_owner"`
		} `json:"user"`
	}
	if _ = json.Unmarshal(answer.raw, &body); body.User.Owner || body.User.Primary {
		return passed(nameRole, s.who.Owner+" is an owner")
	}
	return provision.Check{
		Name: nameRole, Status: provision.CheckWarning, Message: s.who.Owner + " is an administrator: the token cannot change owners",
		Hint: "press Get token as an owner, if owners are to be provisioned as well",
	}
}

func (s *sight) plan() provision.Check {
	switch code := s.code(); {
	case s.readErr == nil:
		return passed(namePlan, "the plan has SCIM, and the app is installed where it has to be")
	case code == "plus_teams_only" || code == "non_org_teams_only":
		return failed(namePlan, s.readErr)
	default:
		return skipped(namePlan, "not known: members could not be read")
	}
}

// allowList: Slack gives the same answer to a token that is not valid and to an address that is not on the app's list
// (docs.slack.dev/reference/methods/auth.test, invalid_auth).
func (s *sight) allowList() provision.Check {
	refused := s.whoErr != nil && s.whoErr.Code == "invalid_auth" || s.whoErr != nil && unsure(s.whoErr) && s.code() == "invalid_authentication"
	switch {
	case s.whoErr != nil && strings.HasPrefix(strings.ReplaceAll(s.whoErr.Code, "_", ""), "accesslimited"):
		return failed(nameAllowList, s.whoErr)
	case refused:
		return provision.Check{
			Name: nameAllowList, Status: provision.CheckWarning, Message: "Slack answers the same to a wrong token and to an address that the app's allow-list does not have",
			Hint: "if the token is right, put this server's public address on the allow-list of the Slack app (IPv4, at most ten entries)",
		}
	case s.whoErr == nil || s.readErr == nil:
		return passed(nameAllowList, "this server's address is let in")
	default:
		return skipped(nameAllowList, "not known: the token was not accepted for another reason")
	}
}

func (s *sight) members() provision.Check {
	if s.readErr != nil {
		return failed(nameRead, s.readErr)
	}
	return passed(nameRead, fmt.Sprintf("%d members can be read", s.total))
}
