package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	caused := directory.WithCauses(ctx, changes)
	ids, everybody := concerned(changes)
	if everybody {
		// An attribute or a population changed: anybody may stand differently now. The line is compiled anew for it.
		r.secretsSeen = ""
		r.begin("attributes or populations were edited", false)
		r.state.Sweep.Origin = broad(changes)
	}
	if err := r.reconsider(caused, ids, provision.PriorityLive, editedCause); err != nil {
		return false, err
	}
	if err := r.ingestGroups(caused, changes); err != nil {
		return false, err
	}
	if err := r.gather(ctx); err != nil { // groups that are to follow are due before the cursor moves
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
		case directory.KindGroup: // see ingestGroups
		default:
			everybody = true
		}
	}
	return ids, everybody
}

// broad is the newest change that may concern anybody.
func broad(changes []directory.Change) directory.Cause {
	for i := len(changes) - 1; i >= 0; i-- {
		if k := changes[i].Kind; k != directory.KindUser && k != directory.KindGroup {
			return changes[i].Cause()
		}
	}
	return directory.Cause{}
}

// reconsider evaluates users and keeps what is due. Objects in a visit are evaluated again when the visit ends.
func (r *runner) reconsider(ctx context.Context, ids []string, p provision.Priority, cause string) error {
	ids, err := r.free(ctx, ids, p, cause)
	if err != nil {
		return err
	}
	items, err := r.line.evaluate(ctx, r.engine.store, r.envID, ids)
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
	var over []provision.Drift
	for _, it := range items {
		over = append(over, r.settledDrifts(it)...)
		if it.concerns() && it.mark(r.line, now, p, cause) {
			it.row.UpdatedAt, it.kept = now, true
			if it.row.Cause != "" { // due, or at the guard's gate
				it.row.Origin = directory.CauseOf(ctx, it.want.Ref.ID)
			}
			rows = append(rows, it.row)
			if p < provision.PriorityBackfill { // a reconciliation looks at every group by itself
				r.touch(it, it.row.DueAt.IsZero() || it.stored.InScope && !it.row.InScope)
			}
		}
	}
	if err := r.saveDrift(over); err != nil || len(rows) == 0 {
		return err
	}
	err = r.engine.store.Record(ctx, rows, nil, nil)
	for _, it := range items {
		r.gated(it)
	}
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

// free leaves out the objects in a visit. They are marked: the mark outlives the end of the visit, and a crash.
func (r *runner) free(ctx context.Context, ids []string, p provision.Priority, cause string) ([]string, error) {
	var busy []string
	out := make([]string, 0, len(ids))
	r.mu.Lock()
	for _, id := range ids {
		if r.inflight[id] {
			r.repeat[id] = true
			busy = append(busy, id)
			continue
		}
		out = append(out, id)
	}
	r.mu.Unlock()
	for _, id := range busy {
		q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: directory.KindUser, ObjectID: id}
		marked, err := r.engine.store.MarkDue(ctx, q, r.engine.now(), p, cause)
		if err != nil {
			return nil, fmt.Errorf("mark who changed during their visit: %w", err)
		}
		if marked == 0 {
			out = append(out, id) // the visit has just ended with nothing to remember
		}
	}
	return out, nil
}

// overtaken reports that an object changed since its visit began, so that what was decided may not be wanted any more.
func (r *runner) overtaken(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.repeat[id]
}

// dispatch starts visits of what is due while there are free slots. A quarter of the slots is kept from the backfill, so that
// an edit just made does not wait behind it.
func (r *runner) dispatch(ctx context.Context) error {
	r.mu.Lock()
	free := r.engine.slots - len(r.inflight)
	backfill := max(1, r.engine.slots*3/4) - len(r.backfill)
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
	ids := r.claim(due, backfill)
	if len(ids) == 0 {
		return nil
	}
	if err := r.announce(ctx); err != nil {
		for _, id := range ids {
			r.visited(id)
		}
		return err
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

// claim takes due objects into visits, at most backfill of them for the backfill. Who is to be weighed once more with the others of
// an edit waits for that: a visit in between would do the same a second time.
func (r *runner) claim(due []provision.Account, backfill int) []string {
	var ids []string
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range due {
		id, low := due[i].ObjectID, due[i].Priority >= provision.PriorityBackfill
		if low && backfill <= 0 || r.inflight[id] || r.retake[id] {
			continue
		}
		if low {
			backfill--
			r.backfill[id] = true
		}
		r.inflight[id] = true
		ids = append(ids, id)
	}
	return ids
}

// announce keeps who is in a visit before the first call is made.
func (r *runner) announce(ctx context.Context) error {
	r.mu.Lock()
	r.state.Visiting = slices.Sorted(maps.Keys(r.inflight))
	r.mu.Unlock()
	return r.keepState(ctx)
}

// unannounce keeps that nobody is in a visit any more, for whoever asks in another process.
func (r *runner) unannounce(ctx context.Context) error {
	r.mu.Lock()
	none := len(r.state.Visiting) == 0
	r.state.Visiting = nil
	r.mu.Unlock()
	if none {
		return nil
	}
	return r.keepState(ctx)
}

// takeOver makes the objects be read that a runner before was about to write when it died, or when the store failed.
func (r *runner) takeOver(ctx context.Context) error {
	if len(r.state.Visiting) == 0 {
		return nil
	}
	var rows []provision.Account
	for _, kind := range []directory.Kind{directory.KindUser, directory.KindGroup} {
		found, err := r.engine.store.AccountsByObject(ctx, r.connectionID, kind, r.state.Visiting)
		if err != nil {
			return fmt.Errorf("read accounts: %w", err)
		}
		rows = append(rows, found...)
	}
	now := r.engine.now()
	var save []*provision.Account
	for i := range rows {
		if row := &rows[i]; row.Linked() && row.Remote != nil {
			r.engine.keepBaseline(r.connectionID, row.ObjectID, row.Remote, true)
			row.Remote, row.UpdatedAt = nil, now
			if row.DueAt.IsZero() || row.DueAt.After(now) {
				row.DueAt, row.Status, row.Priority, row.Cause = now, provision.StatusPending, provision.PriorityLive, "a call about it was under way when the process ended"
			}
			save = append(save, row)
		}
	}
	if len(save) > 0 {
		if err := r.engine.store.Record(ctx, save, nil, nil); err != nil {
			return fmt.Errorf("mark accounts to be read: %w", err)
		}
	}
	r.state.Visiting = nil
	return r.keepState(ctx)
}

func (r *runner) visited(id string) {
	r.mu.Lock()
	if r.ended != nil {
		r.ended[id] = r.visits
	}
	r.visits++
	delete(r.inflight, id)
	delete(r.backfill, id)
	again := r.repeat[id] && !r.line.limits.Off()
	if again {
		r.retake[id] = true // with the others of the same edit, see reweigh
	}
	delete(r.repeat, id)
	left := len(r.inflight)
	r.mu.Unlock()
	if again || left%8 == 0 {
		r.poke()
	}
}
