package engine_test

import (
	"context"
	"sync/atomic"
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

// marking is a store in which somebody outside marks a person at the last moment of their visit.
type marking struct {
	*store.DB
	marked  atomic.Bool
	visited atomic.Int64 // evaluations after the mark
}

func (m *marking) Record(ctx context.Context, rows []*provision.Account, remove []string, activities []directory.Activity) error {
	for _, row := range rows {
		if row.Status == provision.StatusSuccess && row.DueAt.IsZero() && m.marked.CompareAndSwap(false, true) {
			q := provision.AccountQuery{ConnectionID: row.ConnectionID, ObjectID: row.ObjectID}
			if _, err := m.MarkDue(ctx, q, time.Now(), provision.PriorityLive, "asked for"); err != nil {
				return err
			}
		}
	}
	return m.DB.Record(ctx, rows, remove, activities)
}

func (m *marking) UsersByID(ctx context.Context, envID string, ids []string) ([]directory.User, error) {
	if m.marked.Load() {
		m.visited.Add(1)
	}
	return m.DB.UsersByID(ctx, envID, ids)
}

// A mark that comes while a visit ends is not overwritten by the visit: the person is visited again.
func TestMarkDuringVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	s := &marking{DB: w.db}
	w.engine = engine.New(engine.Config{Store: s, Types: all.Types(), Client: outbound.Client(true, 5*time.Second)})
	_, err := w.people.CreateUser(t.Context(), w.env.ID, directory.User{Username: "anna", Email: "anna@example.com", Enabled: true})
	must(t, err)
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	if !s.marked.Load() || s.visited.Load() == 0 {
		t.Errorf("marked %v, then visited %d times", s.marked.Load(), s.visited.Load())
	}
}

// racing is a store in which somebody has a person provisioned on demand just before the runner makes their row.
type racing struct {
	*store.DB
	raced atomic.Bool
}

func (s *racing) Record(ctx context.Context, rows []*provision.Account, remove []string, activities []directory.Activity) error {
	for _, row := range rows {
		if row.ID == "" && row.ObjectID != "" && s.raced.CompareAndSwap(false, true) {
			quicker := *row
			if err := s.DB.Record(ctx, []*provision.Account{&quicker}, nil, nil); err != nil {
				return err
			}
		}
	}
	return s.DB.Record(ctx, rows, remove, activities)
}

// Two who make a person's row at the same moment: the runner goes on with the one that is there.
func TestRowMadeByTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	s := &racing{DB: w.db}
	w.engine = engine.New(engine.Config{Store: s, Types: all.Types(), Client: outbound.Client(true, 5*time.Second)})
	_, err := w.people.CreateUser(t.Context(), w.env.ID, directory.User{Username: "anna", Email: "anna@example.com", Enabled: true})
	must(t, err)
	w.provision("population.id pr", nil)
	w.run()
	if status := w.settle(provision.StateIdle); !s.raced.Load() || status.Users.Success != 1 {
		t.Errorf("%v %+v", s.raced.Load(), status)
	}
}
