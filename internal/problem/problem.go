// Package problem is the one error shape that every door of Lockstep shows: a
// code a program can act on, a sentence a person can act on, and the places in
// the input that were wrong. The words are those of PingOne's API errors, so
// that the REST API can pass a problem on unchanged.
//
// A problem never carries the value that was refused: values can be secrets.
package problem

import (
	"errors"
	"fmt"
)

// Code says what kind of problem it is. The REST API derives the HTTP status from it.
type Code string

// The codes, in PingOne's words.
const (
	InvalidData    Code = "INVALID_DATA"    // 400: the body is well-formed, but some of its values are not acceptable
	InvalidRequest Code = "INVALID_REQUEST" // 400: the request cannot be read (JSON, filter, cursor, query)
	NotFound       Code = "NOT_FOUND"       // 404
	Conflict       Code = "CONFLICT"        // 409: the world has moved since the caller looked
	AccessFailed   Code = "ACCESS_FAILED"   // 403: signed in, but not allowed
	Unauthorized   Code = "UNAUTHORIZED"    // 401
	TooLarge       Code = "REQUEST_TOO_LARGE"
	TooMany        Code = "REQUEST_LIMITED"
)

// The codes of a Detail, in PingOne's words.
const (
	InvalidValue        = "INVALID_VALUE"
	RequiredValue       = "REQUIRED_VALUE"
	UniquenessViolation = "UNIQUENESS_VIOLATION"
	ConstraintViolation = "CONSTRAINT_VIOLATION"
)

// Error is a problem that reaches the user.
type Error struct {
	Code    Code
	Message string // a plain sentence with a next step
	Details []Detail
}

// Detail names one place in the input.
type Detail struct {
	Code          string   // INVALID_VALUE, REQUIRED_VALUE, ...
	Target        string   // the attribute, as the caller spelled it: "name.given"
	Message       string   // a plain sentence
	AllowedValues []string // where there is a fixed list
}

func (e *Error) Error() string {
	switch len(e.Details) {
	case 0:
		return e.Message
	case 1:
		return fmt.Sprintf("%s %s: %s", e.Message, e.Details[0].Target, e.Details[0].Message)
	default:
		return fmt.Sprintf("%s %s: %s (and %d more)", e.Message, e.Details[0].Target, e.Details[0].Message, len(e.Details)-1)
	}
}

// New makes a problem of the given code. The arguments must not be values from the input.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Missing says that no object of that kind ("user", "rule") has the id asked for.
func Missing(kind string) *Error {
	return New(NotFound, "no %s with this id exists in this environment", kind)
}

// Is reports whether err is, or wraps, a problem of the given code.
func Is(err error, code Code) bool {
	var p *Error
	return errors.As(err, &p) && p.Code == code
}

// List collects details while an input is validated, so that the user sees all that is wrong at once.
type List struct{ details []Detail }

// Add notes a value that is not acceptable.
func (l *List) Add(code, target, format string, args ...any) {
	l.details = append(l.details, Detail{Code: code, Target: target, Message: fmt.Sprintf(format, args...)})
}

// AddDetail notes a prepared detail.
func (l *List) AddDetail(d Detail) { l.details = append(l.details, d) }

// Empty reports whether nothing was noted.
func (l *List) Empty() bool { return len(l.details) == 0 }

// Err is nil when nothing was noted, otherwise an INVALID_DATA problem with every detail.
func (l *List) Err(message string) error {
	if len(l.details) == 0 {
		return nil
	}
	return &Error{Code: InvalidData, Message: message, Details: l.details}
}
