package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

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
