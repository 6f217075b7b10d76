package api

import (
	"lockstep/directory"
)

// GroupMember is a user in a group, and why.
type GroupMember struct {
	Links     Links                    `json:"_links"`
	ID        string                   `json:"id" format:"uuid" doc:"The user's."`
	Type      directory.MembershipType `json:"type" enum:"DIRECT,INDIRECT"`
	Reason    string                   `json:"reason" doc:"Why, in a few words: member because of Berlin > Germany."`
	Removable bool                     `json:"removable" doc:"The membership was given by itself and can be ended by itself."`
	Embedded  EmbeddedUser             `json:"_embedded"`
}

// EmbeddedUser is what a member embeds.
type EmbeddedUser struct {
	User User `json:"user"`
}

// GroupMembers is what a list of members embeds.
type GroupMembers struct {
	Members []GroupMember `json:"members"`
}

func (s *server) listMembers(r *request) (Collection[GroupMembers], error) {
	p, err := r.page(directory.MaxUsers, byID)
	if err != nil {
		return Collection[GroupMembers]{}, err
	}
	id, filter := r.PathValue("groupID"), r.parameter("filter")
	found, err := s.Directory.Members(r.Context(), r.env, id, directory.Query{Filter: filter, Limit: p.limit, After: p.after})
	if err != nil {
		return Collection[GroupMembers]{}, err
	}
	count := int64(-1)
	if p.after == "" {
		if count, err = s.Directory.CountMembers(r.Context(), r.env, id, filter); err != nil {
			return Collection[GroupMembers]{}, err
		}
	}
	items := each(found.Members, func(m *directory.Member) GroupMember {
		return GroupMember{
			Links: Links{"self": {r.here("/users/" + m.User.ID + "/memberOfGroups/" + id)}, "user": {r.here("/users/" + m.User.ID)}},
			ID:    m.User.ID, Type: m.Membership.Type, Reason: m.Membership.Reason, Removable: m.Membership.Removable, Embedded: EmbeddedUser{r.user(&m.User)},
		}
	})
	return collection(r, GroupMembers{items}, len(items), found.Next, count), nil
}

func (s *server) listNestedGroups(r *request) (Collection[Groups], error) {
	nested, err := s.Directory.NestedIn(r.Context(), r.env, r.PathValue("groupID"))
	if err != nil {
		return Collection[Groups]{}, err
	}
	items, err := s.renderGroups(r, nested, r.includes("include", "totalMemberCounts"))
	if err != nil {
		return Collection[Groups]{}, err
	}
	return whole(r, items, func(g *Group) Group { return *g }, func(l []Group) Groups { return Groups{l} })
}
