package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/scim/client"
)

// Do implements connector.Target.
func (t *target) Do(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	switch call.Verb {
	case provision.VerbCreate:
		return t.create(ctx, call)
	case provision.VerbUpdate:
		return t.update(ctx, call.RemoteID, patches(call.Attributes, call.Clear, call.Known))
	case provision.VerbEnable, provision.VerbDisable:
		active := scim.Operation{Op: "replace", Path: "active", Value: call.Verb == provision.VerbEnable}
		return t.update(ctx, call.RemoteID, [][]scim.Operation{{active}})
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
			Kind: provision.Transient, Code: "no_answer_body", Message: "Slack made the member and did not say which", Unanswered: true, HTTPStatus: answer.Status,
		}
	}
	missing := provision.Attributes{}
	for name, v := range call.Attributes {
		if name != "profileUrl" && name != "profilePhotoUrl" && !provision.SameValue(made.Attributes[name], v) {
			missing[name] = v
		}
	}
	if len(missing) == 0 {
		return made, nil
	}
	mended, err := t.update(ctx, made.ID, patches(missing, nil, made))
	if mended == nil {
		mended = made
	}
	var fault *provision.Fault
	if errors.As(err, &fault) && fault.Kind == provision.Rejected {
		// The member exists; what Slack refuses is shown by the next comparison.
		return mended, nil
	}
	return mended, err
}

// update sends requests one after the other. One that is refused does not keep the others back; the first fault is answered
// together with what Slack said last. A fault that is not about one attribute ends it.
func (t *target) update(ctx context.Context, id string, requests [][]scim.Operation) (*provision.Remote, error) {
	var last *provision.Remote
	var first error
	for _, operations := range requests {
		answer, err := t.send(ctx, client.Request{
			Method: http.MethodPatch, Path: "Users/" + url.PathEscape(id), Body: scim.NewPatch(operations...), Budgets: []string{budgetWrite, budgetUpdate},
		})
		var fault *provision.Fault
		if err != nil {
			if first == nil {
				first = err
			}
			if errors.As(err, &fault) && (fault.Kind == provision.Rejected || fault.Kind == provision.Taken) {
				continue
			}
			return last, first
		}
		if r, ok := remote(answer.Body); ok {
			last = r
			continue
		}
		if last, err = t.Get(ctx, directory.KindUser, id); err != nil { // 204, or an empty body
			return nil, err
		}
	}
	return last, first
}

// Get implements connector.Target.
func (t *target) Get(ctx context.Context, _ directory.Kind, id string) (*provision.Remote, error) {
	answer, err := t.send(ctx, client.Request{Method: http.MethodGet, Path: "Users/" + url.PathEscape(id), Budgets: []string{budgetRead, budgetGet}})
	if err != nil {
		return nil, err
	}
	r, ok := remote(answer.Body)
	if !ok {
		return nil, &provision.Fault{Kind: provision.Transient, Code: "not_a_user", Message: "Slack's answer is not a member", HTTPStatus: answer.Status}
	}
	return r, nil
}

// send makes a request and classifies an error status.
func (t *target) send(ctx context.Context, r client.Request) (*client.Response, error) {
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

// page is a list's page.
func (t *target) page(ctx context.Context, query url.Values) (scim.List, []provision.Remote, error) {
	answer, err := t.send(ctx, client.Request{Method: http.MethodGet, Path: "Users", Query: query, Budgets: []string{budgetRead}, List: true})
	if err != nil {
		return scim.List{}, nil, err
	}
	var list scim.List
	if err := json.Unmarshal(answer.Body, &list); err != nil {
		return list, nil, &provision.Fault{
			Kind: provision.Transient, Code: "not_a_list", Message: "the answer is not a list of members", Hint: "check the base URL", HTTPStatus: answer.Status,
		}
	}
	out := make([]provision.Remote, 0, len(list.Resources))
	for _, raw := range list.Resources {
		if r, ok := remote(raw); ok {
			out = append(out, *r)
		}
	}
	return list, out, nil
}
