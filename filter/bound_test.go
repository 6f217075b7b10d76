package filter_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lockstep/filter"
)

// A filter that is accepted prints to a filter that is accepted, at the bounds too: what is stored and shown must be readable.
func TestPrintedFiltersAreAccepted(t *testing.T) {
	longest := func(start, part, end string) string {
		return start + strings.Repeat(part, (filter.MaxLength-len(start)-len(end))/len(part)) + end
	}
	deep := func(open, inner, closing string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(closing, n)
	}
	for name, source := range map[string]string{
		"control characters":     longest("a eq '", "\x01", "'"),
		"a line break":           longest("a eq '", "\n", "'"),
		"quotes":                 longest("a eq '", `"`, "'"),
		"backslashes":            longest("a eq '", `\\`, "'"),
		"no spaces":              longest(`a eq"b"`, ` or a eq"b"`, ""),
		"not without a space":    longest("a pr", " or not(a pr)", ""),
		"numbers":                longest("a eq 1e300", " or a eq 1e300", ""),
		"a sub-attribute":        longest("a pr", " or a[b pr].c pr", ""),
		"escapes":                longest(`a eq "`, `\n`, `"`),
		"brackets":               deep("(", "a pr", ")", filter.MaxDepth-1),
		"not":                    deep("not(", "a pr", ")", filter.MaxDepth-1),
		"elements":               deep("a[", "a pr", "]", filter.MaxDepth-1),
		"a sub-attribute, deep":  deep("(a pr and (a pr or ", "a[b pr or c pr].d pr", "))", filter.MaxDepth/2-1),
		"a sub-attribute inside": deep("not(", "a[b pr or c pr].d pr", ")", filter.MaxDepth-2),
		"lists in lists":         deep("(a pr or (a pr and ", "a pr", "))", filter.MaxDepth/2-1) + " or a pr",
	} {
		t.Run(name, func(t *testing.T) { printsWell(t, source) })
	}
	if _, err := filter.Parse("a eq '" + strings.Repeat("\x01", 9000) + "'"); err == nil || !strings.Contains(err.Error(), "written out in full, the filter is longer than 16384") {
		t.Errorf("got %v", err)
	}
	if t.Failed() {
		return
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			"(", ")", "not(", "a[", "]", "].b eq'\"'", "a pr", "a eq\"x\"", "a eq '\x02'", " and ", " or ", "a eq 1e20",
		}), 1, 60).Draw(t, "parts")
		printsWell(t, strings.Join(parts, ""))
		n := rapid.IntRange(filter.MaxDepth-3, filter.MaxDepth).Draw(t, "depth")
		inner := rapid.SampledFrom([]string{"a pr", "a[b pr or c pr].d pr", "a[b pr and c pr].d pr", "not(a pr)", "a pr or b pr and c pr"}).Draw(t, "inner")
		open := rapid.SampledFrom([]string{"(", "not(", "(b pr or ", "(b pr and "}).Draw(t, "open")
		printsWell(t, deep(open, inner, ")", n))
	})
}

func printsWell(t interface{ Fatalf(string, ...any) }, source string) {
	f, err := filter.Parse(source)
	if err != nil {
		return
	}
	again, err := filter.Parse(f.String())
	if err != nil {
		t.Fatalf("%.60q… (%d) is accepted, and printed (%d) it is not: %v", source, len(source), len(f.String()), err)
	}
	if again.String() != f.String() {
		t.Fatalf("%.60q… is printed as %.60q… and then as %.60q…", source, f.String(), again.String())
	}
}
