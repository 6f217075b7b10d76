package engine

import (
	"slices"
	"testing"

	"lockstep/provision"
)

// TestClaim: who is in a visit, or is to be weighed with the others of an edit first, is not visited; the backfill takes its share only.
func TestClaim(t *testing.T) {
	due := []provision.Account{
		{ObjectID: "edited", Priority: provision.PriorityLive},
		{ObjectID: "in a visit", Priority: provision.PriorityLive},
		{ObjectID: "edited during the visit", Priority: provision.PriorityLive},
		{ObjectID: "first", Priority: provision.PriorityBackfill},
		{ObjectID: "second", Priority: provision.PriorityBackfill},
	}
	r := &runner{
		inflight: map[string]bool{"in a visit": true}, retake: map[string]bool{"edited during the visit": true}, backfill: map[string]bool{},
	}
	if got, want := r.claim(due, 1), []string{"edited", "first"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := r.claim(due, 1); !slices.Equal(got, []string{"second"}) {
		t.Errorf("the second time: %q", got)
	}
	delete(r.retake, "edited during the visit")
	if got := r.claim(due, 0); !slices.Equal(got, []string{"edited during the visit"}) {
		t.Errorf("weighed: %q", got)
	}
}
