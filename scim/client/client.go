// Package client makes SCIM requests. It paces and bounds them and classifies what goes wrong below SCIM: names, networks,
// time, bodies that are not what they say. What a target's own errors mean is its connector's business.
//
// It never retries and never logs, and no fault of it carries the token, the address that was asked, or a body.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"lockstep/internal/secret"
)

const (
	maxBody    = 1 << 20  // one resource, or an error
	maxList    = 64 << 20 // a page of 1,000 groups with their members is large
	maxRetryIn = 24 * time.Hour
)

// Client calls one SCIM server.
type Client struct {
	Base  *url.URL // with a trailing slash
	Token secret.Text
	HTTP  *http.Client
	Pace  func(ctx context.Context, budgets ...string) error
	Now   func() time.Time

	// ClientID with Token is sent by HTTP Basic instead of Token as a bearer token: an OAuth client's own credentials (RFC 6749 §2.3.1).
	ClientID string
}

// Request is one request. Path is relative to the base.
type Request struct {
	Method  string
	Path    string
	Query   url.Values
	Body    any        // marshalled as JSON; nil = none
	Form    url.Values // instead of Body: sent as a form
	Budgets []string
	List    bool // the answer is a list, and may be large
}

// Response is an answer of any status.
type Response struct {
	Status     int
	Header     http.Header
	Body       []byte // JSON, or empty
	RetryAfter time.Duration
}

// Do makes a request. Its error is a *provision.Fault, or the error of Pace as it is.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	// The transport sends again, by itself, only what it knows not to have reached the server; so what was not sent by its
	// account was not carried out.
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	request, err := c.request(traced, r)
	if err != nil {
		return nil, err
	}
	if err := c.Pace(ctx, r.Budgets...); err != nil {
		return nil, err
	}
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return nil, transportFault(ctx, err, writes(r.Method) && sent.Load())
	}
	defer func() { _ = answer.Body.Close() }()
	limit := int64(maxBody)
	if r.List {
		limit = maxList
	}
	body, err := readAll(answer, limit+1)
	out := &Response{Status: answer.StatusCode, Header: answer.Header, Body: bytes.TrimSpace(body), RetryAfter: c.retryAfter(answer.Header)}
	switch {
	case answer.StatusCode == http.StatusUnauthorized && (err != nil || unfinished(out.Body)):
		out.Body = nil // the status says all there is: with these credentials no other call may be tried
		return out, nil
	case err != nil:
		return nil, brokenOff(ctx, err, r.Method, out)
	case int64(len(body)) > limit:
		return nil, bodyFault("answer_too_large", "the answer is larger than any that is expected here", r.Method, out)
	case len(out.Body) == 0 || valid(out.Body):
		return out, nil
	case answer.StatusCode == http.StatusTooManyRequests:
		out.Body = nil // a proxy's page: the status and Retry-After say all there is
		return out, nil
	case unfinished(out.Body):
		return nil, bodyFault("truncated_answer", "the answer broke off before its end", r.Method, out)
	default:
		return nil, bodyFault("not_json", "the answer is not JSON (a proxy's or a maintenance page?)", r.Method, out)
	}
}

// readAll reads at most limit bytes of an answer, into as much memory as it says that it is long.
func readAll(answer *http.Response, limit int64) ([]byte, error) {
	var into bytes.Buffer
	if n := min(answer.ContentLength, limit, 8<<20); n > 0 { // a header may say anything
		into.Grow(int(n) + bytes.MinRead)
	}
	_, err := into.ReadFrom(io.LimitReader(answer.Body, limit))
	return into.Bytes(), err
}

// valid is json.Valid at twice its speed (docs/decisions/0031).
func valid(body []byte) bool {
	return jsontext.Value(body).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// unfinished reports whether a body begins like JSON and is none.
func unfinished(body []byte) bool {
	return len(body) > 0 && (body[0] == '{' || body[0] == '[') && !valid(body)
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	at := c.Base.JoinPath(r.Path)
	at.RawQuery = r.Query.Encode()
	var body io.Reader
	media := "application/json"
	switch {
	case r.Form != nil:
		media, body = "application/x-www-form-urlencoded", strings.NewReader(r.Form.Encode())
	case r.Body != nil:
		raw, err := json.Marshal(r.Body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, at.String(), body)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token.Reveal())
	if c.ClientID != "" {
		request.SetBasicAuth(url.QueryEscape(c.ClientID), url.QueryEscape(c.Token.Reveal()))
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "Lockstep")
	if body != nil {
		request.Header.Set("Content-Type", media)
	}
	return request, nil
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3). Nobody is believed to mean more than a day.
func (c *Client) retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryIn/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	return min(max(at.Sub(now()), 0), maxRetryIn)
}

func writes(method string) bool { return method != http.MethodGet && method != http.MethodHead }
