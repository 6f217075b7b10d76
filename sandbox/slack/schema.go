package slack

// field is an attribute as the schemas tell of it. They are wrong here and there, and so are these: active is a string, and the
// enterprise extension an attribute of many values. Discovery must never drive a client.
type field struct {
	name     string
	kind     string // "" = string
	many     bool
	required bool
	readOnly bool
	unique   bool   // version 2 says "server"
	returned string // in version 2; "" = default
	values   []string
	parts    []field
}

var (
	primary   = field{name: "primary", kind: "boolean"}
	unshown   = field{name: "primary", kind: "boolean", returned: "never"}
	required  = field{name: "value", required: true}
	placeType = field{name: "type", values: []string{"work", "home", "other"}, returned: "never"}
)

func userFields(u urns) []field {
	return []field{
		{name: "id", required: true, readOnly: true},
		{name: "userName", required: true, unique: true},
		{name: "nickName"},
		{name: "name", kind: "complex", parts: []field{{name: "familyName"}, {name: "givenName"}, {name: "honorificPrefix"}}},
		{name: "emails", kind: "complex", many: true, required: true, parts: []field{required, {name: "type", values: []string{"work", "home", "other"}}, primary}},
		{name: "photos", kind: "complex", many: true, parts: []field{required, {name: "type", values: []string{"photo", "thumbnail"}}, unshown}},
		{name: "groups", kind: "complex", many: true, readOnly: true, parts: []field{{name: "value", readOnly: true}, {name: "display", readOnly: true}}},
		{name: "active"},
		{name: "addresses", kind: "complex", many: true, parts: []field{
			{name: "streetAddress"}, {name: "locality"}, {name: "region"}, {name: "postalCode"}, {name: "country"}, placeType, unshown,
		}},
		{name: "phoneNumbers", kind: "complex", many: true, parts: []field{required, {name: "type", values: []string{"work", "home", "mobile", "pager", "fax", "other"}}, primary}},
		{name: "displayName"}, {name: "profileUrl"}, {name: "userType"}, {name: "title"}, {name: "preferredLanguage"}, {name: "locale"}, {name: "timezone"},
		{name: "password", returned: "never"},
		{name: "roles", kind: "complex", many: true, parts: []field{{name: "value"}, {name: "type"}, primary}},
		{name: u.enterprise, kind: "complex", many: true, parts: []field{
			{name: "employeeNumber"}, {name: "costCenter"}, {name: "organization"}, {name: "division"}, {name: "department"},
			{name: "manager", kind: "complex", parts: []field{{name: "managerId"}}},
		}},
		{name: u.guest, kind: "complex", parts: []field{
			{name: "type", required: true, values: []string{"multi"}}, {name: "expiration", kind: "datetime"},
			{name: "channels", kind: "complex", many: true, parts: []field{{name: "value", readOnly: true}, {name: "display", readOnly: true}}},
		}},
		{name: u.profile, kind: "complex", parts: []field{{name: "startDate", kind: "datetime"}}},
	}
}

func userSchema(version string) map[string]any {
	u := versions[version]
	out := map[string]any{"id": u.user, "name": "User", "description": "Core User", "attributes": describe(version, u.user, userFields(u))}
	if version == "v1" {
		out["id"], out["schema"], out["endpoint"] = u.user+":User", []string{u.user, u.enterprise}, "/Users"
		return out
	}
	out["meta"] = map[string]any{"resourceType": "schema", "location": "/v2/Schemas/" + u.user}
	return out
}

// groupSchema: version 1 says that the name and the members cannot be written, which is wrong.
func groupSchema(version string) map[string]any {
	u, old := versions[version], version == "v1"
	fields := []field{
		{name: "id", readOnly: true},
		{name: "displayName", required: true, readOnly: old, unique: true, returned: "always"},
		{name: "members", kind: "complex", many: true, required: true, parts: []field{{name: "value", required: true, readOnly: old}, {name: "display"}}},
	}
	out := map[string]any{"name": "Group", "description": "Core Group", "attributes": describe(version, u.group, fields)}
	if old {
		out["schema"], out["endpoint"] = u.group, "/Groups"
		return out
	}
	out["id"], out["meta"] = u.group, map[string]any{"resourceType": "schema", "location": "/v2/Schemas/" + u.group}
	return out
}

func describe(version, schema string, fields []field) []any {
	out := []any{}
	for _, f := range fields {
		out = append(out, f.describe(version, schema))
	}
	return out
}

func (f field) describe(version, schema string) map[string]any {
	kind := f.kind
	if kind == "" {
		kind = "string"
	}
	out := map[string]any{"name": f.name, "type": kind, "multiValued": f.many, "description": f.name, "required": f.required, "caseExact": false}
	if len(f.values) > 0 {
		out["canonicalValues"] = f.values
	}
	if version == "v1" {
		out["schema"], out["readOnly"] = schema, f.readOnly
		if f.many {
			out["multiValuedAttributeChildName"] = f.name
		}
	} else {
		f.describeV2(out, schema)
	}
	switch {
	case len(f.parts) == 0:
	case f.name == "manager":
		out["subAttributes"] = f.parts[0].describe(version, schema) // one, where there should be a list
	case f.name == "groups" && version == "v2":
		out["subattributes"] = describe(version, schema, f.parts)
	default:
		out["subAttributes"] = describe(version, schema, f.parts)
	}
	return out
}

func (f field) describeV2(out map[string]any, schema string) {
	out["mutability"], out["returned"], out["uniqueness"] = "readWrite", "default", "none"
	switch {
	case f.readOnly:
		out["mutability"] = "readOnly"
	case f.name == "password":
		out["mutability"] = "writeOnly"
	case schema == versions["v2"].group && (f.name == "value" || f.name == "display"):
		out["mutability"] = "immutable"
	}
	if f.returned != "" {
		out["returned"] = f.returned
	}
	if f.unique {
		out["uniqueness"] = "server"
	}
}
