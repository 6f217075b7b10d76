package api

import (
	"strconv"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/filter"
	"lockstep/internal/problem"
)

// Activity is a line of the activity log, in PingOne's record shape.
type Activity struct {
	Links         Links              `json:"_links"`
	ID            string             `json:"id" format:"uuid"`
	RecordedAt    Stamp              `json:"recordedAt"`
	CorrelationID string             `json:"correlationId,omitempty"`
	Action        ActivityAction     `json:"action"`
	Actors        ActivityActors     `json:"actors"`
	Resources     []ActivityResource `json:"resources"`
	Result        ActivityResult     `json:"result"`
	Store         *Reference         `json:"store,omitempty"`
	Rule          *Reference         `json:"rule,omitempty"`
	Changes       []Change           `json:"changes,omitempty"`
}

// ActivityAction is what was done.
type ActivityAction struct {
	Type        string `json:"type" doc:"PingOne's action types, such as USER.CREATED, and success events beside them."`
	Description string `json:"description"`
}

// ActivityActors is who did it: a client (or the system itself), or a user.
type ActivityActors struct {
	Client *ActivityActor `json:"client,omitempty"`
	User   *ActivityActor `json:"user,omitempty"`
}

// ActivityActor is one who did it.
type ActivityActor struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	Environment Reference `json:"environment"`
}

// ActivityResource is what it was done to.
type ActivityResource struct {
	Type        directory.Kind `json:"type,omitempty"`
	ID          string         `json:"id,omitempty"`
	Name        string         `json:"name,omitempty"`
	Environment Reference      `json:"environment"`
}

// ActivityResult is how it ended.
type ActivityResult struct {
	Status      string `json:"status" enum:"SUCCESS,FAILED"`
	Description string `json:"description"`
}

// Activities is what the log embeds.
type Activities struct {
	Activities []Activity `json:"activities"`
}

func (r *request) activity(a *directory.Activity) Activity {
	result := "SUCCESS"
	if !a.Success {
		result = "FAILED"
	}
	actor := &ActivityActor{ID: a.Actor.ID, Name: a.Actor.Name, Type: a.Actor.Type, Environment: refer(a.EnvironmentID)}
	actors := ActivityActors{Client: actor}
	if a.Actor.Type == "USER" {
		actors = ActivityActors{User: actor}
	}
	return Activity{
		Links: Links{"self": {r.here("/activities/" + a.ID)}}, ID: a.ID, RecordedAt: Stamp(a.RecordedAt), CorrelationID: a.CorrelationID,
		Action: ActivityAction{a.Type, a.Description}, Actors: actors, Result: ActivityResult{result, a.Description},
		Resources: []ActivityResource{{Type: a.Kind, ID: a.ObjectID, Name: a.ObjectName, Environment: refer(a.EnvironmentID)}},
		Store:     referTo(a.ConnectionID), Rule: referTo(a.RuleID), Changes: changes(a.Changes),
	}
}

func (s *server) listActivities(r *request) (Collection[Activities], error) {
	p, err := r.page(maxPage, byNumber)
	if err != nil {
		return Collection[Activities]{}, err
	}
	q := directory.ActivityQuery{Limit: p.limit + 1}
	q.Before, _ = strconv.ParseInt(p.after, 10, 64)
	if text := r.parameter("filter"); text != "" {
		if err := activityFilter(&q, text); err != nil {
			return Collection[Activities]{}, err
		}
	}
	rows, err := s.Log.Activities(r.Context(), r.env, q)
	if err != nil {
		return Collection[Activities]{}, err
	}
	next := ""
	if len(rows) > p.limit {
		rows = rows[:p.limit]
		next = strconv.FormatInt(rows[p.limit-1].Seq, 10)
	}
	return collection(r, Activities{each(rows, r.activity)}, len(rows), next, -1), nil
}

func (s *server) readActivity(r *request) (Activity, error) {
	a, err := s.Log.Activity(r.Context(), r.env, r.PathValue("activityID"))
	return r.activity(&a), err
}

// activityFilter reads conditions joined by "and": recordedAt by gt, ge, lt, le; the rest by eq.
func activityFilter(q *directory.ActivityQuery, text string) error {
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
			if err := activityTime(q, c.Op, value); err != nil {
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

func activityTime(q *directory.ActivityQuery, op filter.Op, value string) error {
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
