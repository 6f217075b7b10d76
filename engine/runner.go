package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lockstep/internal/problem"
	"lockstep/provision"
)

const (
	leaseFor   = 12 * time.Second // a dead runner's connection is free after this
	leaseRenew = 3 * time.Second
	lastCalls  = 7 * time.Second        // calls under way may take so long when the runner ends; the lease outlives them
	idleTick   = time.Second            // how often an idle runner looks for what nobody told it of
	saveEvery  = time.Second            // how often a busy runner's state is kept
	feedBatch  = 500                    // changes taken at once
	probeFirst = 5 * time.Second        // a halted connection is probed with growing gaps
	probeLast  = 10 * time.Minute       //
	emitEvery  = 250 * time.Millisecond // live progress
)

// runner drains one connection for one slice of time. Its loop is single-threaded; visits run beside it.
type runner struct {
	engine       *Engine
	envID        string
	connectionID string
	state        provision.RunnerState
	term         *term
	line         *line
	pacer        *pacer
	recorder     *recorder
	progress     *progress
	wake         chan struct{}
	stop         chan struct{} // closed when no new call may be made
	stopOnce     sync.Once
	calls        context.Context // of calls under way; ends later than the slice
	cancelCalls  context.CancelFunc

	mu       sync.Mutex
	inflight map[string]bool // objects in a visit
	backfill map[string]bool // of them: those of the lowest priority
	repeat   map[string]bool // objects that changed during their visit
	retake   map[string]bool // of them: those whose visit is over
	halted   *provision.Fault
	failure  error
	paused   bool
	pauses   int  // how often paused was set
	failures int  // of the target, in a row
	tripped  bool // the tripwire stopped the connection
	trips    int  // how often it did
	stale    bool // the line was compiled for attributes that have changed
	groups   groupWork
	visits   int64            // how many visits have ended
	ended    map[string]int64 // while the target is listed: when the last visit of an object ended, in visits

	listing            *listing // under way; nil = none
	reading            *reading // of groups; nil = none
	gate               gate
	hurtAt             time.Time // when those were counted whom updates deactivated
	hurtLately         int64     // how many they were
	rescueAt           time.Time // not before this are people activated again, after a failure
	rescues            int       // failures in a row
	savedAt, emittedAt time.Time
	secretsSeen        string
	timeUp             atomic.Bool // the slice is over, but for a listing under way
	quiet              bool        // nothing is due, and those who watch were told
	died               bool        // whoever ran the connection before did not end well
}

// RunSlice drains a connection until the time is over, ctx ends, or nothing lets it run. It is how work gets done: whoever
// schedules calls it again while RunSlice's connection is runnable. It fails with provision.ErrLeased while another process
// runs the connection. A listing of the target that is under way when the time is over is read to its end, as the next slice could only
// begin it anew: a large workspace takes minutes to list.
func (e *Engine) RunSlice(ctx context.Context, envID, connectionID string, length time.Duration) error {
	term := &term{engine: e, envID: envID, connectionID: connectionID}
	state, err := term.take(ctx)
	if err != nil {
		return err
	}
	r := &runner{
		engine: e, envID: envID, connectionID: connectionID, state: state, progress: newProgress(state), term: term,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), groups: newGroupWork(), inflight: map[string]bool{}, backfill: map[string]bool{}, repeat: map[string]bool{},
		retake: map[string]bool{},
	}
	r.died, r.state.Working = state.Working, true
	r.calls, r.cancelCalls = context.WithCancel(context.WithoutCancel(ctx))
	r.recorder = startRecorder(ctx, e.store, term.over)
	if !e.register(r) {
		r.recorder.stop()
		return provision.ErrLeased
	}
	sliceCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	clock := time.AfterFunc(length, func() { r.timeUp.Store(true); r.poke() })
	defer clock.Stop()
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		r.keepLease(sliceCtx, cancel)
	}()
	err = r.loop(sliceCtx)
	cancel()
	<-renewed
	return errors.Join(err, r.end(context.WithoutCancel(ctx)))
}

func (e *Engine) register(r *runner) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runners[r.connectionID] != nil {
		return false
	}
	e.runners[r.connectionID] = r
	return true
}

// keepLease renews the lease; when that fails, somebody else may run the connection, and no more calls are made.
func (r *runner) keepLease(ctx context.Context, lost context.CancelFunc) {
	ticker := time.NewTicker(leaseRenew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := r.term.take(ctx); err != nil && ctx.Err() == nil {
				r.engine.log.Error("the lease of a connection could not be renewed", "connection", r.connectionID, "error", err)
				r.halting()
				r.cancelCalls()
				lost()
				return
			}
		}
	}
}

// end lets calls in flight finish, keeps the state and gives the lease back.
func (r *runner) end(ctx context.Context) error {
	r.halting()
	r.endListing()
	r.endReading()
	timer := time.AfterFunc(lastCalls, r.cancelCalls)
	r.wait()
	timer.Stop()
	r.cancelCalls()
	if r.failing() == nil { // the last visits may have touched groups, and nothing else remembers who was woken
		if err := r.gather(ctx); err != nil {
			r.fail(err)
		}
	}
	r.recorder.stop()
	r.state.Working = r.died && r.pacer == nil // then it is not known still what is left of the budgets
	if r.failing() == nil {                    // otherwise somebody's result was not kept: whoever comes next reads them
		r.state.Visiting = nil
	}
	saved := r.keepState(ctx)
	r.engine.mu.Lock()
	delete(r.engine.runners, r.connectionID)
	r.engine.mu.Unlock()
	if err := r.engine.store.Unlease(ctx, r.connectionID, r.engine.owner); err != nil {
		return errors.Join(saved, fmt.Errorf("give the lease back: %w", err))
	}
	return saved
}

func (r *runner) halting() {
	r.stopOnce.Do(func() {
		close(r.stop)
		r.mu.Lock()
		pacer := r.pacer // who renews the lease comes here as well
		r.mu.Unlock()
		if pacer != nil {
			pacer.stop()
		}
	})
}

func (r *runner) stopping() bool {
	select {
	case <-r.stop:
		return true
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halted != nil || r.failure != nil || r.paused || r.tripped
}

func (r *runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// fail ends the slice with an error: the store cannot be reached. Everything that was due is due still.
func (r *runner) fail(err error) {
	r.mu.Lock()
	if r.failure == nil {
		r.failure = err
	}
	r.mu.Unlock()
	r.poke()
}

// loop takes turns until the slice is over: what is published, what changed, the reconciliation's next step, what is due.
func (r *runner) loop(ctx context.Context) error {
	err := r.keepState(ctx) // before the first call: should this process die, the next one must know
	if err == nil {
		err = r.takeOver(ctx)
	}
	if err != nil {
		r.fail(err) // whom the runner before was about to write is left to the next one
	}
	for ctx.Err() == nil && (!r.timeUp.Load() || r.listing != nil || r.reading.underWay()) {
		if err := r.failing(); err != nil {
			return err
		}
		pause, err := r.turn(ctx)
		if errors.Is(err, errRaced) {
			continue
		}
		if errors.Is(err, errStale) {
			r.mu.Lock()
			r.stale = true // compile again, then go on where this turn stopped
			r.mu.Unlock()
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the process stops, or the lease was lost
			}
			return err
		}
		if pause > 0 {
			r.idle(ctx, pause)
		}
	}
	return nil
}

func (r *runner) failing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// turn answers how long nothing is to be done; 0 = there is more.
func (r *runner) turn(ctx context.Context) (time.Duration, error) {
	runs, err := r.refresh(ctx)
	if err != nil {
		return 0, err
	}
	if !runs {
		return idleTick, nil
	}
	if ready, err := r.healthy(ctx); err != nil || !ready {
		return idleTick, err
	}
	if stopped, err := r.seeToTrip(ctx); err != nil || stopped {
		return idleTick, err
	}
	busy, err := r.ingest(ctx)
	if err != nil {
		return 0, err
	}
	swept, err := r.sweep(ctx)
	if err != nil {
		return 0, err
	}
	if err := r.reweigh(ctx); err != nil {
		return 0, err
	}
	if err := r.ripen(ctx); err != nil {
		return 0, err
	}
	if err := r.guard(ctx, !busy); err != nil {
		return 0, err
	}
	if err := r.dispatch(ctx); err != nil {
		return 0, err
	}
	if err := r.groupTurn(ctx); err != nil {
		return 0, err
	}
	r.report(ctx)
	if busy || swept {
		r.quiet = false
		return 0, nil
	}
	return r.untilDue(ctx)
}

// idle waits for a wake-up, the end of a visit, or the time given.
func (r *runner) idle(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-timer.C:
	}
}

func (r *runner) untilDue(ctx context.Context) (time.Duration, error) {
	r.mu.Lock()
	working := len(r.inflight)
	r.mu.Unlock()
	if working > 0 { // a visit that ends pokes
		r.quiet = false
		return idleTick, nil
	}
	next, err := r.engine.store.NextDue(ctx, r.connectionID)
	if err != nil {
		return 0, fmt.Errorf("read due work: %w", err)
	}
	if (next.IsZero() || next.After(r.engine.now())) && !r.quiet {
		r.quiet = true
		if err := r.unannounce(ctx); err != nil {
			return 0, err
		}
		r.tell() // whoever watches sees at once that all is done
	}
	if next.IsZero() {
		return idleTick, nil
	}
	return min(max(next.Sub(r.engine.now()), time.Millisecond), idleTick), nil
}

// wait returns when no visit is under way.
func (r *runner) wait() {
	for {
		r.mu.Lock()
		n := len(r.inflight)
		r.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-r.wake:
		case <-time.After(idleTick):
		}
	}
}

// save keeps the runner's state.
func (r *runner) keepState(ctx context.Context) error {
	now := r.engine.now()
	r.mu.Lock()
	s := r.state
	r.mu.Unlock()
	if r.pacer != nil {
		left := r.pacer.left()
		s.Budgets, s.BudgetsAt, s.NotBefore = left.levels, left.at, left.notBefore
	}
	s.LastSyncAt, s.Done, s.RatePerMinute = r.progress.figures(now)
	r.state.LastSyncAt = s.LastSyncAt
	r.savedAt = now
	if err := r.engine.store.SaveRunner(ctx, r.engine.owner, s); err != nil {
		return fmt.Errorf("keep the runner's state: %w", err)
	}
	return nil
}

// report keeps the state of a busy runner now and then, and tells those who watch.
func (r *runner) report(ctx context.Context) {
	now := r.engine.now()
	if r.progress.moved() && now.Sub(r.savedAt) >= saveEvery {
		if err := r.keepState(ctx); err != nil && ctx.Err() == nil {
			r.fail(err)
		}
	}
	if now.Sub(r.emittedAt) >= emitEvery {
		r.tell()
	}
}

// tell tells those who watch that something has happened.
func (r *runner) tell() {
	r.emittedAt = r.engine.now()
	r.engine.emit(provision.Event{Type: "progress", EnvironmentID: r.envID, ConnectionID: r.connectionID})
}

func notFound(err error) bool { return problem.Is(err, problem.NotFound) }
