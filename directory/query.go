package directory

import (
	"context"
	"slices"

	"lockstep/filter"
)

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

// Users answers a page of users in the order of their creation. The store narrows, the filter decides in memory, and the walk
// goes on until the page is full: a page is short only at the end.
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
	err = s.each(ctx, envID, q.After, q.Limit+1, predicate, func(u User) bool {
		if len(page.Users) == q.Limit {
			page.Next = page.Users[q.Limit-1].ID
			return false
		}
		page.Users = append(page.Users, u)
		return true
	})
	if err != nil {
		return Page{}, err
	}
	shown := make([]*User, len(page.Users))
	for i := range page.Users {
		shown[i] = &page.Users[i]
	}
	return page, s.forget(ctx, envID, shown...)
}

// Unknown is the count of users when counting them would take too long.
const Unknown = -1

// countable is how many users are looked at, one by one, to count those whom a filter matches.
const countable = 20_000

// CountUsers counts the users that a filter matches. What the store cannot count is counted by looking at those whom it cannot rule
// out; where they are too many, the answer is Unknown.
func (s *Service) CountUsers(ctx context.Context, envID, text string) (int64, error) {
	predicate, err := s.predicate(ctx, envID, text)
	if err != nil {
		return 0, err
	}
	if predicate == nil {
		return s.store.CountUsers(ctx, envID)
	}
	n, exact, err := s.store.CountMatching(ctx, envID, predicate.Filter().Root)
	switch {
	case err != nil || exact:
		return n, err
	case n > countable:
		return Unknown, nil
	}
	n = 0
	err = s.each(ctx, envID, "", walkBatch, predicate, func(User) bool { n++; return true })
	return n, err
}

// each walks over the users that a predicate matches; nil matches all, and then batch rows are read at a time. visit answers
// whether to go on.
func (s *Service) each(ctx context.Context, envID, after string, batch int, p *filter.Predicate, visit func(User) bool) error {
	q := UserQuery{After: after, Limit: batch}
	if p != nil {
		q.Narrow, q.Limit = p.Filter().Root, walkBatch
	}
	for {
		users, err := s.store.Users(ctx, envID, q)
		if err != nil {
			return err
		}
		if err := s.fillFor(ctx, envID, p, users); err != nil {
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

// fillFor fills in the groups of users where a filter asks about them.
func (s *Service) fillFor(ctx context.Context, envID string, p *filter.Predicate, users []User) error {
	if p == nil || len(users) == 0 || !slices.ContainsFunc(p.Paths(), AsksGroups) {
		return nil
	}
	list := make([]*User, len(users))
	for i := range users {
		list[i] = &users[i]
	}
	return s.WithGroups(ctx, envID, list)
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
