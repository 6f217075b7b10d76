package slack

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/scim/client"
)

// Do implements connector.Target.
func (t *target) Do(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	if call.Kind == directory.KindGroup {
		return t.doGroup(ctx, call)
	}
	switch call.Verb {
	case provision.VerbCreate:
		return t.create(ctx, call)
	case provision.VerbUpdate:
		return t.update(ctx, call)
	case provision.VerbEnable, provision.VerbDisable:
		// Always a boolean: Slack ignores or refuses "False" (Microsoft's notes on its Slack v2 application).
		return t.patch(ctx, call.RemoteID, [][]scim.Operation{{replace("active", call.Verb == provision.VerbEnable)}})
	default:
		return nil, refused("not_supported", "", "Slack cannot delete members", "use Disable as remove action")
	}
}

// create makes a member. Slack silently drops a whole profile when a part of it is invalid, so what came back is compared with
// what was sent, and what is missing is sent once more (docs.slack.dev/reference/scim-api, "Creating users").
func (t *target) create(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	answer, err := t.send(ctx, client.Request{
		Method: http.MethodPost, Path: "Users", Body: createBody(call.Attributes), Budgets: []string{budgetWrite, budgetCreate},
	})
	if err != nil {
		return nil, err
	}
	made, ok := remote(answer.Body)
	if !ok {
		// It was made, but who: the engine looks it up.
		return nil, &provision.Fault{
			Kind: provision.Transient, Code: "no_answer_body", Message: "Slack made the member and did not say which", Hint: hintAgain, Unanswered: true, HTTPStatus: answer.Status,
		}
	}
	mend := connector.Call{Attributes: provision.Attributes{}, Known: made}
	for name, v := range call.Attributes {
		if !slices.Contains(createOnlyParts, name) && !provision.SameValue(made.Attributes[name], v) {
			mend.Attributes[name] = v
		}
	}
	if len(mend.Attributes) == 0 {
		return made, nil
	}
	mended, err := t.patch(ctx, made.ID, patches(mend))
	if mended == nil {
		mended = made
	}
	if fault, ok := errors.AsType[*provision.Fault](err); ok && fault.Code == "invalid_display_name" {
		// Mapped on create only, as is the default, this is nothing that anybody could do anything about: members may change the
		// name themselves. Mapped otherwise, the difference is found when the answer is compared.
		return mended, nil
	}
	return mended, err
}

// update writes what differs.
func (t *target) update(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	for _, name := range []string{"userName", "primaryEmail"} {
		if slices.Contains(call.Clear, name) {
			return nil, refused("missing_"+name, name, "Slack keeps no member without "+name, "do not clear it when its source is empty")
		}
	}
	if call.Known == nil {
		// Lists of one are written whole: without what is there, a phone number would be lost when the other one changes.
		now, err := t.Get(ctx, call.Kind, call.RemoteID)
		if err != nil {
			return nil, err
		}
		call.Known = now
	}
	requests := patches(call)
	if len(requests) == 0 {
		return t.Get(ctx, call.Kind, call.RemoteID) // only what goes out on create
	}
	return t.patch(ctx, call.RemoteID, requests)
}

// patch sends requests one after the other. One that is refused does not keep the others back; the faults are answered as one,
// together with what Slack said last. A fault that is not about the data of one request ends it.
func (t *target) patch(ctx context.Context, id string, requests [][]scim.Operation) (*provision.Remote, error) {
	var last *provision.Remote
	var faults []*provision.Fault
	for _, operations := range requests {
		answer, err := t.send(ctx, client.Request{
			Method: http.MethodPatch, Path: "Users/" + url.PathEscape(id), Body: scim.NewPatch(operations...), Budgets: []string{budgetWrite, budgetUpdate},
		})
		if err == nil {
			if r, ok := remote(answer.Body); ok {
				last = r
				continue
			}
			var read *provision.Remote
			if read, err = t.Get(ctx, directory.KindUser, id); err == nil { // 204, or an empty body
				last = read
				continue
			}
			if unread, ok := errors.AsType[*provision.Fault](err); ok {
				done := *unread
				done.Unanswered, err = true, &done // it was done, and nobody knows what it looks like now
			}
		}
		fault, ok := errors.AsType[*provision.Fault](err)
		if !ok {
			return last, err
		}
		faults = append(faults, fault)
		if fault.Kind != provision.Rejected && fault.Kind != provision.Taken {
			break
		}
	}
	if len(faults) == 0 {
		return last, nil
	}
	return last, joined(faults)
}

// severity: what stops more comes first. A Taken goes before a Rejected because the engine can do something about it.
var severity = []provision.FaultKind{provision.Halted, provision.Gone, provision.Transient, provision.Taken, provision.Rejected}

// joined answers several faults as the gravest of them, with all their sentences.
func joined(faults []*provision.Fault) *provision.Fault {
	slices.SortStableFunc(faults, func(a, b *provision.Fault) int {
		return slices.Index(severity, a.Kind) - slices.Index(severity, b.Kind)
	})
	out := *faults[0]
	for _, f := range faults[1:] {
		if !strings.Contains(out.Message, f.Message) {
			out.Message += "; " + f.Message
		}
		switch {
		case out.Hint == "":
			out.Hint = f.Hint
		case f.Hint != "" && !strings.Contains(out.Hint, f.Hint):
			out.Hint += "; " + f.Hint
		}
	}
	return &out
}

// send makes a request and classifies an error status. Slack answers 200, 201 or 204, with a body or without, depending on the
// version and the object, so that any of them will do.
func (t *target) send(ctx context.Context, r client.Request) (*client.Response, error) {
	if t.misplaced != nil {
		return nil, t.misplaced
	}
	answer, err := t.client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	switch answer.Status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return answer, nil
	default:
		return nil, classify(answer, r)
	}
}
