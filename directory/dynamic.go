package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"lockstep/filter"
	"lockstep/internal/problem"
)

// groupFilters keeps the filters of dynamic groups compiled, for the sets of attributes that were asked for last: those of the
// environments that are edited.
type groupFilters struct {
	mu   sync.Mutex
	sets []*filterSet // the last one first
}

// filterSet is filters that were compiled for the same attributes.
type filterSet struct {
	schema *Schema

	mu         sync.Mutex
	predicates map[string]*filter.Predicate
}

const (
	maxKeptSets    = 8
	maxKeptFilters = 10_000 // of a set
)

// of answers the filters for a schema. An edit asks once, and not for each group: the attributes are compared one by one.
func (f *groupFilters) of(schema *Schema) *filterSet {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.sets, func(set *filterSet) bool { return slices.Equal(set.schema.custom, schema.custom) })
	if at < 0 {
		f.sets = append(f.sets, &filterSet{schema: schema, predicates: map[string]*filter.Predicate{}})
		at = len(f.sets) - 1
	}
	set := f.sets[at]
	f.sets = slices.Insert(slices.Delete(f.sets, at, at+1), 0, set)
	f.sets = f.sets[:min(len(f.sets), maxKeptSets)]
	return set
}

// compile reads a group's filter. It must not ask about groups: membership would depend on itself.
func (f *filterSet) compile(text string) (*filter.Predicate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.predicates[text]; p != nil {
		return p, nil
	}
	p, err := CompileFilter(f.schema, text)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(p.Paths(), AsksGroups) {
		return nil, problem.New(problem.InvalidRequest, "a group's filter cannot ask about groups; nest the groups instead")
	}
	if len(f.predicates) >= maxKeptFilters {
		clear(f.predicates)
	}
	f.predicates[text] = p
	return p, nil
}

// AsksGroups reports whether the attribute at path is about the groups of a user.
func AsksGroups(path string) bool { return strings.HasPrefix(path, "memberOfGroup") }

// follow keeps the dynamic memberships of users who were just written: the filter of every dynamic group is tried on each. The
// environment must be locked, so that nobody changes a filter meanwhile. It answers the lines of the log about the groups that changed.
func (s *Service) follow(ctx context.Context, tx Tx, envID string, schema *Schema, users []*User) ([]Activity, error) {
	if len(users) == 0 {
		return nil, nil
	}
	groups, err := tx.DynamicGroups(ctx, envID)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	base, err := tx.BaseOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	filters := s.filters.of(schema)
	var lines []Activity
	for i := range groups {
		g := &groups[i]
		p, err := filters.compile(g.UserFilter)
		if err != nil {
			continue // it cannot be read any more: the memberships stay as they are until it is corrected
		}
		var join, leave []string
		for _, u := range users {
			is := slices.Contains(base[u.ID], Base{g.ID, true})
			switch should := p.Match(u); {
			case should && !is:
				join = append(join, u.ID)
			case !should && is:
				leave = append(leave, u.ID)
			}
		}
		line, err := s.changeMembers(ctx, tx, g, true, join, leave)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line...)
	}
	return lines, nil
}

// changeMembers writes base memberships and answers the line about the group, if anything changed.
func (s *Service) changeMembers(ctx context.Context, tx Tx, g *Group, byFilter bool, join, leave []string) ([]Activity, error) {
	if len(join)+len(leave) == 0 {
		return nil, nil
	}
	joined, err := tx.AddMembers(ctx, g.ID, byFilter, join)
	if err != nil {
		return nil, err
	}
	left, err := tx.RemoveMembers(ctx, g.ID, byFilter, leave)
	if err != nil || len(joined)+len(left) == 0 {
		return nil, err
	}
	return []Activity{s.membersLine(ctx, g, len(joined), len(left))}, nil
}

// ActionMembers is the type of the lines about who is in a group: one about the group, and one about each user unless their own
// edit did it.
const (
	ActionMembers    = "GROUP.MEMBERSHIP_UPDATED"
	ActionMembership = "USER.MEMBERSHIP_UPDATED"
)

func (s *Service) membersLine(ctx context.Context, g *Group, joined, left int) Activity {
	a := s.activity(ctx, g.EnvironmentID, KindGroup, "MEMBERSHIP_UPDATED", g.ID, g.Name, nil)
	a.Description = fmt.Sprintf("members of group %s: %d joined, %d left", g.Name, joined, left)
	return a
}

// memberLines are the lines about users who joined or left.
func (s *Service) memberLines(ctx context.Context, g *Group, did string, ids []string, names map[string]string) []Activity {
	out := make([]Activity, len(ids))
	for i, id := range ids {
		out[i] = s.activity(ctx, g.EnvironmentID, KindUser, "MEMBERSHIP_UPDATED", id, names[id], nil)
		out[i].Description = fmt.Sprintf("user %s %s group %s", names[id], did, g.Name)
	}
	return out
}

// refill tries a filter, new or changed, on everybody. It answers who left; whoever joined is in the group now.
func (s *Service) refill(ctx context.Context, tx Tx, g *Group, schema *Schema) (left []string, joined int, err error) {
	is := map[string]bool{}
	members, err := tx.BaseMembers(ctx, g.ID, true)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range members {
		is[id] = true
	}
	join, err := s.matching(ctx, tx, g, schema, is)
	if err != nil {
		return nil, 0, err
	}
	added, err := tx.AddMembers(ctx, g.ID, true, join)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range members {
		if is[id] {
			left = append(left, id)
		}
	}
	left, err = tx.RemoveMembers(ctx, g.ID, true, left)
	return left, len(added), err
}

// matching walks over everybody and answers who matches a group's filter and is not a member; those who are and match are taken
// out of is.
func (s *Service) matching(ctx context.Context, tx Tx, g *Group, schema *Schema, is map[string]bool) ([]string, error) {
	if g.UserFilter == "" {
		return nil, nil
	}
	p, err := s.filters.of(schema).compile(g.UserFilter)
	if err != nil {
		return nil, err
	}
	var join []string
	for q := (UserQuery{Limit: walkBatch, Narrow: p.Filter().Root}); ; {
		users, err := tx.Walk(ctx, g.EnvironmentID, q)
		if err != nil {
			return nil, err
		}
		for i := range users {
			users[i].forget(schema)
			switch {
			case !p.Match(&users[i]):
			case is[users[i].ID]:
				delete(is, users[i].ID)
			default:
				join = append(join, users[i].ID)
			}
		}
		if len(users) < q.Limit {
			return join, nil
		}
		q.After = users[len(users)-1].ID
	}
}

// followPopulation tries filters that ask for the population's name on the people in it: it was renamed.
func (s *Service) followPopulation(ctx context.Context, tx Tx, envID, populationID string) ([]Activity, error) {
	schema, err := schemaOf(ctx, tx, envID)
	if err != nil {
		return nil, err
	}
	groups, err := tx.DynamicGroups(ctx, envID)
	if err != nil {
		return nil, err
	}
	filters := s.filters.of(schema)
	asks := slices.ContainsFunc(groups, func(g Group) bool {
		p, err := filters.compile(g.UserFilter)
		return err == nil && slices.Contains(p.Paths(), "population.name")
	})
	if !asks {
		return nil, nil
	}
	var lines []Activity
	q := UserQuery{Limit: walkBatch, Narrow: filter.Compare{Path: "population.id", Op: filter.Equal, Value: populationID}}
	for {
		users, err := tx.Walk(ctx, envID, q)
		if err != nil {
			return nil, err
		}
		edited := make([]*User, len(users))
		for i := range users {
			users[i].forget(schema)
			edited[i] = &users[i]
		}
		line, err := s.follow(ctx, tx, envID, schema, edited)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line...)
		if len(users) < q.Limit {
			return lines, nil
		}
		q.After = users[len(users)-1].ID
	}
}

// checkUnasked refuses to end an attribute that a group's filter asks for.
func (s *Service) checkUnasked(ctx context.Context, tx Tx, envID, name string) error {
	schema, err := schemaOf(ctx, tx, envID)
	if err != nil {
		return err
	}
	groups, err := tx.DynamicGroups(ctx, envID)
	if err != nil {
		return err
	}
	filters := s.filters.of(schema)
	for i := range groups {
		p, err := filters.compile(groups[i].UserFilter)
		if err == nil && slices.Contains(p.Paths(), name) {
			var l problem.List
			l.Add(problem.ConstraintViolation, "id", "the filter of group %q asks for it; change that filter first", groups[i].Name)
			return l.Err("The attribute cannot be deleted:")
		}
	}
	return nil
}
