package slack

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"lockstep/provision"
	"lockstep/scim"
)

// botDomain is where the addresses of bots end; they are listed as members (docs of captured answers, 2019).
const botDomain = "@slack-bots.com"

// user is a member as Slack answers: unset values are null, absent or "".
type user struct {
	ID          string `json:"id"`
	UserName    string `json:"userName"`
	DisplayName string `json:"displayName"`
	Name        struct {
		GivenName       string `json:"givenName"`
		FamilyName      string `json:"familyName"`
		HonorificPrefix string `json:"honorificPrefix"`
	} `json:"name"`
	Title             string `json:"title"`
	Timezone          string `json:"timezone"`
	Locale            string `json:"locale"`
	PreferredLanguage string `json:"preferredLanguage"`
	UserType          string `json:"userType"`
	Active            bool   `json:"active"`
	Emails            []struct {
		Value   string `json:"value"`
		Primary bool   `json:"primary"`
	} `json:"emails"`
	Addresses []struct {
		StreetAddress string `json:"streetAddress"`
		Locality      string `json:"locality"`
		Region        string `json:"region"`
		PostalCode    string `json:"postalCode"`
		Country       string `json:"country"`
	} `json:"addresses"`
	PhoneNumbers []struct {
		Value   string `json:"value"`
		Type    string `json:"type"`
		Primary bool   `json:"primary"`
	} `json:"phoneNumbers"`
	Roles []struct {
		Value string `json:"value"`
	} `json:"roles"`
	Enterprise struct {
		EmployeeNumber string `json:"employeeNumber"`
		CostCenter     string `json:"costCenter"`
		Organization   string `json:"organization"`
		Division       string `json:"division"`
		Department     string `json:"department"`
		Manager        struct {
			ManagerID string `json:"managerId"`
		} `json:"manager"`
	} `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
}

// remote reads a member.
func remote(raw json.RawMessage) (*provision.Remote, bool) {
	var u user
	if json.Unmarshal(raw, &u) != nil || u.ID == "" {
		return nil, false
	}
	a := provision.Attributes{}
	set := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			a[name] = value
		}
	}
	set("userName", strings.ToLower(u.UserName))
	set("displayName", u.DisplayName)
	set("givenName", u.Name.GivenName)
	set("familyName", u.Name.FamilyName)
	set("honorificPrefix", u.Name.HonorificPrefix)
	set("title", u.Title)
	set("timezone", u.Timezone)
	set("locale", u.Locale)
	set("preferredLanguage", u.PreferredLanguage)
	set("userType", u.UserType)
	readEmails(&u, set)
	readLists(&u, set)
	e := &u.Enterprise
	set("employeeNumber", e.EmployeeNumber)
	set("costCenter", e.CostCenter)
	set("organization", e.Organization)
	set("division", e.Division)
	set("department", e.Department)
	set("manager", e.Manager.ManagerID)
	out := &provision.Remote{ID: u.ID, Active: u.Active, Attributes: a}
	if email, _ := a["primaryEmail"].(string); strings.HasSuffix(email, botDomain) {
		out.Protected = "it belongs to a bot, which SCIM cannot change"
	}
	return out, true
}

func readEmails(u *user, set func(name, value string)) {
	primary := -1
	for i, e := range u.Emails {
		if e.Primary && e.Value != "" {
			primary = i
			break
		}
	}
	if primary < 0 && len(u.Emails) > 0 {
		primary = 0
	}
	for i, e := range u.Emails {
		if i == primary {
			set("primaryEmail", strings.ToLower(e.Value))
		} else if e.Value != "" {
			set("secondaryEmail", strings.ToLower(e.Value))
		}
	}
}

// readLists reads the lists of one. In answers, a phone's type "mobile" is the mobile phone and primary the other; in requests
// it is different, see phoneRows.
func readLists(u *user, set func(name, value string)) {
	if len(u.Addresses) > 0 {
		ad := u.Addresses[0]
		set("streetAddress", ad.StreetAddress)
		set("locality", ad.Locality)
		set("region", ad.Region)
		set("postalCode", ad.PostalCode)
		set("country", ad.Country)
	}
	for _, p := range u.PhoneNumbers {
		if p.Type == "mobile" && !p.Primary {
			set("mobilePhone", p.Value)
		} else {
			set("primaryPhone", p.Value)
		}
	}
	if len(u.Roles) > 0 {
		set("role", u.Roles[0].Value)
	}
}

var (
	nameParts    = map[string]string{"givenName": "givenName", "familyName": "familyName", "honorificPrefix": "honorificPrefix"}
	addressParts = map[string]string{
		"streetAddress": "streetAddress", "locality": "locality", "region": "region", "postalCode": "postalCode", "country": "country",
	}
	enterpriseParts = map[string]string{
		"employeeNumber": "employeeNumber", "costCenter": "costCenter", "organization": "organization", "division": "division",
		"department": "department",
	}
	plainParts = []string{"title", "userType", "preferredLanguage", "locale", "timezone"}
)

func texts(a provision.Attributes, parts map[string]string) map[string]any {
	out := map[string]any{}
	for name, wire := range parts {
		if v, ok := a[name]; ok {
			out[wire] = v
		}
	}
	return out
}

// phoneRows writes phones as requests want them: primary:true is the phone, the row beside it with primary:false the mobile;
// alone, a mobile is type "work" (docs.slack.dev/reference/scim-api, phoneNumbers).
func phoneRows(primary, mobile any) []map[string]any {
	switch {
	case primary != nil && mobile != nil:
		return []map[string]any{{"value": primary, "primary": true}, {"value": mobile, "primary": false}}
	case primary != nil:
		return []map[string]any{{"value": primary, "primary": true}}
	case mobile != nil:
		return []map[string]any{{"value": mobile, "type": "work"}}
	default:
		return nil
	}
}

func emailRows(primary, secondary any) []map[string]any {
	rows := []map[string]any{{"value": primary, "type": "work", "primary": true}}
	if secondary != nil {
		rows = append(rows, map[string]any{"value": secondary, "type": "home", "primary": false})
	}
	return rows
}

// createBody writes a new member. An extension's URN is listed only when something of it is there.
func createBody(a provision.Attributes) map[string]any {
	schemas := []string{scim.UserURN}
	body := map[string]any{"userName": a["userName"], "nickName": a["userName"], "active": true, "emails": emailRows(a["primaryEmail"], a["secondaryEmail"])}
	for _, name := range append(slices.Clone(plainParts), "displayName", "profileUrl") {
		if v, ok := a[name]; ok {
			body[name] = v
		}
	}
	if name := texts(a, nameParts); len(name) > 0 {
		body["name"] = name
	}
	if address := texts(a, addressParts); len(address) > 0 {
		address["primary"] = true
		body["addresses"] = []any{address}
	}
	if phones := phoneRows(a["primaryPhone"], a["mobilePhone"]); phones != nil {
		body["phoneNumbers"] = phones
	}
	if v, ok := a["role"]; ok {
		body["roles"] = []any{map[string]any{"value": v, "primary": true}}
	}
	if v, ok := a["profilePhotoUrl"]; ok {
		body["photos"] = []any{map[string]any{"value": v, "type": "photo"}}
	}
	enterprise := texts(a, enterpriseParts)
	if v, ok := a["manager"]; ok {
		enterprise["manager"] = map[string]any{"managerId": v}
	}
	if len(enterprise) > 0 {
		schemas = append(schemas, scim.EnterpriseURN)
		body[scim.EnterpriseURN] = enterprise
	}
	body["schemas"] = schemas
	return body
}

// patches writes an update: what is safe together in one request, and what Slack may refuse (userName, primaryEmail,
// displayName) each in one of its own, so that a refusal does not sink the rest.
func patches( //nolint:gocyclo // a table of Slack's paths, read from top to bottom
	a provision.Attributes, clear []string, known *provision.Remote) [][]scim.Operation {
	var safe []scim.Operation
	replace := func(path string, v any) { safe = append(safe, scim.Operation{Op: "replace", Path: path, Value: v}) }
	remove := func(path string) { safe = append(safe, scim.Operation{Op: "remove", Path: path}) }
	for _, name := range a.Names() {
		v := a[name]
		switch {
		case slices.Contains(plainParts, name):
			replace(name, v)
		case nameParts[name] != "":
			replace("name."+name, v)
		case enterpriseParts[name] != "":
			replace(scim.EnterpriseURN+":"+name, v)
		case name == "manager":
			safe = append(safe, scim.Operation{Op: "add", Path: scim.EnterpriseURN, Value: map[string]any{"manager": map[string]any{"managerId": v}}})
		case name == "role":
			safe = append(safe, scim.Operation{Op: "add", Path: "roles", Value: []any{map[string]any{"value": v, "primary": true}}})
		}
	}
	for _, name := range clear {
		switch {
		case slices.Contains(plainParts, name):
			replace(name, "")
		case nameParts[name] != "":
			remove("name." + name)
		case enterpriseParts[name] != "":
			remove(scim.EnterpriseURN + ":" + name)
		case name == "manager":
			remove(scim.EnterpriseURN + ".manager.managerId")
		case name == "role":
			remove("roles")
		case name == "secondaryEmail":
			remove("emails[primary eq false]")
		}
	}
	now := merged(a, clear, known)
	if touches(a, clear, addressParts) {
		if address := texts(now, addressParts); len(address) > 0 {
			safe = append(safe, scim.Operation{Op: "add", Path: "addresses", Value: []any{address}})
		} else {
			remove("addresses")
		}
	}
	if touches(a, clear, map[string]string{"primaryPhone": "x", "mobilePhone": "x"}) {
		remove("phoneNumbers")
		if rows := phoneRows(now["primaryPhone"], now["mobilePhone"]); rows != nil {
			safe = append(safe, scim.Operation{Op: "add", Path: "phoneNumbers", Value: rows})
		}
	}
	out := [][]scim.Operation{}
	if len(safe) > 0 {
		out = append(out, safe)
	}
	if a["primaryEmail"] != nil || a["secondaryEmail"] != nil {
		out = append(out, []scim.Operation{{Op: "add", Path: "emails", Value: emailRows(now["primaryEmail"], now["secondaryEmail"])}})
	}
	for _, name := range []string{"userName", "displayName"} {
		if v, ok := a[name]; ok {
			out = append(out, []scim.Operation{{Op: "replace", Path: name, Value: v}})
		}
	}
	if slices.Contains(clear, "displayName") {
		out = append(out, []scim.Operation{{Op: "replace", Path: "displayName", Value: ""}})
	}
	return out
}

// merged is what is known with the changes applied: lists of one are written whole.
func merged(a provision.Attributes, clear []string, known *provision.Remote) provision.Attributes {
	out := provision.Attributes{}
	if known != nil {
		maps.Copy(out, known.Attributes)
	}
	maps.Copy(out, a)
	for _, name := range clear {
		delete(out, name)
	}
	return out
}

func touches(a provision.Attributes, clear []string, parts map[string]string) bool {
	for name := range parts {
		if _, ok := a[name]; ok || slices.Contains(clear, name) {
			return true
		}
	}
	return false
}
