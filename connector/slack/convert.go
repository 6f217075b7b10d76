package slack

import (
	"maps"
	"slices"

	"lockstep/connector"
	"lockstep/provision"
	"lockstep/scim"
)

// The target attributes by where they are on the wire. A part's name is the same in both.
var (
	plainParts      = []string{"title", "userType", "preferredLanguage", "locale", "timezone"}
	nameParts       = []string{"givenName", "familyName", "honorificPrefix"}
	enterpriseParts = []string{"employeeNumber", "costCenter", "organization", "division", "department"}
	addressParts    = []string{"streetAddress", "locality", "region", "postalCode", "country"}
	phoneParts      = []string{"primaryPhone", "mobilePhone"}
	createOnlyParts = []string{"profileUrl", "profilePhotoUrl"}
)

// path is where a PATCH finds an attribute that is a single value; "" = it is none. Slack documents a colon between an
// extension's URN and the attribute (docs.slack.dev/reference/scim-api, PATCH with several operations).
func path(name string) string {
	switch {
	case slices.Contains(plainParts, name):
		return name
	case slices.Contains(nameParts, name):
		return "name." + name
	case slices.Contains(enterpriseParts, name):
		return scim.EnterpriseURN + ":" + name
	default:
		return ""
	}
}

func pick(a provision.Attributes, parts []string) map[string]any {
	out := map[string]any{}
	for _, name := range parts {
		if v, ok := a[name]; ok {
			out[name] = v
		}
	}
	return out
}

// phoneRows writes phones as requests want them: primary:true is the phone, the row beside it with primary:false the mobile;
// alone, a mobile is type "work". Answers have it the other way round, so that what was read must never be sent back as it is
// (docs.slack.dev/reference/scim-api, "phoneNumbers").
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

func roleRows(v any) []map[string]any { return []map[string]any{{"value": v, "primary": true}} }

func managerOf(v any) map[string]any { return map[string]any{"managerId": v} }

// createBody writes a new member. An extension's URN is listed only when something of it is there. userName and nickName are
// one field of Slack's and are sent equal.
func createBody(a provision.Attributes) map[string]any {
	schemas := []string{scim.UserURN}
	body := map[string]any{"userName": a["userName"], "nickName": a["userName"], "active": true, "emails": emailRows(a["primaryEmail"], a["secondaryEmail"])}
	maps.Copy(body, pick(a, append(slices.Clone(plainParts), "displayName", "profileUrl")))
	if name := pick(a, nameParts); len(name) > 0 {
		body["name"] = name
	}
	if address := pick(a, addressParts); len(address) > 0 {
		address["primary"] = true
		body["addresses"] = []any{address}
	}
	if phones := phoneRows(a["primaryPhone"], a["mobilePhone"]); phones != nil {
		body["phoneNumbers"] = phones
	}
	if v, ok := a["role"]; ok {
		body["roles"] = roleRows(v)
	}
	if v, ok := a["profilePhotoUrl"]; ok {
		body["photos"] = []map[string]any{{"value": v, "type": "photo"}}
	}
	enterprise := pick(a, enterpriseParts)
	if v, ok := a["manager"]; ok {
		enterprise["manager"] = managerOf(v)
	}
	if len(enterprise) > 0 {
		schemas = append(schemas, scim.EnterpriseURN)
		body[scim.EnterpriseURN] = enterprise
	}
	if v, ok := a["startDate"]; ok {
		schemas = append(schemas, profileURN)
		body[profileURN] = map[string]any{"startDate": v}
	}
	body["schemas"] = schemas
	return body
}

func replace(at string, v any) scim.Operation {
	return scim.Operation{Op: "replace", Path: at, Value: v}
}

func add(at string, v any) scim.Operation {
	return scim.Operation{Op: "add", Path: at, Value: v}
}

func remove(at string) scim.Operation { return scim.Operation{Op: "remove", Path: at} }

// patches writes an update: what is safe together in one request, and what Slack may refuse (the start date, the addresses, the
// names that somebody else may hold or that members may change themselves) each in one of its own. Slack does not say whether
// a PATCH is all or nothing, so that a refusal must not be able to sink the rest.
func patches(call connector.Call) [][]scim.Operation {
	now := merged(call)
	safe := single(call)
	safe = append(safe, address(call, now)...)
	safe = append(safe, phones(call, now)...)
	requests := [][]scim.Operation{safe, startDate(call)}
	if _, ok := call.Attributes["primaryEmail"]; ok {
		rows := emailRows(now["primaryEmail"], nil)
		if was := known(call, "secondaryEmail"); was != nil && !slices.Contains(call.Clear, "secondaryEmail") {
			rows = emailRows(now["primaryEmail"], was) // as it is: its own change may be refused
		}
		requests = append(requests, []scim.Operation{add("emails", rows)})
	}
	requests = append(requests, secondEmail(call))
	for _, name := range []string{"userName", "displayName"} {
		if v, ok := call.Attributes[name]; ok {
			requests = append(requests, []scim.Operation{replace(name, v)})
		}
	}
	if slices.Contains(call.Clear, "displayName") {
		requests = append(requests, []scim.Operation{remove("displayName")})
	}
	return slices.DeleteFunc(requests, func(r []scim.Operation) bool { return len(r) == 0 })
}

// single writes what stands alone.
func single(call connector.Call) []scim.Operation {
	var out []scim.Operation
	for _, name := range call.Attributes.Names() {
		switch v := call.Attributes[name]; {
		case path(name) != "":
			out = append(out, replace(path(name), v))
		case name == "manager":
			// The extension is written by merging (docs: "add" or "replace" with the URN as path).
			out = append(out, add(scim.EnterpriseURN, map[string]any{"manager": managerOf(v)}))
		case name == "role":
			out = append(out, add("roles", roleRows(v)))
		}
	}
	for _, name := range call.Clear {
		switch {
		case path(name) != "":
			out = append(out, remove(path(name)))
		case name == "manager":
			out = append(out, remove(scim.EnterpriseURN+".manager.managerId")) // a dot, in the documentation's example
		case name == "role":
			out = append(out, remove("roles"))
		}
	}
	return out
}

// address writes the one address whole. To clear a part of it, it is taken away first: adding may merge.
func address(call connector.Call, now provision.Attributes) []scim.Operation {
	if !touches(call, addressParts) {
		return nil
	}
	var out []scim.Operation
	if clears(call, addressParts) {
		out = append(out, remove("addresses"))
	}
	if parts := pick(now, addressParts); len(parts) > 0 {
		out = append(out, add("addresses", []any{parts}))
	}
	return out
}

// phones writes both numbers, so that each says which it is. To clear one, both are taken away first: a filter would need the
// number as Slack stores it.
func phones(call connector.Call, now provision.Attributes) []scim.Operation {
	if !touches(call, phoneParts) {
		return nil
	}
	var out []scim.Operation
	if clears(call, phoneParts) {
		out = append(out, remove("phoneNumbers"))
	}
	if rows := phoneRows(now["primaryPhone"], now["mobilePhone"]); rows != nil {
		out = append(out, add("phoneNumbers", rows))
	}
	return out
}

// startDate: the documentation shows a body of version 1 in the section of version 2, so this is the likeliest to be refused.
func startDate(call connector.Call) []scim.Operation {
	if v, ok := call.Attributes["startDate"]; ok {
		return []scim.Operation{replace(profileURN, map[string]any{"startDate": v})}
	}
	if slices.Contains(call.Clear, "startDate") {
		return []scim.Operation{remove(profileURN + ".startDate")}
	}
	return nil
}

func secondEmail(call connector.Call) []scim.Operation {
	const second = "emails[primary eq false]"
	v, ok := call.Attributes["secondaryEmail"]
	switch {
	case ok && known(call, "secondaryEmail") != nil:
		return []scim.Operation{replace(second, map[string]any{"value": v, "type": "home"})}
	case ok:
		return []scim.Operation{add("emails", map[string]any{"value": v, "type": "home"})}
	case slices.Contains(call.Clear, "secondaryEmail"):
		return []scim.Operation{remove(second)}
	default:
		return nil
	}
}

func known(call connector.Call, name string) any {
	if call.Known == nil {
		return nil
	}
	return call.Known.Attributes[name]
}

// merged is what is known with the changes applied: lists of one are written whole.
func merged(call connector.Call) provision.Attributes {
	out := provision.Attributes{}
	if call.Known != nil {
		maps.Copy(out, call.Known.Attributes)
	}
	maps.Copy(out, call.Attributes)
	for _, name := range call.Clear {
		delete(out, name)
	}
	return out
}

func clears(call connector.Call, parts []string) bool {
	return slices.ContainsFunc(parts, func(name string) bool { return slices.Contains(call.Clear, name) })
}

func touches(call connector.Call, parts []string) bool {
	return clears(call, parts) || slices.ContainsFunc(parts, func(name string) bool { _, ok := call.Attributes[name]; return ok })
}
