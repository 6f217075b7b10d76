package provision

import (
	"fmt"
	"time"

	"lockstep/directory"
)

// Verb is what an operation does.
type Verb string

// The verbs.
const (
	VerbCreate  Verb = "create"
	VerbUpdate  Verb = "update"
	VerbEnable  Verb = "enable"
	VerbDisable Verb = "disable"
	VerbDelete  Verb = "delete"
)

// Operation is one thing to do on a target, as data: it can be shown before it is done, withheld, counted and audited.
type Operation struct {
	Verb     Verb
	Kind     directory.Kind
	Object   Object
	RemoteID string
	Changes  []directory.AttributeChange // sorted by attribute
	Members  *MemberChange               // of groups; nil = none
	Why      string
	Withheld string // why it is not done (policy); "" = it is to be done
}

// Object names a directory object for people.
type Object struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Result is what became of one operation.
type Result struct {
	Operation Operation
	Remote    *Remote // what the target answered, if anything
	Fault     *Fault  // nil = done
	At        time.Time
}

// FaultKind is how the engine has to react to a fault. Connectors classify, the engine decides.
type FaultKind string

// The five faults (ARCHITECTURE §5).
const (
	Transient FaultKind = "TRANSIENT" // again, not before RetryAfter
	Rejected  FaultKind = "REJECTED"  // this object's data is refused: show it, do not hammer
	Taken     FaultKind = "TAKEN"     // the identifier exists: look up, verify, adopt or report
	Gone      FaultKind = "GONE"      // the account we knew does not exist: forget the link, plan again
	Halted    FaultKind = "HALTED"    // credentials or configuration: stop the connection
)

// Fault is a classified failure. Message and Hint are plain sentences; they never carry a secret or a raw body.
type Fault struct {
	Kind       FaultKind     `json:"kind"`
	Code       string        `json:"code"` // the target's own code, or ours: "email_taken", "timeout"
	Message    string        `json:"message"`
	Hint       string        `json:"hint,omitempty"`       // the next step
	Attribute  string        `json:"attribute,omitempty"`  // the target attribute at fault, where that is known
	RemoteID   string        `json:"remoteId,omitempty"`   // of a Taken: who holds the identifier, where the target says so
	HTTPStatus int           `json:"httpStatus,omitempty"` // 0: no answer
	RetryAfter time.Duration `json:"retryAfter,omitempty"` // at least this long; 0 = not said
	// Throttled lists the budgets that the target says are spent; empty when the wait concerns this object only.
	Throttled []string `json:"throttled,omitempty"`
	// Members are those of a group whom the target refused, by its ids.
	Members []string `json:"members,omitempty"`
	// Unanswered says that the call may have taken effect although no answer came.
	Unanswered bool `json:"unanswered,omitempty"`
}

func (f *Fault) Error() string {
	if f.Hint == "" {
		return f.Message
	}
	return fmt.Sprintf("%s; %s", f.Message, f.Hint)
}

// Check is one named step of a connection test.
type Check struct {
	Name    string `json:"name"`
	Status  string `json:"status"` // OK, FAILED, WARNING, SKIPPED
	Message string `json:"message"`
	Hint    string `json:"hint"`
	// RetryAfter is how long the target asks to be left alone, for whoever tests again by itself; 0 = not said.
	RetryAfter time.Duration `json:"-"`
}

// The statuses of a Check.
const (
	CheckOK      = "OK"
	CheckFailed  = "FAILED"
	CheckWarning = "WARNING"
	CheckSkipped = "SKIPPED"
)
