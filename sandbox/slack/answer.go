package slack

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// failure is an answer that is an error: a code of Slack's, with the values that Slack adds in brackets.
type failure struct {
	status int
	code   string
	retry  int // seconds
}

func (f *failure) Error() string { return f.code }

func fail(status int, code string) error { return &failure{status: status, code: code} }

// bad refuses what is asked.
func bad(code string) error { return fail(http.StatusBadRequest, code) }

var (
	errFormat  = bad("invalid_attribute_format")
	errPayload = bad("invalid_request_payload")
	errMethod  = fail(http.StatusMethodNotAllowed, "method_not_allowed")
	errSchemas = bad("missing_schema_element")
)

// status is the failure's, or what the options say about its code.
func (w *Workspace) status(f *failure) int {
	word, _, _ := strings.Cut(f.code, " ")
	if status, ok := w.options.Statuses[word]; ok {
		return status
	}
	return f.status
}

func (w *Workspace) refuse(rw http.ResponseWriter, version string, f *failure) {
	status := w.status(f)
	if f.retry > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(f.retry))
	}
	w.answer(rw, status, errorBody(version, status, f.code))
}

// The error bodies: version 1, and failures of authentication in both, have one shape; version 2 has RFC 7644's with an
// integer status and without a scimType.
type (
	errorV1 struct {
		Errors struct {
			Description string `json:"description"`
			Code        int    `json:"code"`
		} `json:"Errors"`
	}
	errorV2 struct {
		Schemas []string `json:"schemas"`
		Detail  string   `json:"detail"`
		Status  int      `json:"status"`
	}
)

func errorBody(version string, status int, code string) any {
	if version == "v1" || status == http.StatusUnauthorized {
		var out errorV1
		out.Errors.Description, out.Errors.Code = code, status
		return out
	}
	return errorV2{[]string{"urn:ietf:params:scim:api:messages:2.0:Error"}, code, status}
}

func (w *Workspace) answer(rw http.ResponseWriter, status int, body any) {
	raw, err := encode(body)
	switch {
	case err != nil:
		rw.WriteHeader(http.StatusInternalServerError)
		return
	case raw == nil:
		rw.WriteHeader(status)
		return
	}
	rw.Header().Set("Content-Type", w.options.ContentType)
	rw.WriteHeader(status)
	_, _ = rw.Write(raw) //nolint:gosec // JSON, and served as such
}

func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(body)
	return b.Bytes(), err
}

// The lists. The versions differ in the order of keys.
type (
	listV1 struct {
		TotalResults int      `json:"totalResults"`
		ItemsPerPage int      `json:"itemsPerPage"`
		StartIndex   int      `json:"startIndex"`
		Schemas      []string `json:"schemas"`
		Resources    any      `json:"Resources"`
	}
	listV2 struct {
		Schemas      []string `json:"schemas"`
		Resources    any      `json:"Resources"`
		TotalResults int      `json:"totalResults"`
		ItemsPerPage int      `json:"itemsPerPage"`
		StartIndex   int      `json:"startIndex"`
	}
)

func listBody[T any](version string, resources []T, total, start int) any {
	if resources == nil {
		resources = []T{}
	}
	if version == "v1" {
		return listV1{total, len(resources), start, []string{versions["v1"].user}, resources}
	}
	return listV2{[]string{listURN}, resources, total, len(resources), start}
}
