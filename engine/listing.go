package engine

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"

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
