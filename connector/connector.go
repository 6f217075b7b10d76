// Package connector is the port to targets. A target is three methods; what else it can do are optional interfaces.
//
// Connectors translate and classify. They never retry, sleep or log: the engine decides when a call is made, and every
// failure comes back as a *provision.Fault. A connector is safe for concurrent use; the engine makes at most one write at a
// time per remote object.
package connector

import (
	"context"
	"net/http"

	"lockstep/directory"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// Type is one kind of target. It holds no state.
type Type interface {
	// Describe tells what to ask for and what the target can hold.
	Describe() provision.Type
	// Budgets lists the target's published rate limits. Calls name the ones they spend.
	Budgets() []Budget
	// Open makes a target. It makes no call; a configuration that cannot work is an error for the administrator.
	Open(Config) (Target, error)
}

// Config is what a target is opened with.
type Config struct {
	Connection *provision.Connection // settings and secrets
	Client     *http.Client          // guards against private addresses and redirects, bounds time; never nil
	// Pace is called before every request with the budgets that the request spends. It returns when the request may be made,
	// or the context's error. Never nil.
	Pace func(ctx context.Context, budgets ...string) error
}

// Budget is a token bucket that a target publishes: PerMinute refills it, Burst is its size.
type Budget struct {
	Name      string
	PerMinute float64
	Burst     int
}

// Target is one connected target.
type Target interface {
	// Do carries out one call. It answers what the target says about the account afterwards, also together with a fault when
	// only a part of the call was refused. The error, if any, is a *provision.Fault.
	//
	// About a group, the answer has all its members. Members that are refused are named in the fault, and keep no others out.
	//
	// For a create, the answer has the new id. A target that stored something else than was sent has been asked to mend it
	// within Do, as far as the target's rules allow.
	Do(ctx context.Context, call Call) (*provision.Remote, error)
	// Find lists the accounts that hold the unique identifier with this value, verified against what the target answered,
	// active or not. None is an empty list. The value is as the Normalizer leaves it.
	Find(ctx context.Context, kind directory.Kind, identifier string) ([]provision.Remote, error)
	// Get reads one account; one that does not exist is a Gone.
	Get(ctx context.Context, kind directory.Kind, remoteID string) (*provision.Remote, error)
}

// Call is an operation with the target's own ids put in.
type Call struct {
	Verb       provision.Verb
	Kind       directory.Kind
	RemoteID   string                  // "" for a create
	Attributes provision.Attributes    // create: all; update: what differs
	Clear      []string                // update: attributes to clear
	Members    *provision.MemberChange // of groups: who is added and who taken out; nil = nobody
	Known      *provision.Remote       // what the target last reported; nil for a create
}

// Lister is a target that can list all its accounts. The engine prefers it to one look-up a person.
type Lister interface {
	// List calls page for every page in turn; total is what the target says it has in all, 0 when it does not say. An error
	// of page ends the walk and is answered. A list over a changing set may miss or repeat rows.
	List(ctx context.Context, kind directory.Kind, page func(rows []provision.Remote, total int) error) error
}

// Normalizer is a target that stores values otherwise than they are given.
type Normalizer interface {
	// Normalize answers, without any call, how the target would store the attributes: cut, lower-cased, coupled. Empty values
	// are left out. A value that the target is known to refuse is a Rejected fault. The argument is not modified.
	Normalize(kind directory.Kind, a provision.Attributes) (provision.Attributes, *provision.Fault)
	// Identifier answers the value of the unique identifier in normalised attributes, or "".
	Identifier(kind directory.Kind, a provision.Attributes) string
	// Identifies is the name of the target attribute that identifies a person.
	Identifies() string
}

// Alternator is a target where a taken value can be replaced by a similar one.
type Alternator interface {
	// Alternative answers the n-th substitute (n = 2, 3, ...) for a value that somebody else holds, and false when the
	// attribute allows none.
	Alternative(attribute, wanted string, n int) (string, bool)
}

// Checker is a target whose connection can be tested step by step. Every target is, in practice.
type Checker interface {
	// Check runs every step, at most a few calls, and writes nothing. It never fails: what fails is a check.
	Check(ctx context.Context) []provision.Check
}

// Identifier is a target that says whose the token is, and where it is good.
type Identifier interface {
	// Identify asks, once. The error is a *provision.Fault; one that is Transient says nothing about the token.
	Identify(ctx context.Context) (provision.Identity, error)
}

// Authorizer is a type whose token can be had by OAuth 2: somebody who may consents on a page of the target, which leads them back
// with a code, and the code is exchanged for the token.
type Authorizer interface {
	// Setup says how the app has to be made at the target.
	Setup(o provision.AppOptions) provision.AppSetup
	// AuthorizeURL is the page on which they consent. The error is a sentence for the administrator.
	AuthorizeURL(app App, redirectURL, state string) (string, error)
	// Exchange trades a code for tokens, once: a code is spent whatever comes of it. The error is a *provision.Fault.
	Exchange(ctx context.Context, app App, redirectURL, code string) (provision.Tokens, error)
	// Refused says what it means that consent led back with an error instead of a code.
	Refused(code string) *provision.Fault
	// Refresh trades a refresh token for tokens, once. A Transient fault that is Unanswered leaves open whether it was used.
	Refresh(ctx context.Context, app App, refresh secret.Text) (provision.Tokens, error)
}

// App is an app at the target, by which tokens are had.
type App struct {
	Connection   *provision.Connection // where: its base URL; secrets are not looked at
	Client       *http.Client          // never nil
	ClientID     string
	ClientSecret secret.Text
	// AnyServer lets the OAuth server be another than the target's own: a simulated one.
	AnyServer bool
}
