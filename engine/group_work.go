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
	r.mu.Lock()
	id := it.want.Ref.ID
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

// ingestGroups takes over what changed about groups. Members who joined or left have lines of their own in the feed; a group whose
// name, filter or place among the others changed concerns everybody who is in it, where a rule asks about groups.
func (r *runner) ingestGroups(ctx context.Context, changes []directory.Change) error {
	var changed, moved []string
	for _, c := range changes {
		if c.Kind != directory.KindGroup || slices.Contains(changed, c.ObjectID) && c.Type == directory.ActionMembers {
			continue
		}
		changed = append(changed, c.ObjectID)
		if c.Type != directory.ActionMembers && !slices.Contains(moved, c.ObjectID) {
			moved = append(moved, c.ObjectID)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if r.line.rules.AsksGroups() {
		for _, id := range moved {
			if err := r.reconsiderMembers(ctx, id); err != nil {
				return err
			}
		}
	}
	above, err := r.engine.store.GroupsAbove(ctx, changed)
	if err != nil {
		return fmt.Errorf("read groups: %w", err)
	}
	wait, err := r.patience(ctx)
	if err != nil {
		return err
	}
	r.gathers()
	return r.markGroups(ctx, append(above, changed...), r.engine.now().Add(wait), provision.PriorityLive, editedCause)
}

func (r *runner) reconsiderMembers(ctx context.Context, groupID string) error {
	for after := ""; ; {
		ids, err := r.engine.store.EffectiveMembers(ctx, groupID, after, sweepBatch)
		if err != nil {
			return fmt.Errorf("read members: %w", err)
		}
		if err := r.reconsider(ctx, ids, provision.PriorityLive, "their groups changed"); err != nil {
			return err
		}
		if len(ids) < sweepBatch {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// markGroups makes groups due; those that a rule carries get a row if they have none.
func (r *runner) markGroups(ctx context.Context, ids []string, at time.Time, p provision.Priority, cause string) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows, err := r.engine.store.AccountsByObject(ctx, r.connectionID, directory.KindGroup, ids)
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	known := make(map[string]bool, len(rows))
	for i := range rows {
		known[rows[i].ObjectID] = true
	}
	var fresh []string
	for _, id := range ids {
		if !known[id] && len(r.line.carriers[id]) > 0 {
			fresh = append(fresh, id)
		}
	}
	if err := r.newGroups(ctx, fresh, at, p, cause); err != nil {
		return err
	}
	return r.remark(ctx, sortedKeys(known), at, p, cause)
}

// remark makes groups due that have a row. One in a visit is due when the visit ends: the mark is counted.
func (r *runner) remark(ctx context.Context, ids []string, at time.Time, p provision.Priority, cause string) error {
	r.mu.Lock()
	for _, id := range ids {
		if r.inflight[id] {
			r.repeat[id] = true
		}
	}
	r.mu.Unlock()
	if err := r.engine.store.MarkGroups(ctx, r.connectionID, ids, at, p, cause); err != nil {
		return fmt.Errorf("mark groups: %w", err)
	}
	return nil
}

// newGroups makes rows for groups that a rule carries and that exist.
func (r *runner) newGroups(ctx context.Context, ids []string, at time.Time, p provision.Priority, cause string) error {
	for part := range slices.Chunk(ids, sweepBatch) {
		items, err := r.line.evaluateGroups(ctx, r.engine.store, r.envID, part)
		if err != nil {
			return err
		}
		rows := make([]*provision.Account, 0, len(items))
		for _, it := range items {
			if it.row.ID != "" || !it.want.InScope {
				continue
			}
			it.describe(r.engine.now())
			it.row.DueAt, it.row.Priority, it.row.Cause, it.row.Status, it.row.UpdatedAt = at, p, cause, provision.StatusPending, r.engine.now()
			it.row.Origin = directory.CauseOf(ctx, it.row.ObjectID)
			rows = append(rows, it.row)
		}
		if len(rows) == 0 {
			continue
		}
		err = r.engine.store.Record(ctx, rows, nil, nil)
		if errors.Is(err, provision.ErrLinked) {
			return errRaced
		}
		if err != nil {
			return fmt.Errorf("mark due work: %w", err)
		}
	}
	return nil
}

// sweepGroups looks at every group that a rule carries or carried, and ends the reconciliation. When the target was listed, the
// groups on it are read as well, each with its members.
func (r *runner) sweepGroups(ctx context.Context) error {
	at, cause := r.engine.now(), r.state.Sweep.Cause
	r.mu.Lock()
	making := len(r.inflight) > len(r.groups.inflight)
	r.mu.Unlock()
	if !making {
		due, err := r.engine.store.DueAccounts(ctx, r.connectionID, at, nil, 1)
		if err != nil {
			return fmt.Errorf("read due work: %w", err)
		}
		making = len(due) > 0
	}
	if making {
		at = at.Add(r.gatherFor())
		r.gathers()
	}
	visited := r.visiting()
	rows, err := r.groupRows(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(rows))
	var save []*provision.Account
	var ids []string
	for i := range rows {
		known[rows[i].ObjectID] = true
		if rows[i].ObjectID == "" || r.state.Sweep.Scan && waitsForRetry(&rows[i]) {
			continue
		}
		ids = append(ids, rows[i].ObjectID)
		if r.state.Sweep.List && rows[i].RemoteID != "" && !visited[rows[i].ObjectID] {
			r.engine.keepBaseline(r.connectionID, rows[i].ObjectID, rows[i].Remote, false)
			rows[i].Remote = nil // read before anything is decided
			save = append(save, &rows[i])
		}
	}
	if len(save) > 0 {
		if err := r.engine.store.Record(ctx, save, nil, nil); err != nil {
			return fmt.Errorf("mark groups to be read: %w", err)
		}
	}
	if err := r.remark(ctx, ids, at, provision.PriorityBackfill, cause); err != nil {
		return err
	}
	fresh := slices.DeleteFunc(sortedKeys(r.line.carriers), func(id string) bool { return known[id] })
	if err := r.newGroups(ctx, fresh, at, provision.PriorityBackfill, cause); err != nil {
		return err
	}
	r.state.Sweep = provision.Sweep{}
	r.progress.succeeded(r.engine.now())
	return r.keepState(ctx)
}

func (r *runner) groupRows(ctx context.Context) ([]provision.Account, error) {
	var out []provision.Account
	q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: directory.KindGroup, Limit: sweepBatch}
	for {
		page, err := r.engine.store.AccountPage(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read accounts: %w", err)
		}
		out = append(out, page...)
		if len(page) < q.Limit {
			return out, nil
		}
		q.After = page[len(page)-1].ID
	}
}
