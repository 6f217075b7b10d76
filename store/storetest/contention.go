package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"lockstep/directory"
	"lockstep/internal/problem"
)

const rounds = 12

// together runs n of a function at the same moment and counts those that succeed. A refusal is an answer; anything else that
// goes wrong is not.
func together(t *testing.T, n int, fn func(i int) error) int64 {
	t.Helper()
	var group sync.WaitGroup
	var succeeded atomic.Int64
	start := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-start
			err := fn(i)
			var refused *problem.Error
			switch {
			case err == nil:
				succeeded.Add(1)
			case !errors.As(err, &refused):
				t.Errorf("not a refusal: %v", err)
			}
		})
	}
	close(start)
	group.Wait()
	return succeeded.Load()
}

// testPopulationsAtOnce: whoever edits populations at the same moment, there is one default, and a name is given once.
func testPopulationsAtOnce(t *testing.T, s *suite) {
	ctx := context.Background()
	for round := range rounds {
		made := together(t, 4, func(int) error {
			_, err := s.people.CreatePopulation(ctx, s.env, directory.Population{Name: fmt.Sprint("same ", round), Default: true})
			return err
		})
		together(t, 4, func(i int) error {
			_, err := s.people.CreatePopulation(ctx, s.env, directory.Population{Name: fmt.Sprint(round, " ", i), Default: true})
			return err
		})
		all, err := s.db.Populations(ctx, s.env)
		must(t, err)
		defaults, others := 0, []string{}
		for _, p := range all {
			if p.Default {
				defaults++
			} else {
				others = append(others, p.ID)
			}
		}
		if made != 1 || defaults != 1 {
			t.Fatalf("%d of one name were made, %d are the default", made, defaults)
		}
		together(t, 2, func(i int) error { // deleted, or made the default; never both
			if i == 0 {
				return s.people.DeletePopulation(ctx, s.env, others[0])
			}
			_, err := s.people.UpdatePopulation(ctx, s.env, others[0], func(p *directory.Population) error { p.Default = true; return nil })
			return err
		})
		must(t, s.db.Edit(ctx, func(tx directory.Tx) error { _, err := tx.DefaultPopulation(ctx, s.env); return err }))
	}
}

// testPlacedAtOnce: a user who is put into a population while it is deleted is refused, or the deletion is.
func testPlacedAtOnce(t *testing.T, s *suite) {
	ctx := context.Background()
	for round := range rounds {
		p, err := s.people.CreatePopulation(ctx, s.env, directory.Population{Name: fmt.Sprint(round)})
		must(t, err)
		done := together(t, 2, func(i int) error {
			if i == 0 {
				return s.people.DeletePopulation(ctx, s.env, p.ID)
			}
			_, err := s.people.CreateUser(ctx, s.env, directory.User{Username: fmt.Sprint("u", round), Email: "u@x.y", PopulationID: p.ID})
			return err
		})
		if done != 1 {
			t.Errorf("%d of a deletion and a creation in it were done", done)
		}
	}
}

// testUniqueAtOnce: a unique value is given once, whoever asks for it at the same moment.
func testUniqueAtOnce(t *testing.T, s *suite) {
	ctx := context.Background()
	made := together(t, 4, func(int) error {
		_, err := s.people.CreateAttribute(ctx, s.env, directory.Attribute{Name: "badge", Type: directory.TypeString, Unique: true})
		return err
	})
	if made != 1 {
		t.Fatalf("the attribute was declared %d times", made)
	}
	for round := range rounds {
		made := together(t, 5, func(i int) error {
			_, err := s.people.CreateUser(ctx, s.env, directory.User{
				Username: fmt.Sprint("u", round, "-", i), Email: "u@x.y", Custom: map[string]any{"badge": fmt.Sprint(round)},
			})
			return err
		})
		if made != 1 {
			t.Errorf("%d users were given the same unique value", made)
		}
	}
}
