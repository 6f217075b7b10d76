package directory

import (
	"slices"
	"strings"
	"time"
)

// Group is a named set of users. Members are direct, match the group's filter (a dynamic group), or are members of a group that
// is nested in it.
type Group struct {
	ID            string `json:"-"`
	EnvironmentID string `json:"-"`
	PopulationID  string `json:"-"` // "" = of the whole environment
	Name          string `json:"-"` // unique in its population, and among the groups of the whole environment
	Description   string `json:"description,omitempty"`
	ExternalID    string `json:"externalId,omitempty"` // at most 1024 characters
	// UserFilter is a SCIM filter over users; whoever matches is a member. It must not ask about groups.
	UserFilter string         `json:"-"`
	CustomData map[string]any `json:"customData,omitempty"`
	CreatedAt  time.Time      `json:"-"`
	UpdatedAt  time.Time      `json:"-"`
}

// Value answers an attribute for filters over groups, or nil.
func (g *Group) Value(path string) any {
	var s string
	switch path {
	case "id":
		s = g.ID
	case "name", "displayName":
		s = g.Name
	case "description":
		s = g.Description
	case "externalId":
		s = g.ExternalID
	case "userFilter":
		s = g.UserFilter
	case "population.id":
		s = g.PopulationID
	case "createdAt":
		return instant(g.CreatedAt)
	case "updatedAt":
		return instant(g.UpdatedAt)
	}
	if s == "" {
		return nil
	}
	return s
}

// Nesting says that the members of Child are members of Parent.
type Nesting struct{ Child, Parent string }

// Base is one base membership: direct, or because the group's filter matches.
type Base struct {
	GroupID  string
	ByFilter bool
}

// GroupCounts is how many users a group has.
type GroupCounts struct{ Direct, Total int64 } // Direct: base memberships; Total: effective ones

// MembershipType says whether a membership is the group's own, or comes from a nested group.
type MembershipType string

// The types of membership, in PingOne's words.
const (
	MembershipDirect   MembershipType = "DIRECT"
	MembershipIndirect MembershipType = "INDIRECT"
)

// Membership is one group that somebody, or another group, is in, and why.
type Membership struct {
	GroupID   string
	GroupName string
	Type      MembershipType
	Reason    string // "direct member", "matches the filter", "member because of Berlin > Germany"
	// Removable says that the membership was given by itself, and can be ended by itself: a filter or a nested group would bring it back.
	Removable bool
}

// GroupNames knows what groups are called, by id.
type GroupNames map[string]string

// Effective works out every group that somebody is in, from their base memberships and all nestings above them. It answers one
// membership a group, with the shortest reason, by name and id.
func Effective(base []Base, nestings []Nesting, names GroupNames) []Membership {
	parents := map[string][]string{}
	for _, n := range nestings {
		parents[n.Child] = append(parents[n.Child], n.Parent)
	}
	byName := func(a, b string) int {
		if c := strings.Compare(Fold(names[a]), Fold(names[b])); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	}
	found := map[string]*Membership{}
	var order []string // breadth first, so that the shortest way is found first
	for _, b := range base {
		m := found[b.GroupID]
		if m == nil {
			m = &Membership{GroupID: b.GroupID, GroupName: names[b.GroupID], Type: MembershipDirect, Reason: "matches the filter"}
			found[b.GroupID] = m
			order = append(order, b.GroupID)
		}
		if !b.ByFilter {
			m.Reason, m.Removable = "direct member", true
		}
	}
	slices.SortFunc(order, byName)
	way := map[string]string{}
	for _, id := range order {
		way[id] = names[id]
	}
	for i := 0; i < len(order); i++ {
		next := slices.Clone(parents[order[i]])
		slices.SortFunc(next, byName)
		for _, parent := range next {
			if found[parent] != nil {
				continue
			}
			found[parent] = &Membership{
				GroupID: parent, GroupName: names[parent], Type: MembershipIndirect, Reason: "member because of " + way[order[i]],
			}
			way[parent] = way[order[i]] + " > " + names[parent]
			order = append(order, parent)
		}
	}
	slices.SortFunc(order, byName)
	out := make([]Membership, len(order))
	for i, id := range order {
		out[i] = *found[id]
	}
	return out
}

// path finds a way from one group up to another, both included, or nil.
func path(from, to string, nestings []Nesting) []string {
	parents := map[string][]string{}
	for _, n := range nestings {
		parents[n.Child] = append(parents[n.Child], n.Parent)
	}
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			var out []string
			for at := to; at != ""; at = came[at] {
				out = append(out, at)
			}
			slices.Reverse(out)
			return out
		}
		for _, p := range parents[queue[0]] {
			if _, seen := came[p]; !seen {
				came[p] = queue[0]
				queue = append(queue, p)
			}
		}
	}
	return nil
}
