package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	page   = `<!doctype html><meta name="nonce" content="__CSP_NONCE__"><script src="/console/assets/a-1.js"></script>`
	script = "console.log('a script of some length, a script of some length')"
)

func built(t *testing.T) http.Handler {
	t.Helper()
	h, err := newHandler(fstest.MapFS{
		"dist/placeholder.html": {Data: []byte("not built")}, "dist/app/index.html": {Data: []byte(page)}, "dist/app/assets/a-1.js": {Data: []byte(script)},
		"dist/app/icon.svg": {Data: []byte("<svg/>")}, "dist/app/assets/f-1.woff2": {Data: []byte("font")}, "dist/app/assets/x.unknown-kind": {Data: []byte("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

// TestPage: every path below Base is the page, never kept, and runs nothing but this server's scripts.
func TestPage(t *testing.T) {
	h := built(t)
	nonces := map[string]bool{}
	for _, path := range []string{"/console/", "/console/users/1", "/console/../../etc/passwd", "/console/app/index.html", "/console/index.html"} {
		answer := ask(h, "GET", path)
		policy := answer.Header().Get("Content-Security-Policy")
		found := regexp.MustCompile(`style-src 'self' 'nonce-([A-Za-z0-9+/=]{24})'`).FindStringSubmatch(policy)
		if answer.Code != http.StatusOK || found == nil || answer.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %v", path, answer.Code, answer.Header())
		}
		nonces[found[1]] = true
		if !strings.Contains(answer.Body.String(), `content="`+found[1]+`"`) || strings.Contains(answer.Body.String(), nonceMark) {
			t.Errorf("%s: the page has another nonce: %s", path, answer.Body)
		}
		for _, directive := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, directive) {
				t.Errorf("the policy has no %s: %s", directive, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Error(policy)
		}
	}
	if len(nonces) != 5 {
		t.Error("a nonce was used twice")
	}
}

// TestFiles: what has a hash in its name is kept for ever, the rest is asked for anew; text is compressed for who takes it.
func TestFiles(t *testing.T) {
	h := built(t)
	for path, want := range map[string][2]string{
		"/console/assets/a-1.js":         {"text/javascript", "public, max-age=31536000, immutable"},
		"/console/icon.svg":              {"image/svg+xml", "no-cache"},
		"/console/assets/x.unknown-kind": {"application/octet-stream", "public, max-age=31536000, immutable"},
	} {
		header := ask(h, "GET", path).Header()
		if !strings.HasPrefix(header.Get("Content-Type"), want[0]) || header.Get("Cache-Control") != want[1] || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, header)
		}
	}
	plain := ask(h, "GET", "/console/assets/a-1.js")
	if plain.Body.String() != script || plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v %s", plain.Header(), plain.Body)
	}
	small := ask(h, "GET", "/console/assets/a-1.js", "Accept-Encoding", "gzip, br")
	r, err := gzip.NewReader(bytes.NewReader(small.Body.Bytes()))
	if err != nil || small.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(err, small.Header())
	}
	if raw, err := io.ReadAll(r); err != nil || string(raw) != script {
		t.Errorf("%s %v", raw, err)
	}
	if answer := ask(h, "GET", "/console/assets/f-1.woff2", "Accept-Encoding", "gzip"); answer.Header().Get("Content-Encoding") != "" {
		t.Error("a font was compressed again")
	}
	// A page of the last version asks for its script: a page in its place would be run as one.
	if answer := ask(h, "GET", "/console/assets/a-0.js"); answer.Code != http.StatusNotFound || answer.Header().Get("Cache-Control") != "no-store" {
		t.Error(answer.Code, answer.Header())
	}
}

func TestDoor(t *testing.T) {
	h := built(t)
	if answer := ask(h, "GET", "/"); answer.Code != http.StatusFound || answer.Header().Get("Location") != Base {
		t.Error(answer.Code, answer.Header())
	}
	answer := ask(h, "POST", "/console/")
	if answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("X-Frame-Options") != "DENY" {
		t.Error(answer.Code, answer.Header())
	}
	bare, err := newHandler(fstest.MapFS{"dist/placeholder.html": {Data: []byte("not built")}})
	if err != nil {
		t.Fatal(err)
	}
	answer = ask(bare, "GET", "/console/users")
	if answer.Body.String() != "not built" || !strings.Contains(answer.Header().Get("Content-Security-Policy"), "script-src 'none'") {
		t.Errorf("%v %s", answer.Header(), answer.Body)
	}
	if _, err := New(); err != nil {
		t.Error(err)
	}
}
