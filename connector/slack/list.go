package slack

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"lockstep/directory"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/scim/client"
)

const (
	pageSize = 1000 // Slack's maximum
	maxPages = 20_000
	maxWalks = 2
)

// Get implements connector.Target.
func (t *target) Get(ctx context.Context, kind directory.Kind, id string) (*provision.Remote, error) {
	if kind == directory.KindGroup {
		return t.getGroup(ctx, id)
	}
	answer, err := t.send(ctx, client.Request{Method: http.MethodGet, Path: "Users/" + url.PathEscape(id), Budgets: []string{budgetRead, budgetGet}})
	if err != nil {
		return nil, err
	}
	r, ok := remote(answer.Body)
	if !ok {
		return nil, &provision.Fault{Kind: provision.Transient, Code: "not_a_user", Message: "Slack's answer is not a member", Hint: hintBaseURL, HTTPStatus: answer.Status}
	}
	return r, nil
}

// page is a page of a list.
func (t *target) page(ctx context.Context, query url.Values) (scim.List, []provision.Remote, error) {
	answer, err := t.send(ctx, client.Request{Method: http.MethodGet, Path: "Users", Query: query, Budgets: []string{budgetRead}, List: true})
	if err != nil {
		return scim.List{}, nil, err
	}
	list, rows, ok := decode(answer.Body)
	if !ok {
		return list, nil, &provision.Fault{
			Kind: provision.Transient, Code: "not_a_list", Message: "the answer is not a list of members", Hint: hintBaseURL, HTTPStatus: answer.Status,
		}
	}
	return list, rows, nil
}

// List implements connector.Lister. Slack pages by offset over a set that changes, and warns of it: rows are told apart by id,
// and when the total moved or rows are missing at the end, the list is read once more for those not seen yet
// (docs.slack.dev/reference/scim-api, "startIndex"). Even so, nothing may be concluded from somebody missing in one listing.
func (t *target) List(ctx context.Context, kind directory.Kind, visit func(rows []provision.Remote, total int) error) error {
	w := walk{page: t.page, size: pageSize, seen: map[string]struct{}{}, visit: visit}
	if kind == directory.KindGroup {
		w.page, w.size = t.groupPageOf, groupPage
	}
	for range maxWalks {
		moved, err := w.once(ctx)
		if err != nil || !moved {
			return err
		}
	}
	return nil
}

// walk reads a list, maybe several times.
type walk struct {
	page  func(ctx context.Context, query url.Values) (scim.List, []provision.Remote, error)
	size  int
	seen  map[string]struct{}
	visit func(rows []provision.Remote, total int) error
}

// once reads the list from beginning to end. moved says that the set changed meanwhile, so that rows may have been missed.
func (w *walk) once(ctx context.Context) (moved bool, err error) {
	start, before := 1, 0
	for range maxPages {
		query := url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(w.size)}}
		list, rows, err := w.page(ctx, query)
		if err != nil {
			return false, err
		}
		fresh := w.fresh(rows)
		if len(fresh) > 0 {
			if err := w.visit(fresh, list.TotalResults); err != nil {
				return false, err
			}
		}
		moved = moved || before != 0 && before != list.TotalResults
		before = list.TotalResults
		start += len(rows)
		known := list.TotalResults > 0 // a server that does not say how many there are ends with a page that has nothing new
		if len(rows) == 0 || known && start > list.TotalResults || !known && len(fresh) == 0 {
			return moved || len(w.seen) < list.TotalResults, nil
		}
	}
	return false, &provision.Fault{Kind: provision.Rejected, Code: "endless_list", Message: "the list of members does not end", Hint: hintBaseURL}
}

func (w *walk) fresh(rows []provision.Remote) []provision.Remote {
	out := rows[:0]
	for i := range rows {
		if _, twice := w.seen[rows[i].ID]; !twice {
			w.seen[rows[i].ID] = struct{}{}
			out = append(out, rows[i])
		}
	}
	return out
}
