package api

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"lockstep/internal/problem"
)

// page is the paging of a list.
type page struct {
	limit int
	after string
}

const maxPage = 1000

// Positions of lists: most go by the ids of their rows, some by a number.
func byID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

func byNumber(s string) bool {
	return s != "" && len(s) < 19 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// page reads limit and cursor. A cursor of another kind of list would start over or skip rows without a word; position tells.
func (r *request) page(largest int, position func(string) bool) (page, error) {
	out := page{limit: largest} // PingOne: without a limit, the most that the list gives
	if raw := r.parameter("limit"); raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 1 {
			return out, problem.New(problem.InvalidRequest, "limit must be a whole number of at least 1")
		}
		out.limit = min(n, largest)
	}
	if raw := r.parameter("cursor"); raw != "" {
		decoded, err := base64.RawURLEncoding.DecodeString(raw)
		value, ok := strings.CutPrefix(string(decoded), "v1:")
		if err != nil || !ok || !position(value) {
			return out, problem.New(problem.InvalidRequest, "the cursor is not one that this list gave; start without it")
		}
		out.after = value
	}
	return out, nil
}

// Collection is a list in HAL's shape. E has one member, named for what is listed.
type Collection[E any] struct {
	Links    CollectionLinks `json:"_links"`
	Embedded E               `json:"_embedded"`
	Count    *int64          `json:"count,omitempty" doc:"How many there are in all, where that is known."`
	Size     int             `json:"size" doc:"How many are in this page."`
}

// CollectionLinks lead through a list.
type CollectionLinks struct {
	Self Link  `json:"self"`
	Next *Link `json:"next,omitempty" doc:"The next page; absent on the last one."`
}

// collection makes a page. next is the position after it, "" on the last one; total may be -1.
func collection[E any](r *request, embedded E, size int, next string, total int64) Collection[E] {
	out := Collection[E]{Links: CollectionLinks{Self: Link{r.href(r.URL.RequestURI())}}, Embedded: embedded, Size: size}
	if next != "" {
		q := r.URL.Query()
		q.Set("cursor", base64.RawURLEncoding.EncodeToString([]byte("v1:"+next)))
		out.Links.Next = &Link{r.href(r.URL.Path + "?" + q.Encode())}
	}
	if total >= 0 {
		out.Count = &total
	}
	return out
}

// whole answers a page of a list that is short enough to be read at once.
func whole[T, O, E any](r *request, all []T, render func(*T) O, embed func([]O) E) (Collection[E], error) {
	p, err := r.page(maxPage, byNumber)
	if err != nil {
		return Collection[E]{}, err
	}
	skip, _ := strconv.Atoi(p.after) // "" is 0
	from := min(skip, len(all))
	to, next := min(from+p.limit, len(all)), ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return collection(r, embed(each(all[from:to], render)), to-from, next, int64(len(all))), nil
}

// each renders every item of a list; the answer is never nil, so that JSON has [] and not null.
func each[T, O any](in []T, render func(*T) O) []O {
	out := make([]O, len(in))
	for i := range in {
		out[i] = render(&in[i])
	}
	return out
}
