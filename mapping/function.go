package mapping

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// function is one of the named functions. Unless it says otherwise, a first argument without a value gives no value.
type function struct {
	params string // "text, start, [end]": what may be left out stands in brackets, … = more of the last ones
	takes  []Type // as far as they are known; further arguments take any value
	gives  Type
	empty  any                            // what a first argument without a value gives
	always bool                           // apply decides what a first argument without a value gives
	check  func(i int, literal any) error // of literal arguments, when the expression is compiled
	work   func(c *call) (steps uint64)   // of functions whose work is not in proportion to their arguments
	apply  func(c *call) any              // nil = no value; what goes wrong is left in the call

	least, most int // arguments; most -1 = any number
}

// functions by "family.name"; filled by the families.
var functions = merge(coreFunctions, stringFunctions, convertFunctions, regexFunctions, dataFunctions, datetimeFunctions, betweenFunctions)

func merge(families ...map[string]function) map[string]function {
	out := map[string]function{}
	for _, family := range families {
		for name, f := range family {
			f.least, f.most = arity(f.params)
			out[name] = f
		}
	}
	return out
}

func arity(params string) (least, most int) {
	names := strings.Split(params, ", ")
	for _, name := range names {
		if name == "…" {
			return least, -1
		}
		if name[0] != '[' {
			least++
		}
	}
	return least, len(names)
}

// Functions lists the functions that exist, such as "string.trim", each with its parameters, such as "text".
func Functions() map[string]string {
	out := make(map[string]string, len(functions))
	for name, f := range functions {
		out[name] = f.params
	}
	return out
}

func sortedFunctions() []string { return slices.Sorted(maps.Keys(functions)) }

func (f function) call(args []any) (any, error) {
	if !f.always && args[0] == nil {
		return f.empty, nil
	}
	c := &call{args: args}
	if f.work != nil {
		if steps := f.work(c); c.err == nil && steps > maxSteps {
			c.refuse("the pattern takes too much work for a text this long")
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	out := f.apply(c)
	return out, c.err
}

// call is a function's arguments as it wants them, and what went wrong first.
type call struct {
	args []any
	err  error
}

func (c *call) refuse(format string, args ...any) any {
	return c.fail(refuse(format, args...))
}

func (c *call) fail(err error) any {
	if c.err == nil {
		c.err = err
	}
	return nil
}

// value is nil when there is no such argument.
func (c *call) value(i int) any {
	if i >= len(c.args) {
		return nil
	}
	return c.args[i]
}

// text is "" when there is no value.
func (c *call) text(i int) string {
	s, err := textOf(c.value(i))
	if err != nil {
		c.fail(err)
	}
	return s
}

// number takes a number, or text that is one.
func (c *call) number(i int, otherwise float64) float64 {
	switch v := c.value(i).(type) {
	case nil:
		return otherwise
	case float64:
		return v
	case string:
		if n, ok := parseNumber(v); ok {
			return n
		}
	}
	c.refuse("%s is needed here, and this is %s", Number, kind(c.value(i)))
	return otherwise
}

// whole is a number without its fraction, held within what an int can be on every machine.
func (c *call) whole(i, otherwise int) int {
	n := c.number(i, float64(otherwise))
	return int(min(max(n, math.MinInt32), math.MaxInt32)) // before it becomes an int: a float can be beyond any
}

// list takes a list; a single value is a list of one, and no value an empty one.
func (c *call) list(i int) []any {
	switch v := c.value(i).(type) {
	case nil:
		return nil
	case []any:
		return v
	case map[string]any:
		c.refuse("%s is needed here, and this is %s", List, kind(v))
		return nil
	default:
		return []any{v}
	}
}

// bounded refuses a text that has become too long.
func (c *call) bounded(s string) any {
	if len(s) > maxResult {
		return c.fail(errTooLarge())
	}
	return s
}

// sentence is a mistake in plain words, without a position yet.
type sentence string

func (s sentence) Error() string { return string(s) }

func refuse(format string, args ...any) error { return sentence(fmt.Sprintf(format, args...)) }

func errTooLarge() error { return refuse("the result is larger than %d KiB", maxResult>>10) }
