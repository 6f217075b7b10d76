package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

// Play plays the conversations that match the pattern: what a vendor is known to say, and what a target has to make of it. open
// makes a target of the server at a URL.
//
// A conversation is a txtar file. Its comment says what it shows and where that is known from. Then, as often as needed:
//
//	-- call --      what the target is asked, as JSON (see call)
//	-- request --   method and path with the query as people read it, then the body
//	-- response --  status, headers, an empty line, the body as it is
//	-- answer --    what the target answers: {"remote": …}, {"remotes": […]}, {"checks": […]}, {"fault": …}
//
// Requests have to come in order, every one, and no other. Bodies are compared as JSON, forms as an object of their fields. Of faults and checks only what the file
// names is compared.
func Play(t *testing.T, pattern string, open func(t *testing.T, url string) connector.Target) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no conversations at %s (%v)", pattern, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(archive.Comment), "Source:") {
				t.Error("it does not say where this is known from")
			}
			s := &script{t: t}
			server := httptest.NewServer(s)
			t.Cleanup(server.Close)
			s.play(archive.Files, open(t, server.URL))
		})
	}
}

// call is what a target is asked: one of the first five.
type call struct {
	Do    provision.Verb `json:"do"`
	Get   string         `json:"get"`
	Find  string         `json:"find"`
	List  bool           `json:"list"`
	Check bool           `json:"check"`

	RemoteID   string               `json:"remoteId"`
	Attributes provision.Attributes `json:"attributes"`
	Clear      []string             `json:"clear"`
	Known      *provision.Remote    `json:"known"`

	// Kind is USER where it is left out. Of a group, the answer has "members" beside "remote".
	Kind    directory.Kind          `json:"kind"`
	Members *provision.MemberChange `json:"members"`
}

// script is a server that expects one request after the other.
type script struct {
	t *testing.T

	mu        sync.Mutex
	exchanges [][2]string // request, response
}

func (s *script) play(files []txtar.File, target connector.Target) {
	for len(files) > 0 {
		if files[0].Name != "call" {
			s.t.Fatalf("%q where a call is expected", files[0].Name)
		}
		asked := files[0].Data
		files = files[1:]
		for len(files) > 1 && files[0].Name == "request" && files[1].Name == "response" {
			s.exchanges = append(s.exchanges, [2]string{string(files[0].Data), string(files[1].Data)})
			files = files[2:]
		}
		if len(files) == 0 || files[0].Name != "answer" {
			s.t.Fatal("a call without an answer")
		}
		s.ask(target, asked, files[0].Data)
		files = files[1:]
		s.mu.Lock()
		for _, left := range s.exchanges {
			s.t.Errorf("never asked:\n%s", left[0])
		}
		s.exchanges = nil
		s.mu.Unlock()
	}
}

func (s *script) ask(target connector.Target, asked, wanted []byte) {
	var c call
	var want map[string]any
	c.Kind = directory.KindUser
	read(s.t, asked, &c)
	read(s.t, wanted, &want)
	value, err := c.make(s.t.Context(), target)
	got := map[string]any{}
	if f, ok := errors.AsType[*provision.Fault](err); ok {
		got["fault"] = part(plainly(s.t, f), want["fault"])
	} else if err != nil {
		s.t.Fatalf("%v is not a fault", err)
	}
	switch v := value.(type) {
	case *provision.Remote:
		if v != nil {
			got["remote"] = plainly(s.t, v)
			if c.Kind == directory.KindGroup {
				got["members"] = append([]any{}, plainly(s.t, append([]string{}, v.Members...)).([]any)...) //nolint:forcetypeassert // a list
			}
		}
	case []provision.Remote:
		if err == nil {
			got["remotes"] = append([]any{}, plainly(s.t, v).([]any)...) //nolint:forcetypeassert // a list
		}
	case []provision.Check:
		got["checks"] = part(plainly(s.t, v), want["checks"])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s\nthe answer is another (- wanted, + got):\n%s", asked, diff)
	}
}

func (c *call) make(ctx context.Context, target connector.Target) (any, error) {
	switch {
	case c.Get != "":
		return target.Get(ctx, c.Kind, c.Get)
	case c.Find != "":
		return target.Find(ctx, c.Kind, c.Find)
	case c.List:
		rows := []provision.Remote{}
		err := target.(connector.Lister).List(ctx, c.Kind, func(page []provision.Remote, _ int) error { //nolint:forcetypeassert // the file says so
			rows = append(rows, page...)
			return nil
		})
		return rows, err
	case c.Check:
		return target.(connector.Checker).Check(ctx), nil //nolint:forcetypeassert // the file says so
	default:
		return target.Do(ctx, connector.Call{
			Verb: c.Do, Kind: c.Kind, RemoteID: c.RemoteID, Attributes: c.Attributes, Clear: c.Clear, Known: c.Known, Members: c.Members,
		})
	}
}

// ServeHTTP implements http.Handler.
func (s *script) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	line := r.Method + " " + r.URL.Path
	if query, err := url.QueryUnescape(r.URL.RawQuery); err == nil && query != "" {
		line += "?" + query
	}
	if len(s.exchanges) == 0 {
		s.t.Errorf("not expected: %s\n%s", line, raw)
		http.Error(rw, `{"detail":"not_expected"}`, http.StatusTeapot)
		return
	}
	wantLine, wantBody, _ := strings.Cut(s.exchanges[0][0], "\n")
	response := s.exchanges[0][1]
	s.exchanges = s.exchanges[1:]
	if line != wantLine {
		s.t.Errorf("wanted %s\ngot    %s", wantLine, line)
	}
	var want, got any
	if strings.TrimSpace(wantBody) != "" {
		read(s.t, []byte(wantBody), &want)
	}
	switch {
	case len(raw) == 0:
	case r.Header.Get("Content-Type") == "application/x-www-form-urlencoded":
		got = fields(s.t, raw)
	default:
		read(s.t, raw, &got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s: another body (- wanted, + got):\n%s", line, diff)
	}
	respond(rw, response)
}

// fields is a form as an object.
func fields(t *testing.T, raw []byte) any {
	t.Helper()
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		t.Error(err)
	}
	out := map[string]any{}
	for name := range form {
		out[name] = form.Get(name)
	}
	return out
}

// respond writes a response: status, headers, an empty line, the body.
func respond(rw http.ResponseWriter, response string) {
	head, body, _ := strings.Cut(response, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	status, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		status = http.StatusTeapot
	}
	rw.Header().Set("Content-Type", "application/json;charset=utf-8")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		rw.Header().Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, strings.TrimSuffix(body, "\n"))
}

func read(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Errorf("%v in\n%s", err, raw)
	}
}

// plainly is a value as its JSON says.
func plainly(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	read(t, raw, &out)
	return out
}

// part leaves of what was got only what is wanted, so that a file need not repeat every sentence.
func part(got, wanted any) any {
	switch w := wanted.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return got
		}
		out := map[string]any{}
		for name, v := range w {
			if have, ok := g[name]; ok {
				out[name] = part(have, v)
			} else if v == nil || v == "" || v == false {
				out[name] = v // left out of the JSON
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return got
		}
		out := make([]any, len(g))
		for i := range g {
			out[i] = part(g[i], w[i])
		}
		return out
	case string:
		// "…" at the end: how it begins is enough.
		if begin, open := strings.CutSuffix(w, "…"); open && strings.HasPrefix(fmt.Sprint(got), begin) {
			return w
		}
	}
	return got
}
