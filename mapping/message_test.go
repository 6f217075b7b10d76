package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"lockstep/mapping"
)

// Mistakes of people who know SpEL, or paste from a document, get an answer that helps them on.
func TestMistakesGetANextStep(t *testing.T) {
	for src, want := range map[string]string{
		"name.given.toUpperCase()":        "at position 11: values have no methods; write #string.upperCase(...) around the value",
		"name.given.frobnicate()":         "values have no methods; use a function such as #string.trim(...)",
		"title = 'PM'":                    "at position 7: the character '=' has no meaning here; write == to compare",
		"‘x’":                             "the character '‘' has no meaning here; write '",
		"${username}":                     "write the attribute's name alone",
		"name":                            `at position 1: users have no attribute "name"; it has parts: name.formatted, name.given,`,
		"'Übergröße' + nme":               "at position 15: users have no attribute",
		"username < 3":                    "at position 10: text and a number cannot be compared by size",
		"createdAt > 'soon'":              "at position 13: this text is not a time such as '2026-11-25'",
		"enabled >= 1":                    "at position 1: this is true or false, which is neither smaller nor larger than anything",
		"level < skills":                  "at position 9: this is a list, which is neither",
		"'x' + {'a':1}":                   "at position 7: this is a map, but text is needed",
		"#datetime.getYear(enabled)":      "at position 19: this is true or false, but a time is needed",
		"#datetime.addDays(createdAt,'')": "at position 29: this is text, but a number is needed",
	} {
		_, err := mapping.CompileExpression(src, schema())
		if _, ok := errors.AsType[*mapping.ExpressionError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %q", src, err, want)
		}
	}
}

func TestWordsInAnyCase(t *testing.T) {
	for _, src := range []string{"title EQ 'PM' And NOT (level LT 3)", "#datetime.parse('2026-01-01') < createdAt", "#datetime.getYear('2026-01-01') == 2026"} {
		e, err := mapping.CompileExpression(src, schema())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Eval(anna()); got != true || err != nil {
			t.Errorf("%s gives %v, %v", src, got, err)
		}
	}
}
