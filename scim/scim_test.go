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

// Errors come from servers of others: whatever they send is read without a panic, and gives what is in it or nothing.
func FuzzErrorText(f *testing.F) {
	for _, body := range []string{`{"detail":"x"}`, `{"Errors":{"description":"x","code":409}}`, `{"Errors":[{"description":"x"}]}`, `{"Errors":[]}`, `[1]`, `null`, `<html>`, "\xff"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if text := scim.ErrorText(body); text != "" && !json.Valid(body) {
			t.Fatalf("%q gives %q", body, text)
		}
	})
}
