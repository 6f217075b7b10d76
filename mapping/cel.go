package mapping

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// environment declares our functions to cel-go, once. Each takes one list of its arguments, and where it stands in the
// expression, for the message when it fails.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	options := make([]cel.EnvOption, 0, len(functions)+len(operations)+3)
	options = append(options, cel.StdLib(), cel.ParserExpressionSizeLimit(maxText), elvis)
	declare := func(name string, apply func([]any) (any, error)) {
		options = append(options, cel.Function(name, cel.Overload(name+"_list", []*cel.Type{cel.ListType(cel.DynType), cel.IntType}, cel.DynType,
			cel.BinaryBinding(func(args, at ref.Val) ref.Val { return bridge(args, at, apply) }))))
	}
	for name, apply := range operations {
		declare(name, apply)
	}
	for name, f := range functions {
		declare(celName(name), f.call)
	}
	return cel.NewCustomEnv(options...)
})

// celName is the name of a function of ours in CEL.
func celName(function string) string { return "pel_" + strings.ReplaceAll(function, ".", "_") }

// elvis is not strict, so that an error in what is not needed does no harm; its sides stand once in the CEL text, which would
// otherwise double with every level.
var elvis = cel.Function("pel_elvis", cel.Overload("pel_elvis_any", []*cel.Type{cel.DynType, cel.DynType}, cel.DynType,
	cel.OverloadIsNonStrict(), cel.BinaryBinding(func(x, otherwise ref.Val) ref.Val {
		if types.IsUnknownOrError(x) || present(x) {
			return x
		}
		return otherwise
	})))

// present is has of a value of cel-go's.
func present(v ref.Val) bool {
	switch v := v.(type) {
	case types.Null:
		return false
	case types.String:
		return v != ""
	case traits.Lister:
		return v.Size() != types.IntZero
	default:
		return true
	}
}

func bridge(args, at ref.Val, apply func([]any) (any, error)) ref.Val {
	var out any
	err := errTooMuch
	if weight(args, maxArguments) <= maxArguments { // before they are copied
		list, _ := plain(args).([]any)
		out, err = apply(list)
	}
	if err != nil {
		offset, _ := at.(types.Int)
		return types.WrapErr(&ExpressionError{Offset: int(offset), Message: err.Error()})
	}
	return types.DefaultTypeAdapter.NativeToValue(value(out))
}

var errTooMuch = refuse("the values are larger than %d KiB together", maxArguments>>10)

// value gives cel-go what it can adapt: null for no value.
func value(v any) any {
	if v == nil {
		return types.NullValue
	}
	return v
}

// plain undoes what cel-go makes of values: text, flags, numbers, times, lists and maps as an Object gives them; everything
// else is no value.
func plain(v ref.Val) any {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case types.Null:
		return nil
	case types.Timestamp:
		return v.Time
	case types.Int:
		return float64(v)
	case traits.Lister:
		if elements, ok := v.Value().([]ref.Val); ok { // as the arguments of our functions are: needs no iterator
			out := make([]any, len(elements))
			for i, e := range elements {
				out[i] = plain(e)
			}
			return out
		}
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			out = append(out, plain(it.Next()))
		}
		return out
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			out[scalarText(plain(key))] = plain(v.Get(key))
		}
		return out
	}
	switch value := v.Value().(type) {
	case string, bool, float64, time.Time:
		return value
	default:
		return nil
	}
}

// costs tells cel-go that our functions cost what they work on. It counts the rest itself.
type costs struct{}

const bytesPerStep = 256 // a step of cel-go takes about as long as looking at so much text

func (costs) CallCost(name, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if len(args) == 0 || !strings.HasPrefix(name, "pel_") {
		return nil
	}
	bytes := weight(args[0], maxArguments)
	cost := 1 + bytes/bytesPerStep
	if steps, ok := heavyWork()[name]; ok && bytes <= maxArguments {
		list, _ := plain(args[0]).([]any)
		cost += steps(&call{args: list}) / (maxSteps / maxCost)
	}
	return &cost
}

// heavyWork are the functions whose work is not in proportion to their arguments, by their name in CEL.
var heavyWork = sync.OnceValue(func() map[string]func(*call) uint64 {
	out := map[string]func(*call) uint64{}
	for name, f := range functions {
		if f.work != nil {
			out[celName(name)] = f.work
		}
	}
	return out
})

const elementWeight = 128 // copying an element takes about as long as looking at so much text

// weight is about how many bytes a value takes, or more than most if it is more.
func weight(v ref.Val, most uint64) uint64 {
	n := uint64(8)
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case traits.Lister:
		if elements, ok := v.Value().([]ref.Val); ok {
			for i := 0; n <= most && i < len(elements); i++ {
				n += elementWeight + weight(elements[i], most-min(n, most))
			}
			return n
		}
		for it := v.Iterator(); n <= most && it.HasNext() == types.True; {
			n += elementWeight + weight(it.Next(), most-min(n, most))
		}
	case traits.Mapper:
		for it := v.Iterator(); n <= most && it.HasNext() == types.True; {
			key := it.Next()
			n += elementWeight + weight(key, most) + weight(v.Get(key), most-min(n, most))
		}
	}
	return n
}

// program compiles CEL text over the variables a0, a1, ... A failure here is ours, not the administrator's: what can be wrong
// with an expression was found before.
func program(text string, paths []string) (cel.Program, error) {
	env, err := environment()
	if err != nil {
		return nil, broken()
	}
	variables := make([]cel.EnvOption, len(paths))
	for i := range paths {
		variables[i] = cel.Variable("a"+strconv.Itoa(i), cel.DynType)
	}
	if env, err = env.Extend(variables...); err != nil {
		return nil, broken()
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		if strings.Contains(err.Error(), "recursion") || strings.Contains(err.Error(), "exceeds limit") {
			return nil, &ExpressionError{Offset: -1, Message: "the expression is too large or too deep; simplify it"}
		}
		return nil, broken()
	}
	p, err := env.Program(ast, cel.CostLimit(maxCost), cel.CostTracking(costs{}), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, broken()
	}
	return p, nil
}

// broken is our own mistake, which tests would show; callers are promised an ExpressionError all the same.
func broken() error {
	return &ExpressionError{Offset: -1, Message: "expressions cannot be compiled; report this as a bug"}
}

// run evaluates a program for a person.
func run(p cel.Program, o Object, order []string) (any, error) {
	values := make(map[string]any, len(order))
	for i, path := range order {
		values["a"+strconv.Itoa(i)] = value(o.Value(path))
	}
	out, _, err := p.Eval(values)
	if err != nil {
		return nil, evalError(err)
	}
	if weight(out, maxArguments) > maxArguments {
		return nil, &ExpressionError{Offset: -1, Message: errTooLarge().Error()}
	}
	return plain(out), nil
}

// evalError keeps our own sentences and translates cel-go's. Its values are shared, so that the caller gets a copy.
func evalError(err error) error {
	if ours, ok := errors.AsType[*ExpressionError](err); ok {
		return &ExpressionError{Offset: ours.Offset, Message: ours.Message}
	}
	message := "the expression cannot be evaluated for this person"
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && cancelled.Cause == interpreter.CostLimitExceeded {
		message = "the expression takes too much work for this person; simplify it"
	}
	return &ExpressionError{Offset: -1, Message: message}
}

// maxText bounds the CEL text; the longest expression needs less.
const maxText = 1_000_000
