package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

type attributesOnly struct {
	Source
	list []directory.Attribute
}

func (a attributesOnly) CustomAttributes(context.Context, string) ([]directory.Attribute, error) {
	return a.list, nil
}

// TestStaleLineDecidesNothing: a line that was compiled before an attribute was deleted must not judge people who lost its value.
func TestStaleLineDecidesNothing(t *testing.T) {
	l := &line{custom: []directory.Attribute{{Name: "team"}}}
	if err := l.fresh(t.Context(), attributesOnly{list: []directory.Attribute{{Name: "team"}}}, "e"); err != nil {
		t.Error(err)
	}
	for name, now := range map[string][]directory.Attribute{"deleted": nil, "declared anew": {{Name: "team", ID: "other"}}, "another one": {{Name: "team"}, {Name: "x"}}} {
		if err := l.fresh(t.Context(), attributesOnly{list: now}, "e"); !errors.Is(err, errStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPutOff: an object that the target asked to be left alone is left alone until then, also when an edit leaves nothing to do for it
// meanwhile: the edit after that one would come too early.
func TestPutOff(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	until := now.Add(time.Second)
	put := func(due time.Time) *item {
		return &item{row: &provision.Account{
			ID: "a", RemoteID: "U1", Ownership: provision.Managed, Remote: &provision.Remote{ID: "U1"}, InScope: true, DueAt: due, Status: provision.StatusPending,
			Fault: &provision.Fault{Kind: provision.Transient, Code: "resource_locked", RetryAfter: time.Second},
		}, want: provision.Desired{InScope: true, Active: true}, outcome: plan.Outcome{Status: provision.StatusSuccess}}
	}
	it := put(until)
	it.mark(&line{}, now, provision.PriorityLive, "edited")
	if !it.row.DueAt.Equal(until) || it.row.Status != provision.StatusPending || it.row.Fault == nil {
		t.Errorf("before the time: %+v", it.row)
	}
	it = put(now)
	it.mark(&line{}, now, provision.PriorityLive, "edited")
	if !it.row.DueAt.IsZero() || it.row.Status != provision.StatusSuccess || it.row.Fault != nil {
		t.Errorf("when the time has come: %+v", it.row)
	}
}

// TestPlace: whose leaving was rejected keeps their place; whoever is covered is counted, whatever was decided about them.
func TestPlace(t *testing.T) {
	for name, test := range map[string]struct {
		covered, was, want bool
		gate               provision.GateState
	}{
		"covered":                       {covered: true, want: true},
		"not covered any more":          {was: true},
		"leaving was rejected":          {was: true, gate: provision.GateRejected, want: true},
		"never covered, and rejected":   {gate: provision.GateRejected},
		"covered again, still disabled": {covered: true, gate: provision.GateRejected, want: true},
	} {
		it := &item{want: provision.Desired{InScope: test.covered}, row: &provision.Account{InScope: test.was, Gate: provision.Gate{State: test.gate}}}
		if it.place(); it.row.InScope != test.want {
			t.Errorf("%s: %v", name, it.row.InScope)
		}
	}
}

// TestRestPlaces: a visit that finds an account closed already has nothing to reject, and its person has left.
func TestRestPlaces(t *testing.T) {
	row := &provision.Account{
		Kind: directory.KindUser, RemoteID: "U1", Ownership: provision.Managed, InScope: true, Remote: &provision.Remote{ID: "U1"},
		Gate: provision.Gate{State: provision.GateRejected, Why: "left"},
	}
	it := &item{row: row}
	it.rest(time.Now())
	if row.InScope || row.Gate.State != provision.GateNone {
		t.Errorf("%+v", row)
	}
}
