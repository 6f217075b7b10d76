package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

const (
	leaseFor   = 12 * time.Second // a dead runner's connection is free after this
	leaseRenew = 3 * time.Second
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
	halted   *provision.Fault
	failure  error
	paused   bool

	savedAt, emittedAt time.Time
	secretsSeen        string
}

// RunSlice drains a connection until the time is over, ctx ends, or nothing lets it run. It is how work gets done: whoever
// schedules calls it again while RunSlice's connection is runnable. It fails with provision.ErrLeased while another process
// runs the connection.
func (e *Engine) RunSlice(ctx context.Context, envID, connectionID string, length time.Duration) error {
	now := e.now()
	state, err := e.store.Lease(ctx, envID, connectionID, e.owner, now.Add(leaseFor), now)
	if err != nil {
		return err
	}
	r := &runner{
		engine: e, envID: envID, connectionID: connectionID, state: state, progress: newProgress(state),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), inflight: map[string]bool{}, backfill: map[string]bool{}, repeat: map[string]bool{},
	}
	r.calls, r.cancelCalls = context.WithCancel(context.WithoutCancel(ctx))
	r.recorder = startRecorder(ctx, e.store)
	if !e.register(r) {
		r.recorder.stop()
		return provision.ErrLeased
	}
	sliceCtx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
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
			now := r.engine.now()
			if _, err := r.engine.store.Lease(ctx, r.envID, r.connectionID, r.engine.owner, now.Add(leaseFor), now); err != nil && ctx.Err() == nil {
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
	timer := time.AfterFunc(leaseFor-leaseRenew, r.cancelCalls)
	r.wait()
	timer.Stop()
	r.cancelCalls()
	r.recorder.stop()
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
		if r.pacer != nil {
			r.pacer.stop()
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
	return r.halted != nil || r.failure != nil || r.paused
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
	for ctx.Err() == nil {
		if err := r.failing(); err != nil {
			return err
		}
		pause, err := r.turn(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the slice ended in the middle of a turn
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
	busy, err := r.ingest(ctx)
	if err != nil {
		return 0, err
	}
	swept, err := r.sweep(ctx)
	if err != nil {
		return 0, err
	}
	if err := r.dispatch(ctx); err != nil {
		return 0, err
	}
	r.report(ctx, false)
	if busy || swept {
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
	next, err := r.engine.store.NextDue(ctx, r.connectionID)
	if err != nil {
		return 0, fmt.Errorf("read due work: %w", err)
	}
	r.mu.Lock()
	working := len(r.inflight)
	r.mu.Unlock()
	if next.IsZero() || working > 0 { // a visit that ends pokes
		return idleTick, nil
	}
	return min(max(next.Sub(r.engine.now()), time.Millisecond), idleTick), nil
}

// refresh takes over what is published and whether the connection is paused. It reports whether it may run.
func (r *runner) refresh(ctx context.Context) (bool, error) {
	stored, err := r.engine.store.Runner(ctx, r.envID, r.connectionID)
	if err != nil {
		return false, fmt.Errorf("read the runner's state: %w", err)
	}
	r.state.Paused, r.state.Resync = stored.Paused, stored.Resync
	r.mu.Lock()
	r.paused = stored.Paused
	r.mu.Unlock()
	revision, err := r.engine.store.LatestRevision(ctx, r.envID)
	if notFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the newest revision: %w", err)
	}
	c, ok := revision.Snapshot.Connection(r.connectionID)
	if !ok {
		return false, nil
	}
	current, err := r.engine.store.Connection(ctx, r.envID, r.connectionID)
	if notFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the connection: %w", err)
	}
	c.Secrets = current.Secrets
	if err := r.open(ctx, revision, c); err != nil {
		return false, err
	}
	_, runs := r.line.runs()
	return runs && !r.state.Paused, nil
}

// open compiles the connection again when its revision or its secrets are new, and lets the revision take effect.
func (r *runner) open(ctx context.Context, revision provision.Revision, c provision.Connection) error {
	print := fingerprint(c)
	if r.line != nil && r.state.RevisionID == revision.ID && r.secretsSeen == print {
		return nil
	}
	if r.line != nil {
		r.wait() // visits under way decide by the old line
	}
	kind, ok := r.engine.types[c.Type]
	if !ok {
		return fmt.Errorf("connection %q has the type %s, which this version of Lockstep does not know", c.Name, c.Type)
	}
	levels, at := r.state.Budgets, r.state.BudgetsAt
	if r.pacer != nil {
		levels, at = r.pacer.levels(), r.engine.now()
	}
	factor := provision.Effective(kind.Describe(), c)
	pacer := newPacer(kind.Budgets(), factor.Number(provision.KeyRateLimitFactor, 1), levels, at, r.engine.now)
	line, err := r.engine.compile(ctx, r.envID, &revision.Snapshot, c, pacer.pace)
	if err != nil {
		return err
	}
	reconnected := r.secretsSeen != "" && r.secretsSeen != print
	r.pacer, r.line, r.secretsSeen = pacer, line, print
	if reconnected {
		r.mu.Lock()
		r.halted, r.state.Halt = nil, nil // new credentials: try at once
		r.mu.Unlock()
	}
	if r.state.RevisionID == revision.ID {
		return nil
	}
	return r.publish(ctx, revision)
}

// publish lets a new revision take effect: deleted rules first, then everybody is evaluated against it.
func (r *runner) publish(ctx context.Context, revision provision.Revision) error {
	for _, rule := range revision.Snapshot.Deleted {
		if rule.TargetID != r.connectionID {
			continue
		}
		if rule.DeprovisionOnDelete {
			q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, RuleID: rule.ID}
			cause := fmt.Sprintf("rule %q was deleted, with deprovisioning", rule.Name)
			if _, err := r.engine.store.MarkDue(ctx, q, r.engine.now(), provision.PriorityDeprovision, cause); err != nil {
				return fmt.Errorf("mark the accounts of a deleted rule: %w", err)
			}
			continue
		}
		if _, err := r.engine.store.Release(ctx, r.connectionID, rule.ID); err != nil {
			return fmt.Errorf("release the accounts of a deleted rule: %w", err)
		}
	}
	first := r.state.RevisionID == ""
	r.state.RevisionID = revision.ID
	if _, runs := r.line.runs(); runs && r.line.rules.Any() {
		r.begin(fmt.Sprintf("revision %d was published", revision.Number), first || r.state.LastSyncAt.IsZero())
	}
	return r.keepState(ctx)
}

// healthy makes sure that the connection works before anything is written: a configuration that was not tested is tested,
// a halted one is probed when its time has come.
func (r *runner) healthy(ctx context.Context) (bool, error) {
	r.mu.Lock()
	halt := r.state.Halt
	if r.halted != nil && halt == nil {
		halt = &provision.Halt{Fault: r.halted, Since: r.engine.now(), ProbeAt: r.engine.now().Add(probeFirst), Attempts: 1}
		r.state.Halt = halt
		r.engine.forgetCheck(r.connectionID)
	}
	r.mu.Unlock()
	if halt == nil && r.engine.passed(r.connectionID, r.secretsSeen) {
		return true, nil
	}
	if halt != nil && r.engine.now().Before(halt.ProbeAt) {
		r.report(ctx, false)
		return false, nil
	}
	r.wait()
	var fault *provision.Fault
	if checker, ok := r.line.target.(connector.Checker); ok {
		fault = checksFault(checker.Check(withPriority(ctx, provision.PriorityDeprovision)))
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if fault != nil {
		return false, r.stayHalted(ctx, halt, fault)
	}
	r.mu.Lock()
	r.halted, r.state.Halt = nil, nil
	r.mu.Unlock()
	r.engine.pass(r.connectionID, r.secretsSeen)
	if halt != nil {
		r.note(actionResumed, true, "the connection works again; provisioning goes on")
	}
	return true, r.keepState(ctx)
}

func (r *runner) stayHalted(ctx context.Context, before *provision.Halt, fault *provision.Fault) error {
	now := r.engine.now()
	halt := &provision.Halt{Fault: fault, Since: now, Attempts: 1}
	if before != nil {
		halt.Since, halt.Attempts = before.Since, before.Attempts+1
	}
	halt.ProbeAt = now.Add(backoff(halt.Attempts, probeFirst, probeLast))
	r.mu.Lock()
	r.halted, r.state.Halt = fault, halt
	r.mu.Unlock()
	if before == nil || before.Fault.Message != fault.Message {
		r.note(actionHalted, false, "provisioning is halted: "+fault.Error())
	}
	return r.keepState(ctx)
}

// halt stops the connection: with the calls in flight nothing more is sent.
func (r *runner) halt(fault *provision.Fault) {
	r.mu.Lock()
	first := r.halted == nil
	if first {
		r.halted = fault
	}
	r.mu.Unlock()
	if first {
		r.note(actionHalted, false, "provisioning is halted: "+fault.Error())
	}
	r.poke()
}

func (e *Engine) passed(connectionID, print string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.checked[connectionID] == print
}

func (e *Engine) pass(connectionID, print string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checked[connectionID] = print
}

func (e *Engine) forgetCheck(connectionID string) { e.pass(connectionID, "") }

// ingest takes over what changed in the directory: it evaluates whom it concerns and marks what is due. The cursor moves
// after the marks are kept, so a crash only evaluates again.
func (r *runner) ingest(ctx context.Context) (bool, error) {
	changes, err := r.engine.store.Changes(ctx, r.envID, r.state.Cursor, feedBatch)
	if err != nil {
		return false, fmt.Errorf("read the feed: %w", err)
	}
	if len(changes) == 0 {
		return false, nil
	}
	ids, everybody := concerned(changes)
	if everybody {
		// An attribute or a population changed: anybody may stand differently now. The line is compiled anew for it.
		r.secretsSeen = ""
		r.begin("attributes or populations were edited", false)
	}
	if err := r.reconsider(ctx, ids, provision.PriorityLive, "edited in the directory"); err != nil {
		return false, err
	}
	r.state.Cursor = changes[len(changes)-1].Seq
	return true, r.keepState(ctx)
}

func concerned(changes []directory.Change) (ids []string, everybody bool) {
	seen := make(map[string]bool, len(changes))
	for _, c := range changes {
		switch c.Kind {
		case directory.KindUser:
			if !seen[c.ObjectID] {
				seen[c.ObjectID] = true
				ids = append(ids, c.ObjectID)
			}
		default:
			everybody = true
		}
	}
	return ids, everybody
}

// reconsider evaluates users and keeps what is due. Objects in a visit are evaluated again when the visit ends.
func (r *runner) reconsider(ctx context.Context, ids []string, p provision.Priority, cause string) error {
	items, err := r.line.evaluate(ctx, r.engine.store, r.envID, r.free(ids))
	if err != nil {
		return err
	}
	return r.keep(ctx, items, p, cause)
}

func (r *runner) keep(ctx context.Context, items []*item, p provision.Priority, cause string) error {
	now := r.engine.now()
	var rows []*provision.Account
	for _, it := range items {
		if it.concerns() && it.mark(r.line, now, p, cause) {
			it.row.UpdatedAt = now
			rows = append(rows, it.row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := r.engine.store.Record(ctx, rows, nil, nil); err != nil {
		return fmt.Errorf("mark due work: %w", err)
	}
	return nil
}

// free leaves out the objects in a visit, and notes that they changed.
func (r *runner) free(ids []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if r.inflight[id] {
			r.repeat[id] = true
			continue
		}
		out = append(out, id)
	}
	return out
}

// again reports, once, that an object changed during its visit.
func (r *runner) again(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.repeat[id]
	delete(r.repeat, id)
	return changed
}

// dispatch starts visits of what is due while there are free slots. A quarter of the slots is kept from the backfill, so that
// an edit just made does not wait behind it.
func (r *runner) dispatch(ctx context.Context) error {
	r.mu.Lock()
	free := r.engine.slots - len(r.inflight)
	backfill := r.engine.slots*3/4 - len(r.backfill)
	except := make([]string, 0, len(r.inflight))
	for id := range r.inflight {
		except = append(except, id)
	}
	r.mu.Unlock()
	if free < r.engine.slots/8 && free < r.engine.slots {
		return nil // wait for a few, and read them together
	}
	due, err := r.engine.store.DueAccounts(ctx, r.connectionID, r.engine.now(), except, free)
	if err != nil {
		return fmt.Errorf("read due work: %w", err)
	}
	var ids []string
	r.mu.Lock()
	for _, a := range due {
		low := a.Priority >= provision.PriorityBackfill
		if low && backfill <= 0 || r.inflight[a.ObjectID] {
			continue
		}
		if low {
			backfill--
			r.backfill[a.ObjectID] = true
		}
		r.inflight[a.ObjectID] = true
		ids = append(ids, a.ObjectID)
	}
	r.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	r.progress.started(r.engine.now())
	go func() {
		if err := r.Sync(r.calls, ids, r.visited); err != nil {
			for _, id := range ids {
				r.visited(id)
			}
			if r.calls.Err() == nil {
				r.fail(err)
			}
		}
	}()
	return nil
}

func (r *runner) visited(id string) {
	r.mu.Lock()
	delete(r.inflight, id)
	delete(r.backfill, id)
	left := len(r.inflight)
	r.mu.Unlock()
	if left == 0 || left%8 == 0 {
		r.poke()
	}
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
		s.Budgets, s.BudgetsAt = r.pacer.levels(), now
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
func (r *runner) report(ctx context.Context, force bool) {
	now := r.engine.now()
	if r.progress.moved() && (force || now.Sub(r.savedAt) >= saveEvery) {
		if err := r.keepState(ctx); err != nil && ctx.Err() == nil {
			r.fail(err)
		}
	}
	if force || now.Sub(r.emittedAt) >= emitEvery {
		r.emittedAt = now
		r.engine.emit(provision.Event{Type: "progress", EnvironmentID: r.envID, ConnectionID: r.connectionID})
	}
}

func notFound(err error) bool { return problem.Is(err, problem.NotFound) }

// fingerprint changes when the configuration or a secret does. It tells nothing about the secret.
func fingerprint(c provision.Connection) string {
	h := sha256.New()
	raw, _ := json.Marshal(c.Settings) // maps of plain values always marshal
	h.Write(raw)
	for _, key := range sortedKeys(c.Secrets) {
		fmt.Fprintf(h, "\x00%s\x00%s", key, c.Secrets[key].Reveal())
	}
	return hex.EncodeToString(h.Sum(nil))
}
