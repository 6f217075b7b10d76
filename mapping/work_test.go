//go:build !race

// The race detector makes time and memory ten times and more; what is measured here would say nothing.

package mapping_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/mapping"
)

// No expression takes long for a person, however it is meant. The limit is generous: the machine may be busy.
func TestWorkIsBounded(t *testing.T) {
	person := anna()
	person.Custom["department"] = strings.Repeat("a", 60<<10)
	many := make([]any, 60<<10)
	for i := range many {
		many[i] = "x"
	}
	person.Custom["skills"], person.Custom["profile"] = many, many[:4000]
	for name, src := range map[string]string{
		"a quadratic pattern":     "#regex.replaceAll(department, 'a(.*b)?', 'x')",
		"many quadratic patterns": "#string.substring(department, 0, 2000)" + strings.Repeat(" + #regex.replaceAll(#string.substring(department, 0, 2000), 'a(.*b)?', '')", 100),
		"a large pattern":         "#regex.matches(department, '(a?){300}a{300}')",
		"many patterns":           "'' + " + strings.Repeat("#regex.matches(department, '.*.*.*.*=.*') + ", 200) + "''",
		"many long texts":         "'' " + strings.Repeat("+ #string.length(#string.stripAccents(department))", 190),
		"large patterns":          strings.Repeat("#regex.matches(title, '(x{1000}){1}a') or ", 200) + "true",
		"each of many":            "profile.![#this + 'x'].![#this + 'x'].![#this + 'x'].?[#this != 'x']",
		"each of each":            "profile.![#root.profile.![#root.profile.![#this]]]",
		"each of each of a few":   "{1,2,3,4,5,6,7,8,9}.![" + strings.Repeat("{1,2,3,4,5,6,7,8,9}.![", 20) + "#this" + strings.Repeat("]", 21),
		"a search in each":        "profile.?[#data.contains(#root.profile, #this)]",
		"growing lists":           "skills" + strings.Repeat(" + skills", 800),
		"lists that grow in turn": "profile" + strings.Repeat(" + profile", 15),
		"list of lists":           "{" + strings.Repeat("skills,", 800) + "1}",
		"elvis of lists":          "{" + strings.Repeat("skills,", 800) + "1} ?: 1",
		"sets":                    "#data.containsAll(profile, profile)" + strings.Repeat(" and #data.containsAll(profile, profile)", 200),
	} {
		t.Run(name, func(t *testing.T) {
			e, err := mapping.CompileExpression(src, schema())
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			var got any
			mb := allocated(func() { got, err = e.Eval(person) })
			took := time.Since(start)
			t.Logf("%v, %d MiB: %.80s, %v", took, mb, shown(got), err)
			if took > 20*time.Second || mb > 256 {
				t.Errorf("took %v and %d MiB", took, mb)
			}
		})
	}
}

// Compiling patterns is work too: people's data can hold thousands, each another one.
func TestPatternsOfPeopleAreBounded(t *testing.T) {
	person := anna()
	patterns := make([]any, 2000)
	for i := range patterns {
		patterns[i] = fmt.Sprintf("x{990}y{990}%d", i)
	}
	person.Custom["profile"] = patterns
	for _, src := range []string{"profile.?[#regex.matches(nickname, #this)]", "profile.![#regex.findAllMatches('', #this)]"} {
		e, err := mapping.CompileExpression(src, schema())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = e.Eval(person)
		t.Logf("%v: %v", time.Since(start), err)
		if err == nil || !strings.Contains(err.Error(), "too much work") {
			t.Errorf("%s: %v", src, err)
		}
	}
}
