package provision

import (
	"errors"
	"time"

	"lockstep/directory"
)

// The store's answers that the engine reacts to.
var (
	// ErrLinked says that a remote account is tied to another object already.
	ErrLinked = errors.New("the account on the target is linked to somebody else")
	// ErrLeased says that another process runs the connection.
	ErrLeased = errors.New("another process runs this connection")
)

// RunnerState is what one connection's runner remembers between slices, restarts and replicas.
type RunnerState struct {
	EnvironmentID string
	ConnectionID  string
	Cursor        int64  // the feed is read up to here
	RevisionID    string // the revision that the rows were evaluated against
	Paused        bool
	Resync        string    // why a full reconciliation was asked for; "" = it was not
	Halt          *Halt     // nil: not halted
	Trip          *Trip     `json:"-"` // nil: the tripwire has not stopped it; kept apart, as administrators write it
	ScannedAt     time.Time // when the target was last listed to the end
	ResumedAt     time.Time // when an administrator last let it go on after the tripwire
	// Quarantine: the target fails again and again; nil = it does not.
	Quarantine *Quarantine
	Sweep      Sweep
	// Visiting lists the objects about which calls may be under way. Whoever takes over after a crash reads them first: what is
	// known of them may be behind what the target did.
	Visiting      []string
	Budgets       map[string]float64 // tokens left when the last slice ended
	BudgetsAt     time.Time
	Working       bool                 // a runner is at work, or died at it: then nobody knows what is left of the budgets
	NotBefore     map[string]time.Time // by budget: the target wants to be left alone until then
	LastSyncAt    time.Time            // the last operation that succeeded, or the last reconciliation that found nothing to do
	WaitingSince  time.Time            // since when somebody waits at the mass-deprovision guard; zero = nobody does
	Owner         string
	LeasedUntil   time.Time
	Term          int64
	Done          int64   // operations done since the connection was last idle
	RatePerMinute float64 // operations a minute, lately
}

// Halt says why a connection writes nothing, and when it is probed next.
type Halt struct {
	Fault    *Fault    `json:"fault"`
	Since    time.Time `json:"since"`
	ProbeAt  time.Time `json:"probeAt"`
	Attempts int       `json:"attempts"`
}

// Quarantine says why a target is called seldom, and when it is called next.
type Quarantine struct {
	Fault    *Fault    `json:"fault"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Attempts int       `json:"attempts"`
}

// Sweep is a full reconciliation in progress. It survives a crash: it goes on after Cursor.
type Sweep struct {
	ID        string          `json:"id,omitempty"` // "" = none in progress
	Phase     SweepPhase      `json:"phase,omitempty"`
	List      bool            `json:"list,omitempty"` // list the target first
	Scan      bool            `json:"scan,omitempty"` // a drift scan: it takes its share of the read budgets only
	Cause     string          `json:"cause,omitempty"`
	Origin    directory.Cause `json:"origin,omitzero"`  // whose revision or request it is
	Cursor    string          `json:"cursor,omitempty"` // the last user evaluated
	Evaluated int64           `json:"evaluated,omitempty"`
	Total     int64           `json:"total,omitempty"`
	StartedAt time.Time       `json:"startedAt,omitzero"`
	// A listing that fails is tried again at RetryAt.
	Fault    *Fault    `json:"fault,omitempty"`
	Attempts int       `json:"attempts,omitempty"`
	RetryAt  time.Time `json:"retryAt,omitzero"`
}

// SweepPhase is a step of a full reconciliation.
type SweepPhase string

// The steps, in order.
const (
	SweepList  SweepPhase = "LIST"  // read the target's accounts
	SweepWalk  SweepPhase = "WALK"  // evaluate every user
	SweepAfter SweepPhase = "AFTER" // rows whose object is gone
	SweepGroup SweepPhase = "GROUP" // every group that a rule carries, or carried
)

// AccountQuery narrows a list of accounts. Empty fields do not narrow.
type AccountQuery struct {
	EnvironmentID string
	ConnectionID  string
	RuleID        string
	Kind          directory.Kind
	ObjectID      string
	Status        SyncStatus
	Ownership     Ownership
	FaultCode     string
	Name          string // a part of the object's name or of the target's, without regard to case
	After         string // the last id of the page before
	Limit         int
}

// FailureCause is why objects of a rule fail, and how many do for it.
type FailureCause struct {
	Fault   Fault // of one of them
	Objects int64
	Example Object
	Kind    directory.Kind // of the example
}

// RetryQuery says what is tried again. Empty fields do not narrow.
type RetryQuery struct {
	Code     string // of the fault
	ObjectID string
}

// KeptForeign is an account on a target of which an administrator said that it stays nobody's.
type KeptForeign struct {
	RemoteID string
	By       string
	At       time.Time
}

// Counts is how many objects of a rule stand where.
type Counts struct {
	Impacted, Success, Unsynced, Partial, Failed, Pending int64
}
