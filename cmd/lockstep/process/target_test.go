package process_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sandbox "lockstep/sandbox/slack"
)

const token = "xoxp-process"

// target is a simulated workspace that remembers each call, and can do something in the middle of one.
type target struct {
	*sandbox.Workspace
	url string

	mu    sync.Mutex
	calls []seen
	trap  *trap
	hang  <-chan struct{} // calls are answered when it is closed; nil: at once
}

// seen is one call to Slack's API.
type seen struct {
	at     time.Time
	method string
	path   string
	email  string // of a create
	filter string // of a look-up
	status int
}

// trap is sprung by the n-th call from now, before or after the workspace has carried it out.
type trap struct {
	after  int
	done   bool // after it was carried out
	spring func()
}

func newTarget(t *testing.T, o sandbox.Options) *target {
	t.Helper()
	o.Token = token
	w := &target{Workspace: sandbox.New(o)}
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

func (w *target) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/scim/v2/Users") {
		w.Workspace.ServeHTTP(rw, r)
		return
	}
	call := seen{at: time.Now(), method: r.Method, path: r.URL.Path, filter: r.URL.Query().Get("filter")}
	if r.Method == http.MethodPost {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		var body struct {
			Emails []struct {
				Value string `json:"value"`
			} `json:"emails"`
		}
		if json.Unmarshal(raw, &body) == nil && len(body.Emails) > 0 {
			call.email = body.Emails[0].Value
		}
	}
	sprung := w.step()
	if sprung != nil && !sprung.done {
		sprung.spring()
	}
	answer := httptest.NewRecorder()
	w.Workspace.ServeHTTP(answer, r)
	call.status = answer.Code
	w.mu.Lock()
	w.calls = append(w.calls, call)
	hang := w.hang
	w.mu.Unlock()
	if sprung != nil && sprung.done {
		sprung.spring()
	}
	if hang != nil {
		<-hang
	}
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes())
}

func (w *target) step() *trap {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trap == nil {
		return nil
	}
	if w.trap.after--; w.trap.after > 0 {
		return nil
	}
	sprung := w.trap
	w.trap = nil
	return sprung
}

func (w *target) set(t *trap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trap = t
}

// hold lets all calls, once they are carried out, wait for their answers.
func (w *target) hold(until <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hang = until
}

// since lists the calls from a time on.
func (w *target) since(at time.Time) []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []seen
	for _, c := range w.calls {
		if !c.at.Before(at) {
			out = append(out, c)
		}
	}
	return out
}

// writes counts the calls that changed something.
func (w *target) writes() int {
	n := 0
	for _, c := range w.since(time.Time{}) {
		if c.method != http.MethodGet && c.status < 300 {
			n++
		}
	}
	return n
}
