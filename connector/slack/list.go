package slack

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"lockstep/directory"
	"lockstep/provision"
)

const (
	pageSize = 1000 // Slack's maximum
	maxPages = 20_000
	fewRows  = 10
)

// Find implements connector.Target. Slack says that it has no filters, and has them; it is not trusted with them: only rows
// that hold the value count, and when others come back the filter was ignored, so everybody is looked through.
func (t *target) Find(ctx context.Context, kind directory.Kind, identifier string) ([]provision.Remote, error) {
	attribute := "email"
	if t.identifies == byUserName {
		attribute = "userName"
	}
	quoted, err := json.Marshal(identifier)
	if err != nil {
		return nil, err
	}
	query := url.Values{"filter": {attribute + " eq " + string(quoted)}, "count": {strconv.Itoa(fewRows)}}
	list, rows, err := t.page(ctx, query)
	if err != nil {
		return nil, err
	}
	found := t.holders(kind, rows, identifier)
	if len(found) == len(rows) && list.TotalResults <= len(rows) {
		return found, nil
	}
	found = nil
	err = t.List(ctx, kind, func(rows []provision.Remote, _ int) error {
		found = append(found, t.holders(kind, rows, identifier)...)
		return nil
	})
	return found, err
}

func (t *target) holders(kind directory.Kind, rows []provision.Remote, identifier string) []provision.Remote {
	out := []provision.Remote{}
	for _, r := range rows {
		if t.Identifier(kind, r.Attributes) == identifier {
			out = append(out, r)
		}
	}
	return out
}

// List implements connector.Lister. Rows are told apart by id: a list that changes while it is read repeats or misses some,
// which is why nothing is ever concluded from somebody missing in one listing.
func (t *target) List(ctx context.Context, _ directory.Kind, visit func(rows []provision.Remote, total int) error) error {
	seen := map[string]struct{}{}
	start := 1
	for range maxPages {
		query := url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(pageSize)}}
		list, rows, err := t.page(ctx, query)
		if err != nil {
			return err
		}
		fresh := rows[:0]
		for _, r := range rows {
			if _, twice := seen[r.ID]; !twice {
				seen[r.ID] = struct{}{}
				fresh = append(fresh, r)
			}
		}
		if len(fresh) > 0 {
			if err := visit(fresh, list.TotalResults); err != nil {
				return err
			}
		}
		start += len(list.Resources)
		if len(list.Resources) == 0 || start > list.TotalResults {
			return nil
		}
	}
	return &provision.Fault{Kind: provision.Rejected, Code: "endless_list", Message: "the list of members does not end", Hint: "check the base URL"}
}
