package mapping

import (
	"math"
	"reflect"
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
	"pel_equal":     func(a []any) (any, error) { return equal(a[0], a[1]), nil },
	"pel_less":      comparison(func(c int) bool { return c < 0 }),
	"pel_most":      comparison(func(c int) bool { return c <= 0 }),
	"pel_greater":   comparison(func(c int) bool { return c > 0 }),
	"pel_least":     comparison(func(c int) bool { return c >= 0 }),
	"pel_index":     index,
	"pel_map":       makeMap,
}

func has(v any) bool {
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

// add joins text, or adds numbers, from left to right. A part without a value is left out; without any the result has none.
func add(parts []any) (any, error) {
	var sum any
	for _, part := range parts {
		if part == nil {
			continue
		}
		n, number := sum.(float64)
		m, other := part.(float64)
		switch {
		case sum == nil:
			sum = part
		case number && other:
			sum = n + m
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

// equal compares as the values are; text with a number or a flag compares by its text.
func equal(x, y any) bool {
	if !has(x) || !has(y) {
		return !has(x) && !has(y)
	}
	if t, ok := x.(time.Time); ok {
		if u, ok := y.(time.Time); ok {
			return t.Equal(u)
		}
	}
	_, xs := x.(string)
	_, ys := y.(string)
	if xs != ys {
		return asText(x) == asText(y)
	}
	return reflect.DeepEqual(x, y)
}

func comparison(holds func(int) bool) func([]any) (any, error) {
	return func(a []any) (any, error) {
		x, y := a[0], a[1]
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
		return base[asText(a[1])], nil
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

func makeMap(pairs []any) (any, error) {
	out := make(map[string]any, len(pairs))
	for _, p := range pairs {
		pair, ok := p.([]any)
		if !ok || len(pair) != 2 {
			return nil, refuse("the map cannot be read")
		}
		out[asText(pair[0])] = pair[1]
	}
	return out, nil
}
