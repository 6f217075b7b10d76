// Package secret holds values that must never be seen: tokens, passwords,
// client secrets. A Text cannot be printed, logged or marshalled by accident;
// whoever needs the value says so with Reveal. A Ring encrypts secrets at rest.
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"unique"
)

const redacted = "[secret]"

// Text is a secret. Its zero value is "no secret". Two are equal when what they hold is.
//
// What it holds is behind a handle and not a string of its own: fmt calls no method of a Text in an unexported field of a struct, but
// prints what is inside, which then is an address.
type Text struct{ value unique.Handle[string] }

// New wraps a secret.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{unique.Make(value)}
}

// Reveal returns the secret itself. Every call is a place to review.
func (t Text) Reveal() string {
	if t.IsZero() {
		return ""
	}
	return t.value.Value()
}

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t == Text{} }

func (t Text) String() string { return redacted }

// GoString keeps %#v from looking inside.
func (t Text) GoString() string { return redacted }

// Format keeps every other verb (%x, %q, %v of a struct that holds a Text) from looking inside.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue keeps slog from looking inside.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON keeps encoding/json from looking inside.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText keeps map keys and other encoders from looking inside.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }
