package audit

import (
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/filter"
	"lockstep/internal/problem"
)

// ParseFilter reads conditions joined by "and": recordedAt by gt, ge, lt, le; the rest by eq. It narrows the query that it is
// given.
func ParseFilter(q *directory.ActivityQuery, text string) error {
	f, err := filter.Parse(text)
	if err != nil {
		return problem.New(problem.InvalidRequest, "the filter cannot be read %v", err)
	}
	for _, n := range filter.Conjuncts(f.Root) {
		c, ok := n.(filter.Compare)
		value, isText := c.Value.(string)
		if !ok || !isText {
			return problem.New(problem.InvalidRequest, "the filter of activities takes conditions joined by \"and\", such as action.type eq \"USER.CREATED\"")
		}
		name := strings.ToLower(c.Path)
		if name == "recordedat" {
			if err := filterTime(q, c.Op, value); err != nil {
				return err
			}
			continue
		}
		target := map[string]*string{
			"action.type": &q.Type, "correlationid": &q.CorrelationID, "resources.id": &q.ObjectID, "store.id": &q.ConnectionID, "rule.id": &q.RuleID,
		}[name]
		if name == "resources.type" {
			target, value = (*string)(&q.Kind), strings.ToUpper(value)
		}
		switch {
		case target == nil:
			return problem.New(problem.InvalidRequest, "activities can be filtered by recordedAt, action.type, correlationId, resources.type, resources.id, store.id and rule.id")
		case c.Op != filter.Equal:
			return problem.New(problem.InvalidRequest, "%s can only be compared with eq", c.Path)
		case value == "" || *target != "" && *target != value:
			return problem.New(problem.InvalidRequest, "%s is compared with one value, which is not empty", c.Path)
		}
		*target = value
	}
	return nil
}

func filterTime(q *directory.ActivityQuery, op filter.Op, value string) error {
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return problem.New(problem.InvalidRequest, "recordedAt is compared with a time such as \"2026-11-25T08:00:00Z\"")
	}
	const shown = time.Millisecond // the log keeps microseconds and answers milliseconds: eq finds what was answered
	var since, until time.Time
	switch op {
	case filter.Equal:
		since, until = t, t.Add(shown)
	case filter.GreaterOrEqual:
		since = t
	case filter.Greater:
		since = t.Add(time.Microsecond)
	case filter.Less:
		until = t
	case filter.LessOrEqual:
		until = t.Add(time.Microsecond)
	default:
		return problem.New(problem.InvalidRequest, "recordedAt is compared with eq, gt, ge, lt or le")
	}
	if since.After(q.Since) {
		q.Since = since
	}
	if !until.IsZero() && (q.Until.IsZero() || until.Before(q.Until)) {
		q.Until = until
	}
	return nil
}
