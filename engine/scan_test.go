package engine

import (
	"slices"
	"testing"

	"lockstep/connector"
)

// TestScanBudgets: a request of a drift scan draws on the target's budget and on the scan's share of it; any other on the budget alone.
func TestScanBudgets(t *testing.T) {
	if got := budgetsOf(scanning(t.Context()), []string{"read", "get"}); !slices.Equal(got, []string{"read", "get", "drift scan: read", "drift scan: get"}) {
		t.Errorf("%q", got)
	}
	if got := budgetsOf(t.Context(), []string{"read"}); !slices.Equal(got, []string{"read"}) {
		t.Errorf("%q", got)
	}
	got := withShares([]connector.Budget{{Name: "read", PerMinute: 1000, Burst: 400}}, 0.25)
	if len(got) != 2 || got[1] != (connector.Budget{Name: "drift scan: read", PerMinute: 250, Burst: 100}) {
		t.Errorf("%+v", got)
	}
}
