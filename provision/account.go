package provision

import (
	"maps"
	"slices"
	"time"

	"lockstep/directory"
)

// Ref names one object of the directory.
type Ref struct {
	Kind directory.Kind
	ID   string
}

// Attributes are an account's attributes by target name: string, bool, or []string. Empty text, an absent key and the
// target's null all mean "no value"; a connector's Normalizer leaves such keys out.
type Attributes map[string]any

// Equal reports whether one attribute has the same value in both.
func (a Attributes) Equal(b Attributes, name string) bool {
	return SameValue(a[name], b[name])
}

// SameValue compares two attribute values; nil, "" and an empty list are the same: no value.
func SameValue(x, y any) bool {
	if noValue(x) || noValue(y) {
		return noValue(x) && noValue(y)
	}
	if xs, ok := x.([]string); ok {
		ys, ok := y.([]string)
		return ok && slices.Equal(xs, ys)
	}
	if _, ok := y.([]string); ok {
		return false
	}
	return x == y
}

func noValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	default:
		return false
	}
}

// Names lists the attribute names in order.
func (a Attributes) Names() []string { return slices.Sorted(maps.Keys(a)) }

// Remote is what a target last reported about one of its accounts.
type Remote struct {
	ID         string     `json:"id"`
	Active     bool       `json:"active"`
	Attributes Attributes `json:"attributes,omitempty"`
	// Protected says why this account must never be written, in a sentence ("the workspace's primary owner"); "" = it may be.
	Protected string `json:"protected,omitempty"`
	// Members of a group, all of them, by their ids. They are kept apart from the row.
	Members []string `json:"-"`
}

// Ownership says whose a remote account is. Only managed and adopted accounts are ever written.
type Ownership string

// The kinds of ownership.
const (
	OwnershipNone Ownership = ""         // no remote account is known
	Managed       Ownership = "MANAGED"  // we created it
	Adopted       Ownership = "ADOPTED"  // it was there, matched a person, and was linked
	Foreign       Ownership = "FOREIGN"  // it is there and matches nobody whom a rule covers
	Released      Ownership = "RELEASED" // it was ours; its rule was deleted without deprovisioning
)

// SyncStatus is where an object stands on a connection, counted as PingOne counts (pingone-provisioning.md §3.5).
type SyncStatus string

// The sync statuses.
const (
	StatusNone     SyncStatus = ""         // no rule covers it, and nothing is to be done
	StatusPending  SyncStatus = "PENDING"  // something is to be done, or tried again soon
	StatusSuccess  SyncStatus = "SUCCESS"  // as wanted
	StatusUnsynced SyncStatus = "UNSYNCED" // no account, and none will be made (policy)
	StatusPartial  SyncStatus = "PARTIAL"  // an account that may be out of date (policy)
	StatusFailed   SyncStatus = "FAILED"   // the target or the data refuses it
)

// Phase says how far the making of an account has come, so that a crash or a lost answer never makes a second one.
type Phase string

// The phases.
const (
	PhaseNone     Phase = ""
	PhaseAbsent   Phase = "ABSENT"   // a listing or a look-up showed that the target has no such account
	PhaseCreating Phase = "CREATING" // a create was sent and not yet answered: look the object up before another one
)

// Priority orders due work: lower first.
type Priority int

// The priorities.
const (
	PriorityDeprovision Priority = 10 // somebody must lose access
	PriorityLive        Priority = 20 // an edit just made, or an administrator waits
	PriorityBackfill    Priority = 30 // reconciliation
)

// Account is what is known about one object on one connection. It is also the work list: a row with a DueAt is work.
// A row without ObjectID is a foreign account.
type Account struct {
	ID            string
	EnvironmentID string
	ConnectionID  string
	Kind          directory.Kind
	ObjectID      string
	ObjectName    string // what people call the object; outlives it
	RuleID        string // the rule that decides, or decided last
	InScope       bool   // a rule covers the object now
	Ownership     Ownership
	RemoteID      string
	MatchKey      string            // of unlinked remote accounts: the folded unique identifier, for adoption
	Remote        *Remote           // nil: never seen
	Assigned      map[string]Choice // values chosen because the wanted ones were taken
	Phase         Phase
	Status        SyncStatus
	Fault         *Fault // the last failure; nil after success
	Detail        string // why it stands like this, in a sentence
	Attempts      int    // failures in a row
	DueAt         time.Time
	Priority      Priority
	Cause         string          // what made it due, in a sentence: "username changed", "full resync by admin"
	Origin        directory.Cause // whose edit or request that was
	SyncedAt      time.Time
	UpdatedAt     time.Time
	Gate          Gate // at the mass-deprovision guard
	// DeprovisionedAt is when access was taken away last without a decision: what the guard counts.
	DeprovisionedAt time.Time
	// OutSince is since when no rule covers somebody who keeps access for the grace period; zero otherwise.
	OutSince time.Time
	// WaitsFor is who is to be referred to and has no account yet: what they are called, folded; "" = nobody.
	WaitsFor string
	// Marks counts how often the row was marked due from outside of its visits. Recording a row keeps it due if it was marked
	// since it was read.
	Marks int64
	// Leaving lists, of a group at the guard, the members whom it would lose, by the target's ids; sorted.
	Leaving []string
	// Basis says what the plan of a group was made of that left nothing to do (plan.GroupBasis); "" = it has to be planned to know.
	Basis string
	// Removed says, when the row is recorded, that so many members are about to be taken out without a decision.
	Removed int64
	// Gone says that nothing is left to remember: recording the row deletes it, unless it was marked since it was read.
	Gone bool
}

// News is a listed account that is not known as it was listed.
type News struct {
	Remote  *Remote
	Account *Account // what was known; nil: nothing
}

// Linked reports whether the row ties an object to a remote account that may be written.
func (a *Account) Linked() bool {
	return a.RemoteID != "" && (a.Ownership == Managed || a.Ownership == Adopted)
}

// Choice is a value that was used in place of the wanted one, which somebody else holds.
type Choice struct {
	Wanted string `json:"wanted"`
	Used   string `json:"used"`
}

// Desired is how one object should stand on one target: the outcome of scope, mapping and normalising.
type Desired struct {
	Ref     Ref
	Name    string // what people call the object
	Exists  bool   // it is in the directory
	InScope bool
	RuleID  string
	// Leave says that nothing may be done about the object now: its rule is not active, or was deleted without deprovisioning.
	Leave  bool
	Why    string // the scope decision in the administrator's words: `covered by rule "Staff"`, `left rule "Staff": …`
	Active bool   // meaningful in scope
	// Closed says that somebody whom no rule covers is disabled in the directory as well: no grace period keeps their access.
	Closed bool
	// InactiveWhy says why an object in scope is to be inactive ("disabled in the directory").
	InactiveWhy string
	// KeepActive says that whether it is to be active cannot be told (its mapping fails): neither enable nor disable.
	KeepActive bool
	Attributes Attributes // normalised; only what the mappings give
	CreateOnly []string   // of Attributes: sent on create only; sorted
	Clear      []string   // mapped attributes without a value that are to be cleared on the target; sorted
	WaitsFor   string     // who is to be referred to and has no account yet, folded
	Waits      string     // the same in a sentence
	Drifts     Drifts     // what others changed on the target, as far as it is not settled
	Problem    *Fault     // the object's data cannot be mapped; a Rejected the administrator can read
}
