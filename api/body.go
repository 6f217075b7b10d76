package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"lockstep/internal/problem"
)

const maxNesting = 64

// body reads a JSON object into the type that an operation takes. Where it may be left out, that gives the empty one.
func body[I any](r *request, sparse bool) (I, error) {
	var in I
	raw, err := readBody(r.writer, r.Request)
	if err != nil || len(raw) == 0 && sparse {
		return in, err
	}
	return in, decode(raw, &in)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		kind, _, err := mime.ParseMediaType(ct)
		if err != nil || kind != "application/json" && (!strings.HasPrefix(kind, "application/") || !strings.HasSuffix(kind, "+json")) {
			return nil, problem.New(unsupportedMedia, "the body must be JSON, with the content type application/json")
		}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, problem.New(problem.TooLarge, "the body is larger than %d KiB", maxBody>>10)
	}
	if err != nil {
		return nil, problem.New(problem.InvalidRequest, "the body could not be read to its end")
	}
	return bytes.TrimRight(raw, " \t\r\n"), nil // not on the left: positions count from the start
}

// decode reads JSON strictly: one value, valid UTF-8, no NUL, no member twice, bounded nesting. Errors say where, never what.
func decode(raw []byte, into any) error {
	switch {
	case len(raw) == 0:
		return problem.New(problem.InvalidRequest, "the body is empty; a JSON object is needed")
	case !utf8.Valid(raw):
		return problem.New(problem.InvalidRequest, "the body is not valid UTF-8")
	case nesting(raw) > maxNesting:
		return problem.New(problem.InvalidRequest, "the body is nested deeper than %d", maxNesting)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	err := d.Decode(into)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return problem.New(problem.InvalidRequest, "the body is not valid JSON at %s", position(raw, syntax.Offset))
	case errors.As(err, &kind) && kind.Field == "" || string(bytes.TrimSpace(raw)) == "null":
		return errNoObject
	case errors.As(err, &kind):
		var l problem.List
		l.Add(problem.InvalidValue, kind.Field, "%s is needed", needed(kind.Type))
		return l.Err("The input is not acceptable:")
	case err != nil:
		return problem.New(problem.InvalidRequest, "the body is not valid JSON: it ends too early")
	}
	// Not d.More(): it takes a stray } or ] for the end.
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem.New(problem.InvalidRequest, "the body has more than one JSON value, or something behind it")
	}
	return unambiguous(raw, reflect.TypeOf(into).Elem().Kind() == reflect.Struct)
}

var errNoObject = problem.New(problem.InvalidRequest, "the body must be a JSON object")

// needed says in words what a member must be.
func needed(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a number"
	}
}

// unambiguous refuses what decoding would hide or a database cannot keep: a member that stands twice, and NUL. A struct takes its
// members in any case, so that there two spellings are the same member. The syntax of raw was checked before.
func unambiguous(raw []byte, anyCase bool) error {
	type level struct {
		seen map[string]string // as they were spelled, by the folded name; nil in a list
		name bool              // the next token is the name of a member
	}
	levels := []level{{}}
	d := json.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // the end
		}
		top := &levels[len(levels)-1]
		text, isText := token.(string)
		switch {
		case isText && strings.Contains(text, "\x00"):
			return problem.New(problem.InvalidRequest, "the body contains a NUL character")
		case top.name && isText:
			folded := text
			if anyCase {
				folded = strings.ToLower(strings.ToUpper(text))
			}
			switch earlier, twice := top.seen[folded]; {
			case twice && earlier == text:
				return problem.New(problem.InvalidRequest, "the body has a member twice, at %s", position(raw, d.InputOffset()))
			case twice:
				return problem.New(problem.InvalidRequest, "the body has a member twice, in different spellings, at %s", position(raw, d.InputOffset()))
			}
			top.seen[folded], top.name = text, false
			continue
		case token == json.Delim('{'):
			levels = append(levels, level{map[string]string{}, true})
			continue
		case token == json.Delim('['):
			levels = append(levels, level{})
			continue
		case token == json.Delim('}') || token == json.Delim(']'):
			levels = levels[:len(levels)-1]
			top = &levels[len(levels)-1]
		}
		top.name = top.seen != nil // a value is complete
	}
}

// position says in words where the byte number offset, counted from 1, stands.
func position(raw []byte, offset int64) string {
	before := raw[:min(max(offset-1, 0), int64(len(raw)))]
	line := bytes.Count(before, []byte("\n")) + 1
	character := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	if line == 1 {
		return fmt.Sprintf("character %d", character)
	}
	return fmt.Sprintf("line %d, character %d", line, character)
}

func nesting(raw []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
