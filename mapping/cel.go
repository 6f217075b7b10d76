package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// environment declares our functions to cel-go, once. Each takes one list of its arguments.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	options := make([]cel.EnvOption, 0, len(functions)+len(operations)+3)
	options = append(options, cel.StdLib(), cel.ParserExpressionSizeLimit(maxText), elvis)
	declare := func(name string, apply func([]any) (any, error)) {
		options = append(options, cel.Function(name, cel.Overload(name+"_list", []*cel.Type{cel.ListType(cel.DynType)}, cel.DynType,
			cel.UnaryBinding(func(args ref.Val) ref.Val { return bridge(args, apply) }))))
	}
	for name, apply := range operations {
		declare(name, apply)
	}
	for name, f := range functions {
		declare("pel_"+strings.ReplaceAll(name, ".", "_"), f.apply)
	}
	return cel.NewCustomEnv(options...)
})

// elvis is not strict, so that an error in what is not needed does no harm; its sides stand once in the CEL text, which would
// otherwise double with every level.
var elvis = cel.Function("pel_elvis", cel.Overload("pel_elvis_any", []*cel.Type{cel.DynType, cel.DynType}, cel.DynType,
	cel.OverloadIsNonStrict(), cel.BinaryBinding(func(x, otherwise ref.Val) ref.Val {
		if types.IsUnknownOrError(x) || has(plain(x)) {
			return x
		}
		return otherwise
	})))

func bridge(args ref.Val, apply func([]any) (any, error)) ref.Val {
	list, ok := plain(args).([]any)
	if !ok {
		return types.NewErr("%s", ourMark+"the arguments cannot be read")
	}
	out, err := apply(list)
	if err != nil {
		return types.NewErr("%s", err.Error())
	}
	return types.DefaultTypeAdapter.NativeToValue(value(out))
}

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
	case types.Null:
		return nil
	case types.Timestamp:
		return v.Time
	case types.Int:
		return float64(v)
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			out = append(out, plain(it.Next()))
		}
		return out
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			out[asText(plain(key))] = plain(v.Get(key))
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
	if issues.Err() != nil {
		return nil, &ExpressionError{Offset: -1, Message: "the expression is too large or too deep; simplify it"}
	}
	p, err := env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &ExpressionError{Offset: -1, Message: "the expression cannot be evaluated; simplify it"}
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
	return plain(out), nil
}

// evalError keeps our own sentences and translates cel-go's.
func evalError(err error) error {
	message := "the expression cannot be evaluated for this person"
	if _, sentence, ours := strings.Cut(err.Error(), ourMark); ours {
		message = sentence
	} else if strings.Contains(err.Error(), "cost") {
		message = "the expression takes too much work for this person; simplify it"
	}
	return &ExpressionError{Offset: -1, Message: message}
}

// maxText bounds the CEL text; the longest expression needs less.
const maxText = 1_000_000

// ourMark begins the sentences of our functions, so that they can be told from cel-go's.
const ourMark = "pel: "

func refuse(format string, args ...any) error {
	return errors.New(ourMark + fmt.Sprintf(format, args...))
}

func sortedFunctions() []string {
	names := make([]string, 0, len(functions))
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
