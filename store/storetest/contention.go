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
	"lockstep/provision"
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

// testValuesOfDeleted: whoever is given a value while its attribute is deleted has none in the end.
func testValuesOfDeleted(t *testing.T, s *suite) {
	ctx := context.Background()
	for round := range rounds {
		a, err := s.people.CreateAttribute(ctx, s.env, directory.Attribute{Name: "badge", Type: directory.TypeString, Unique: true})
		must(t, err)
		together(t, 5, func(i int) error {
			if i == 4 {
				return s.people.DeleteAttribute(ctx, s.env, a.ID)
			}
			_, err := s.people.CreateUser(ctx, s.env, directory.User{
				Username: fmt.Sprint("u", round, "-", i), Email: "u@x.y", Custom: map[string]any{"badge": fmt.Sprint(i)},
			})
			return err
		})
		users, err := s.db.Users(ctx, s.env, directory.UserQuery{Limit: 100})
		must(t, err)
		for _, u := range users {
			if u.Custom != nil {
				t.Errorf("%s kept %v", u.Username, u.Custom)
			}
		}
	}
}

// anything is a catalogue and a checker that take everything.
type anything struct{}

func (anything) Type(name string) (provision.Type, bool) {
	return provision.Type{Name: name, Attributes: []provision.TargetAttribute{{Name: "a"}, {Name: "b"}}}, true
}
func (anything) Types() []provision.Type                                      { return nil }
func (anything) Language(context.Context, string) (provision.Language, error) { return anything{}, nil }
func (anything) CheckFilter(string) error                                     { return nil }
func (anything) CheckExpression(string) error                                 { return nil }
func (anything) CheckAttribute(string) error                                  { return nil }

// furnished is a service with a plan, a source and a target.
func (s *suite) furnished(t *testing.T) (*provision.Service, provision.Rule) {
	t.Helper()
	ctx := context.Background()
	service := provision.NewService(s.db, provision.Deps{Catalogue: anything{}, Checker: anything{}})
	made := together(t, 4, func(int) error {
		_, err := service.CreatePlan(ctx, s.env, provision.Plan{Name: "Plan"})
		return err
	})
	if made != 1 {
		t.Fatalf("%d plans", made)
	}
	plans, err := s.db.Plans(ctx, s.env)
	must(t, err)
	source, err := service.CreateConnection(ctx, s.env, provision.Connection{Name: "From", Type: provision.TypeDirectory}, nil)
	must(t, err)
	made = together(t, 4, func(int) error {
		_, err := service.CreateConnection(ctx, s.env, provision.Connection{Name: "To", Type: "T", Status: provision.Active}, nil)
		return err
	})
	if made != 1 {
		t.Fatalf("%d connections of one name", made)
	}
	all, err := s.db.Connections(ctx, s.env)
	must(t, err)
	return service, provision.Rule{Name: "Rule", PlanID: plans[0].ID, SourceID: source.ID, TargetID: all[1].ID}
}

// testConfiguredAtOnce: whoever configures at the same moment, rules have their order, nothing that was deleted comes back, and a
// revision never has a rule without the mappings that were made with it.
func testConfiguredAtOnce(t *testing.T, s *suite) {
	ctx := context.Background()
	service, template := s.furnished(t)
	for round := range rounds {
		rules := make([]provision.Rule, 4)
		together(t, len(rules), func(i int) (err error) {
			rules[i], err = service.CreateRule(ctx, s.env, template)
			return err
		})
		positions := map[int64]bool{}
		kept, err := s.db.Rules(ctx, s.env)
		must(t, err)
		for _, r := range kept {
			positions[r.Position] = true
		}
		if len(positions) != len(kept) {
			t.Errorf("%d rules share %d places", len(kept), len(positions))
		}
		one := provision.Mapping{TargetAttribute: "a", SourceAttribute: "x"}
		m, err := service.CreateMapping(ctx, s.env, rules[0].ID, one)
		must(t, err)
		_, err = service.CreateMapping(ctx, s.env, rules[1].ID, one)
		must(t, err)
		together(t, 2, func(i int) error {
			if i == 0 {
				return service.DeleteMapping(ctx, s.env, m.ID)
			}
			_, err := service.UpdateMapping(ctx, s.env, m.ID, provision.Mapping{TargetAttribute: "b", SourceAttribute: "x"})
			return err
		})
		if left, err := s.db.Mappings(ctx, s.env, rules[0].ID); err != nil || len(left) != 0 {
			t.Errorf("a deleted mapping is there: %v %v", left, err)
		}
		var published [3]provision.Revision
		together(t, 4, func(i int) (err error) {
			if i == len(published) {
				return service.DeleteRule(ctx, s.env, rules[1].ID, false)
			}
			published[i], err = service.Publish(ctx, s.env)
			return err
		})
		for _, r := range published {
			if live := len(r.Snapshot.RulesFor(template.TargetID)); (live == len(rules)) != (len(r.Snapshot.MappingsFor(rules[1].ID)) == 1) {
				t.Errorf("round %d: revision %d has %d rules, and of the mappings %v", round, r.Number, live, r.Snapshot.Mappings)
			}
		}
		for _, i := range []int{0, 2, 3} {
			must(t, service.DeleteRule(ctx, s.env, rules[i].ID, false))
		}
	}
	together(t, 2, func(i int) error {
		if i == 0 {
			return service.DeletePlan(ctx, s.env, template.PlanID)
		}
		_, err := service.UpdatePlan(ctx, s.env, template.PlanID, provision.Plan{Name: "Renamed"})
		return err
	})
	if left, err := s.db.Plans(ctx, s.env); err != nil || len(left) != 0 {
		t.Errorf("a deleted plan is there: %v %v", left, err)
	}
}
