package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// edit runs fn in a transaction that must be kept.
func (s *suite) edit(t *testing.T, fn func(tx directory.Tx) error) {
	t.Helper()
	must(t, s.db.Edit(t.Context(), fn))
}

// same fails when a value came back otherwise than it went in.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func missing(t *testing.T, what string, err error) {
	t.Helper()
	if !problem.Is(err, problem.NotFound) {
		t.Errorf("%s: %v, want a NOT_FOUND", what, err)
	}
}

func at(n int64) time.Time { return time.UnixMicro(n).UTC() }

func testEnvironments(t *testing.T, s *suite) {
	ctx := t.Context()
	must(t, s.db.Ping(ctx))
	other := directory.Environment{ID: "env-2", Name: "Other", CreatedAt: at(1)}
	s.edit(t, func(tx directory.Tx) error {
		if err := tx.InsertEnvironment(ctx, other); err != nil {
			return err
		}
		got, err := tx.Environment(ctx, other.ID)
		same(t, "the environment within the edit", other, got)
		return err
	})
	got, err := s.db.Environment(ctx, other.ID)
	must(t, err)
	same(t, "the environment", other, got)
	s.edit(t, func(tx directory.Tx) error {
		must(t, tx.LockEnvironment(ctx, s.env, true))
		all, err := tx.Environments(ctx)
		if len(all) != 2 || all[0].ID != other.ID {
			t.Errorf("environments, oldest first: %v", all)
		}
		return err
	})
	other.Name = "Renamed"
	s.edit(t, func(tx directory.Tx) error { return tx.UpdateEnvironment(ctx, other) })
	got, err = s.db.Environment(ctx, other.ID)
	must(t, err)
	same(t, "the renamed environment", other, got)
	if err := s.db.Edit(ctx, func(tx directory.Tx) error {
		return tx.UpdateEnvironment(ctx, directory.Environment{ID: "nothing", Name: "x"})
	}); !problem.Is(err, problem.NotFound) {
		t.Errorf("an environment that does not exist was renamed: %v", err)
	}
	_, err = s.db.Environment(ctx, "nothing")
	missing(t, "an environment that does not exist", err)
}

func testPopulations(t *testing.T, s *suite) {
	ctx := t.Context()
	p := directory.Population{ID: "p", EnvironmentID: s.env, Name: "Sales É", Description: "d", CreatedAt: at(5), UpdatedAt: at(6)}
	s.edit(t, func(tx directory.Tx) error { return tx.InsertPopulation(ctx, p) })
	got, err := s.db.Population(ctx, s.env, p.ID)
	must(t, err)
	same(t, "the population", p, got)
	_, err = s.people.CreateUser(ctx, s.env, directory.User{Username: "a", Email: "a@x.y", PopulationID: p.ID})
	must(t, err)
	all, err := s.db.Populations(ctx, s.env)
	must(t, err)
	if len(all) != 2 || all[0].Name != "Default" || all[1].UserCount != 1 {
		t.Errorf("populations by name, with counts: %+v", all)
	}
	p.Name, p.Description, p.Default, p.UpdatedAt = "Zales", "e", true, at(7)
	s.edit(t, func(tx directory.Tx) error { return tx.UpdatePopulation(ctx, p) })
	s.edit(t, func(tx directory.Tx) error {
		home, err := tx.DefaultPopulation(ctx, s.env)
		must(t, err)
		same(t, "the default has moved", p, home)
		byName, err := tx.PopulationByName(ctx, s.env, " zALES ")
		must(t, err)
		byID, err := tx.Population(ctx, s.env, p.ID)
		must(t, err)
		if byName.ID != p.ID || byID.Name != "Zales" {
			t.Errorf("%+v %+v", byName, byID)
		}
		if n, err := tx.CountPopulation(ctx, s.env, p.ID); n != 1 || err != nil || byID.UserCount != 0 {
			t.Errorf("counted %d, carried %d: %v", n, byID.UserCount, err)
		}
		_, err = tx.PopulationByName(ctx, s.env, "sales é")
		missing(t, "the old name", err)
		missing(t, "deleting nothing", tx.DeletePopulation(ctx, s.env, "nothing"))
		missing(t, "another environment's", tx.DeletePopulation(ctx, "elsewhere", p.ID))
		return nil
	})
	s.edit(t, func(tx directory.Tx) error { return tx.DeletePopulation(ctx, s.env, all[0].ID) })
	_, err = s.db.Population(ctx, s.env, all[0].ID)
	missing(t, "a deleted population", err)
}

func testAttributes(t *testing.T, s *suite) {
	ctx := t.Context()
	a := directory.Attribute{
		ID: "a", EnvironmentID: s.env, Name: "badge", DisplayName: "Badge", Type: directory.TypeInteger, SchemaType: directory.SchemaCustom, MultiValued: true,
		Unique: true, CreatedAt: at(1), UpdatedAt: at(2),
	}
	s.edit(t, func(tx directory.Tx) error { return tx.InsertAttribute(ctx, a) })
	a.Description = "changed"
	s.edit(t, func(tx directory.Tx) error {
		if err := tx.UpdateAttribute(ctx, a); err != nil {
			return err
		}
		inside, err := tx.CustomAttributes(ctx, s.env)
		same(t, "the attribute within the edit", []directory.Attribute{a}, inside)
		return err
	})
	got, err := s.db.CustomAttributes(ctx, s.env)
	must(t, err)
	same(t, "the attribute", []directory.Attribute{a}, got)
	s.edit(t, func(tx directory.Tx) error {
		missing(t, "deleting nothing", tx.DeleteAttribute(ctx, s.env, "nothing"))
		return tx.DeleteAttribute(ctx, s.env, a.ID)
	})
	if got, err := s.db.CustomAttributes(ctx, s.env); err != nil || len(got) != 0 {
		t.Errorf("a deleted attribute: %v %v", got, err)
	}
	deleted, err := s.db.DeletedAttributes(ctx, s.env)
	must(t, err)
	same(t, "it keeps its name", []directory.Attribute{a}, deleted)
	s.edit(t, func(tx directory.Tx) error {
		missing(t, "deleting it twice", tx.DeleteAttribute(ctx, s.env, a.ID))
		missing(t, "editing what is deleted", tx.UpdateAttribute(ctx, a))
		inside, err := tx.DeletedAttributes(ctx, s.env)
		same(t, "within the edit", deleted, inside)
		return errors.Join(err, tx.PurgeAttribute(ctx, s.env, a.ID), tx.PurgeAttribute(ctx, s.env, a.ID))
	})
	if got, err := s.db.DeletedAttributes(ctx, s.env); err != nil || len(got) != 0 {
		t.Errorf("a purged attribute: %v %v", got, err)
	}
}

// testUserEdits: what a transaction reads and writes of users.
func testUserEdits(t *testing.T, s *suite) {
	ctx := t.Context()
	badge, err := s.people.CreateAttribute(ctx, s.env, directory.Attribute{Name: "badge", Type: directory.TypeInteger, Unique: true})
	must(t, err)
	var many []directory.User
	home, err := s.db.Populations(ctx, s.env)
	must(t, err)
	for n := range 600 { // more than one statement holds
		many = append(many, directory.User{
			ID: fmt.Sprintf("u%04d", n), EnvironmentID: s.env, PopulationID: home[0].ID, PopulationName: home[0].Name, Username: fmt.Sprintf("user%d", n),
			Email: "u@x.y", Custom: map[string]any{"badge": float64(n)}, CreatedAt: at(1), UpdatedAt: at(1),
		})
	}
	s.edit(t, func(tx directory.Tx) error { return tx.InsertUsers(ctx, many) })
	for i := range many {
		many[i].Title, many[i].Enabled = "Boss", true
	}
	s.edit(t, func(tx directory.Tx) error {
		if err := tx.UpdateUsers(ctx, many); err != nil {
			return err
		}
		one, err := tx.User(ctx, s.env, "u0007")
		must(t, err)
		same(t, "a user", many[7], one)
		byName, err := tx.UsersByUsername(ctx, s.env, []string{"user7", "nobody"})
		must(t, err)
		same(t, "by username", map[string]directory.User{"user7": many[7]}, byName)
		ids, err := tx.Holders(ctx, badge, []any{float64(7), "7", float64(8)})
		must(t, err)
		same(t, "by unique values", []string{"u0007", "", "u0008"}, ids)
		return nil
	})
	s.edit(t, func(tx directory.Tx) error {
		missing(t, "deleting nothing", tx.DeleteUser(ctx, s.env, "nothing"))
		missing(t, "another environment's", tx.DeleteUser(ctx, "elsewhere", "u0007"))
		return tx.DeleteUser(ctx, s.env, "u0007")
	})
	s.edit(t, func(tx directory.Tx) error {
		ids, err := tx.Holders(ctx, badge, []any{float64(7)})
		must(t, err)
		same(t, "a deleted user holds nothing", []string{""}, ids)
		eight := many[8]
		eight.Custom = map[string]any{"badge": float64(7)}
		must(t, tx.UpdateUsers(ctx, []directory.User{eight}))
		ids, err = tx.Holders(ctx, badge, []any{float64(7), float64(8)})
		same(t, "a value that was changed", []string{"u0008", ""}, ids)
		return err
	})
	err = s.db.Edit(ctx, func(tx directory.Tx) error {
		nine := many[9]
		nine.Custom = map[string]any{"badge": float64(7)}
		return tx.UpdateUsers(ctx, []directory.User{nine})
	})
	if !errors.Is(err, directory.ErrValueTaken) {
		t.Errorf("a unique value twice: %v", err)
	}
	page, err := s.db.Users(ctx, s.env, directory.UserQuery{After: "u0005", Limit: 3})
	must(t, err)
	if ids := []string{page[0].ID, page[1].ID, page[2].ID}; !slices.Equal(ids, []string{"u0006", "u0008", "u0009"}) {
		t.Errorf("the page: %v", ids)
	}
	if n, err := s.db.CountUsers(ctx, s.env); err != nil || n != 599 {
		t.Errorf("%d %v", n, err)
	}
}
