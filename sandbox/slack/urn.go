package slack

// urns are a version's names of its schemas.
type urns struct{ user, group, enterprise, guest, profile string }

var versions = map[string]urns{
	"v1": {
		"urn:scim:schemas:core:1.0", "urn:scim:schemas:core:1.0", "urn:scim:schemas:extension:enterprise:1.0",
		"urn:scim:schemas:extension:slack:guest:1.0", "urn:scim:schemas:extension:slack:profile:1.0",
	},
	"v2": {
		"urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
		"urn:ietf:params:scim:schemas:extension:slack:guest:2.0:User", "urn:ietf:params:scim:schemas:extension:slack:profile:2.0:User",
	},
}

const listURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
