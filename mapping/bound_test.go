package mapping_test

import (
	"runtime"
	"strings"
	"testing"

	"lockstep/mapping"
)

// allocated answers how many MiB f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) >> 20
}

// What is short to write must be cheap to compile: an administrator's typing must not stop the service for everybody.
func TestCompilingIsBounded(t *testing.T) {
	for name, src := range map[string]string{
		"elvis on the left": strings.Repeat("(", 48) + "nickname" + strings.Repeat(" ?: title)", 48),
		"look-ups in elvis": strings.Repeat("(", 45) + "profile" + strings.Repeat(" ?: profile)['a']['b']", 45),
		"many parts":        "title" + strings.Repeat(" + title", 900),
		"many conditions":   "enabled" + strings.Repeat(" && enabled or enabled", 300),
		"a long list":       "{" + strings.Repeat("'é',", 999) + "'é'}",
		"a long map":        "{'a':1" + strings.Repeat(",'a':1", 999) + "}",
		"not ASCII":         "'" + strings.Repeat("\U0001F600", 2400) + "'",
	} {
		t.Run(name, func(t *testing.T) {
			var e *mapping.Expression
			var err error
			if mb := allocated(func() { e, err = mapping.CompileExpression(src, schema()) }); mb > 64 {
				t.Errorf("compiling %d characters took %d MiB", len(src), mb)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Eval(anna()); err != nil {
				t.Error(err)
			}
		})
	}
}

// The other side of Elvis counts only when it is asked for.
func TestElvisForgivesWhatItDoesNotNeed(t *testing.T) {
	for src, fails := range map[string]bool{
		"title ?: (level / 0)":    false,
		"nickname ?: (level / 0)": true,
		"(level / 0) ?: title":    true,
		"enabled ?: (level / 0)":  false,
	} {
		e, err := mapping.CompileExpression(src, schema())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = e.Eval(anna()); (err != nil) != fails {
			t.Errorf("%s: %v", src, err)
		}
	}
}

// A condition without a value is false, wherever it stands.
func TestConditionsWithoutValue(t *testing.T) {
	s, person := schema(), anna()
	person.Custom["profile"] = map[string]any{"yes": true}
	for src, want := range map[string]bool{
		"(enabled ? profile.no : profile.yes) && enabled":  false,
		"(enabled ? profile.yes : profile.no) && enabled":  true,
		"!(enabled ? profile.no : false) and (not false)":  true,
		"(enabled && profile.no) || (profile.yes && true)": true,
	} {
		e, err := mapping.CompileExpression(src, s)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Eval(person); err != nil || got != want {
			t.Errorf("%s gives %v, %v", src, got, err)
		}
	}
}
