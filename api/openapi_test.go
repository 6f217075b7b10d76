package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"lockstep/access"
	"lockstep/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDocument: the document is OpenAPI 3.1, and it is the one that is committed, from which the console's client is made.
func TestDocument(t *testing.T) {
	s := newServer(t)
	_, raw := s.call("", http.MethodGet, "/v1/openapi.json", "")
	document, err := libopenapi.NewDocument([]byte(raw))
	must(t, err)
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, problems := v.ValidateDocument(); !ok {
		for _, p := range problems {
			t.Error(p)
		}
	}
	var pretty bytes.Buffer
	must(t, json.Indent(&pretty, []byte(strings.ReplaceAll(raw, s.url, "/")), "", "  "))
	pretty.WriteByte('\n')
	const golden = "openapi.json"
	if *update {
		must(t, os.WriteFile(golden, pretty.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if !bytes.Equal(want, pretty.Bytes()) {
		t.Errorf("%s is not what the server answers; run: go test ./api -run TestDocument -update", golden)
	}
}

// TestOperations: what a client is made from is there for every operation.
func TestOperations(t *testing.T) {
	s := newServer(t)
	_, raw := s.call("", http.MethodGet, "/v1/openapi.json", "")
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string                                      `json:"operationId"`
			Summary     string                                      `json:"summary"`
			Tags        []string                                    `json:"tags"`
			Security    []any                                       `json:"security"`
			Body        *struct{ Content map[string]any }           `json:"requestBody"`
			Responses   map[string]struct{ Content map[string]any } `json:"responses"`
		} `json:"paths"`
	}
	must(t, json.Unmarshal([]byte(raw), &document))
	seen := map[string]string{}
	for path, operations := range document.Paths {
		for method, op := range operations {
			at := strings.ToUpper(method) + " " + path
			if op.OperationID == "" || seen[op.OperationID] != "" {
				t.Errorf("%s: its operationId is missing or also that of %s", at, seen[op.OperationID])
			}
			seen[op.OperationID] = at
			if op.Summary == "" || len(op.Tags) != 1 || len(op.Security) == 0 {
				t.Errorf("%s has no summary, tag or security", at)
			}
			for status, response := range op.Responses {
				if strings.HasPrefix(status, "2") && status != "204" && len(response.Content) == 0 {
					t.Errorf("%s says nothing about its answer", at)
				}
			}
			if (method == "put" || method == "patch") && op.Body == nil {
				t.Errorf("%s says nothing about its body", at)
			}
		}
	}
}

// documentation is the validator that all tests share: the document does not depend on the data.
var documentation = sync.OnceValue(func() validator.Validator {
	answer := httptest.NewRecorder()
	api.New(api.Config{Version: "test"}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil))
	document, err := libopenapi.NewDocument(answer.Body.Bytes())
	if err != nil {
		panic(err)
	}
	out, errs := validator.NewValidator(document, config.WithFormatAssertions(), config.WithoutSecurityValidation())
	if len(errs) > 0 {
		panic(errs)
	}
	return out
})

// documented compares whatever is asked and answered in these tests with the document.
func documented(t testing.TB, h http.Handler) http.Handler {
	if _, fuzzing := t.(*testing.F); fuzzing {
		return h
	}
	v := documentation()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			h.ServeHTTP(w, r)
			return
		}
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		again := func() *http.Request {
			out := r.Clone(r.Context())
			out.Body = io.NopCloser(bytes.NewReader(sent))
			return out
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, again())
		response := answer.Result()
		said := answer.Body.Bytes()
		response.Body = io.NopCloser(bytes.NewReader(said))
		known := response.StatusCode != http.StatusMethodNotAllowed && !bytes.Contains(said, []byte("nothing at this path"))
		lines := response.Header.Get("Content-Type") == "application/x-ndjson" // the validator reads one value only
		if ok, problems := v.ValidateHttpResponse(again(), response); known && !lines && !ok {
			t.Errorf("%s %s: the answer is not as documented: %v\n%d %s", r.Method, r.URL, problems, response.StatusCode, said)
		}
		if response.StatusCode < http.StatusMultipleChoices && len(sent) > 0 {
			if ok, problems := v.ValidateHttpRequest(again()); !ok {
				t.Errorf("%s %s: what was taken is not as documented: %v\n%s", r.Method, r.URL, problems, sent)
			}
		}
		maps.Copy(w.Header(), response.Header)
		w.WriteHeader(response.StatusCode)
		_, _ = w.Write(said)
	})
}

// TestUnknownPath: what is not there is answered in the API's own shape.
func TestUnknownPath(t *testing.T) {
	s := newServer(t)
	if status, body := s.call(access.ReadOnly, http.MethodGet, "/v1/nothing", ""); status != http.StatusNotFound || !strings.Contains(body, `"NOT_FOUND"`) {
		t.Error(status, body)
	}
	if status, body := s.call(access.ReadOnly, http.MethodPut, "/v1/environments", ""); status != http.StatusMethodNotAllowed || !strings.Contains(body, `"METHOD_NOT_ALLOWED"`) {
		t.Error(status, body)
	}
}

// TestReadiness: what is not ready is named, and the error itself, which may name hosts and users, is not told.
func TestReadiness(t *testing.T) {
	h := documented(t, api.New(api.Config{Ready: []api.Check{
		{Name: "database", Run: func(context.Context) error { return nil }},
		{Name: "runner", Run: func(context.Context) error { return errors.New("secret") }, Wrong: "nobody runs the connections"},
	}}))
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	const want = `{"status":"UNAVAILABLE","checks":[{"name":"database","status":"OK"},{"name":"runner","status":"UNAVAILABLE","message":"nobody runs the connections"}]}`
	if answer.Code != http.StatusServiceUnavailable || answer.Body.String() != want {
		t.Error(answer.Code, answer.Body)
	}
}
