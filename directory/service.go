package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"lockstep/filter"
	"lockstep/internal/problem"
)

// Options is what a Service may be told. The zero value works.
type Options struct {
	Now   func() time.Time
	NewID func() string // UUIDv7: ids in the order of creation
	// Wake is called after an edit of an environment was committed.
	Wake func(envID string)
}

// Service is the only way to edit the identity store.
type Service struct {
	store Store
	now   func() time.Time
	newID func() string
	wake  func(string)
}

// NewService makes a service over a store.
func NewService(store Store, o Options) *Service {
	s := &Service{store: store, now: o.Now, newID: o.NewID, wake: o.Wake}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if s.wake == nil {
		s.wake = func(string) {}
	}
	return s
}

func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// edit runs fn in one transaction and wakes whoever follows the feed.
func (s *Service) edit(ctx context.Context, envID string, fn func(tx Tx) error) error {
	if err := s.store.Edit(ctx, fn); err != nil {
		return err
	}
	s.wake(envID)
	return nil
}

// activity is one line of the log about an edit.
func (s *Service) activity(ctx context.Context, envID string, kind Kind, verb, id, name string, changes []AttributeChange) Activity {
	origin := OriginOf(ctx)
	description := fmt.Sprintf("%s %s was %s", strings.ToLower(string(kind)), name, strings.ToLower(verb))
	if len(changes) > 0 && verb == "UPDATED" {
		names := make([]string, len(changes))
		for i, c := range changes {
			names[i] = c.Attribute
		}
		description += ": " + strings.Join(names, ", ")
	}
	return Activity{
		ID: s.newID(), EnvironmentID: envID, RecordedAt: s.instant(), Type: string(kind) + "." + verb, Actor: origin.Actor,
		CorrelationID: origin.CorrelationID, Kind: kind, ObjectID: id, ObjectName: name, Success: true, Description: description, Changes: changes,
	}
}

// Setup makes the first environment with its default population, if there is none, and answers the first one. Several
// processes that start at once end with one.
func (s *Service) Setup(ctx context.Context, name string) (Environment, error) {
	if existing, err := s.store.Environments(ctx); err != nil || len(existing) > 0 {
		return first(existing), err
	}
	now := s.instant()
	env := Environment{ID: uuid.NewString(), Name: name, CreatedAt: now}
	p := Population{ID: s.newID(), EnvironmentID: env.ID, Name: "Default", Default: true, CreatedAt: now, UpdatedAt: now}
	made := env
	err := s.edit(ctx, env.ID, func(tx Tx) error {
		existing, err := tx.Environments(ctx)
		if err != nil || len(existing) > 0 {
			made = first(existing)
			return err
		}
		made = env
		if err := tx.InsertEnvironment(ctx, env); err != nil {
			return err
		}
		if err := tx.InsertPopulation(ctx, p); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, env.ID, KindEnvironment, "CREATED", env.ID, env.Name, nil)})
	})
	return made, err
}

func first(environments []Environment) Environment {
	if len(environments) == 0 {
		return Environment{}
	}
	return environments[0]
}

// Environments lists all environments.
func (s *Service) Environments(ctx context.Context) ([]Environment, error) {
	return s.store.Environments(ctx)
}

// Environment answers one environment.
func (s *Service) Environment(ctx context.Context, id string) (Environment, error) {
	return s.store.Environment(ctx, id)
}

// Populations lists the populations of an environment.
func (s *Service) Populations(ctx context.Context, envID string) ([]Population, error) {
	return s.store.Populations(ctx, envID)
}

// Population answers one population.
func (s *Service) Population(ctx context.Context, envID, id string) (Population, error) {
	return s.store.Population(ctx, envID, id)
}

// CreatePopulation makes a population.
func (s *Service) CreatePopulation(ctx context.Context, envID string, p Population) (Population, error) {
	p.ID, p.EnvironmentID = s.newID(), envID
	p.CreatedAt = s.instant()
	p.UpdatedAt = p.CreatedAt
	err := s.edit(ctx, envID, func(tx Tx) error {
		if _, err := tx.Environment(ctx, envID); err != nil {
			return err
		}
		if err := s.checkPopulation(ctx, tx, &p); err != nil {
			return err
		}
		if err := tx.InsertPopulation(ctx, p); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindPopulation, "CREATED", p.ID, p.Name, nil)})
	})
	return p, err
}

// UpdatePopulation replaces name, description and, if set, the default flag.
func (s *Service) UpdatePopulation(ctx context.Context, envID, id string, edit func(*Population) error) (Population, error) {
	var p Population
	err := s.edit(ctx, envID, func(tx Tx) error {
		before, err := tx.Population(ctx, envID, id)
		if err != nil {
			return err
		}
		p = before
		if err := edit(&p); err != nil {
			return err
		}
		p.ID, p.EnvironmentID, p.CreatedAt = before.ID, envID, before.CreatedAt
		if before.Default && !p.Default {
			return problem.New(problem.InvalidData, "an environment needs a default population; make another one the default instead")
		}
		if err := s.checkPopulation(ctx, tx, &p); err != nil {
			return err
		}
		var changes []AttributeChange
		if before.Name != p.Name {
			changes = append(changes, AttributeChange{"name", before.Name, p.Name})
		}
		if before.Description != p.Description {
			changes = append(changes, AttributeChange{"description", before.Description, p.Description})
		}
		if before.Default != p.Default {
			changes = append(changes, AttributeChange{"default", before.Default, p.Default})
		}
		if len(changes) == 0 {
			return nil
		}
		p.UpdatedAt = s.instant()
		if err := tx.UpdatePopulation(ctx, p); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindPopulation, "UPDATED", p.ID, p.Name, changes)})
	})
	return p, err
}

func (s *Service) checkPopulation(ctx context.Context, tx Tx, p *Population) error {
	p.Name = strings.TrimSpace(p.Name)
	var l problem.List
	checkText(&l, "name", p.Name, 256, true)
	checkText(&l, "description", p.Description, 1024, false)
	if err := l.Err("The population cannot be saved:"); err != nil {
		return err
	}
	other, err := tx.PopulationByName(ctx, p.EnvironmentID, p.Name)
	if err == nil && other.ID != p.ID {
		l.Add(problem.UniquenessViolation, "name", "another population has this name")
		return l.Err("The population cannot be saved:")
	}
	if err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	return nil
}

// DeletePopulation deletes an empty population that is not the default.
func (s *Service) DeletePopulation(ctx context.Context, envID, id string) error {
	return s.edit(ctx, envID, func(tx Tx) error {
		p, err := tx.Population(ctx, envID, id)
		if err != nil {
			return err
		}
		switch {
		case p.Default:
			return problem.New(problem.InvalidData, "the default population cannot be deleted; make another one the default first")
		case p.UserCount > 0:
			return problem.New(problem.InvalidData, "the population has %d users; move or delete them first", p.UserCount)
		}
		if err := tx.DeletePopulation(ctx, envID, id); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindPopulation, "DELETED", p.ID, p.Name, nil)})
	})
}

// Filter shows the schema to package filter, with the group attributes that filters may name.
func (s *Schema) Filter() filter.Schema { return filterSchema{s} }

type filterSchema struct{ *Schema }

var groupAttributes = map[string]filter.Attribute{
	"memberofgroups":     {Name: "memberOfGroups", Type: filter.Complex, MultiValued: true},
	"memberofgroupids":   {Name: "memberOfGroupIDs", Type: filter.String, CaseExact: true, MultiValued: true},
	"memberofgroupnames": {Name: "memberOfGroupNames", Type: filter.String, MultiValued: true},
}

var filterTypes = map[AttributeType]filter.Type{
	TypeString: filter.String, TypeBoolean: filter.Boolean, TypeInteger: filter.Number, TypeJSON: filter.Complex, TypeDateTime: filter.DateTime,
}

// Attribute implements filter.Schema.
func (f filterSchema) Attribute(path string) (filter.Attribute, bool) {
	if a, ok := groupAttributes[strings.ToLower(path)]; ok {
		return a, true
	}
	a, ok := f.Schema.Attribute(path)
	if !ok {
		return filter.Attribute{}, false
	}
	return filter.Attribute{Name: a.Name, Type: filterTypes[a.Type], CaseExact: a.CaseExact, MultiValued: a.MultiValued}, true
}

// Names implements filter.Schema.
func (f filterSchema) Names() []string {
	return append(slices.Clone(f.Schema.Names()), "memberOfGroups", "memberOfGroupIDs", "memberOfGroupNames")
}
