package slack

import "lockstep/provision"

// webMeanings are the errors of oauth.v2.access, of the consent page and of auth.test: docs.slack.dev/reference/methods/oauth.v2.access
// and …/auth.test, "Errors". Halted is for somebody to mend; Transient passes.
var webMeanings = map[string]meaning{
	"invalid_code":        {provision.Halted, "the code was used already, is older than ten minutes, or belongs to another app", hintAnew, ""},
	"code_already_used":   {provision.Halted, "the code was used already", hintAnew, ""},
	"code_expired":        {provision.Halted, "the code is older than ten minutes", hintAnew, ""},
	"invalid_client_id":   {provision.Halted, "Slack does not know this Client ID", hintSecret, ""},
	"bad_client_secret":   {provision.Halted, "the Client Secret is wrong", hintSecret, ""},
	"bad_redirect_uri":    {provision.Halted, "the redirect URL is not one of the Slack app's", hintRedirect, ""},
	"invalid_grant_type":  {provision.Halted, "Slack does not take this kind of exchange", "update Lockstep, or paste a token instead", ""},
	"invalid_grant":       {provision.Halted, "the refresh token was used, revoked or never given", hintConsent, ""},
	"authorization_error": {provision.Halted, "Slack could not check who consented", hintAnew, ""},
	"invalid_refresh_token": {
		provision.Halted, "the refresh token was used already, or was revoked", hintConsent, "",
	},
	"oauth_authorization_url_mismatch": {
		provision.Halted, "consent was given on a page of another version of OAuth than the code is exchanged with", "press Get token and use only the page that Lockstep opens", "",
	},
	"cannot_install_an_org_installed_app": {
		provision.Halted, "the app is installed on the organisation already, and cannot be installed on one of its workspaces as well", "press Get token again and choose the organisation on Slack's page, top right", "",
	},
	"no_scopes":     {provision.Halted, "the app asks for no scope", "add admin to the User Token Scopes of the Slack app, under OAuth & Permissions", ""},
	"invalid_scope": {provision.Halted, "the app may not ask for the scope admin", "add admin to the User Token Scopes of the Slack app, under OAuth & Permissions", ""},
	"invalid_team_for_non_distributed_app": {
		provision.Halted, "the app belongs to another workspace and is not distributed", "install it in its own workspace, or activate public distribution in the Slack app", "",
	},
	"access_denied":              {provision.Halted, "consent was denied on Slack's page", "press Get token again and allow it, as an owner of the workspace or organisation", ""},
	"token_rotation_not_enabled": {provision.Halted, "token rotation is off in the Slack app", hintConsent, ""},

	"invalid_auth":            {provision.Halted, "Slack refuses the token: it is not valid, or this server's address is not on the app's allow-list", hintToken, ""},
	"not_authed":              {provision.Halted, "Slack got no token", hintToken, ""},
	"account_inactive":        {provision.Halted, "the account of the token's owner is deactivated", "press Get token as another owner of the workspace, or have the account enabled again", ""},
	"token_revoked":           {provision.Halted, "the token was revoked: its owner lost the role, or the app was removed", "press Get token again, as an owner of the workspace", ""},
	"token_expired":           {provision.Halted, "the token has expired", "press Get token: a token that is had so is refreshed by itself", ""},
	"missing_scope":           {provision.Halted, "the token lacks the scope admin", "add admin to the User Token Scopes of the Slack app, install it again, and press Get token", ""},
	"not_allowed_token_type":  {provision.Halted, "it is not a user token (xoxp-…)", "use the User OAuth Token of the Slack app, not the bot's", ""},
	"no_permission":           {provision.Halted, "the token's owner may not use it", "press Get token as an owner of the workspace", ""},
	"org_login_required":      {provision.Halted, "the workspace is moving into an organisation", "wait until the move is done, then press Get token for the organisation", ""},
	"team_access_not_granted": {provision.Halted, "the app may not be used in this workspace", "install it on the organisation, as an Org Owner", ""},
	"accesslimited":           {provision.Halted, "Slack does not serve this network", "put this server's address on the app's allow-list, or ask Slack", ""},
	"access_limited":          {provision.Halted, "Slack does not serve this network", "put this server's address on the app's allow-list, or ask Slack", ""},
	"ekm_access_denied":       {provision.Halted, "the organisation's administrators have suspended access", "ask them", ""},

	"ratelimited":         {provision.Transient, "Slack has been asked too often", "wait a minute and try again", ""},
	"rate_limited":        {provision.Transient, "Slack has been asked too often", "wait a minute and try again", ""},
	"internal_error":      {provision.Transient, "Slack has a failure inside", "try again in a few minutes", ""},
	"fatal_error":         {provision.Transient, "Slack has a failure inside", "try again in a few minutes", ""},
	"service_unavailable": {provision.Transient, "Slack is not available", "try again in a few minutes", ""},
	"request_timeout":     {provision.Transient, "Slack did not get the whole request in time", "try again", ""},
	"team_added_to_org":   {provision.Transient, "the workspace is moving into an organisation", "wait until the move is done, then try again", ""},
}

const (
	hintAnew     = "press Get token again"
	hintConsent  = "press Get token and consent again"
	hintSecret   = "copy Client ID and Client Secret from Basic Information of the Slack app, and press Get token again"
	hintRedirect = "add the redirect URL, exactly as Lockstep shows it, under OAuth & Permissions of the Slack app, then press Get token again"
)

// webFault is what a code means. One that nobody knows is shown without being repeated: it may have come from anywhere.
func webFault(code string) *provision.Fault {
	m, known := webMeanings[code]
	if !known {
		m = meaning{provision.Halted, "Slack refuses, for a reason that Lockstep does not know", "try again; if it stays, look at the Slack app and its owner, or paste a token", ""}
		if code = grammar.FindString(code); len(code) > 64 {
			code = code[:64]
		}
	}
	if known || code == "" {
		return &provision.Fault{Kind: m.kind, Code: code, Message: m.message, Hint: m.hint}
	}
	return &provision.Fault{Kind: m.kind, Code: code, Message: m.message + " (" + code + ")", Hint: m.hint}
}

// unsure are the codes that say nothing about the token itself.
func unsure(f *provision.Fault) bool {
	return f.Kind == provision.Transient || webMeanings[f.Code].message == ""
}
