package mapping

import (
	"encoding/json"
	"slices"
)

var dataFunctions = map[string]function{
	"data.size":       {params: "list", gives: Number, always: true, apply: func(c *call) any { return float64(len(c.list(0))) }},
	"data.isNotEmpty": {params: "list", gives: Boolean, always: true, apply: func(c *call) any { return len(c.list(0)) > 0 }},
	"data.indexOf": {params: "list, value", gives: Number, always: true, apply: func(c *call) any {
		return float64(slices.IndexFunc(c.list(0), func(e any) bool { return equal(e, c.args[1]) }))
	}},
	"data.contains": {params: "list, value", gives: Boolean, always: true, apply: func(c *call) any {
		return slices.ContainsFunc(c.list(0), func(e any) bool { return equal(e, c.args[1]) })
	}},
	"data.containsAll": {params: "list, values", gives: Boolean, always: true, apply: func(c *call) any {
		in := set(c.list(0))
		return !slices.ContainsFunc(c.list(1), func(e any) bool { return !in[key(e)] })
	}},
	"data.containsAny": {params: "list, values", gives: Boolean, always: true, apply: func(c *call) any {
		in := set(c.list(0))
		return slices.ContainsFunc(c.list(1), func(e any) bool { return in[key(e)] })
	}},
	"data.equals": {params: "list, other", gives: Boolean, always: true, apply: func(c *call) any {
		return slices.EqualFunc(c.list(0), c.list(1), equal)
	}},
	"data.union": {params: "list, other", gives: List, always: true, apply: func(c *call) any {
		return slices.Concat([]any{}, c.list(0), c.list(1))
	}},
	"data.removeAll": {params: "list, values", gives: List, always: true, apply: func(c *call) any {
		remove := set(c.list(1))
		return kept(c.list(0), func(k string) bool { return !remove[k] })
	}},
	"data.retainAll": {params: "list, values", gives: List, always: true, apply: func(c *call) any {
		retain := set(c.list(1))
		return kept(c.list(0), func(k string) bool { return retain[k] })
	}},
	"data.distinct": {params: "list", gives: List, always: true, apply: func(c *call) any {
		seen := map[string]bool{}
		return kept(c.list(0), func(k string) bool { first := !seen[k]; seen[k] = true; return first })
	}},
}

func kept(list []any, keep func(key string) bool) []any {
	out := make([]any, 0, len(list))
	for _, e := range list {
		if keep(key(e)) {
			out = append(out, e)
		}
	}
	return out
}

func set(list []any) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, e := range list {
		out[key(e)] = true
	}
	return out
}

// key is the same for values that are equal. Comparing each with each would take too long for long lists.
func key(v any) string {
	switch v.(type) {
	case []any, map[string]any:
		if !has(v) {
			return ""
		}
		b, err := json.Marshal(v) // writes maps in order
		if err != nil {
			return "\x00"
		}
		return "\x00" + string(b) // no text begins with NUL
	default:
		return scalarText(v)
	}
}
