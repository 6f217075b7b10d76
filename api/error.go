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

// Error is PingOne's error shape.
type Error struct {
	ID      string        `json:"id" doc:"The request's correlation id; it finds the request in the server's log."`
	Code    string        `json:"code"`
	Message string        `json:"message" doc:"A plain sentence with a next step."`
	Details []ErrorDetail `json:"details,omitempty" doc:"The places in the input that were wrong."`
}

// ErrorDetail is one place in the input.
type ErrorDetail struct {
	Code       string      `json:"code" enum:"INVALID_VALUE,REQUIRED_VALUE,UNIQUENESS_VIOLATION,CONSTRAINT_VIOLATION"`
	Target     string      `json:"target" doc:"The member, as name.given."`
	Message    string      `json:"message"`
	InnerError *InnerError `json:"innerError,omitempty"`
}

// InnerError says what would be acceptable.
type InnerError struct {
	AllowedValues []string `json:"allowedValues,omitempty"`
}

func errorBody(r *http.Request, code, message string, details []problem.Detail) Error {
	out := Error{ID: directory.OriginOf(r.Context()).CorrelationID, Code: code, Message: message}
	for _, d := range details {
		detail := ErrorDetail{Code: d.Code, Target: d.Target, Message: d.Message}
		if len(d.AllowedValues) > 0 {
			detail.InnerError = &InnerError{d.AllowedValues}
		}
		out.Details = append(out.Details, detail)
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
