package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	fast "github.com/go-json-experiment/json"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/scim/client"
)

const (
	groupName = "displayName"

	// addChunk is how many members one request adds: Slack recommends at most 5,000 and refuses 15,000
	// (docs.slack.dev/reference/scim-api, "Groups"). removeChunk bounds the operations of a request, one for each member who goes.
	addChunk    = 5000
	removeChunk = 500
	// groupPage is small: every row comes with all its members.
	groupPage = 50
	// maxSearch bounds the requests that look for the members whom Slack refuses among those of a request.
	maxSearch = 64

	budgetGroupGet    = "GET /Groups/{id}"
	budgetGroupCreate = "POST /Groups"
	budgetGroupUpdate = "PATCH /Groups/{id}"
	budgetGroupDelete = "DELETE /Groups/{id}"
)

// wireGroup is a group as Slack answers.
type wireGroup[T string | text] struct {
	ID          T                    `json:"id"`
	DisplayName T                    `json:"displayName"`
	Members     *[]struct{ Value T } `json:"members"`
}

// groupRemote reads a group, at once when it is as expected: thousands of members come with it. whole says that its members were in the answer.
func groupRemote(raw json.RawMessage) (r *provision.Remote, whole bool) {
	var plain wireGroup[string]
	if fast.Unmarshal(raw, &plain, asEver) == nil {
		return plain.remote()
	}
	var g wireGroup[text] // numbers for ids, or something else that nobody expects
	var odd *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &g); err != nil && !errors.As(err, &odd) {
		return nil, false
	}
	return g.remote()
}

// remote says the same in our words.
func (g *wireGroup[T]) remote() (r *provision.Remote, whole bool) {
	clean := func(t T) string { return strings.TrimSpace(string(t)) }
	id, name := clean(g.ID), clean(g.DisplayName)
	if id == "" {
		return nil, false
	}
	r = &provision.Remote{ID: id, Active: true, Attributes: provision.Attributes{}}
	if name != "" {
		r.Attributes[groupName] = name
	}
	if g.Members == nil {
		return r, false
	}
	for _, m := range *g.Members {
		if value := clean(m.Value); value != "" {
			r.Members = append(r.Members, value)
		}
	}
	return r, true
}

// sendGroup makes a request about groups; what Slack says about members in general is said about groups.
func (t *target) sendGroup(ctx context.Context, r client.Request) (*client.Response, error) {
	r.List = true // 15,000 members make an answer large
	answer, err := t.send(ctx, r)
	fault, ok := errors.AsType[*provision.Fault](err)
	if !ok {
		return answer, err
	}
	switch {
	case fault.Kind == provision.Taken:
		fault.Attribute, fault.RemoteID = groupName, ""
		fault.Message, fault.Hint = "another group, or a channel, has this name", "rename one of them"
	case fault.Code == "permission_denied" || fault.HTTPStatus == http.StatusForbidden && fault.Kind == provision.Rejected:
		fault.Message = "Slack does not let this group be changed: groups that Slack made itself cannot be"
		fault.Hint = "take the group out of the rule, or rename it"
	case fault.Code == "resource_locked":
		fault.Message = "the group is being changed by somebody else"
	}
	return nil, fault
}

// answered reads the group that a request answered; where the answer has none, or not its members, the group is read.
func (t *target) answered(ctx context.Context, id string, answer *client.Response) (*provision.Remote, error) {
	if r, whole := groupRemote(answer.Body); whole {
		return r, nil
	}
	return t.getGroup(ctx, id)
}

func (t *target) getGroup(ctx context.Context, id string) (*provision.Remote, error) {
	answer, err := t.sendGroup(ctx, client.Request{Method: http.MethodGet, Path: "Groups/" + url.PathEscape(id), Budgets: []string{budgetRead, budgetGroupGet}})
	if err != nil {
		return nil, err
	}
	r, _ := groupRemote(answer.Body) // members that are left out are none
	if r == nil {
		return nil, &provision.Fault{Kind: provision.Transient, Code: "not_a_group", Message: "Slack's answer is not a group", Hint: hintBaseURL, HTTPStatus: answer.Status}
	}
	return r, nil
}

// doGroup carries out one call about a group.
func (t *target) doGroup(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	switch call.Verb {
	case provision.VerbCreate:
		return t.createGroup(ctx, call)
	case provision.VerbUpdate:
		return t.updateGroup(ctx, call)
	case provision.VerbDelete:
		_, err := t.sendGroup(ctx, client.Request{Method: http.MethodDelete, Path: "Groups/" + url.PathEscape(call.RemoteID), Budgets: []string{budgetWrite, budgetGroupDelete}})
		if fault, ok := errors.AsType[*provision.Fault](err); ok && fault.Kind == provision.Gone {
			return nil, nil //nolint:nilnil // as wanted
		}
		return nil, err
	default:
		return nil, refused("not_supported", "", "groups are neither active nor inactive", "please report this")
	}
}

type memberRow struct {
	Value string `json:"value"`
}

func memberRows(ids []string) []memberRow {
	out := make([]memberRow, len(ids))
	for i, id := range ids {
		out[i] = memberRow{id}
	}
	return out
}

// createGroup makes a group with its members. When one of them is refused, it is made without, and each is tried.
func (t *target) createGroup(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	var add []string
	if call.Members != nil {
		add = call.Members.Add
	}
	first := add[:min(len(add), addChunk)]
	made, err := t.postGroup(ctx, call.Attributes, first)
	if aboutMembers(err) && len(first) > 0 {
		first = nil
		made, err = t.postGroup(ctx, call.Attributes, nil)
	}
	if err != nil {
		return nil, err
	}
	e := groupEdit{target: t, id: made.ID, last: made}
	e.add(ctx, add[len(first):])
	return e.result()
}

func (t *target) postGroup(ctx context.Context, a provision.Attributes, members []string) (*provision.Remote, error) {
	body := map[string]any{"schemas": []string{scim.GroupURN}, groupName: a[groupName], "members": memberRows(members)}
	answer, err := t.sendGroup(ctx, client.Request{Method: http.MethodPost, Path: "Groups", Body: body, Budgets: []string{budgetWrite, budgetGroupCreate}})
	if err != nil {
		return nil, err
	}
	r, whole := groupRemote(answer.Body)
	if r == nil {
		return nil, &provision.Fault{
			Kind: provision.Transient, Code: "no_answer_body", Message: "Slack made the group and did not say which", Hint: hintAgain, Unanswered: true, HTTPStatus: answer.Status,
		}
	}
	if !whole {
		return t.getGroup(ctx, r.ID)
	}
	return r, nil
}

// updateGroup takes members out first: whoever must lose access does not wait for somebody who is refused. Never PUT, which
// empties what is left out, and never a remove of members as a whole, with which Slack empties the group.
func (t *target) updateGroup(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	e := groupEdit{target: t, id: call.RemoteID}
	if call.Members != nil {
		e.remove(ctx, call.Members.Remove)
		e.add(ctx, call.Members.Add)
	}
	if name, ok := call.Attributes[groupName]; ok {
		e.patch(ctx, replace(groupName, name))
	}
	if e.last == nil && e.err == nil && len(e.faults) == 0 {
		return t.getGroup(ctx, e.id) // whoever was to be taken out did not exist
	}
	return e.result()
}

// groupEdit makes requests about one group, one after the other. A fault that is not about single members ends it.
type groupEdit struct {
	target  *target
	id      string
	last    *provision.Remote
	faults  []*provision.Fault
	refused []string // members whom Slack refuses
	search  int
	err     error
	ended   bool
}

func (e *groupEdit) result() (*provision.Remote, error) {
	switch {
	case e.err != nil:
		return e.last, e.err
	case len(e.faults) > 0:
		out := joined(e.faults)
		if len(e.refused) > 0 {
			slices.Sort(e.refused)
			out.Members = slices.Compact(e.refused)
		}
		return e.last, out
	default:
		return e.last, nil
	}
}

// patch makes one request.
func (e *groupEdit) patch(ctx context.Context, operations ...scim.Operation) {
	if e.ended {
		return
	}
	if fault := e.try(ctx, operations...); fault != nil {
		e.faults = append(e.faults, fault)
		e.ended = fault.Kind != provision.Rejected
	}
}

func (e *groupEdit) try(ctx context.Context, operations ...scim.Operation) *provision.Fault {
	answer, err := e.target.sendGroup(ctx, client.Request{
		Method: http.MethodPatch, Path: "Groups/" + url.PathEscape(e.id), Body: scim.NewPatch(operations...), Budgets: []string{budgetWrite, budgetGroupUpdate},
	})
	if err == nil {
		var r *provision.Remote
		if r, err = e.target.answered(ctx, e.id, answer); err == nil {
			e.last = r
			return nil
		}
	}
	fault, ok := errors.AsType[*provision.Fault](err)
	if !ok {
		e.err, e.ended = err, true
		return nil
	}
	return fault
}

// aboutMembers reports whether Slack refused the members of a request, and not the request.
func aboutMembers(err error) bool {
	fault, ok := errors.AsType[*provision.Fault](err)
	return ok && fault != nil && (fault.Code == "no_such_group_members" || fault.Code == "unable_to_add_deleted_or_guest_to_group")
}

// add adds members in chunks. Slack does not say whom of a request it refuses, so a refused request is made again in halves.
func (e *groupEdit) add(ctx context.Context, ids []string) {
	for chunk := range slices.Chunk(ids, addChunk) {
		e.addSome(ctx, chunk)
	}
}

func (e *groupEdit) addSome(ctx context.Context, ids []string) {
	if e.ended || len(ids) == 0 {
		return
	}
	fault := e.try(ctx, scim.Operation{Op: "add", Path: "members", Value: memberRows(ids)})
	switch {
	case fault == nil:
	case aboutMembers(fault) && len(ids) > 1 && e.search < maxSearch:
		e.search++
		half := len(ids) / 2
		e.addSome(ctx, ids[:half])
		e.addSome(ctx, ids[half:])
	case aboutMembers(fault):
		e.refused = append(e.refused, ids...)
		fault.Message = fmt.Sprintf("Slack refuses %s as a member: the account does not exist, is deactivated, or is a guest", ids[0])
		if len(ids) > 1 {
			fault.Message = fmt.Sprintf("Slack refuses some of %d members: their accounts do not exist, are deactivated, or are guests", len(ids))
		}
		fault.Hint = "it is tried again; activate the account, or take the person out of the group"
		e.faults = append(e.faults, fault)
	default:
		e.faults = append(e.faults, fault)
		e.ended = fault.Kind != provision.Rejected
	}
}

// remove takes members out one operation each (members[value eq "U1"]). Somebody who is not there is out.
func (e *groupEdit) remove(ctx context.Context, ids []string) {
	for chunk := range slices.Chunk(ids, removeChunk) {
		if e.ended {
			return
		}
		operations := make([]scim.Operation, len(chunk))
		for i, id := range chunk {
			operations[i] = scim.Operation{Op: "remove", Path: "members[value eq " + quoted(id) + "]"}
		}
		fault := e.try(ctx, operations...)
		if fault != nil && aboutMembers(fault) && len(chunk) > 1 {
			for _, op := range operations {
				if f := e.try(ctx, op); f != nil && !aboutMembers(f) {
					e.faults = append(e.faults, f)
					if e.ended = f.Kind != provision.Rejected; e.ended {
						return
					}
				}
			}
			continue
		}
		if fault != nil && !aboutMembers(fault) {
			e.faults = append(e.faults, fault)
			e.ended = fault.Kind != provision.Rejected
		}
	}
}

// groupPageOf reads a page of groups.
func (t *target) groupPageOf(ctx context.Context, query url.Values) (scim.List, []provision.Remote, error) {
	answer, err := t.sendGroup(ctx, client.Request{Method: http.MethodGet, Path: "Groups", Query: query, Budgets: []string{budgetRead}})
	if err != nil {
		return scim.List{}, nil, err
	}
	var list scim.List
	bad := &provision.Fault{Kind: provision.Transient, Code: "not_a_list", Message: "the answer is not a list of groups", Hint: hintBaseURL, HTTPStatus: answer.Status}
	if json.Unmarshal(answer.Body, &list) != nil || list.Resources == nil && !bytes.Contains(answer.Body, []byte(`"totalResults"`)) {
		return list, nil, bad
	}
	out := make([]provision.Remote, 0, len(list.Resources))
	for _, raw := range list.Resources {
		r, _ := groupRemote(raw)
		if r == nil {
			return list, nil, bad
		}
		out = append(out, *r)
	}
	return list, out, nil
}

// findGroup lists the groups of that name, as Find does with members. Their members are as the list says.
func (t *target) findGroup(ctx context.Context, name string) ([]provision.Remote, error) {
	query := url.Values{"filter": {groupName + " eq " + quoted(name)}, "count": {strconv.Itoa(fewRows)}}
	list, rows, err := t.groupPageOf(ctx, query)
	if err != nil {
		fault, ok := errors.AsType[*provision.Fault](err)
		switch {
		case ok && fault.Kind == provision.Gone:
			return []provision.Remote{}, nil
		case ok && fault.Kind == provision.Rejected && fault.HTTPStatus == http.StatusBadRequest:
			return t.sweepGroups(ctx, name)
		}
		return nil, err
	}
	if list.TotalResults > len(rows) || slices.ContainsFunc(rows, func(r provision.Remote) bool { return !t.named(&r, name) }) {
		return t.sweepGroups(ctx, name) // the filter was not obeyed
	}
	return rows, nil
}

func (t *target) named(r *provision.Remote, name string) bool {
	return t.Identifier(directory.KindGroup, r.Attributes) == strings.ToLower(strings.TrimSpace(name))
}

func (t *target) sweepGroups(ctx context.Context, name string) ([]provision.Remote, error) {
	found := []provision.Remote{}
	err := t.List(ctx, directory.KindGroup, func(rows []provision.Remote, _ int) error {
		for i := range rows {
			if t.named(&rows[i], name) {
				found = append(found, rows[i])
			}
		}
		return nil
	})
	return found, err
}

// normalizeGroup: a group has a name and nothing else.
func normalizeGroup(a provision.Attributes) (provision.Attributes, *provision.Fault) {
	name, _ := a[groupName].(string)
	name = strings.TrimSpace(name)
	if name == "" {
		return nil, refused("missing_"+groupName, groupName, "Slack needs a name for a group", "give the group a name")
	}
	if strings.ContainsFunc(name, emoji) {
		return nil, refused("invalid_emoji_not_allowed", groupName, "Slack refuses emoji in names", "remove the emoji from the group's name")
	}
	return provision.Attributes{groupName: name}, nil
}
