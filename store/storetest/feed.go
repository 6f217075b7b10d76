package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"lockstep/directory"
)

// testFeed: a reader that follows the feed while many write never misses an entry.
func testFeed(t *testing.T, s *suite) {
	const writers, each = 6, 15
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range each {
				_, err := s.people.CreateUser(context.Background(), s.env, directory.User{Username: fmt.Sprintf("w%d-%d", w, n), Email: "w@example.com"})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	seen := map[string]bool{}
	var cursor int64
	read := func() {
		for {
			changes, err := s.db.Changes(t.Context(), s.env, cursor, 7)
			must(t, err)
			for _, c := range changes {
				if c.Seq <= cursor {
					t.Errorf("seq %d after %d", c.Seq, cursor)
				}
				cursor = c.Seq
				seen[c.ObjectID] = true
			}
			if len(changes) < 7 {
				return
			}
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		read()
	}
	if len(seen) != writers*each {
		t.Errorf("the reader saw %d of %d", len(seen), writers*each)
	}
	if head, err := s.db.FeedHead(t.Context(), s.env); err != nil || head != cursor {
		t.Errorf("head %d, cursor %d, %v", head, cursor, err)
	}
}

func testActivities(t *testing.T, s *suite) {
	u := s.create(t, "anna")
	_, err := s.people.UpdateUser(t.Context(), s.env, u.ID, func(u *directory.User) error { u.Title = "Boss"; return nil })
	must(t, err)
	_, err = s.people.UpdateUser(t.Context(), s.env, u.ID, func(*directory.User) error { return nil })
	must(t, err)
	log, err := s.db.Activities(t.Context(), s.env, directory.ActivityQuery{ObjectID: u.ID, Limit: 10})
	must(t, err)
	if len(log) != 2 || log[0].Type != "USER.UPDATED" || len(log[0].Changes) != 1 || log[0].Changes[0].To != "Boss" {
		t.Errorf("%+v", log)
	}
}

// testActivityQueries: each condition of a query narrows, and one line is found by its id.
func testActivityQueries(t *testing.T, s *suite) {
	ctx := t.Context()
	head, err := s.db.Activities(ctx, s.env, directory.ActivityQuery{Limit: 1})
	must(t, err)
	wanted := directory.Activity{
		ID: "a2", EnvironmentID: s.env, RecordedAt: at(2_000_000), Type: "T2", Actor: directory.System, CorrelationID: "x2", Kind: directory.KindGroup, ObjectID: "o2",
		ObjectName: "n", ConnectionID: "c2", RuleID: "r2", Success: true, Description: "d", Changes: []directory.AttributeChange{{Attribute: "a", From: "1"}},
	}
	other := directory.Activity{ID: "a1", EnvironmentID: s.env, RecordedAt: at(1_000_000), Type: "T1", Actor: directory.System, Kind: directory.KindUser, ObjectID: "o1"}
	last := other
	last.ID, last.RecordedAt = "a3", at(3_000_000)
	all := []directory.Activity{other, wanted, last}
	s.edit(t, func(tx directory.Tx) error { return tx.Append(ctx, all) })
	wanted.Seq = head[0].Seq + 2
	for name, q := range map[string]directory.ActivityQuery{
		"type": {Type: "T2"}, "kind": {Kind: directory.KindGroup}, "object": {ObjectID: "o2"}, "connection": {ConnectionID: "c2"}, "rule": {RuleID: "r2"},
		"correlation": {CorrelationID: "x2"}, "number": {Before: wanted.Seq + 1}, "time": {Since: at(2_000_000), Until: at(2_000_000).Add(time.Microsecond)},
	} {
		q.Limit = 1
		got, err := s.db.Activities(ctx, s.env, q)
		must(t, err)
		same(t, "by "+name, []directory.Activity{wanted}, got)
	}
	got, err := s.db.Activity(ctx, s.env, "a2")
	must(t, err)
	same(t, "by its id", wanted, got)
	_, err = s.db.Activity(ctx, "elsewhere", "a2")
	missing(t, "another environment's line", err)
}
