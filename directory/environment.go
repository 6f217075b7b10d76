package directory

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"lockstep/internal/problem"
)

// maxEnvironments is how many there may be in an installation: each is looked at by every round of the schedule.
const maxEnvironments = 100

const environmentRefused = "The environment cannot be saved:"

func checkEnvironmentName(name string) (string, error) {
	name = strings.TrimSpace(name)
	var l problem.List
	CheckText(&l, "name", name, 256, true)
	return name, l.Err(environmentRefused)
}

// newEnvironment is one that is not kept yet, with its default population.
func (s *Service) newEnvironment(name string) (Environment, Population, error) {
	name, err := checkEnvironmentName(name)
	now := s.instant()
	env := Environment{ID: uuid.NewString(), Name: name, CreatedAt: now}
	return env, Population{ID: s.newID(), EnvironmentID: env.ID, Name: "Default", Default: true, CreatedAt: now, UpdatedAt: now}, err
}

func (s *Service) insertEnvironment(ctx context.Context, tx Tx, env Environment, p Population) error {
	if err := tx.InsertEnvironment(ctx, env); err != nil {
		return err
	}
	if err := tx.InsertPopulation(ctx, p); err != nil {
		return err
	}
	return tx.Append(ctx, []Activity{s.activity(ctx, env.ID, KindEnvironment, "CREATED", env.ID, env.Name, nil)})
}

// roomFor refuses one more environment where there are too many, or one of that name.
func roomFor(all []Environment, env Environment) error {
	if len(all) >= maxEnvironments {
		return problem.New(problem.Conflict, "there are %d environments, and no more are kept; rename one that is not used", maxEnvironments)
	}
	return uniqueEnvironment(all, env.ID, env.Name)
}

// uniqueEnvironment refuses a name that another environment has: people tell them apart by it.
func uniqueEnvironment(all []Environment, id, name string) error {
	var l problem.List
	for _, other := range all {
		if other.ID != id && Fold(other.Name) == Fold(name) {
			l.Add(problem.UniquenessViolation, "name", "another environment has this name")
		}
	}
	return l.Err(environmentRefused)
}

// CreateEnvironment makes an environment with a default population and nothing else. found is told of it before it is kept, and gives
// somebody a role in it; what it answers ends the attempt.
func (s *Service) CreateEnvironment(ctx context.Context, name string, found func(Environment) error) (Environment, error) {
	env, p, err := s.newEnvironment(name)
	if err != nil {
		return Environment{}, err
	}
	existing, err := s.store.Environments(ctx)
	if err != nil {
		return Environment{}, err
	}
	if err := roomFor(existing, env); err != nil {
		return Environment{}, err
	}
	if err := found(env); err != nil {
		return Environment{}, err
	}
	err = s.edit(ctx, env.ID, func(tx Tx) error {
		existing, err := tx.Environments(ctx)
		if err != nil {
			return err
		}
		if err := roomFor(existing, env); err != nil { // somebody else was faster
			return err
		}
		return s.insertEnvironment(ctx, tx, env, p)
	})
	return env, err
}

// RenameEnvironment gives an environment another name.
func (s *Service) RenameEnvironment(ctx context.Context, id, name string) (Environment, error) {
	name, err := checkEnvironmentName(name)
	if err != nil {
		return Environment{}, err
	}
	var env Environment
	err = s.edit(ctx, id, func(tx Tx) error {
		existing, err := tx.Environments(ctx)
		if err != nil {
			return err
		}
		if env, err = tx.Environment(ctx, id); err != nil {
			return err
		}
		if env.Name == name {
			return errUnchanged
		}
		if err := uniqueEnvironment(existing, id, name); err != nil {
			return err
		}
		changes := []AttributeChange{{Attribute: "name", From: env.Name, To: name}}
		env.Name = name
		if err := tx.UpdateEnvironment(ctx, env); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, id, KindEnvironment, "UPDATED", id, name, changes)})
	})
	return env, err
}

// Environments lists all environments.
func (s *Service) Environments(ctx context.Context) ([]Environment, error) {
	return s.store.Environments(ctx)
}

// Environment answers one environment.
func (s *Service) Environment(ctx context.Context, id string) (Environment, error) {
	return s.store.Environment(ctx, id)
}
