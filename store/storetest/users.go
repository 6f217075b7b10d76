package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// testSetup: many that start at once end with one environment and one default population.
func testSetup(t *testing.T, s *suite) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if env, err := directory.NewService(s.db, directory.Options{}).Setup(context.Background(), "Again"); err != nil || env.ID != s.env {
				t.Errorf("%v %v", env, err)
			}
		})
	}
	group.Wait()
	if all, err := s.db.Environments(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
}

func testUsers(t *testing.T, s *suite) {
	ctx := t.Context()
	_, err := s.people.CreateAttribute(ctx, s.env, directory.Attribute{Name: "badge", Type: directory.TypeString, Unique: true})
	must(t, err)
	want, err := s.people.CreateUser(ctx, s.env, directory.User{
		Username: "Ünïcode.Name", Email: "x@example.com", Enabled: true, Name: directory.Name{Given: "Zoë", Family: "O'Neil; DROP"},
		Address: directory.Address{CountryCode: "DE"}, Custom: map[string]any{"badge": "A-1"},
	})
	must(t, err)
	got, err := s.db.User(ctx, s.env, want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the user came back otherwise (-want +got):\n%s", diff)
	}
	byName, err := s.db.UsersByUsername(ctx, s.env, []string{directory.Fold("ünïcode.NAME"), "nobody"})
	must(t, err)
	if len(byName) != 1 {
		t.Errorf("by username: %v", byName)
	}
	_, err = s.people.CreateUser(ctx, s.env, directory.User{Username: "other", Email: "y@example.com", Custom: map[string]any{"badge": "A-1"}})
	if !problem.Is(err, problem.InvalidData) {
		t.Errorf("a unique value twice: %v", err)
	}
	must(t, s.people.DeleteUser(ctx, s.env, want.ID))
	if _, err := s.db.User(ctx, s.env, want.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("a deleted user: %v", err)
	}
	if users, err := s.db.UsersByID(ctx, s.env, []string{want.ID}); err != nil || len(users) != 0 {
		t.Errorf("%v %v", users, err)
	}
}

func testRollback(t *testing.T, s *suite) {
	ctx := t.Context()
	before, err := s.db.FeedHead(ctx, s.env)
	must(t, err)
	boom := errors.New("boom")
	err = s.db.Edit(ctx, func(tx directory.Tx) error {
		p, err := tx.DefaultPopulation(ctx, s.env)
		if err != nil {
			return err
		}
		u := directory.User{ID: "00000000-0000-7000-8000-000000000001", EnvironmentID: s.env, PopulationID: p.ID, Username: "ghost", Email: "g@x.y"}
		if err := tx.InsertUsers(ctx, []directory.User{u}); err != nil {
			return err
		}
		if err := tx.Append(ctx, []directory.Activity{{ID: "a", EnvironmentID: s.env, Kind: directory.KindUser, Type: "USER.CREATED"}}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	after, err := s.db.FeedHead(ctx, s.env)
	must(t, err)
	if n, _ := s.db.CountUsers(ctx, s.env); n != 0 || after != before {
		t.Errorf("an edit that failed left %d users, feed %d -> %d", n, before, after)
	}
}

func testUsernames(t *testing.T, s *suite) {
	s.create(t, "anna")
	_, err := s.people.CreateUser(t.Context(), s.env, directory.User{Username: "ANNA", Email: "a2@example.com"})
	if !problem.Is(err, problem.InvalidData) || !strings.Contains(err.Error(), "username") {
		t.Errorf("a username twice: %v", err)
	}
}
