package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/provision"
)

// mutant is an engine that is broken on purpose: what it is given (its store, its target) lies to it, or does not do what it asks,
// as if the line of the engine that deals with it were wrong. An empty mutant is the engine as it is.
type mutant struct {
	name     string
	breaks   string // what it stands for
	seed     uint64 // one that is known to catch it, tried first; it only saves time
	store    func(engine.Store) engine.Store
	observer func(engine.Store) engine.Store // of whoever asks for the status
	target   func(*world, whole) whole
}

// How many seeds a mutant may survive.
const (
	mutationSeeds      = 400
	guardMutationSeeds = 200
	groupMutationSeeds = 300
)

// caught runs mutants through schedules until an invariant breaks. A mutant that survives means that an invariant is not really tested.
func caught(t *testing.T, mutants []mutant, seeds uint64, made func(seed uint64) schedule) {
	t.Helper()
	for _, m := range mutants {
		if raced {
			break // they are no matter of races
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for n := range seeds {
				seed := cmp.Or(n, m.seed, 1)
				if out := run(t, made(seed), m); len(out.violations) > 0 {
					t.Logf("seed %d: %s", seed, out.violations[0])
					return
				}
			}
			t.Errorf("the simulation does not notice in %d seeds: %s", seeds, cmp.Or(m.breaks, m.name))
		})
	}
}

// TestMutations: the simulation catches every mutant.
func TestMutations(t *testing.T) { caught(t, mutants, mutationSeeds, plain) }

var mutants = []mutant{
	{
		name: "create intent forgotten", seed: 171, breaks: "the row does not say that a create was sent, and with which identifier",
		store: recording(func(a *provision.Account) {
			if a.Phase == provision.PhaseCreating {
				a.Phase, a.MatchKey = provision.PhaseNone, ""
			}
		}),
	},
	{
		name: "marks lost during a visit", seed: 10, breaks: "an edit that comes in during a visit is taken for done when the visit ends",
		store: wrapping(func(s *lying) {
			s.unmarked = true
			s.record = func(a *provision.Account) {
				if a.Status == provision.StatusPending && a.Priority == provision.PriorityLive && a.Fault == nil && a.Linked() && a.Remote != nil && a.Cause == "" {
					a.Status, a.DueAt = provision.StatusSuccess, time.Time{}
				}
			}
		}),
	},
	{
		name: "edits lost", seed: 69, breaks: "the feed is taken over with an edit missing now and then",
		store: wrapping(func(s *lying) {
			s.changes = func(list []directory.Change) []directory.Change {
				if len(list) > 1 {
					return list[1:]
				}
				return list
			}
		}),
	},
	{
		name: "failed marks taken for kept", seed: 1252, breaks: "a commit that failed counts as made",
		store: wrapping(func(s *lying) { s.swallow = true }),
	},
	{
		name: "failed read taken for empty", seed: 68, breaks: "users who could not be read count as deleted",
		store: wrapping(func(s *lying) { s.emptyReads = true }),
	},
	{
		name: "rule order not read", seed: 5, breaks: "the last rule that covers somebody decides",
		store: publishing(func(s *provision.Snapshot) { slices.Reverse(s.Rules) }),
	},
	{
		name: "inactive rule taken for deleted", seed: 15, breaks: "switching a rule off deprovisions its people",
		store: publishing(func(s *provision.Snapshot) {
			for i := range s.Rules {
				if !s.Rules[i].Active {
					s.Rules[i].DeprovisionOnDelete = true
					s.Deleted = append(s.Deleted, s.Rules[i])
				}
			}
		}),
	},
	{
		name: "deletion without deprovisioning deprovisions", seed: 38, breaks: "the wish of who deleted the rule is not read",
		store: wrapping(func(s *lying) {
			s.deleted = func(rules []provision.Rule) {
				for i := range rules {
					rules[i].DeprovisionOnDelete = true
				}
			}
			s.snapshot = func(s *provision.Snapshot) {
				for i := range s.Deleted {
					s.Deleted[i].DeprovisionOnDelete = true
				}
			}
		}),
	},
	{
		name: "revisions not read", seed: 7, breaks: "the engine stays with the revision it started with",
		store: wrapping(func(s *lying) { s.firstRevision = true }),
	},
	{
		name: "disabled people kept", seed: 2, breaks: "nobody looks whether a person is enabled",
		store: wrapping(func(s *lying) {
			s.users = func(list []directory.User) []directory.User {
				for i := range list {
					list[i].Enabled = true
				}
				return list
			}
		}),
	},
	{
		name: "deleted people forgotten", breaks: "rows of people who were deleted are not looked at",
		store: wrapping(func(s *lying) { s.forgetDeleted = true }),
	},
	{
		name: "pause ignored", seed: 84, breaks: "the runner does not look whether it is paused",
		store: wrapping(func(s *lying) { s.neverPaused = true }),
	},
	{
		name: "retries without a gap", seed: 174, breaks: "what failed is due at once",
		store: recording(func(a *provision.Account) {
			if a.Fault != nil && a.DueAt.After(time.Now()) {
				a.DueAt = time.Now()
			}
		}),
	},
	{
		name: "listing not believed", seed: 10, breaks: "a full reconciliation keeps to what the target answered before, whatever it lists",
		target: targeting(func(t *deceitful) { t.stale = true }),
	},
	{
		name: "stale call replayed", seed: 849, breaks: "a retry sends the call that failed instead of planning again",
		target: targeting(func(t *deceitful) { t.replay = true }),
	},
	{
		name: "lost answer taken for success", seed: 31, breaks: "a call without an answer counts as done",
		target: targeting(func(t *deceitful) { t.optimist = true }),
	},
	{
		name: "lost answer not read again", seed: 36, breaks: "after a call without an answer the next plan is made from what was known before",
		target: targeting(func(t *deceitful) { t.answered = true }),
	},
	{
		name: "enabling forgotten", seed: 3, breaks: "an account that is to be active again is not enabled",
		target: targeting(func(t *deceitful) { t.lazy = provision.VerbEnable }),
	},
	{
		name: "disabling forgotten", breaks: "an account that is to be closed is not disabled",
		target: targeting(func(t *deceitful) { t.lazy = provision.VerbDisable }),
	},
	{
		name: "filter trusted", breaks: "the first account that a look-up answers is taken, whoever it is",
		target: targeting(func(t *deceitful) { t.trusting = true }),
	},
	{
		name: "foreign account taken", breaks: "an account that holds a name that is wanted is adopted",
		target: targeting(func(t *deceitful) { t.grabbing = true }),
	},
	{
		name: "failed look-up taken for empty", seed: 508, breaks: "a look-up that failed (a proxy's 404) means that there is no account",
		target: targeting(func(t *deceitful) { t.blind = true }),
	},
	{
		name: "404 taken for gone", seed: 53, breaks: "any failure to read an account means that it is gone",
		target: targeting(func(t *deceitful) { t.gone = true }),
	},
	{
		name: "Retry-After ignored", seed: 122, breaks: "the time that the target gives is not kept",
		target: targeting(func(t *deceitful) { t.impatient = true }),
	},
	{
		name: "revoked token ignored", seed: 82, breaks: "refused credentials count as a passing failure",
		target: targeting(func(t *deceitful) { t.stubborn = true }),
	},
	{
		name: "status counts what is pending as done", seed: 15, breaks: "IDLE is said while something is due",
		observer: wrapping(func(s *lying) { s.counts = func(c *provision.Counts) { c.Success += c.Pending; c.Pending = 0 } }),
	},
	{
		name: "status counts who left", breaks: "people who left a rule are counted as covered",
		observer: wrapping(func(s *lying) { s.counts = func(c *provision.Counts) { c.Impacted++ } }),
	},
}

// lying is a store that an engine with a mistake would see.
type lying struct {
	engine.Store
	record        func(*provision.Account)
	changes       func([]directory.Change) []directory.Change
	users         func([]directory.User) []directory.User
	counts        func(*provision.Counts)
	snapshot      func(*provision.Snapshot)
	deleted       func([]provision.Rule)
	swallow       bool
	emptyReads    bool
	firstRevision bool
	forgetDeleted bool
	neverPaused   bool
	unmarked      bool

	mu    sync.Mutex
	env   string
	first *provision.Revision
}

func wrapping(lie func(*lying)) func(engine.Store) engine.Store {
	return func(s engine.Store) engine.Store {
		l := &lying{Store: s}
		lie(l)
		return l
	}
}

func recording(lie func(*provision.Account)) func(engine.Store) engine.Store {
	return wrapping(func(s *lying) { s.record = lie })
}

func publishing(lie func(*provision.Snapshot)) func(engine.Store) engine.Store {
	return wrapping(func(s *lying) { s.snapshot = lie })
}

func (s *lying) Record(ctx context.Context, save []*provision.Account, remove []string, activities []directory.Activity) error {
	if s.record != nil {
		for _, a := range save {
			s.record(a)
		}
	}
	err := s.Store.Record(ctx, save, remove, activities)
	if s.swallow && errors.Is(err, errStore) {
		return nil
	}
	return err
}

func (s *lying) MarkDue(ctx context.Context, q provision.AccountQuery, at time.Time, p provision.Priority, cause string) (int64, error) {
	if s.unmarked && q.ObjectID != "" {
		return 1, nil
	}
	return s.Store.MarkDue(ctx, q, at, p, cause)
}

func (s *lying) Changes(ctx context.Context, envID string, after int64, limit int) ([]directory.Change, error) {
	list, err := s.Store.Changes(ctx, envID, after, limit)
	if s.changes != nil {
		list = s.changes(list)
	}
	return list, err
}

func (s *lying) UsersByID(ctx context.Context, envID string, ids []string) ([]directory.User, error) {
	s.mu.Lock()
	s.env = envID
	s.mu.Unlock()
	list, err := s.Store.UsersByID(ctx, envID, ids)
	if s.users != nil {
		list = s.users(list)
	}
	if s.emptyReads && errors.Is(err, errStore) {
		return nil, nil
	}
	return list, err
}

func (s *lying) AccountsByObject(ctx context.Context, connectionID string, kind directory.Kind, ids []string) ([]provision.Account, error) {
	if s.forgetDeleted {
		s.mu.Lock()
		env := s.env
		s.mu.Unlock()
		users, err := s.Store.UsersByID(ctx, env, ids)
		if err != nil {
			return nil, err
		}
		ids = nil
		for i := range users {
			ids = append(ids, users[i].ID)
		}
	}
	return s.Store.AccountsByObject(ctx, connectionID, kind, ids)
}

func (s *lying) CountAccounts(ctx context.Context, connectionID, ruleID string, kind directory.Kind) (provision.Counts, error) {
	c, err := s.Store.CountAccounts(ctx, connectionID, ruleID, kind)
	if s.counts != nil {
		s.counts(&c)
	}
	return c, err
}

func (s *lying) DeletedSince(ctx context.Context, envID, revisionID string) ([]provision.Rule, error) {
	rules, err := s.Store.DeletedSince(ctx, envID, revisionID)
	if s.deleted != nil {
		s.deleted(rules)
	}
	return rules, err
}

func (s *lying) LatestRevision(ctx context.Context, envID string) (provision.Revision, error) {
	r, err := s.Store.LatestRevision(ctx, envID)
	if err != nil {
		return r, err
	}
	if s.firstRevision {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.first == nil {
			s.first = &r
		}
		id := r.ID
		r = *s.first
		r.ID = id
	}
	if s.snapshot != nil {
		r.Snapshot.Rules, r.Snapshot.Deleted = slices.Clone(r.Snapshot.Rules), slices.Clone(r.Snapshot.Deleted)
		s.snapshot(&r.Snapshot)
	}
	return r, nil
}

func (s *lying) Runner(ctx context.Context, envID, connectionID string) (provision.RunnerState, error) {
	r, err := s.Store.Runner(ctx, envID, connectionID)
	if s.neverPaused {
		r.Paused = false
	}
	return r, err
}

// deceitful is a target as an engine with a mistake would use it.
type deceitful struct {
	whole
	stale     bool
	lazy      provision.Verb
	replay    bool
	optimist  bool
	answered  bool
	trusting  bool
	grabbing  bool
	blind     bool
	gone      bool
	impatient bool
	stubborn  bool

	*recollection
}

// recollection is what a mistaken engine remembers from call to call, in one world.
type recollection struct {
	mu     sync.Mutex
	failed map[string]connector.Call
	known  map[string]provision.Remote
}

func targeting(lie func(*deceitful)) func(*world, whole) whole {
	return func(w *world, t whole) whole {
		d := &deceitful{whole: t, recollection: &w.remembered}
		lie(d)
		return d
	}
}

func faultOf(err error) *provision.Fault {
	f, _ := errors.AsType[*provision.Fault](err)
	return f
}

// softened is a fault as the mistaken engine takes it.
func (d *deceitful) softened(err error) error {
	f := faultOf(err)
	if f == nil {
		return err
	}
	soft := *f
	if d.impatient {
		soft.RetryAfter, soft.Throttled = 0, nil
	}
	if d.stubborn && soft.Kind == provision.Halted {
		soft.Kind = provision.Transient
	}
	if d.answered {
		soft.Unanswered = false
	}
	return &soft
}

func (d *deceitful) Do(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	if d.lazy == call.Verb {
		done := *call.Known
		done.Active = call.Verb == provision.VerbEnable
		return &done, nil
	}
	d.mu.Lock()
	if before, ok := d.failed[call.RemoteID]; ok && d.replay && call.RemoteID != "" {
		call = before
	}
	delete(d.failed, call.RemoteID)
	d.mu.Unlock()
	remote, err := d.whole.Do(ctx, call)
	f := faultOf(err)
	switch {
	case f != nil && d.replay:
		d.mu.Lock()
		d.failed[call.RemoteID] = call
		d.mu.Unlock()
	case f != nil && d.optimist && f.Unanswered && call.Known != nil:
		done := *call.Known
		done.Attributes = provision.Attributes{}
		maps.Copy(done.Attributes, call.Known.Attributes)
		maps.Copy(done.Attributes, call.Attributes)
		if call.Verb == provision.VerbEnable || call.Verb == provision.VerbDisable {
			done.Active = call.Verb == provision.VerbEnable
		}
		return &done, nil
	}
	if remote != nil {
		d.mu.Lock()
		d.known[remote.ID] = *remote
		d.mu.Unlock()
	}
	return remote, d.softened(err)
}

func (d *deceitful) Find(ctx context.Context, kind directory.Kind, identifier string) ([]provision.Remote, error) {
	if d.trusting || d.grabbing {
		var first []provision.Remote
		err := d.whole.List(ctx, kind, func(rows []provision.Remote, _ int) error {
			for i := range rows {
				login, _ := rows[i].Attributes["userName"].(string)
				if d.trusting && len(first) == 0 || d.grabbing && fmt.Sprint(login)[0:3] == identifier[0:3] {
					first = append(first, rows[i])
				}
			}
			return nil
		})
		if err != nil || len(first) > 0 {
			return first, err
		}
	}
	found, err := d.whole.Find(ctx, kind, identifier)
	if f := faultOf(err); d.blind && f != nil && f.Kind == provision.Transient {
		return nil, nil
	}
	return found, d.softened(err)
}

func (d *deceitful) Get(ctx context.Context, kind directory.Kind, id string) (*provision.Remote, error) {
	r, err := d.whole.Get(ctx, kind, id)
	if f := faultOf(err); d.gone && f != nil && f.Kind == provision.Transient {
		return nil, &provision.Fault{Kind: provision.Gone, Code: "gone", Message: "gone"}
	}
	return r, d.softened(err)
}

func (d *deceitful) List(ctx context.Context, kind directory.Kind, page func([]provision.Remote, int) error) error {
	return d.softened(d.whole.List(ctx, kind, func(rows []provision.Remote, total int) error {
		d.mu.Lock()
		for i := range rows {
			if before, ok := d.known[rows[i].ID]; ok && d.stale {
				rows[i] = before
			}
			d.known[rows[i].ID] = rows[i]
		}
		d.mu.Unlock()
		return page(rows, total)
	}))
}
