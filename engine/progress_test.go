package engine

import (
	"math"
	"testing"
	"time"

	"lockstep/provision"
)

// TestProgressClockPutBack: a rate that is no number could not be stored, and would end the runner.
func TestProgressClockPutBack(t *testing.T) {
	at := time.Now()
	p := newProgress(provision.RunnerState{})
	p.started(at)
	p.count()
	for _, back := range []time.Duration{0, time.Second, 2 * time.Second, time.Hour} {
		if _, done, rate := p.figures(at.Add(-back)); done != 1 || rate < 0 || math.IsInf(rate, 0) || math.IsNaN(rate) {
			t.Errorf("%s back: %d done, %g a minute", back, done, rate)
		}
	}
}
