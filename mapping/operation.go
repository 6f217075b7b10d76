package mapping

import (
	"math"
	"slices"
	"strings"
	"time"
)

// operations are what signs mean. nil is "no value" throughout.
var operations = map[string]func([]any) (any, error){
	"pel_true":      func(a []any) (any, error) { return truth(a[0]) },
	"pel_negate":    func(a []any) (any, error) { return arithmetic(0.0, a[0], func(x, y float64) float64 { return x - y }) },
	"pel_add":       add,
	"pel_subtract":  numeric(func(x, y float64) float64 { return x - y }),
	"pel_multiply":  numeric(func(x, y float64) float64 { return x * y }),
	"pel_divide":    numeric(func(x, y float64) float64 { return x / y }),
	"pel_remainder": numeric(math.Mod),
	"pel_power":     numeric(math.Pow),
	"pel_equal":     func(a []any) (any, error) { return equal(a[0], a[1]), nil },
	"pel_less":      comparison(func(c int) bool { return c < 0 }),
	"pel_most":      comparison(func(c int) bool { return c <= 0 }),
	"pel_greater":   comparison(func(c int) bool { return c > 0 }),
	"pel_least":     comparison(func(c int) bool { return c >= 0 }),
	"pel_index":     index,
	"pel_last":      func(a []any) (any, error) { l, _ := a[0].([]any); return last(l), nil },
	"pel_elements":  elements,
	"pel_map":       makeMap,
}

func truth(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true":
			return true, nil
		case "false", "":
			return false, nil
		}
	}
	return nil, refuse("a condition gives %s where true or false is needed", kind(v))
}

// add joins text, adds numbers, or appends lists, from left to right. A part without a value is left out; without any the
// result has none.
func add(parts []any) (any, error) {
	var sum any
	for _, part := range parts {
		if part == nil {
			continue
		}
		n, number := sum.(float64)
		m, other := part.(float64)
		l, list := sum.([]any)
		k, more := part.([]any)
		switch {
		case sum == nil:
			sum = part
		case number && other:
			sum = n + m
		case list && more:
			sum = slices.Concat(l, k)
		default:
			joined, err := joinText([]any{sum, part}, "")
			if err != nil {
				return nil, err
			}
			sum = joined
		}
	}
	return sum, nil
}

func numeric(f func(x, y float64) float64) func([]any) (any, error) {
	return func(a []any) (any, error) { return arithmetic(a[0], a[1], f) }
}

func arithmetic(x, y any, f func(x, y float64) float64) (any, error) {
	if x == nil || y == nil {
		return nil, nil //nolint:nilnil // no value
	}
	n, ok := x.(float64)
	m, fine := y.(float64)
	if !ok || !fine {
		return nil, refuse("arithmetic needs numbers, and this is %s", kind(firstOther(x, y)))
	}
	out := f(n, m)
	if math.IsNaN(out) || math.IsInf(out, 0) {
		return nil, refuse("the result is not a number (a division by zero?)")
	}
	return out, nil
}

func firstOther(x, y any) any {
	if _, ok := x.(float64); ok {
		return y
	}
	return x
}

func comparison(holds func(int) bool) func([]any) (any, error) {
	return func(a []any) (any, error) {
		x, y := asTimes(a[0], a[1])
		if x == nil || y == nil {
			return false, nil
		}
		switch x := x.(type) {
		case float64:
			if y, ok := y.(float64); ok {
				return holds(compareFloats(x, y)), nil
			}
		case time.Time:
			if y, ok := y.(time.Time); ok {
				return holds(x.Compare(y)), nil
			}
		case string:
			if y, ok := y.(string); ok {
				return holds(strings.Compare(x, y)), nil
			}
		}
		return nil, refuse("%s and %s cannot be compared by size", kind(x), kind(y))
	}
}

// asTimes makes a time of text that is compared with one.
func asTimes(x, y any) (any, any) {
	_, isTime := x.(time.Time)
	_, areTimes := y.(time.Time)
	if isTime == areTimes {
		return x, y
	}
	t, ok := readTime(x)
	u, fine := readTime(y)
	if !ok || !fine {
		return x, y
	}
	return t, u
}

func compareFloats(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}

// index looks into a map or a list; what is not there is no value.
func index(a []any) (any, error) {
	switch base := a[0].(type) {
	case map[string]any:
		return base[scalarText(a[1])], nil
	case []any:
		n, ok := a[1].(float64)
		if !ok || n < 0 || n >= float64(len(base)) {
			return nil, nil //nolint:nilnil // no value
		}
		return base[int(n)], nil
	default:
		return nil, nil //nolint:nilnil // no value
	}
}

// elements is what .![...] and .?[...] go through.
func elements(a []any) (any, error) {
	c := &call{args: a}
	list := c.list(0)
	if list == nil {
		list = []any{}
	}
	return list, c.err
}

// makeMap leaves out keys without a value.
func makeMap(pairs []any) (any, error) {
	out := make(map[string]any, len(pairs))
	for _, p := range pairs {
		pair, ok := p.([]any)
		if !ok || len(pair) != 2 {
			return nil, refuse("the map cannot be read")
		}
		switch pair[0].(type) {
		case nil:
		case []any, map[string]any:
			return nil, refuse("the key of a map must be text, and this is %s", kind(pair[0]))
		default:
			out[scalarText(pair[0])] = pair[1]
		}
	}
	return out, nil
}
