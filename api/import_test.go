package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"lockstep/access"
)

const people = "username,email\nanna,anna@example.com\nben,ben@example.com\n"

// upload sends a file as a client of the role does.
func (s *server) upload(role access.Role, query, kind, accept, body string) (int, string) {
	s.t.Helper()
	return s.send(role, "/users/import"+query, kind, accept, body)
}

// send is an upload to any path.
func (s *server) send(role access.Role, path, kind, accept, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.url+"/v1/environments/"+s.env+path, strings.NewReader(body))
	must(s.t, err)
	r.Header.Set("Authorization", "Bearer "+s.tokens[role])
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(r)
	must(s.t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	must(s.t, err)
	return response.StatusCode, string(raw)
}

func (s *server) count() int {
	s.t.Helper()
	_, raw := s.admin("GET", "/users", "")
	var list struct{ Count int }
	must(s.t, json.Unmarshal([]byte(raw), &list))
	return list.Count
}

// TestImport: nothing but a CSV file from whoever may edit people is taken over, and a trial run leaves everything as it is.
func TestImport(t *testing.T) {
	s := newServer(t)
	for _, test := range []struct {
		role        access.Role
		query, kind string
		status      int
	}{
		{access.IdentityDataAdmin, "?dryRun=true", "text/csv; charset=utf-8", 200}, {access.IdentityDataAdmin, "?dryRun=TRUE", "text/csv", 200},
		{access.IdentityDataAdmin, "?dryRun=1", "text/csv", 400}, {access.IdentityDataAdmin, "?dryRun=yes", "text/csv", 400}, // a trial that was meant
		{access.IdentityDataAdmin, "?allOrNothing=on", "text/csv", 400},
		{access.IdentityDataAdmin, "", "text/plain", 415}, {access.IdentityDataAdmin, "", "multipart/form-data; boundary=x", 415}, {access.IdentityDataAdmin, "", "", 415},
		{access.ReadOnly, "", "text/csv", 403},
	} {
		if status, raw := s.upload(test.role, test.query, test.kind, "*/*", people); status != test.status || s.count() != 0 {
			t.Errorf("%s%s as %s: %d %s, %d people", test.kind, test.query, test.role, status, raw, s.count())
		}
	}
	status, raw := s.upload(access.IdentityDataAdmin, "", "text/csv", "application/x-ndjson", people)
	lines := strings.Split(strings.TrimSpace(raw), "\n")
	if status != http.StatusOK || !strings.Contains(lines[len(lines)-1], `{"report":{"created":2,`) || s.count() != 2 {
		t.Errorf("%d %s, %d people", status, raw, s.count())
	}
}

// TestImportsAtOnce: files are held in memory, so there are never many; a place is free again when an import ends.
func TestImportsAtOnce(t *testing.T) {
	s := newServer(t)
	h := s.handler("")
	ask := func(body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/v1/environments/"+s.env+"/users/import?dryRun=true", body)
		r.Header.Set("Authorization", "Bearer "+s.tokens[access.IdentityDataAdmin])
		r.Header.Set("Content-Type", "text/csv")
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		return answer
	}
	var group sync.WaitGroup
	var files []*io.PipeWriter
	for range 2 {
		reader, writer := io.Pipe()
		files = append(files, writer)
		group.Go(func() {
			if answer := ask(reader); answer.Code != http.StatusOK {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
		_, err := io.WriteString(writer, people) // it is read: the import is under way
		must(t, err)
	}
	if answer := ask(strings.NewReader(people)); answer.Code != http.StatusTooManyRequests {
		t.Errorf("a third import: %d %s", answer.Code, answer.Body)
	}
	for _, file := range files {
		must(t, file.Close())
	}
	group.Wait()
	if answer := ask(strings.NewReader(people)); answer.Code != http.StatusOK {
		t.Errorf("afterwards: %d %s", answer.Code, answer.Body)
	}
}

// TestFlags: a flag that is neither true nor false is refused. "deprovision=yes" must not leave people's accounts open.
func TestFlags(t *testing.T) {
	s := newServer(t)
	status, raw := s.admin("DELETE", "/propagation/rules/00000000-0000-4000-8000-000000000000?deprovision=yes", "")
	if status != http.StatusBadRequest || !strings.Contains(raw, "deprovision must be true or false") {
		t.Errorf("%d %s", status, raw)
	}
}
