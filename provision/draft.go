package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/internal/secret"
)

// Drafts is all that is drafted in an environment, in the order of creation: rules that were deleted and wait for a revision are
// among them, and connections have their secrets.
type Drafts struct {
	Plans       []Plan
	Connections []Connection
	Rules       []Rule
	Mappings    []Mapping
}

// Snapshot is what a revision would publish now. Of what the previous one carried out, deletions with deprovisioning are carried on:
// an object may come to its turn when later revisions are out.
func (d *Drafts) Snapshot(previous *Revision) Snapshot {
	out := Snapshot{Connections: slices.Clone(d.Connections), Mappings: d.Mappings}
	if len(d.Plans) > 0 {
		p := d.Plans[0]
		out.Plan = &p
	}
	for i := range out.Connections {
		out.Connections[i].Secrets, out.Connections[i].Grant = nil, nil
	}
	for _, r := range previous.Snapshot.Deleted {
		if r.DeprovisionOnDelete {
			out.Deleted = append(out.Deleted, r)
		}
	}
	for _, r := range d.Rules {
		if r.DeletedAt.IsZero() {
			out.Rules = append(out.Rules, r)
			continue
		}
		r.DeprovisionOnDelete = r.DeprovisionOnDelete && managed(out.Connections, r)
		out.Deleted = append(out.Deleted, r)
	}
	return out
}

// DraftDigest tells one drafted object from what it was.
type DraftDigest struct {
	Kind   directory.Kind `json:"kind"`
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Digest string         `json:"digest"`
}

func (d *DraftDigest) said() string { return fmt.Sprintf("%s %q", kindWords[d.Kind], d.Name) }

// Digests answers a digest of each drafted object. Whether the plan, the connection named and the rule named are switched on is
// not in it: a preview shows what they do once they are.
func (d *Drafts) Digests(connectionID, ruleID string) []DraftDigest {
	out := make([]DraftDigest, 0, len(d.Plans)+len(d.Connections)+len(d.Rules))
	for _, p := range d.Plans {
		p.Status, p.CreatedAt, p.UpdatedAt = "", time.Time{}, time.Time{}
		out = append(out, DraftDigest{directory.KindPlan, p.ID, p.Name, digest(p)})
	}
	for _, c := range d.Connections {
		if c.ID == connectionID {
			c.Status = ""
		}
		secrets := digestSecrets(c.Secrets)
		c.Secrets, c.Grant, c.CreatedAt, c.UpdatedAt = nil, nil, time.Time{}, time.Time{}
		out = append(out, DraftDigest{directory.KindConnection, c.ID, c.Name, digest(c, secrets)})
	}
	mappings := map[string][]Mapping{}
	for _, m := range d.Mappings {
		m.CreatedAt, m.UpdatedAt = time.Time{}, time.Time{}
		mappings[m.RuleID] = append(mappings[m.RuleID], m)
	}
	for _, r := range d.Rules {
		if r.ID == ruleID {
			r.Active = false
		}
		r.CreatedAt, r.UpdatedAt = time.Time{}, time.Time{}
		out = append(out, DraftDigest{directory.KindRule, r.ID, r.Name, digest(r, mappings[r.ID])})
	}
	return out
}

func digest(parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		raw, _ := json.Marshal(p) // plain values always marshal; maps in the order of their keys
		h.Write(raw)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// digestSecrets changes when a secret does, and tells nothing about it.
func digestSecrets(secrets map[string]secret.Text) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(secrets)) {
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00", key, secrets[key].Reveal())
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// DraftChange is a drafted object that is not as it was.
type DraftChange struct {
	ID   string
	Said string // in a sentence
}

// DraftsMoved lists which drafts are not as they were.
func DraftsMoved(before, now []DraftDigest) []DraftChange {
	old := make(map[string]DraftDigest, len(before))
	for _, d := range before {
		old[d.ID] = d
	}
	var out []DraftChange
	for _, d := range now {
		was, known := old[d.ID]
		delete(old, d.ID)
		switch {
		case !known:
			out = append(out, DraftChange{d.ID, d.said() + " was created"})
		case was.Digest != d.Digest:
			out = append(out, DraftChange{d.ID, d.said() + " was edited"})
		}
	}
	for _, d := range before {
		if _, gone := old[d.ID]; gone {
			out = append(out, DraftChange{d.ID, d.said() + " was deleted"})
		}
	}
	return out
}

// Unpublished says what a revision would publish now: whether the connection or the rule named are among it (without a rule, any of
// the connection), and which other drafts, in sentences.
func (d *Drafts) Unpublished(latest *Revision, connectionID, ruleID string) (drafted bool, others []string) {
	published := Drafts{Connections: latest.Snapshot.Connections, Rules: latest.Snapshot.Rules, Mappings: latest.Snapshot.Mappings}
	current := Drafts{Connections: slices.Clone(d.Connections), Mappings: d.Mappings}
	for i := range current.Connections {
		current.Connections[i].Secrets, current.Connections[i].Grant = nil, nil // a replaced one works at once, and nobody publishes it
	}
	own, gone := map[string]bool{connectionID: true}, map[string]bool{} // gone: said otherwise, or not at all
	for _, r := range d.Rules {
		own[r.ID] = r.ID == ruleID || ruleID == "" && r.TargetID == connectionID
		if r.DeletedAt.IsZero() {
			current.Rules = append(current.Rules, r)
			continue
		}
		gone[r.ID] = true
		if said := "deleted, and its accounts are released"; !own[r.ID] {
			if r.DeprovisionOnDelete && managed(d.Connections, r) {
				said = "deleted, with deprovisioning"
			}
			others = append(others, fmt.Sprintf("rule %q is %s", r.Name, said))
		}
	}
	for _, c := range d.Connections {
		gone[c.ID] = c.Type == TypeDirectory // it says nothing about anybody
	}
	for _, m := range DraftsMoved(published.Digests("", ""), current.Digests("", "")) {
		switch {
		case own[m.ID]:
			drafted = true
		case !gone[m.ID]:
			others = append(others, m.Said)
		}
	}
	return drafted, others
}

func contains(text string, in ...string) bool {
	return slices.ContainsFunc(in, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

func textOf(v any) string {
	if v == nil {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}
