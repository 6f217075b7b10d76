package grant

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"lockstep/connector"
	"lockstep/internal/problem"
	"lockstep/provision"
)

const (
	claimFor   = 2 * time.Minute // the right to refresh, from before the call until after its result is kept
	retryFirst = time.Minute
	retryLast  = 15 * time.Minute
	learnEvery = time.Hour
	keepTries  = 6
)

// Renew refreshes every token that has lived half of its life, asks for the workspaces that are not known, and forgets what was
// obtained and not used. It is called every minute, and may be called by several processes at once: one refreshes a token.
func (s *Service) Renew(ctx context.Context) error {
	if err := s.Store.DeleteExpiredAuthorizations(ctx, s.instant()); err != nil {
		return err
	}
	environments, err := s.Store.Environments(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, env := range environments { // what cannot be read of one keeps no other's token from being refreshed
		failed = errors.Join(failed, s.renewIn(ctx, env.ID))
	}
	return failed
}

func (s *Service) renewIn(ctx context.Context, envID string) error {
	connections, err := s.Provision.Connections(ctx, envID)
	if err != nil {
		return err
	}
	var failed error
	for i := range connections {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c := &connections[i]
		if err := c.Readable(); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if due := c.Grant.RenewAt(); !due.IsZero() && !s.instant().Before(due) && !c.Secrets[provision.KeyRefreshToken].IsZero() {
			if err := s.renew(ctx, c, false); err != nil && !errors.Is(err, errNotDue) {
				s.alarm(c, err)
			}
			continue
		}
		if s.mayLearn(c) {
			failed = errors.Join(failed, s.Learn(ctx, c))
		}
	}
	return failed
}

func (s *Service) mayLearn(c *provision.Connection) bool {
	if c.Status != provision.Active || c.Grant != nil && c.Grant.Workspace.ID != "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if now.Sub(s.looked[c.ID]) < learnEvery {
		return false
	}
	s.looked[c.ID] = now
	return true
}

// alarm tells the log that a token could not be refreshed. The connection's status and a metric say so as well.
func (s *Service) alarm(c *provision.Connection, err error) {
	left := time.Duration(0)
	if c.Grant != nil {
		left = c.Grant.ExpiresAt.Sub(s.instant()).Truncate(time.Minute)
	}
	s.Logger.Error("a token could not be refreshed", "connection", c.ID, "name", c.Name, "works_for", left, "error", err)
}

// RenewNow refreshes a connection's token whether or not it is time.
func (s *Service) RenewNow(ctx context.Context, envID, id string) (provision.Connection, error) {
	c, err := s.Provision.Connection(ctx, envID, id)
	if err != nil {
		return c, err
	}
	if c.Secrets[provision.KeyRefreshToken].IsZero() {
		return c, problem.New(problem.Conflict, "the token of this connection is not one that is refreshed: press Get token for a new one")
	}
	switch err := s.renew(context.WithoutCancel(ctx), &c, true); {
	case errors.Is(err, errNotDue):
		return c, problem.New(problem.Conflict, "the token is being refreshed at this moment; look again in a minute")
	case err != nil:
		return c, said(err)
	}
	return s.Provision.Connection(ctx, envID, id)
}

var errNotDue = errors.New("somebody else refreshes it")

// renew refreshes a token. First the right to do it is taken, in the connection's own row: what is kept of it says after a crash that
// the refresh token may have been used. Then the token is used, once; then the result is kept, and the right given back.
//
// Slack revokes a refresh token with its use, and documents no way to ask for its answer again. So a crash between the two loses the
// refresh token. The access token lives on, for half of its life at least, and the status says that somebody has to consent.
func (s *Service) renew(ctx context.Context, c *provision.Connection, asked bool) error {
	authorizer, kind, err := s.authorizer(c.Type)
	if err != nil {
		return err
	}
	claim := uuid.NewString()
	ctx = provision.System(ctx)
	claimed, err := s.Provision.Regrant(ctx, c.EnvironmentID, c.ID, func(now *provision.Connection) error {
		due := now.Grant.RenewAt()
		busy := now.Grant.Renewal != nil && s.instant().Before(now.Grant.Renewal.Until)
		if busy || !asked && (due.IsZero() || s.instant().Before(due)) || now.Secrets[provision.KeyRefreshToken].IsZero() {
			return errNotDue
		}
		now.Grant.Renewal = &provision.Renewal{ID: claim, Until: s.instant().Add(claimFor)}
		return nil
	})
	if err != nil {
		return err
	}
	// From here on it is done to the end: a refresh token that was used cannot be used again.
	ctx = context.WithoutCancel(ctx)
	used := claimed.Secrets[provision.KeyRefreshToken]
	app := connector.App{
		Connection: &claimed, Client: s.Client, ClientID: claimed.Grant.ClientID, ClientSecret: claimed.Secrets[provision.KeyClientSecret], AnyServer: s.AnyServer,
	}
	call, cancel := context.WithTimeout(ctx, callTime)
	tokens, err := authorizer.Refresh(call, app, used)
	cancel()
	if err == nil {
		err = s.accept(ctx, &claimed, &kind, &tokens)
	}
	failure := err
	keep := func(now *provision.Connection) error {
		if now.Secrets[provision.KeyRefreshToken].Reveal() != used.Reveal() {
			return errNotDue // another token took over meanwhile
		}
		now.Grant.Renewal = nil
		if failure != nil {
			now.Grant.Trouble = s.trouble(now.Grant, failure)
			return nil //nolint:nilerr // that it failed is what is kept
		}
		now.Secrets[kind.TokenKey], now.Secrets[provision.KeyRefreshToken] = tokens.Access, tokens.Refresh
		tokens.Grant.Identity = merged(now.Grant.Identity, tokens.Grant.Identity)
		g := tokens.Grant
		now.Grant = &g
		return nil
	}
	if kept := s.keep(ctx, &claimed, keep); kept != nil {
		return kept
	}
	return failure
}

// keep keeps a result, and tries again for a while where the database does not answer: what is lost here cannot be had again.
func (s *Service) keep(ctx context.Context, c *provision.Connection, change func(*provision.Connection) error) error {
	var err error
	for try := range keepTries {
		if try > 0 {
			<-time.After(time.Duration(1<<try) * 250 * time.Millisecond)
		}
		if _, err = s.Provision.Regrant(ctx, c.EnvironmentID, c.ID, change); err == nil || errors.Is(err, errNotDue) || problem.Is(err, problem.NotFound) {
			return err
		}
	}
	return err
}

// accept looks at a token that was refreshed before it takes over: it is for the same workspace and may do what is needed, or is not used.
// Where that cannot be found out it is kept all the same: it was given for the same consent, and the refresh token that it came by is spent,
// so that what is dropped here is lost. What was wrong is shown, and whoever writes next with it finds out.
func (s *Service) accept(ctx context.Context, c *provision.Connection, kind *provision.Type, t *provision.Tokens) error {
	if t.Refresh.IsZero() {
		t.Refresh = c.Secrets[provision.KeyRefreshToken] // the same one goes on, where a server says so by leaving it out
	}
	was := c.Grant.Workspace
	proof, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	life := t.Life
	err := s.prove(proof, c.Type, c.Settings, kind, t, c.Grant.ClientID)
	if f, ok := errors.AsType[*provision.Fault](err); ok && f.Code != codeMissingScope {
		g := *c.Grant
		g.ObtainedAt, g.ExpiresAt, g.Renewal, g.Trouble = s.instant(), time.Time{}, nil, nil
		if life > 0 {
			g.ExpiresAt = g.ObtainedAt.Add(life)
		}
		if f.Kind != provision.Transient {
			g.Trouble = &provision.RenewalFailure{Message: "the refreshed token could not be tried: " + f.Message, Hint: f.Hint, At: g.ObtainedAt, Tries: 1, NextAt: g.RenewAt()}
			s.Logger.Warn("a token was refreshed, but could not be tried", "connection", c.ID, "name", c.Name, "error", f)
		}
		t.Grant = g
		return nil
	}
	if err == nil && was.ID != "" && t.Grant.Workspace.ID != was.ID {
		return &provision.Fault{
			Kind: provision.Halted, Code: "another_workspace", Message: "the refreshed token is for another workspace than before", Hint: "press Get token and consent again",
		}
	}
	return err
}

// codeMissingScope is what a connector calls a token that may not do what is needed.
const codeMissingScope = "missing_scope"

func merged(before, now provision.Identity) provision.Identity {
	if now.Workspace.ID == "" {
		now.Workspace = before.Workspace
	}
	if now.Owner == "" {
		now.Owner = before.Owner
	}
	if len(now.Scopes) == 0 {
		now.Scopes = before.Scopes
	}
	return now
}

// trouble notes a failure. What passes is tried again in growing gaps; what somebody has to mend is not.
func (s *Service) trouble(g *provision.Grant, err error) *provision.RenewalFailure {
	t := &provision.RenewalFailure{Message: "the token could not be refreshed", Hint: "the server's log says why", At: s.instant(), Tries: 1}
	if g.Trouble != nil {
		t.Tries += g.Trouble.Tries
	}
	f, isFault := errors.AsType[*provision.Fault](err)
	if isFault {
		t.Message, t.Hint = f.Message, f.Hint
	}
	if isFault && f.Kind != provision.Transient {
		return t
	}
	wait := retryFirst
	for range min(t.Tries-1, 10) {
		wait = min(2*wait, retryLast)
	}
	if isFault {
		wait = max(wait, f.RetryAfter)
	}
	t.NextAt = t.At.Add(wait)
	return t
}
