package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

const (
	groupSlots   = 8               // groups under way at once
	gatherLeast  = 2 * time.Minute // how long a group waits for members, unless nobody is due any more
	gatherEach   = 600 * time.Millisecond
	gatherFew    = 5 * time.Second // how long it waits for a few who were edited
	manyEdited   = 32
	editedCause  = "edited in the directory"
	waitsCause   = "waits for members"
	memberCause  = "members got or lost their accounts"
	memberMoment = 500 // groups are looked up for so many members at once
)

// groupWork is what a runner has to do about groups because of users.
type groupWork struct {
	inflight  map[string]bool // groups in a visit
	touched   map[string]bool // users who stand differently now; true: at once
	woken     []string        // accounts that were not active: whether the target kept their memberships is not known
	waiting   map[string]bool // groups that are marked to be looked at later, already
	preceding chan struct{}   // holds one: who marks a user's groups; a channel, so that waiting for it is waiting on the virtual clock as well
	gathering bool            // groups may wait for members, and for nobody being due
}

func newGroupWork() groupWork {
	return groupWork{inflight: map[string]bool{}, touched: map[string]bool{}, waiting: map[string]bool{}, preceding: make(chan struct{}, 1), gathering: true}
}

// gatherFor is how long groups gather while users are being made. With many groups it is longer, so that they leave most of the
// target's budget to the users.
func (r *runner) gatherFor() time.Duration {
	return max(gatherLeast, time.Duration(len(r.line.carriers))*gatherEach)
}

func (r *runner) gathers() {
	r.mu.Lock()
	r.groups.gathering = true
	r.mu.Unlock()
}

// standing is what groups need to know of a member.
type standing struct {
	rule, remote        string
	in, active, waiting bool
}

func standingOf(a *provision.Account) standing {
	s := standing{rule: a.RuleID, in: a.InScope}
	if a.Linked() {
		s.remote, s.active = a.RemoteID, a.Remote != nil && a.Remote.Active
	}
	s.waiting = a.Status == provision.StatusPending && !s.active
	return s
}

// touch notes that a user stands differently than when they were read, so that their groups are looked at. A crash that loses the
// note delays it: a group that waits for somebody is due again by itself.
func (r *runner) touch(it *item, now bool) {
	if it.want.Ref.Kind != directory.KindUser || len(r.line.carriers) == 0 {
		return
	}
	before, after := standingOf(&it.stored), standingOf(it.row)
	if before == after {
		return
	}
	id := it.want.Ref.ID
	r.engine.memoOf(r.connectionID).changes(id) // since they were walked
	r.mu.Lock()
	r.groups.touched[id] = r.groups.touched[id] || now
	if after.active && !before.active && before.remote == after.remote {
		r.groups.woken = append(r.groups.woken, after.remote)
	}
	r.mu.Unlock()
}

// precede makes a user's groups due, later, before the user is at rest: nobody may see that nothing is due while groups are to follow.
func (r *runner) precede(it *item) error {
	if it.want.Ref.Kind != directory.KindUser || len(r.line.carriers) == 0 || standingOf(&it.stored) == standingOf(it.row) {
		return nil
	}
	r.groups.preceding <- struct{}{} // who finds a group marked already relies on it
	defer func() { <-r.groups.preceding }()
	return r.markGroupsOf(r.calls, []string{it.want.Ref.ID}, r.engine.now().Add(r.gatherFor()), provision.PriorityBackfill)
}

// groupTurn takes over what happened to members, and starts visits of groups that are due.
func (r *runner) groupTurn(ctx context.Context) error {
	if err := r.gather(ctx); err != nil {
		return err
	}
	if err := r.gathered(ctx); err != nil {
		return err
	}
	return r.dispatchGroups(ctx)
}

// gather marks the groups of users who stand differently: soon after an edit, later while many are being made.
func (r *runner) gather(ctx context.Context) error {
	r.mu.Lock()
	touched, woken := r.groups.touched, r.groups.woken
	r.groups.touched, r.groups.woken = map[string]bool{}, nil
	r.mu.Unlock()
	if len(touched) == 0 {
		return nil
	}
	if err := r.engine.store.ForgetMemberships(ctx, r.connectionID, woken); err != nil {
		return fmt.Errorf("forget memberships: %w", err)
	}
	var soon, later []string
	for _, id := range sortedKeys(touched) {
		if touched[id] {
			soon = append(soon, id)
		} else {
			later = append(later, id)
		}
	}
	now := r.engine.now()
	if len(soon) > 0 {
		wait, err := r.patience(ctx)
		if err != nil {
			return err
		}
		if err := r.markGroupsOf(ctx, soon, now.Add(wait), provision.PriorityLive); err != nil {
			return err
		}
	}
	r.gathers()
	r.groups.preceding <- struct{}{}
	defer func() { <-r.groups.preceding }()
	return r.markGroupsOf(ctx, later, now.Add(r.gatherFor()), provision.PriorityBackfill)
}

// patience is how long the groups of somebody who was edited wait for others who were edited: not at all when there are none, and
// as long as in a backfill when there are many (an import).
func (r *runner) patience(ctx context.Context) (time.Duration, error) {
	due, err := r.engine.store.DueAccounts(ctx, r.connectionID, r.engine.now(), nil, manyEdited)
	if err != nil {
		return 0, fmt.Errorf("read due work: %w", err)
	}
	live := 0
	for i := range due {
		if due[i].Priority < provision.PriorityBackfill {
			live++
		}
	}
	switch {
	case live == 0:
		return 0, nil
	case live < manyEdited:
		return gatherFew, nil
	default:
		return r.gatherFor(), nil
	}
}

func (r *runner) markGroupsOf(ctx context.Context, users []string, at time.Time, p provision.Priority) error {
	for part := range slices.Chunk(users, memberMoment) {
		ids, err := r.engine.store.GroupsOf(ctx, part)
		if err != nil {
			return fmt.Errorf("read groups of users: %w", err)
		}
		carried := slices.DeleteFunc(ids, func(id string) bool { return len(r.line.carriers[id]) == 0 })
		if p >= provision.PriorityBackfill {
			carried = r.unmarked(carried)
		}
		if err := r.remark(ctx, carried, at, p, memberCause); err != nil {
			return err
		}
	}
	return nil
}

// unmarked leaves out groups that wait already: most of them do while their members are made one after the other.
func (r *runner) unmarked(ids []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.DeleteFunc(ids, func(id string) bool { return r.groups.waiting[id] })
	for _, id := range out {
		r.groups.waiting[id] = true
	}
	return out
}

// gathered lets groups go that wait for members, when nobody is being made any more.
func (r *runner) gathered(ctx context.Context) error {
	r.mu.Lock()
	busy := len(r.inflight) > len(r.groups.inflight) || len(r.groups.touched) > 0
	gathering := r.groups.gathering
	r.mu.Unlock()
	if !gathering || busy || r.state.Sweep.ID != "" {
		return nil
	}
	due, err := r.engine.store.DueAccounts(ctx, r.connectionID, r.engine.now(), nil, 1)
	if err != nil {
		return fmt.Errorf("read due work: %w", err)
	}
	if len(due) > 0 {
		return nil
	}
	if _, err := r.engine.store.GatheredGroups(ctx, r.connectionID, r.engine.now()); err != nil {
		return fmt.Errorf("mark groups: %w", err)
	}
	r.mu.Lock()
	r.groups.gathering = false
	r.mu.Unlock()
	return nil
}

func (r *runner) dispatchGroups(ctx context.Context) error {
	r.mu.Lock()
	free := groupSlots - len(r.groups.inflight)
	except := sortedKeys(r.groups.inflight)
	r.mu.Unlock()
	if free <= 0 {
		return nil
	}
	due, err := r.engine.store.DueGroups(ctx, r.connectionID, r.engine.now(), except, free)
	if err != nil {
		return fmt.Errorf("read due groups: %w", err)
	}
	if len(due) == 0 {
		return nil
	}
	ids := make([]string, len(due))
	r.mu.Lock()
	for i := range due {
		ids[i] = due[i].ObjectID
		r.inflight[ids[i]], r.groups.inflight[ids[i]] = true, true
		delete(r.groups.waiting, ids[i])
	}
	r.mu.Unlock()
	if err := r.announce(ctx); err != nil {
		for _, id := range ids {
			r.visitedGroup(id)
		}
		return err
	}
	r.progress.started(r.engine.now())
	go func() {
		err := r.syncGroups(r.calls, ids, r.visitedGroup)
		if err == nil {
			return
		}
		for _, id := range ids {
			r.visitedGroup(id)
		}
		if errors.Is(err, errStale) { // the rows are due still
			r.staleLine()
		} else if r.calls.Err() == nil {
			r.fail(err)
		}
	}()
	return nil
}

func (r *runner) visitedGroup(id string) {
	r.mu.Lock()
	delete(r.inflight, id)
	delete(r.groups.inflight, id)
	delete(r.repeat, id)
	r.mu.Unlock()
	r.poke()
}
