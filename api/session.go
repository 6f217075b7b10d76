package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// caller is who asks: an API client with a token, or an administrator with a session.
type caller struct {
	environmentID   string
	role            access.Role
	actor           directory.Actor
	administratorID string // "" = an API client
	bound           string // what is begun by them is gone on with by nobody else: a hash of the session, or the client
}

// authenticate answers who asks. A token wins over a cookie.
func (s *server) authenticate(r *http.Request) (caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" { // RFC 9110 §11.1: the scheme is written in any case
			return caller{}, problem.New(problem.Unauthorized, "an access token is needed: POST /{environmentID}/as/token gives one")
		}
		c, err := s.Access.Verify(r.Context(), secret.New(token))
		return caller{c.EnvironmentID, c.Role, directory.Actor{Type: "CLIENT", ID: c.ID, Name: c.Name}, "", "client " + c.ID}, err
	}
	a, err := s.signedOn(r)
	return caller{a.EnvironmentID, a.Role, directory.Actor{Type: "USER", ID: a.ID, Name: a.Username}, a.ID, "session " + mark(s.sessionToken(r))}, err
}

// mark is what stands for a session elsewhere. It opens nothing.
func mark(token secret.Text) string {
	sum := sha256.Sum256([]byte("session mark\x00" + token.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// signedOn answers whose session the request's cookie is. Browsers send cookies along whoever made them ask, so where a request came
// from is checked first.
func (s *server) signedOn(r *http.Request) (access.Administrator, error) {
	token := s.sessionToken(r)
	if token.IsZero() {
		return access.Administrator{}, problem.New(problem.Unauthorized, "an access token is needed: POST /{environmentID}/as/token gives one; people sign in at /console/")
	}
	if err := s.checkOrigin(r); err != nil {
		return access.Administrator{}, err
	}
	return s.Access.VerifySession(r.Context(), token)
}

// trusted protects against requests that another site has a browser make.
func trusted(externalURL string) *http.CrossOriginProtection {
	out := http.NewCrossOriginProtection()
	if u, err := url.Parse(externalURL); err == nil && u.Host != "" {
		// Behind a proxy the Host header may be another than the browser's. An origin has no path.
		_ = out.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	return out
}

func (s *server) checkOrigin(r *http.Request) error {
	if s.origins.Check(r) != nil {
		return problem.New(problem.AccessFailed, "this request was made by a page of another site; nothing was done")
	}
	return nil
}

const (
	cookieName       = "lockstep_session"
	secureCookieName = "__Host-" + cookieName // browsers take it from nobody but this very host, over TLS
)

// secure reports whether browsers reach the server over TLS.
func (s *server) secure(r *http.Request) bool { return strings.HasPrefix(s.origin(r), "https://") }

// sessionToken reads the cookie that setCookie gave. Over TLS no other name will do: a neighbouring host can plant a cookie under a plain one.
func (s *server) sessionToken(r *http.Request) secret.Text {
	name := cookieName
	if s.secure(r) {
		name = secureCookieName
	}
	c, err := r.Cookie(name)
	if err != nil {
		return secret.Text{}
	}
	return secret.New(c.Value)
}

// setCookie gives the browser the session's token; no script can read it, and no other site makes the browser send it.
func (s *server) setCookie(w http.ResponseWriter, r *http.Request, token secret.Text) {
	c := &http.Cookie{Name: cookieName, Value: token.Reveal(), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if s.secure(r) {
		c.Name, c.Secure = secureCookieName, true
	}
	if token.IsZero() {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// sessionRoutes are the ones that nobody needs to be known for: signing in, and the first administrator.
func (s *server) sessionRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/session", s.readSession)
	mux.HandleFunc("POST /v1/session", s.signOn)
	mux.HandleFunc("DELETE /v1/session", s.signOff)
	mux.HandleFunc("POST /v1/setup", s.setUp)
}

// Session is who is signed in, and where.
type Session struct {
	Administrator *SessionAdministrator `json:"administrator,omitempty" doc:"Absent: nobody is signed in."`
	SetupNeeded   bool                  `json:"setupNeeded"`
	Environment   *NamedReference       `json:"environment,omitempty" doc:"The one that they are of."`
	Environments  []SessionEnvironment  `json:"environments,omitempty" doc:"Where they have a role: their own environment first, then the others by name."`
	Version       string                `json:"version,omitempty"`
	APIURL        string                `json:"apiUrl,omitempty"`
}

// SessionAdministrator is the person of a session.
type SessionAdministrator struct {
	ID       string      `json:"id"`
	Username string      `json:"username"`
	Name     string      `json:"name"`
	Role     access.Role `json:"role"`
}

// SessionEnvironment is an environment that the person of a session may enter.
type SessionEnvironment struct {
	ID   string      `json:"id" format:"uuid"`
	Name string      `json:"name"`
	Role access.Role `json:"role"`
}

// SignOnBody is what people sign in with; the rest is for the first administrator.
type SignOnBody struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Name     string `json:"name,omitempty"`
	Token    string `json:"token,omitempty"`
}

func (s *server) session(r *http.Request, a *access.Administrator) (Session, error) {
	all, err := s.environmentsOf(r.Context(), a.ID, a.EnvironmentID, a.Role)
	if err != nil {
		return Session{}, err
	}
	out := Session{
		Administrator: &SessionAdministrator{ID: a.ID, Username: a.Username, Name: a.Name, Role: a.Role},
		Environment:   &NamedReference{ID: all[0].ID, Name: all[0].Name}, Version: s.Version, APIURL: s.origin(r) + base + "/" + all[0].ID,
	}
	for _, e := range all {
		out.Environments = append(out.Environments, SessionEnvironment{e.ID, e.Name, e.role})
	}
	return out, nil
}

func (s *server) readSession(w http.ResponseWriter, r *http.Request) {
	a, err := s.signedOn(r)
	if problem.Is(err, problem.Unauthorized) {
		needed, err := s.Access.SetupNeeded(r.Context())
		if err != nil {
			s.writeError(w, r, err)
			return
		}
		// Not a 401: a page that asks who is signed in gets the answer "nobody".
		writeJSON(w, http.StatusOK, Session{SetupNeeded: needed})
		return
	}
	s.answerSession(w, r, &a, err)
}

func (s *server) answerSession(w http.ResponseWriter, r *http.Request, a *access.Administrator, err error) {
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	body, err := s.session(r, a)
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

// credentials reads a body; it refuses other sites' pages first.
func (s *server) credentials(w http.ResponseWriter, r *http.Request) (SignOnBody, error) {
	if err := s.checkOrigin(r); err != nil {
		return SignOnBody{}, err
	}
	return body[SignOnBody](&request{Request: r, server: s, writer: w}, false)
}

// signOn opens a session. Whoever guesses waits: by address and name, and by address alone.
func (s *server) signOn(w http.ResponseWriter, r *http.Request) {
	in, err := s.credentials(w, r)
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	username, password := in.Username, secret.New(in.Password)
	if len(username) > maxUsername {
		username = username[:maxUsername] // nobody has it
	}
	leave, err := s.guess(r.Context())
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	defer leave()
	keys := []string{"sign on|" + source(r), "sign on|" + source(r) + "|" + directory.Fold(username)}
	for _, key := range keys {
		if s.throttle.wait(key) > 0 {
			w.Header().Set("Retry-After", "1")
			s.writeError(w, r, errTooMany)
			return
		}
	}
	a, token, err := s.Access.SignOn(r.Context(), username, password)
	if err != nil {
		if problem.Is(err, problem.Unauthorized) {
			for _, key := range keys {
				s.throttle.failed(key)
			}
			s.Logger.Warn("a sign-in failed", "address", host(r), "correlation", directory.OriginOf(r.Context()).CorrelationID)
		}
		s.writeError(w, r, err)
		return
	}
	s.setCookie(w, r, token)
	s.answerSession(w, r, &a, nil)
}

const maxUsername = 512 // bytes

var errTooMany = problem.New(problem.TooMany, "too many attempts failed; wait a moment and try again")

// guess lets few passwords be checked at a time, so that the throttle has heard of a failure before it lets the next one by: whoever
// asks a thousand times at once would get a thousand guesses. Checking is no faster for more.
func (s *server) guess(ctx context.Context) (leave func(), err error) {
	select {
	case s.guessing <- struct{}{}:
		return func() { <-s.guessing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *server) signOff(w http.ResponseWriter, r *http.Request) {
	if err := s.checkOrigin(r); err != nil {
		s.writeError(w, r, err)
		return
	}
	if token := s.sessionToken(r); !token.IsZero() {
		if err := s.Access.SignOff(r.Context(), token); err != nil {
			s.writeError(w, r, err)
			return
		}
	}
	s.setCookie(w, r, secret.Text{})
	w.WriteHeader(http.StatusNoContent)
}

// setUp makes the first administrator by the link that the server printed.
func (s *server) setUp(w http.ResponseWriter, r *http.Request) {
	in, err := s.credentials(w, r)
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	n := access.NewAdministrator{Username: in.Username, Name: in.Name, Password: secret.New(in.Password)}
	invitation := secret.New(in.Token)
	envs, err := s.Directory.Environments(r.Context())
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	leave, err := s.guess(r.Context())
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	defer leave()
	if s.throttle.wait("set up|"+source(r)) > 0 {
		w.Header().Set("Retry-After", "1")
		s.writeError(w, r, errTooMany)
		return
	}
	a, token, err := s.Access.SetUp(r.Context(), envs[0].ID, invitation, n)
	if err != nil {
		if problem.Is(err, problem.AccessFailed) {
			s.throttle.failed("set up|" + host(r))
		}
		s.writeError(w, r, err)
		return
	}
	s.setCookie(w, r, token)
	s.answerSession(w, r, &a, nil)
}
