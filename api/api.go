// Package api is the REST API: PingOne Platform's paths, shapes, paging and errors, so that its Go SDK, Terraform providers and
// scripts work against Lockstep, and beside them what PingOne lacks (preview, on-demand, live status, the link table).
//
// It is a door: it reads requests, checks who asks, calls the services, and writes answers. Rules live behind it.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Engine is what the API asks of the engine.
type Engine interface {
	Test(ctx context.Context, c provision.Connection) []provision.Check
	PreviewOnce(ctx context.Context, envID string, q provision.PreviewQuery, yield func(provision.Foreseen) error) (provision.Preview, error)
	MakePreview(ctx context.Context, envID string, q provision.PreviewQuery) (provision.Preview, error)
	KeptPreview(ctx context.Context, envID, id string) (provision.Preview, error)
	PreviewMoved(ctx context.Context, p *provision.Preview) ([]string, error)
	Foreseen(ctx context.Context, p *provision.Preview, q provision.ForeseenQuery) ([]provision.Foreseen, provision.ForeseenPosition, error)
	Link(ctx context.Context, envID, connectionID, userID, remoteID string) (provision.Account, error)
	KeepForeign(ctx context.Context, envID, connectionID, remoteID string) (provision.KeptForeign, error)
	Adoptable(ctx context.Context, envID, connectionID, remoteID string) error
	Failures(ctx context.Context, envID, ruleID string) ([]provision.FailureCause, error)
	Retry(ctx context.Context, envID, ruleID string, which provision.RetryQuery) (int64, error)
	Publishable(ctx context.Context, envID, previewID string) (provision.PublishOptions, error)
	Status(ctx context.Context, envID, ruleID string) (provision.RuleStatus, error)
	Resync(ctx context.Context, envID, ruleID string) error
	OnDemand(ctx context.Context, envID, ruleID string, ref provision.Ref) (provision.Trace, error)
	Pause(ctx context.Context, envID, connectionID string) error
	Resume(ctx context.Context, envID, connectionID string) error
	Unlink(ctx context.Context, envID, connectionID, accountID string) error
	ObjectStatus(ctx context.Context, envID, ruleID string, ref provision.Ref) (provision.Account, error)
	Synced(ctx context.Context, envID, ruleID string, kind directory.Kind, status provision.SyncStatus, after string, limit int) ([]provision.Account, error)
	Holds(ctx context.Context, envID, connectionID, after string, limit int) ([]provision.Hold, error)
	Decide(ctx context.Context, envID, holdID string, approve bool) error
	DeprovisionHolds(ctx context.Context, envID, connectionID string) ([]provision.DeprovisionHold, error)
	HeldOperations(ctx context.Context, h *provision.DeprovisionHold, name, after string, limit int) ([]provision.HeldOperation, error)
	DecideDeprovision(ctx context.Context, envID, holdID string, approve bool, objects []string) (provision.DeprovisionHold, int64, error)
	ConnectionStatus(ctx context.Context, envID, connectionID string) (provision.ConnectionStatus, error)
	Drift(ctx context.Context, q provision.DriftQuery) ([]provision.Drift, error)
	DriftByID(ctx context.Context, envID, id string) (provision.Drift, error)
	DecideDrift(ctx context.Context, envID, connectionID string, ids []string, accept bool) (int64, error)
	Scan(ctx context.Context, envID, connectionID string) error
	Tripwire(ctx context.Context, envID, connectionID string) (*provision.Trip, error)
	Untrip(ctx context.Context, envID, connectionID string, request provision.TripRequest) error
	CountDrift(ctx context.Context, connectionID string) (provision.DriftCounts, error)
	Evaluate(ctx context.Context, envID, expression, userID string) (any, error)
	Subscribe(envID string) (<-chan provision.Event, func())
}

// Grants gets the tokens of connections by OAuth, and keeps them alive. bound is who asks.
type Grants interface {
	Setup(kind string, o provision.AppOptions) (provision.AppSetup, error)
	Begin(ctx context.Context, envID, bound string, r provision.ConsentRequest) (provision.Authorization, string, error)
	Complete(ctx context.Context, envID, bound string, a provision.ConsentAnswer) (provision.Authorization, error)
	Authorization(ctx context.Context, envID, bound, id string) (provision.Authorization, error)
	Confirm(ctx context.Context, envID, bound, id string) (provision.Authorization, error)
	Abandon(ctx context.Context, envID, bound, id string) error
	Create(ctx context.Context, envID, bound, id string, c provision.Connection, configuration map[string]any) (provision.Connection, error)
	Configure(ctx context.Context, envID, bound, id string, c *provision.Connection, configuration map[string]any) error
	Update(ctx context.Context, envID, id string, c provision.Connection, configuration map[string]any, confirmed bool) (provision.Connection, error)
	Learn(ctx context.Context, c *provision.Connection) error
	RenewNow(ctx context.Context, envID, id string) (provision.Connection, error)
}

// Log reads the activity log and the link table.
type Log interface {
	Activities(ctx context.Context, envID string, q directory.ActivityQuery) ([]directory.Activity, error)
	Activity(ctx context.Context, envID, id string) (directory.Activity, error)
	AccountPage(ctx context.Context, q provision.AccountQuery) ([]provision.Account, error)
	KeptForeignList(ctx context.Context, connectionID, after string, limit int) ([]provision.KeptForeign, error)
	Throughput(ctx context.Context, envID string, since time.Time, step time.Duration, steps int) ([]directory.Throughput, error)
}

// Config is what the API is made of.
type Config struct {
	Directory   *directory.Service
	Provision   *provision.Service
	Access      *access.Service
	Catalogue   provision.Catalogue
	Engine      Engine
	Grants      Grants
	Log         Log
	Audit       Audit
	Alerts      Alerts
	Logger      *slog.Logger
	ExternalURL string           // as clients reach the server; "" = as they asked
	Ready       []Check          // what must work for the server to be ready
	Observe     func(o Answered) // told of every answer, for metrics; nil: nobody asks
	Version     string
	Closing     <-chan struct{} // closed when the server stops, so that event streams end
	Heartbeat   time.Duration   // of event streams; 0 = 15 s
}

const (
	maxBody = 1 << 20
	budget  = 60 * time.Second // for anything but event streams
	// patientBudget is for what looks at everybody, and waits for the target's read budget.
	patientBudget = 10 * time.Minute
	// guessesAtOnce is as many passwords as access checks at a time.
	guessesAtOnce = 2
	// exportsAtOnce: each reads the log as fast as it can.
	exportsAtOnce = 4
)

type server struct {
	Config
	throttle  *throttle                   // of passwords
	tokens    *throttle                   // of clients' secrets; apart, so that many cheap failures here do not push out the others
	importing chan struct{}               // imports under way
	guessing  chan struct{}               // turns at checking a password
	exporting chan struct{}               // exports under way
	origins   *http.CrossOriginProtection // for whoever is known by a cookie
}

// New makes the handler.
func New(c Config) http.Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = 15 * time.Second
	}
	s := &server{
		Config: c, throttle: newThrottle(), tokens: newThrottle(), importing: make(chan struct{}, importsAtOnce), guessing: make(chan struct{}, guessesAtOnce),
		exporting: make(chan struct{}, exportsAtOnce), origins: trusted(c.ExternalURL),
	}
	mux := http.NewServeMux()
	routes := s.routes()
	for i := range routes {
		mux.Handle(routes[i].method+" "+base+routes[i].path, s.guarded(&routes[i]))
	}
	mux.HandleFunc("POST /{environmentID}/as/token", s.token)
	s.sessionRoutes(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, Health{Status: healthy}) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /v1/openapi.json", s.openAPI(routes))
	return s.outer(mux)
}

const base = "/v1/environments"

// request is a request whose caller is known.
type request struct {
	*http.Request
	server *server
	route  *route
	env    string
	caller caller
	writer http.ResponseWriter
}

func (r *request) href(path string) string { return r.server.origin(r.Request) + path }

// here is the absolute address of a path in the environment.
func (r *request) here(path string) string { return r.href(base + "/" + r.env + path) }

func (s *server) origin(r *http.Request) string {
	if s.ExternalURL != "" {
		return strings.TrimSuffix(s.ExternalURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// outer is around everything: correlation, headers, panics, the access log, answers for unknown paths.
func (s *server) outer(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := correlation(r)
		h := w.Header()
		h.Set("X-Correlation-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		r = r.WithContext(directory.WithOrigin(r.Context(), directory.Origin{Actor: directory.System, CorrelationID: id, Address: host(r)}))
		start := time.Now()
		recorder := &statusRecorder{ResponseWriter: w}
		_, pattern := mux.Handler(r)
		defer func() {
			if p := recover(); p != nil {
				if p != http.ErrAbortHandler { //nolint:errorlint // the value itself is meant
					s.Logger.Error("a request failed inside", "correlation", id, "panic", p, "stack", string(debug.Stack()))
				}
				if recorder.status != 0 {
					panic(http.ErrAbortHandler) // half an answer must not look like a whole one
				}
				s.writeError(recorder, r, errors.New("panic"))
			}
			if s.Observe != nil {
				s.Observe(Answered{Route: pattern, Method: r.Method, Status: recorder.status, Took: time.Since(start)})
			}
			s.Logger.Debug("request", "method", r.Method, "path", r.URL.Path, "status", recorder.status, "took", time.Since(start), "correlation", id)
		}()
		if pattern == "" {
			s.unmatched(recorder, r, mux)
			return
		}
		mux.ServeHTTP(recorder, r)
	})
}

// unmatched answers 404, or 405 where another method would do, in the API's own shape.
func (s *server) unmatched(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" && method != r.Method {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeJSON(w, http.StatusMethodNotAllowed, errorBody(r, "METHOD_NOT_ALLOWED", "this path takes only "+strings.Join(allowed, ", "), nil))
		return
	}
	s.writeError(w, r, problem.New(problem.NotFound, "there is nothing at this path; see /v1/openapi.json for what there is"))
}

// host is the address that a request came from: the client's, or the proxy's that stands before the server.
func host(r *http.Request) string {
	out, _, _ := net.SplitHostPort(r.RemoteAddr)
	return out
}

func correlation(r *http.Request) string {
	for _, name := range []string{"X-Ping-External-Transaction-ID", "X-Correlation-ID"} {
		id := r.Header.Get(name)
		sane := !strings.ContainsFunc(id, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
		})
		if id != "" && len(id) <= 100 && sane {
			return id
		}
	}
	return uuid.NewString()
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusRecorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// guarded authenticates and authorises, runs the operation, and writes its answer.
func (s *server) guarded(rt *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		who, err := s.authenticate(hr)
		if err != nil {
			if problem.Is(err, problem.Unauthorized) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="lockstep"`)
			}
			s.writeError(w, hr, err)
			return
		}
		r := &request{Request: hr, server: s, route: rt, env: hr.PathValue("environmentID"), caller: who, writer: w}
		if r.env != "" && uuid.Validate(r.env) != nil {
			s.writeError(w, hr, problem.Missing("environment"))
			return
		}
		role := who.role
		if r.env != "" {
			if role, err = s.enter(hr.Context(), &who, r.env); err != nil {
				s.writeError(w, hr, err)
				return
			}
		}
		if !role.May(rt.action) {
			s.writeError(w, hr, problem.New(problem.AccessFailed, "the role %q does not allow this; the role %q does", role, access.EnvironmentAdmin))
			return
		}
		origin := directory.OriginOf(hr.Context())
		origin.Actor = who.actor
		ctx := directory.WithOrigin(hr.Context(), origin)
		if !rt.handler.stream {
			var cancel context.CancelFunc
			limit := budget
			if rt.handler.patient {
				limit = patientBudget
				_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + 10*time.Second)) // beyond the server's own
			}
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		r.Request = hr.WithContext(ctx)
		out, err := r.run()
		switch {
		case err != nil:
			s.writeError(w, hr, err)
		case rt.handler.stream: // the operation has written its answer
		case out == nil:
			w.WriteHeader(rt.handler.status)
		default:
			writeJSON(w, rt.handler.status, out)
		}
	})
}

// run checks what every operation needs checked, and runs it.
func (r *request) run() (any, error) {
	if err := errors.Join(r.checkPath(), r.checkQuery()); err != nil {
		return nil, err
	}
	return r.route.handler.run(r)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false) // it is no HTML, and says so; links are to be read
	if err := encoder.Encode(body); err != nil {
		http.Error(w, "{}", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", jsonMedia)
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(raw.Bytes(), []byte("\n")))
}
