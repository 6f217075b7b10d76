package storetest

import (
	"context"
	"testing"
)

// testAnnouncements: whoever listens is told at first that he may have missed something, and not what he announced himself. Where
// no other process can be, there is nothing to listen to.
func testAnnouncements(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.db.Announce(s.env)
	s.db.Heed(ctx, func(env string) {
		if env != "" {
			t.Errorf("heard %q", env)
		}
		cancel()
	})
	if ctx.Err() == nil && s.db.Pool() != nil {
		t.Error("nothing is heard")
	}
}
