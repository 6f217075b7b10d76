package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep/directory"
	"lockstep/provision"
)

const fewRows = 10

// Find implements connector.Target. Slack says that it has no filters, says in the documentation of version 2 that they do not
// apply, and has them; so it is not trusted with them. Only rows that hold the value count. When the filter is refused, or
// other rows come back, everybody is looked through.
func (t *target) Find(ctx context.Context, kind directory.Kind, identifier string) ([]provision.Remote, error) {
	if kind == directory.KindGroup {
		return t.findGroup(ctx, identifier)
	}
	attribute := "email"
	if t.identifies == byUserName {
		attribute = byUserName
	}
	query := url.Values{"filter": {attribute + " eq " + quoted(identifier)}, "count": {strconv.Itoa(fewRows)}}
	list, rows, err := t.page(ctx, query)
	if err != nil {
		fault, ok := errors.AsType[*provision.Fault](err)
		switch {
		case !ok:
			return nil, err
		case fault.Kind == provision.Gone:
			return []provision.Remote{}, nil // no such user: some workspaces answer 404 instead of an empty list
		case fault.Kind == provision.Rejected && fault.HTTPStatus == http.StatusBadRequest:
			return t.sweep(ctx, kind, identifier)
		}
		return nil, err
	}
	if list.TotalResults > len(rows) {
		return t.sweep(ctx, kind, identifier)
	}
	found := []provision.Remote{}
	for i := range rows {
		switch {
		case slices.ContainsFunc(found, func(r provision.Remote) bool { return r.ID == rows[i].ID }):
			// A list over a changing set repeats rows; the same account twice is one.
		case t.holds(&rows[i], identifier):
			found = append(found, rows[i])
		case t.identifies == byEmail && rows[i].Attributes["secondaryEmail"] == identifier:
			// The filter works, and looks at second addresses as well. They identify nobody.
		default:
			return t.sweep(ctx, kind, identifier)
		}
	}
	return found, nil
}

// sweep looks everybody through.
func (t *target) sweep(ctx context.Context, kind directory.Kind, identifier string) ([]provision.Remote, error) {
	found := []provision.Remote{}
	err := t.List(ctx, kind, func(rows []provision.Remote, _ int) error {
		for i := range rows {
			if t.holds(&rows[i], identifier) {
				found = append(found, rows[i])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (t *target) holds(r *provision.Remote, identifier string) bool {
	return t.Identifier(directory.KindUser, r.Attributes) == strings.ToLower(identifier)
}

// quoted writes a filter's literal: a JSON string, but for &, < and >, which need no escape and confuse simple readers.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSpace(b.String())
}
