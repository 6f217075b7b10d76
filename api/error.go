package api

import (
	"context"
	"errors"
	"net/http"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// statuses is the one place that turns a problem's code into an HTTP status.
var statuses = map[problem.Code]int{
	problem.InvalidData: http.StatusBadRequest, problem.InvalidRequest: http.StatusBadRequest, problem.NotFound: http.StatusNotFound,
	problem.Conflict: http.StatusConflict, problem.AccessFailed: http.StatusForbidden, problem.Unauthorized: http.StatusUnauthorized,
	problem.TooLarge: http.StatusRequestEntityTooLarge, problem.TooMany: http.StatusTooManyRequests, unsupportedMedia: http.StatusUnsupportedMediaType,
}

const unsupportedMedia problem.Code = "UNSUPPORTED_MEDIA_TYPE"

// errorBody is PingOne's error shape. The id is the request's correlation id.
func errorBody(r *http.Request, code, message string, details []problem.Detail) map[string]any {
	out := map[string]any{"id": directory.OriginOf(r.Context()).CorrelationID, "code": code, "message": message}
	if len(details) > 0 {
		list := make([]map[string]any, len(details))
		for i, d := range details {
			list[i] = map[string]any{"code": d.Code, "target": d.Target, "message": d.Message}
			if len(d.AllowedValues) > 0 {
				list[i]["innerError"] = map[string]any{"allowedValues": d.AllowedValues}
			}
		}
		out["details"] = list
	}
	return out
}

// writeError answers a problem as it is; anything else is ours to find in the log by the id that the caller gets.
func (s *server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if p, ok := errors.AsType[*problem.Error](err); ok && statuses[p.Code] != 0 {
		writeJSON(w, statuses[p.Code], errorBody(r, string(p.Code), p.Message, p.Details))
		return
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody listens
	}
	s.Logger.Error("a request failed inside", "method", r.Method, "path", r.URL.Path, "error", err, "correlation", directory.OriginOf(r.Context()).CorrelationID)
	if errors.Is(err, context.DeadlineExceeded) {
		writeJSON(w, http.StatusServiceUnavailable, errorBody(r, "UNEXPECTED_ERROR", "the request took too long; ask for less at once", nil))
		return
	}
	writeJSON(w, http.StatusInternalServerError, errorBody(r, "UNEXPECTED_ERROR", "something failed inside; the server's log has more under this id", nil))
}
