package scim_test

import (
	"encoding/json"
	"testing"

	"lockstep/scim"
)

func TestErrorText(t *testing.T) {
	for body, want := range map[string]string{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"missing_schema_element","status":400}`: "missing_schema_element",
		`{"detail":"taken","status":"409","scimType":"uniqueness"}`:                                                  "taken",
		`{"status":"409","scimType":"uniqueness"}`:                                                                   "uniqueness",
		`{"Errors":{"description":"invalid_authentication","code":401}}`:                                             "invalid_authentication",
		`{"Errors":[{"description":"Resource not found","code":"404"}]}`:                                             "Resource not found",
		`{"Errors":null}`: "", `{}`: "", `[]`: "", ``: "", `"text"`: "", `{"detail":7}`: "",
	} {
		if got := scim.ErrorText([]byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// TestOperation: false and "" are values; only a missing one is left out.
func TestOperation(t *testing.T) {
	raw, err := json.Marshal(scim.NewPatch(scim.Operation{Op: "replace", Path: "active", Value: false}, scim.Operation{Op: "replace", Path: "title", Value: ""},
		scim.Operation{Op: "remove", Path: "roles"}))
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false},` +
		`{"op":"replace","path":"title","value":""},{"op":"remove","path":"roles"}]}`
	if err != nil || string(raw) != want {
		t.Errorf("%s %v", raw, err)
	}
}
