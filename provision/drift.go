package provision

import (
	"slices"
	"strings"
	"time"

	"lockstep/directory"
)

// The settings of the drift scan, of every target. Ours: PingOne looks at a target only when somebody asks for a full resync.
const (
	KeyDriftHandling  = "DRIFT_HANDLING"
	KeyDriftScanHours = "DRIFT_SCAN_HOURS"
	KeyDriftReadShare = "DRIFT_READ_SHARE" // percent of the target's read budgets
)

// DriftHandling is what is done about changes that others make on a target.
type DriftHandling string

// The ways to handle drift.
const (
	DriftOff    DriftHandling = "Off"    // nobody looks for it; a reconciliation writes what differs, as ever
	DriftReport DriftHandling = "Report" // shown, and left until an administrator decides or the source changes
	DriftRepair DriftHandling = "Repair" // shown, and repaired
)

const (
	defaultScanHours = 6.0
	defaultReadShare = 25.0
)

var quarterOfAnHour, one = 0.25, 1.0

// DriftFields are the settings of the drift scan in the description of a type of connection.
func DriftFields() []Field {
	return []Field{
		{Key: KeyDriftHandling, Label: "Drift", Kind: FieldText, Default: string(DriftRepair), Allowed: []string{string(DriftOff), string(DriftReport), string(DriftRepair)},
			Help: "What to do when somebody changes on the target what Lockstep manages: Report shows it and leaves it until you decide, Repair shows it and puts it right, Off does not look for it."},
		{Key: KeyDriftScanHours, Label: "Hours between drift scans", Kind: FieldNumber, Default: defaultScanHours, Minimum: &quarterOfAnHour,
			Help: "How often the target is read for changes that others made. A full reconciliation counts as a scan."},
		{Key: KeyDriftReadShare, Label: "Drift scan, percent of reads", Kind: FieldNumber, Default: defaultReadShare, Minimum: &one, Maximum: &everybody,
			Help: "The most that a scheduled scan takes of the target's limits on reading."},
	}
}

// DriftSettings is how a connection looks for drift.
type DriftSettings struct {
	Handling  DriftHandling
	Every     time.Duration
	ReadShare float64 // of the read budgets, above 0 and at most 1
}

// DriftSettingsOf reads the settings of a connection whose defaults are filled in. A type without the setting is not scanned.
func DriftSettingsOf(c *Connection) DriftSettings {
	out := DriftSettings{
		Handling: DriftOff, Every: time.Duration(c.Number(KeyDriftScanHours, defaultScanHours) * float64(time.Hour)),
		ReadShare: c.Number(KeyDriftReadShare, defaultReadShare) / everybody,
	}
	for _, handling := range []DriftHandling{DriftReport, DriftRepair} {
		if strings.EqualFold(c.Text(KeyDriftHandling), string(handling)) {
			out.Handling = handling
		}
	}
	return out
}

// What of an object has drifted, beside the names of its attributes.
const (
	DriftActive  = "active"  // deactivated there, or activated
	DriftAccount = "account" // the account, or the group, does not exist there any more
	DriftMembers = "members" // somebody was added to a group there, or taken out
)

// DriftStatus is what became of a drift.
type DriftStatus string

// The statuses. The first three are live: the plan looks at them.
const (
	DriftOpen      DriftStatus = "OPEN"      // found
	DriftRepairing DriftStatus = "REPAIRING" // an administrator wants it repaired
	DriftAccepted  DriftStatus = "ACCEPTED"  // an administrator takes the target's value as good
	DriftRepaired  DriftStatus = "REPAIRED"  // our value is there again, and we wrote it
	DriftEnded     DriftStatus = "ENDED"     // nothing differs any more, or the source wants something else by now
)

// Live reports whether the drift is still there, as far as is known.
func (s DriftStatus) Live() bool { return s == DriftOpen || s == DriftRepairing || s == DriftAccepted }

// DriftKept is how long a drift is shown after its end.
const DriftKept = 30 * 24 * time.Hour

// Drift is one thing that somebody changed on a target although we manage it. There is at most one live drift an object, attribute
// and member.
type Drift struct {
	ID            string         `json:"id"`
	EnvironmentID string         `json:"environmentId"`
	ConnectionID  string         `json:"connectionId"`
	Kind          directory.Kind `json:"kind"`
	ObjectID      string         `json:"objectId"`
	ObjectName    string         `json:"objectName"`
	RuleID        string         `json:"ruleId,omitempty"`
	RemoteID      string         `json:"remoteId"`
	Attribute     string         `json:"attribute"`            // the target's name, or DriftActive, DriftAccount, DriftMembers
	Member        string         `json:"member,omitempty"`     // of DriftMembers: the member's id on the target
	MemberName    string         `json:"memberName,omitempty"` // and what people call them
	Ours          any            `json:"ours"`                 // what we want there; nil = no value
	Theirs        any            `json:"theirs"`               // what is there; nil = no value
	Before        any            `json:"before"`               // what was there when we looked last
	Basis         string         `json:"basis,omitempty"`      // of DriftAccount: what we wanted of the account, as a fingerprint; of DriftActive: how the person stood
	How           string         `json:"how"`                  // how it was found, in a sentence
	Hurt          bool           `json:"hurt,omitempty"`       // deactivated by an update of ours
	Status        DriftStatus    `json:"status"`
	FoundAt       time.Time      `json:"foundAt"`
	DecidedBy     string         `json:"decidedBy,omitempty"`
	DecidedAt     time.Time      `json:"decidedAt,omitzero"`
	EndedAt       time.Time      `json:"endedAt,omitzero"`
}

// Key tells apart what an object can drift in.
func (d *Drift) Key() string { return d.Attribute + "\x00" + d.Member }

// Tidy gives values back the type they were found with, after JSON.
func (d *Drift) Tidy() {
	for _, v := range []*any{&d.Ours, &d.Theirs, &d.Before} {
		list, ok := (*v).([]any)
		if !ok {
			continue
		}
		texts := make([]string, 0, len(list))
		for _, e := range list {
			if s, ok := e.(string); ok {
				texts = append(texts, s)
			}
		}
		*v = texts
	}
}

// Drifts are the live drifts of one object.
type Drifts []Drift

// Of answers the drift in an attribute, or nil.
func (l Drifts) Of(attribute string) *Drift {
	i := slices.IndexFunc(l, func(d Drift) bool { return d.Attribute == attribute && d.Member == "" })
	if i < 0 {
		return nil
	}
	return &l[i]
}

// OfMember answers the drift of a group in one member, or nil.
func (l Drifts) OfMember(remoteID string) *Drift {
	i := slices.IndexFunc(l, func(d Drift) bool { return d.Attribute == DriftMembers && d.Member == remoteID })
	if i < 0 {
		return nil
	}
	return &l[i]
}

// Stays reports whether the target's value is left as it is: it was accepted, or, where drift is only reported, nobody has decided.
// That goes for the value that was found as long as we want what we wanted then. What an update of ours did is always put right.
func (d *Drift) Stays(report bool, ours, theirs any) bool {
	return d != nil && (d.Status == DriftAccepted || report && d.Status == DriftOpen && !d.Hurt) && SameValue(d.Ours, ours) && SameValue(d.Theirs, theirs)
}

// DriftQuery narrows a list of drifts. Empty fields do not narrow.
type DriftQuery struct {
	EnvironmentID string
	ConnectionID  string
	RuleID        string
	ObjectID      string
	Status        DriftStatus
	Live          bool // only live ones
	Attribute     string
	After         string // the last id of the page before
	Limit         int
}

// DriftDecision is what an administrator decides about drifts: DriftRepairing or DriftAccepted.
type DriftDecision struct {
	EnvironmentID string
	ConnectionID  string
	IDs           []string // none: all open ones of the connection
	Status        DriftStatus
	By            string
	At            time.Time
	Line          func(d *Drift) directory.Activity
}

// DriftCounts is how many drifts there are.
type DriftCounts struct {
	Open     int64 // found and not settled, those that are being repaired among them
	Accepted int64
}
