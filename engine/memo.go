package engine

import (
	"context"
	"hash/maphash"
	"sync"

	"lockstep/plan"
	"lockstep/provision"
)

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

// memorize begins a memo, and reads groups meanwhile, where a reconciliation that lists the target begins and groups are to follow.
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
