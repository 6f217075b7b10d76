// Package connectortest is what every target must do: it applies a plan, reads back what the target stored, and demands that
// planning again finds nothing to do; and it demands each fault where it belongs.
package connectortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// Harness is a target under test with a fresh, empty system behind it.
type Harness struct {
	Target connector.Target
	// Person gives a person's attributes, as mapped, before normalising. Different n are different people; variant changes some.
	Person func(n, variant int) provision.Attributes
	// Fault makes the next matching request fail: "429", "500", "truncated", "html".
	Fault func(kind string)
	// Revoke makes the credentials invalid.
	Revoke func()
	// Paced counts the calls of Pace since the harness was opened.
	Paced func() int
}

// Run runs the suite.
func Run(t *testing.T, open func(t *testing.T) *Harness) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, h *Harness){
		"life": life, "list": list, "taken": taken, "gone": gone, "halted": halted, "faults": faults, "cancelled": cancelled, "clear": clearing, "groups": groups,
		"group members": refusedMembers,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var everything = plan.Policy{Create: true, Update: true, Disable: true, Deprovision: true}

func normal(t *testing.T, h *Harness, a provision.Attributes) provision.Attributes {
	t.Helper()
	n, ok := h.Target.(connector.Normalizer)
	if !ok {
		return a
	}
	before := maps.Clone(a)
	out, fault := n.Normalize(directory.KindUser, a)
	if fault != nil {
		t.Fatal(fault)
	}
	if !maps.EqualFunc(before, a, provision.SameValue) {
		t.Errorf("what is to be normalised was changed: %v, was %v", a, before)
	}
	if again, fault := n.Normalize(directory.KindUser, out); fault != nil || !maps.EqualFunc(out, again, provision.SameValue) {
		t.Errorf("normalised twice it is another: %v, was %v (%v)", again, out, fault)
	}
	return out
}

// converge applies what the plan says and demands that nothing is left. It answers the number of operations.
func converge(t *testing.T, h *Harness, have *provision.Account, a provision.Attributes, active bool) int {
	t.Helper()
	want := provision.Desired{Ref: provision.Ref{Kind: directory.KindUser, ID: "u"}, Exists: true, InScope: true, Active: active, Attributes: normal(t, h, a), Why: "test", InactiveWhy: "test"}
	operations := plan.Diff(&want, have, everything).ToDo()
	for _, op := range operations {
		call := connector.Call{Verb: op.Verb, Kind: op.Kind, RemoteID: have.RemoteID, Known: have.Remote, Attributes: provision.Attributes{}}
		for _, c := range op.Changes {
			if op.Verb == provision.VerbCreate || op.Verb == provision.VerbUpdate {
				call.Attributes[c.Attribute] = c.To
			}
		}
		remote, err := h.Target.Do(t.Context(), call)
		if err != nil {
			t.Fatalf("%s: %v", op.Verb, err)
		}
		have.Remote, have.RemoteID, have.Ownership = remote, remote.ID, provision.Managed
	}
	read, err := h.Target.Get(t.Context(), directory.KindUser, have.RemoteID)
	if err != nil {
		t.Fatal(err)
	}
	have.Remote = read
	if left := plan.Diff(&want, have, everything).ToDo(); len(left) != 0 {
		t.Fatalf("after applying, the target still differs: %+v", left)
	}
	return len(operations)
}

func life(t *testing.T, h *Harness) {
	t.Helper()
	have := &provision.Account{}
	for _, step := range []struct {
		variant int
		active  bool
		want    int
	}{{0, true, 1}, {0, true, 0}, {1, true, 1}, {1, false, 1}, {1, false, 0}, {2, true, 2}, {0, true, 1}} {
		if n := converge(t, h, have, h.Person(1, step.variant), step.active); n != step.want {
			t.Errorf("%+v took %d operations", step, n)
		}
	}
	n := h.Target.(connector.Normalizer) //nolint:forcetypeassert // checked above
	found, err := h.Target.Find(t.Context(), directory.KindUser, n.Identifier(directory.KindUser, have.Remote.Attributes))
	if err != nil || len(found) != 1 || found[0].ID != have.RemoteID {
		t.Errorf("find: %v %v", found, err)
	}
	if _, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbDisable, Kind: directory.KindUser, RemoteID: have.RemoteID, Known: have.Remote}); err != nil {
		t.Error(err)
	}
	found, err = h.Target.Find(t.Context(), directory.KindUser, n.Identifier(directory.KindUser, have.Remote.Attributes))
	if err != nil || len(found) != 1 || found[0].Active {
		t.Errorf("find somebody who is not active: %v %v", found, err)
	}
	if found, err := h.Target.Find(t.Context(), directory.KindUser, "nobody@nowhere.example"); err != nil || len(found) != 0 {
		t.Errorf("find nobody: %v %v", found, err)
	}
	if h.Paced() == 0 {
		t.Error("requests were made without asking for the budget")
	}
}

const many = 1234 // more than one page

func list(t *testing.T, h *Harness) {
	t.Helper()
	for n := range many {
		if _, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbCreate, Kind: directory.KindUser, Attributes: normal(t, h, h.Person(n, 0))}); err != nil {
			t.Fatal(err)
		}
	}
	seen, names := map[string]bool{}, map[string]provision.Remote{}
	n := h.Target.(connector.Normalizer)                                                                                      //nolint:forcetypeassert // every target normalises so far
	err := h.Target.(connector.Lister).List(t.Context(), directory.KindUser, func(rows []provision.Remote, total int) error { //nolint:forcetypeassert // every target lists so far
		for _, r := range rows {
			if seen[r.ID] {
				t.Errorf("%s twice", r.ID)
			}
			seen[r.ID] = true
			names[n.Identifier(directory.KindUser, r.Attributes)] = r
		}
		if total != many {
			t.Errorf("total %d", total)
		}
		return nil
	})
	if err != nil || len(seen) != many {
		t.Errorf("%d of %d, %v", len(seen), many, err)
	}
	for i := range many { // what is listed is what was wanted, so that the first reconciliation changes nothing
		want := normal(t, h, h.Person(i, 0))
		r := names[n.Identifier(directory.KindUser, want)]
		outcome := plan.Diff(&provision.Desired{InScope: true, Active: true, Attributes: want}, &provision.Account{Ownership: provision.Managed, RemoteID: r.ID, Remote: &r}, everything)
		if len(outcome.Operations) != 0 {
			t.Fatalf("listed, %d still differs: %+v", i, outcome.Operations)
		}
	}
	stop := errors.New("stop")
	if err := h.Target.(connector.Lister).List(t.Context(), directory.KindUser, func([]provision.Remote, int) error { return stop }); !errors.Is(err, stop) { //nolint:forcetypeassert // as above
		t.Errorf("an error of the visitor: %v", err)
	}
}

func create(t *testing.T, h *Harness, n int) (*provision.Remote, *provision.Fault) {
	t.Helper()
	r, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbCreate, Kind: directory.KindUser, Attributes: normal(t, h, h.Person(n, 0))})
	return r, fault(t, err)
}

func fault(t *testing.T, err error) *provision.Fault {
	t.Helper()
	if err == nil {
		return nil
	}
	var f *provision.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%v is not classified", err)
	}
	if f.Code == "" || f.Message == "" {
		t.Errorf("%+v says nothing", f)
	}
	return f
}

func expect(t *testing.T, f *provision.Fault, kind provision.FaultKind) {
	t.Helper()
	if f == nil || f.Kind != kind {
		t.Errorf("got %+v, want %s", f, kind)
	}
}

func taken(t *testing.T, h *Harness) {
	t.Helper()
	if _, f := create(t, h, 1); f != nil {
		t.Fatal(f)
	}
	_, f := create(t, h, 1)
	expect(t, f, provision.Taken)
	if f.Attribute == "" {
		t.Error("it does not say which attribute is taken")
	}
}

func gone(t *testing.T, h *Harness) {
	t.Helper()
	_, err := h.Target.Get(t.Context(), directory.KindUser, "NOBODY")
	expect(t, fault(t, err), provision.Gone)
	_, err = h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbDisable, Kind: directory.KindUser, RemoteID: "NOBODY"})
	expect(t, fault(t, err), provision.Gone)
}

func halted(t *testing.T, h *Harness) {
	t.Helper()
	h.Revoke()
	_, f := create(t, h, 1)
	expect(t, f, provision.Halted)
	failed := false
	for _, c := range h.Target.(connector.Checker).Check(t.Context()) { //nolint:forcetypeassert // every target can be tested so far
		failed = failed || c.Status == provision.CheckFailed
		if c.Status == provision.CheckFailed && c.Hint == "" {
			t.Errorf("%s fails without a hint", c.Name)
		}
	}
	if !failed {
		t.Error("the connection test does not notice")
	}
}

func faults(t *testing.T, h *Harness) {
	t.Helper()
	for n, kind := range []string{"429", "500", "truncated", "html"} {
		h.Fault(kind)
		_, f := create(t, h, 10+n)
		expect(t, f, provision.Transient)
		if kind == "429" && (f.RetryAfter == 0 || len(f.Throttled) == 0) {
			t.Errorf("429: %+v", f)
		}
		if kind == "429" == f.Unanswered {
			t.Errorf("%s: unanswered is %v", kind, f.Unanswered)
		}
	}
}

func cancelled(t *testing.T, h *Harness) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Target.Get(ctx, directory.KindUser, "X"); err == nil {
		t.Error("a call that was cancelled succeeds")
	}
}

// clearing: an attribute is taken away and stays away.
func clearing(t *testing.T, h *Harness) {
	t.Helper()
	r, f := create(t, h, 1)
	if f != nil {
		t.Fatal(f)
	}
	for _, name := range []string{"title", "department"} {
		if r.Attributes[name] == nil {
			continue
		}
		after, err := h.Target.Do(t.Context(), connector.Call{Verb: provision.VerbUpdate, Kind: directory.KindUser, RemoteID: r.ID, Known: r, Clear: []string{name}})
		if err != nil || after.Attributes[name] != nil {
			t.Errorf("%s: %v %v", name, after, err)
		}
	}
}

// Name makes a name for the n-th person.
func Name(n int) string { return fmt.Sprintf("person%05d", n) }
