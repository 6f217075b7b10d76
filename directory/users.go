package directory

import (
	"context"
	"errors"
	"maps"

	"lockstep/filter"
	"lockstep/internal/problem"
)

// ErrUsernameTaken is the store's answer to a username that somebody else in the environment has.
var ErrUsernameTaken = errors.New("the username is taken")

func usernameTaken() error {
	var l problem.List
	l.Add(problem.UniquenessViolation, "username", "another user of this environment has this username")
	return l.Err("The user cannot be saved:")
}

// User answers one user.
func (s *Service) User(ctx context.Context, envID, id string) (User, error) {
	return s.store.User(ctx, envID, id)
}

// CreateUser makes a user. Without a population they are in the default one.
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
		if err := u.check(schema); err != nil {
			return err
		}
		if err := s.checkUnique(ctx, tx, schema, &u); err != nil {
			return err
		}
		if err := tx.InsertUsers(ctx, []User{u}); err != nil {
			return takenOr(err)
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindUser, "CREATED", u.ID, u.Username, nil)})
	})
	return u, err
}

func takenOr(err error) error {
	if errors.Is(err, ErrUsernameTaken) {
		return usernameTaken()
	}
	return err
}

func schemaOf(ctx context.Context, tx Tx, envID string) (*Schema, error) {
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

func (s *Service) checkUnique(ctx context.Context, tx Tx, schema *Schema, u *User) error {
	for name, value := range u.Custom {
		a, _ := schema.Attribute(name)
		if !a.Unique {
			continue
		}
		ids, err := tx.UsersWith(ctx, u.EnvironmentID, a.Name, value, 2)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if id != u.ID {
				var l problem.List
				l.Add(problem.UniquenessViolation, name, "another user of this environment has this value")
				return l.Err("The user cannot be saved:")
			}
		}
	}
	return nil
}

// UpdateUser lets edit change a user. An edit that changes nothing writes nothing.
func (s *Service) UpdateUser(ctx context.Context, envID, id string, edit func(*User) error) (User, error) {
	var u User
	err := s.edit(ctx, envID, func(tx Tx) error {
		before, err := tx.User(ctx, envID, id)
		if err != nil {
			return err
		}
		u = before
		u.Custom = maps.Clone(before.Custom)
		if err := edit(&u); err != nil {
			return err
		}
		u.ID, u.EnvironmentID, u.CreatedAt, u.UpdatedAt = before.ID, envID, before.CreatedAt, before.UpdatedAt
		schema, err := schemaOf(ctx, tx, envID)
		if err != nil {
			return err
		}
		if u.PopulationID != before.PopulationID {
			if err := s.place(ctx, tx, &u); err != nil {
				return err
			}
		}
		if err := u.check(schema); err != nil {
			return err
		}
		changes := diff(&before, &u)
		if len(changes) == 0 {
			return nil
		}
		if err := s.checkUnique(ctx, tx, schema, &u); err != nil {
			return err
		}
		u.UpdatedAt = s.instant()
		if err := tx.UpdateUsers(ctx, []User{u}); err != nil {
			return takenOr(err)
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindUser, "UPDATED", u.ID, u.Username, changes)})
	})
	return u, err
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
		if err := tx.DeleteUser(ctx, envID, id); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindUser, "DELETED", u.ID, u.Username, nil)})
	})
}

// Query asks for a page of users.
type Query struct {
	Filter string // "" = all
	After  string // the Next of the page before
	Limit  int    // at most MaxUsers; 0 = DefaultUsers
}

// Page sizes (PingOne: users at most 200).
const (
	DefaultUsers = 100
	MaxUsers     = 200
	walkBatch    = 500
)

// Page is a page of users. Next is "" on the last one.
type Page struct {
	Users []User
	Next  string
}

// Users answers a page of users in the order of their creation.
func (s *Service) Users(ctx context.Context, envID string, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = DefaultUsers
	}
	q.Limit = min(q.Limit, MaxUsers)
	predicate, err := s.predicate(ctx, envID, q.Filter)
	if err != nil {
		return Page{}, err
	}
	var page Page
	err = s.each(ctx, envID, q.After, predicate, func(u User) bool {
		if len(page.Users) == q.Limit {
			page.Next = page.Users[q.Limit-1].ID
			return false
		}
		page.Users = append(page.Users, u)
		return true
	})
	return page, err
}

// CountUsers counts the users that a filter matches.
func (s *Service) CountUsers(ctx context.Context, envID, text string) (int64, error) {
	predicate, err := s.predicate(ctx, envID, text)
	if err != nil {
		return 0, err
	}
	if predicate == nil {
		return s.store.CountUsers(ctx, envID)
	}
	var n int64
	err = s.each(ctx, envID, "", predicate, func(User) bool { n++; return true })
	return n, err
}

// each walks over the users that a predicate matches; nil matches all. visit answers whether to go on.
func (s *Service) each(ctx context.Context, envID, after string, p *filter.Predicate, visit func(User) bool) error {
	q := UserQuery{After: after, Limit: walkBatch}
	if p != nil {
		q.Narrow = p.Filter().Root
	}
	for {
		users, err := s.store.Users(ctx, envID, q)
		if err != nil {
			return err
		}
		for i := range users {
			if (p == nil || p.Match(&users[i])) && !visit(users[i]) {
				return nil
			}
		}
		if len(users) < q.Limit {
			return nil
		}
		q.After = users[len(users)-1].ID
	}
}

func (s *Service) predicate(ctx context.Context, envID, text string) (*filter.Predicate, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no filter
	}
	schema, err := s.Schema(ctx, envID)
	if err != nil {
		return nil, err
	}
	return CompileFilter(schema, text)
}

// CompileFilter reads a filter over users. What is wrong with it is an INVALID_REQUEST that says where.
func CompileFilter(schema *Schema, text string) (*filter.Predicate, error) {
	f, err := filter.Parse(text)
	if err == nil {
		var p *filter.Predicate
		if p, err = filter.Compile(f, schema.Filter()); err == nil {
			return p, nil
		}
	}
	return nil, problem.New(problem.InvalidRequest, "The filter cannot be read %v.", err)
}
