package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"time"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

// listing reads the target's accounts beside the loop, so that nobody waits for it: a target can take minutes to list. What it reads is
// taken over in the loop, page by page.
type listing struct {
	sweep  string // the reconciliation that it belongs to
	began  int64  // see runner.visits
	seen   *seen
	pages  chan listed
	failed chan error // the end, before pages is closed; nil: all was read
	over   bool
	cancel context.CancelFunc
}

// listed is a page of a listing.
type listed struct {
	rows  []provision.Remote
	asked int64 // runner.visits when it was asked for: whoever was visited since is known better
}

// next answers the next page, if one is there. Without a page, over says that there are no more.
func (l *listing) next() (page listed, more bool, err error) {
	select {
	case page, more = <-l.pages:
		if !more {
			l.over, err = true, <-l.failed
		}
		for i := range page.rows {
			l.seen.add(page.rows[i].ID)
		}
	default:
	}
	return page, more, err
}

// startListing begins to list the target.
func (r *runner) startListing(ctx context.Context) error {
	r.endListing()
	r.endReading()
	r.forgetMemo() // of a listing that was broken off: what was read then may be hours old
	r.memorize(ctx)
	if r.state.Sweep.Total == 0 {
		total, err := r.engine.store.CountUsers(ctx, r.envID)
		if err != nil {
			return fmt.Errorf("count users: %w", err)
		}
		r.state.Sweep.Total = total
	}
	lister := r.line.target.(connector.Lister) //nolint:forcetypeassert // begin looked
	listCtx, cancel := context.WithCancel(withPriority(ctx, provision.PriorityBackfill))
	if r.state.Sweep.Scan {
		listCtx = scanning(listCtx)
	}
	l := &listing{sweep: r.state.Sweep.ID, seen: newSeen(), pages: make(chan listed, 1), failed: make(chan error, 1), cancel: cancel}
	r.mu.Lock()
	l.began = r.visits
	r.ended = map[string]int64{}
	r.mu.Unlock()
	r.listing = l
	go func() {
		defer r.poke()
		defer close(l.pages)
		asked := l.began
		l.failed <- lister.List(listCtx, directory.KindUser, func(rows []provision.Remote, _ int) error {
			select {
			case l.pages <- listed{rows, asked}:
			case <-listCtx.Done():
				return listCtx.Err()
			}
			r.poke()
			r.mu.Lock()
			asked = r.visits
			r.mu.Unlock()
			return nil
		})
	}()
	return nil
}

// endListing ends the listing under way, if there is one, and waits until it is over.
func (r *runner) endListing() {
	if r.listing == nil {
		return
	}
	r.listing.cancel()
	for range r.listing.pages { // until it is closed
		continue
	}
	r.listing = nil
	r.mu.Lock()
	r.ended = nil
	r.mu.Unlock()
}

// visitedSince answers the objects that are in a visit, or were since a moment of this listing: what was listed of them may be older than
// what their visits know. New visits begin only in the runner's loop, so that it holds for what is read right after.
func (r *runner) visitedSince(moment int64) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := maps.Clone(r.inflight)
	for id, at := range r.ended {
		if at >= moment {
			out[id] = true
		}
	}
	return out
}

// seen is a set of remote ids in eight bytes each: a million accounts are told apart with a chance of error of one in ten
// million, and an error only means that a vanished account is noticed later.
type seen struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), set: map[uint64]struct{}{}} }

func (s *seen) add(id string) { s.set[maphash.String(s.seed, id)] = struct{}{} }

func (s *seen) count() int64 { return int64(len(s.set)) }

func (s *seen) has(id string) bool {
	_, ok := s.set[maphash.String(s.seed, id)]
	return ok
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
