package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"

	"lockstep/provision"
)

// basisVersion is raised when Group decides otherwise about the same: what rests by the version before is planned once more.
const basisVersion = 1

// MemberDigest says in eight bytes all that Group looks at of a member who waits for nothing. It is never 0.
func MemberDigest(m *provision.WantedMember) uint64 {
	text := make([]byte, 0, 128)
	text = appendText(appendText(text, m.ObjectID), m.RemoteID)
	if m.Asleep {
		text = append(text, 1)
	}
	sum := sha256.Sum256(text)
	return max(1, binary.BigEndian.Uint64(sum[:]))
}

// RemoteDigest says in 32 bytes all that Group looks at of a group on its target. Neither the order of its members matters, nor who is
// named twice. It is empty when that cannot be told.
func RemoteDigest(r *provision.Remote) string {
	raw, err := json.Marshal(r.Attributes) // maps are marshalled in order
	if err != nil {
		return ""
	}
	members := r.Members
	if !slices.IsSorted(members) {
		members = slices.Sorted(slices.Values(members))
	}
	text := make([]byte, 0, 256+16*len(members))
	text = appendText(appendText(appendText(text, r.ID), r.Protected), string(raw))
	for i, id := range members {
		if i == 0 || id != members[i-1] {
			text = appendText(text, id)
		}
	}
	sum := sha256.Sum256(text)
	return string(sum[:])
}

// GroupBasis says what the plan of a group was made of that left nothing to do: the same basis means the same plan, so that nobody has to
// make it. members are the digests of those who are wanted, in the order of their ids; remote is the RemoteDigest. It is empty when it cannot
// be told. Whose the members are who are there is not in it: a plan that leaves nothing to do keeps all of them.
func GroupBasis(want *provision.Desired, have *provision.Account, remote string, members []uint64, consent bool, policy GroupPolicy) string {
	raw, err := json.Marshal([]any{
		basisVersion, want.Name, want.RuleID, want.InScope, want.Active, want.Leave, want.Attributes, want.CreateOnly, want.Clear, have.Ownership, consent, policy,
	})
	if err != nil || remote == "" {
		return ""
	}
	text := make([]byte, 0, len(raw)+len(remote)+8*len(members)+16)
	text = appendText(appendText(text, string(raw)), remote)
	for _, m := range members {
		text = binary.BigEndian.AppendUint64(text, m)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// appendText writes how long a text is before it: no two lists of texts are written alike.
func appendText(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}
