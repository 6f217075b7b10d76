package directory

import (
	"context"
	"strings"

	"lockstep/internal/problem"
)

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
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		if _, err := tx.Environment(ctx, envID); err != nil {
			return err
		}
		if err := s.checkPopulation(ctx, tx, &p); err != nil {
			return err
		}
		if err := tx.InsertPopulation(ctx, p); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindPopulation, "CREATED", p.ID, p.Name, Made(populationChanges(&Population{}, &p)))})
	})
	return p, err
}

// UpdatePopulation lets edit change name, description and the default flag. The default population stays the default until
// another one becomes it.
func (s *Service) UpdatePopulation(ctx context.Context, envID, id string, edit func(*Population) error) (Population, error) {
	var p Population
	err := s.edit(ctx, envID, func(tx Tx) error {
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		before, err := tx.Population(ctx, envID, id)
		if err != nil {
			return err
		}
		if before.UserCount, err = tx.CountPopulation(ctx, envID, id); err != nil {
			return err
		}
		p = before
		if err := edit(&p); err != nil {
			return err
		}
		p.ID, p.EnvironmentID, p.CreatedAt = before.ID, envID, before.CreatedAt
		if before.Default && !p.Default {
			var l problem.List
			l.Add(problem.ConstraintViolation, "default", "an environment needs a default population; make another one the default instead")
			return l.Err("The population cannot be saved:")
		}
		if err := s.checkPopulation(ctx, tx, &p); err != nil {
			return err
		}
		changes := populationChanges(&before, &p)
		if len(changes) == 0 {
			return errUnchanged
		}
		p.UpdatedAt = s.instant()
		if err := tx.UpdatePopulation(ctx, p); err != nil {
			return err
		}
		var followed []Activity
		if before.Name != p.Name {
			if followed, err = s.followPopulation(ctx, tx, envID, p.ID); err != nil {
				return err
			}
		}
		return tx.Append(ctx, append(followed, s.activity(ctx, envID, KindPopulation, "UPDATED", p.ID, p.Name, changes)))
	})
	return p, err
}

// populationChanges lists what differs, by attribute.
func populationChanges(before, after *Population) []AttributeChange {
	var out []AttributeChange
	if before.Default != after.Default {
		out = append(out, AttributeChange{"default", before.Default, after.Default})
	}
	if before.Description != after.Description {
		out = append(out, AttributeChange{"description", before.Description, after.Description})
	}
	if before.Name != after.Name {
		out = append(out, AttributeChange{"name", before.Name, after.Name})
	}
	return out
}

// checkPopulation validates a population and tidies its name.
func (s *Service) checkPopulation(ctx context.Context, tx Tx, p *Population) error {
	p.Name = strings.TrimSpace(p.Name)
	var l problem.List
	CheckText(&l, "name", p.Name, 256, true)
	CheckLines(&l, "description", p.Description, 1024)
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
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		p, err := tx.Population(ctx, envID, id)
		if err != nil {
			return err
		}
		if p.UserCount, err = tx.CountPopulation(ctx, envID, id); err != nil {
			return err
		}
		switch {
		case p.Default:
			return refusedDeletion("the default population cannot be deleted; make another one the default first")
		case p.UserCount == 1:
			return refusedDeletion("the population has 1 user; move or delete them first")
		case p.UserCount > 0:
			return refusedDeletion("the population has %d users; move or delete them first", p.UserCount)
		}
		if has, err := tx.HasGroups(ctx, envID, id); err != nil {
			return err
		} else if has {
			return refusedDeletion("groups belong to the population; move or delete them first")
		}
		if err := tx.DeletePopulation(ctx, envID, id); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindPopulation, "DELETED", p.ID, p.Name, Unmade(populationChanges(&p, &Population{})))})
	})
}

func refusedDeletion(format string, args ...any) error {
	var l problem.List
	l.Add(problem.ConstraintViolation, "id", format, args...)
	return l.Err("The population cannot be deleted:")
}
