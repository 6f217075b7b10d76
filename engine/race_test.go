package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

// lateStore does something after the commit that ends a visit, before the visit hears of it.
type lateStore struct {
	*store.DB
	once sync.Once
	late func()
}

func (s *lateStore) Record(ctx context.Context, save []*provision.Account, remove []string, activities []directory.Activity) error {
	err := s.DB.Record(ctx, save, remove, activities)
	for _, row := range save {
		if row.RemoteID != "" && row.DueAt.IsZero() {
			s.once.Do(s.late)
		}
	}
	return err
}

// TestEditAtTheEndOfAVisit: an edit that is taken over when the visit of the same person has asked for the last time whether they
// changed, and has not ended yet, is not lost.
func TestEditAtTheEndOfAVisit(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	late := &lateStore{DB: w.db}
	w.engine = engine.New(engine.Config{Store: late, Types: all.Types(), Client: outbound.Client(true, 5*time.Second)})
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	u := w.create(1)
	edited := make(chan error, 1)
	late.late = func() { // within the recorder: it must not end the test
		_, err := w.people.UpdateUser(context.Background(), w.env.ID, u.ID, func(u *directory.User) error { u.Name.Family = "Late"; return nil })
		w.engine.Wake(w.env.ID)
		head, err2 := w.db.FeedHead(context.Background(), w.env.ID)
		for range 20 { // until it is taken over, or will not be before the visit ends
			if state, err := w.db.Runner(context.Background(), w.env.ID, w.connection.ID); err != nil || state.Cursor >= head {
				break
			}
			<-time.After(10 * time.Millisecond)
		}
		edited <- errors.Join(err, err2)
	}
	w.engine.Wake(w.env.ID)
	must(t, <-edited)
	w.settle(provision.StateIdle)
	if m := w.member(u.Email); m.FamilyName != "Late" {
		t.Errorf("the edit is lost: %+v", m)
	}
}
