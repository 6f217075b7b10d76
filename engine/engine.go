// Package engine carries changes to targets. It follows the directory's feed, decides with the pure stages (scope, mapping,
// plan) what should be done, and calls the targets within their budgets, one runner a connection.
//
// Work is level-triggered: a due row of the link table is work, and it is planned from today's state each time. Nothing else
// is queued, so nothing can be lost, doubled or reordered. See docs/states.md.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

// Config is what an engine is made of. Store, Types and Client are needed.
type Config struct {
	Store    Store
	Types    []connector.Type
	Client   *http.Client // for all calls to targets
	Now      func() time.Time
	Logger   *slog.Logger
	Owner    string   // this process, in leases; made up when empty
	Slots    int      // calls under way at once, a connection; default 128
	Observer Observer // nil: nobody asks
	// Jitter answers a random number from 0 to n: retries are spread by it.
	Jitter func(n int64) int64
	// Wanted is called when a connection should be run and no runner of this process does.
	Wanted func(envID string)
	// Announce tells the other processes on the same database what Wake tells this one; they call Heard. nil: there are none.
	Announce func(envID string)
}

// Engine decides and acts for all connections. It is safe for concurrent use.
type Engine struct {
	store    Store
	types    map[string]connector.Type
	client   *http.Client
	now      func() time.Time
	log      *slog.Logger
	owner    string
	slots    int
	jitter   func(n int64) int64
	wanted   func(envID string)
	tell     func(envID string)
	observer Observer

	previews chan struct{} // holds one for each preview that is being made

	mu      sync.Mutex
	runners map[string]*runner // by connection
	checked map[string]string  // connection -> fingerprint of the configuration that passed its test
	events  map[int]subscription
	nextSub int
	// baselines: by connection and object, see keepBaseline
	baselines map[string]baseline
	counted   map[string]counted // by connection, rule and kind, see countNow
	memos     map[string]*memo   // by connection: what a reconciliation has found out until now
}

// New makes an engine. It does nothing until RunSlice is called.
func New(c Config) *Engine {
	e := &Engine{
		store: c.Store, types: map[string]connector.Type{}, client: c.Client, now: c.Now, log: c.Logger, owner: c.Owner,
		slots: c.Slots, jitter: c.Jitter, wanted: c.Wanted, tell: c.Announce, observer: c.Observer,
		runners: map[string]*runner{}, checked: map[string]string{}, events: map[int]subscription{},
		previews:  make(chan struct{}, previewsAtOnce),
		baselines: map[string]baseline{}, memos: map[string]*memo{}, counted: map[string]counted{},
	}
	for _, t := range c.Types {
		e.types[t.Describe().Name] = t
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.owner == "" {
		e.owner = uuid.NewString()
	}
	if e.slots == 0 {
		e.slots = 128
	}
	if e.jitter == nil {
		e.jitter = func(n int64) int64 { return rand.Int64N(n + 1) } //nolint:gosec // jitter needs no secrecy
	}
	return e
}

// Wake tells the runners of an environment that something was edited, published or asked for. It costs next to nothing.
func (e *Engine) Wake(envID string) {
	if none := !e.Heard(envID); none && e.wanted != nil {
		e.wanted(envID)
	}
	if e.tell != nil {
		e.tell(envID)
	}
}

// Heard is Wake for what another process did: it reaches the runners of this one. "" = any environment may be concerned. It
// reports whether there were any.
func (e *Engine) Heard(envID string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	any := false
	for _, r := range e.runners {
		if r.envID == envID || envID == "" {
			any = true
			r.poke()
		}
	}
	return any
}

// Refresh is Wake for what may have changed which connections are to run: a revision.
func (e *Engine) Refresh(envID string) {
	e.Wake(envID)
	if e.wanted != nil {
		e.wanted(envID)
	}
}

// Owner is this process in leases.
func (e *Engine) Owner() string { return e.owner }

// Running reports whether a runner of this process drains the connection.
func (e *Engine) Running(connectionID string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runners[connectionID] != nil
}

// Runnable lists the connections of an environment that the newest revision lets provision.
func (e *Engine) Runnable(ctx context.Context, envID string) ([]string, error) {
	revision, err := e.store.LatestRevision(ctx, envID)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range revision.Snapshot.Connections {
		if c.Type != provision.TypeDirectory && c.Status == provision.Active {
			out = append(out, c.ID)
		}
	}
	return out, nil
}

type subscription struct {
	envID  string
	events chan provision.Event
}

// Subscribe follows what happens in an environment. A subscriber that does not keep up misses events, never holds anybody up.
func (e *Engine) Subscribe(envID string) (<-chan provision.Event, func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nextSub++
	id := e.nextSub
	s := subscription{envID: envID, events: make(chan provision.Event, 256)}
	e.events[id] = s
	return s.events, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.events, id)
	}
}

func (e *Engine) emit(event provision.Event) {
	event.At = e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.events {
		if s.envID == event.EnvironmentID {
			select {
			case s.events <- event:
			default:
			}
		}
	}
}

type (
	intentKey   struct{}
	priorityKey struct{}
)

// intent is noted after the budget allows the call and before the call is made, once.
type intent struct {
	once sync.Once
	note func() error
	err  error
}

func withIntent(ctx context.Context, note func() error) context.Context {
	return context.WithValue(ctx, intentKey{}, &intent{note: note})
}

func withPriority(ctx context.Context, p provision.Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

func priorityOf(ctx context.Context) provision.Priority {
	if p, ok := ctx.Value(priorityKey{}).(provision.Priority); ok && p != 0 {
		return p
	}
	return provision.PriorityBackfill
}

// pace waits for the budgets of one request, then notes the intent that belongs to the call, if any. Waiting first keeps
// intents few: a row that only waits for its turn needs no look-up after a crash.
func (p *pacer) pace(ctx context.Context, budgets ...string) error {
	watch, _ := ctx.Value(watchKey{}).(*watch)
	budgets = watch.with(budgetsOf(ctx, budgets))
	if err := p.acquire(ctx, priorityOf(ctx), budgets); err != nil {
		return err
	}
	watch.take()
	if i, ok := ctx.Value(intentKey{}).(*intent); ok {
		i.once.Do(func() { i.err = i.note() })
		return i.err
	}
	return nil
}

// The types of the activities that the engine writes: PingOne's failure types, and our own for success.
const (
	actionSynced  = "PROVISIONING_IDENTITY_SYNC.SUCCESS"
	actionLinked  = "PROVISIONING_IDENTITY_SYNC.LINKED"
	actionFailed  = "PROVISIONING_IDENTITY_SYNC.FAILURE"
	actionStarted = "PROVISIONING_SYNC.STARTED"

	actionRequested = "PROVISIONING_SYNC.REQUESTED"
	actionHalted    = "PROVISIONING_SYNC.FAILURE"
	actionResumed   = "PROVISIONING_SYNC.RESUMED"
	actionPaused    = "PROVISIONING_SYNC.PAUSED"
)

// scheduledCause is the cause of what nobody asked for.
const scheduledCause = "scheduled reconciliation"

func (r *runner) activity(
	it *item, action string, success bool, why string, changes []directory.AttributeChange,
) directory.Activity {
	if it.want.Ref.Kind == directory.KindGroup {
		action = groupAction(action, it.row.Fault)
	}
	// The visit is about the row as it was read: what marks it meanwhile is the next one's cause.
	cause := it.stored.Origin
	cause.Text = it.stored.Cause
	correlation := cause.CorrelationID
	cause.CorrelationID = "" // it is the line's own
	return directory.Activity{
		ID: newID(), EnvironmentID: r.envID, RecordedAt: r.engine.now(), Type: action, Actor: directory.System, CorrelationID: correlation, Cause: cause,
		Kind: it.want.Ref.Kind, ObjectID: it.want.Ref.ID, ObjectName: it.row.ObjectName,
		ConnectionID: r.connectionID, RuleID: it.row.RuleID, Success: success, Description: why, Changes: changes,
	}
}

// note writes an activity about the connection itself.
func (r *runner) note(action string, success bool, description string) {
	if err := r.recorder.log(r.connectionActivity(action, success, description)); err != nil {
		r.fail(err)
	}
}

func (r *runner) connectionActivity(action string, success bool, description string) directory.Activity {
	return directory.Activity{
		ID: newID(), EnvironmentID: r.envID, RecordedAt: r.engine.now(), Type: action, Actor: directory.System,
		Kind: directory.KindConnection, ObjectID: r.connectionID, ObjectName: r.line.connection.Name, ConnectionID: r.connectionID,
		Success: success, Description: description,
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func asFault(err error) *provision.Fault {
	if f, ok := errors.AsType[*provision.Fault](err); ok {
		return f
	}
	return nil
}

// sentence gives a list of checks' failures as one fault.
func checksFault(checks []provision.Check) *provision.Fault {
	var failed, hints []string
	var wait time.Duration
	for _, c := range checks {
		if c.Status == provision.CheckFailed {
			failed = append(failed, c.Name+": "+c.Message)
			if c.Hint != "" {
				hints = append(hints, c.Hint)
			}
			wait = max(wait, c.RetryAfter)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &provision.Fault{
		Kind: provision.Halted, Code: "connection_invalid", Message: strings.Join(failed, "; "), Hint: strings.Join(hints, "; "), RetryAfter: wait,
	}
}
