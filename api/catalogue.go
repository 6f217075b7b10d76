package api

import (
	"net/http"
	"strconv"
	"time"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// listStoreMetadata is the catalogue: the types of stores there are.
func (s *server) listStoreMetadata(r *request) (int, any, error) {
	types := s.Catalogue.Types()
	items := make([]any, len(types))
	for i, t := range types {
		items[i] = map[string]any{
			"type": t.Name, "name": t.Title, "description": t.Description, "groups": t.Groups, "target": t.Name != provision.TypeDirectory,
			"_links": map[string]any{"self": link(r.here("/propagation/storeMetadata/" + t.Name))},
		}
	}
	return http.StatusOK, r.collection("storeMetadata", items, "", int64(len(items))), nil
}

// section says under which heading of PingOne's wizard a setting stands.
func section(f *provision.Field) string {
	switch {
	case f.Credentials:
		return "AUTHENTICATION"
	case f.Preference:
		return "PREFERENCES"
	default:
		return "ACTIONS"
	}
}

// connectionStatus answers what a connection's runner is doing, and how its last test went.
func (s *server) connectionStatus(r *request) (int, any, error) {
	c, err := s.connection(r)
	if err != nil {
		return 0, nil, err
	}
	status, err := s.Engine.ConnectionStatus(r.Context(), r.env, c.ID)
	if err != nil {
		return 0, nil, err
	}
	tested, err := s.Provision.LastTest(r.Context(), c.ID)
	if err != nil {
		return 0, nil, err
	}
	budgets := make([]any, len(status.Budgets))
	for i, b := range status.Budgets {
		budgets[i] = map[string]any{"name": b.Name, "perMinute": b.PerMinute, "burst": b.Burst, "available": b.Available}
	}
	out := map[string]any{
		"paused": status.Paused, "lastSyncAt": stamp(status.LastSyncAt), "ratePerMinute": status.RatePerMinute, "budgets": budgets, "halt": nil, "test": nil,
		"_links": map[string]any{"self": link(r.here("/propagation/stores/" + c.ID + "/status"))},
	}
	if h := status.Halt; h != nil && h.Fault != nil {
		out["halt"] = map[string]any{"message": h.Fault.Message, "hint": h.Fault.Hint, "since": stamp(h.Since), "probeAt": stamp(h.ProbeAt)}
	}
	if tested != nil {
		result := "OK"
		if !tested.OK() {
			result = "FAILED"
		}
		out["test"] = map[string]any{"status": result, "at": stamp(tested.At), "checks": tested.Checks}
	}
	return http.StatusOK, out, nil
}

// evaluate answers the value of an expression for a user, or what is wrong with it.
func (s *server) evaluate(r *request) (int, any, error) {
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	expression, user := f.text("expression"), f.id("user")
	if expression == "" {
		f.list.Add(problem.RequiredValue, "expression", "an expression is required")
	}
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	value, err := s.Engine.Evaluate(r.Context(), r.env, expression, user)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"value": value}, nil
}

const (
	maxSpan        = 31 * 24 * 60 // minutes
	throughputs    = 60           // steps of an answer
	defaultMinutes = 60
)

// throughput answers how much was written lately, in sixty steps; ?minutes= says how far back.
func (s *server) throughput(r *request) (int, any, error) {
	minutes := defaultMinutes
	if raw := r.URL.Query().Get("minutes"); raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 1 || n > maxSpan {
			return 0, nil, problem.New(problem.InvalidRequest, "minutes must be a whole number from 1 to %d", maxSpan)
		}
		minutes = n
	}
	span := time.Duration(minutes) * time.Minute
	step := span / throughputs
	since := time.Now().UTC().Truncate(step).Add(step - span)
	rows, err := s.Log.Throughput(r.Context(), r.env, since, step, throughputs)
	if err != nil {
		return 0, nil, err
	}
	items := make([]any, len(rows))
	for i, t := range rows {
		items[i] = map[string]any{"at": stamp(t.At), "success": t.Success, "failed": t.Failed}
	}
	return http.StatusOK, r.collection("throughput", items, "", int64(len(items))), nil
}
