// Package simulation runs the real engine, store and Slack connector against the simulated workspace, in virtual time, through
// thousands of small seeded schedules of edits, faults and crashes, and checks what must hold in every one of them. See
// docs/proof.md.
package simulation

import (
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "the seed that TestReplay runs")
	shrinkFlag = flag.Duration("shrink", 20*time.Second, "how long a schedule that fails is made smaller")
	mutantFlag = flag.String("mutant", "", "the mutant that TestReplay runs")
	firstFlag  = flag.Uint64("first", 1, "the first seed of TestSchedules")
	countFlag  = flag.Uint64("schedules", 2000, "how many seeds TestSchedules runs")
)

// workers share the seeds out.
const workers = 4

// TestSchedules runs the schedules of many seeds.
func TestSchedules(t *testing.T) {
	if raced {
		*countFlag = min(*countFlag, 100)
	}
	for n := range uint64(workers) {
		t.Run(fmt.Sprint("worker ", n), func(t *testing.T) {
			t.Parallel()
			for seed := *firstFlag + n; seed < *firstFlag+*countFlag && failures.Load() < 5; seed += workers {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { prove(t, generate(seed)) })
			}
		})
	}
}

var failures atomic.Int32

func prove(t *testing.T, s schedule) {
	t.Helper()
	out := run(t, s, mutant{})
	if len(out.violations) == 0 {
		return
	}
	failures.Add(1)
	small := shrunk(t, s, mutant{}, *shrinkFlag)
	t.Errorf("%s\n\nreplay it with:  go test ./engine/simulation -run TestReplay -seed=%d -v\n\nas little as this fails too (the first line says how):\n%s%s",
		strings.Join(out.violations, "\n"), s.Seed, small, strings.Join(run(t, small, mutant{}).log, "\n"))
}

// TestReplay shows one seed with everything that happens: go test ./engine/simulation -run TestReplay -seed=N -v.
func TestReplay(t *testing.T) {
	if *seedFlag == 0 {
		return
	}
	s := generate(*seedFlag)
	t.Log("\n" + s.String())
	var m mutant
	for i := range mutants {
		if mutants[i].name == *mutantFlag {
			m, s = mutants[i], plain(*seedFlag)
		}
	}
	out := run(t, s, m)
	t.Log("\n" + strings.Join(out.log, "\n"))
	t.Logf("%d calls in %v of virtual time", out.calls, out.virtual)
	for _, v := range out.violations {
		t.Error(v)
	}
}

// TestDeterminism: the same seed gives the same run, call by call; otherwise a seed that fails could not be replayed. Times may
// differ by milliseconds: what happens at one virtual instant in two goroutines has no order.
func TestDeterminism(t *testing.T) {
	const seeds = 50
	same := 0
	for seed := uint64(1); seed <= seeds; seed++ {
		if a, b := story(run(t, generate(seed), mutant{})), story(run(t, generate(seed), mutant{})); a == b {
			same++
		}
	}
	t.Logf("%d of %d seeds gave the same run twice", same, seeds)
	if same < seeds*9/10 {
		t.Errorf("only %d of %d seeds gave the same run twice", same, seeds)
	}
}

// story is a log without its times.
func story(r result) string {
	lines := make([]string, 0, len(r.log))
	for _, line := range r.log {
		_, what, _ := strings.Cut(line, "s  ")
		what, _, _ = strings.Cut(what, ", again at ")
		lines = append(lines, what)
	}
	return strings.Join(lines, "\n")
}

// FuzzSchedules runs schedules without end: make fuzz.
func FuzzSchedules(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { prove(t, generate(seed)) })
}
