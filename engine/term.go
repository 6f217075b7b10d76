package engine

import (
	"context"
	"sync/atomic"
	"time"

	"lockstep/provision"
)

// term is the time for which this process may run a connection. The lease in the store keeps others away; the term ends what this
// process still does when its time is over without its having noticed: it stood still (a suspended machine), or the store did not
// answer when the lease was to be renewed.
type term struct {
	engine              *Engine
	envID, connectionID string
	until               atomic.Int64 // by the wall clock, which goes on while a machine is suspended; Unix nanoseconds
}

// take takes the lease, or renews it.
func (t *term) take(ctx context.Context) (provision.RunnerState, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseFor-leaseRenew)
	defer cancel()
	asked, now := time.Now(), t.engine.now()
	state, err := t.engine.store.Lease(ctx, t.envID, t.connectionID, t.engine.owner, now.Add(leaseFor), now)
	if err == nil {
		t.until.Store(asked.Add(leaseFor).UnixNano())
	}
	return state, err
}

// over fails when another process may run the connection.
func (t *term) over() error {
	if time.Now().UnixNano() >= t.until.Load() {
		return provision.ErrLeased
	}
	return nil
}

// guard lets no call pass when the term is over, however long the call had to wait for its budget.
func (t *term) guard(pace paceFunc) paceFunc {
	return func(ctx context.Context, budgets ...string) error {
		if err := pace(ctx, budgets...); err != nil {
			return err
		}
		return t.over()
	}
}
