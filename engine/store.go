package engine

import (
	"context"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// Store is what the engine needs to remember. *store.DB satisfies it.
type Store interface {
	Source
	Accounts
	Runners
	Guard
	Groups
}

// Source is what the engine reads of the directory and of what is published.
type Source interface {
	Environments(ctx context.Context) ([]directory.Environment, error)
	CustomAttributes(ctx context.Context, envID string) ([]directory.Attribute, error)
	User(ctx context.Context, envID, id string) (directory.User, error)
	UsersByID(ctx context.Context, envID string, ids []string) ([]directory.User, error)
	Users(ctx context.Context, envID string, q directory.UserQuery) ([]directory.User, error)
	CountUsers(ctx context.Context, envID string) (int64, error)
	LatestRevision(ctx context.Context, envID string) (provision.Revision, error)
	// DeletedSince lists the rules whose deletion was carried out by revisions after the one given; after "" by any.
	DeletedSince(ctx context.Context, envID, revisionID string) ([]provision.Rule, error)
	Connection(ctx context.Context, envID, id string) (provision.Connection, error)
	// Rule, Rules and Mappings are the drafts.
	Rule(ctx context.Context, envID, id string) (provision.Rule, error)
	Rules(ctx context.Context, envID string) ([]provision.Rule, error)
	Mappings(ctx context.Context, envID, ruleID string) ([]provision.Mapping, error)
	// Changes lists what the feed has after seq, oldest first.
	Changes(ctx context.Context, envID string, after int64, limit int) ([]directory.Change, error)
	// FeedHead is the seq of the newest feed entry; 0 when there is none.
	FeedHead(ctx context.Context, envID string) (int64, error)
}

// Accounts is the link table, which is also the work list.
type Accounts interface {
	// AccountsByObject answers the rows of those objects that have one.
	AccountsByObject(ctx context.Context, connectionID string, kind directory.Kind, objectIDs []string) ([]provision.Account, error)
	// AccountsByRemote answers the rows of those remote ids that are known.
	AccountsByRemote(ctx context.Context, connectionID string, kind directory.Kind, remoteIDs []string) ([]provision.Account, error)
	// News answers those of the listed accounts that are not known as they are, with their rows if there are any.
	News(ctx context.Context, connectionID string, kind directory.Kind, listed []provision.Remote) ([]provision.News, error)
	// CountRemote counts the rows that have a remote account.
	CountRemote(ctx context.Context, connectionID string, kind directory.Kind) (int64, error)
	// Unlinked answers the foreign rows that hold one of the match keys.
	Unlinked(ctx context.Context, connectionID string, kind directory.Kind, matchKeys []string) ([]provision.Account, error)
	// DueAccounts lists rows of users that are due at now, by priority, then by due time, except the objects named.
	DueAccounts(ctx context.Context, connectionID string, now time.Time, except []string, limit int) ([]provision.Account, error)
	// NextDue is the time of the next row that becomes due; zero when there is none.
	NextDue(ctx context.Context, connectionID string) (time.Time, error)
	// AccountPage lists rows in the order of their ids.
	AccountPage(ctx context.Context, q provision.AccountQuery) ([]provision.Account, error)
	Account(ctx context.Context, envID, id string) (provision.Account, error)
	// Orphans lists rows whose user no longer exists although the row is still linked or pending.
	Orphans(ctx context.Context, connectionID string, after string, limit int) ([]provision.Account, error)
	// CountAccounts counts the rows of a rule by status.
	CountAccounts(ctx context.Context, connectionID, ruleID string, kind directory.Kind) (provision.Counts, error)

	// Record commits rows and activities together. A row without ID is inserted (its id is set); a row that ties a remote
	// account which another row holds is provision.ErrLinked. Rows in remove are deleted in the same transaction, first.
	// A row that MarkDue marked since it was read stays due, with the cause of the mark; so does one that is Gone.
	Record(ctx context.Context, save []*provision.Account, remove []string, activities []directory.Activity) error
	// MarkDue makes rows due, of all objects whose row of the connection matches q.
	MarkDue(ctx context.Context, q provision.AccountQuery, at time.Time, priority provision.Priority, cause string) (int64, error)
	// Release ends the rows of a rule that was deleted without deprovisioning: they are kept as released and nobody's work.
	Release(ctx context.Context, connectionID, ruleID string) (int64, error)
}

// Runners is the state of each connection's runner, which moves with it between replicas.
type Runners interface {
	// Runner answers a connection's state; a connection that never ran has a zero state with its ids filled in.
	Runner(ctx context.Context, envID, connectionID string) (provision.RunnerState, error)
	RunnerStates(ctx context.Context, envID string) ([]provision.RunnerState, error)
	// Lease takes or renews the right to run a connection for the time given. It fails with provision.ErrLeased while another owner
	// holds it. A new owner has a higher Term.
	Lease(ctx context.Context, envID, connectionID, owner string, until, now time.Time) (provision.RunnerState, error)
	// Unlease gives the right back.
	Unlease(ctx context.Context, connectionID, owner string) error
	// SaveRunner keeps the state, except lease, pause and the resync request. It fails with provision.ErrLeased when owner no longer holds the lease.
	SaveRunner(ctx context.Context, owner string, s provision.RunnerState) error
	// SetPaused pauses or resumes a connection, and logs the line if that changes anything.
	SetPaused(ctx context.Context, envID, connectionID string, paused bool, line directory.Activity) error
	// RequestResync notes that a full reconciliation was asked for; it survives a crash until ClearResync.
	RequestResync(ctx context.Context, envID, connectionID, cause string) error
	// ClearResync drops the request that a reconciliation has just answered, unless another cause came in meanwhile.
	ClearResync(ctx context.Context, connectionID, cause string) error
}
