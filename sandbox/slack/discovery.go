package slack

import "net/http"

// serviceProviderConfig says that filters are not supported; they are. So does Slack's.
var serviceProviderConfig = map[string]any{
	"authenticationSchemes": []any{map[string]any{
		"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "Authentication Scheme using the OAuth Bearer Token Standard",
		"specUrl": "http://tools.ietf.org/html/draft-ietf-oauth-v2-bearer-01", "primary": true,
	}},
	"patch": map[string]any{"supported": true}, "bulk": map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
	"filter": map[string]any{"supported": false, "maxResults": 0}, "changePassword": map[string]any{"supported": false},
	"sort": map[string]any{"supported": false}, "etag": map[string]any{"supported": false}, "xmlDataFormat": map[string]any{"supported": false},
}

// discovery are a version's other documents, by their path. Version 1 has neither ResourceTypes nor a list of its schemas.
func discovery(version string) map[string]endpoint {
	out := map[string]endpoint{"Schemas/Users": document(userSchema(version)), "Schemas/Groups": document(groupSchema(version))}
	if version == "v2" {
		out["ResourceTypes"] = document(resourceTypes())
		out["Schemas"] = document(map[string]any{"schemas": []string{listURN}, "Resources": []any{userSchema(version), groupSchema(version)}})
	}
	return out
}

func document(body any) endpoint {
	return func(c *call) (int, any, error) {
		if c.Method != http.MethodGet {
			return 0, nil, errMethod
		}
		return http.StatusOK, body, nil
	}
}

// resourceTypes: there is no total in that list.
func resourceTypes() any {
	u := versions["v2"]
	kind := func(name, description, schema string, extensions ...string) map[string]any {
		out := map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": name, "name": name, "endpoint": "/" + name + "s",
			"description": description, "schema": schema,
			"meta": map[string]any{"location": location("v2", "ResourceTypes", name), "resourceType": "ResourceType"},
		}
		var list []any
		for _, e := range extensions {
			list = append(list, map[string]any{"schema": e, "required": false})
		}
		if list != nil {
			out["schemaExtensions"] = list
		}
		return out
	}
	return map[string]any{"schemas": []string{listURN}, "Resources": []any{
		kind("User", "User Account", u.user, u.enterprise, u.guest, "urn:ietf:params:scim:schemas:extension:slack:directory:2.0:User", u.profile),
		kind("Group", "Group", u.group),
	}}
}
