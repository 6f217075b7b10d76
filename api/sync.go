package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/filter"
	"lockstep/internal/problem"
	"lockstep/provision"
)

func counts(c provision.Counts) map[string]any {
	return map[string]any{
		"impacted": c.Impacted, "success": c.Success, "unsynced": c.Unsynced, "partial": c.Partial, "failed": c.Failed, "pending": c.Pending,
	}
}

func (s *server) syncStatus(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	status, err := s.Engine.Status(r.Context(), r.env, id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{
		"state": string(status.State), "users": counts(status.Users), "groups": counts(status.Groups), "progress": map[string]any{
			"done": status.Progress.Done, "total": status.Progress.Total, "ratePerMinute": status.Progress.RatePerMinute, "etaSeconds": status.Progress.ETASeconds,
		},
		"lastSyncAt": stamp(status.LastSyncAt), "details": status.Details,
		"_links": map[string]any{"self": link(r.here("/propagation/rules/" + id + "/syncStatus"))},
	}, nil
}

func (s *server) resync(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, map[string]any{"_links": map[string]any{"syncStatus": link(r.here("/propagation/rules/" + id + "/syncStatus"))}},
		s.Engine.Resync(r.Context(), r.env, id)
}

// account renders a row of the link table.
func (r *request) account(a *provision.Account) map[string]any {
	out := map[string]any{
		"id": a.ID, "kind": string(a.Kind), "ownership": string(a.Ownership), "remoteId": a.RemoteID, "status": string(a.Status), "details": a.Detail,
		"attempts": a.Attempts, "nextTryAt": stamp(a.DueAt), "cause": a.Cause, "lastSyncAt": stamp(a.SyncedAt), "updatedAt": stamp(a.UpdatedAt),
		"store": map[string]any{"id": a.ConnectionID}, "inScope": a.InScope,
	}
	if a.ObjectID != "" {
		out["object"] = provision.Object{ID: a.ObjectID, Name: a.ObjectName}
	}
	if a.RuleID != "" {
		out["rule"] = map[string]any{"id": a.RuleID}
	}
	if a.Remote != nil {
		out["remote"] = map[string]any{"active": a.Remote.Active, "attributes": a.Remote.Attributes}
	}
	if a.Fault != nil {
		out["error"] = map[string]any{"kind": string(a.Fault.Kind), "code": a.Fault.Code, "message": a.Fault.Message, "hint": a.Fault.Hint, "attribute": a.Fault.Attribute}
	}
	return out
}

var statusNames = []provision.SyncStatus{
	provision.StatusPending, provision.StatusSuccess, provision.StatusUnsynced, provision.StatusPartial, provision.StatusFailed,
}

func (s *server) syncedUsers(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	p, err := r.page(maxPage)
	if err != nil {
		return 0, nil, err
	}
	status := provision.SyncStatus(strings.ToUpper(r.URL.Query().Get("status")))
	known := status == ""
	for _, name := range statusNames {
		known = known || name == status
	}
	if !known {
		return 0, nil, problem.New(problem.InvalidRequest, "status must be one of PENDING, SUCCESS, UNSYNCED, PARTIAL, FAILED")
	}
	rows, err := s.Engine.Synced(r.Context(), r.env, id, directory.KindUser, status, p.after, p.limit+1)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, r.accounts("syncedUsers", rows, p.limit), nil
}

func (r *request) accounts(key string, rows []provision.Account, limit int) map[string]any {
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	return r.collection(key, list(rows, r.account), next, -1)
}

func (s *server) syncedGroups(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	_, err = s.Provision.Rule(r.Context(), r.env, id)
	return http.StatusOK, r.collection("syncedGroups", nil, "", 0), err
}

func (s *server) listAccounts(r *request) (int, any, error) {
	c, err := s.connection(r)
	if err != nil {
		return 0, nil, err
	}
	p, err := r.page(maxPage)
	if err != nil {
		return 0, nil, err
	}
	q := r.URL.Query()
	rows, err := s.Log.AccountPage(r.Context(), provision.AccountQuery{
		EnvironmentID: r.env, ConnectionID: c.ID, Status: provision.SyncStatus(strings.ToUpper(q.Get("status"))), ObjectID: q.Get("objectId"), Name: q.Get("name"),
		Ownership: provision.Ownership(strings.ToUpper(q.Get("ownership"))), After: p.after, Limit: p.limit + 1,
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, r.accounts("accounts", rows, p.limit), nil
}

func (s *server) unlink(r *request) (int, any, error) {
	c, err := s.connection(r)
	if err != nil {
		return 0, nil, err
	}
	id, err := r.id("accountID", "account")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Engine.Unlink(r.Context(), r.env, c.ID, id)
}

func (s *server) listHolds(r *request) (int, any, error) {
	_, err := s.connection(r)
	return http.StatusOK, r.collection("holds", nil, "", 0), err
}

func (s *server) decideHold(*request) (int, any, error) { return 0, nil, problem.Missing("hold") }

func operation(op *provision.Operation) map[string]any {
	changes := op.Changes
	if changes == nil {
		changes = []directory.AttributeChange{}
	}
	out := map[string]any{
		"verb": string(op.Verb), "kind": string(op.Kind), "object": op.Object, "remoteId": op.RemoteID, "changes": changes,
		"members": map[string]any{"add": []string{}, "remove": []string{}}, "why": op.Why, "withheld": nil,
	}
	if op.Withheld != "" {
		out["withheld"] = op.Withheld
	}
	return out
}

// preview answers a page of the operations and always the whole summary.
func (s *server) preview(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	p, err := r.page(maxPage)
	if err != nil {
		return 0, nil, err
	}
	if r.URL.Query().Get("limit") == "" {
		p.limit = maxPage
	}
	body, err := r.object(true)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	user := f.id("user")
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	skip, _ := strconv.Atoi(p.after) // "" is 0
	var items []any
	seen := 0
	summary, err := s.Engine.Preview(r.Context(), r.env, id, user, func(op provision.Operation) error {
		if seen++; seen > skip && len(items) < p.limit {
			items = append(items, operation(&op))
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	next := ""
	if seen > skip+p.limit {
		next = strconv.Itoa(skip + p.limit)
	}
	out := r.collection("operations", items, next, int64(seen))
	out["summary"] = summary
	return http.StatusOK, out, nil
}

func (s *server) onDemand(r *request) (int, any, error) {
	user, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	rule, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	trace, err := s.Engine.OnDemand(r.Context(), r.env, rule, provision.Ref{Kind: directory.KindUser, ID: user})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{
		"steps": trace.Steps, "operations": list(trace.Operations, operation), "result": string(trace.Result), "details": trace.Detail,
	}, nil
}

func (s *server) readSyncedRule(r *request) (int, any, error) {
	user, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	if _, err := s.Directory.User(r.Context(), r.env, user); err != nil {
		return 0, nil, err
	}
	rule, err := s.Provision.Rule(r.Context(), r.env, id)
	if err != nil {
		return 0, nil, err
	}
	out, err := s.syncedRule(r, user, &rule)
	return http.StatusOK, out, err
}

// syncedRule is PingOne's synced rule, with the row of the link table beside it.
func (s *server) syncedRule(r *request, user string, rule *provision.Rule) (map[string]any, error) {
	a, err := s.Engine.ObjectStatus(r.Context(), r.env, rule.ID, provision.Ref{Kind: directory.KindUser, ID: user})
	if err != nil {
		return nil, err
	}
	store := func(id string) map[string]any {
		c, err := s.Provision.Connection(r.Context(), r.env, id)
		if err != nil {
			return map[string]any{"id": id}
		}
		return map[string]any{"id": c.ID, "name": c.Name, "type": c.Type}
	}
	return map[string]any{
		"rule": map[string]any{"id": rule.ID, "name": rule.Name}, "sourceStore": store(rule.SourceID), "targetStore": store(rule.TargetID),
		"environment": map[string]any{"id": r.env}, "type": "OUTBOUND", "status": string(a.Status), "lastSyncAt": stamp(a.SyncedAt), "details": a.Detail,
		"account": r.account(&a), "_links": map[string]any{
			"self": link(r.here("/users/" + user + "/syncedRules/" + rule.ID)), "environment": link(r.here("")),
		},
	}, nil
}

func (s *server) listSyncedRules(r *request) (int, any, error) {
	user, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	if _, err := s.Directory.User(r.Context(), r.env, user); err != nil {
		return 0, nil, err
	}
	rules, err := s.Provision.Rules(r.Context(), r.env)
	if err != nil {
		return 0, nil, err
	}
	var items []any
	for i := range rules {
		out, err := s.syncedRule(r, user, &rules[i])
		if problem.Is(err, problem.NotFound) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		items = append(items, out)
	}
	return http.StatusOK, r.collection("syncedRules", items, "", int64(len(items))), nil
}

// events streams what happens. The stream ends when the client goes or the server stops; clients come back by themselves.
func (s *server) events(r *request) (int, any, error) {
	events, cancel := s.Engine.Subscribe(r.env)
	defer cancel()
	controller := http.NewResponseController(r.writer)
	_ = controller.SetWriteDeadline(time.Time{})
	r.writer.Header().Set("Content-Type", "text/event-stream")
	r.writer.WriteHeader(http.StatusOK)
	_, _ = fmt.Fprint(r.writer, "retry: 2000\n\n")
	_ = controller.Flush()
	heartbeat := time.NewTicker(15 * time.Second)
	defer heartbeat.Stop()
	for n := 1; ; n++ {
		select {
		case <-r.Context().Done():
			return 0, nil, nil
		case <-s.Closing:
			return 0, nil, nil
		case <-heartbeat.C:
			_, _ = fmt.Fprint(r.writer, ": still here\n\n")
		case e := <-events:
			data, _ := json.Marshal(optional(map[string]any{
				"connectionId": e.ConnectionID, "ruleId": e.RuleID, "at": stamp(e.At), "data": e.Data,
			}))
			_, _ = fmt.Fprintf(r.writer, "id: %d\nevent: %s\ndata: %s\n\n", n, e.Type, data)
		}
		if controller.Flush() != nil {
			return 0, nil, nil
		}
	}
}

// activity renders a line of the log in PingOne's record shape.
func (r *request) activity(a *directory.Activity) map[string]any {
	result := "SUCCESS"
	if !a.Success {
		result = "FAILED"
	}
	actor := map[string]any{"id": a.Actor.ID, "name": a.Actor.Name, "type": a.Actor.Type, "environment": map[string]any{"id": a.EnvironmentID}}
	actors := map[string]any{"client": actor}
	if a.Actor.Type == "USER" {
		actors = map[string]any{"user": actor}
	}
	resource := optional(map[string]any{"type": string(a.Kind), "id": a.ObjectID, "name": a.ObjectName, "environment": map[string]any{"id": a.EnvironmentID}})
	out := optional(map[string]any{
		"id": a.ID, "recordedAt": stamp(a.RecordedAt), "correlationId": a.CorrelationID, "action": map[string]any{"type": a.Type, "description": a.Description},
		"actors": actors, "resources": []any{resource}, "result": map[string]any{"status": result, "description": a.Description},
		"_links": map[string]any{"self": link(r.here("/activities/" + a.ID))},
	})
	if len(a.Changes) > 0 {
		out["changes"] = a.Changes
	}
	if a.ConnectionID != "" {
		out["store"] = map[string]any{"id": a.ConnectionID}
	}
	if a.RuleID != "" {
		out["rule"] = map[string]any{"id": a.RuleID}
	}
	return out
}

func (s *server) listActivities(r *request) (int, any, error) {
	p, err := r.page(maxPage)
	if err != nil {
		return 0, nil, err
	}
	q := directory.ActivityQuery{Limit: p.limit + 1}
	q.Before, _ = strconv.ParseInt(p.after, 10, 64)
	if text := r.URL.Query().Get("filter"); text != "" {
		if err := activityFilter(&q, text); err != nil {
			return 0, nil, err
		}
	}
	rows, err := s.Log.Activities(r.Context(), r.env, q)
	if err != nil {
		return 0, nil, err
	}
	next := ""
	if len(rows) > p.limit {
		rows = rows[:p.limit]
		next = strconv.FormatInt(rows[p.limit-1].Seq, 10)
	}
	return http.StatusOK, r.collection("activities", list(rows, r.activity), next, -1), nil
}

// activityFilter reads conditions joined by "and": recordedAt by gt, ge, lt, le; the rest by eq.
func activityFilter(q *directory.ActivityQuery, text string) error {
	f, err := filter.Parse(text)
	if err != nil {
		return problem.New(problem.InvalidRequest, "The filter cannot be read %v.", err)
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
		switch {
		case c.Op != filter.Equal:
			return problem.New(problem.InvalidRequest, "%s can only be compared with eq", c.Path)
		case name == "resources.type":
			q.Kind = directory.Kind(strings.ToUpper(value))
		case target == nil:
			return problem.New(problem.InvalidRequest, "activities can be filtered by recordedAt, action.type, correlationId, resources.type, resources.id, store.id and rule.id")
		default:
			*target = value
		}
	}
	return nil
}

func activityTime(q *directory.ActivityQuery, op filter.Op, value string) error {
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return problem.New(problem.InvalidRequest, "recordedAt is compared with a time such as \"2026-11-25T08:00:00Z\"")
	}
	switch op {
	case filter.GreaterOrEqual:
		q.Since = t
	case filter.Greater:
		q.Since = t.Add(time.Microsecond)
	case filter.Less:
		q.Until = t
	case filter.LessOrEqual:
		q.Until = t.Add(time.Microsecond)
	default:
		return problem.New(problem.InvalidRequest, "recordedAt is compared with gt, ge, lt or le")
	}
	return nil
}

func (s *server) readActivity(r *request) (int, any, error) {
	id, err := r.id("activityID", "activity")
	if err != nil {
		return 0, nil, err
	}
	a, err := s.Log.Activity(r.Context(), r.env, id)
	return http.StatusOK, r.activity(&a), err
}

func (r *request) apiClient(c *access.Client) map[string]any {
	return map[string]any{
		"id": c.ID, "name": c.Name, "role": string(c.Role), "createdAt": stamp(c.CreatedAt), "_links": map[string]any{"self": link(r.here("/clients/" + c.ID))},
	}
}

func (s *server) listClients(r *request) (int, any, error) {
	all, err := s.Access.Clients(r.Context(), r.env)
	return http.StatusOK, r.collection("clients", list(all, r.apiClient), "", int64(len(all))), err
}

func (s *server) createClient(r *request) (int, any, error) {
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	name, roleName := f.text("name"), f.text("role")
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	if roleName == "" {
		roleName = string(access.ReadOnly)
	}
	role, err := access.ParseRole(roleName)
	if err != nil {
		return 0, nil, err
	}
	c, secret, err := s.Access.CreateClient(r.Context(), r.env, name, role)
	if err != nil {
		return 0, nil, err
	}
	out := r.apiClient(&c)
	out["clientSecret"] = secret.Reveal() // answered once
	return http.StatusCreated, out, nil
}

func (s *server) deleteClient(r *request) (int, any, error) {
	id, err := r.id("clientID", "client")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Access.DeleteClient(r.Context(), r.env, id)
}
