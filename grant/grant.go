// Package grant is how a connection gets its token and keeps it: consent by OAuth, exchange, the proof that the token is for the right
// workspace before it takes over, and the refresh of tokens that expire.
//
// What came of a consent stands beside the connection (provision.Authorization) until it is proven: the second of two slots. The token
// is answered to nobody.
package grant

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
	"unicode"

	"github.com/google/uuid"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Store is what the service needs to remember.
type Store interface {
	provision.Authorizations
	Environments(ctx context.Context) ([]directory.Environment, error)
}

// Config is what a Service is made of. Store, Provision, Catalogue, Types and Client are needed.
type Config struct {
	Store     Store
	Provision *provision.Service
	Catalogue provision.Catalogue
	Types     []connector.Type
	Client    *http.Client // for all calls to targets
	// AnyServer lets a token be had from a server that is not the vendor's: a simulated one.
	AnyServer bool
	Now       func() time.Time
	Logger    *slog.Logger
}

// Service gets tokens and keeps them alive.
type Service struct {
	Config
	types map[string]connector.Type

	mu     sync.Mutex
	looked map[string]time.Time // when a connection was last asked for its workspace, by id
}

const (
	consentLife = 10 * time.Minute // the time to consent: a state is good for so long, and so is Slack's code
	heldLife    = time.Hour        // what came of it waits so long for its connection
	callTime    = 30 * time.Second
)

// New makes a service.
func New(c Config) *Service {
	s := &Service{Config: c, types: map[string]connector.Type{}, looked: map[string]time.Time{}}
	for _, t := range c.Types {
		s.types[t.Describe().Name] = t
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

func (s *Service) instant() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func invalid(target, format string, args ...any) error {
	var l problem.List
	l.Add(problem.InvalidValue, target, format, args...)
	return l.Err("The token cannot be obtained:")
}

// authorizer finds a type whose token can be had by OAuth.
func (s *Service) authorizer(name string) (connector.Authorizer, provision.Type, error) {
	t, known := s.Catalogue.Type(name)
	a, ok := s.types[t.Name].(connector.Authorizer)
	if !known || !ok {
		return nil, t, invalid("type", "the token of such a connection cannot be obtained here; paste one")
	}
	return a, t, nil
}

// Setup says how the app has to be made at the target.
func (s *Service) Setup(kind string, o provision.AppOptions) (provision.AppSetup, error) {
	a, _, err := s.authorizer(kind)
	if err != nil {
		return provision.AppSetup{}, err
	}
	return a.Setup(o), nil
}

const maxCredential = 512

// Begin makes an authorization, and answers the page on which to consent. bound is whoever asks: nobody else can go on with it.
func (s *Service) Begin(ctx context.Context, envID, bound string, r provision.ConsentRequest) (provision.Authorization, string, error) {
	a := provision.Authorization{
		ID: uuid.NewString(), EnvironmentID: envID, ConnectionID: r.ConnectionID, RedirectURL: r.RedirectURL, Bound: bound, CreatedAt: s.instant(),
	}
	a.ExpiresAt = a.CreatedAt.Add(consentLife)
	c := provision.Connection{Type: r.Type, Settings: map[string]any{}}
	if url, ok := r.Settings[provision.KeyBaseURL].(string); ok && url != "" {
		c.Settings[provision.KeyBaseURL] = url
	}
	if r.ConnectionID != "" {
		saved, err := s.Provision.Connection(ctx, envID, r.ConnectionID)
		if err != nil {
			return a, "", err
		}
		c.Type, c.Settings = saved.Type, map[string]any{provision.KeyBaseURL: saved.Text(provision.KeyBaseURL)}
		if g := saved.Grant; r.ClientID == "" && g != nil && !saved.Secrets[provision.KeyClientSecret].IsZero() {
			r.ClientID, r.ClientSecret = g.ClientID, saved.Secrets[provision.KeyClientSecret]
		}
	}
	authorizer, kind, err := s.authorizer(c.Type)
	if err != nil {
		return a, "", err
	}
	a.Type, a.Settings = kind.Name, c.Settings
	a.Tokens.ClientSecret, a.Tokens.Grant.ClientID = r.ClientSecret, r.ClientID
	if err := checkCredentials(&r); err != nil {
		return a, "", err
	}
	state := random()
	a.StateHash = hash(state)
	page, err := authorizer.AuthorizeURL(s.app(&a), a.RedirectURL, state)
	if err != nil {
		return a, "", invalid("configuration."+provision.KeyBaseURL, "%s", err.Error())
	}
	if err := s.Store.DeleteExpiredAuthorizations(ctx, s.instant()); err != nil {
		return a, "", err
	}
	return a, page, s.Store.SaveAuthorization(ctx, a)
}

func checkCredentials(r *provision.ConsentRequest) error {
	var l problem.List
	for target, value := range map[string]string{"clientId": r.ClientID, "clientSecret": r.ClientSecret.Reveal()} {
		bad := len(value) > maxCredential
		for _, c := range value {
			bad = bad || unicode.IsControl(c) || c > unicode.MaxASCII || c == ' '
		}
		switch {
		case value == "":
			l.Add(problem.RequiredValue, target, "copy it from Basic Information of the Slack app")
		case bad:
			l.Add(problem.InvalidValue, target, "it has characters that it cannot have; copy it again")
		}
	}
	return l.Err("The token cannot be obtained:")
}

func (s *Service) app(a *provision.Authorization) connector.App {
	return connector.App{
		Connection: &provision.Connection{Type: a.Type, Settings: a.Settings}, Client: s.Client,
		ClientID: a.Tokens.Grant.ClientID, ClientSecret: a.Tokens.ClientSecret, AnyServer: s.AnyServer,
	}
}

func random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// hash is what is kept of a state. It is looked up by, so that comparing takes no telling time.
func hash(state string) string {
	sum := sha256.Sum256([]byte("oauth state\x00" + state))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// said turns what a target says into a problem for whoever asked; anything else is an error inside.
func said(err error) error {
	if f, ok := errors.AsType[*provision.Fault](err); ok {
		return problem.New(problem.InvalidData, "%s", sentence(f))
	}
	return err
}

func sentence(f *provision.Fault) string {
	if f.Hint == "" {
		return f.Message
	}
	return fmt.Sprintf("%s: %s", f.Message, f.Hint)
}

// identify asks a target whose a token is.
func (s *Service) identify(ctx context.Context, c *provision.Connection) (provision.Identity, error) {
	kind, ok := s.types[c.Type]
	if !ok {
		return provision.Identity{}, problem.Missing("store")
	}
	effective := provision.Effective(kind.Describe(), *c)
	target, err := kind.Open(connector.Config{Connection: &effective, Client: s.Client, Pace: func(ctx context.Context, _ ...string) error { return ctx.Err() }})
	if err != nil {
		return provision.Identity{}, &provision.Fault{Kind: provision.Halted, Code: "configuration", Message: err.Error()}
	}
	identifier, ok := target.(connector.Identifier)
	if !ok {
		return provision.Identity{}, &provision.Fault{Kind: provision.Transient, Code: "unknown", Message: "this target does not say whose a token is"}
	}
	return identifier.Identify(ctx)
}
