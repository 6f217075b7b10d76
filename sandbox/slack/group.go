package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	requestLimit  = 15_000
	userGroupSize = 5_000
)

type group struct {
	id, name string
	members  []string
	created  time.Time
}

func (w *Workspace) groupsOf(id string) []any {
	out := []any{}
	for _, gid := range w.groupIDs {
		if g := w.groups[gid]; slices.Contains(g.members, id) {
			out = append(out, map[string]any{"value": g.id, "display": g.name})
		}
	}
	return out
}

func (w *Workspace) renderGroup(g *group, version string) any {
	urn := groupURN
	if version == "v1" {
		urn = versionURNs["v1"].core
	}
	members := []any{}
	for _, id := range g.members {
		members = append(members, map[string]any{"value": id, "display": w.members[id].UserName})
	}
	return map[string]any{
		"schemas": []string{urn}, "id": g.id, "displayName": g.name, "members": members,
		"meta": map[string]any{"created": g.created.In(pacific).Format("2006-01-02T15:04:05-07:00"), "location": "https://api.slack.com/scim/" + version + "/Groups/" + g.id},
	}
}

func (w *Workspace) groupList(c *call) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch c.Method {
	case http.MethodGet:
		return w.listGroups(c)
	case http.MethodPost:
	default:
		return 0, nil, fail(http.StatusMethodNotAllowed, "method_not_allowed")
	}
	var body struct {
		Schemas     []string `json:"schemas"`
		DisplayName string   `json:"displayName"`
		Members     any      `json:"members"`
	}
	if json.Unmarshal(c.body, &body) != nil {
		return 0, nil, fail(http.StatusBadRequest, "invalid_request_payload")
	}
	if len(body.Schemas) == 0 {
		return 0, nil, fail(http.StatusBadRequest, "missing_schema_element")
	}
	for _, g := range w.groups {
		if strings.EqualFold(g.name, body.DisplayName) {
			return 0, nil, fail(http.StatusBadRequest, "name_already_exists")
		}
	}
	w.next++
	g := &group{id: fmt.Sprintf("S%09d", w.next), name: body.DisplayName, created: w.options.Now()}
	if err := w.addMembers(g, body.Members); err != nil {
		return 0, nil, err
	}
	w.groups[g.id] = g
	w.groupIDs = append(w.groupIDs, g.id)
	return http.StatusCreated, w.renderGroup(g, c.version), nil
}

func (w *Workspace) listGroups(c *call) (int, any, error) {
	q := c.URL.Query()
	start, count := max(number(q.Get("startIndex"), 1), 1), min(max(number(q.Get("count"), 10), 0), 1000)
	var matching []*group
	want := ""
	if raw := q.Get("filter"); raw != "" {
		fields := strings.SplitN(raw, " ", 3)
		if len(fields) != 3 || !strings.EqualFold(fields[0], "displayName") || !strings.EqualFold(fields[1], "eq") {
			return 0, nil, fail(http.StatusBadRequest, "no_filters (is_aggregate_call=1)")
		}
		want = strings.Trim(fields[2], `"'`)
	}
	for _, id := range w.groupIDs {
		if g := w.groups[id]; want == "" || strings.EqualFold(g.name, want) {
			matching = append(matching, g)
		}
	}
	resources := []any{}
	for i := start - 1; i < len(matching) && len(resources) < count; i++ {
		resources = append(resources, w.renderGroup(matching[i], c.version))
	}
	return http.StatusOK, listBody(c.version, resources, len(matching), start), nil
}

// addMembers refuses unknown, deactivated and too many members, and then adds them all.
func (w *Workspace) addMembers(g *group, v any) error {
	list := rows(v)
	if len(list) > requestLimit {
		return fail(http.StatusBadRequest, "too_many_users")
	}
	next := slices.Clone(g.members)
	for _, row := range list {
		id, _ := row["value"].(string)
		m := w.members[id]
		switch {
		case m == nil:
			return fail(http.StatusBadRequest, "no_such_group_members")
		case !m.Active:
			return fail(http.StatusBadRequest, "unable_to_add_deleted_or_guest_to_group")
		case !slices.Contains(next, id):
			next = append(next, id)
		}
	}
	if len(next) > userGroupSize {
		return fail(http.StatusBadRequest, "group_member_max_exceeded")
	}
	g.members = next
	return nil
}

func (w *Workspace) group(c *call) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.groups[c.id]
	if g == nil {
		return 0, nil, fail(http.StatusNotFound, "no_such_group")
	}
	changed := &group{id: g.id, name: g.name, members: slices.Clone(g.members), created: g.created}
	var err error
	switch c.Method {
	case http.MethodGet:
		return http.StatusOK, w.renderGroup(g, c.version), nil
	case http.MethodDelete:
		delete(w.groups, g.id)
		w.groupIDs = slices.DeleteFunc(w.groupIDs, func(id string) bool { return id == g.id })
		return http.StatusNoContent, nil, nil
	case http.MethodPut:
		var body struct {
			DisplayName string `json:"displayName"`
			Members     any    `json:"members"`
		}
		if json.Unmarshal(c.body, &body) != nil {
			return 0, nil, fail(http.StatusBadRequest, "invalid_request_payload")
		}
		changed.name, changed.members = body.DisplayName, nil
		err = w.addMembers(changed, body.Members)
	case http.MethodPatch:
		err = w.patchGroup(changed, c.body)
	default:
		return 0, nil, fail(http.StatusMethodNotAllowed, "method_not_allowed")
	}
	if err != nil {
		return 0, nil, err
	}
	*g = *changed
	if c.version == "v1" && c.Method == http.MethodPatch {
		return http.StatusNoContent, nil, nil
	}
	return http.StatusOK, w.renderGroup(g, c.version), nil
}

var memberPath = regexp.MustCompile(`^members\[value eq "?([A-Z0-9]+)"?\]$`)

func (w *Workspace) patchGroup(g *group, raw []byte) error {
	var body struct {
		Operations []struct {
			Op    string `json:"op"`
			Path  string `json:"path"`
			Value any    `json:"value"`
		} `json:"Operations"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return fail(http.StatusBadRequest, "invalid_request_payload")
	}
	for _, op := range body.Operations {
		verb := strings.ToLower(op.Op)
		one := memberPath.FindStringSubmatch(op.Path)
		switch {
		case verb == "remove" && one != nil:
			g.members = slices.DeleteFunc(g.members, func(id string) bool { return id == one[1] })
		case verb == "remove" && op.Path == "members":
			g.members = nil // with a value as well: this is Slack's trap
		case op.Path == "members":
			if verb == "replace" {
				g.members = nil
			}
			if err := w.addMembers(g, op.Value); err != nil {
				return err
			}
		case op.Path == "displayName":
			g.name, _ = op.Value.(string)
		case op.Path == "":
			values, _ := op.Value.(map[string]any)
			if name, ok := values["displayName"].(string); ok {
				g.name = name
			}
		}
	}
	return nil
}
