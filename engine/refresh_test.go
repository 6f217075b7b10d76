package engine

import (
	"context"
	"testing"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// overtaking is a store in which an administrator pauses, or resumes, just after the runner has read how it stands.
type overtaking struct {
	Store
	paused    bool // as it was read
	meanwhile func()
}

func (s overtaking) Runner(context.Context, string, string) (provision.RunnerState, error) {
	s.meanwhile()
	return provision.RunnerState{Paused: s.paused}, nil
}

func (overtaking) LatestRevision(context.Context, string) (provision.Revision, error) {
	return provision.Revision{}, problem.Missing("revision")
}

// TestPauseIsNotUndone: what an administrator has been answered stands above what the runner read a moment before.
func TestPauseIsNotUndone(t *testing.T) {
	for _, paused := range []bool{true, false} {
		r := &runner{wake: make(chan struct{}, 1), stop: make(chan struct{}), paused: !paused}
		r.engine = &Engine{store: overtaking{paused: !paused, meanwhile: func() { r.pause(paused) }}}
		if _, err := r.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.paused != paused || r.state.Paused != paused || r.stopping() != paused {
			t.Errorf("answered that paused is %v, and then it is %v (%v for the turn)", paused, r.paused, r.state.Paused)
		}
	}
	// Asked for in another process: what is read counts.
	r := &runner{wake: make(chan struct{}, 1), stop: make(chan struct{})}
	r.engine = &Engine{store: overtaking{paused: true, meanwhile: func() {}}}
	if _, err := r.refresh(t.Context()); err != nil || !r.paused || !r.state.Paused {
		t.Errorf("a pause from elsewhere: %v, %v %v", err, r.paused, r.state.Paused)
	}
}
