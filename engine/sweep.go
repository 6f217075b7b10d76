package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

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
		return true, r.sweepGroups(ctx)
	default:
		return false, nil
	}
}

// sweepList takes over what the listing of the target has read since the last turn: what we know is refreshed, what we do not know is
// kept as foreign, so that people can be matched with it. An account of ours that was not listed is asked for by its id: one listing
// proves nothing. It reports whether there was anything.
func (r *runner) sweepList(ctx context.Context) (bool, error) {
	if r.listing == nil || r.listing.sweep != r.state.Sweep.ID {
		return false, r.startListing(ctx)
	}
	page, more, err := r.listing.next()
	switch {
	case more:
		return true, r.refreshPage(ctx, page)
	case err == nil && !r.listing.over:
		return false, nil // it is being read
	case errors.Is(err, errStopping):
		r.endListing()
		return true, nil // paused, halted or over: it is listed when the runner goes on
	case err != nil:
		r.endListing()
		if fault := asFault(err); fault != nil && ctx.Err() == nil {
			return true, r.listFailed(ctx, fault)
		}
		return false, fmt.Errorf("list the target's accounts: %w", err)
	}
	if err := r.markUnseen(ctx, r.listing); err != nil {
		return false, err
	}
	r.endListing()
	s := &r.state.Sweep
	s.Phase, s.Fault, s.Attempts, s.RetryAt = provision.SweepWalk, nil, 0, time.Time{}
	return true, r.scanned(ctx)
}

// scanned ends a listing: nothing is repaired before it is known how much others changed on the target since the one before.
func (r *runner) scanned(ctx context.Context) error {
	now, before := r.engine.now(), r.state.ScannedAt
	if r.line.drift.Handling != provision.DriftOff {
		if _, err := r.tooMany(ctx, "", latest(before, r.state.ResumedAt)); err != nil {
			return err
		}
		if err := r.engine.store.PruneDrift(ctx, r.connectionID, now.Add(-provision.DriftKept)); err != nil {
			return fmt.Errorf("forget old drift: %w", err)
		}
	}
	r.state.ScannedAt = now
	return r.keepState(ctx)
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

// listFailed tries to list the target again later, with growing gaps, and says so; what is due meanwhile goes on. A halting fault
// stops the connection.
func (r *runner) listFailed(ctx context.Context, fault *provision.Fault) error {
	if fault.Kind == provision.Halted {
		r.halt(fault)
		return nil
	}
	s := &r.state.Sweep
	if len(fault.Throttled) > 0 {
		wait := max(fault.RetryAfter, retryFirst)
		r.pacer.throttle(fault.Throttled, wait)
		s.RetryAt = r.engine.now().Add(wait) // writes have another budget, and do not wait for this one
		return r.keepState(ctx)
	}
	if s.Fault == nil || s.Fault.Code != fault.Code {
		r.note(actionFailed, false, "the target's accounts cannot be listed: "+fault.Error())
	}
	s.Attempts++
	s.Fault, s.RetryAt = fault, r.engine.now().Add(max(fault.RetryAfter, r.engine.backoff(s.Attempts, retryFirst, retryLongest)))
	return r.keepState(ctx)
}

// refreshPage keeps what a page of the listing says that we did not know. Most of it is known, so that only the rest is read whole.
func (r *runner) refreshPage(ctx context.Context, page listed) error {
	visited := r.visitedSince(page.asked)
	news, err := r.engine.store.News(ctx, r.connectionID, directory.KindUser, page.rows)
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	now := r.engine.now()
	save := make([]*entry, 0, len(news))
	known, said := map[string]*provision.Remote{}, map[string]*provision.Remote{} // of people who are linked
	for i := range news {
		row := news[i].Account
		switch {
		case row == nil:
			row = &provision.Account{
				EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: directory.KindUser, Ownership: provision.Foreign, RemoteID: news[i].Remote.ID,
			}
		case visited[row.ObjectID]:
			continue // its visit knows better
		case row.Linked():
			known[row.ObjectID], said[row.ObjectID] = row.Remote, news[i].Remote
		}
		row.Remote, row.UpdatedAt = news[i].Remote, now
		if row.ObjectID == "" {
			row.MatchKey = r.line.matchKey(row.Kind, row.Remote)
		}
		save = append(save, &entry{account: row})
	}
	if err := r.refreshed(ctx, known, said); err != nil {
		return err
	}
	for _, err := range r.recorder.all(save) {
		if err != nil && !errors.Is(err, provision.ErrLinked) { // linked: a visit has just adopted it
			return fmt.Errorf("keep what the target listed: %w", err)
		}
	}
	return nil
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

// markUnseen makes accounts of ours that were not listed be read one by one; foreign ones that are gone are forgotten.
func (r *runner) markUnseen(ctx context.Context, l *listing) error {
	seen := l.seen
	// Every account that was listed has a row by now; if there are no more rows than that, none is missing.
	known, err := r.engine.store.CountRemote(ctx, r.connectionID, directory.KindUser)
	if err != nil {
		return fmt.Errorf("count accounts: %w", err)
	}
	if known == seen.count() {
		return nil
	}
	q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: directory.KindUser, Limit: sweepBatch}
	for {
		visited := r.visitedSince(l.began)
		page, err := r.engine.store.AccountPage(ctx, q)
		if err != nil {
			return fmt.Errorf("read accounts: %w", err)
		}
		var save []*provision.Account
		var remove []string
		for i := range page {
			row := &page[i]
			switch {
			case row.RemoteID == "" || seen.has(row.RemoteID) || visited[row.ObjectID]:
			case row.ObjectID == "":
				remove = append(remove, row.ID)
			default:
				r.engine.keepBaseline(r.connectionID, row.ObjectID, row.Remote, false)
				row.Remote, row.UpdatedAt = nil, r.engine.now() // read before anything is decided
				save = append(save, row)
			}
		}
		if len(save)+len(remove) > 0 {
			if err := r.engine.store.Record(ctx, save, remove, nil); err != nil {
				return fmt.Errorf("mark accounts that were not listed: %w", err)
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].ID
	}
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
		s.Phase, s.Cursor = provision.SweepAfter, ""
		return r.keepState(ctx)
	}
	// The cursor is kept now and then: going over some users once more after a crash does no harm.
	r.progress.started(r.engine.now())
	r.report(ctx, false)
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
	return r.keep(ctx, items, provision.PriorityBackfill, r.state.Sweep.Cause)
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

// match links people with accounts that the listing found: exactly one with the same identifier is adopted, none means that
// there is none, several are nobody's guess.
func (r *runner) match(ctx context.Context, items []*item) error {
	wanting := map[string][]*item{}
	for _, it := range items {
		// Somebody of whom an earlier look-up said that they have no account may have got one by hand since.
		if it.want.InScope && !it.row.Linked() && it.row.Phase != provision.PhaseCreating {
			if key := r.line.identifier(&it.want); key != "" {
				wanting[key] = append(wanting[key], it)
			}
		}
	}
	if len(wanting) == 0 {
		return nil
	}
	rows, err := r.engine.store.Unlinked(ctx, r.connectionID, directory.KindUser, sortedKeys(wanting))
	if err != nil {
		return fmt.Errorf("read foreign accounts: %w", err)
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].RemoteID
	}
	kept, err := r.engine.store.KeptForeign(ctx, r.connectionID, directory.KindUser, ids)
	if err != nil {
		return fmt.Errorf("read what stays foreign: %w", err)
	}
	found, closer := map[string][]provision.Account{}, map[string]bool{}
	for _, row := range rows {
		if kept[row.RemoteID] {
			closer[row.MatchKey] = true
			continue
		}
		found[row.MatchKey] = append(found[row.MatchKey], row)
	}
	claims, err := r.line.rivals(ctx, r.engine.store, r.envID, sortedKeys(found))
	if err != nil {
		return err
	}
	var taken []*item
	for _, key := range sortedKeys(wanting) {
		its := wanting[key]
		for _, it := range its {
			switch rows := found[key]; {
			case len(claims[key]) > 0:
			case closer[key] && it.row.Phase == provision.PhaseAbsent:
				it.row.Phase = provision.PhaseNone
			case closer[key]:
			case len(rows) == 0:
				it.row.Phase = provision.PhaseAbsent
			case len(rows) == 1 && len(its) == 1:
				it.foreign = &rows[0]
				taken = append(taken, it)
			}
			// Otherwise the visit looks closer and says what is wrong.
		}
	}
	return r.take(taken)
}

// take adopts listed accounts: the foreign row becomes the person's.
func (r *runner) take(items []*item) error {
	entries := make([]*entry, len(items))
	before := make([]*provision.Account, len(items))
	for i, it := range items {
		before[i] = it.row
		entries[i] = r.taking(it)
	}
	for i, err := range r.recorder.all(entries) {
		it := items[i]
		switch {
		case errors.Is(err, provision.ErrLinked):
			it.row = before[i] // somebody was quicker: the visit looks closer
			it.plan(r.line.policy)
		case err != nil:
			return fmt.Errorf("adopt an account: %w", err)
		default:
			if err := r.referrers(it); err != nil {
				return err
			}
			it.stored = *it.row
		}
	}
	return nil
}

// taking ties the person to the foreign row that was found.
func (r *runner) taking(it *item) *entry {
	row, foreign := *it.row, it.foreign
	var remove []string
	if row.ID == "" {
		row.ID = foreign.ID
	} else {
		remove = []string{foreign.ID}
	}
	row.RemoteID, row.Remote, row.Ownership = foreign.RemoteID, foreign.Remote, provision.Adopted
	row.Phase, row.MatchKey, row.UpdatedAt = provision.PhaseNone, "", r.engine.now()
	it.row = &row
	it.describe(r.engine.now())
	it.plan(r.line.policy)
	it.row.Status, it.row.Detail = it.outcome.Status, it.outcome.Detail
	why := adoptedSaid(r.line.identifies())
	kept := row // the recorder reads it while the item goes on
	return &entry{account: &kept, remove: remove, activities: []directory.Activity{r.activity(it, actionLinked, true, why, nil)}}
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
		r.state.Sweep.Cursor = rows[len(rows)-1].ID
	}
	if len(rows) == sweepBatch {
		return nil
	}
	r.state.Sweep.Phase, r.state.Sweep.Cursor = provision.SweepGroup, ""
	return r.keepState(ctx)
}
