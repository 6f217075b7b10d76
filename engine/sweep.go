package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

const (
	sweepBatch = 1000 // users a step: what is due meanwhile waits for it
	sweepPage  = 250
)

var walkers = min(runtime.GOMAXPROCS(0), 4)

// begin starts a full reconciliation, or starts the one in progress over: everybody is evaluated, after the target's accounts
// were listed if list is set and the target can.
func (r *runner) begin(cause string, list bool) {
	if _, ok := r.line.target.(connector.Lister); !ok {
		list = false
	}
	// A reconciliation that was to list must still list.
	if r.state.Sweep.ID != "" {
		list = list || r.state.Sweep.List
	}
	r.state.Sweep = provision.Sweep{ID: newID(), Cause: cause, List: list, Phase: provision.SweepWalk, StartedAt: r.engine.now()}
	if list {
		r.state.Sweep.Phase = provision.SweepList
	}
}

// source is the newest line of the log that the query finds, as a cause.
func (r *runner) source(ctx context.Context, q directory.ActivityQuery) (directory.Cause, error) {
	q.Limit = 1
	lines, err := r.engine.store.Activities(ctx, r.envID, q)
	if err != nil || len(lines) == 0 {
		return directory.Cause{}, err
	}
	return lines[0].AsCause(), nil
}

// sweep takes the next step of the full reconciliation, if one is in progress or asked for.
func (r *runner) sweep(ctx context.Context) (bool, error) {
	if r.state.Resync != "" {
		cause := r.state.Resync
		r.begin(cause, true)
		var err error
		if r.state.Sweep.Origin, err = r.source(ctx, directory.ActivityQuery{Type: actionRequested, ConnectionID: r.connectionID}); err != nil {
			return false, err
		}
		if cause == scheduledCause {
			r.state.Sweep.Origin = directory.Cause{}
		}
		if err := r.keepState(ctx); err != nil {
			return false, err
		}
		if err := r.engine.store.ClearResync(ctx, r.connectionID, cause); err != nil {
			return false, fmt.Errorf("take over the request: %w", err)
		}
		r.note(actionStarted, true, "full reconciliation: "+cause)
	}
	if r.scanDue() {
		r.begin(scanCause, true)
		r.state.Sweep.Scan = true
	}
	ctx = directory.WithCause(ctx, r.state.Sweep.Origin)
	switch r.state.Sweep.Phase {
	case provision.SweepList:
		if r.engine.now().Before(r.state.Sweep.RetryAt) {
			return false, nil
		}
		return r.sweepList(ctx)
	case provision.SweepWalk:
		return true, r.sweepWalk(ctx)
	case provision.SweepAfter:
		return true, r.sweepAfter(ctx)
	case provision.SweepGroup:
		if r.reading.underWay() {
			return false, nil
		}
		return true, r.sweepGroups(ctx)
	default:
		return false, nil
	}
}

// ahead lets produce fetch the next page while consume is busy with the one before.
func ahead[T any](ctx context.Context, produce func(context.Context, func(T) error) error, consume func(T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pages, produced := make(chan T), make(chan error, 1)
	go func() {
		defer close(pages)
		produced <- produce(ctx, func(page T) error {
			select {
			case pages <- page:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	var failed error
	for page := range pages {
		if failed == nil {
			if failed = consume(page); failed != nil {
				cancel()
			}
		}
	}
	return cmp.Or(failed, <-produced)
}

func (r *runner) busy(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inflight[id]
}

// visiting answers the objects in a visit. New visits begin only in the runner's loop, so that whoever takes it before reading
// rows knows which of them may have changed since.
func (r *runner) visiting() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.inflight)
}

// sweepWalk evaluates the next batch of users.
func (r *runner) sweepWalk(ctx context.Context) error {
	s := &r.state.Sweep
	if s.Total == 0 {
		total, err := r.engine.store.CountUsers(ctx, r.envID)
		if err != nil {
			return fmt.Errorf("count users: %w", err)
		}
		s.Total = total
	}
	r.memorize(ctx)
	read := 0
	pages := func(ctx context.Context, page func([]directory.User) error) error {
		return r.usersAfter(ctx, s.Cursor, page)
	}
	// The next page is read while this one is evaluated.
	err := ahead(ctx, pages, func(users []directory.User) error {
		read += len(users)
		if err := r.walk(ctx, users); err != nil {
			return err
		}
		s.Cursor = users[len(users)-1].ID
		s.Evaluated += int64(len(users))
		return nil
	})
	if err != nil {
		return err
	}
	if read < sweepBatch {
		r.memo().end(s.Cursor)
		s.Phase, s.Cursor = provision.SweepAfter, ""
		return r.keepState(ctx)
	}
	// The cursor is kept now and then: going over some users once more after a crash does no harm.
	r.progress.started(r.engine.now())
	r.report(ctx)
	return nil
}

// usersAfter reads the next batch of users, page by page.
func (r *runner) usersAfter(ctx context.Context, after string, page func([]directory.User) error) error {
	for read := 0; read < sweepBatch; read += sweepPage {
		users, err := r.engine.store.Users(ctx, r.envID, directory.UserQuery{After: after, Limit: sweepPage})
		if err != nil {
			return fmt.Errorf("read users: %w", err)
		}
		if len(users) > 0 {
			if err := page(users); err != nil {
				return err
			}
			after = users[len(users)-1].ID
		}
		if len(users) < sweepPage {
			return nil
		}
	}
	return nil
}

// walk evaluates a page of users: reading what is known of them costs more than deciding, so it is done by as many as there are
// processors, each with a part.
func (r *runner) walk(ctx context.Context, users []directory.User) error {
	byID := make(map[string]*directory.User, len(users))
	ids := make([]string, 0, len(users))
	for i := range users {
		byID[users[i].ID] = &users[i]
		ids = append(ids, users[i].ID)
	}
	page := slices.Clone(ids)
	ids, err := r.unvisited(ctx, ids)
	if err != nil {
		return err
	}
	parts := slices.Collect(slices.Chunk(ids, max(1, (len(ids)+walkers-1)/walkers)))
	evaluated := make([][]*item, len(parts))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, part := range parts {
		group.Go(func() error {
			var err error
			evaluated[i], err = r.line.evaluateUsers(groupCtx, r.engine.store, r.envID, part, byID)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	items := slices.Concat(evaluated...)
	if r.state.Sweep.Scan {
		items = slices.DeleteFunc(items, func(it *item) bool { return waitsForRetry(it.row) })
	}
	if r.state.Sweep.List {
		if err := r.match(ctx, items); err != nil {
			return err
		}
	}
	if err := r.keep(ctx, items, provision.PriorityBackfill, r.state.Sweep.Cause); err != nil {
		return err
	}
	r.memo().walkedTo(r.state.Sweep.Cursor, page, items)
	return nil
}

// unvisited leaves out who is in a visit. A scan has nothing to tell them; a reconciliation has them looked at once more.
func (r *runner) unvisited(ctx context.Context, ids []string) ([]string, error) {
	if r.state.Sweep.Scan {
		return slices.DeleteFunc(ids, r.busy), nil
	}
	return r.free(ctx, ids, provision.PriorityBackfill, r.state.Sweep.Cause)
}

// waitsForRetry reports whether somebody fails and is tried again at a time of their own, which may have come. A scan does not try them earlier, and does not
// make their gaps small again, as an administrator who asks for a reconciliation does.
func waitsForRetry(row *provision.Account) bool {
	return row.Fault != nil && !row.DueAt.IsZero()
}

// sweepAfter looks at rows whose user is gone.
func (r *runner) sweepAfter(ctx context.Context) error {
	rows, err := r.engine.store.Orphans(ctx, r.connectionID, r.state.Sweep.Cursor, sweepBatch)
	if err != nil {
		return fmt.Errorf("read rows of deleted users: %w", err)
	}
	if len(rows) > 0 {
		ids := make([]string, len(rows))
		for i := range rows {
			ids[i] = rows[i].ObjectID
		}
		if err := r.reconsider(ctx, ids, provision.PriorityDeprovision, r.state.Sweep.Cause); err != nil {
			return err
		}
		r.state.Sweep.Cursor = rows[len(rows)-1].ObjectID
	}
	if len(rows) == sweepBatch {
		return nil
	}
	r.state.Sweep.Phase, r.state.Sweep.Cursor = provision.SweepGroup, ""
	return r.keepState(ctx)
}
