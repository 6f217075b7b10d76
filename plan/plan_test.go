package plan_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden: testdata/*.txtar have "want" (provision.Desired), "have" (provision.Account), "policy", and what comes out, an
// operation a line.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want provision.Desired
			var have *provision.Account
			policy := plan.Policy{Create: true, Update: true, Disable: true, Deprovision: true}
			golden, at := "", -1
			for i, f := range archive.Files {
				switch f.Name {
				case "want":
					err = json.Unmarshal(f.Data, &want)
				case "have":
					err = json.Unmarshal(f.Data, &have)
				case "policy":
					err = json.Unmarshal(f.Data, &policy)
				case "plan":
					golden, at = string(f.Data), i
				}
				if err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
			}
			got := show(plan.Diff(&want, have, policy))
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

func show(o plan.Outcome) string {
	var b strings.Builder
	for _, op := range o.Operations {
		fmt.Fprintf(&b, "%s %s", op.Verb, op.RemoteID)
		for _, c := range op.Changes {
			fmt.Fprintf(&b, " %s:%v->%v", c.Attribute, c.From, c.To)
		}
		fmt.Fprintf(&b, " because %s", op.Why)
		if op.Withheld != "" {
			fmt.Fprintf(&b, " WITHHELD %s", op.Withheld)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s %s\n", o.Status, o.Detail)
	return b.String()
}

func states() (*rapid.Generator[provision.Desired], *rapid.Generator[*provision.Account], *rapid.Generator[plan.Policy]) {
	attributes := rapid.Custom(func(t *rapid.T) provision.Attributes {
		out := provision.Attributes{}
		for _, name := range []string{"a", "b", "c"} {
			if v := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, name); v != "" {
				out[name] = v
			}
		}
		return out
	})
	want := rapid.Custom(func(t *rapid.T) provision.Desired {
		d := provision.Desired{
			Ref: provision.Ref{Kind: directory.KindUser, ID: "u"}, Exists: true, InScope: rapid.Bool().Draw(t, "scope"), Active: rapid.Bool().Draw(t, "active"),
			Leave: rapid.IntRange(0, 9).Draw(t, "leave") == 0, Attributes: attributes.Draw(t, "wanted"), Why: "why", InactiveWhy: "disabled",
		}
		if d.Attributes["c"] == nil && rapid.Bool().Draw(t, "clear") {
			d.Clear = []string{"c"}
		}
		if rapid.Bool().Draw(t, "createOnly") {
			d.CreateOnly = []string{"b"}
		}
		return d
	})
	have := rapid.Custom(func(t *rapid.T) *provision.Account {
		if rapid.IntRange(0, 3).Draw(t, "none") == 0 {
			return nil
		}
		return &provision.Account{
			ObjectID: "u", RemoteID: rapid.SampledFrom([]string{"", "R"}).Draw(t, "remote"),
			Ownership: rapid.SampledFrom([]provision.Ownership{provision.Managed, provision.Adopted, provision.Foreign, provision.Released}).Draw(t, "ownership"),
			Remote:    &provision.Remote{ID: "R", Active: rapid.Bool().Draw(t, "remoteActive"), Attributes: attributes.Draw(t, "known")},
		}
	})
	policy := rapid.Custom(func(t *rapid.T) plan.Policy {
		return plan.Policy{
			Create: rapid.Bool().Draw(t, "create"), Update: rapid.Bool().Draw(t, "update"), Disable: rapid.Bool().Draw(t, "disable"), Deprovision: rapid.Bool().Draw(t, "deprovision"),
		}
	})
	return want, have, policy
}

// apply is a target that does what it is told.
func apply(have *provision.Account, want *provision.Desired, ops []provision.Operation) *provision.Account {
	out := &provision.Account{ObjectID: "u"}
	if have != nil {
		*out = *have
	}
	for _, op := range ops {
		remote := &provision.Remote{ID: "R", Active: true, Attributes: provision.Attributes{}}
		if op.Verb != provision.VerbCreate {
			remote.Active = out.Remote.Active
			maps.Copy(remote.Attributes, out.Remote.Attributes)
		} else {
			out.RemoteID, out.Ownership = "R", provision.Managed
		}
		switch op.Verb {
		case provision.VerbEnable:
			remote.Active = true
		case provision.VerbDisable:
			remote.Active = false
		default:
			for _, c := range op.Changes {
				remote.Attributes[c.Attribute] = c.To
			}
		}
		out.Remote = remote
	}
	_ = want
	return out
}

// TestProperties: applying settles, and then everything is as wanted; foreign accounts are never touched; policy only withholds.
func TestProperties(t *testing.T) {
	want, have, policy := states()
	rapid.Check(t, func(t *rapid.T) {
		w, h, p := want.Draw(t, "want"), have.Draw(t, "have"), policy.Draw(t, "policy")
		first := plan.Diff(&w, h, p)
		if again := plan.Diff(&w, h, p); !cmp.Equal(first, again) {
			t.Fatal("the same input gave another plan")
		}
		for _, op := range first.Operations {
			if op.RemoteID != "" && (h == nil || !h.Linked()) {
				t.Fatalf("%s touches an account that is not ours", op.Verb)
			}
			if w.Leave || op.Why == "" {
				t.Fatalf("%+v", op)
			}
		}
		everything := plan.Diff(&w, h, plan.Policy{Create: true, Update: true, Disable: true, Deprovision: true})
		if len(everything.Operations) != len(first.Operations) {
			t.Fatal("the policy changed the plan instead of withholding parts of it")
		}
		after := apply(h, &w, first.ToDo())
		second := plan.Diff(&w, after, p)
		if len(second.ToDo()) != 0 {
			t.Fatalf("applying does not settle: %+v", second.ToDo())
		}
		if w.InScope && !w.Leave && w.Active && second.Status == provision.StatusSuccess {
			for name, v := range w.Attributes {
				if after.Remote.Attributes[name] != v && (len(w.CreateOnly) == 0 || name != "b") {
					t.Fatalf("%s is %v, wanted %v", name, after.Remote.Attributes[name], v)
				}
			}
			if !after.Remote.Active {
				t.Fatal("not active")
			}
		}
		if !w.InScope && !w.Leave && p.Deprovision && after.Linked() && after.Remote.Active {
			t.Fatal("somebody who left is active still")
		}
	})
}
