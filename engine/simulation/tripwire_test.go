package simulation

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/engine"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

const (
	betray deed = "betray" // the next N updates deactivate, as Slack's did in April 2024
	untrip deed = "untrip" // an administrator lets the connection go on, if the tripwire stopped it
)

// answering is a target that loses no answers: one that does hides whom it hurt, and then it may be more than five
// (docs/decisions/0028).
func answering(s schedule) schedule {
	s.Events = slices.DeleteFunc(s.Events, func(e event) bool {
		return e.Do == fault && (strings.Contains(e.Text, "after") || strings.Contains(e.Text, "lost") || strings.Contains(e.Text, "hang"))
	})
	return s
}

// hostile is a schedule in which the target deactivates people when they are updated.
func hostile(seed uint64) schedule {
	s := plain(seed)
	r := rand.New(rand.NewPCG(seed, 0x7a1b))
	at := func() int { return r.IntN(len(s.Events) + 1) }
	for range 1 + r.IntN(2) {
		// Everybody is updated in the middle of it: another mark for all, published.
		wave := []event{{Gap: time.Second, Do: betray, N: 1 + r.IntN(40)}, {Do: ruleMark, Who: r.IntN(len(s.Rules))}, {Do: publish}}
		s.Events = slices.Insert(s.Events, at(), wave...)
	}
	for range 1 + r.IntN(3) {
		s.Events = slices.Insert(s.Events, at(), event{Gap: time.Duration(1+r.IntN(30)) * time.Second, Do: untrip})
	}
	return s
}

// TestTripwireSchedules: whatever else happens, crashes among it, updates that deactivate hurt at most five people until an administrator
// lets the connection go on; and in the end everybody stands as they should.
func TestTripwireSchedules(t *testing.T) {
	for n := range uint64(workers) {
		t.Run("worker", func(t *testing.T) {
			t.Parallel()
			for seed := 1 + n; seed < min(*countFlag, 400) && failures.Load() < 5; seed += workers {
				if out := run(t, answering(hostile(seed)), mutant{}); len(out.violations) > 0 {
					failures.Add(1)
					t.Errorf("seed %d: %s\n%s", seed, strings.Join(out.violations, "\n"), strings.Join(out.log, "\n"))
				}
			}
		})
	}
}

// TestTripwireMutations: the simulation notices when the tripwire does not work.
func TestTripwireMutations(t *testing.T) {
	caught(t, []mutant{
		{name: "nobody counts whom updates hurt", seed: 31, store: func(s engine.Store) engine.Store { return uncounted{s} }},
		{name: "the trip is forgotten", seed: 31, store: func(s engine.Store) engine.Store { return forgetful{s} }},
	}, mutationSeeds, hostile)
}

type uncounted struct{ engine.Store }

func (uncounted) CountHurt(context.Context, string, time.Time) (int64, error) { return 0, nil }

// forgetful is a store in which a trip is not kept, so that every process trips anew.
type forgetful struct{ engine.Store }

func (s forgetful) Runner(ctx context.Context, envID, connectionID string) (provision.RunnerState, error) {
	r, err := s.Store.Runner(ctx, envID, connectionID)
	r.Trip = nil
	return r, err
}

func (s forgetful) CountHurt(ctx context.Context, id string, _ time.Time) (int64, error) {
	return s.Store.CountHurt(ctx, id, time.Now().Add(time.Second)) // and neither are those who were hurt
}

func (w *world) atTripwire(e event) error {
	if e.Do == betray {
		w.mu.Lock()
		w.betrayed = true
		w.mu.Unlock()
		w.workspace.Inject(sandbox.Fault{Method: "PATCH", PathPrefix: "/Users/", Times: e.N, DeactivateOnUpdate: true})
		return nil
	}
	err := w.current().engine.Untrip(atDoor(w.ctx), w.env.ID, w.connection.ID, provision.TripResume)
	if problem.Is(err, problem.Conflict) {
		return nil // nothing is stopped
	}
	w.mu.Lock()
	clear(w.hurt) // from now on it may begin anew
	w.mu.Unlock()
	return err
}

// wasBetrayed notes somebody whom an update deactivated because the target misbehaves. It reports whether that is what happened.
func (w *world) wasBetrayed(who int, id string) bool {
	w.mu.Lock()
	if !w.betrayed {
		w.mu.Unlock()
		return false
	}
	w.truth.drifted[who] = true
	if w.hurt == nil {
		w.hurt = map[string]time.Time{}
	}
	now := time.Now()
	for other, at := range w.hurt {
		if now.Sub(at) > provision.TripWindow {
			delete(w.hurt, other)
		}
	}
	w.hurt[id] = now
	many := len(w.hurt)
	w.mu.Unlock()
	if many > provision.TripHurtMost {
		w.violate("%d people were deactivated by updates within an hour", many)
	}
	return true
}

// endBetrayal: the target behaves again, and an administrator lets the connection go on.
func (w *world) endBetrayal() error {
	w.workspace.ClearFaults()
	return w.atTripwire(event{Do: untrip})
}
