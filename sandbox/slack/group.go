package slack

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Group is a group of the workspace: a user group, or an IdP group in an Enterprise organisation.
type Group struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Members   []string  `json:"members"`             // ids, in the order in which they came
	Linked    bool      `json:"linked,omitempty"`    // to channels: it cannot be deleted before it is unlinked
	Generated bool      `json:"generated,omitempty"` // made by Slack, as Team Admins is: SCIM cannot change it
	Created   time.Time `json:"created"`
}

type group struct {
	Group
	number int
	has    map[string]bool // its members
}

// addGroup takes a new group in and fills in what it lacks.
func (w *Workspace) addGroup(g *Group) *group {
	w.next++
	made := &group{Group: *g, number: w.next, has: map[string]bool{}}
	if made.ID == "" {
		made.ID = fmt.Sprintf("S%09d", w.next)
	}
	if made.Created.IsZero() {
		made.Created = w.options.Now()
	}
	made.Members = nil
	w.groups[made.ID] = made
	w.groupIDs = append(w.groupIDs, made.ID)
	changed := made.Group
	changed.Members = slices.Clone(g.Members)
	w.commitGroup(made, &changed)
	return made
}

// commitGroup makes a group what it was changed to, and keeps the way from members to groups.
func (w *Workspace) commitGroup(g *group, changed *Group) {
	has := make(map[string]bool, len(changed.Members))
	members := make([]string, 0, len(changed.Members))
	for _, id := range changed.Members {
		if has[id] || w.members[id] == nil {
			continue
		}
		has[id] = true
		members = append(members, id)
		if !g.has[id] {
			list := w.memberOf[id]
			at, _ := slices.BinarySearchFunc(list, g.number, func(g *group, n int) int { return cmp.Compare(g.number, n) })
			w.memberOf[id] = slices.Insert(list, at, g)
		}
	}
	for _, id := range g.Members {
		if !has[id] {
			w.memberOf[id] = slices.DeleteFunc(w.memberOf[id], func(other *group) bool { return other == g })
		}
	}
	g.Group, g.has = *changed, has
	g.Members = members
}

func (w *Workspace) removeGroup(g *group) {
	nobody := g.Group
	nobody.Members = nil
	w.commitGroup(g, &nobody)
	delete(w.groups, g.ID)
	w.groupIDs = slices.DeleteFunc(w.groupIDs, func(id string) bool { return id == g.ID })
}

// groupsOf are those of a member as the member's answer lists them.
func (w *Workspace) groupsOf(id string) []wireRef {
	out := []wireRef{}
	for _, g := range w.memberOf[id] {
		out = append(out, wireRef{g.ID, g.Name})
	}
	return out
}

type wireGroup struct {
	Schemas     []string  `json:"schemas"`
	ID          string    `json:"id"`
	Meta        wireMeta  `json:"meta"`
	DisplayName string    `json:"displayName"`
	Members     []wireRef `json:"members"`
}

func (w *Workspace) renderGroup(g *group, version string) *wireGroup {
	out := &wireGroup{
		Schemas: []string{versions[version].group}, ID: g.ID, Meta: wireMeta{created(g.Created), location(version, "Groups", g.ID)},
		DisplayName: g.Name, Members: make([]wireRef, len(g.Members)),
	}
	for i, id := range g.Members {
		out.Members[i] = wireRef{id, w.members[id].fullName()}
	}
	return out
}

// groupList serves the collection.
func (w *Workspace) groupList(c *call) (int, any, error) {
	switch c.Method {
	case http.MethodGet:
		return w.listGroups(c)
	case http.MethodPost:
		return w.createGroup(c)
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
		return 0, nil, bad("missing_group_id")
	default:
		return 0, nil, errMethod
	}
}

// listGroups answers rows with their members.
func (w *Workspace) listGroups(c *call) (int, any, error) {
	q := c.URL.Query()
	start, count := page(q)
	if err := sorting(query(q, "sortOrder")); err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.groupIDs
	if raw := query(q, "filter"); raw != "" && !w.options.FilterIgnored && !c.fault.FilterIgnored {
		f, err := parseFilter(raw, getters[*group]{"displayname": func(g *group) string { return g.Name }})
		if err != nil {
			return 0, nil, err
		}
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !f.match(w.groups[id]) })
	}
	var out []*wireGroup
	for _, id := range slice(ids, start, count, c.fault.Drift) {
		out = append(out, w.renderGroup(w.groups[id], c.version))
	}
	return http.StatusOK, listBody(c.version, out, len(ids), start), nil
}

func (w *Workspace) createGroup(c *call) (int, any, error) {
	body, err := resource(c.body)
	if err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.edit(&group{has: map[string]bool{}}, c.version)
	if err := e.whole(body); err != nil {
		return 0, nil, err
	}
	if err := e.done(); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, w.renderGroup(w.addGroup(&e.changed), c.version), nil
}

// group serves one group.
func (w *Workspace) group(c *call) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.groups[c.id]
	if g == nil {
		return 0, nil, fail(http.StatusNotFound, "no_such_group")
	}
	switch c.Method {
	case http.MethodGet:
		return http.StatusOK, w.renderGroup(g, c.version), nil
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
	default:
		return 0, nil, errMethod
	}
	if g.Generated {
		return 0, nil, fail(http.StatusForbidden, "permission_denied")
	}
	if c.Method == http.MethodDelete {
		if g.Linked {
			return 0, nil, bad("idp_group_linked_to_channels")
		}
		w.removeGroup(g)
		return http.StatusNoContent, nil, nil
	}
	e := w.edit(g, c.version)
	err := e.change(c)
	if err == nil || w.options.PartialPatch && c.Method == http.MethodPatch && c.version == "v2" {
		if refused := e.done(); err == nil {
			err = refused
		}
		if err == nil || e.finished {
			w.commitGroup(g, &e.changed)
		}
	}
	switch {
	case err != nil:
		return 0, nil, err
	case c.Method == http.MethodPatch && c.version == "v1":
		return http.StatusNoContent, nil, nil
	default:
		return http.StatusOK, w.renderGroup(g, c.version), nil
	}
}

// named finds the group of a name; names of groups have no case.
func (w *Workspace) named(name string) *group {
	for _, g := range w.groups {
		if strings.EqualFold(g.Name, name) {
			return g
		}
	}
	return nil
}
