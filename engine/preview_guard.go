package engine

import (
	"context"
	"fmt"

	"lockstep/provision"
)

// guard tells whether the mass-deprovision guard would hold what takes access away. It weighs as the guard does (see weigh): all of
// the connection's people together with those who lost access lately, whichever rule is previewed.
func (f *foresight) guard(ctx context.Context) error {
	if f.barred == 0 {
		return nil
	}
	store, id, now, limits := f.engine.store, f.line.connection.ID, f.engine.now(), f.line.limits
	counts, err := store.GateCounts(ctx, id, now.Add(-provision.GuardWindow))
	if err != nil {
		return fmt.Errorf("count who loses access: %w", err)
	}
	total := counts.Done + counts.Waiting + counts.Passed + f.takes
	hold, err := store.OpenHold(ctx, id)
	if err != nil && !notFound(err) {
		return fmt.Errorf("read the hold: %w", err)
	}
	open := err == nil
	if open && !limits.Above(hold.Limits) {
		return f.held(fmt.Sprintf("a hold is open, and who loses access joins it: %s", hold.Cause))
	}
	total += counts.Held
	if !limits.OverCount(total) {
		return nil
	}
	people, err := store.CountAccess(ctx, id, now.Add(-provision.GuardWindow))
	if err != nil {
		return fmt.Errorf("count who has access: %w", err)
	}
	if people += f.opened; limits.OverShare(total, people) {
		return f.held(fmt.Sprintf("%d of %d people with access would lose it, above the limits of %g %% and %g", total, people, limits.Share, limits.Count))
	}
	return nil
}

func (f *foresight) held(why string) error {
	f.out.Guard = why + "; they are held until an administrator decides"
	f.out.Summary.Held = f.barred
	return nil
}
