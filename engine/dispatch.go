package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// ingest takes over what changed in the directory: it evaluates whom it concerns and marks what is due. The cursor moves
// after the marks are kept, so a crash only evaluates again.
func (r *runner) ingest(ctx context.Context) (bool, error) {
	changes, err := r.engine.store.Changes(ctx, r.envID, r.state.Cursor, feedBatch)
	if err != nil {
		return false, fmt.Errorf("read the feed: %w", err)
	}
	if len(changes) == 0 {
		return false, nil
	}
	ids, everybody := concerned(changes)
	if everybody {
		// An attribute or a population changed: anybody may stand differently now. The line is compiled anew for it.
		r.secretsSeen = ""
		r.begin("attributes or populations were edited", false)
	}
	if err := r.reconsider(ctx, ids, provision.PriorityLive, "edited in the directory"); err != nil {
		return false, err
	}
	r.state.Cursor = changes[len(changes)-1].Seq
	return true, r.keepState(ctx)
}

func concerned(changes []directory.Change) (ids []string, everybody bool) {
	seen := make(map[string]bool, len(changes))
	for _, c := range changes {
		switch c.Kind {
		case directory.KindUser:
			if !seen[c.ObjectID] {
				seen[c.ObjectID] = true
				ids = append(ids, c.ObjectID)
			}
		default:
			everybody = true
		}
	}
	return ids, everybody
}

// reconsider evaluates users and keeps what is due. Objects in a visit are evaluated again when the visit ends.
func (r *runner) reconsider(ctx context.Context, ids []string, p provision.Priority, cause string) error {
	items, err := r.line.evaluate(ctx, r.engine.store, r.envID, r.free(ids))
	if err != nil {
		return err
	}
	return r.keep(ctx, items, p, cause)
}

func (r *runner) keep(ctx context.Context, items []*item, p provision.Priority, cause string) error {
	now := r.engine.now()
	items, err := r.recheck(ctx, items, now)
	if err != nil {
		return err
	}
	var rows []*provision.Account
	for _, it := range items {
		if it.concerns() && it.mark(r.line, now, p, cause) {
			it.row.UpdatedAt = now
			rows = append(rows, it.row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	err = r.engine.store.Record(ctx, rows, nil, nil)
	if errors.Is(err, provision.ErrLinked) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("mark due work: %w", err)
	}
	return nil
}

// errRaced says that somebody outside made a row at the same moment, to have its person provisioned. The step is taken again.
var errRaced = errors.New("a row was made by somebody else meanwhile")

// recheck evaluates again whom the evaluation would put to rest although they are due now: they may have been marked after their
// users were read, and then the mark is about a state that was not read.
func (r *runner) recheck(ctx context.Context, items []*item, now time.Time) ([]*item, error) {
	var again []string
	items = slices.DeleteFunc(items, func(it *item) bool {
		marked := !it.row.DueAt.IsZero() && !it.row.DueAt.After(now) && !it.due(r.line)
		if marked {
			again = append(again, it.want.Ref.ID)
		}
		return marked
	})
	if len(again) == 0 {
		return items, nil
	}
	more, err := r.line.evaluate(ctx, r.engine.store, r.envID, again)
	return append(items, more...), err
}

// free leaves out the objects in a visit, and notes that they changed.
func (r *runner) free(ids []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if r.inflight[id] {
			r.repeat[id] = true
			continue
		}
		out = append(out, id)
	}
	return out
}

// again reports, once, that an object changed during its visit.
func (r *runner) again(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.repeat[id]
	delete(r.repeat, id)
	return changed
}

// dispatch starts visits of what is due while there are free slots. A quarter of the slots is kept from the backfill, so that
// an edit just made does not wait behind it.
func (r *runner) dispatch(ctx context.Context) error {
	r.mu.Lock()
	free := r.engine.slots - len(r.inflight)
	backfill := r.engine.slots*3/4 - len(r.backfill)
	except := make([]string, 0, len(r.inflight))
	for id := range r.inflight {
		except = append(except, id)
	}
	r.mu.Unlock()
	if free < r.engine.slots/8 && free < r.engine.slots {
		return nil // wait for a few, and read them together
	}
	due, err := r.engine.store.DueAccounts(ctx, r.connectionID, r.engine.now(), except, free)
	if err != nil {
		return fmt.Errorf("read due work: %w", err)
	}
	var ids []string
	r.mu.Lock()
	for _, a := range due {
		low := a.Priority >= provision.PriorityBackfill
		if low && backfill <= 0 || r.inflight[a.ObjectID] {
			continue
		}
		if low {
			backfill--
			r.backfill[a.ObjectID] = true
		}
		r.inflight[a.ObjectID] = true
		ids = append(ids, a.ObjectID)
	}
	r.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	r.progress.started(r.engine.now())
	go func() {
		if err := r.Sync(r.calls, ids, r.visited); err != nil {
			for _, id := range ids {
				r.visited(id)
			}
			if errors.Is(err, errStale) { // the rows are due still
				r.mu.Lock()
				r.stale = true
				r.mu.Unlock()
				r.poke()
			} else if r.calls.Err() == nil {
				r.fail(err)
			}
		}
	}()
	return nil
}

func (r *runner) visited(id string) {
	r.mu.Lock()
	delete(r.inflight, id)
	delete(r.backfill, id)
	left := len(r.inflight)
	r.mu.Unlock()
	if left == 0 || left%8 == 0 {
		r.poke()
	}
}
