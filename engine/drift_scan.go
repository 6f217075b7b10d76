package engine

import (
	"context"
	"slices"

	"lockstep/connector"
	"lockstep/provision"
)

// baseline is what was known of an account that is to be read again.
type baseline struct {
	known  *provision.Remote
	called bool // a call about it may have been under way
}

// keepBaseline remembers what was known of an account that is to be read again, so that the reading shows what others changed. It is all
// right to lose it: then they are not told of.
func (e *Engine) keepBaseline(connectionID, objectID string, known *provision.Remote, called bool) {
	const most = 100_000
	if known == nil || objectID == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.baselines) < most {
		e.baselines[connectionID+objectID] = baseline{known, called}
	}
}

func (e *Engine) takeBaseline(connectionID, objectID string) (*provision.Remote, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.baselines[connectionID+objectID]
	delete(e.baselines, connectionID+objectID)
	return b.known, b.called
}

// scanDue reports whether the target is to be read for drift.
func (r *runner) scanDue() bool {
	_, lists := r.line.target.(connector.Lister)
	return lists && r.line.drift.Handling != provision.DriftOff && r.line.rules.Any() && r.state.Sweep.ID == "" && r.state.Resync == "" &&
		!r.engine.now().Before(r.state.ScannedAt.Add(r.line.drift.Every))
}

// scanBudget is the name of the share of a budget that a drift scan may take.
func scanBudget(name string) string { return "drift scan: " + name }

// withShares adds the drift scan's shares to a target's budgets.
func withShares(budgets []connector.Budget, share float64) []connector.Budget {
	out := slices.Clone(budgets)
	for _, b := range budgets {
		out = append(out, connector.Budget{Name: scanBudget(b.Name), PerMinute: b.PerMinute * share, Burst: max(2, int(float64(b.Burst)*share))})
	}
	return out
}

type scanKey struct{}

// scanning marks requests of a drift scan, which take their share only.
func scanning(ctx context.Context) context.Context { return context.WithValue(ctx, scanKey{}, true) }

// budgetsOf adds to the budgets of a request those that are ours.
func budgetsOf(ctx context.Context, budgets []string) []string {
	if ctx.Value(scanKey{}) == nil {
		return budgets
	}
	out := slices.Clone(budgets)
	for _, name := range budgets {
		out = append(out, scanBudget(name))
	}
	return out
}
