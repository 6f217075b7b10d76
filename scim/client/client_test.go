package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/scim/client"
)

const token = "xoxp-marker-token"

func at(t *testing.T, base string) *client.Client {
	t.Helper()
	u, err := url.Parse(base + "/scim/")
	if err != nil {
		t.Fatal(err)
	}
	return &client.Client{
		Base: u, Token: secret.New(token), HTTP: outbound.Client(true, 200*time.Millisecond),
		Pace: func(ctx context.Context, _ ...string) error { return ctx.Err() },
	}
}

func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return at(t, server.URL)
}

func hijack(rw http.ResponseWriter) {
	if c, _, err := rw.(http.Hijacker).Hijack(); err == nil { //nolint:forcetypeassert // the server's own
		_ = c.Close()
	}
}

// hang answers nothing. The server notices that the client has gone only once it has read the body.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// fault makes a request and answers how it was classified. No fault may carry the token or a body.
func fault(t *testing.T, c *client.Client, r client.Request) *provision.Fault {
	t.Helper()
	_, err := c.Do(t.Context(), r)
	f, ok := errors.AsType[*provision.Fault](err)
	if !ok {
		t.Fatalf("not a fault: %v", err)
	}
	if f.Code == "" || f.Message == "" {
		t.Errorf("it says nothing: %+v", f)
	}
	if said := fmt.Sprintf("%v %+v %#v", f, f, f); strings.Contains(said, "marker") || strings.Contains(said, "<html") || strings.Contains(said, "127.0.0.1") {
		t.Errorf("it says too much: %s", said)
	}
	return f
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	page := `<html>marker</html>`
	for name, test := range map[string]struct {
		method     string
		status     int
		body       string
		retryAfter string
		code       string
		unanswered bool
	}{
		"a page instead of a list":          {method: "GET", status: 200, body: page, code: "not_json"},
		"a page after a write":              {method: "POST", status: 200, body: page, code: "not_json", unanswered: true},
		"a page, and when to come back":     {method: "PATCH", status: 503, body: page, retryAfter: "7", code: "not_json", unanswered: true},
		"a page that refuses a write":       {method: "POST", status: 403, body: page, code: "not_json"},
		"half an object":                    {method: "POST", status: 201, body: `{"id":"mar`, code: "truncated_answer", unanswered: true},
		"half a list":                       {method: "GET", status: 200, body: `[{"id":"mar`, code: "truncated_answer"},
		"more than a resource can be large": {method: "GET", status: 200, body: `"` + strings.Repeat("x", 1<<20) + `"`, code: "answer_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
				if test.retryAfter != "" {
					rw.Header().Set("Retry-After", test.retryAfter)
				}
				rw.WriteHeader(test.status)
				_, _ = rw.Write([]byte(test.body))
			})
			f := fault(t, c, client.Request{Method: test.method, Path: "Users"})
			if f.Kind != provision.Transient || f.Code != test.code || f.Unanswered != test.unanswered || f.HTTPStatus != test.status {
				t.Errorf("%+v", f)
			}
			if (f.RetryAfter == 7*time.Second) != (test.retryAfter != "") {
				t.Errorf("retry after %s", f.RetryAfter)
			}
		})
	}
}

// TestHalfARefusal: that the credentials are refused is known from the status, however little of the rest arrives.
func TestHalfARefusal(t *testing.T) {
	for name, length := range map[string]string{"half of it": "10", "less than was promised": "50"} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Length", length)
				rw.WriteHeader(http.StatusUnauthorized)
				_, _ = rw.Write([]byte(`{"Errors":`))
			})
			if r, err := c.Do(t.Context(), client.Request{Method: "PATCH", Path: "Users/U1"}); err != nil || r.Status != http.StatusUnauthorized || r.Body != nil {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
}

func TestListsMayBeLarge(t *testing.T) {
	c := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte(`"` + strings.Repeat("x", 2<<20) + `"`))
	})
	if _, err := c.Do(t.Context(), client.Request{Method: "GET", Path: "Users", List: true}); err != nil {
		t.Error(err)
	}
}

// TestSentOrNot: only a write that may have reached the target has to be looked up afterwards.
func TestSentOrNot(t *testing.T) {
	broken := serve(t, func(rw http.ResponseWriter, _ *http.Request) { hijack(rw) })
	silent := serve(t, hang)
	half := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "100")
		_, _ = rw.Write([]byte(`{"id":`))
		hijack(rw)
	})
	plain := strings.Replace(broken.Base.String(), "http://", "https://", 1)
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	nameless := at(t, "https://slack.invalid")
	nameless.HTTP = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "slack.invalid", IsNotFound: true}}
	}}}
	private := at(t, broken.Base.String())
	private.HTTP = outbound.Client(false, time.Second)
	elsewhere := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, tls.URL, http.StatusTemporaryRedirect)
	})
	for name, test := range map[string]struct {
		client     *client.Client
		kind       provision.FaultKind
		code       string
		unanswered bool
	}{
		"the connection breaks":   {broken, provision.Transient, "connection_lost", true},
		"no answer in time":       {silent, provision.Transient, "timeout", true},
		"half an answer":          {half, provision.Transient, "truncated_answer", true},
		"nobody listens":          {at(t, "http://"+listener.Addr().String()), provision.Transient, "unreachable", false},
		"no such name":            {nameless, provision.Transient, "dns", false},
		"an unknown certificate":  {at(t, tls.URL), provision.Halted, "tls", false},
		"TLS where there is none": {at(t, strings.TrimSuffix(plain, "/scim/")), provision.Halted, "tls", false},
		"a private address":       {private, provision.Halted, "private_address", false},
		"a redirect to elsewhere": {elsewhere, provision.Halted, "redirect", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault(t, test.client, client.Request{Method: "POST", Path: "Users", Body: map[string]any{"userName": "anna"}})
			if f.Kind != test.kind || f.Code != test.code || f.Unanswered != test.unanswered {
				t.Errorf("%+v", f)
			}
			if f.Kind == provision.Halted && f.Hint == "" {
				t.Error("it does not say what to do")
			}
			if f := fault(t, test.client, client.Request{Method: "GET", Path: "Users"}); f.Unanswered {
				t.Errorf("a GET changes nothing: %+v", f)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		cancel()
		hang(rw, r)
	})
	_, err := c.Do(ctx, client.Request{Method: "POST", Path: "Users"})
	if f, ok := errors.AsType[*provision.Fault](err); !ok || f.Code != "cancelled" || !f.Unanswered {
		t.Errorf("%v", err)
	}
}

func TestPace(t *testing.T) {
	asked := 0
	c := serve(t, func(http.ResponseWriter, *http.Request) { asked++ })
	var spent []string
	stop := errors.New("stop")
	c.Pace = func(_ context.Context, budgets ...string) error {
		spent = budgets
		return stop
	}
	_, err := c.Do(t.Context(), client.Request{Method: "GET", Path: "Users", Budgets: []string{"read", "list"}})
	if !errors.Is(err, stop) || asked != 0 || strings.Join(spent, " ") != "read list" {
		t.Errorf("%v, %d requests, %v", err, asked, spent)
	}
}

func TestRequest(t *testing.T) {
	var seen *http.Request
	c := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		seen = r
		rw.WriteHeader(http.StatusNoContent)
	})
	answer, err := c.Do(t.Context(), client.Request{Method: "PATCH", Path: "Users/U1", Query: url.Values{"filter": {`a eq "b+c&d"`}}, Body: map[string]any{}})
	if err != nil || answer.Status != http.StatusNoContent || len(answer.Body) != 0 {
		t.Fatal(answer, err)
	}
	if seen.URL.Path != "/scim/Users/U1" || seen.URL.Query().Get("filter") != `a eq "b+c&d"` || seen.Header.Get("Authorization") != "Bearer "+token ||
		seen.Header.Get("Content-Type") != "application/json" || seen.Header.Get("Accept") != "application/json" {
		t.Errorf("%s %v", seen.URL, seen.Header)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "30": 30 * time.Second, "\t5": 5 * time.Second, "-1": 0, "soon": 0, "99999999999999": 24 * time.Hour,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
		now.AddDate(1, 0, 0).Format(http.TimeFormat): 24 * time.Hour,
	} {
		c := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Retry-After", value)
			rw.WriteHeader(http.StatusTooManyRequests)
			_, _ = rw.Write([]byte("<html>slow down</html>"))
		})
		c.Now = func() time.Time { return now }
		answer, err := c.Do(t.Context(), client.Request{Method: "GET", Path: "Users"})
		if err != nil || answer.RetryAfter != want || len(answer.Body) != 0 {
			t.Errorf("%q: %v %v", value, answer, err)
		}
	}
}
