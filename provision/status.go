package provision

import "time"

// Summary counts the operations of a preview.
type Summary struct {
	Create       int64 `json:"create"`
	Update       int64 `json:"update"`
	Enable       int64 `json:"enable"`
	Disable      int64 `json:"disable"`
	Delete       int64 `json:"delete"`
	MemberAdd    int64 `json:"memberAdd"`
	MemberRemove int64 `json:"memberRemove"`
	Unchanged    int64 `json:"unchanged"`
	Withheld     int64 `json:"withheld"`
	Held         int64 `json:"held"`      // of the operations counted above: those that the mass-deprovision guard would hold
	Link         int64 `json:"link"`      // accounts that are there and will be adopted
	Ambiguous    int64 `json:"ambiguous"` // people of whom nobody guesses which account is theirs
	Failed       int64 `json:"failed"`    // people whose data cannot be provisioned
	Foreign      int64 `json:"foreign"`   // accounts on the target that are nobody's whom a rule covers
}

// Count adds one operation.
func (s *Summary) Count(op Operation) {
	if op.Withheld != "" {
		s.Withheld++
		return
	}
	if op.Members != nil {
		s.MemberAdd += int64(len(op.Members.Add))
		s.MemberRemove += int64(len(op.Members.Remove))
	}
	switch op.Verb {
	case VerbCreate:
		s.Create++
	case VerbUpdate:
		s.Update++
	case VerbEnable:
		s.Enable++
	case VerbDisable:
		s.Disable++
	case VerbDelete:
		s.Delete++
	}
}

// RuleState says what a rule is doing.
type RuleState string

// The states of a rule. Idle means that nothing is due.
const (
	StateInactive RuleState = "INACTIVE"
	StateIdle     RuleState = "IDLE"
	StateSyncing  RuleState = "SYNCING"
	StatePaused   RuleState = "PAUSED"
	StateHeld     RuleState = "HELD"
	StateHalted   RuleState = "HALTED"
)

// RuleStatus is a rule's sync status and summaries.
type RuleStatus struct {
	State      RuleState
	Users      Counts
	Groups     Counts
	Progress   Progress
	LastSyncAt time.Time
	Drift      DriftCounts
	Lingering  int64     // people of Users.Pending who keep access for the grace period; nothing is due about them
	NextLeaves time.Time // when the first of them loses it
	Details    string    // why it is halted, paused or inactive, in a sentence
}

// Progress is how far a rule has come towards being in step.
type Progress struct {
	Done          int64
	Total         int64
	RatePerMinute float64 // operations lately
	ETASeconds    int64   // 0 when it cannot be told
}

// Trace is what provisioning on demand did, step by step.
type Trace struct {
	Steps      []Step      `json:"steps"`
	Operations []Operation `json:"-"`
	Result     SyncStatus  `json:"result"`
	Detail     string      `json:"detail,omitempty"`
}

// Step is one step of a Trace: scope, mapping, match, operations, result.
type Step struct {
	Name   string `json:"name"`
	Status string `json:"status"` // OK, SKIPPED, FAILED
	Detail string `json:"detail"`
	Data   any    `json:"data,omitempty"`
}

// Event is something that happened, for those who watch.
type Event struct {
	Type          string
	EnvironmentID string
	ConnectionID  string
	RuleID        string
	Data          any
	At            time.Time
}
