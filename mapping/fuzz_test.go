package mapping_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lockstep/mapping"
)

func seeds(f *testing.F) []string {
	f.Helper()
	out := []string{
		"name.given + ' '", "{'a':1}[title] ?: #string.trim(x)", "#root['a'].b?.c", "((((", "'a''b'", "a ? b : c ?: d", "-1e9 % 0", "1L + 2.5e-3 ^ 2",
		"{{1},{2}}.![#this.![#this + 1]].?[#this[0] > 1].$[true]", "profile.![a.b]", "{:}", "{#root.title:1,null:2}", "a\nand\n'x", "not !not true", "𝛼.é",
	}
	for _, row := range rows(f) {
		if len(row) == 4 {
			out = append(out, row[2])
		} else {
			out = append(out, row[0])
		}
	}
	return out
}

// orderly checks what everybody may rely on, whatever goes wrong.
func orderly(t *testing.T, src string, err error) {
	t.Helper()
	wrong, ok := errors.AsType[*mapping.ExpressionError](err)
	switch {
	case !ok:
		t.Fatalf("%q: %T is not an ExpressionError", src, err)
	case wrong.Offset > utf8.RuneCountInString(src) || wrong.Offset >= 0 && (wrong.Line < 1 || wrong.Column < 1):
		t.Fatalf("%q: %+v is not in the expression", src, wrong)
	case wrong.Message == "" || strings.Contains(err.Error(), "pel_") || strings.Contains(err.Error(), "%!") || strings.Contains(err.Error(), "a bug") || strings.Contains(err.Error(), "cannot be evaluated"):
		t.Fatalf("%q: %q is not a sentence for people", src, err)
	}
}

const longest = 10 * time.Second // on a busy machine

func FuzzCompile(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	s := schema()
	f.Fuzz(func(t *testing.T, src string) {
		start := time.Now()
		_, err := mapping.CompileExpression(src, s)
		if err != nil {
			orderly(t, src, err)
			if !strings.HasPrefix(err.Error(), "at ") {
				t.Fatalf("%q: %v has no place", src, err)
			}
		}
		if took := time.Since(start); took > longest {
			t.Fatalf("%q took %v", src, took)
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	for i, s := range seeds(f) {
		f.Add(s, []string{"", "Anna", "2026-11-25", "é\u0301ß𝛼", "12", "a,b;c", "$1\\", "(a+"}[i%8], float64(i-40))
	}
	s := schema()
	f.Fuzz(func(t *testing.T, src, text string, number float64) {
		e, err := mapping.CompileExpression(src, s)
		if err != nil || !utf8.ValidString(text) || number != number {
			return
		}
		person := anna()
		person.Name.Given, person.Title = text, text
		person.Custom["level"], person.Custom["skills"] = number, []any{text, "go", text}
		person.Custom["profile"] = map[string]any{"city": text, "n": number, "list": []any{text, number, nil, map[string]any{text: text}}}
		start := time.Now()
		got, err := e.Eval(person)
		if took := time.Since(start); took > longest {
			t.Fatalf("%q took %v", src, took)
		}
		if err != nil {
			orderly(t, src, err)
			return
		}
		again, err := e.Eval(person)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(got) {
			t.Fatalf("%q gives %v, and then %v, %v", src, got, again, err)
		}
		plain(t, src, got, 0)
	})
}

// plain checks that a result is made of nothing but the kinds of values that there are, and of real text.
func plain(t *testing.T, src string, v any, bytes int) int {
	t.Helper()
	switch v := v.(type) {
	case nil, bool, float64, time.Time:
	case string:
		if bytes += len(v); bytes > 64<<10 || !utf8.ValidString(v) {
			t.Fatalf("%q gives %d bytes of text, %.40q", src, bytes, v)
		}
	case []any:
		for _, e := range v {
			bytes = plain(t, src, e, bytes)
		}
	case map[string]any:
		for _, e := range v {
			bytes = plain(t, src, e, bytes)
		}
	default:
		t.Fatalf("%q gives %T", src, v)
	}
	return bytes
}
