package mapping_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lockstep/mapping"
)

// expressions generates what can be written: every operator and function, of operands of any type.
func expressions(depth int) *rapid.Generator[string] {
	leaf := rapid.SampledFrom([]string{
		"title", "nickname", "level", "enabled", "createdAt", "skills", "profile", "profile.city", "profile.floors", "#root.name.given", "'x'", "''", "'2026-02-30'", "'1'", "3", "0",
		"1.5", "true", "false", "null", "{}", "{:}", "{'a', 1, null}", "{'a': 1}", "'%s-%d'", "'(a)|b'", "'$1'", "'Europe/Berlin'", "'yyyy-MM-dd'",
	})
	if depth == 0 {
		return leaf
	}
	inner := expressions(depth - 1)
	names := slices.Sorted(maps.Keys(mapping.Functions()))
	return rapid.Custom(func(t *rapid.T) string {
		x := func() string { return inner.Draw(t, "operand") }
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0, 1, 2:
			return call(t, rapid.SampledFrom(names).Draw(t, "function"), inner)
		case 3, 4:
			op := rapid.SampledFrom([]string{"+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "matches", "?:"}).Draw(t, "operator")
			return "(" + x() + " " + op + " " + x() + ")"
		case 5:
			return "(" + x() + " ? " + x() + " : " + x() + ")"
		case 6:
			return "{" + x() + ", " + x() + "}"
		case 7:
			return "{" + x() + ": " + x() + "}[" + x() + "]"
		case 8:
			body := rapid.SampledFrom([]string{"#this", "#this == 'go'", "#this + " + x(), "a", "#root.title"}).Draw(t, "body")
			return "(" + x() + ")" + rapid.SampledFrom([]string{".![", ".?[", ".^[", ".$["}).Draw(t, "each") + body + "]"
		default:
			return leaf.Draw(t, "leaf")
		}
	})
}

func call(t *rapid.T, name string, argument *rapid.Generator[string]) string {
	params := strings.Split(mapping.Functions()[name], ", ")
	var args []string
	for _, p := range params {
		n := 1
		switch {
		case p == "…":
			n = rapid.IntRange(0, 3).Draw(t, "more")
		case p[0] == '[':
			n = rapid.IntRange(0, 1).Draw(t, "optional")
		}
		for range n {
			args = append(args, argument.Draw(t, "argument"))
		}
		if n == 0 {
			break
		}
	}
	return "#" + name + "(" + strings.Join(args, ", ") + ")"
}

// Whatever is put together, the answer is a value, or a sentence with its place: never a mistake of ours.
func TestGeneratedExpressions(t *testing.T) {
	s, person := schema(), anna()
	compiled, evaluated := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		src := expressions(rapid.IntRange(0, 4).Draw(r, "depth")).Draw(r, "expression")
		e, err := mapping.CompileExpression(src, s)
		if err == nil {
			compiled++
			if _, err = e.Eval(person); err == nil {
				evaluated++
				return
			}
		}
		if wrong, ok := errors.AsType[*mapping.ExpressionError](err); !ok || wrong.Offset < 0 || strings.Contains(err.Error(), "bug") || strings.Contains(err.Error(), "evaluated") {
			r.Fatalf("%s: %v", src, err)
		}
	})
	t.Logf("%d compiled, %d evaluated", compiled, evaluated)
}
