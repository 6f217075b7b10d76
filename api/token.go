package api

import (
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// TokenRequest is the form that asks for an access token.
type TokenRequest struct {
	GrantType    string `json:"grant_type" enum:"client_credentials"`
	ClientID     string `json:"client_id,omitempty" doc:"Unless it comes by HTTP Basic."`
	ClientSecret string `json:"client_secret,omitempty" doc:"Unless it comes by HTTP Basic."`
}

// Token is an access token.
type Token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type" enum:"Bearer"`
	ExpiresIn   int    `json:"expires_in" doc:"Seconds."`
}

// OAuthError is OAuth's error shape (RFC 6749 §5.2).
type OAuthError struct {
	Error       string `json:"error" enum:"invalid_request,invalid_client,unsupported_grant_type"`
	Description string `json:"error_description"`
}

// token is OAuth 2's token endpoint, for client credentials (RFC 6749 §4.4).
func (s *server) token(w http.ResponseWriter, r *http.Request) {
	env := r.PathValue("environmentID")
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_request", "the body must be form-encoded")
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
	case "":
		oauthError(w, http.StatusBadRequest, "invalid_request", "grant_type is missing; send a form with grant_type=client_credentials")
		return
	default:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
		return
	}
	id, password, basic := r.BasicAuth()
	if basic { // RFC 6749 §2.3.1: both are form-encoded inside of Basic
		id, password = unescape(id), unescape(password)
	} else {
		id, password = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if uuid.Validate(id) != nil {
		id = "" // no client has it, and the throttle must not remember whatever somebody sends
	}
	key := source(r) + "|" + id
	if s.tokens.wait(key) > 0 {
		w.Header().Set("Retry-After", "1")
		oauthError(w, http.StatusTooManyRequests, "invalid_client", "too many attempts failed; wait a moment")
		return
	}
	if uuid.Validate(env) != nil {
		s.refuse(w, key)
		return
	}
	client, err := s.Access.Authenticate(r.Context(), env, id, secret.New(password))
	if problem.Is(err, problem.Unauthorized) {
		s.refuse(w, key)
		return
	}
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	s.tokens.succeeded(key)
	token, life, err := s.Access.Issue(r.Context(), client)
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, Token{AccessToken: token.Reveal(), TokenType: "Bearer", ExpiresIn: int(life.Seconds())})
}

func unescape(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

func (s *server) refuse(w http.ResponseWriter, key string) {
	s.tokens.failed(key)
	w.Header().Set("WWW-Authenticate", `Basic realm="lockstep"`)
	oauthError(w, http.StatusUnauthorized, "invalid_client", "the client id or secret is wrong")
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, OAuthError{Error: code, Description: description})
}

// source is where a request came from, for counting failures: an address, or of IPv6 the network that a customer is given, who has all of its
// addresses.
func source(r *http.Request) string {
	text := host(r)
	address, err := netip.ParseAddr(text)
	if err != nil || address.Unmap().Is4() {
		return text
	}
	network, err := address.WithZone("").Prefix(64)
	if err != nil {
		return text
	}
	return network.String()
}

// throttle slows down whoever guesses: after ten failures in a row, one attempt a second.
type throttle struct {
	mu       sync.Mutex
	failures map[string]*failures
}

type failures struct {
	count int
	last  time.Time
}

const (
	freeFailures  = 10
	failureMemory = 5 * time.Minute
	maxKeys       = 10_000
)

func newThrottle() *throttle { return &throttle{failures: map[string]*failures{}} }

func (t *throttle) wait(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.failures[key]
	if f == nil || f.count < freeFailures {
		return 0
	}
	return time.Until(f.last.Add(time.Second))
}

func (t *throttle) succeeded(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failures, key)
}

func (t *throttle) failed(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) >= maxKeys {
		clear(t.failures)
	}
	f := t.failures[key]
	if f == nil || time.Since(f.last) > failureMemory {
		f = &failures{}
		t.failures[key] = f
	}
	f.count++
	f.last = time.Now()
}
