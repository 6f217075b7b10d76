package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"lockstep/audit"
	"lockstep/directory"
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
	Cause         *ActivityCause     `json:"cause,omitempty" doc:"What made Lockstep do it, where it did it by itself."`
	Changes       []Change           `json:"changes,omitempty"`
}

// ActivityCause is what made Lockstep act.
type ActivityCause struct {
	Description string         `json:"description" doc:"In a sentence, such as: edited in the directory."`
	Activity    *Reference     `json:"activity,omitempty" doc:"The line of the edit, the revision or the request."`
	Actor       *ActivityActor `json:"actor,omitempty" doc:"Who did that. correlationId is that request's."`
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
	var cause *ActivityCause
	if !a.Cause.IsZero() {
		cause = &ActivityCause{Description: a.Cause.Text, Activity: referTo(a.Cause.ActivityID)}
		if by := a.Cause.Actor; by != nil {
			cause.Actor = &ActivityActor{ID: by.ID, Name: by.Name, Type: by.Type, Environment: refer(a.EnvironmentID)}
		}
	}
	return Activity{
		Links: Links{"self": {r.here("/activities/" + a.ID)}}, ID: a.ID, RecordedAt: Stamp(a.RecordedAt), CorrelationID: a.CorrelationID,
		Action: ActivityAction{a.Type, a.Description}, Actors: actors, Result: ActivityResult{result, a.Description},
		Resources: []ActivityResource{{Type: a.Kind, ID: a.ObjectID, Name: a.ObjectName, Environment: refer(a.EnvironmentID)}},
		Store:     referTo(a.ConnectionID), Rule: referTo(a.RuleID), Cause: cause, Changes: changes(a.Changes),
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
		if err := audit.ParseFilter(&q, text); err != nil {
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

// Audit proves and exports the activity log.
type Audit interface {
	Export(ctx context.Context, envID string, q directory.ActivityQuery, to audit.Sink) (int64, error)
	Head(ctx context.Context, envID string) (audit.SignedHead, error)
}

// exportPatience is how long a client may take to read one page of an export.
const exportPatience = time.Minute

// The forms of an export.
const (
	formatLines = "JSONL"
	formatCSV   = "CSV"
)

// exportActivities streams the lines that a filter fits, oldest first. An export that fails on its way is broken off, so that half of
// it does not look like a whole one.
func (s *server) exportActivities(r *request) error {
	var q directory.ActivityQuery
	if text := r.parameter("filter"); text != "" {
		if err := audit.ParseFilter(&q, text); err != nil {
			return err
		}
	}
	select {
	case s.exporting <- struct{}{}:
		defer func() { <-s.exporting }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	out := &paced{w: r.writer, controller: http.NewResponseController(r.writer)}
	media, ending, sink := linesMedia, "jsonl", audit.Lines(out)
	if choice[string](r, "format") == formatCSV {
		media, ending, sink = csvMedia+"; charset=utf-8", "csv", audit.CSV(out)
	}
	header := r.writer.Header()
	header.Set("Content-Type", media)
	header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="lockstep-activity-%s.%s"`, time.Now().UTC().Format(time.DateOnly), ending))
	_, err := s.Audit.Export(r.Context(), r.env, q, sink)
	if err == nil {
		err = audit.Begin(sink)
	}
	switch {
	case err == nil:
		return nil
	case out.begun:
		s.Logger.Warn("an export of the activity log was broken off", "error", err, "correlation", directory.OriginOf(r.Context()).CorrelationID)
		panic(http.ErrAbortHandler)
	default:
		header.Del("Content-Disposition")
		return err
	}
}

// paced gives a client time for each piece, however long the whole takes.
type paced struct {
	w          io.Writer
	controller *http.ResponseController
	begun      bool
}

// Write implements io.Writer.
func (p *paced) Write(piece []byte) (int, error) {
	p.begun = true
	_ = p.controller.SetWriteDeadline(time.Now().Add(exportPatience))
	return p.w.Write(piece)
}

func (s *server) activityHead(r *request) (audit.SignedHead, error) {
	return s.Audit.Head(r.Context(), r.env)
}
