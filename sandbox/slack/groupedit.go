package slack

import (
	"maps"
	"net/http"
	"strings"
)

// Slack takes 15,000 members in one request and recommends 5,000; a user group has at most 5,000, an IdP group 15,000.
const (
	requestMembers = 15_000
	userGroupSize  = 5_000
	idpGroupSize   = 15_000
)

// groupEdit is a change of a group in the making. The group itself is not touched.
type groupEdit struct {
	workspace *Workspace
	group     *group
	version   string
	changed   Group
	has       map[string]bool // who is in it
	before    []string        // who was, in their order, as far as that still counts
	added     []string        // who came, in theirs
	sent      int             // members that the request names
	finished  bool
}

func (w *Workspace) edit(g *group, version string) *groupEdit {
	return &groupEdit{workspace: w, group: g, version: version, changed: g.Group, has: maps.Clone(g.has), before: g.Members}
}

// done settles who is in the group, and refuses one that has become too large.
func (e *groupEdit) done() error {
	members := make([]string, 0, len(e.has))
	for _, list := range [][]string{e.before, e.added} {
		for _, id := range list {
			if e.has[id] {
				members = append(members, id)
				delete(e.has, id) // it is in only once
			}
		}
	}
	e.changed.Members = members
	size := userGroupSize
	if e.workspace.options.Enterprise {
		size = idpGroupSize
	}
	if len(members) > size && len(members) > len(e.group.Members) {
		return bad("group_member_max_exceeded")
	}
	e.finished = true
	return nil
}

func (e *groupEdit) change(c *call) error {
	if c.Method == http.MethodPatch && c.version == "v2" {
		return e.patch(c.body)
	}
	body, err := resource(c.body)
	if err != nil {
		return err
	}
	if c.Method == http.MethodPut {
		return e.whole(body)
	}
	return e.partial(body)
}

// whole takes a resource: members that it does not name are out.
func (e *groupEdit) whole(body map[string]any) error {
	name, ok := plain(body["displayName"])
	if !ok || strings.TrimSpace(name) == "" {
		return errFormat
	}
	if err := e.rename(name); err != nil {
		return err
	}
	return e.replace(body["members"])
}

// partial is version 1's PATCH: members are added unless their operation is delete.
func (e *groupEdit) partial(body map[string]any) error {
	if name, there := body["displayName"]; there {
		if err := e.rename(name); err != nil {
			return err
		}
	}
	list, err := e.rows(body["members"])
	if err != nil {
		return err
	}
	for _, r := range list {
		id, _ := r["value"].(string)
		if r["operation"] == "delete" {
			err = e.remove(id)
		} else {
			err = e.add(id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// patch is version 2's, in the order of its operations.
func (e *groupEdit) patch(raw []byte) error {
	list, err := operations(raw)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errPayload
	}
	for _, o := range list {
		saved := *e
		if e.workspace.options.PartialPatch {
			saved.has = maps.Clone(e.has)
		}
		if err := e.operate(o); err != nil {
			*e = saved // of interest only where what stands before it is kept
			return err
		}
	}
	return nil
}

func (e *groupEdit) operate(o operation) error {
	if o.Path == "" {
		return e.values(o)
	}
	p, ok := parsePath(o.Path, versions[e.version])
	switch {
	case !ok || p.part != "":
		return errFormat
	case p.name == "displayName" && o.Op != "remove":
		return e.rename(o.Value)
	case p.name != "members":
		return errFormat
	case o.Op == "remove" && p.row == nil:
		return e.replace(nil) // whatever members the value names: this is Slack's trap
	case o.Op == "remove" && p.row.attribute == "value":
		if e.sent++; e.sent > requestMembers {
			return bad("too_many_users")
		}
		return e.remove(p.row.value)
	case p.row != nil:
		return errFormat
	case o.Op == "replace":
		return e.replace(o.Value)
	default:
		return e.insert(o.Value)
	}
}

// values takes an operation without a path.
func (e *groupEdit) values(o operation) error {
	values, ok := o.Value.(map[string]any)
	if !ok {
		return errFormat
	}
	for _, name := range sortedKeys(values) {
		switch name {
		case "id", "schemas", "meta", "externalId":
			continue
		}
		if err := e.operate(operation{Op: o.Op, Path: name, Value: values[name]}); err != nil {
			return err
		}
	}
	return nil
}

// rename: two groups cannot have one name.
func (e *groupEdit) rename(v any) error {
	name, ok := v.(string)
	if !ok || strings.TrimSpace(name) == "" {
		return errFormat
	}
	if hasEmoji(name) {
		return bad("invalid_emoji_not_allowed")
	}
	if other := e.workspace.named(name); other != nil && other != e.group {
		return bad("name_already_exists")
	}
	e.changed.Name = name
	return nil
}

func (e *groupEdit) rows(v any) ([]map[string]any, error) {
	list, ok := rows(v)
	if !ok {
		return nil, bad("groups_invalid")
	}
	if e.sent += len(list); e.sent > requestMembers {
		return nil, bad("too_many_users")
	}
	return list, nil
}

func (e *groupEdit) replace(v any) error {
	clear(e.has)
	e.before, e.added = nil, nil
	return e.insert(v)
}

func (e *groupEdit) insert(v any) error {
	list, err := e.rows(v)
	if err != nil {
		return err
	}
	for _, r := range list {
		id, _ := r["value"].(string)
		if err := e.add(id); err != nil {
			return err
		}
	}
	return nil
}

// add refuses whoever does not exist, is deactivated or a guest. Whoever is in already stays.
func (e *groupEdit) add(id string) error {
	m := e.workspace.members[id]
	switch {
	case m == nil:
		return bad("no_such_group_members")
	case !m.Active && !e.group.has[id] || m.Guest != "":
		return bad("unable_to_add_deleted_or_guest_to_group")
	case !e.has[id]:
		e.has[id] = true
		e.added = append(e.added, id)
	}
	return nil
}

// remove: whoever is not in is not missed, but must exist.
func (e *groupEdit) remove(id string) error {
	if e.workspace.members[id] == nil {
		return bad("no_such_group_members")
	}
	delete(e.has, id)
	return nil
}
