package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"strings"
	"syscall"
	"time"

	sandbox "lockstep/sandbox/slack"
)

// network carries the requests of one process to the workspace, and spoils them. There are no sockets: the workspace's handler
// is called where a server would call it.
type network struct {
	w    *world
	life *life
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	class := classOf(r)
	key := fmt.Sprintf("%s %s?%s %s", r.Method, r.URL.Path, r.URL.RawQuery, body)
	n.w.turn("call")
	if n.life.isDead() {
		return nil, errReset
	}
	crash := n.life.countCall()
	if crash == "before" {
		n.w.trace("call: the process dies before %s %s", class, r.URL.Path)
		n.life.crash()
		return nil, errReset
	}
	n.w.called(n.life, class, r.URL.Path, key)
	mishap := n.w.mishap(class)
	if mishap == "refused connection" {
		n.w.trace("%s %s: %s", class, r.URL.Path, mishap)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if t := httptrace.ContextClientTrace(r.Context()); t != nil && t.WroteHeaders != nil {
		t.WroteHeaders()
	}
	if crash == "flying" {
		n.w.trace("call: the process dies while %s %s is on its way", class, r.URL.Path)
		n.life.crash()
	}
	way := n.w.delay(time.Millisecond, 80*time.Millisecond, "there", key)
	if !n.life.fly(r.Context(), way) {
		if crash != "flying" && n.w.hash("arrives", key)%2 == 0 {
			return nil, contextOr(r.Context(), errReset)
		}
		n.w.rest(way) // what is on its way arrives, though nobody waits for an answer
	}
	answer, err := n.answer(r, body, class, mishap)
	if crash == "after" {
		n.w.trace("call: the process dies when %s %s was done", class, r.URL.Path)
		n.life.crash()
	}
	if err != nil {
		return nil, err
	}
	if !n.life.fly(r.Context(), n.w.delay(time.Millisecond, 80*time.Millisecond, "back", key)) {
		return nil, contextOr(r.Context(), errReset)
	}
	n.w.answered(n.life, class, r.URL.Path, answer)
	return answer, nil
}

func contextOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func classOf(r *http.Request) string {
	switch {
	case strings.HasSuffix(r.URL.Path, "/ServiceProviderConfig"):
		return "CONFIG"
	case strings.HasSuffix(r.URL.Path, "/auth.test"): // a question, whatever its method is
		return "TEST"
	case r.Method != http.MethodGet:
		return r.Method
	case !strings.HasSuffix(r.URL.Path, "/Users"):
		return "GET"
	case r.URL.Query().Get("filter") != "":
		return "FIND"
	default:
		return "LIST"
	}
}

// answer lets the workspace answer, or something else in its place.
func (n *network) answer(r *http.Request, body []byte, class, mishap string) (*http.Response, error) {
	if early, err := n.early(r, mishap); early != nil || err != nil {
		n.w.trace("%s %s: %s", class, r.URL.Path, mishap)
		return early, err
	}
	response := n.w.serve(r, body, class, mishap)
	switch mishap {
	case "lost after":
		return nil, errReset
	case "hang after":
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "500 after":
		return made(r, 500, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"database_query_failure","status":500}`), nil
	case "truncated after":
		raw, _ := io.ReadAll(response.Body)
		return made(r, response.StatusCode, string(raw[:len(raw)*2/3])), nil
	case "page after":
		return made(r, 200, "<!doctype html><title>Maintenance</title>"), nil
	case "empty after":
		return made(r, response.StatusCode, ""), nil
	case "slow":
		raw, _ := io.ReadAll(response.Body)
		response.Body = &slowBody{ctx: r.Context(), life: n.life, left: raw}
	case "row missing", "row twice", "total wrong":
		return drifted(r, response, mishap), nil
	}
	return response, nil
}

// early are the mishaps before the workspace sees the request.
func (n *network) early(r *http.Request, mishap string) (*http.Response, error) {
	switch mishap {
	case "lost before":
		return nil, errReset
	case "hang before":
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "429":
		return made(r, 429, `{"detail":"too_many_requests","status":429}`), nil
	case "429 wait":
		return waiting(made(r, 429, `{"detail":"too_many_requests","status":429}`), 25), nil
	case "429 page":
		return waiting(made(r, 429, "<html>slow down</html>"), 5), nil
	case "locked":
		return waiting(made(r, 429, `{"detail":"resource_locked","status":429}`), 1), nil
	case "500":
		return made(r, 500, `{"detail":"database_query_failure","status":500}`), nil
	case "no such user 500":
		return made(r, 500, `{"detail":"no_such_user","status":500}`), nil
	case "502 page":
		return made(r, 502, "<html>Bad Gateway</html>"), nil
	case "503 wait":
		return waiting(made(r, 503, `{"detail":"service_unavailable","status":503}`), 20), nil
	case "404 page":
		return made(r, 404, `{"message":"no route"}`), nil
	case "401":
		return made(r, 401, `{"Errors":{"description":"invalid_authentication","code":401}}`), nil
	}
	return nil, nil
}

func made(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func waiting(r *http.Response, seconds int) *http.Response {
	r.Header.Set("Retry-After", strconv.Itoa(seconds))
	return r
}

// drifted spoils a page of a list as a set that changes while it is read does.
func drifted(r *http.Request, response *http.Response, mishap string) *http.Response {
	raw, _ := io.ReadAll(response.Body)
	var list map[string]any
	if json.Unmarshal(raw, &list) != nil || list["Resources"] == nil {
		return made(r, response.StatusCode, string(raw))
	}
	rows, _ := list["Resources"].([]any)
	switch {
	case len(rows) == 0:
	case mishap == "row missing":
		list["Resources"] = rows[1:]
	case mishap == "row twice":
		list["Resources"] = append(rows, rows[0])
	case mishap == "total wrong":
		total, _ := list["totalResults"].(float64)
		list["totalResults"] = total + 1
	}
	spoilt, _ := json.Marshal(list)
	return made(r, response.StatusCode, string(spoilt))
}

// slowBody comes in two halves with half a minute at most between them.
type slowBody struct {
	ctx    context.Context
	life   *life
	left   []byte
	waited bool
}

func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.left[:(len(b.left)+1)/2])
	if !b.waited {
		b.waited = true
		b.left = b.left[n:]
		return n, nil
	}
	if !b.life.fly(b.ctx, 8*time.Second) {
		return 0, contextOr(b.ctx, errReset)
	}
	n = copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func (b *slowBody) Close() error { return nil }

// serve hands a request to the workspace and looks at what it did.
func (w *world) serve(r *http.Request, body []byte, class, mishap string) *http.Response {
	inner := r.Clone(context.WithoutCancel(r.Context()))
	inner.Body = io.NopCloser(bytes.NewReader(body))
	inner.RequestURI = r.URL.RequestURI()
	if q := inner.URL.Query(); class == "LIST" || class == "FIND" {
		if count, _ := strconv.Atoi(q.Get("count")); count > w.s.Target.Page {
			q.Set("count", strconv.Itoa(w.s.Target.Page))
			inner.URL.RawQuery = q.Encode()
		}
	}
	before := w.byID()
	recorder := httptest.NewRecorder()
	w.workspace.ServeHTTP(recorder, inner)
	response := recorder.Result()
	response.Request = r
	note := ""
	if mishap != "" {
		note = " (" + mishap + ")"
	}
	if class != "CONFIG" {
		w.trace("%s %s %s -> %d%s", class, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], summary(r, body), response.StatusCode, note)
	}
	if response.StatusCode < 300 && r.Method != http.MethodGet {
		w.written(r, before, w.byID())
	}
	if response.StatusCode == http.StatusTooManyRequests {
		w.mu.Lock()
		w.refused++
		w.mu.Unlock()
	}
	return response
}

func summary(r *http.Request, body []byte) string {
	if f := r.URL.Query().Get("filter"); f != "" {
		return f
	}
	var create struct {
		Emails []struct {
			Value string `json:"value"`
		} `json:"emails"`
		Operations []struct {
			Path  string `json:"path"`
			Value any    `json:"value"`
		} `json:"Operations"`
	}
	if json.Unmarshal(body, &create) != nil {
		return ""
	}
	var out []string
	for _, e := range create.Emails {
		out = append(out, e.Value)
	}
	for _, o := range create.Operations {
		out = append(out, fmt.Sprintf("%s=%v", o.Path, o.Value))
	}
	return strings.Join(out, " ")
}

func (w *world) byID() map[string]sandbox.Member {
	out := map[string]sandbox.Member{}
	for _, m := range w.workspace.Members() {
		out[m.ID] = m
	}
	return out
}
