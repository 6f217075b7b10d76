package simulation

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// day is a short story with everything in it: people come, are adopted, change, lose access and come back.
func day(seed uint64) schedule {
	soon := 150 * time.Millisecond
	return schedule{
		Seed: seed, People: 3,
		Target:  targetKind{ConflictStatus: 409, Page: 2, Hidden: time.Duration(seed%2) * 3 * time.Second},
		Runner:  runnerKind{Slots: 8, Slice: 30 * time.Second, NewOwner: seed%5 == 0},
		Members: []member{{Who: foreign, State: "primary"}, {Who: 1, State: "other"}, {Who: foreign, State: "squatter", Victim: 2}, {Who: 3, State: "off"}},
		Rules:   []rule{{Titles: []string{"Engineer", "Sales"}, Mark: "first", Active: true}, {Titles: []string{"Sales", "Support"}, Mark: "second", Active: true}},
		Events: []event{
			{Gap: soon, Do: create, Who: 3, Text: "Sales"}, {Gap: soon, Do: readdress, Who: 0, N: 1}, {Gap: soon, Do: disable, Who: 1}, {Gap: soon, Do: retitle, Who: 2, Text: "Guest"},
			{Gap: soon, Do: enable, Who: 1}, {Gap: soon, Do: remove, Who: 3}, {Gap: soon, Do: ruleMark, Who: 1}, {Gap: 0, Do: publish}, {Gap: soon, Do: create, Who: 3, Text: "Engineer"},
			{Gap: soon, Do: retitle, Who: 2, Text: "Support"}, {Gap: soon, Do: resync}, {Gap: soon, Do: rename, Who: 0},
		},
	}
}

// TestCrashEverywhere lets the process die at every store write and at every call of one story, one after the other, before, during
// and after each.
func TestCrashEverywhere(t *testing.T) { crashEverywhere(t, day, 20) }

// crashEverywhere tries every moment of a story; there are so many at least.
func crashEverywhere(t *testing.T, story func(seed uint64) schedule, least int) {
	t.Helper()
	for _, kind := range []struct {
		do   deed
		when []string
	}{{crashWrite, []string{"before", "after"}}, {crashCall, []string{"before", "flying", "after"}}} {
		for _, when := range kind.when {
			t.Run(fmt.Sprint(kind.do, " ", when), func(t *testing.T) {
				t.Parallel()
				n, step := 1, 1
				if raced {
					step = 7
				}
				for ; ; n += step {
					s := story(uint64(n))
					s.Events = append([]event{{Do: kind.do, N: n, Text: when}}, s.Events...)
					out := run(t, s, mutant{})
					if len(out.violations) > 0 {
						t.Fatalf("the process dies at number %d: %s\n%s", n, strings.Join(out.violations, "\n"), strings.Join(out.log, "\n"))
					}
					if !out.crashed {
						break // there are no more
					}
				}
				if n < least {
					t.Errorf("only %d moments were tried", n)
				}
			})
		}
	}
}
