package storetest

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// testLostUpdates: two edits of one user at the same time both count.
func testLostUpdates(t *testing.T, s *suite) {
	u := s.create(t, "busy")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := s.people.UpdateUser(context.Background(), s.env, u.ID, func(u *directory.User) error { u.Title += "x"; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := s.db.User(t.Context(), s.env, u.ID)
	must(t, err)
	if got.Title != "xxxxxxxx" {
		t.Errorf("%d of 8 edits were kept", len(got.Title))
	}
}

// testMarks: a row that is marked while a visit is under way stays due when the visit ends; the next visit puts it to rest.
func testMarks(t *testing.T, s *suite) {
	ctx := t.Context()
	q := provision.AccountQuery{ConnectionID: "c", ObjectID: "o"}
	a := account(s, "o", "U1")
	a.Priority, a.DueAt = provision.PriorityDeprovision, at(1)
	must(t, s.db.Record(ctx, []*provision.Account{a}, nil, nil))
	read := func() *provision.Account {
		got, err := s.db.Account(ctx, s.env, a.ID)
		must(t, err)
		return &got
	}
	visit := read()
	_, err := s.db.MarkDue(ctx, q, at(9), provision.PriorityLive, "asked for")
	must(t, err)
	if marked := read(); marked.Priority != provision.PriorityDeprovision {
		t.Errorf("somebody who is to lose access waits behind: %+v", marked)
	}
	visit.DueAt, visit.Cause, visit.Priority, visit.Status, visit.Detail = time.Time{}, "", 0, provision.StatusSuccess, "done"
	must(t, s.db.Record(ctx, []*provision.Account{visit}, nil, nil))
	if got := read(); !got.DueAt.Equal(at(9)) || got.Status != provision.StatusPending || got.Cause != "asked for" || got.Detail != "done" {
		t.Errorf("the end of a visit dropped a mark: %+v", got)
	}
	visit.Gone = true
	must(t, s.db.Record(ctx, []*provision.Account{visit}, nil, nil))
	next := read()
	next.DueAt, next.Status, next.Cause = time.Time{}, provision.StatusSuccess, ""
	must(t, s.db.Record(ctx, []*provision.Account{next}, nil, nil))
	if got := read(); !got.DueAt.IsZero() || got.Status != provision.StatusSuccess {
		t.Errorf("the visit after the mark does not end it: %+v", got)
	}
	next.Gone = true
	must(t, s.db.Record(ctx, []*provision.Account{next}, nil, nil))
	_, err = s.db.Account(ctx, s.env, a.ID)
	missing(t, "a row that is gone", err)
}

// testMarksInFlight: whatever the order of marks and visits, somebody who was marked is visited after the mark.
func testMarksInFlight(t *testing.T, s *suite) {
	ctx := t.Context()
	const people = 40
	var truth, seen [people]atomic.Bool
	for n := range people {
		must(t, s.db.Record(ctx, []*provision.Account{account(s, strconv.Itoa(n), strconv.Itoa(n))}, nil, nil))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range people {
			truth[n].Store(true)
			q := provision.AccountQuery{ConnectionID: "c", ObjectID: strconv.Itoa(n)}
			if _, err := s.db.MarkDue(context.Background(), q, at(5), provision.PriorityLive, "m"); err != nil {
				t.Error(err)
			}
		}
	}()
	pass := func(rows []provision.Account, err error) {
		must(t, err)
		for i := range rows { // a visit reads the row first, then what it is about
			n, err := strconv.Atoi(rows[i].ObjectID)
			must(t, err)
			seen[n].Store(truth[n].Load())
		}
		for i := range rows {
			rows[i].DueAt, rows[i].Status = time.Time{}, provision.StatusSuccess
			must(t, s.db.Record(ctx, []*provision.Account{&rows[i]}, nil, nil))
		}
	}
	for marking := true; marking; {
		select {
		case <-done:
			marking = false
		default:
			pass(s.db.AccountPage(ctx, provision.AccountQuery{ConnectionID: "c", Limit: people}))
		}
	}
	pass(s.db.DueAccounts(ctx, "c", at(5), nil, people))
	for n := range people {
		if !seen[n].Load() {
			t.Errorf("nobody visited %d after the mark", n)
		}
	}
}
