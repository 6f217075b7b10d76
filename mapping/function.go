package mapping

import (
	"fmt"
	"maps"
)

// function is one of the named functions. Of most, a first argument without a value gives no value.
type function struct {
	least, most int // arguments; most -1 = any number
	takes       []Type
	gives       Type
	check       func(i int, literal any) error // of literal arguments, when the expression is compiled
	apply       func(args []any) (any, error)
}

func (f function) arguments() string {
	switch {
	case f.most < 0:
		return fmt.Sprintf("at least %d values", f.least)
	case f.most == 1:
		return "one value"
	case f.least == f.most:
		return fmt.Sprintf("%d values", f.least)
	default:
		return fmt.Sprintf("%d to %d values", f.least, f.most)
	}
}

// functions by "family.name"; filled by the families below.
var functions = merge(coreFunctions, stringFunctions, regexFunctions, listFunctions, datetimeFunctions)

func merge(families ...map[string]function) map[string]function {
	out := map[string]function{}
	for _, f := range families {
		maps.Copy(out, f)
	}
	return out
}

// onText makes a function of text, and further arguments.
func onText(least, most int, gives Type, takes []Type, apply func(s string, args []any) (any, error)) function {
	return function{least: least, most: most, takes: takes, gives: gives, apply: func(args []any) (any, error) {
		if args[0] == nil {
			return nil, nil //nolint:nilnil // no value
		}
		return apply(asText(args[0]), args[1:])
	}}
}

func simple(f func(string) string) function {
	return onText(1, 1, String, []Type{String}, func(s string, _ []any) (any, error) { return f(s), nil })
}

func asks(f func(s, t string) bool) function {
	return onText(2, 2, Boolean, []Type{String, String}, func(s string, a []any) (any, error) { return f(s, asText(a[0])), nil })
}

var coreFunctions = map[string]function{
	"core.switchExpr": {least: 3, most: -1, apply: switchExpr},
}

// switchExpr(subject, key, value, key, value, ..., otherwise).
func switchExpr(args []any) (any, error) {
	rest := args[1:]
	for len(rest) >= 2 {
		if equal(args[0], rest[0]) {
			return rest[1], nil
		}
		rest = rest[2:]
	}
	if len(rest) == 1 {
		return rest[0], nil
	}
	return nil, nil //nolint:nilnil // no value
}
