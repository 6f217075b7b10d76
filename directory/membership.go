package directory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"lockstep/internal/problem"
)

// AddMember makes a user a direct member of a group. One who is a member already stays one.
func (s *Service) AddMember(ctx context.Context, envID, groupID, userID string) error {
	return s.member(ctx, envID, groupID, userID, func(tx Tx, g *Group, names map[string]string) error {
		if err := s.checkNamesakes(ctx, tx, g, userID); err != nil {
			return err
		}
		return s.editMembers(ctx, tx, g, []string{userID}, nil, names)
	})
}

// member edits the membership of a user who exists in a group that exists.
func (s *Service) member(ctx context.Context, envID, groupID, userID string, change func(tx Tx, g *Group, names map[string]string) error) error {
	return s.edit(ctx, envID, func(tx Tx) error {
		g, err := tx.Group(ctx, envID, groupID)
		if err != nil {
			return err
		}
		names, err := tx.Usernames(ctx, envID, []string{userID})
		if err != nil {
			return err
		}
		if _, ok := names[userID]; !ok {
			return problem.Missing("user")
		}
		return change(tx, &g, names)
	})
}

// checkNamesakes keeps a user out of two groups of one name (PingOne): on a target they would be one.
func (s *Service) checkNamesakes(ctx context.Context, tx Tx, g *Group, userID string) error {
	namesakes, err := tx.GroupsNamed(ctx, g.EnvironmentID, []string{Fold(g.Name)})
	if err != nil || len(namesakes) < 2 {
		return err
	}
	base, err := tx.BaseOf(ctx, []string{userID})
	if err != nil {
		return err
	}
	for i := range namesakes {
		if namesakes[i].ID != g.ID && slices.ContainsFunc(base[userID], func(b Base) bool { return b.GroupID == namesakes[i].ID }) {
			var l problem.List
			l.Add(problem.ConstraintViolation, "id", "the user is in another group of this name")
			return l.Err("The user cannot be added:")
		}
	}
	return nil
}

// RemoveMember ends a direct membership. A membership by filter, or through a nested group, cannot be ended by itself.
func (s *Service) RemoveMember(ctx context.Context, envID, groupID, userID string) error {
	return s.member(ctx, envID, groupID, userID, func(tx Tx, g *Group, names map[string]string) error {
		base, err := tx.BaseOf(ctx, []string{userID})
		if err != nil {
			return err
		}
		if !slices.Contains(base[userID], Base{groupID, false}) {
			if slices.Contains(base[userID], Base{groupID, true}) {
				return notDirect("the user matches the group's filter; change the user or the filter")
			}
			return problem.New(problem.NotFound, "the user is not a direct member of this group")
		}
		return s.editMembers(ctx, tx, g, nil, []string{userID}, names)
	})
}

func notDirect(message string) error {
	var l problem.List
	l.Add(problem.ConstraintViolation, "id", "%s", message)
	return l.Err("The membership cannot be ended:")
}

// editMembers writes direct memberships and the lines about them.
func (s *Service) editMembers(ctx context.Context, tx Tx, g *Group, join, leave []string, names map[string]string) error {
	joined, err := tx.AddMembers(ctx, g.ID, false, join)
	if err != nil {
		return err
	}
	left, err := tx.RemoveMembers(ctx, g.ID, false, leave)
	if err != nil {
		return err
	}
	if len(joined)+len(left) == 0 {
		return errUnchanged
	}
	lines := append(s.memberLines(ctx, g, "joined", joined, names), s.memberLines(ctx, g, "left", left, names)...)
	return tx.Append(ctx, append(lines, s.membersLine(ctx, g, len(joined), len(left))))
}

// Nest makes the members of the child members of the parent. A cycle is refused, with its path.
func (s *Service) Nest(ctx context.Context, envID, childID, parentID string) error {
	return s.nest(ctx, envID, childID, parentID, func(tx Tx, child, parent *Group) (string, error) {
		if err := s.checkCycle(ctx, tx, child, parent); err != nil {
			return "", err
		}
		changed, err := tx.Nest(ctx, Nesting{child.ID, parent.ID})
		if err == nil && !changed {
			err = errUnchanged
		}
		return "is nested in", err
	})
}

// Unnest takes the child out of the parent.
func (s *Service) Unnest(ctx context.Context, envID, childID, parentID string) error {
	return s.nest(ctx, envID, childID, parentID, func(tx Tx, child, parent *Group) (string, error) {
		changed, err := tx.Unnest(ctx, Nesting{child.ID, parent.ID})
		if err == nil && !changed {
			err = problem.New(problem.NotFound, "the group is not nested directly in that group")
		}
		return "is no longer nested in", err
	})
}

func (s *Service) nest(ctx context.Context, envID, childID, parentID string, change func(tx Tx, child, parent *Group) (string, error)) error {
	return s.edit(ctx, envID, func(tx Tx) error {
		if err := tx.LockEnvironment(ctx, envID, true); err != nil {
			return err
		}
		child, err := tx.Group(ctx, envID, childID)
		if err != nil {
			return err
		}
		parent, err := tx.Group(ctx, envID, parentID)
		if err != nil {
			return err
		}
		did, err := change(tx, &child, &parent)
		if err != nil {
			return err
		}
		line := s.membersLine(ctx, &parent, 0, 0)
		line.Description = "group " + child.Name + " " + did + " group " + parent.Name
		return tx.Append(ctx, []Activity{s.nestingLine(ctx, &child, did, &parent), line})
	})
}

// nestingLine is the line about a group whose place among the others changed: all its members may be in other groups now.
func (s *Service) nestingLine(ctx context.Context, child *Group, did string, parent *Group) Activity {
	a := s.activity(ctx, child.EnvironmentID, KindGroup, "NESTING_UPDATED", child.ID, child.Name, nil)
	a.Description = "group " + child.Name + " " + did + " group " + parent.Name
	return a
}

func (s *Service) checkCycle(ctx context.Context, tx Tx, child, parent *Group) error {
	var l problem.List
	if child.ID == parent.ID {
		l.Add(problem.ConstraintViolation, "id", "a group cannot be nested in itself")
		return l.Err("The groups cannot be nested:")
	}
	above, err := tx.NestingsAbove(ctx, parent.ID)
	if err != nil {
		return err
	}
	way := path(parent.ID, child.ID, above)
	if way == nil {
		return nil
	}
	names := make([]string, 0, len(way)+1)
	for _, id := range append([]string{child.ID}, way...) {
		g, err := tx.Group(ctx, child.EnvironmentID, id)
		if err != nil {
			return err
		}
		names = append(names, g.Name)
	}
	l.Add(problem.ConstraintViolation, "id", "the groups would be nested in a circle: %s", strings.Join(names, " > "))
	return l.Err("The groups cannot be nested:")
}

// MembershipsOf answers every group that a user is in, and why.
func (s *Service) MembershipsOf(ctx context.Context, envID, userID string) ([]Membership, error) {
	if _, err := s.store.User(ctx, envID, userID); err != nil {
		return nil, err
	}
	all, err := s.store.Memberships(ctx, envID, []string{userID})
	return all[userID], err
}

// WithGroups fills in the groups of users.
func (s *Service) WithGroups(ctx context.Context, envID string, users []*User) error {
	return FillGroups(ctx, s.store, envID, users)
}

// FillGroups fills in the groups of users from a store.
func FillGroups(ctx context.Context, from interface {
	Memberships(ctx context.Context, envID string, userIDs []string) (map[string][]Membership, error)
}, envID string, users []*User) error {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	all, err := from.Memberships(ctx, envID, ids)
	if err != nil {
		return err
	}
	for _, u := range users {
		u.Groups, u.GroupsKnown = all[u.ID], true
	}
	return nil
}

// ParentsOf answers every group that a group is nested in, directly or through others, and why.
func (s *Service) ParentsOf(ctx context.Context, envID, groupID string) ([]Membership, error) {
	if _, err := s.store.Group(ctx, envID, groupID); err != nil {
		return nil, err
	}
	above, err := s.store.NestingsAbove(ctx, groupID)
	if err != nil {
		return nil, err
	}
	ids := []string{groupID}
	for _, n := range above {
		ids = append(ids, n.Parent)
	}
	groups, err := s.store.GroupsByID(ctx, envID, ids)
	if err != nil {
		return nil, err
	}
	names := GroupNames{}
	for i := range groups {
		names[groups[i].ID] = groups[i].Name
	}
	// The groups it is nested in directly are as its own memberships; all above them follow.
	var base []Base
	for _, n := range above {
		if n.Child == groupID {
			base = append(base, Base{GroupID: n.Parent})
		}
	}
	out := Effective(base, above, names)
	for i := range out {
		if out[i].Type == MembershipDirect {
			out[i].Reason = "nested directly"
		}
	}
	return out, nil
}

// NestedIn answers the groups that are nested directly in a group, by name.
func (s *Service) NestedIn(ctx context.Context, envID, groupID string) ([]Group, error) {
	if _, err := s.store.Group(ctx, envID, groupID); err != nil {
		return nil, err
	}
	ids, err := s.store.NestedIn(ctx, groupID)
	if err != nil {
		return nil, err
	}
	groups, err := s.store.GroupsByID(ctx, envID, ids)
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(strings.Compare(Fold(a.Name), Fold(b.Name)), strings.Compare(a.ID, b.ID))
	})
	return groups, err
}

// Member is a user in a group, and why.
type Member struct {
	User       User
	Membership Membership
}

// MemberPage is a page of members. Next is "" on the last one.
type MemberPage struct {
	Members []Member
	Next    string
}

// Members answers a page of the users in a group, however they are in it, in the order of their creation; q.Filter narrows them.
func (s *Service) Members(ctx context.Context, envID, groupID string, q Query) (MemberPage, error) {
	text, err := s.within(ctx, envID, groupID, q.Filter)
	if err != nil {
		return MemberPage{}, err
	}
	q.Filter = text
	found, err := s.Users(ctx, envID, q)
	out := MemberPage{Next: found.Next, Members: make([]Member, len(found.Users))}
	for i, u := range found.Users { // the filter asks for groups, so they are filled in
		at := slices.IndexFunc(u.Groups, func(m Membership) bool { return m.GroupID == groupID })
		out.Members[i] = Member{u, u.Groups[at]}
	}
	return out, err
}

// CountMembers counts the members of a group whom a filter matches, or Unknown.
func (s *Service) CountMembers(ctx context.Context, envID, groupID, text string) (int64, error) {
	if text == "" {
		counts, err := s.store.GroupCounts(ctx, []string{groupID}, true)
		return counts[groupID].Total, err
	}
	text, err := s.within(ctx, envID, groupID, text)
	if err != nil {
		return 0, err
	}
	return s.CountUsers(ctx, envID, text)
}

// within narrows a filter over users to the members of a group.
func (s *Service) within(ctx context.Context, envID, groupID, text string) (string, error) {
	if _, err := s.store.Group(ctx, envID, groupID); err != nil {
		return "", err
	}
	members := `memberOfGroups[id eq "` + groupID + `"]`
	if text == "" {
		return members, nil
	}
	_, err := s.predicate(ctx, envID, text) // by itself, so that what is said about it is about the caller's own text
	return members + " and (" + text + ")", err
}

// GroupCounts counts the members of groups; total ones only if asked for.
func (s *Service) GroupCounts(ctx context.Context, ids []string, total bool) (map[string]GroupCounts, error) {
	return s.store.GroupCounts(ctx, ids, total)
}
