package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	fast "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"lockstep/provision"
	"lockstep/scim"
)

const (
	// profileURN is Slack's own extension (docs.slack.dev/reference/scim-api, "Users": profile.startDate).
	profileURN = "urn:ietf:params:scim:schemas:extension:slack:profile:2.0:User"
	// botDomain is where the addresses of bots end; bots are listed as members (captured answers, 2019).
	botDomain = "@slack-bots.com"
	slackbot  = "USLACKBOT"
)

// text is a string that Slack may also leave out, answer as null, or, in a custom profile field, as a number or a flag.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	*t = ""
	switch {
	case plain(raw):
		*t = text(bytes.TrimSpace(raw[1 : len(raw)-1]))
	case len(raw) > 0 && raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*t = text(strings.TrimSpace(s))
	case len(raw) > 0 && raw[0] != '{' && raw[0] != '[' && !bytes.Equal(raw, []byte("null")):
		*t = text(raw)
	}
	return nil
}

// plain reports whether a string stands for itself. Nearly all do, and a listing has some twenty of them for each member.
func plain(raw []byte) bool {
	return len(raw) > 1 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw)
}

// flag is a boolean, which Slack's own schema declares as a string. off is set only when Slack says so: a member of whom
// nothing is said is not one that was deactivated.
type flag struct{ on, off bool }

func (f *flag) UnmarshalJSON(raw []byte) error {
	word := strings.ToLower(strings.Trim(string(raw), `"`))
	f.on, f.off = word == "true", word == "false"
	return nil
}

// row is an entry of a multi-valued attribute. Slack's samples have roles as objects and as bare strings.
type row struct {
	Value   text `json:"value"`
	Type    text `json:"type"`
	Primary flag `json:"primary"`
}

func (r *row) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &r.Value)
	}
	type plain row
	return json.Unmarshal(raw, (*plain)(r))
}

// user is a member as Slack answers: the full shape with its nulls, or the minimal one of accounts without a custom profile.
type user struct {
	ID          text `json:"id"`
	UserName    text `json:"userName"`
	DisplayName text `json:"displayName"`
	Name        struct {
		GivenName       text `json:"givenName"`
		FamilyName      text `json:"familyName"`
		HonorificPrefix text `json:"honorificPrefix"`
	} `json:"name"`
	Title             text  `json:"title"`
	Timezone          text  `json:"timezone"`
	Locale            text  `json:"locale"`
	PreferredLanguage text  `json:"preferredLanguage"`
	UserType          text  `json:"userType"`
	Active            flag  `json:"active"`
	Emails            []row `json:"emails"`
	PhoneNumbers      []row `json:"phoneNumbers"`
	Roles             []row `json:"roles"`
	Addresses         []struct {
		StreetAddress text `json:"streetAddress"`
		Locality      text `json:"locality"`
		Region        text `json:"region"`
		PostalCode    text `json:"postalCode"`
		Country       text `json:"country"`
	} `json:"addresses"`
	Enterprise struct {
		EmployeeNumber text `json:"employeeNumber"`
		CostCenter     text `json:"costCenter"`
		Organization   text `json:"organization"`
		Division       text `json:"division"`
		Department     text `json:"department"`
		Manager        struct {
			ManagerID text `json:"managerId"`
		} `json:"manager"`
	} `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	Profile struct {
		StartDate text `json:"startDate"`
	} `json:"urn:ietf:params:scim:schemas:extension:slack:profile:2.0:User"`
}

// remote reads a member. A part that is not as expected is left out; a member without an id cannot be read.
//
// profileUrl and photos are not read at all. Slack makes a URL where none was given and never changes it afterwards, and it
// answers an address of its own for a photo, some time later (docs.slack.dev/reference/scim-api, "profileUrl", "photos"): to
// compare them would be to write them for ever. They are sent on create only.
func remote(raw json.RawMessage) (*provision.Remote, bool) {
	var u user
	var odd *json.UnmarshalTypeError // the rest has been read all the same
	if err := json.Unmarshal(raw, &u); err != nil && !errors.As(err, &odd) || u.ID == "" {
		return nil, false
	}
	return u.remote(), true
}

// remote says the same in our words.
func (u *user) remote() *provision.Remote {
	a := provision.Attributes{}
	set := func(name string, value text) {
		if value != "" {
			a[name] = string(value)
		}
	}
	set("userName", lower(u.UserName))
	set("displayName", u.DisplayName)
	set("givenName", u.Name.GivenName)
	set("familyName", u.Name.FamilyName)
	set("honorificPrefix", u.Name.HonorificPrefix)
	set("title", u.Title)
	set("timezone", u.Timezone)
	set("locale", u.Locale)
	set("preferredLanguage", u.PreferredLanguage)
	set("userType", u.UserType)
	readEmails(u.Emails, set)
	readLists(u, set)
	e := &u.Enterprise
	set("employeeNumber", e.EmployeeNumber)
	set("costCenter", e.CostCenter)
	set("organization", e.Organization)
	set("division", e.Division)
	set("department", e.Department)
	set("manager", e.Manager.ManagerID)
	set("startDate", text(dateOr(string(u.Profile.StartDate))))
	out := &provision.Remote{ID: string(u.ID), Active: !u.Active.off, Attributes: a}
	if email, _ := a["primaryEmail"].(string); strings.HasSuffix(email, botDomain) || u.ID == slackbot {
		// cannot_disable_bot_user_with_scim; other accounts that cannot be written (erased ones, owners for an admin's token) look
		// like any other until Slack refuses.
		out.Protected = "it belongs to a bot, which SCIM cannot change"
	}
	return out
}

func lower(t text) text { return text(strings.ToLower(string(t))) }

// readEmails: answers carry value and primary, no type; an unset second address may be there as "".
func readEmails(rows []row, set func(string, text)) {
	primary := -1
	for i, e := range rows {
		if e.Value != "" && (primary < 0 || e.Primary.on && !rows[primary].Primary.on) {
			primary = i
		}
	}
	for i, e := range rows {
		if i == primary {
			set("primaryEmail", lower(e.Value))
		} else if e.Value != "" {
			set("secondaryEmail", lower(e.Value))
		}
	}
}

// readLists reads the lists of one. In answers, a phone's type "mobile" is the mobile phone and primary the other; in requests
// it is the other way round (docs.slack.dev/reference/scim-api, "phoneNumbers"), see phoneRows.
func readLists(u *user, set func(string, text)) {
	if len(u.Addresses) > 0 {
		ad := u.Addresses[0]
		set("streetAddress", ad.StreetAddress)
		set("locality", ad.Locality)
		set("region", ad.Region)
		set("postalCode", ad.PostalCode)
		set("country", ad.Country)
	}
	for _, p := range u.PhoneNumbers {
		if p.Type == "mobile" && !p.Primary.on {
			set("mobilePhone", p.Value)
		} else {
			set("primaryPhone", p.Value)
		}
	}
	if len(u.Roles) > 0 {
		set("role", u.Roles[0].Value)
	}
}

// slackDate is how Slack writes a start date ("2024-04-10T00:00:00+0000").
const slackDate = "2006-01-02T15:04:05-0700"

// date reads a date in the ways that people write it to a directory, and answers it as Slack does.
func date(s string) (string, bool) {
	for _, layout := range []string{slackDate, time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC().Format(slackDate), true
		}
	}
	return "", false
}

func dateOr(s string) string {
	if d, ok := date(s); ok {
		return d
	}
	return s
}

// asEver reads what encoding/json would, at twice its speed (docs/decisions/0031).
var asEver = fast.JoinOptions(fast.MatchCaseInsensitiveNames(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// decode reads a page of members: all at once when it is as expected, which takes half the time, and otherwise one by one.
func decode(body []byte) (scim.List, []provision.Remote, bool) {
	var page struct {
		TotalResults int    `json:"totalResults"`
		Resources    []user `json:"Resources"`
	}
	odd := func(u user) bool { return u.ID == "" }
	if fast.Unmarshal(body, &page, asEver) != nil || page.Resources == nil || slices.ContainsFunc(page.Resources, odd) {
		return decodeEach(body)
	}
	out := make([]provision.Remote, len(page.Resources))
	for i := range page.Resources {
		out[i] = *page.Resources[i].remote()
	}
	return scim.List{TotalResults: page.TotalResults}, out, true
}

func decodeEach(body []byte) (scim.List, []provision.Remote, bool) {
	var list scim.List
	if json.Unmarshal(body, &list) != nil || list.Resources == nil && !bytes.Contains(body, []byte(`"totalResults"`)) {
		return list, nil, false // any other object would look like an empty list
	}
	out := make([]provision.Remote, 0, len(list.Resources))
	for _, raw := range list.Resources {
		r, ok := remote(raw)
		if !ok {
			return list, nil, false // a member that is left out would look like one who is not there
		}
		out = append(out, *r)
	}
	return list, out, true
}
