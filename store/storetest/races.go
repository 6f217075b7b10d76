package storetest

import (
	"context"
	"sync"
	"testing"

	"lockstep/directory"
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
