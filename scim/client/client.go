// Package client makes SCIM requests. It paces and bounds them and classifies what goes wrong below SCIM: names, networks,
// time, bodies that are not what they say. What a target's own errors mean is its connector's business.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
)

const maxBody = 64 << 20 // a page of 1,000 groups with their members is large

// Client calls one SCIM server.
type Client struct {
	Base  *url.URL // with a trailing slash
	Token secret.Text
	HTTP  *http.Client
	Pace  func(ctx context.Context, budgets ...string) error
	Now   func() time.Time
}

// Request is one request. Path is relative to the base.
type Request struct {
	Method  string
	Path    string
	Query   url.Values
	Body    any // marshalled as JSON; nil = none
	Budgets []string
}

// Response is an answer of any status.
type Response struct {
	Status     int
	Header     http.Header
	Body       []byte // JSON, or empty
	RetryAfter time.Duration
}

// Do makes a request. Its error is a *provision.Fault, or the error of Pace or ctx as it is.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	request, err := c.request(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := c.Pace(ctx, r.Budgets...); err != nil {
		return nil, err
	}
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return nil, transportFault(ctx, err, r.Method)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	out := &Response{Status: answer.StatusCode, Header: answer.Header, Body: bytes.TrimSpace(body), RetryAfter: c.retryAfter(answer.Header)}
	switch {
	case err != nil || len(body) > maxBody:
		return nil, bodyFault("truncated_answer", "the answer broke off before its end", r.Method, answer.StatusCode)
	case len(out.Body) > 0 && !json.Valid(out.Body):
		if answer.StatusCode == http.StatusTooManyRequests {
			out.Body = nil
			return out, nil
		}
		return nil, bodyFault("not_json", "the answer is not JSON (a proxy's or a maintenance page?)", r.Method, answer.StatusCode)
	}
	return out, nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	at := c.Base.JoinPath(r.Path)
	at.RawQuery = r.Query.Encode()
	var body io.Reader
	if r.Body != nil {
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
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "Lockstep")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// retryAfter reads seconds or a date.
func (c *Client) retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return min(time.Duration(seconds)*time.Second, 24*time.Hour)
	}
	if at, err := http.ParseTime(value); err == nil {
		now := time.Now
		if c.Now != nil {
			now = c.Now
		}
		return max(at.Sub(now()), 0)
	}
	return 0
}

func writes(method string) bool { return method != http.MethodGet }

// bodyFault is a body that cannot be read. With an error status nothing was done; otherwise the call may have taken effect.
func bodyFault(code, message, method string, status int) error {
	return &provision.Fault{
		Kind: provision.Transient, Code: code, Message: message, HTTPStatus: status, Unanswered: writes(method),
		Hint: "it is tried again by itself; if it stays, check the base URL and what stands between",
	}
}

func transportFault(ctx context.Context, err error, method string) error {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var plain tls.RecordHeaderError
	fault := &provision.Fault{Kind: provision.Transient, Code: "unreachable", Message: "the target cannot be reached"}
	switch {
	case errors.Is(err, outbound.ErrPrivateAddress):
		return &provision.Fault{
			Kind: provision.Halted, Code: "private_address", Message: "the base URL leads to a private or local address",
			Hint: "correct the base URL, or start the server with --allow-private-targets if that is meant",
		}
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		fault.Code, fault.Message, fault.Unanswered = "cancelled", "the call was given up", writes(method)
	case errors.As(err, &dns):
		fault.Code, fault.Message, fault.Hint = "dns", "the name of the target's host cannot be resolved", "check the base URL and the server's DNS"
	case errors.As(err, &certificate) || errors.As(err, &unknown):
		fault.Kind, fault.Code, fault.Message = provision.Halted, "tls", "the target's certificate is not trusted"
		fault.Hint = "check the base URL, and the certificate authorities of this machine"
	case errors.As(err, &plain):
		fault.Kind, fault.Code, fault.Message, fault.Hint = provision.Halted, "tls", "the target does not speak TLS at this address", "check the base URL"
	case errors.Is(err, syscall.ECONNREFUSED):
		fault.Hint = "check the base URL, and whether the target is up"
	case isTimeout(err):
		fault.Code, fault.Message, fault.Unanswered = "timeout", "the target did not answer in time", writes(method)
	case strings.Contains(err.Error(), "redirects to another address"):
		fault.Kind, fault.Code, fault.Message, fault.Hint = provision.Halted, "redirect", "the target redirects elsewhere", "enter the final address as base URL"
	default:
		fault.Code, fault.Message, fault.Unanswered = "connection_lost", "the connection broke before an answer came", writes(method)
	}
	return fault
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
