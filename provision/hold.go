package provision

import (
	"time"

	"lockstep/directory"
)

// The mass-deprovision guard's settings, of every target. Ours: PingOne has no such guard.
const (
	KeyDeprovisionShare = "DEPROVISION_LIMIT_SHARE" // percent of the people with access; 100 = no guard
	KeyDeprovisionCount = "DEPROVISION_LIMIT_COUNT"
)

// GuardWindow is how long a deprovisioning counts towards the guard's limits.
const GuardWindow = time.Hour

// HoldFor is how long a hold waits for a decision. After it, what is held counts as rejected: nobody loses access by silence.
const HoldFor = 7 * 24 * time.Hour

const (
	defaultShare = 10.0
	defaultCount = 5.0
)

var none, everybody = 0.0, 100.0

// GuardFields are the guard's settings in the description of a type of connection.
func GuardFields() []Field {
	return []Field{
		{Key: KeyDeprovisionShare, Label: "Deprovisioning limit, percent", Kind: FieldNumber, Default: defaultShare, Minimum: &none, Maximum: &everybody,
			Help: "When more than this share of the people with access, and more than the number below, would lose it within an hour, an administrator is asked first. 100 switches the guard off."},
		{Key: KeyDeprovisionCount, Label: "Deprovisioning limit, people", Kind: FieldNumber, Default: defaultCount, Minimum: &none,
			Help: "So many within an hour lose access without a question, whatever share they are."},
	}
}

// DeprovisionLimits says how much deprovisioning goes on by itself: a share (percent) of the people with access, and a number. What
// exceeds both is held.
type DeprovisionLimits struct {
	Share float64 `json:"share"`
	Count float64 `json:"count"`
}

// DeprovisionLimitsOf reads the limits of a connection.
func DeprovisionLimitsOf(c *Connection) DeprovisionLimits {
	return DeprovisionLimits{Share: c.Number(KeyDeprovisionShare, defaultShare), Count: c.Number(KeyDeprovisionCount, defaultCount)}
}

// Off reports whether nothing is ever held.
func (l DeprovisionLimits) Off() bool { return l.Share >= everybody }

// OverCount reports whether n is more than goes on whatever share it is.
func (l DeprovisionLimits) OverCount(n int64) bool { return !l.Off() && float64(n) > l.Count }

// OverShare reports whether n of so many people with access are more than the share.
func (l DeprovisionLimits) OverShare(n, people int64) bool {
	return !l.Off() && float64(n)*everybody > l.Share*float64(people)
}

// Above reports whether the limits let more through than the others.
func (l DeprovisionLimits) Above(others DeprovisionLimits) bool {
	return l.Share > others.Share || l.Count > others.Count
}

// TakesAccess reports whether a person loses access by the operation: it passes the mass-deprovision guard first.
func (op Operation) TakesAccess() bool {
	return op.Kind == directory.KindUser && (op.Verb == VerbDisable || op.Verb == VerbDelete)
}

// GateState is where a row stands at the mass-deprovision guard.
type GateState string

// The states. A row whose plan takes nobody's access away has none.
const (
	GateNone     GateState = ""
	GateWaiting  GateState = "WAITING"  // not yet counted
	GatePassed   GateState = "PASSED"   // below the limits
	GateHeld     GateState = "HELD"     // an administrator decides
	GateApproved GateState = "APPROVED" // decided: it may be done
	GateRejected GateState = "REJECTED" // decided: it is not done
)

// Gate is a row at the mass-deprovision guard.
type Gate struct {
	State  GateState
	Why    string // why access is to be taken away. A decision is good for this reason, and no other
	Said   string // who decided, in a sentence; "" = nobody
	HoldID string // the hold that it is part of
}

// Lets reports whether access may be taken away for this reason.
func (g *Gate) Lets(why string) bool {
	return g.State == GatePassed || g.State == GateApproved && g.Why == why
}

// Refuses reports whether it was decided that access stays, as far as this reason goes.
func (g *Gate) Refuses(why string) bool { return g.State == GateRejected && g.Why == why }

// GateCounts is how many rows of a connection stand where at the guard. Done were carried out lately without a decision.
type GateCounts struct{ Waiting, Passed, Held, Done int64 }

// HoldStatus says what became of a hold.
type HoldStatus string

// The statuses of a hold. When its rows are decided in parts, the last decision is the hold's.
const (
	HoldOpen     HoldStatus = "OPEN"
	HoldApproved HoldStatus = "APPROVED"
	HoldRejected HoldStatus = "REJECTED"
	HoldExpired  HoldStatus = "EXPIRED" // nobody decided in time: as rejected
	HoldLifted   HoldStatus = "LIFTED"  // the limits were raised, or nobody would lose access any more
)

// DeprovisionHold is the deprovisionings of a connection that wait for a decision, because they are too many at once.
type DeprovisionHold struct {
	ID            string            `json:"id"`
	EnvironmentID string            `json:"environmentId"`
	ConnectionID  string            `json:"connectionId"`
	Status        HoldStatus        `json:"status"`
	Cause         string            `json:"cause"` // what would take access away from how many, and whose edit it was
	CreatedAt     time.Time         `json:"createdAt"`
	ExpiresAt     time.Time         `json:"expiresAt"`
	DecidedAt     time.Time         `json:"decidedAt,omitzero"`
	DecidedBy     string            `json:"decidedBy,omitempty"`
	Limits        DeprovisionLimits `json:"limits"` // as they were when it was opened
	Held          int64             `json:"-"`      // how many rows it has now
}

// HeldOperation is one operation of a hold.
type HeldOperation struct {
	AccountID string
	RuleID    string
	Operation Operation
	Cause     string // what made it due
}

// HoldDecision is what is decided about a hold, or about some of its objects.
type HoldDecision struct {
	HoldID  string
	Status  HoldStatus // HoldApproved, HoldRejected, HoldExpired
	Objects []string   // none: all that are held
	By      string
	Said    string // for the rows
	At      time.Time
	// Line is the activity that tells of the decision. left is how many stay held.
	Line func(h DeprovisionHold, decided, left int64) directory.Activity
}

// WaitingCause is a cause of rows that wait at the guard, with how many have it and the object of one of them.
type WaitingCause struct {
	Cause    string
	Rows     int64
	ObjectID string
}
