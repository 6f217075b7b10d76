package engine

import (
	"context"
	"errors"
	"sync"

	"lockstep/directory"
	"lockstep/provision"
)

// recordBatch bounds one commit; under load commits fill up, alone an entry is committed at once.
const recordBatch = 256

// recorder commits results as they come: everything that arrives while one commit is under way goes into the next.
type recorder struct {
	store Accounts
	over  func() error // somebody else may record now
	in    chan *entry
	done  sync.WaitGroup
}

type entry struct {
	account    *provision.Account
	remove     []string // rows that this one replaces
	activities []directory.Activity
	committed  chan error
}

// startRecorder runs until stop is called. Entries are committed also while the caller's context is being cancelled: a
// result that came back from the target must not be lost.
func startRecorder(ctx context.Context, store Accounts, over func() error) *recorder {
	r := &recorder{store: store, over: over, in: make(chan *entry, recordBatch)}
	ctx = context.WithoutCancel(ctx)
	r.done.Go(func() {
		for first := range r.in {
			batch := r.fill([]*entry{first})
			r.commit(ctx, batch)
		}
	})
	return r
}

func (r *recorder) fill(batch []*entry) []*entry {
	for len(batch) < recordBatch {
		select {
		case e, ok := <-r.in:
			if !ok {
				return batch
			}
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (r *recorder) commit(ctx context.Context, batch []*entry) {
	var rows []*provision.Account
	var remove []string
	var activities []directory.Activity
	for _, e := range batch {
		if e.account != nil {
			rows = append(rows, e.account)
		}
		remove = append(remove, e.remove...)
		activities = append(activities, e.activities...)
	}
	err := r.over()
	if err == nil {
		err = r.store.Record(ctx, rows, remove, activities)
	}
	// One row that is linked elsewhere must not sink the others.
	if errors.Is(err, provision.ErrLinked) && len(batch) > 1 {
		for _, e := range batch {
			e.committed <- r.alone(ctx, e)
		}
		return
	}
	for _, e := range batch {
		e.committed <- err
	}
}

func (r *recorder) alone(ctx context.Context, e *entry) error {
	if e.account == nil {
		return r.store.Record(ctx, nil, e.remove, e.activities)
	}
	return r.store.Record(ctx, []*provision.Account{e.account}, e.remove, e.activities)
}

// log commits activities that belong to no row.
func (r *recorder) log(activities ...directory.Activity) error {
	return r.save(nil, nil, activities...)
}

// save commits one row with its activities and waits until it is kept.
func (r *recorder) save(account *provision.Account, remove []string, activities ...directory.Activity) error {
	e := &entry{account: account, remove: remove, activities: activities, committed: make(chan error, 1)}
	r.in <- e
	return <-e.committed
}

// all commits entries, many at a time, and answers the error of each.
func (r *recorder) all(entries []*entry) []error {
	for _, e := range entries {
		e.committed = make(chan error, 1)
		r.in <- e
	}
	out := make([]error, len(entries))
	for i, e := range entries {
		out[i] = <-e.committed
	}
	return out
}

// stop waits until everything is committed.
func (r *recorder) stop() {
	close(r.in)
	r.done.Wait()
}
