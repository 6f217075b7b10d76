package provision

// KeyDeleteGroups is ours: a group that Lockstep made is deleted when no rule selects it any more.
const KeyDeleteGroups = "DELETE_GROUPS"

// The values of KeyGroupMembership, in PingOne's words.
const (
	MembershipMerge     = "Merge"     // members who are not ours stay
	MembershipOverwrite = "Overwrite" // exactly ours
)

// CodeOverwriteHeld is the fault code of a group that waits for somebody's consent to be overwritten.
const CodeOverwriteHeld = "overwrite_held"

// WantedMember is one person whom the directory wants in a group on a target.
type WantedMember struct {
	ObjectID string
	Name     string
	RemoteID string // their account; "" = they have none (yet)
	Asleep   bool   // the account is not active: it is neither added nor taken out
	Pending  bool   // the account is being made, or about to become active: the group is completed then
}

// KnownMember is one member of a group on a target.
type KnownMember struct {
	RemoteID string
	Present  bool // the target reported them
	Ours     bool // we put them there, or were about to when the answer was lost
}

// Members is who should be in a group on a target, and who is.
type Members struct {
	Wanted  []WantedMember
	Known   []KnownMember
	Consent bool // somebody agreed that members who are not ours are taken out
}

// MemberChange is what an operation does to a group's members, by the target's ids; sorted.
type MemberChange struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

// Size is the number of members that change.
func (m *MemberChange) Size() int {
	if m == nil {
		return 0
	}
	return len(m.Add) + len(m.Remove)
}

// MemberAccount is how one effective member of a group stands on a connection. Somebody whom no rule was ever found to cover has
// nothing but an id.
type MemberAccount struct {
	ObjectID  string
	Name      string
	InScope   bool
	RuleID    string // the rule that decides for them
	Ownership Ownership
	RemoteID  string
	Seen      bool // the target reported the account
	Active    bool
	Status    SyncStatus
}

// Wanted is the member as the plan needs them.
func (m *MemberAccount) Wanted() WantedMember {
	out := WantedMember{ObjectID: m.ObjectID, Name: m.Name}
	if m.RemoteID != "" && (m.Ownership == Managed || m.Ownership == Adopted) {
		out.RemoteID = m.RemoteID
		out.Asleep = !m.Active
	}
	out.Pending = m.Status == StatusPending && (out.RemoteID == "" || out.Asleep)
	return out
}

// Hold is a group that is not written before somebody agrees: it was on the target, and members who are not ours would go.
type Hold struct {
	Account   Account
	Operation Operation
	Leaving   []string // what the members are called who would go, in the order of Operation.Members.Remove
}
