package directory

import (
	"context"

	"lockstep/filter"
)

// Store keeps the identity store. Reads see what is committed. An object that does not exist is a problem.NotFound.
type Store interface {
	GroupStore

	Environments(ctx context.Context) ([]Environment, error)
	Environment(ctx context.Context, id string) (Environment, error)

	// Populations lists all populations of an environment by name, with their user counts.
	Populations(ctx context.Context, envID string) ([]Population, error)
	Population(ctx context.Context, envID, id string) (Population, error)

	// CustomAttributes lists what the environment declares, by name.
	CustomAttributes(ctx context.Context, envID string) ([]Attribute, error)
	// DeletedAttributes lists what was declared once and whose values users may still hold.
	DeletedAttributes(ctx context.Context, envID string) ([]Attribute, error)

	User(ctx context.Context, envID, id string) (User, error)
	// UsersByID answers those of the users that exist, in no particular order. At most 1,000 ids.
	UsersByID(ctx context.Context, envID string, ids []string) ([]User, error)
	// UsersByUsername answers those of the users that exist, by folded username (see Fold). At most 1,000 names.
	UsersByUsername(ctx context.Context, envID string, folded []string) (map[string]User, error)
	// Users lists users in the order of their ids, after the id given, at most limit, narrowed by what of the filter the
	// columns can answer; the caller matches every row itself. root may be nil.
	Users(ctx context.Context, envID string, q UserQuery) ([]User, error)
	// CountUsers counts the users of an environment.
	CountUsers(ctx context.Context, envID string) (int64, error)
	// CountMatching counts the users whom a compiled filter leaves in UserQuery.Narrow; exact says that the filter matches them all.
	CountMatching(ctx context.Context, envID string, root filter.Node) (n int64, exact bool, err error)

	// Edit runs fn in one transaction: all of it is kept, or nothing. fn may be run again after a conflict and must not
	// have effects outside of tx.
	Edit(ctx context.Context, fn func(tx Tx) error) error
}

// UserQuery is one page of a walk over users.
type UserQuery struct {
	After  string      // the last id of the page before; "" = from the start
	Limit  int         // at most this many rows
	Narrow filter.Node // a necessary condition, compiled (canonical names); nil = none
}

// Tx is an edit in progress. Reads within it see its own writes.
type Tx interface {
	GroupTx

	Environment(ctx context.Context, id string) (Environment, error)
	InsertEnvironment(ctx context.Context, e Environment) error
	UpdateEnvironment(ctx context.Context, e Environment) error
	// Environments lists all environments, oldest first, and keeps others from adding one until the transaction ends.
	Environments(ctx context.Context) ([]Environment, error)

	// LockEnvironment keeps populations and attributes of an environment as they are until the transaction ends; exclusive also
	// keeps everybody else from editing users or either of them. It comes before anything else that an edit reads: who waits for
	// it must hold nothing that others wait for.
	LockEnvironment(ctx context.Context, envID string, exclusive bool) error

	// Population, PopulationByName and DefaultPopulation do not count users; CountPopulation does.
	Population(ctx context.Context, envID, id string) (Population, error)
	PopulationByName(ctx context.Context, envID, name string) (Population, error)
	DefaultPopulation(ctx context.Context, envID string) (Population, error)
	CountPopulation(ctx context.Context, envID, id string) (int64, error)
	InsertPopulation(ctx context.Context, p Population) error
	UpdatePopulation(ctx context.Context, p Population) error // also moves the default flag: at most one is the default
	DeletePopulation(ctx context.Context, envID, id string) error

	CustomAttributes(ctx context.Context, envID string) ([]Attribute, error)
	InsertAttribute(ctx context.Context, a Attribute) error
	UpdateAttribute(ctx context.Context, a Attribute) error
	// DeleteAttribute ends a declaration; it keeps its name until PurgeAttribute, which may come twice.
	DeleteAttribute(ctx context.Context, envID, id string) error
	DeletedAttributes(ctx context.Context, envID string) ([]Attribute, error)
	PurgeAttribute(ctx context.Context, envID, id string) error

	User(ctx context.Context, envID, id string) (User, error)
	UsersByUsername(ctx context.Context, envID string, folded []string) (map[string]User, error)
	// Holders answers who holds each of the values of a unique attribute: the user's id, or "" for nobody.
	Holders(ctx context.Context, a Attribute, values []any) ([]string, error)
	// InsertUsers and UpdateUsers write many rows with few statements. A username that is taken is ErrUsernameTaken, the value of
	// a unique attribute that somebody else holds is ErrValueTaken.
	InsertUsers(ctx context.Context, users []User) error
	UpdateUsers(ctx context.Context, users []User) error
	DeleteUser(ctx context.Context, envID, id string) error

	// Append adds to the log. It is the last thing an edit does: on PostgreSQL it takes the environment's place in the
	// order of commits, and holds it until the end of the transaction.
	Append(ctx context.Context, activities []Activity) error
}
