package mapping

import (
	"fmt"
	"slices"
	"time"
)

// onList makes a function of a list; a single value is a list of one.
func onList(least int, gives Type, apply func(list []any, args []any) (any, error)) function {
	return function{least: least, most: least, gives: gives, apply: func(args []any) (any, error) {
		switch first := args[0].(type) {
		case nil:
			return apply(nil, args[1:])
		case []any:
			return apply(first, args[1:])
		default:
			return apply([]any{first}, args[1:])
		}
	}}
}

var listFunctions = map[string]function{
	"list.size":  onList(1, Number, func(l, _ []any) (any, error) { return float64(len(l)), nil }),
	"list.first": onList(1, Any, func(l, _ []any) (any, error) { return index([]any{l, 0.0}) }),
	"list.last":  onList(1, Any, func(l, _ []any) (any, error) { return index([]any{l, float64(len(l) - 1)}) }),
	"list.get":   onList(2, Any, func(l, a []any) (any, error) { return index([]any{l, a[0]}) }),
	"list.join":  onList(2, String, func(l, a []any) (any, error) { return join(l, asText(a[0])) }),
	"list.contains": onList(2, Boolean, func(l, a []any) (any, error) {
		return slices.ContainsFunc(l, func(e any) bool { return equal(e, a[0]) }), nil
	}),
	"list.distinct": onList(1, List, func(l, _ []any) (any, error) { return distinct(l), nil }),
}

// distinct keeps the first of equal elements. Text, numbers and flags are told apart by their text, as equal does; comparing
// each with each would take too long for a long list.
func distinct(list []any) []any {
	out := make([]any, 0, len(list))
	seen := map[string]bool{}
	for _, e := range list {
		key := asText(e)
		switch e := e.(type) {
		case time.Time:
			key = e.UTC().Format(time.RFC3339Nano)
		case []any, map[string]any:
			key = fmt.Sprintf("%T%v", e, e) // prints maps in order
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, e)
		}
	}
	return out
}
