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
