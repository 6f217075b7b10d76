package provision

import (
	"context"
	"time"

	"lockstep/internal/secret"
)

// Authorization is a token that is being had by OAuth, until a connection takes it over: what was asked for, by whom, and what came.
// Its secrets are kept sealed and answered to nobody.
type Authorization struct {
	ID            string
	EnvironmentID string
	Type          string         // of connections
	ConnectionID  string         // "" = for one that does not exist yet
	Settings      map[string]any // where: the base URL
	RedirectURL   string
	StateHash     string // of the state that consent leads back with; "" once that was used
	Bound         string // who began it, and may go on: a session or a client
	CreatedAt     time.Time
	ExpiresAt     time.Time
	Tokens        Tokens // ClientSecret and Grant.ClientID from the beginning; the rest once consent was given
	// Differs: the connection provisions another workspace (Known), and takes the token over only if that is confirmed.
	Differs bool
	Known   Workspace
}

// Granted reports whether there is a token.
func (a *Authorization) Granted() bool { return !a.Tokens.Access.IsZero() }

// ConsentRequest is what an administrator asks for.
type ConsentRequest struct {
	Type         string
	ConnectionID string         // "" = a connection that does not exist yet
	Settings     map[string]any // its base URL; of a connection that exists it is its own
	ClientID     string         // "" = that by which the connection's token was had
	ClientSecret secret.Text    // zero: likewise
	RedirectURL  string
}

// ConsentAnswer is what consent led back with: a state, and a code or an error.
type ConsentAnswer struct {
	State, Code, Error string
}

// Authorizations keeps them. What does not exist is a problem.NotFound.
type Authorizations interface {
	// SaveAuthorization inserts or replaces; Bound is as it was inserted.
	SaveAuthorization(ctx context.Context, a Authorization) error
	// TakeAuthorization answers whose state it is and makes the state useless, in one step.
	TakeAuthorization(ctx context.Context, stateHash, bound string) (Authorization, error)
	// AuthorizationByState is for telling why a state could not be taken.
	AuthorizationByState(ctx context.Context, stateHash string) (Authorization, error)
	Authorization(ctx context.Context, envID, id string) (Authorization, error)
	DeleteAuthorization(ctx context.Context, envID, id string) error
	DeleteExpiredAuthorizations(ctx context.Context, now time.Time) error
}

// AppOptions are what an administrator chooses for the app by which tokens are had.
type AppOptions struct {
	RedirectURL  string
	Organization bool // it is installed on a whole organisation
	Rotation     bool // its tokens expire and are refreshed
}
