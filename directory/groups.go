package directory

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"lockstep/filter"
	"lockstep/internal/problem"
)

const (
	maxGroupName  = 256
	maxCustomData = 16 << 10
)

// Group answers one group.
func (s *Service) Group(ctx context.Context, envID, id string) (Group, error) {
	return s.store.Group(ctx, envID, id)
}

// GroupPage is a page of groups. Next is "" on the last one.
type GroupPage struct {
	Groups []Group
	Next   string
}

// Groups answers a page of groups in the order of their creation, of those that a filter over groups matches.
func (s *Service) Groups(ctx context.Context, envID string, q Query) (GroupPage, error) {
	if q.Limit <= 0 {
		q.Limit = DefaultUsers
	}
	p, err := compileOverGroups(q.Filter)
	if err != nil {
		return GroupPage{}, err
	}
	var page GroupPage
	err = s.eachGroup(ctx, envID, q.After, p, func(g *Group) bool {
		if len(page.Groups) == q.Limit {
			page.Next = page.Groups[q.Limit-1].ID
			return false
		}
		page.Groups = append(page.Groups, *g)
		return true
	})
	return page, err
}

// CountGroups counts the groups that a filter over groups matches.
func (s *Service) CountGroups(ctx context.Context, envID, text string) (int64, error) {
	p, err := compileOverGroups(text)
	if err != nil {
		return 0, err
	}
	if p == nil {
		return s.store.CountGroups(ctx, envID)
	}
	var n int64
	err = s.eachGroup(ctx, envID, "", p, func(*Group) bool { n++; return true })
	return n, err
}

func (s *Service) eachGroup(ctx context.Context, envID, after string, p *filter.Predicate, visit func(*Group) bool) error {
	for {
		groups, err := s.store.Groups(ctx, envID, after, walkBatch)
		if err != nil {
			return err
		}
		for i := range groups {
			if (p == nil || p.Match(&groups[i])) && !visit(&groups[i]) {
				return nil
			}
		}
		if len(groups) < walkBatch {
			return nil
		}
		after = groups[len(groups)-1].ID
	}
}

func compileOverGroups(text string) (*filter.Predicate, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no filter
	}
	f, err := filter.Parse(text)
	if err == nil {
		var p *filter.Predicate
		if p, err = filter.Compile(f, groupSchema{}); err == nil {
			return p, nil
		}
	}
	return nil, problem.New(problem.InvalidRequest, "The filter cannot be read %v.", err)
}

// groupSchema is the attributes of groups that filters may name.
type groupSchema struct{}

var overGroups = []filter.Attribute{
	{Name: "id", CaseExact: true}, {Name: "name"}, {Name: "displayName"}, {Name: "description"}, {Name: "externalId", CaseExact: true}, {Name: "userFilter"},
	{Name: "population.id", CaseExact: true}, {Name: "createdAt", Type: filter.DateTime}, {Name: "updatedAt", Type: filter.DateTime},
}

// Attribute implements filter.Schema.
func (groupSchema) Attribute(path string) (filter.Attribute, bool) {
	for _, a := range overGroups {
		if strings.EqualFold(a.Name, path) {
			return a, true
		}
	}
	return filter.Attribute{}, false
}

// Names implements filter.Schema.
func (groupSchema) Names() []string {
	out := make([]string, len(overGroups))
	for i := range overGroups {
		out[i] = overGroups[i].Name
	}
	return out
}

// CreateGroup makes a group. With a filter, everybody whom it matches is a member at once.
func (s *Service) CreateGroup(ctx context.Context, envID string, g Group) (Group, error) {
	g.ID, g.EnvironmentID = s.newID(), envID
	g.CreatedAt = s.instant()
	g.UpdatedAt = g.CreatedAt
	g.CustomData = maps.Clone(g.CustomData)
	err := s.edit(ctx, envID, func(tx Tx) error {
		if _, err := tx.Environment(ctx, envID); err != nil {
			return err
		}
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		schema, err := schemaOf(ctx, tx, envID)
		if err != nil {
			return err
		}
		if err := s.checkGroup(ctx, tx, schema, &g); err != nil {
			return err
		}
		if err := tx.InsertGroups(ctx, []Group{g}); err != nil {
			return err
		}
		if _, _, err := s.refill(ctx, tx, &g, schema); err != nil {
			return err
		}
		return tx.Append(ctx, []Activity{s.activity(ctx, envID, KindGroup, "CREATED", g.ID, g.Name, Made(groupChanges(&Group{}, &g)))})
	})
	return g, err
}

// UpdateGroup lets edit change a group. A filter that changes is tried on everybody.
func (s *Service) UpdateGroup(ctx context.Context, envID, id string, edit func(*Group) error) (Group, error) {
	var g Group
	err := s.edit(ctx, envID, func(tx Tx) error {
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		before, err := tx.Group(ctx, envID, id)
		if err != nil {
			return err
		}
		g = before
		g.CustomData = maps.Clone(before.CustomData)
		if err := edit(&g); err != nil {
			return err
		}
		g.ID, g.EnvironmentID, g.CreatedAt, g.UpdatedAt = id, envID, before.CreatedAt, before.UpdatedAt
		schema, err := schemaOf(ctx, tx, envID)
		if err != nil {
			return err
		}
		if err := s.checkGroup(ctx, tx, schema, &g); err != nil {
			return err
		}
		changes := groupChanges(&before, &g)
		if len(changes) == 0 {
			return errUnchanged
		}
		g.UpdatedAt = s.instant()
		if err := tx.UpdateGroups(ctx, []Group{g}); err != nil {
			return err
		}
		var lines []Activity
		if before.UserFilter != g.UserFilter {
			if lines, err = s.refilled(ctx, tx, &g, schema); err != nil {
				return err
			}
		}
		return tx.Append(ctx, append(lines, s.activity(ctx, envID, KindGroup, "UPDATED", g.ID, g.Name, changes)))
	})
	return g, err
}

// refilled tries a changed filter on everybody, and answers the lines about who left. Whoever joined is found in the group.
func (s *Service) refilled(ctx context.Context, tx Tx, g *Group, schema *Schema) ([]Activity, error) {
	left, _, err := s.refill(ctx, tx, g, schema)
	if err != nil {
		return nil, err
	}
	names, err := tx.Usernames(ctx, g.EnvironmentID, left)
	if err != nil {
		return nil, err
	}
	return s.memberLines(ctx, g, "no longer matches the filter of", left, names), nil
}

func groupChanges(before, after *Group) []AttributeChange {
	var out []AttributeChange
	if !reflect.DeepEqual(before.CustomData, after.CustomData) && len(before.CustomData)+len(after.CustomData) > 0 {
		out = append(out, AttributeChange{"customData", before.CustomData, after.CustomData})
	}
	for _, c := range []AttributeChange{
		{"description", before.Description, after.Description}, {"externalId", before.ExternalID, after.ExternalID}, {"name", before.Name, after.Name},
		{"population.id", before.PopulationID, after.PopulationID}, {"userFilter", before.UserFilter, after.UserFilter},
	} {
		if c.From != c.To {
			out = append(out, c)
		}
	}
	return out
}

// checkGroup validates a group and tidies it.
func (s *Service) checkGroup(ctx context.Context, tx Tx, schema *Schema, g *Group) error {
	g.Name, g.UserFilter, g.ExternalID = strings.TrimSpace(g.Name), strings.TrimSpace(g.UserFilter), strings.TrimSpace(g.ExternalID)
	var l problem.List
	CheckText(&l, "name", g.Name, maxGroupName, true)
	CheckLines(&l, "description", g.Description, 1024)
	CheckText(&l, "externalId", g.ExternalID, 1024, false)
	if len(g.CustomData) == 0 {
		g.CustomData = nil
	} else if raw, err := json.Marshal(g.CustomData); err != nil || len(raw) > maxCustomData || holdsNUL(g.CustomData) || !utf8.Valid(raw) {
		l.Add(problem.InvalidValue, "customData", "JSON of at most %d bytes, without NUL characters, is needed", maxCustomData)
	}
	if g.UserFilter != "" {
		if _, err := s.filters.of(schema).compile(g.UserFilter); err != nil {
			l.Add(problem.InvalidValue, "userFilter", "%s", strings.TrimSuffix(err.Error(), "."))
		}
	}
	if g.PopulationID != "" {
		if _, err := tx.Population(ctx, g.EnvironmentID, g.PopulationID); problem.Is(err, problem.NotFound) {
			l.Add(problem.InvalidValue, "population.id", "no population with this id exists in this environment")
		} else if err != nil {
			return err
		}
	}
	if err := l.Err("The group cannot be saved:"); err != nil {
		return err
	}
	namesakes, err := tx.GroupsNamed(ctx, g.EnvironmentID, []string{Fold(g.Name)})
	if err != nil {
		return err
	}
	for i := range namesakes {
		// PingOne: a name may repeat across populations, not between a population and the environment.
		other := &namesakes[i]
		if other.ID != g.ID && (other.PopulationID == g.PopulationID || other.PopulationID == "" || g.PopulationID == "") {
			l.Add(problem.UniquenessViolation, "name", "another group of this environment has this name")
			break
		}
	}
	return l.Err("The group cannot be saved:")
}

// DeleteGroup deletes a group. Its members stay; groups that were nested in it, or in which it was, stay too.
func (s *Service) DeleteGroup(ctx context.Context, envID, id string) error {
	return s.edit(ctx, envID, func(tx Tx) error {
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		g, err := tx.Group(ctx, envID, id)
		if err != nil {
			return err
		}
		lines, err := s.loosen(ctx, tx, &g)
		if err != nil {
			return err
		}
		if err := tx.DeleteGroup(ctx, envID, id); err != nil {
			return err
		}
		return tx.Append(ctx, append(lines, s.activity(ctx, envID, KindGroup, "DELETED", g.ID, g.Name, Unmade(groupChanges(&g, &Group{})))))
	})
}

// loosen answers the lines about all whom the deletion of a group touches: its members, the groups in it, and those it is in.
func (s *Service) loosen(ctx context.Context, tx Tx, g *Group) ([]Activity, error) {
	var members []string
	for _, byFilter := range []bool{false, true} {
		ids, err := tx.BaseMembers(ctx, g.ID, byFilter)
		if err != nil {
			return nil, err
		}
		members = append(members, ids...)
	}
	slices.Sort(members)
	members = slices.Compact(members)
	names, err := tx.Usernames(ctx, g.EnvironmentID, members)
	if err != nil {
		return nil, err
	}
	lines := s.memberLines(ctx, g, "left, when it was deleted,", members, names)
	children, err := tx.NestedIn(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	above, err := tx.NestingsAbove(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	for _, id := range children {
		child, err := tx.Group(ctx, g.EnvironmentID, id)
		if err != nil {
			return nil, err
		}
		lines = append(lines, s.nestingLine(ctx, &child, "is no longer nested in", g))
	}
	for _, n := range above {
		if n.Child != g.ID {
			continue
		}
		parent, err := tx.Group(ctx, g.EnvironmentID, n.Parent)
		if err != nil {
			return nil, err
		}
		line := s.membersLine(ctx, &parent, 0, 0)
		line.Description = "group " + g.Name + ", which was nested in group " + parent.Name + ", was deleted"
		lines = append(lines, line)
	}
	return lines, nil
}

// leaveAll answers the lines about the groups of a user who is being deleted.
func (s *Service) leaveAll(ctx context.Context, tx Tx, envID string, u *User) ([]Activity, error) {
	base, err := tx.BaseOf(ctx, []string{u.ID})
	if err != nil {
		return nil, err
	}
	var lines []Activity
	seen := map[string]bool{}
	for _, b := range base[u.ID] {
		if seen[b.GroupID] {
			continue
		}
		seen[b.GroupID] = true
		g, err := tx.Group(ctx, envID, b.GroupID)
		if problem.Is(err, problem.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, s.membersLine(ctx, &g, 0, 1))
	}
	return lines, nil
}
