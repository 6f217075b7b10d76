package directory

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	"lockstep/internal/problem"
)

// The store's answers to what somebody else in the environment has.
var (
	ErrUsernameTaken = errors.New("the username is taken")
	ErrValueTaken    = errors.New("the value of a unique attribute is taken")
)

func usernameTaken() error {
	var l problem.List
	l.Add(problem.UniquenessViolation, "username", "another user of this environment has this username")
	return l.Err("The user cannot be saved:")
}

// User answers one user.
func (s *Service) User(ctx context.Context, envID, id string) (User, error) {
	u, err := s.store.User(ctx, envID, id)
	if err != nil {
		return u, err
	}
	return u, s.forget(ctx, envID, &u)
}

// forget drops from users what they still hold of deleted attributes.
func (s *Service) forget(ctx context.Context, envID string, users ...*User) error {
	if !slices.ContainsFunc(users, func(u *User) bool { return len(u.Custom) > 0 }) {
		return nil
	}
	schema, err := s.Schema(ctx, envID)
	if err != nil {
		return err
	}
	for _, u := range users {
		u.forget(schema)
	}
	return nil
}

// CreateUser makes a user. Without a population they are in the default one. Enabled is taken as it is: callers decide the default.
func (s *Service) CreateUser(ctx context.Context, envID string, u User) (User, error) {
	u.ID, u.EnvironmentID = s.newID(), envID
	u.CreatedAt = s.instant()
	u.UpdatedAt = u.CreatedAt
	u.Custom = maps.Clone(u.Custom)
	err := s.edit(ctx, envID, func(tx Tx) error {
		schema, err := schemaOf(ctx, tx, envID)
		if err != nil {
			return err
		}
		if err := s.place(ctx, tx, &u); err != nil {
			return err
		}
		if err := u.check(schema, nil); err != nil {
			return err
		}
		if err := checkUnique(ctx, tx, schema, nil, &u); err != nil {
			return err
		}
		if err := tx.InsertUsers(ctx, []User{u}); err != nil {
			return err
		}
		followed, err := s.follow(ctx, tx, envID, schema, []*User{&u})
		if err != nil {
			return err
		}
		return tx.Append(ctx, append(followed, s.activity(ctx, envID, KindUser, "CREATED", u.ID, u.Username, Made(diff(&User{}, &u)))))
	})
	if err != nil {
		return User{}, takenOr(err)
	}
	return u, nil
}

func takenOr(err error) error {
	switch {
	case errors.Is(err, ErrUsernameTaken):
		return usernameTaken()
	case errors.Is(err, ErrValueTaken):
		return problem.New(problem.Conflict, "a value that must be unique was given to somebody else at this moment; try again")
	default:
		return err
	}
}

// schemaOf answers the attributes that users of the environment have until the edit ends. It comes first in an edit of users.
func schemaOf(ctx context.Context, tx Tx, envID string) (*Schema, error) {
	if err := tx.LockEnvironment(ctx, envID, false); err != nil {
		return nil, err
	}
	custom, err := tx.CustomAttributes(ctx, envID)
	if err != nil {
		return nil, err
	}
	return NewSchema(custom), nil
}

// place puts a user into a population that exists.
func (s *Service) place(ctx context.Context, tx Tx, u *User) error {
	if u.PopulationID == "" {
		p, err := tx.DefaultPopulation(ctx, u.EnvironmentID)
		u.PopulationID, u.PopulationName = p.ID, p.Name
		return err
	}
	p, err := tx.Population(ctx, u.EnvironmentID, u.PopulationID)
	if problem.Is(err, problem.NotFound) {
		var l problem.List
		l.Add(problem.InvalidValue, "population.id", "no population with this id exists in this environment")
		return l.Err("The user cannot be saved:")
	}
	u.PopulationName = p.Name
	return err
}

// unique visits the values of unique attributes that are new since before; nil is a new user.
func (u *User) unique(schema *Schema, before *User, visit func(a Attribute, value any) error) error {
	for _, a := range schema.custom {
		value := u.Custom[a.Name]
		if !a.Unique || value == nil || before != nil && reflect.DeepEqual(before.Custom[a.Name], value) {
			continue
		}
		if err := visit(a, value); err != nil {
			return err
		}
	}
	return nil
}

const valueTaken = "another user of this environment has this value"

// checkUnique makes sure that nobody else has the values of unique attributes that are new since before; nil is a new user.
func checkUnique(ctx context.Context, tx Tx, schema *Schema, before, u *User) error {
	return u.unique(schema, before, func(a Attribute, value any) error {
		holders, err := tx.Holders(ctx, a, []any{value})
		if err != nil {
			return err
		}
		if holders[0] != "" && holders[0] != u.ID {
			var l problem.List
			l.Add(problem.UniquenessViolation, a.Name, valueTaken)
			return l.Err("The user cannot be saved:")
		}
		return nil
	})
}

// UpdateUser lets edit change a user. Only what it changes is judged, so that a user whose data no longer meets the rules
// (an attribute was made required after they were created) can still be disabled. An edit that changes nothing writes nothing.
func (s *Service) UpdateUser(ctx context.Context, envID, id string, edit func(*User) error) (User, error) {
	var u User
	err := s.edit(ctx, envID, func(tx Tx) error {
		schema, err := schemaOf(ctx, tx, envID)
		if err != nil {
			return err
		}
		before, err := tx.User(ctx, envID, id)
		if err != nil {
			return err
		}
		before.forget(schema)
		u = before
		u.Custom = maps.Clone(before.Custom)
		if err := edit(&u); err != nil {
			return err
		}
		u.ID, u.EnvironmentID, u.CreatedAt, u.UpdatedAt = before.ID, envID, before.CreatedAt, before.UpdatedAt
		u.PopulationName, u.Custom = before.PopulationName, maps.Clone(u.Custom)
		if err := s.move(ctx, tx, &before, &u); err != nil {
			return err
		}
		if err := u.check(schema, &before); err != nil {
			return err
		}
		changes := diff(&before, &u)
		if len(changes) == 0 {
			return errUnchanged
		}
		if err := checkUnique(ctx, tx, schema, &before, &u); err != nil {
			return err
		}
		u.UpdatedAt = s.instant()
		if err := tx.UpdateUsers(ctx, []User{u}); err != nil {
			return err
		}
		followed, err := s.follow(ctx, tx, envID, schema, []*User{&u})
		if err != nil {
			return err
		}
		return tx.Append(ctx, append(followed, s.activity(ctx, envID, KindUser, "UPDATED", u.ID, u.Username, changes)))
	})
	if err != nil {
		return User{}, takenOr(err)
	}
	return u, nil
}

// move puts a user whose population was changed into it. A user is always in one.
func (s *Service) move(ctx context.Context, tx Tx, before, u *User) error {
	switch u.PopulationID {
	case before.PopulationID:
		return nil
	case "":
		var l problem.List
		l.Add(problem.RequiredValue, "population.id", "a user is always in a population; name the one to move to")
		return l.Err("The user cannot be saved:")
	default:
		return s.place(ctx, tx, u)
	}
}

// SetEnabled enables or disables a user.
func (s *Service) SetEnabled(ctx context.Context, envID, id string, enabled bool) (User, error) {
	return s.UpdateUser(ctx, envID, id, func(u *User) error { u.Enabled = enabled; return nil })
}

// MoveUser puts a user into another population.
func (s *Service) MoveUser(ctx context.Context, envID, id, populationID string) (User, error) {
	return s.UpdateUser(ctx, envID, id, func(u *User) error { u.PopulationID = populationID; return nil })
}

// DeleteUser deletes a user. What was provisioned for them is deprovisioned as the connections' rules say.
func (s *Service) DeleteUser(ctx context.Context, envID, id string) error {
	return s.edit(ctx, envID, func(tx Tx) error {
		u, err := tx.User(ctx, envID, id)
		if err != nil {
			return err
		}
		left, err := s.leaveAll(ctx, tx, envID, &u)
		if err != nil {
			return err
		}
		if err := tx.DeleteUser(ctx, envID, id); err != nil {
			return err
		}
		return tx.Append(ctx, append(left, s.activity(ctx, envID, KindUser, "DELETED", u.ID, u.Username, Unmade(diff(&u, &User{})))))
	})
}
