package grant

import (
	"context"
	"slices"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

const maxAnswer = 2048

// Complete takes what consent led back with: the state is spent, the code is exchanged, and the token is proven. A connection that
// exists takes it over at once if it is for the workspace that the connection provisions; otherwise it waits for Confirm. One
// that does not exist yet takes it over when it is made (Create).
func (s *Service) Complete(ctx context.Context, envID, bound string, r provision.ConsentAnswer) (provision.Authorization, error) {
	if len(r.State)+len(r.Code)+len(r.Error) > maxAnswer || r.State == "" {
		return provision.Authorization{}, errNoState
	}
	// Whatever happens to whoever asked: the code is spent with the first try.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*callTime)
	defer cancel()
	a, err := s.take(ctx, envID, bound, r.State)
	if err != nil {
		return a, err
	}
	if err := s.obtain(ctx, &a, r); err != nil {
		return a, s.drop(ctx, &a, err)
	}
	a.ExpiresAt = s.instant().Add(heldLife)
	if err := s.Store.SaveAuthorization(ctx, a); err != nil { // before anything else: what was obtained cannot be obtained again
		return a, err
	}
	if a.ConnectionID == "" {
		return a, nil
	}
	return s.takeOver(ctx, a)
}

var (
	errNoState = problem.New(problem.InvalidRequest, "this is no answer to a consent that was asked for here: press Get token again")
	errForeign = problem.New(problem.InvalidRequest, "this consent was begun by somebody else, or before you signed in: press Get token again")
	errSpent   = problem.New(problem.InvalidRequest, "this consent was answered already, or is older than ten minutes: press Get token again")
)

func (s *Service) take(ctx context.Context, envID, bound, state string) (provision.Authorization, error) {
	a, err := s.Store.TakeAuthorization(ctx, hash(state), bound)
	if problem.Is(err, problem.NotFound) {
		if _, err := s.Store.AuthorizationByState(ctx, hash(state)); err == nil {
			return a, errForeign
		}
		return a, errSpent
	}
	if err != nil {
		return a, err
	}
	if a.EnvironmentID != envID || !s.instant().Before(a.ExpiresAt) {
		return a, s.drop(ctx, &a, errSpent)
	}
	return a, nil
}

// drop forgets an authorization that came to nothing, and answers why.
func (s *Service) drop(ctx context.Context, a *provision.Authorization, why error) error {
	if err := s.Store.DeleteAuthorization(ctx, a.EnvironmentID, a.ID); err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	return said(why)
}

const scopeAdmin = "admin"

// obtain exchanges the code, and lets the target say whose token that is.
func (s *Service) obtain(ctx context.Context, a *provision.Authorization, r provision.ConsentAnswer) error {
	authorizer, kind, err := s.authorizer(a.Type)
	if err != nil {
		return err
	}
	if r.Error != "" || r.Code == "" {
		return authorizer.Refused(r.Error)
	}
	app := s.app(a)
	tokens, err := authorizer.Exchange(ctx, app, a.RedirectURL, r.Code)
	if err != nil {
		return err
	}
	if err := s.prove(ctx, a.Type, a.Settings, &kind, &tokens, a.Tokens.Grant.ClientID); err != nil {
		return err
	}
	a.Tokens = tokens
	return nil
}

// prove asks the target whose a new token is, before it is used for anything, and completes what is known of it.
func (s *Service) prove(ctx context.Context, kindName string, settings map[string]any, kind *provision.Type, t *provision.Tokens, clientID string) error {
	c := provision.Connection{Type: kindName, Settings: settings, Secrets: map[string]secret.Text{kind.TokenKey: t.Access}}
	who, err := s.identify(ctx, &c)
	if err != nil {
		return err
	}
	if len(who.Scopes) == 0 {
		who.Scopes = t.Grant.Scopes
	}
	if len(who.Scopes) > 0 && !slices.Contains(who.Scopes, scopeAdmin) {
		authorizer, _, err := s.authorizer(kindName)
		if err != nil {
			return err
		}
		return authorizer.Refused(codeMissingScope)
	}
	if who.Workspace.ID == "" {
		who.Workspace = t.Grant.Workspace
	}
	who.Workspace.Organization = who.Workspace.Organization || t.Grant.Workspace.Organization
	t.Grant = provision.Grant{Identity: who, ClientID: clientID, Origin: kind.OriginOf(&c), ObtainedAt: s.instant()}
	if t.Life > 0 {
		t.Grant.ExpiresAt = t.Grant.ObtainedAt.Add(t.Life)
	}
	return nil
}

// takeOver gives a proven token to its connection, unless that provisions another workspace: everybody would be made anew elsewhere.
func (s *Service) takeOver(ctx context.Context, a provision.Authorization) (provision.Authorization, error) {
	c, err := s.Provision.Connection(ctx, a.EnvironmentID, a.ConnectionID)
	if err != nil {
		return a, s.drop(ctx, &a, err)
	}
	if known := s.known(ctx, &c); known.ID != "" && known.ID != a.Tokens.Grant.Workspace.ID {
		a.Differs, a.Known = true, known
		return a, s.Store.SaveAuthorization(ctx, a)
	}
	return s.entrust(ctx, a)
}

// known is the workspace that a connection provisions: what is recorded, or what its token says.
func (s *Service) known(ctx context.Context, c *provision.Connection) provision.Workspace {
	if c.Grant != nil && c.Grant.Workspace.ID != "" {
		return c.Grant.Workspace
	}
	who, err := s.identify(ctx, c)
	if err != nil { // nobody can say any more
		return provision.Workspace{}
	}
	return who.Workspace
}

func (s *Service) entrust(ctx context.Context, a provision.Authorization) (provision.Authorization, error) {
	c, err := s.Provision.Connection(ctx, a.EnvironmentID, a.ConnectionID)
	if err != nil {
		return a, err
	}
	kind, _ := s.Catalogue.Type(c.Type)
	if kind.OriginOf(&c) != a.Tokens.Grant.Origin {
		return a, s.drop(ctx, &a, problem.New(problem.Conflict, "the base URL of the connection was changed meanwhile: press Get token again"))
	}
	if _, err := s.Provision.Entrust(ctx, a.EnvironmentID, a.ConnectionID, a.Tokens); err != nil {
		return a, err
	}
	return a, s.drop(ctx, &a, nil)
}

// Authorization answers one to whoever began it. It holds secrets.
func (s *Service) Authorization(ctx context.Context, envID, bound, id string) (provision.Authorization, error) {
	a, err := s.Store.Authorization(ctx, envID, id)
	if err != nil {
		return a, err
	}
	if a.Bound != bound || !s.instant().Before(a.ExpiresAt) {
		return provision.Authorization{}, problem.Missing("authorization")
	}
	return a, nil
}

// Confirm lets a connection take over a token of another workspace.
func (s *Service) Confirm(ctx context.Context, envID, bound, id string) (provision.Authorization, error) {
	a, err := s.granted(ctx, envID, bound, id)
	if err != nil {
		return a, err
	}
	if a.ConnectionID == "" {
		return a, problem.New(problem.InvalidData, "the token is for a connection that does not exist yet: create it with this authorization")
	}
	return s.entrust(ctx, a)
}

func (s *Service) granted(ctx context.Context, envID, bound, id string) (provision.Authorization, error) {
	a, err := s.Authorization(ctx, envID, bound, id)
	if err == nil && !a.Granted() {
		err = problem.New(problem.Conflict, "nobody has consented yet: open the page that was answered")
	}
	return a, err
}

// Abandon forgets an authorization.
func (s *Service) Abandon(ctx context.Context, envID, bound, id string) error {
	if _, err := s.Authorization(ctx, envID, bound, id); err != nil {
		return err
	}
	return s.Store.DeleteAuthorization(ctx, envID, id)
}
