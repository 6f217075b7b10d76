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
	return append(d.sessions(), []*huma.Operation{
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
	}...)
}

// sessions lists how people sign in, which needs a browser's cookie at the most.
func (d *documenter) sessions() []*huma.Operation {
	operation := func(id, method, path, summary string, in bool) *huma.Operation {
		op := &huma.Operation{
			OperationID: id, Method: method, Path: path, Tags: []string{"server"}, Summary: summary, Security: []map[string][]string{{}},
			Responses: map[string]*huma.Response{"default": {Ref: refusals + "default"}},
		}
		if in {
			op.RequestBody = &huma.RequestBody{Required: true, Content: d.content(reflect.TypeFor[SignOnBody]())}
		}
		if method == http.MethodDelete {
			op.Responses["204"] = &huma.Response{Description: "Done"}
		} else {
			op.Responses["200"] = &huma.Response{Description: "The session", Content: d.content(reflect.TypeFor[Session]())}
		}
		return op
	}
	return []*huma.Operation{
		operation("readSession", http.MethodGet, "/v1/session", "Who is signed in; administrator is absent when nobody is", false),
		operation("signOn", http.MethodPost, "/v1/session", "Sign in; the session is a cookie", true),
		operation("signOff", http.MethodDelete, "/v1/session", "Sign out", false),
		operation("setUp", http.MethodPost, "/v1/setup", "Create the first administrator by the server's one-time link", true),
	}
}
