package engine

import (
	"context"
	"fmt"
	"math"
)

// Followed is the number of the activity log up to which every connection that provisions has looked: lines above it must stay. A
// connection that is switched off does not count; when a revision switches it on, everybody is evaluated.
func (e *Engine) Followed(ctx context.Context, envID string) (int64, error) {
	ids, err := e.Runnable(ctx, envID)
	if err != nil {
		return 0, fmt.Errorf("read which connections provision: %w", err)
	}
	lowest := int64(math.MaxInt64)
	for _, id := range ids {
		state, err := e.store.Runner(ctx, envID, id)
		if err != nil {
			return 0, fmt.Errorf("read the runner's state: %w", err)
		}
		if state.RevisionID != "" { // one that never ran begins at the newest line
			lowest = min(lowest, state.Cursor)
		}
	}
	return lowest, nil
}
