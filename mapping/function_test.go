package mapping_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/mapping"
)

func TestEdges(t *testing.T) {
	for src, want := range map[string]any{
		"#string.capitalize('')":                                        "",
		"#string.capitalize('éa')":                                      "Éa",
		"#string.stripAccents('한글 Ångström')":                           "한글 Angstrom",
		"#string.padLeft('abc', -100000000000000000000000, 'x')":        "abc",
		"#string.padRight('abc', 5, 'é')":                               "abcéé",
		"{'a'}[100000000000000000000000]":                               nil,
		"{'a'}[-1]":                                                     nil,
		"{}.$[true]":                                                    nil,
		"#string.substring('abc', -100000000000000000000000)":           "abc",
		"#string.replace('aa', '', '-')":                                "aa",
		"#regex.replaceAll('abc', 'x*', '-')":                           "-a-b-c-",
		"#data.distinct({'3', 3, 4, null, '', true, 'true', {1}, {1}})": []any{"3", 4.0, nil, true, []any{1.0}},
		"skills + '!'":                                                  "go, sql, go!",
		"1 + 2 + 'a' + 1 + 2":                                           "3a12",
	} {
		e, err := mapping.CompileExpression(src, schema())
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		got, err := e.Eval(anna())
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", src, diff)
		}
	}
}

var tooMuch = regexp.MustCompile("larger than (64|1024) KiB|too much work")

// A result that would be too large is refused before it is made.
func TestResultsAreBounded(t *testing.T) {
	person := anna()
	person.Custom["department"] = strings.Repeat("x", 60<<10)
	for _, src := range []string{
		"#string.replace(department, 'x', department)",
		"#regex.replaceAll(department, 'x', department)",
		"#regex.replaceAll(department, 'x+', '" + strings.Repeat("$0", 2000) + "')",
		"#regex.replaceFirst(department, '.*', '" + strings.Repeat("${0}", 1000) + "')",
		"'' + {" + strings.Repeat("department,", 900) + "1}",
		"#string.join({" + strings.Repeat("1,", 900) + "1}, department)",
		"({" + strings.Repeat("department,", 800) + "1} ?: 1) == 'x'",
		"#data.size({" + strings.Repeat("department,", 800) + "1})",
		"title" + strings.Repeat(" + department", 500),
		"{department, department}",
	} {
		e, err := mapping.CompileExpression(src, schema())
		if err != nil {
			t.Fatal(err)
		}
		mb := allocated(func() { _, err = e.Eval(person) })
		if err == nil || !tooMuch.MatchString(err.Error()) {
			t.Errorf("%.60s: %v", src, err)
		}
		if mb > 16 {
			t.Errorf("%.60s took %d MiB", src, mb)
		}
	}
}

func TestAnObjectIsNoText(t *testing.T) {
	for _, src := range []string{"'x' + profile", "#string.join({'x', profile}, '')", "{'a', profile} + 'x'"} {
		e, err := mapping.CompileExpression(src, schema())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Eval(anna()); err == nil || !strings.Contains(err.Error(), "an object cannot be joined with text") {
			t.Errorf("%s gives %v, %v", src, got, err)
		}
	}
}

// An environment may call an attribute "user" too.
func TestAnAttributeCalledUser(t *testing.T) {
	s := mapping.SchemaOf(directory.NewSchema([]directory.Attribute{{Name: "user", Type: directory.TypeJSON}}))
	e, err := mapping.CompileExpression("user.title", s)
	if err != nil {
		t.Fatal(err)
	}
	person := anna()
	person.Custom["user"] = map[string]any{"title": "theirs"}
	if got, err := e.Eval(person); got != "theirs" || err != nil {
		t.Errorf("got %v, %v; the attribute's part is meant, not the title that is declared too", got, err)
	}
}
