package provision

import (
	"context"
	"time"

	"lockstep/directory"
)

// Store keeps what administrators configure. Reads see what is committed; an object that does not exist, or is deleted, is
// a problem.NotFound. Lists come in the order of creation.
type Store interface {
	Plans(ctx context.Context, envID string) ([]Plan, error)
	Plan(ctx context.Context, envID, id string) (Plan, error)
	Connections(ctx context.Context, envID string) ([]Connection, error) // with secrets
	Connection(ctx context.Context, envID, id string) (Connection, error)
	Rules(ctx context.Context, envID string) ([]Rule, error)
	Rule(ctx context.Context, envID, id string) (Rule, error)
	Mappings(ctx context.Context, envID, ruleID string) ([]Mapping, error)
	Mapping(ctx context.Context, envID, id string) (Mapping, error)
	// LatestRevision is a problem.NotFound when nothing was published yet.
	LatestRevision(ctx context.Context, envID string) (Revision, error)
	Revision(ctx context.Context, envID, id string) (Revision, error)
	// Revisions lists the newest first, without their snapshots, at most limit.
	Revisions(ctx context.Context, envID string, limit int) ([]Revision, error)

	// Tested is how a connection was last tested; a problem.NotFound when it was not.
	Tested(ctx context.Context, connectionID string) (Tested, error)

	// EditProvisioning runs fn in one transaction: all of it is kept, or nothing. fn may be run again after a conflict. One edit
	// runs at a time, so fn should not wait for anything else.
	EditProvisioning(ctx context.Context, fn func(tx Tx) error) error
}

// Tx is an edit in progress. Reads within it see its own writes.
type Tx interface {
	Plans(ctx context.Context, envID string) ([]Plan, error)
	SavePlan(ctx context.Context, p Plan) error // inserts or replaces
	DeletePlan(ctx context.Context, envID, id string) error

	Connections(ctx context.Context, envID string) ([]Connection, error)
	Connection(ctx context.Context, envID, id string) (Connection, error)
	SaveConnection(ctx context.Context, c Connection) error // settings and secrets as given: the whole of them
	DeleteConnection(ctx context.Context, envID, id string) error
	// SaveTested replaces how a connection was last tested; ForgetTested does when it says nothing any more.
	SaveTested(ctx context.Context, t Tested) error
	ForgetTested(ctx context.Context, connectionID string) error

	// Rules lists the rules of an environment; deleted ones that wait for a revision only when asked for.
	Rules(ctx context.Context, envID string, deleted bool) ([]Rule, error)
	Rule(ctx context.Context, envID, id string) (Rule, error)
	SaveRule(ctx context.Context, r Rule) error // a new rule's Position is set by the store
	PurgeRule(ctx context.Context, envID, id string) error

	Mappings(ctx context.Context, envID, ruleID string) ([]Mapping, error) // ruleID "": of all rules
	SaveMapping(ctx context.Context, m Mapping) error
	DeleteMapping(ctx context.Context, envID, id string) error
	DeleteMappings(ctx context.Context, envID, ruleID string) error

	// Consent notes that somebody agreed to groups being overwritten on a connection.
	Consent(ctx context.Context, connectionID string, groupIDs []string, by string, at time.Time) error

	// InsertRevision sets Number and PreviousID.
	InsertRevision(ctx context.Context, r *Revision) error

	// Append adds to the log, as directory.Tx.Append.
	Append(ctx context.Context, activities []directory.Activity) error
}
