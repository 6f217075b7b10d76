package slack

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"lockstep/provision"
	"lockstep/scim"
	"lockstep/scim/client"
)

// meaning is what an error code of Slack means to us: docs.slack.dev/reference/scim-api, "Errors", and codes seen elsewhere.
type meaning struct {
	kind      provision.FaultKind
	message   string
	hint      string
	attribute string
}

const (
	hintData    = "correct the person's data in the directory, or the mapping"
	hintAgain   = "it is tried again by itself"
	hintOwner   = "change this member in Slack, by hand"
	hintToken   = "enter a new token and test the connection"
	hintBaseURL = "check the base URL"
)

var meanings = map[string]meaning{
	"missing_authentication": {provision.Halted, "Slack got no token", hintToken, ""},
	"invalid_authentication": {provision.Halted, "Slack refuses the token: it was revoked, its owner lost their role, it lacks the scope admin, or this address is not allowed", hintToken, ""},
	"permission_denied":      {provision.Rejected, "the token's owner may not change this member: an admin's token cannot change owners", "use a token of an owner, or change this member by hand", ""},
	"plus_teams_only":        {provision.Halted, "the workspace's plan has no SCIM", "Business+ or Enterprise is needed", ""},
	"non_org_teams_only":     {provision.Halted, "the app is installed on a workspace of an Enterprise organisation", "install it on the organisation, as an Org Owner", ""},
	"unsupported_version":    {provision.Halted, "Slack does not know this version of the API", hintBaseURL, ""},
	"bad_endpoint":           {provision.Halted, "Slack does not know this address", hintBaseURL, ""},
	"method_not_allowed":     {provision.Halted, "the address does not take this method", hintBaseURL, ""},

	"no_such_user": {provision.Gone, "the member does not exist", "", ""},
	"unknown_user": {provision.Gone, "the member does not exist", "", ""},

	"missing_user_id":          {provision.Rejected, "the request named no member", hintData, ""},
	"cannot_decode_user_id":    {provision.Rejected, "the request named no member that Slack can read", hintData, ""},
	"missing_schema_element":   {provision.Rejected, "the request lacks its schemas", "please report this", ""},
	"invalid_request_payload":  {provision.Rejected, "Slack cannot read the request", "please report this", ""},
	"invalid_attribute_format": {provision.Rejected, "a value has a form that Slack does not take", hintData, ""},
	"addresses_invalid":        {provision.Rejected, "the address is not acceptable", hintData, "streetAddress"},
	"emails_invalid":           {provision.Rejected, "the e-mail addresses are not acceptable", hintData, "primaryEmail"},
	"groups_invalid":           {provision.Rejected, "the groups are not acceptable", hintData, ""},
	"phoneNumbers_invalid":     {provision.Rejected, "the phone numbers are not acceptable", hintData, "primaryPhone"},
	"photos_invalid":           {provision.Rejected, "the photo is not acceptable", hintData, "profilePhotoUrl"},
	"roles_invalid":            {provision.Rejected, "the role is not acceptable", hintData, "role"},
	"username_invalid":         {provision.Rejected, "the username is not acceptable", hintData, "userName"},
	"email_invalid":            {provision.Rejected, "the e-mail address is not acceptable", hintData, "primaryEmail"},
	"bad_email_address":        {provision.Rejected, "the e-mail address is not acceptable", hintData, "primaryEmail"},
	"email_empty":              {provision.Rejected, "an e-mail address is needed", hintData, "primaryEmail"},
	"missing_primary_email":    {provision.Rejected, "the primary e-mail address cannot be removed", hintData, "primaryEmail"},
	"username_empty":           {provision.Rejected, "a username is needed", hintData, "userName"},
	"username_required":        {provision.Rejected, "a username is needed", hintData, "userName"},

	"email_taken":              {provision.Taken, "another member, maybe a deactivated one, has this e-mail address", "change the address of the other member in Slack, or of the person in the directory", "primaryEmail"},
	"username_taken":           {provision.Taken, "another member or a channel has this name", hintData, "userName"},
	"nickname_taken":           {provision.Taken, "another member or a channel has this name", hintData, "userName"},
	"name_already_exists":      {provision.Taken, "the name exists already", hintData, "userName"},
	"truncation_error":         {provision.Taken, "the username collides when it is cut", hintData, "userName"},
	"user_creation_failed":     {provision.Transient, "Slack could not make the member", hintAgain, ""},
	"invited_user_not_created": {provision.Transient, "Slack could not make the member in this moment", hintAgain, ""},

	"username_not_allowed":              {provision.Taken, "the username is reserved", hintData, "userName"},
	"invalid_reserved_word":             {provision.Rejected, "a value is a word that Slack keeps for itself", hintData, ""},
	"username_too_long":                 {provision.Rejected, "the username has more than 21 characters", hintData, "userName"},
	"long_nickname":                     {provision.Rejected, "the username has more than 21 characters", hintData, "userName"},
	"long_username":                     {provision.Rejected, "the username has more than 21 characters", hintData, "userName"},
	"invalid_display_name":              {provision.Rejected, "the display name cannot be changed while members may change it themselves", "map displayName on create only, or switch off \"Allow users to change their display name\" in Slack", "displayName"},
	"invalid_name_maxlength":            {provision.Rejected, "the display name has more than 80 characters", hintData, "displayName"},
	"invalid_name_specials":             {provision.Rejected, "the display name has characters that Slack refuses, such as @", hintData, "displayName"},
	"invalid_name_required":             {provision.Rejected, "a first or last name is needed", hintData, "givenName"},
	"invalid_starts_with_at":            {provision.Rejected, "the display name must not begin with @", hintData, "displayName"},
	"invalid_emoji_not_allowed":         {provision.Rejected, "Slack refuses emoji in any value", "remove the emoji from the person's data", ""},
	"password_change_not_allowed":       {provision.Rejected, "a password cannot be changed", hintData, ""},
	"improper_enterprise_schema_format": {provision.Rejected, "the manager is not acceptable", "map a Slack user id to manager", "manager"},

	"cannot_make_user_guest":            {provision.Rejected, "owners and admins cannot become guests", hintOwner, ""},
	"cannot_modify_owner":               {provision.Rejected, "SCIM cannot change an owner", hintOwner, ""},
	"cannot_modify_gdpr":                {provision.Rejected, "the member's profile was erased and can never be changed", "unlink the account", ""},
	"cannot_disable_bot_user_with_scim": {provision.Rejected, "a bot cannot be deactivated by SCIM", hintOwner, ""},
	"cannot_disable_primary_owner":      {provision.Rejected, "the primary owner cannot be deactivated", "transfer the ownership in Slack first", ""},
	"primary_owner_check_failure":       {provision.Rejected, "the primary owner of a workspace cannot be deactivated", "transfer the ownership in Slack first", ""},

	"no_such_group":                             {provision.Gone, "the group does not exist", "", ""},
	"missing_group_id":                          {provision.Rejected, "the request named no group", hintData, ""},
	"no_such_group_members":                     {provision.Rejected, "a member of the group does not exist", hintAgain, ""},
	"unable_to_add_deleted_or_guest_to_group":   {provision.Rejected, "deactivated members and guests cannot be in the group", hintAgain, ""},
	"too_many_users":                            {provision.Rejected, "more members in one request than Slack takes", hintAgain, ""},
	"group_member_max_exceeded":                 {provision.Rejected, "the group has more members than Slack allows", "split the group", ""},
	"idp_group_linked_to_channels":              {provision.Rejected, "the group is linked to channels", "unlink it in Slack first", ""},
	"failed_to_remove_users_for_linked_subteam": {provision.Transient, "Slack could not take members out of a linked group", hintAgain, ""},
	"group_members_create_failed":               {provision.Transient, "Slack could not change the group", hintAgain, ""},
	"group_creation_failed":                     {provision.Transient, "Slack could not make the group", hintAgain, ""},
	"unable_to_create_team_profile_fields":      {provision.Transient, "Slack could not make a custom profile field; a workspace has at most 50", "remove profile fields in Slack if it stays", ""},
	"database_query_failure":                    {provision.Transient, "Slack has a failure inside", hintAgain, ""},

	"incomplete_filter":     {provision.Rejected, "Slack cannot read the filter", "please report this", ""},
	"invalid_filter_group":  {provision.Rejected, "Slack cannot read the filter", "please report this", ""},
	"invalid_query":         {provision.Rejected, "Slack cannot read the query", "please report this", ""},
	"no_filters":            {provision.Rejected, "Slack cannot read the filter", "please report this", ""},
	"query_building_failed": {provision.Rejected, "Slack cannot read the filter", "please report this", ""},
	"invalid_sort_order":    {provision.Rejected, "Slack cannot sort so", "please report this", ""},

	"resource_locked":   {provision.Transient, "the member is being changed by somebody else", hintAgain, ""},
	"too_many_requests": {provision.Transient, "Slack's rate limit is spent", hintAgain, ""},
}

// grammar of an error text: "code" or "code (key=value ...)".
var (
	grammar = regexp.MustCompile(`^([a-zA-Z_]+)`)
	holder  = regexp.MustCompile(`existing_user=([UW][A-Z0-9]+)`)
)

// classify turns an error answer into a fault. Versions 1 and 2 differ in the body's shape, and version 2 answers failures of
// authentication in version 1's; the text has the same grammar in both.
func classify(answer *client.Response, r client.Request) error {
	text := scim.ErrorText(answer.Body)
	code := grammar.FindString(text)
	f := &provision.Fault{Code: code, HTTPStatus: answer.Status, RetryAfter: answer.RetryAfter}
	m, known := meanings[code]
	if !known {
		m = byStatus(answer.Status)
		if f.Code == "" {
			f.Code = "http_" + strconv.Itoa(answer.Status)
		}
	}
	f.Kind, f.Message, f.Hint, f.Attribute = m.kind, m.message, m.hint, m.attribute
	if holders := holder.FindStringSubmatch(text); f.Kind == provision.Taken && holders != nil {
		f.RemoteID = holders[1]
	}
	if f.Kind == provision.Gone && (code == "no_such_group") != strings.HasPrefix(r.Path, "Groups") {
		// It is not said of what the call is about: a leaver's account must not be forgotten because some group is missing, nor a
		// group because a member is.
		f.Kind, f.Hint = provision.Transient, hintAgain
	}
	switch {
	case answer.Status == http.StatusTooManyRequests:
		f.Kind = provision.Transient
		if code != "resource_locked" {
			f.Throttled = r.Budgets
		}
	case answer.Status >= http.StatusInternalServerError:
		// Slack's own word for what is wrong is worth more than the status, of which little is documented: a refusal that comes
		// with a 500 would otherwise be repeated for ever.
		// Gone is the exception: on a failing server's word a leaver's account would be forgotten while it is open.
		if !known || f.Kind == provision.Gone {
			f.Kind = provision.Transient
		}
		f.Unanswered = f.Kind == provision.Transient && r.Method != http.MethodGet // it may have been done before it failed
	}
	return f
}

// byStatus is for answers without a code that we know.
func byStatus(status int) meaning {
	switch {
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return meaning{provision.Halted, "the target redirects elsewhere", "enter the final address as base URL", ""}
	case status == http.StatusRequestTimeout:
		return meaning{provision.Transient, "the target did not get the whole request in time", hintAgain, ""}
	case status == http.StatusUnauthorized:
		return meanings["invalid_authentication"]
	case status == http.StatusForbidden:
		return meanings["permission_denied"]
	case status == http.StatusNotFound:
		// Not Gone: only Slack's own word for it ends a link. A proxy's 404 must not make us forget a leaver's account.
		return meaning{provision.Transient, "the target answers that there is nothing at this address", hintBaseURL, ""}
	case status == http.StatusConflict:
		return meaning{provision.Taken, "the target says that it exists already", hintData, ""}
	case status == http.StatusTooManyRequests:
		return meanings["too_many_requests"]
	case status >= http.StatusInternalServerError:
		return meaning{provision.Transient, "the target has a failure inside", hintAgain, ""}
	default:
		return meaning{provision.Rejected, "the target refuses the request", hintData, ""}
	}
}
