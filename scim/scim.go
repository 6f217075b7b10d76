// Package scim holds SCIM's wire format, as both directions need it. It is pure.
package scim

import "encoding/json"

// The URNs of SCIM 2.0 (RFC 7643, RFC 7644).
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	ListURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	ErrorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// List is a page of resources.
type List struct {
	TotalResults int               `json:"totalResults"`
	ItemsPerPage int               `json:"itemsPerPage"`
	StartIndex   int               `json:"startIndex"`
	Resources    []json.RawMessage `json:"Resources"`
}

// Patch is a PATCH request.
type Patch struct {
	Schemas    []string    `json:"schemas"`
	Operations []Operation `json:"Operations"`
}

// Operation is one change of a Patch.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

// NewPatch makes a PATCH request.
func NewPatch(operations ...Operation) Patch {
	return Patch{Schemas: []string{PatchURN}, Operations: operations}
}

// ErrorText reads the text of an error body: SCIM 2.0's detail, or SCIM 1.1's description, which some servers use in both
// versions. It answers "" for anything else.
func ErrorText(body []byte) string {
	var two struct {
		Detail   string `json:"detail"`
		ScimType string `json:"scimType"`
	}
	if json.Unmarshal(body, &two) == nil && two.Detail != "" {
		return two.Detail
	}
	var one struct {
		Errors json.RawMessage `json:"Errors"`
	}
	if json.Unmarshal(body, &one) != nil || one.Errors == nil {
		return two.ScimType
	}
	type description struct {
		Description string `json:"description"`
	}
	var single description
	if json.Unmarshal(one.Errors, &single) == nil && single.Description != "" {
		return single.Description
	}
	var several []description
	if json.Unmarshal(one.Errors, &several) == nil && len(several) > 0 {
		return several[0].Description
	}
	return ""
}
