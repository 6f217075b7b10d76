package provision

import (
	"time"

	"lockstep/directory"
)

// PreviewFor is how long a preview is kept, and can be published.
const PreviewFor = 4 * time.Hour

// PreviewQuery says what is to be previewed: a rule, or all rules of a connection.
type PreviewQuery struct {
	ConnectionID string // needed without a rule
	RuleID       string // "": all active rules of the connection
	UserID       string // "": everybody
	// Overwrite previews a revision that agrees to groups being overwritten.
	Overwrite bool
}

// Preview is what a rule, or all rules of a connection, would do with the next revision. What it foresees is kept beside it.
type Preview struct {
	ID            string    `json:"id"`
	EnvironmentID string    `json:"environmentId"`
	ConnectionID  string    `json:"connectionId"`
	RuleID        string    `json:"ruleId,omitempty"` // "": all active rules of the connection
	Overwrite     bool      `json:"overwrite,omitempty"`
	CreatedAt     time.Time `json:"createdAt"`
	ExpiresAt     time.Time `json:"expiresAt"`
	Summary       Summary   `json:"summary"`
	// Guard says why the mass-deprovision guard would hold the operations that take access away; "" = it would not.
	Guard string `json:"guard,omitempty"`
	// GuardGroups says why it would hold that members are taken out of groups; "" = it would not.
	GuardGroups string `json:"guardGroups,omitempty"`
	// Drafted says that what is previewed is not all published yet.
	Drafted bool `json:"drafted,omitempty"`
	// Others are the drafts that the next revision publishes too, and that the preview does not show.
	Others []string `json:"others,omitempty"`
	// Listed says that the target's accounts were read for it.
	Listed bool `json:"listed,omitempty"`
	// Unasked says why people without a known account could not be looked up on the target: some of them may be linked, not created.
	Unasked string `json:"unasked,omitempty"`
	Inputs  Inputs `json:"inputs"`
}

// Inputs is what a preview was made from: when all of it is as it was, what it foresees is what will be done.
type Inputs struct {
	Drafts     []DraftDigest `json:"drafts"`
	RevisionID string        `json:"revisionId"` // the newest revision
	Feed       int64         `json:"feed"`       // the newest edit of the directory
	Known      string        `json:"known"`      // a digest of what is known of the target's accounts
}

// PreviewGroup is the kind of what a preview foresees.
type PreviewGroup string

// The groups, in the order in which they are shown: what takes something away comes first.
const (
	ForeseenDisable   PreviewGroup = "DISABLE"
	ForeseenDelete    PreviewGroup = "DELETE"
	ForeseenEnable    PreviewGroup = "ENABLE"
	ForeseenUpdate    PreviewGroup = "UPDATE"
	ForeseenCreate    PreviewGroup = "CREATE"
	ForeseenWithheld  PreviewGroup = "WITHHELD"  // the connection's policy forbids it
	ForeseenLink      PreviewGroup = "LINK"      // an account that is there will be adopted
	ForeseenAmbiguous PreviewGroup = "AMBIGUOUS" // several accounts, or several people, match; nobody guesses
	ForeseenFailed    PreviewGroup = "FAILED"    // the person's data cannot be provisioned
	ForeseenForeign   PreviewGroup = "FOREIGN"   // on the target, and nobody's whom a rule covers
)

// PreviewGroups are all groups, operations first.
var PreviewGroups = []PreviewGroup{
	ForeseenDisable, ForeseenDelete, ForeseenEnable, ForeseenUpdate, ForeseenCreate, ForeseenWithheld,
	ForeseenLink, ForeseenAmbiguous, ForeseenFailed, ForeseenForeign,
}

// IsOperation reports whether what is in the group are operations on the target.
func (g PreviewGroup) IsOperation() bool {
	switch g {
	case ForeseenLink, ForeseenAmbiguous, ForeseenFailed, ForeseenForeign:
		return false
	default:
		return true
	}
}

// Foreseen is one thing that a preview shows: an operation, or an object about which there is none and why.
type Foreseen struct {
	Group      PreviewGroup `json:"group"`
	Operation  Operation    `json:"operation"` // without a verb where there is no operation
	Candidates []Candidate  `json:"candidates,omitempty"`
	// Barred says that the mass-deprovision guard has to let it pass first.
	Barred bool `json:"barred,omitempty"`
}

// Holds reports whether the mass-deprovision guard would hold what is foreseen.
func (p *Preview) Holds(f *Foreseen) bool {
	if f.Operation.Kind == directory.KindGroup {
		return f.Barred && p.GuardGroups != ""
	}
	return f.Barred && p.Guard != ""
}

// Candidate is an account on the target that may be somebody's.
type Candidate struct {
	RemoteID string `json:"remoteId"`
	Name     string `json:"name"`
	Active   bool   `json:"active"`
	LinkedTo string `json:"linkedTo,omitempty"` // whose it is already
	Kept     bool   `json:"kept,omitempty"`     // an administrator said that it stays foreign
}

// ForeseenQuery narrows what a preview shows. Empty fields do not narrow.
type ForeseenQuery struct {
	Groups []PreviewGroup
	Text   string // a part of a name, reason or value, without regard to case
	Limit  int
	// After is where the last page ended, within the groups in their order.
	After ForeseenPosition
}

// ForeseenPosition is a position among what a preview shows.
type ForeseenPosition struct {
	Group PreviewGroup
	Seq   int // how many of the group were passed
}

// PreviewPage is a part of what a preview shows, of one group.
type PreviewPage struct {
	Group PreviewGroup
	Page  int // 0, 1, 2, ...
	Items []Foreseen
}

// PreviewPageSize is how many items a page holds; the last of a group may hold fewer.
const PreviewPageSize = 500

// GroupOf says in which group an operation is shown.
func GroupOf(op *Operation) PreviewGroup {
	if op.Withheld != "" {
		return ForeseenWithheld
	}
	switch op.Verb {
	case VerbCreate:
		return ForeseenCreate
	case VerbEnable:
		return ForeseenEnable
	case VerbDisable:
		return ForeseenDisable
	case VerbDelete:
		return ForeseenDelete
	default:
		return ForeseenUpdate
	}
}

// Matches reports whether a text is in what is shown of an item; the text is in lower case.
func (f *Foreseen) Matches(text string) bool {
	if text == "" {
		return true
	}
	op := &f.Operation
	if contains(text, op.Object.Name, op.Why, op.Withheld, op.RemoteID) {
		return true
	}
	for _, c := range op.Changes {
		if contains(text, c.Attribute, textOf(c.From), textOf(c.To)) {
			return true
		}
	}
	if op.Members != nil && (contains(text, op.Members.Add...) || contains(text, op.Members.Remove...)) {
		return true
	}
	for _, c := range f.Candidates {
		if contains(text, c.Name, c.RemoteID, c.LinkedTo) {
			return true
		}
	}
	return false
}

// Kind says whether it is about a person or a group.
func (f *Foreseen) Kind() directory.Kind { return f.Operation.Kind }
