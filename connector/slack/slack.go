// Package slack is the connector to Slack's SCIM API, version 2.
//
// It keeps to what Slack's documentation and public records of its behaviour say (docs.slack.dev/reference/scim-api; see
// docs/connectors/slack.md): PATCH only what differs, never PUT (it blanks what is left out), never DELETE (it deactivates,
// and so does active:false, which is plainer); active is a JSON boolean; displayName goes out on create only unless a mapping
// says otherwise.
package slack

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"lockstep/connector"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/scim/client"
)

const (
	officialHost = "api.slack.com"
	defaultBase  = "https://" + officialHost + "/scim/v2/"
	keyToken     = "OAUTH_ACCESS_TOKEN"

	byEmail    = "primaryEmail"
	byUserName = "userName"
)

var (
	_ connector.Target     = (*target)(nil)
	_ connector.Lister     = (*target)(nil)
	_ connector.Normalizer = (*target)(nil)
	_ connector.Alternator = (*target)(nil)
	_ connector.Checker    = (*target)(nil)
	_ connector.Identifier = (*target)(nil)
)

// New answers the connection type.
func New() connector.Type { return slackType{} }

type slackType struct{}

// target is one Slack workspace or organisation.
type target struct {
	client     *client.Client
	identifies string           // primaryEmail or userName
	grant      *provision.Grant // what is known of the token; nil = nothing
	misplaced  *provision.Fault // the token is for another server: nothing is sent
}

// Open implements connector.Type.
func (slackType) Open(c connector.Config) (connector.Target, error) {
	base, err := baseURL(c.Connection.Text(provision.KeyBaseURL))
	if err != nil {
		return nil, err
	}
	token := secret.New(strings.TrimSpace(c.Connection.Secrets[keyToken].Reveal())) // pasted with a line's end
	switch {
	case token.IsZero():
		return nil, errors.New("the OAuth2 access token is missing; enter it")
	case strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the OAuth2 access token has characters that no token has; enter it again")
	}
	identifies := c.Connection.Text(provision.KeyUniqueIdentifier)
	switch identifies {
	case "":
		identifies = byEmail // contract.md: missing means primaryEmail
	case byEmail, byUserName:
	default:
		return nil, fmt.Errorf("the unique user identifier must be %s or %s", byEmail, byUserName)
	}
	return &target{
		client:     &client.Client{Base: base, Token: token, HTTP: c.Client, Pace: c.Pace},
		identifies: identifies, grant: c.Connection.Grant, misplaced: misplacedFault(c.Connection, base),
	}, nil
}

// baseURL reads the base URL; "" is Slack's own. Whether http and private addresses will do is the HTTP client's to say. The
// URL is in no error: somebody may have put a password into it.
func baseURL(raw string) (*url.URL, error) {
	if raw = strings.TrimSpace(raw); raw == "" {
		raw = defaultBase
	}
	base, err := url.Parse(raw)
	switch {
	case err != nil || base.Hostname() == "" || base.Scheme != "https" && base.Scheme != "http":
		return nil, errors.New("the base URL cannot be read; leave it empty for Slack itself")
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("the base URL must be an address only, without user, query or fragment")
	case slacks(base) && base.Scheme == "http":
		return nil, errors.New("the base URL of Slack itself begins with https")
	case slacks(base) && strings.Contains(base.Path+"/", "/scim/v1/"):
		return nil, errors.New("the base URL is that of Slack's SCIM API in version 1; use /scim/v2/, or leave it empty")
	}
	base.Host = strings.ToLower(base.Host) // one name, however it is written
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	return base, nil
}

// slacks reports whether an address is Slack's own.
func slacks(base *url.URL) bool { return webHosts[strings.ToLower(base.Hostname())] != "" }

// Budgets are Slack's published limits, counted for the organisation over all its SCIM apps
// (docs.slack.dev/reference/scim-api/rate-limits). Lists draw on the organisation's reads only.
func (slackType) Budgets() []connector.Budget {
	return []connector.Budget{
		{Name: budgetWrite, PerMinute: 600, Burst: 180},
		{Name: budgetRead, PerMinute: 1000, Burst: 1000},
		{Name: budgetGet, PerMinute: 300, Burst: 300},
		{Name: budgetCreate, PerMinute: 180, Burst: 20},
		{Name: budgetUpdate, PerMinute: 180, Burst: 20},
		{Name: "DELETE /Users/{id}", PerMinute: 180, Burst: 20}, // never spent
		{Name: budgetGroupGet, PerMinute: 300, Burst: 300},
		{Name: budgetGroupCreate, PerMinute: 180, Burst: 20},
		{Name: budgetGroupUpdate, PerMinute: 180, Burst: 80},
		{Name: budgetGroupDelete, PerMinute: 180, Burst: 20},
	}
}

const (
	budgetWrite  = "write"
	budgetRead   = "read"
	budgetGet    = "GET /Users/{id}"
	budgetCreate = "POST /Users"
	budgetUpdate = "PATCH /Users/{id}"
)

// Describe implements connector.Type. Labels are those of PingOne's console.
func (slackType) Describe() provision.Type {
	return provision.Type{
		Name: "Slack", Title: "Slack", Description: "Members and groups of a Slack workspace or Enterprise organisation, through Slack's SCIM API.",
		Groups: true, TokenKey: keyToken, Fields: append(slices.Clone(fields), provision.SafetyFields()...), Attributes: attributes, Defaults: defaults,
		// The third-party Terraform provider's names (contract.md).
		Rename: map[string]string{"BEARER_TOKEN": keyToken, "SCIM_URL": provision.KeyBaseURL},
		Ignore: []string{"GROUP_NAME_SOURCE"},
	}
}

var zero = 0.0

var fields = []provision.Field{
	{Key: keyToken, Label: "OAuth2 Access Token", Kind: provision.FieldSecret, Required: true, Credentials: true,
		Help: "A user token (xoxp-…) with the scope admin, made by an owner of the workspace."},
	{Key: provision.KeyBaseURL, Label: "Base URL", Kind: provision.FieldURL, Default: defaultBase, Credentials: true,
		Help: "Leave it empty for Slack itself; a simulated workspace has another."},
	{Key: provision.KeyUniqueIdentifier, Label: "Unique User Identifier", Kind: provision.FieldText, Default: byEmail, Allowed: []string{byEmail, byUserName},
		Preference: true, Help: "By which a person and a Slack member are known to be the same."},
	{Key: provision.KeyGroupMembership, Label: "Group Membership Handling", Kind: provision.FieldText, Default: "Merge", Allowed: []string{"Merge", "Overwrite"},
		Preference: true, Help: "Merge keeps members that others added; Overwrite sets exactly ours."},
	{Key: provision.KeyCreateUsers, Label: "Allow Users to be Created", Kind: provision.FieldFlag, Default: true, Help: "Make a Slack member when a rule covers somebody new."},
	{Key: provision.KeyUpdateUsers, Label: "Allow Users to be Updated", Kind: provision.FieldFlag, Default: true, Help: "Change a member when the person changes, and enable them again."},
	{Key: provision.KeyDisableUsers, Label: "Allow Users to be Disabled", Kind: provision.FieldFlag, Default: true, Help: "Deactivate a member when the person is disabled."},
	{Key: provision.KeyDeprovisionUsers, Label: "Allow Users to be Deprovisioned", Kind: provision.FieldFlag, Default: true, Help: "Apply the remove action when no rule covers the person any more."},
	{Key: provision.KeyRemoveAction, Label: "Remove Action", Kind: provision.FieldText, Default: "Disable", Allowed: []string{"Disable"}, Help: "Slack never deletes members; they are deactivated."},
	{Key: provision.KeyDeleteGroups, Label: "Delete Groups", Kind: provision.FieldFlag, Default: false,
		Help: "Delete a group that Lockstep made when no rule selects it any more, and nobody else's members are in it."},
	{Key: provision.KeyRateLimitFactor, Label: "Rate limit factor", Kind: provision.FieldNumber, Default: 1.0, Minimum: &zero, Preference: true,
		Help: "The share of Slack's published limits to use: 0.5 leaves half to other SCIM apps, 0 does not pace."},
}

var attributes = []provision.TargetAttribute{
	{Name: "userName", Title: "Username", Required: true, Unique: true, MaxLength: maxUserName, Description: "Slack login; lower case, at most 21 characters"},
	{Name: "displayName", Title: "Display name", MaxLength: maxDisplayName, Description: "refused on update while members may change theirs: map it on create only",
		Lock: &provision.Lock{Code: "invalid_display_name", Hint: "map displayName on create only, or switch off in Slack that members may change their display name"}},
	{Name: "givenName", Title: "First name"},
	{Name: "familyName", Title: "Last name"},
	{Name: "honorificPrefix", Title: "Prefix"},
	{Name: "primaryEmail", Title: "Email address", Required: true, Unique: true},
	{Name: "secondaryEmail", Title: "Second email address"},
	{Name: "active", Title: "Active", Flag: true},
	{Name: "title", Title: "Title"},
	{Name: "profileUrl", Title: "Profile URL", CreateOnly: true, Description: "sent on create only"},
	{Name: "profilePhotoUrl", Title: "Photo URL", CreateOnly: true, Description: "sent on create only: Slack answers another address"},
	{Name: "timezone", Title: "Time zone"},
	{Name: "locale", Title: "Locale"},
	{Name: "preferredLanguage", Title: "Preferred language"},
	{Name: "userType", Title: "User type"},
	{Name: "role", Title: "Role"},
	{Name: "streetAddress", Title: "Street address"},
	{Name: "locality", Title: "City"},
	{Name: "region", Title: "Region"},
	{Name: "postalCode", Title: "Postal code"},
	{Name: "country", Title: "Country"},
	{Name: "primaryPhone", Title: "Phone"},
	{Name: "mobilePhone", Title: "Mobile phone"},
	{Name: "employeeNumber", Title: "Employee number"},
	{Name: "costCenter", Title: "Cost centre"},
	{Name: "organization", Title: "Organisation"},
	{Name: "division", Title: "Division"},
	{Name: "department", Title: "Department"},
	{Name: "manager", Title: "Manager", Reference: true, Description: "who it is: their username, e-mail address or id in the directory, or a Slack user id"},
	{Name: "startDate", Title: "Start date", Description: "2026-12-31 or a date with time"},
}

// defaults are PingOne's pairs as far as they are public, with displayName on create only (Slack refuses it later while
// members may change theirs), and the title.
var defaults = []provision.Mapping{
	{TargetAttribute: "userName", SourceAttribute: "username"},
	{TargetAttribute: "displayName", SourceAttribute: "nickname", CreateOnly: true},
	{TargetAttribute: "givenName", SourceAttribute: "name.given"},
	{TargetAttribute: "familyName", SourceAttribute: "name.family"},
	{TargetAttribute: "primaryEmail", SourceAttribute: "email"},
	{TargetAttribute: "title", SourceAttribute: "title"},
	{TargetAttribute: "active", SourceAttribute: "enabled"},
}
