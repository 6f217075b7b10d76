package mapping_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockstep/mapping"
)

// cell is one cell of a table; \| is a bar inside one.
var cell = regexp.MustCompile(`(?:[^|\\]|\\.)+`)

// rows are the cells of the tables on the page about expressions, code without its backticks.
func rows(t testing.TB) [][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		var cells []string
		for _, c := range cell.FindAllString(strings.Trim(strings.TrimSpace(line), "|"), -1) {
			cells = append(cells, strings.ReplaceAll(strings.Trim(strings.TrimSpace(c), "`"), `\|`, "|"))
		}
		out = append(out, cells)
	}
	return out
}

func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "no value"
	case string:
		return v
	case time.Time:
		return v.Format("2006-01-02T15:04:05.000Z07:00")
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, shown(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

// Every example of the page is evaluated, so that each function has at least one test, and the page is true.
func TestExamplesOfThePage(t *testing.T) {
	for _, row := range rows(t) {
		src, want := row[0], row[1]
		if len(row) == 4 {
			src, want = row[2], row[3]
		}
		t.Run(src, func(t *testing.T) {
			got, err := evaluate(t, src)
			if err != nil {
				t.Fatal(err)
			}
			if shown(got) != want {
				t.Errorf("gives %s, and the page says %s", shown(got), want)
			}
		})
	}
}

// The page lists exactly the functions that there are, with their parameters, and an example that uses them.
func TestThePageListsTheFunctions(t *testing.T) {
	listed := map[string]bool{}
	for _, row := range rows(t) {
		if len(row) != 4 {
			continue
		}
		name, params, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(row[0], "#"), ")"), "(")
		listed[name] = true
		switch have, exists := mapping.Functions()[name]; {
		case !exists:
			t.Errorf("the page lists #%s, which does not exist", name)
		case have != params:
			t.Errorf("the page says #%s(%s), and it is (%s)", name, params, have)
		case !strings.Contains(row[2], "#"+name+"("):
			t.Errorf("the example of #%s does not use it", name)
		}
	}
	for name := range mapping.Functions() {
		if !listed[name] {
			t.Errorf("the page does not list #%s", name)
		}
	}
}
