package engine

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"lockstep/connector"
	"lockstep/plan"
	"lockstep/provision"
)

// A reconciliation does not visit a group whose plan would be made of the same as the one before, which left nothing to do: a plan is a pure
// function (docs/decisions/0032). What it is made of is read all the same: the group on the target, who is in it here, and how they stand.

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
	target, pacer := r.line.target, r.pacer
	go func() {
		defer r.poke()
		defer close(g.over)
		// The first fault ends it: whoever was not read is visited, and what the fault means is decided there.
		if fault := asFault(r.readGroups(ctx, target, m)); fault != nil && len(fault.Throttled) > 0 {
			pacer.throttle(fault.Throttled, max(fault.RetryAfter, retryFirst))
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
func (r *runner) readGroups(ctx context.Context, target connector.Target, m *memo) error {
	rows, err := r.groupRows(ctx)
	if err != nil {
		return err
	}
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
