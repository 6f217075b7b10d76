package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"lockstep/internal/problem"
)

const maxNesting = 64

// object reads a JSON object. No body at all is an empty object where optional.
func (r *request) object(optional bool) (map[string]any, error) {
	raw, err := readBody(r.writer, r.Request)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 && optional {
		return map[string]any{}, nil
	}
	var out map[string]any
	if err := decode(raw, &out); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, problem.New(problem.InvalidRequest, "the body must be a JSON object")
	}
	return out, nil
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
	case errors.As(err, &kind):
		p := problem.New(problem.InvalidData, "The input is not acceptable:")
		p.Details = []problem.Detail{{Code: problem.InvalidValue, Target: kind.Field, Message: fmt.Sprintf("this is a %s, which is the wrong type", kind.Value)}}
		return p
	case err != nil:
		return problem.New(problem.InvalidRequest, "the body is not valid JSON: it ends too early")
	}
	// Not d.More(): it takes a stray } or ] for the end.
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem.New(problem.InvalidRequest, "the body has more than one JSON value, or something behind it")
	}
	return unambiguous(raw)
}

// unambiguous refuses what a map would hide or a database cannot keep: a member that stands twice, and NUL. The syntax of raw
// was checked before.
func unambiguous(raw []byte) error {
	type level struct {
		seen map[string]bool // nil in a list
		name bool            // the next token is the name of a member
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
			if top.seen[text] {
				return problem.New(problem.InvalidRequest, "the body has a member twice, at %s", position(raw, d.InputOffset()))
			}
			top.seen[text], top.name = true, false
			continue
		case token == json.Delim('{'):
			levels = append(levels, level{map[string]bool{}, true})
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

// fields reads members of an object by type and notes what is wrong with them.
type fields struct {
	object map[string]any
	list   problem.List
	prefix string
}

func (f *fields) wrong(name, want string) {
	f.list.Add(problem.InvalidValue, f.prefix+name, "%s is needed", want)
}

func (f *fields) text(name string) string {
	v, ok := f.object[name]
	s, isText := v.(string)
	if ok && v != nil && !isText {
		f.wrong(name, "text")
	}
	return s
}

func (f *fields) flag(name string) bool {
	v, ok := f.object[name]
	b, isFlag := v.(bool)
	if ok && v != nil && !isFlag {
		f.wrong(name, "true or false")
	}
	return b
}

func (f *fields) child(name string) map[string]any {
	v, ok := f.object[name]
	m, isObject := v.(map[string]any)
	if ok && v != nil && !isObject {
		f.wrong(name, "an object")
	}
	return m
}

// id reads {"name":{"id":"…"}}.
func (f *fields) id(name string) string {
	child := fields{object: f.child(name), prefix: f.prefix + name + "."}
	id := child.text("id")
	if !child.list.Empty() {
		f.wrong(name+".id", "text")
	}
	return id
}

// ids reads {"name":[{"id":"…"}]}.
func (f *fields) ids(name string) []string {
	v, ok := f.object[name]
	list, isList := v.([]any)
	if ok && v != nil && !isList {
		f.wrong(name, "a list")
	}
	var out []string
	for _, e := range list {
		m, _ := e.(map[string]any)
		id, isText := m["id"].(string)
		if !isText {
			f.wrong(name, "a list of objects with an id")
			return nil
		}
		out = append(out, id)
	}
	return out
}

func (f *fields) err() error { return f.list.Err("The input is not acceptable:") }

// page is the paging of a list.
type page struct {
	limit int
	after string
}

const maxPage = 1000

// Positions of lists: most go by the ids of their rows, some by a number.
func byID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

func byNumber(s string) bool {
	return s != "" && len(s) < 19 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// page reads limit and cursor. A cursor of another kind of list would start over or skip rows without a word; position tells.
func (r *request) page(largest int, position func(string) bool) (page, error) {
	out := page{limit: largest} // PingOne: without a limit, the most that the list gives
	q := r.URL.Query()
	if raw := q.Get("limit"); raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 1 {
			return out, problem.New(problem.InvalidRequest, "limit must be a whole number of at least 1")
		}
		out.limit = min(n, largest)
	}
	if raw := q.Get("cursor"); raw != "" {
		decoded, err := base64.RawURLEncoding.DecodeString(raw)
		value, ok := strings.CutPrefix(string(decoded), "v1:")
		if err != nil || !ok || !position(value) {
			return out, problem.New(problem.InvalidRequest, "the cursor is not one that this list gave; start without it")
		}
		out.after = value
	}
	return out, nil
}

// collection is a list in HAL's shape. next is the position after this page, "" on the last one; total may be -1.
func (r *request) collection(key string, items []any, next string, total int64) map[string]any {
	if items == nil {
		items = []any{}
	}
	links := map[string]any{"self": link(r.href(r.URL.RequestURI()))}
	if next != "" {
		q := r.URL.Query()
		q.Set("cursor", base64.RawURLEncoding.EncodeToString([]byte("v1:"+next)))
		links["next"] = link(r.href(r.URL.Path + "?" + q.Encode()))
	}
	out := map[string]any{"_links": links, "_embedded": map[string]any{key: items}, "size": len(items)}
	if total >= 0 {
		out["count"] = total
	}
	return out
}

// whole answers a page of a list that is short enough to be read at once.
func (r *request) whole(key string, items []any, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	p, err := r.page(maxPage, byNumber)
	if err != nil {
		return 0, nil, err
	}
	skip, _ := strconv.Atoi(p.after) // "" is 0
	from := min(skip, len(items))
	to, next := min(from+p.limit, len(items)), ""
	if to < len(items) {
		next = strconv.Itoa(to)
	}
	return http.StatusOK, r.collection(key, items[from:to], next, int64(len(items))), nil
}

func link(href string) map[string]any { return map[string]any{"href": href} }

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func list[T any](in []T, render func(*T) map[string]any) []any {
	out := make([]any, len(in))
	for i := range in {
		out[i] = render(&in[i])
	}
	return out
}

// optional leaves out what has no value.
func optional(m map[string]any) map[string]any {
	for k, v := range m {
		if v == nil || v == "" {
			delete(m, k)
		}
	}
	return m
}
