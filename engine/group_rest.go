package engine

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"lockstep/plan"
	"lockstep/provision"
)

// A reconciliation does not visit a group whose plan would be made of the same as the one before, which left nothing to do: a plan is a pure
// function (docs/decisions/0041). What it is made of is read all the same: the group on the target, who is in it here, and how they stand.

// memo is what a reconciliation finds out on its way to the groups. To lose it costs visits, and nothing else.
type memo struct {
	sweep string // the reconciliation that it belongs to
	seed  maphash.Seed

	mu      sync.Mutex
	walked  string            // up to whom people were walked without a gap
	whole   bool              // all were
	rules   map[string]int32  // a number for each rule that decides about somebody
	stands  map[uint64]stood  // by person: those whom a rule covers, and those who are about to stand differently
	remotes map[string]string // by group: the plan.RemoteDigest of what the target says
}

// stood is how somebody stands. Its digest is 0 when that is about to change.
type stood struct {
	digest uint64
	rule   int32
}

// memoOf answers what a reconciliation of a connection has found out, which may be over; nil is nothing.
func (e *Engine) memoOf(connectionID string) *memo {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.memos[connectionID]
}

// memo answers what the reconciliation under way has found out. It is the loop's.
func (r *runner) memo() *memo {
	if m := r.engine.memoOf(r.connectionID); m != nil && m.sweep == r.state.Sweep.ID {
		return m
	}
	return nil
}

// forgetMemo ends a reconciliation's memo.
func (r *runner) forgetMemo() {
	r.engine.mu.Lock()
	delete(r.engine.memos, r.connectionID)
	r.engine.mu.Unlock()
}

// memorize begins a memo where people begin to be walked, when groups are to follow that the target is asked about.
func (r *runner) memorize(ctx context.Context) {
	if !r.state.Sweep.List || r.state.Sweep.Cursor != "" || len(r.line.carriers) == 0 || r.memo() != nil {
		return
	}
	m := &memo{sweep: r.state.Sweep.ID, seed: maphash.MakeSeed(), rules: map[string]int32{}, stands: map[uint64]stood{}, remotes: map[string]string{}}
	r.engine.mu.Lock()
	r.engine.memos[r.connectionID] = m
	r.engine.mu.Unlock()
	r.startReading(ctx, m)
}

// walkedTo notes how those of a page of people stand whom the reconciliation found as they should be. All others are about to change.
func (m *memo) walkedTo(after string, page []string, items []*item) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.walked != after || m.whole || len(page) == 0 {
		m.walked = "\x00" // somebody else walked over those in between: this is not all
		return
	}
	for _, id := range page {
		m.stands[maphash.String(m.seed, id)] = stood{}
	}
	for _, it := range items {
		if it.kept || !it.row.DueAt.IsZero() {
			continue
		}
		key := maphash.String(m.seed, it.want.Ref.ID)
		if !it.row.InScope {
			delete(m.stands, key)
			continue
		}
		m.stands[key] = m.stood(it.row)
	}
	m.walked = page[len(page)-1]
}

func (m *memo) stood(row *provision.Account) stood {
	wanted := memberOf(row).Wanted()
	if wanted.Pending {
		return stood{}
	}
	rule, known := m.rules[row.RuleID]
	if !known {
		rule = int32(len(m.rules)) //nolint:gosec // rules are few
		m.rules[row.RuleID] = rule
	}
	return stood{plan.MemberDigest(&wanted), rule}
}

// memberOf is how a row stands as a member.
func memberOf(row *provision.Account) *provision.MemberAccount {
	return &provision.MemberAccount{
		ObjectID: row.ObjectID, InScope: row.InScope, RuleID: row.RuleID, Ownership: row.Ownership, RemoteID: row.RemoteID, Seen: row.Remote != nil,
		Active: row.Remote != nil && row.Remote.Active, Status: row.Status,
	}
}

// changes notes that somebody is about to stand differently than when they were walked.
func (m *memo) changes(id string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.stands[maphash.String(m.seed, id)] = stood{}
	m.mu.Unlock()
}

// end notes that all people were walked.
func (m *memo) end(last string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.whole = m.walked == last
	m.mu.Unlock()
}

// digests answers those of the members whom rules of the group cover; false when it cannot be told who they are.
func (m *memo) digests(members, rules []string) ([]uint64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	carry := make([]bool, len(m.rules))
	for _, rule := range rules {
		if n, known := m.rules[rule]; known {
			carry[n] = true
		}
	}
	out := make([]uint64, 0, len(members))
	for _, id := range members {
		s, there := m.stands[maphash.String(m.seed, id)]
		switch {
		case !there: // no rule covers them
		case s.digest == 0 || !carry[s.rule]:
			return nil, false
		default:
			out = append(out, s.digest)
		}
	}
	return out, true
}

// reading reads groups on the target beside the loop, while people are walked.
type reading struct {
	over   chan struct{} // closed at the end
	cancel func()
}

func (g *reading) underWay() bool {
	if g == nil {
		return false
	}
	select {
	case <-g.over:
		return false
	default:
		return true
	}
}

func (r *runner) startReading(ctx context.Context, m *memo) {
	r.endReading()
	ctx, cancel := context.WithCancel(withPriority(ctx, provision.PriorityBackfill))
	if r.state.Sweep.Scan {
		ctx = scanning(ctx)
	}
	g := &reading{over: make(chan struct{}), cancel: cancel}
	r.reading = g
	go func() {
		defer r.poke()
		defer close(g.over)
		// The first fault ends it: whoever was not read is visited, and what the fault means is decided there.
		if fault := asFault(r.readGroups(ctx, m)); fault != nil && len(fault.Throttled) > 0 {
			r.pacer.throttle(fault.Throttled, max(fault.RetryAfter, retryFirst))
		}
	}()
}

func (r *runner) endReading() {
	if r.reading == nil {
		return
	}
	r.reading.cancel()
	<-r.reading.over
	r.reading = nil
}

// readGroups asks the target about the groups that stood as they should.
func (r *runner) readGroups(ctx context.Context, m *memo) error {
	rows, err := r.groupRows(ctx)
	if err != nil {
		return err
	}
	target := r.line.target
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(groupSlots)
	for i := range rows {
		row := &rows[i]
		if !rests(row) {
			continue
		}
		group.Go(func() error {
			if r.stopping() || ctx.Err() != nil {
				return errStopped
			}
			remote, err := target.Get(ctx, row.Kind, row.RemoteID)
			if err != nil {
				return err
			}
			digest := plan.RemoteDigest(remote)
			m.mu.Lock()
			m.remotes[row.ObjectID] = digest
			m.mu.Unlock()
			return nil
		})
	}
	return group.Wait()
}

// rests reports whether a group's last plan left nothing to do, and nothing has happened to the group since.
func rests(row *provision.Account) bool {
	return row.Basis != "" && row.Linked() && row.Remote != nil && row.DueAt.IsZero() && row.Fault == nil && row.Gate.State == provision.GateNone
}

// steady reports whether nothing but members and names decides about the group.
func (it *groupItem) steady() bool {
	return it.want.InScope && it.want.Problem == nil && len(it.want.Drifts) == 0
}

// basis is what the plan of a visit was made of, when it left nothing to do.
func (it *groupItem) basis(policy plan.GroupPolicy) string {
	if it.asked || !it.steady() || len(it.outcome.Operations) > 0 ||
		it.row.Status != provision.StatusSuccess || !it.row.Linked() || it.row.Remote == nil || it.row.Gate.State != provision.GateNone {
		return ""
	}
	remote := *it.row.Remote
	remote.Members = slices.DeleteFunc(sortedKeys(it.known), func(id string) bool { return !it.known[id].Present })
	members := make([]uint64, len(it.wanted)) // in the order of their ids, see members
	for i := range it.wanted {
		if it.wanted[i].Pending {
			return ""
		}
		members[i] = plan.MemberDigest(&it.wanted[i])
	}
	return plan.GroupBasis(&it.want, it.row, plan.RemoteDigest(&remote), members, it.consent, policy)
}

// resting answers those of the groups that need no visit.
func (r *runner) resting(ctx context.Context, rows []provision.Account) (map[string]bool, error) {
	m := r.memo()
	if m == nil || !m.whole || len(m.remotes) == 0 {
		return nil, nil //nolint:nilnil // none
	}
	var ids []string
	for i := range rows {
		if rests(&rows[i]) {
			ids = append(ids, rows[i].ObjectID)
		}
	}
	out := map[string]bool{}
	for part := range slices.Chunk(ids, sweepBatch) {
		items, err := r.line.evaluateGroups(ctx, r.engine.store, r.envID, part)
		if err != nil {
			return nil, err
		}
		same := make([]bool, len(items))
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(walkers)
		for i, it := range items {
			group.Go(func() error {
				var err error
				same[i], err = r.line.sameBasis(groupCtx, r.engine.store, it, m)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, fmt.Errorf("read members: %w", err)
		}
		for i, it := range items {
			if same[i] && !r.busy(it.want.Ref.ID) {
				out[it.want.Ref.ID] = true
			}
		}
	}
	return out, nil
}

// sameBasis reports whether a plan would be made of the same as the one before.
func (l *line) sameBasis(ctx context.Context, store Store, it *groupItem, m *memo) (bool, error) {
	remote := m.remotes[it.want.Ref.ID]
	if remote == "" || !rests(it.row) || !it.steady() {
		return false, nil
	}
	members, err := store.MembersOf(ctx, it.want.Ref.ID)
	if err != nil {
		return false, err
	}
	digests, known := m.digests(members, l.carriers[it.want.Ref.ID])
	return known && it.row.Basis == plan.GroupBasis(&it.want, it.row, remote, digests, it.consent, l.groupPolicy), nil
}
