package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

const (
	tokenLife   = time.Hour
	cacheLife   = 10 * time.Second
	cacheSize   = 10_000
	secretBytes = 32
	maxName     = 256
	clientMark  = "lockstep client secret\x00"
	tokenMark   = "lockstep token\x00"
)

// Action is what a request does, for roles.
type Action int

// The actions.
const (
	Read          Action = iota // anything
	EditDirectory               // users, populations, attributes
	EditAll                     // connections, rules, clients, decisions
)

// May reports whether the role allows an action.
func (r Role) May(a Action) bool {
	switch r {
	case EnvironmentAdmin:
		return true
	case IdentityDataAdmin:
		return a != EditAll
	case ReadOnly:
		return a == Read
	default:
		return false
	}
}

// ParseRole reads a role's name, without regard to case.
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{EnvironmentAdmin, IdentityDataAdmin, ReadOnly} {
		if strings.EqualFold(string(r), strings.TrimSpace(s)) {
			return r, nil
		}
	}
	p := problem.New(problem.InvalidData, "The role cannot be given:")
	p.Details = []problem.Detail{{
		Code: problem.InvalidValue, Target: "role", Message: `a role is one of "Environment Admin", "Identity Data Admin", "Read Only"`,
		AllowedValues: []string{string(EnvironmentAdmin), string(IdentityDataAdmin), string(ReadOnly)},
	}}
	return "", p
}

// Service gives and checks access.
type Service struct {
	store Store
	now   func() time.Time

	refusals  refusals
	passwords *passwords

	mu       sync.Mutex
	cache    map[string]cached   // by token hash
	sessions map[string]signedOn // by session hash
}

type cached struct {
	client Client
	until  time.Time
}

type signedOn struct {
	administrator Administrator
	until         time.Time
}

// NewService makes a service over a store; now may be nil.
func NewService(store Store, now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{store: store, now: now, passwords: newPasswords(), cache: map[string]cached{}, sessions: map[string]signedOn{}}
}

// hash is SHA-256: what is hashed is 256 random bits, so there is nothing to guess and nothing to slow down.
func hash(mark, value string) string {
	sum := sha256.Sum256([]byte(mark + value))
	return hex.EncodeToString(sum[:])
}

func random() string {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// CreateClient makes an API client. Its secret is answered once.
func (s *Service) CreateClient(ctx context.Context, envID, name string, role Role) (Client, secret.Text, error) {
	name = strings.TrimSpace(name)
	var l problem.List
	checkText(&l, "name", name, maxName, true)
	if err := l.Err("The client cannot be saved:"); err != nil {
		return Client{}, secret.Text{}, err
	}
	role, err := ParseRole(string(role))
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	value := random()
	c := Client{
		ID: uuid.NewString(), EnvironmentID: envID, Name: name, Role: role, SecretHash: hash(clientMark, value),
		CreatedAt: s.now().UTC().Truncate(time.Microsecond),
	}
	line := s.line(ctx, &c, "CREATED", fmt.Sprintf("client %s was created with the role %q", name, role))
	if err := s.store.InsertClient(ctx, c, line); err != nil {
		return Client{}, secret.Text{}, err
	}
	return c, secret.New(value), nil
}

// Clients lists the clients that have a role in an environment, with that role: its own, and those of others.
func (s *Service) Clients(ctx context.Context, envID string) ([]Client, error) {
	out, err := s.store.Clients(ctx, envID)
	if err != nil {
		return nil, err
	}
	given, err := s.store.AssignmentsIn(ctx, envID)
	if err != nil {
		return nil, err
	}
	for _, g := range given {
		c, err := s.store.Client(ctx, g.PrincipalID)
		if problem.Is(err, problem.NotFound) { // an administrator
			continue
		}
		if err != nil {
			return nil, err
		}
		c.Role = g.Role
		out = append(out, c)
	}
	return out, nil
}

// DeleteClient ends a client and its tokens. Of a client of another environment it ends the role here.
func (s *Service) DeleteClient(ctx context.Context, envID, id string) error {
	c, err := s.store.Client(ctx, id)
	if err != nil {
		return err
	}
	if c.EnvironmentID != envID {
		return s.deleteGuestClient(ctx, envID, c)
	}
	if err := s.store.DeleteClient(ctx, envID, id, s.line(ctx, &c, "DELETED", "client "+c.Name+" was deleted")); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cache)
	return nil
}

// unknownHash has the length of a hash and is none.
var unknownHash = strings.Repeat("-", 2*sha256.Size)

var errCredentials = problem.New(problem.Unauthorized, "the client id or secret is wrong")

// Authenticate checks a client's secret.
func (s *Service) Authenticate(ctx context.Context, envID, clientID string, given secret.Text) (Client, error) {
	c, err := s.store.Client(ctx, clientID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return Client{}, err
	}
	// An unknown client takes the same path, so that the time tells nothing: its secret is compared with one that nobody has.
	if err != nil {
		c.SecretHash = unknownHash
	}
	same := subtle.ConstantTimeCompare([]byte(c.SecretHash), []byte(hash(clientMark, given.Reveal()))) == 1
	if err == nil && same && c.EnvironmentID == envID {
		return c, nil
	}
	if err != nil || c.EnvironmentID != envID { // nobody learns of another environment's clients
		c = Client{EnvironmentID: envID}
	}
	if err := s.refused(ctx, &c); err != nil {
		return Client{}, err
	}
	return Client{}, errCredentials
}

// Issue gives a client a token.
func (s *Service) Issue(ctx context.Context, c Client) (secret.Text, time.Duration, error) {
	value := random()
	t := Token{Hash: hash(tokenMark, value), ClientID: c.ID, EnvironmentID: c.EnvironmentID, ExpiresAt: s.now().Add(tokenLife)}
	if err := s.store.InsertToken(ctx, t); err != nil {
		return secret.Text{}, 0, err
	}
	return secret.New(value), tokenLife, nil
}

var errToken = problem.New(problem.Unauthorized, "the access token is not valid any more, or never was; get a new one")

// Verify answers whose token it is. What was found is remembered for at most 10 seconds, so that a busy client costs no database
// reads; a client that is deleted in another process is let in for that long at most.
func (s *Service) Verify(ctx context.Context, token secret.Text) (Client, error) {
	h, now := hash(tokenMark, token.Reveal()), s.now()
	s.mu.Lock()
	hit, ok := s.cache[h]
	s.mu.Unlock()
	if ok && now.Before(hit.until) {
		return hit.client, nil
	}
	t, err := s.store.Token(ctx, h)
	if problem.Is(err, problem.NotFound) || err == nil && !now.Before(t.ExpiresAt) {
		return Client{}, errToken
	}
	if err != nil {
		return Client{}, err
	}
	c, err := s.store.Client(ctx, t.ClientID)
	if problem.Is(err, problem.NotFound) {
		return Client{}, errToken
	}
	if err != nil {
		return Client{}, err
	}
	until := now.Add(cacheLife)
	if t.ExpiresAt.Before(until) {
		until = t.ExpiresAt
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cache) >= cacheSize {
		clear(s.cache)
	}
	s.cache[h] = cached{c, until}
	return c, nil
}

// Expire forgets tokens and sessions that are over.
func (s *Service) Expire(ctx context.Context) error { return s.store.DeleteExpiredTokens(ctx, s.now()) }
