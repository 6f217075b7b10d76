package plan_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// TestGroupGolden: testdata/group/*.txtar have "want", "have", "members" and "policy", and what comes out.
func TestGroupGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/group/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := provision.Desired{
				Ref: provision.Ref{Kind: directory.KindGroup, ID: "g"}, Name: "Team", Exists: true, InScope: true, Active: true, RuleID: "r",
				Why: `selected on rule "Staff"`, Attributes: provision.Attributes{"displayName": "Team"},
			}
			var have *provision.Account
			var members provision.Members
			var policy plan.GroupPolicy
			golden, at := "", -1
			for i, f := range archive.Files {
				var into any
				switch f.Name {
				case "want":
					into = &want
				case "have":
					into = &have
				case "members":
					into = &members
				case "policy":
					into = &policy
				case "plan":
					golden, at = string(f.Data), i
					continue
				}
				if err := json.Unmarshal(f.Data, into); err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
			}
			got := showGroup(plan.Group(&want, have, &members, policy))
			if *update {
				archive.Files[at].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(golden, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func showGroup(o plan.Outcome) string {
	var b strings.Builder
	for _, op := range o.Operations {
		if op.Members != nil {
			fmt.Fprintf(&b, "add %v remove %v\n", op.Members.Add, op.Members.Remove)
		}
	}
	return show(o) + b.String()
}

// world is a target with one group that does what it is told.
type world struct {
	have  *provision.Account
	known map[string]provision.KnownMember
}

func (w *world) members(wanted []provision.WantedMember, consent bool) *provision.Members {
	out := &provision.Members{Wanted: wanted, Consent: consent}
	for _, id := range slices.Sorted(maps.Keys(w.known)) {
		out.Known = append(out.Known, w.known[id])
	}
	return out
}

func (w *world) do(op provision.Operation) {
	switch op.Verb {
	case provision.VerbDelete:
		w.have, w.known = &provision.Account{ObjectID: "g"}, map[string]provision.KnownMember{}
		return
	case provision.VerbCreate:
		w.have = &provision.Account{ObjectID: "g", RemoteID: "S", Ownership: provision.Managed, Remote: &provision.Remote{ID: "S", Active: true, Attributes: provision.Attributes{}}}
	}
	for _, c := range op.Changes {
		w.have.Remote.Attributes[c.Attribute] = c.To
	}
	if op.Members == nil {
		return
	}
	for _, id := range op.Members.Add {
		w.known[id] = provision.KnownMember{RemoteID: id, Present: true, Ours: true}
	}
	for _, id := range op.Members.Remove {
		delete(w.known, id)
	}
}

// TestGroupProperties: applied, nothing is left to do; whoever is wanted and has an account is in; those of others stay on Merge
// and without consent; the order of the input does not matter.
func TestGroupProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := provision.Desired{
			Ref: provision.Ref{Kind: directory.KindGroup, ID: "g"}, Exists: true, InScope: rapid.IntRange(0, 4).Draw(t, "in") > 0, Active: true, Why: "why",
			Attributes: provision.Attributes{"displayName": rapid.SampledFrom([]string{"A", "B"}).Draw(t, "name")},
		}
		policy := plan.GroupPolicy{Overwrite: rapid.Bool().Draw(t, "overwrite"), Delete: rapid.Bool().Draw(t, "delete")}
		consent := rapid.Bool().Draw(t, "consent")
		w := &world{known: map[string]provision.KnownMember{}}
		if rapid.Bool().Draw(t, "there") {
			w.have = &provision.Account{
				ObjectID: "g", RemoteID: "S", Ownership: rapid.SampledFrom([]provision.Ownership{provision.Managed, provision.Adopted}).Draw(t, "ownership"),
				Remote: &provision.Remote{ID: "S", Active: true, Attributes: provision.Attributes{"displayName": "A"}},
			}
		}
		var wanted []provision.WantedMember
		foreign := map[string]bool{}
		for i := range 6 {
			id := fmt.Sprint("U", i)
			if rapid.Bool().Draw(t, "wanted") {
				m := provision.WantedMember{ObjectID: id, RemoteID: id, Asleep: rapid.IntRange(0, 5).Draw(t, "asleep") == 0}
				if rapid.IntRange(0, 4).Draw(t, "account") == 0 {
					m.RemoteID = ""
				}
				wanted = append(wanted, m)
			}
			if w.have != nil && rapid.Bool().Draw(t, "known") {
				k := provision.KnownMember{RemoteID: id, Present: rapid.Bool().Draw(t, "present"), Ours: rapid.Bool().Draw(t, "ours")}
				w.known[id] = k
				foreign[id] = k.Present && !k.Ours
			}
		}
		adopted := w.have != nil && w.have.Ownership == provision.Adopted
		first := plan.Group(&want, w.have, w.members(wanted, consent), policy)
		shuffled := w.members(slices.Clone(wanted), consent)
		slices.Reverse(shuffled.Wanted)
		slices.Reverse(shuffled.Known)
		if diff := cmp.Diff(first, plan.Group(&want, w.have, shuffled, policy)); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
		for _, op := range first.ToDo() {
			w.do(op)
		}
		second := plan.Group(&want, w.have, w.members(wanted, consent), policy)
		if len(second.ToDo()) > 0 {
			t.Fatalf("applied, %+v is left", second.ToDo())
		}
		held := len(first.Operations) > len(first.ToDo())
		for _, m := range wanted {
			if want.InScope && !held && m.RemoteID != "" && !m.Asleep && !w.known[m.RemoteID].Present {
				t.Fatalf("%s is wanted and not there: %+v", m.RemoteID, first)
			}
		}
		for id, f := range foreign {
			gone := f && !w.known[id].Present
			deleted := !want.InScope && policy.Delete && policy.Overwrite && !adopted
			if gone && (!policy.Overwrite || adopted && !consent) && !deleted {
				t.Fatalf("%s, who is not ours, went: %+v", id, first)
			}
		}
	})
}
