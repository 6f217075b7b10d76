package filter

import (
	"fmt"
	"strings"
	"time"
)

// test is a compiled node.
type test interface {
	match(o Object) bool
	explain(o Object) string
}

type all struct{ tests []test }

func (t all) match(o Object) bool {
	for _, part := range t.tests {
		if !part.match(o) {
			return false
		}
	}
	return true
}

func (t all) explain(o Object) string {
	for _, part := range t.tests {
		if !part.match(o) {
			return part.explain(o)
		}
	}
	if len(t.tests) == 0 {
		return "nothing is asked"
	}
	return t.tests[0].explain(o)
}

type anyOf struct{ tests []test }

func (t anyOf) match(o Object) bool {
	for _, part := range t.tests {
		if part.match(o) {
			return true
		}
	}
	return false
}

func (t anyOf) explain(o Object) string {
	for _, part := range t.tests {
		if part.match(o) {
			return part.explain(o)
		}
	}
	if len(t.tests) > 3 {
		return fmt.Sprintf("none of %d conditions holds, the first because %s", len(t.tests), t.tests[0].explain(o))
	}
	reasons := make([]string, len(t.tests))
	for i, part := range t.tests {
		reasons[i] = part.explain(o)
	}
	return strings.Join(reasons, ", and ")
}

type not struct{ test test }

func (t not) match(o Object) bool { return !t.test.match(o) }

func (t not) explain(o Object) string { return t.test.explain(o) }

// element holds if one element of a multi-valued attribute satisfies a test.
type element struct {
	name string
	test test
}

func (t element) match(o Object) bool {
	list, _ := o.Value(t.name).([]any)
	for _, e := range list {
		if part := asObject(e); part != nil && t.test.match(part) {
			return true
		}
	}
	return false
}

func (t element) explain(o Object) string {
	if t.match(o) {
		return "one of " + t.name + " fits"
	}
	return "none of " + t.name + " fits"
}

type mapObject map[string]any

func (m mapObject) Value(path string) any {
	if v, ok := m[path]; ok {
		return v
	}
	for k, v := range m {
		if strings.EqualFold(k, path) {
			return v
		}
	}
	return nil
}

func asObject(v any) Object {
	switch v := v.(type) {
	case Object:
		return v
	case map[string]any:
		return mapObject(v)
	default:
		return nil
	}
}

// condition compares one attribute. want has the attribute's type. want nil: is there a value?
type condition struct {
	name  string
	op    Op
	want  any
	lower []byte // of text: want in lower case, unless exact
	shown any    // want as it was written
	exact bool
}

func (t condition) match(o Object) bool {
	v := o.Value(t.name)
	if t.want == nil {
		there := present(v)
		return there == (t.op == Present || t.op == NotEqual)
	}
	if t.op == NotEqual {
		return !t.one(v, Equal)
	}
	return t.one(v, t.op)
}

func present(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	default:
		return true
	}
}

// one compares a value; of a list, any element does.
func (t condition) one(v any, op Op) bool {
	switch v := v.(type) {
	case string:
		want, ok := t.want.(string)
		return ok && t.text(v, want, op)
	case bool:
		want, ok := t.want.(bool)
		return ok && v == want
	case float64:
		want, ok := t.want.(float64)
		return ok && ordered(compareNumbers(v, want), op)
	case time.Time:
		want, ok := t.want.(time.Time)
		return ok && ordered(v.Compare(want), op)
	case []any:
		for _, e := range v {
			if t.one(e, op) {
				return true
			}
		}
		return false
	default:
		return false
	}
}

func (t condition) text(v, want string, op Op) bool {
	if t.exact {
		return compareText(v, want, op)
	}
	return compareFolded(v, t.lower, op)
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func ordered(c int, op Op) bool {
	switch op {
	case Equal:
		return c == 0
	case Greater:
		return c > 0
	case GreaterOrEqual:
		return c >= 0
	case Less:
		return c < 0
	case LessOrEqual:
		return c <= 0
	default:
		return false
	}
}

// explain names the value that there is and the condition it meets or does not.
func (t condition) explain(o Object) string {
	v := o.Value(t.name)
	is := "is " + show(v)
	if !present(v) {
		is = "has no value"
	}
	if t.match(o) {
		return t.name + " " + is
	}
	words := map[Op]string{
		Equal: "not", Contains: "which does not contain", StartsWith: "which does not start with", EndsWith: "which does not end with",
		Greater: "not after or above", GreaterOrEqual: "not at or above", Less: "not before or below", LessOrEqual: "not at or below",
	}
	if t.want == nil || words[t.op] == "" || !present(v) {
		return t.name + " " + is
	}
	return fmt.Sprintf("%s %s, %s %s", t.name, is, words[t.op], show(t.shown))
}

func show(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", shorten(v))
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	default:
		return fmt.Sprint(v)
	}
}
