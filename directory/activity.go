package directory

import "time"

// Activity is one line of the append-only log: who did what to which object, and why. The edits of users, groups,
// populations and attributes among them are the feed that the engine follows.
type Activity struct {
	Seq           int64 // set by the store; strictly rising in the order of commits within an environment
	ID            string
	EnvironmentID string
	RecordedAt    time.Time
	Type          string // PingOne's action types: USER.CREATED, PROVISIONING_RULE.UPDATED, PROVISIONING_IDENTITY_SYNC.FAILURE, ...
	Actor         Actor
	CorrelationID string
	Kind          Kind // the object
	ObjectID      string
	ObjectName    string
	ConnectionID  string // of provisioning activities, where there is one
	RuleID        string
	Success       bool
	Description   string            // a sentence: what happened and why
	Cause         Cause             // what made Lockstep do it by itself; zero where the actor did it
	Changes       []AttributeChange // before and after, where attributes changed
}

// AttributeChange is one attribute's value before and after; nil is "no value".
type AttributeChange struct {
	Attribute string `json:"attribute"`
	From      any    `json:"from"`
	To        any    `json:"to"`
}

// Made is the difference to nothing: before there was no value.
func Made(changes []AttributeChange) []AttributeChange {
	for i := range changes {
		changes[i].From = nil
	}
	return changes
}

// Unmade is the difference to nothing: afterwards there is no value.
func Unmade(changes []AttributeChange) []AttributeChange {
	for i := range changes {
		changes[i].To = nil
	}
	return changes
}

// Change is an Activity as the engine sees it: this object may stand differently now.
type Change struct {
	Seq      int64
	Type     string // the activity's
	Kind     Kind
	ObjectID string
	At       time.Time

	ActivityID    string
	CorrelationID string
	Actor         Actor
}

// Feed reports whether activities about this kind of object can change what should stand on a target.
func (k Kind) Feed() bool {
	switch k {
	case KindUser, KindGroup, KindPopulation, KindAttribute:
		return true
	default:
		return false
	}
}

// ActivityQuery narrows the log. Empty fields do not narrow.
type ActivityQuery struct {
	Before        int64 // numbers below this one; 0 = from the newest
	After         int64 // where the oldest come first: numbers above this one
	Type          string
	Kind          Kind
	ObjectID      string
	ConnectionID  string
	RuleID        string
	CorrelationID string
	Since, Until  time.Time // from, and before
	Limit         int
}

// Throughput is how many writes to targets there were in a span of time that begins at At.
type Throughput struct {
	At      time.Time
	Success int64
	Failed  int64
	Pending *int64 // the most objects that waited for a write at one time in the span; nil: nobody looked yet
}
