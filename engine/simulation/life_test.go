package simulation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lockstep/engine"
	"lockstep/provision"
)

// life is one process that runs the engine, from its start to its end or its death. A dead process has no effects: its writes
// and calls fail, but for requests that were on their way.
type life struct {
	w      *world
	n      int
	engine *engine.Engine
	ctx    context.Context
	cancel context.CancelFunc
	dead   chan struct{}
	once   sync.Once
	ended  chan struct{}
	wanted chan struct{}
	leased atomic.Bool

	mu              sync.Mutex
	writes, calls   int // until the crash; 0: none is planned
	atWrite, atCall string
}

func (w *world) newLife(n int) *life {
	l := &life{w: w, n: n, dead: make(chan struct{}), ended: make(chan struct{}), wanted: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(w.ctx)
	l.engine = engine.New(w.engineConfig(l))
	return l
}

// begin starts the process.
func (w *world) begin() {
	w.mu.Lock()
	l := w.life
	w.mu.Unlock()
	w.lives.Go(l.run)
}

// run does what the schedule does: slice after slice, while the connection is to be run.
func (l *life) run() {
	defer close(l.ended)
	l.w.rough()
	for l.ctx.Err() == nil {
		runnable, err := l.engine.Runnable(l.ctx, l.w.env.ID)
		if err != nil || len(runnable) == 0 {
			l.wait(2 * time.Second)
			continue
		}
		err = l.engine.RunSlice(l.ctx, l.w.env.ID, l.w.connection.ID, l.w.s.Runner.Slice)
		switch {
		case l.ctx.Err() != nil:
		case errors.Is(err, provision.ErrLeased):
			l.w.rough()
			l.wait(2 * time.Second)
		case err != nil:
			l.w.trace("the runner ended: %v", err)
			if !errors.Is(err, errStore) && !errors.Is(err, errDead) && !l.isDead() {
				l.w.violate("the runner ended with an error that nobody injected: %v", err)
			}
			l.wait(2 * time.Second)
		}
	}
}

func (l *life) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-l.ctx.Done():
	case <-l.wanted:
	case <-timer.C:
	}
}

func (l *life) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

// die ends all effects of the process at once.
func (l *life) die() {
	l.once.Do(func() { close(l.dead) })
	l.cancel()
}

// crash is death, and the start of the next process.
func (l *life) crash() {
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.isDead() || w.life != l {
		return
	}
	l.die()
	w.crashes++
	next := w.newLife(l.n + 1)
	w.life = next
	clear(w.memory)
	w.lives.Go(func() {
		<-time.After(w.restartAfter(l.n))
		next.run()
	})
}

func (w *world) restartAfter(n int) time.Duration {
	// Not before what is on its way has arrived: a write that overtakes a later one is beyond any client's power.
	return time.Duration(200+w.hash("restart", fmt.Sprint(n))%500) * time.Millisecond
}

// stop ends the process in good order, and waits for it.
func (l *life) stop() {
	l.cancel()
	<-l.ended
}

// restart ends the process in good order and starts another after a time.
func (w *world) restart(after time.Duration) {
	l := w.current()
	for l.stop(); l != w.current(); l.stop() { // it crashed while it was ending
		l = w.current()
	}
	w.rest(after)
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.newLife(l.n + 1)
	w.life = next
	clear(w.memory)
	w.lives.Go(next.run)
}

func (l *life) planCrash(writes, calls int, when string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if writes > 0 {
		l.writes, l.atWrite = writes, when
	}
	if calls > 0 {
		l.calls, l.atCall = calls, when
	}
}

func (l *life) forgetCrash() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes, l.calls = 0, 0
}

func (l *life) countWrite() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writes == 0 {
		return ""
	}
	if l.writes--; l.writes > 0 {
		return ""
	}
	return l.atWrite
}

func (l *life) countCall() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == 0 {
		return ""
	}
	if l.calls--; l.calls > 0 {
		return ""
	}
	return l.atCall
}

// pass lets time pass for the process, until it dies.
func (l *life) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.dead:
	}
}

// fly reports whether the time passed before the process died or gave the call up.
func (l *life) fly(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.dead:
		return false
	case <-ctx.Done():
		return false
	}
}
