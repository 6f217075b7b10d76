package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// open lists the operations that need no access token.
func (d *documenter) open() []*huma.Operation {
	answer := func(t reflect.Type, description string) *huma.Response {
		return &huma.Response{Description: description, Content: d.content(t)}
	}
	token := d.registry.Schema(reflect.TypeFor[TokenRequest](), true, "")
	return []*huma.Operation{
		{
			OperationID: "createToken", Method: http.MethodPost, Path: "/{environmentID}/as/token", Tags: []string{"server"}, Summary: "Get an access token",
			Security:    []map[string][]string{{"client": {}}, {}},
			Parameters:  []*huma.Param{{Name: "environmentID", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}}},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-www-form-urlencoded": {Schema: token}}},
			Responses: map[string]*huma.Response{
				"200": answer(reflect.TypeFor[Token](), "The token"), "default": answer(reflect.TypeFor[OAuthError](), "Refused (RFC 6749 §5.2)"),
			},
		}, {
			OperationID: "readHealth", Method: http.MethodGet, Path: "/healthz", Tags: []string{"server"}, Summary: "Whether the process runs", Security: []map[string][]string{{}},
			Responses: map[string]*huma.Response{"200": answer(reflect.TypeFor[Health](), "It does")},
		}, {
			OperationID: "readReadiness", Method: http.MethodGet, Path: "/readyz", Tags: []string{"server"}, Summary: "Whether the server can work", Security: []map[string][]string{{}},
			Responses: map[string]*huma.Response{"200": answer(reflect.TypeFor[Readiness](), "It can"), "503": answer(reflect.TypeFor[Readiness](), "It cannot")},
		}, {
			OperationID: "readDocument", Method: http.MethodGet, Path: "/v1/openapi.json", Tags: []string{"server"}, Summary: "This document", Security: []map[string][]string{{}},
			Responses: map[string]*huma.Response{"200": {
				Description: "OpenAPI 3.1", Content: map[string]*huma.MediaType{jsonMedia: {Schema: &huma.Schema{Type: huma.TypeObject}}},
			}},
		},
	}
}
