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
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the seed that TestReplay runs")
	firstFlag = flag.Uint64("first", 1, "the first seed of TestSchedules")
	countFlag = flag.Uint64("schedules", 2000, "how many seeds TestSchedules runs")
)

// workers share the seeds out.
const workers = 4

// TestSchedules runs the schedules of many seeds.
func TestSchedules(t *testing.T) {
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
	if len(out.violations) > 0 {
		failures.Add(1)
		t.Errorf("%s\nreplay it with: go test ./engine/simulation -run TestReplay -seed=%d -v", strings.Join(out.violations, "\n"), s.Seed)
	}
}

// TestReplay shows one seed with everything that happens.
func TestReplay(t *testing.T) {
	if *seedFlag == 0 {
		return
	}
	s := generate(*seedFlag)
	t.Log("\n" + s.String())
	out := run(t, s, mutant{})
	t.Log("\n" + strings.Join(out.log, "\n"))
	t.Logf("%d calls in %v", out.calls, out.virtual)
	for _, v := range out.violations {
		t.Error(v)
	}
}
