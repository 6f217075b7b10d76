package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Group is a group as PingOne shows one.
type Group struct {
	Links              Links          `json:"_links"`
	ID                 string         `json:"id" format:"uuid"`
	Environment        Reference      `json:"environment"`
	Population         *Reference     `json:"population,omitempty" doc:"Absent on a group of the whole environment."`
	Name               string         `json:"name"`
	DisplayName        string         `json:"displayName" doc:"The same as name."`
	Description        string         `json:"description,omitempty"`
	ExternalID         string         `json:"externalId,omitempty"`
	UserFilter         string         `json:"userFilter,omitempty" doc:"A SCIM filter: whoever matches is a member."`
	CustomData         map[string]any `json:"customData,omitempty"`
	DirectMemberCounts MemberCounts   `json:"directMemberCounts"`
	TotalMemberCounts  *MemberCounts  `json:"totalMemberCounts,omitempty" doc:"With members of nested groups; with include=totalMemberCounts only."`
	Times
}

// MemberCounts is how many users are in a group.
type MemberCounts struct {
	Users int64 `json:"users"`
}

// GroupBody is a group as a client writes one.
type GroupBody struct {
	_           struct{}       `additionalProperties:"true"`
	Name        string         `json:"name" nullable:"false"`
	Description string         `json:"description,omitempty"`
	ExternalID  string         `json:"externalId,omitempty"`
	UserFilter  string         `json:"userFilter,omitempty"`
	CustomData  map[string]any `json:"customData,omitempty"`
	Population  *Reference     `json:"population,omitempty"`
}

// Groups is what a list of groups embeds.
type Groups struct {
	Groups []Group `json:"groups"`
}

func (s *server) groupRoutes() []route {
	filter := parameter{name: "filter", doc: `A SCIM filter over groups, such as: name sw "Team" and population.id eq "…"`}
	include := parameter{name: "include", doc: "totalMemberCounts: count members of nested groups as well."}
	expand := parameter{name: "expand", doc: "group: embed each group."}
	members := parameter{name: "filter", doc: "A SCIM filter over users: only members who match."}
	trial := []parameter{
		{name: "dryRun", doc: "Only report what would happen.", kind: huma.TypeBoolean},
		{name: "allOrNothing", doc: "Apply nothing if a row is refused.", kind: huma.TypeBoolean},
	}
	const groups, group = env + "/groups", env + "/groups/{groupID}"
	const ofUser, ofGroup = env + "/users/{userID}/memberOfGroups", group + "/memberOfGroups"
	return []route{
		{get, groups, "listGroups", read, "List groups", reads(s.listGroups), paged(filter, include)},
		{post, groups, "createGroup", people, "Create a group", takes(created, s.createGroup), nil},
		{get, group, "readGroup", read, "Read a group", reads(s.readGroup), []parameter{include}},
		{put, group, "replaceGroup", people, "Replace a group; what is left out is cleared", takes(http.StatusOK, s.replaceGroup), nil},
		{del, group, "deleteGroup", people, "Delete a group; its members stay", does(s.deleteGroup), nil},
		{get, group + "/members", "listGroupMembers", read, "The users in a group, however they are in it", reads(s.listMembers), paged(members)},
		{get, group + "/nestedGroups", "listNestedGroups", read, "The groups that are nested directly in a group", reads(s.listNestedGroups), paged(include)},
		{post, groups + "/import", "importGroups", people, "Take over groups, or memberships, from a CSV file", uploads[GroupImport](csvMedia, s.importGroups), trial},
		{get, group + "/syncedRules", "listGroupSyncedRules", read, "Where a group stands under each rule", reads(s.listSyncedRules), paging},
		{get, group + "/syncedRules/{ruleID}", "readGroupSyncedRule", read, "Where a group stands under a rule", reads(s.readSyncedRule), nil},
		{post, group + "/syncedRules/{ruleID}", "provisionGroup", all, "Provision a group now", reads(s.provisionGroup), nil},

		{get, ofUser, "listUserGroups", read, "The groups of a user, however they are in them", reads(s.listUserGroups), paged(expand)},
		{post, ofUser, "createUserGroup", people, "Put a user into a group", takes(created, s.joinGroup), nil},
		{get, ofUser + "/{groupID}", "readUserGroup", read, "How a user is in a group", reads(s.readUserGroup), []parameter{expand}},
		{del, ofUser + "/{groupID}", "deleteUserGroup", people, "Take a user out of a group", does(s.leaveGroup), nil},

		{get, ofGroup, "listGroupGroups", read, "The groups that a group is nested in", reads(s.listGroupGroups), paged(expand)},
		{post, ofGroup, "createGroupGroup", people, "Nest a group in another one", takes(created, s.nestGroup), nil},
		{get, ofGroup + "/{nestedGroupID}", "readGroupGroup", read, "How a group is nested in another one", reads(s.readGroupGroup), []parameter{expand}},
		{del, ofGroup + "/{nestedGroupID}", "deleteGroupGroup", people, "Take a group out of another one", does(s.unnestGroup), nil},
	}
}

// includes reports whether a list parameter such as include names a word.
func (r *request) includes(parameter, word string) bool {
	return slices.ContainsFunc(strings.Split(r.parameter(parameter), ","), func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), word) })
}

func (r *request) group(g *directory.Group, counts directory.GroupCounts, total bool) Group {
	self := r.here("/groups/" + g.ID)
	out := Group{
		Links: Links{"self": {self}, "environment": {r.here("")}, "memberOfGroups": {self + "/memberOfGroups"}, "syncedRules": {self + "/syncedRules"}},
		ID:    g.ID, Environment: refer(g.EnvironmentID), Population: referTo(g.PopulationID), Name: g.Name, DisplayName: g.Name, Description: g.Description,
		ExternalID: g.ExternalID, UserFilter: g.UserFilter, CustomData: g.CustomData, DirectMemberCounts: MemberCounts{counts.Direct},
		Times: times(g.CreatedAt, g.UpdatedAt),
	}
	if g.PopulationID != "" {
		out.Links["population"] = Link{r.here("/populations/" + g.PopulationID)}
	}
	if total {
		out.TotalMemberCounts = &MemberCounts{counts.Total}
	}
	return out
}

func (s *server) renderGroups(r *request, groups []directory.Group, total bool) ([]Group, error) {
	ids := make([]string, len(groups))
	for i := range groups {
		ids[i] = groups[i].ID
	}
	counts, err := s.Directory.GroupCounts(r.Context(), ids, total)
	return each(groups, func(g *directory.Group) Group { return r.group(g, counts[g.ID], total) }), err
}

func (s *server) renderGroup(r *request, g *directory.Group, total bool) (Group, error) {
	out, err := s.renderGroups(r, []directory.Group{*g}, total)
	return out[0], err
}

func (s *server) listGroups(r *request) (Collection[Groups], error) {
	p, err := r.page(maxPage, byID)
	if err != nil {
		return Collection[Groups]{}, err
	}
	filter := r.parameter("filter")
	found, err := s.Directory.Groups(r.Context(), r.env, directory.Query{Filter: filter, Limit: p.limit, After: p.after})
	if err != nil {
		return Collection[Groups]{}, err
	}
	count := int64(-1)
	if p.after == "" {
		if count, err = s.Directory.CountGroups(r.Context(), r.env, filter); err != nil {
			return Collection[Groups]{}, err
		}
	}
	items, err := s.renderGroups(r, found.Groups, r.includes("include", "totalMemberCounts"))
	return collection(r, Groups{items}, len(items), found.Next, count), err
}

func (in *GroupBody) apply(g *directory.Group) {
	g.Name, g.Description, g.ExternalID, g.UserFilter, g.CustomData = in.Name, in.Description, in.ExternalID, in.UserFilter, in.CustomData
	g.PopulationID = in.Population.id()
}

func (s *server) createGroup(r *request, in GroupBody) (Group, error) {
	var g directory.Group
	in.apply(&g)
	g, err := s.Directory.CreateGroup(r.Context(), r.env, g)
	if err != nil {
		return Group{}, err
	}
	return s.renderGroup(r, &g, false)
}

func (s *server) readGroup(r *request) (Group, error) {
	g, err := s.Directory.Group(r.Context(), r.env, r.PathValue("groupID"))
	if err != nil {
		return Group{}, err
	}
	return s.renderGroup(r, &g, r.includes("include", "totalMemberCounts"))
}

func (s *server) replaceGroup(r *request, in GroupBody) (Group, error) {
	g, err := s.Directory.UpdateGroup(r.Context(), r.env, r.PathValue("groupID"), func(g *directory.Group) error { in.apply(g); return nil })
	if err != nil {
		return Group{}, err
	}
	return s.renderGroup(r, &g, false)
}

func (s *server) deleteGroup(r *request) error {
	return s.Directory.DeleteGroup(r.Context(), r.env, r.PathValue("groupID"))
}

func (s *server) provisionGroup(r *request) (Trace, error) {
	return s.provisionNow(r, provision.Ref{Kind: directory.KindGroup, ID: r.PathValue("groupID")})
}

// GroupMembership is one group that a user or group is in.
type GroupMembership struct {
	Links  Links                    `json:"_links"`
	ID     string                   `json:"id" format:"uuid"`
	Name   string                   `json:"name"`
	Type   directory.MembershipType `json:"type" enum:"DIRECT,INDIRECT"`
	Reason string                   `json:"reason" doc:"Why, in a few words: member because of Berlin > Germany."`
	// PingOne has no such member.
	Removable bool           `json:"removable" doc:"The membership was given by itself and can be ended by itself."`
	Embedded  *EmbeddedGroup `json:"_embedded,omitempty"`
}

// EmbeddedGroup is what a membership embeds with expand=group.
type EmbeddedGroup struct {
	Group Group `json:"group"`
}

// GroupMemberships is what a list of memberships embeds.
type GroupMemberships struct {
	GroupMemberships []GroupMembership `json:"groupMemberships"`
}

// memberships renders memberships; path is whose they are.
func (s *server) memberships(r *request, path string, in []directory.Membership, expand bool) ([]GroupMembership, error) {
	out := each(in, func(m *directory.Membership) GroupMembership {
		return GroupMembership{
			Links: Links{"self": {r.here(path + "/memberOfGroups/" + m.GroupID)}, "group": {r.here("/groups/" + m.GroupID)}},
			ID:    m.GroupID, Name: m.GroupName, Type: m.Type, Reason: m.Reason, Removable: m.Removable,
		}
	})
	if !expand {
		return out, nil
	}
	for i := range in {
		g, err := s.Directory.Group(r.Context(), r.env, in[i].GroupID)
		if err != nil {
			return nil, err
		}
		group, err := s.renderGroup(r, &g, false)
		if err != nil {
			return nil, err
		}
		out[i].Embedded = &EmbeddedGroup{group}
	}
	return out, nil
}

func (s *server) listMemberships(r *request, path string, in []directory.Membership) (Collection[GroupMemberships], error) {
	items, err := s.memberships(r, path, in, r.includes("expand", "group"))
	if err != nil {
		return Collection[GroupMemberships]{}, err
	}
	return whole(r, items, func(m *GroupMembership) GroupMembership { return *m }, func(l []GroupMembership) GroupMemberships { return GroupMemberships{l} })
}

// membership answers the one about a group.
func (s *server) membership(r *request, path, groupID string, in []directory.Membership, expand bool) (GroupMembership, error) {
	for i := range in {
		if in[i].GroupID == groupID {
			out, err := s.memberships(r, path, in[i:i+1], expand)
			if err != nil {
				return GroupMembership{}, err
			}
			return out[0], nil
		}
	}
	return GroupMembership{}, problem.New(problem.NotFound, "there is no membership in this group")
}

func (s *server) listUserGroups(r *request) (Collection[GroupMemberships], error) {
	id := r.PathValue("userID")
	list, err := s.Directory.MembershipsOf(r.Context(), r.env, id)
	if err != nil {
		return Collection[GroupMemberships]{}, err
	}
	return s.listMemberships(r, "/users/"+id, list)
}

func (s *server) userGroup(r *request, groupID string, expand bool) (GroupMembership, error) {
	id := r.PathValue("userID")
	list, err := s.Directory.MembershipsOf(r.Context(), r.env, id)
	if err != nil {
		return GroupMembership{}, err
	}
	return s.membership(r, "/users/"+id, groupID, list, expand)
}

func (s *server) readUserGroup(r *request) (GroupMembership, error) {
	return s.userGroup(r, r.PathValue("groupID"), r.includes("expand", "group"))
}

func (s *server) joinGroup(r *request, in Reference) (GroupMembership, error) {
	if err := groupNamed(in); err != nil {
		return GroupMembership{}, err
	}
	if err := s.Directory.AddMember(r.Context(), r.env, in.ID, r.PathValue("userID")); err != nil {
		return GroupMembership{}, unknownGroup(err)
	}
	return s.userGroup(r, in.ID, false)
}

// groupNamed makes sure that a body names a group.
func groupNamed(in Reference) error {
	switch {
	case in.ID == "":
		return required("id", "the id of a group is required")
	case !byID(in.ID):
		return unknownGroup(problem.Missing("group"))
	default:
		return nil
	}
}

// unknownGroup says of a group that a body names and that does not exist that the body is wrong, not the path.
func unknownGroup(err error) error {
	if err == nil || !problem.Is(err, problem.NotFound) || !strings.Contains(err.Error(), "no group") {
		return err
	}
	var l problem.List
	l.Add(problem.InvalidValue, "id", "no group with this id exists in this environment")
	return l.Err("The input is not acceptable:")
}

func (s *server) leaveGroup(r *request) error {
	return s.Directory.RemoveMember(r.Context(), r.env, r.PathValue("groupID"), r.PathValue("userID"))
}

func (s *server) listGroupGroups(r *request) (Collection[GroupMemberships], error) {
	id := r.PathValue("groupID")
	list, err := s.Directory.ParentsOf(r.Context(), r.env, id)
	if err != nil {
		return Collection[GroupMemberships]{}, err
	}
	return s.listMemberships(r, "/groups/"+id, list)
}

func (s *server) groupGroup(r *request, parentID string, expand bool) (GroupMembership, error) {
	id := r.PathValue("groupID")
	list, err := s.Directory.ParentsOf(r.Context(), r.env, id)
	if err != nil {
		return GroupMembership{}, err
	}
	return s.membership(r, "/groups/"+id, parentID, list, expand)
}

func (s *server) readGroupGroup(r *request) (GroupMembership, error) {
	return s.groupGroup(r, r.PathValue("nestedGroupID"), r.includes("expand", "group"))
}

func (s *server) nestGroup(r *request, in Reference) (GroupMembership, error) {
	if err := groupNamed(in); err != nil {
		return GroupMembership{}, err
	}
	if _, err := s.Directory.Group(r.Context(), r.env, r.PathValue("groupID")); err != nil {
		return GroupMembership{}, err
	}
	if err := s.Directory.Nest(r.Context(), r.env, r.PathValue("groupID"), in.ID); err != nil {
		return GroupMembership{}, unknownGroup(err)
	}
	return s.groupGroup(r, in.ID, false)
}

func (s *server) unnestGroup(r *request) error {
	return s.Directory.Unnest(r.Context(), r.env, r.PathValue("groupID"), r.PathValue("nestedGroupID"))
}

// includeGroups is what users are answered with when include asks for it.
var includeGroups = parameter{name: "include", doc: "memberOfGroupIDs, memberOfGroupNames: the groups of each user, however they are in them."}

func (s *server) includeGroups(r *request, users []User) error {
	ids, names := r.includes("include", "memberOfGroupIDs"), r.includes("include", "memberOfGroupNames")
	if !ids && !names || len(users) == 0 {
		return nil
	}
	list := make([]*directory.User, len(users))
	for i := range users {
		list[i] = &directory.User{ID: users[i].ID}
	}
	if err := s.Directory.WithGroups(r.Context(), r.env, list); err != nil {
		return err
	}
	for i := range users {
		if groups := list[i].Groups; ids {
			users[i].MemberOfGroupIDs = each(groups, func(m *directory.Membership) string { return m.GroupID })
		}
		if groups := list[i].Groups; names {
			users[i].MemberOfGroupNames = each(groups, func(m *directory.Membership) string { return m.GroupName })
		}
	}
	return nil
}
