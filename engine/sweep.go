package engine

import (
	"context"
	"fmt"
	"hash/maphash"
	"reflect"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

const sweepBatch = 500

// begin starts a full reconciliation, or starts the one in progress over: everybody is evaluated, after the target's accounts
// were listed if list is set and the target can.
func (r *runner) begin(cause string, list bool) {
	if _, ok := r.line.target.(connector.Lister); !ok {
		list = false
	}
	// A reconciliation that was to list must still list.
	if r.state.Sweep.ID != "" {
		list = list || r.state.Sweep.List
	}
	r.state.Sweep = provision.Sweep{ID: newID(), Cause: cause, List: list, Phase: provision.SweepWalk, StartedAt: r.engine.now()}
	if list {
		r.state.Sweep.Phase = provision.SweepList
	}
}

// sweep takes the next step of the full reconciliation, if one is in progress or asked for.
func (r *runner) sweep(ctx context.Context) (bool, error) {
	if r.state.Resync != "" {
		cause := r.state.Resync
		r.begin(cause, true)
		if err := r.keepState(ctx); err != nil {
			return false, err
		}
		if err := r.engine.store.ClearResync(ctx, r.connectionID, cause); err != nil {
			return false, fmt.Errorf("take over the request: %w", err)
		}
		r.note(actionStarted, true, "full reconciliation: "+cause)
	}
	switch r.state.Sweep.Phase {
	case provision.SweepList:
		return true, r.sweepList(ctx)
	case provision.SweepWalk:
		return true, r.sweepWalk(ctx)
	case provision.SweepAfter:
		return true, r.sweepAfter(ctx)
	case provision.SweepGroup:
		return true, r.sweepGroups(ctx)
	default:
		return false, nil
	}
}

// sweepList reads all accounts of the target: what we know is refreshed, what we do not know is kept as foreign, so that
// people can be matched with it. An account of ours that was not listed is asked for by its id: one listing proves nothing.
func (r *runner) sweepList(ctx context.Context) error {
	if r.state.Sweep.Total == 0 {
		total, err := r.engine.store.CountUsers(ctx, r.envID)
		if err != nil {
			return fmt.Errorf("count users: %w", err)
		}
		r.state.Sweep.Total = total
	}
	lister := r.line.target.(connector.Lister) //nolint:forcetypeassert // begin looked
	seen := newSeen()
	err := lister.List(withPriority(ctx, provision.PriorityBackfill), directory.KindUser, func(rows []provision.Remote, _ int) error {
		for i := range rows {
			seen.add(rows[i].ID)
		}
		return r.refreshPage(ctx, rows)
	})
	if err != nil {
		if fault := asFault(err); fault != nil && ctx.Err() == nil {
			return r.listFailed(ctx, fault)
		}
		return fmt.Errorf("list the target's accounts: %w", err)
	}
	if err := r.markUnseen(ctx, seen); err != nil {
		return err
	}
	r.state.Sweep.Phase = provision.SweepWalk
	return r.keepState(ctx)
}

// listFailed waits before the target is listed again; a halting fault stops the connection.
func (r *runner) listFailed(ctx context.Context, fault *provision.Fault) error {
	if fault.Kind == provision.Halted {
		r.halt(fault)
		return nil
	}
	wait := max(fault.RetryAfter, retryFirst)
	if len(fault.Throttled) > 0 {
		r.pacer.throttle(fault.Throttled, wait)
		return nil
	}
	r.idle(ctx, wait)
	return nil
}

func (r *runner) refreshPage(ctx context.Context, remotes []provision.Remote) error {
	ids := make([]string, len(remotes))
	for i := range remotes {
		ids[i] = remotes[i].ID
	}
	rows, err := r.engine.store.AccountsByRemote(ctx, r.connectionID, directory.KindUser, ids)
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	known := make(map[string]*provision.Account, len(rows))
	for i := range rows {
		known[rows[i].RemoteID] = &rows[i]
	}
	now := r.engine.now()
	var save []*provision.Account
	for i := range remotes {
		remote := &remotes[i]
		row := known[remote.ID]
		switch {
		case row == nil:
			row = &provision.Account{
				EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: directory.KindUser, Ownership: provision.Foreign, RemoteID: remote.ID,
			}
		case row.ObjectID != "" && r.busy(row.ObjectID):
			continue // its visit knows better
		case row.Remote != nil && reflect.DeepEqual(*row.Remote, *remote):
			continue
		}
		row.Remote, row.UpdatedAt = remote, now
		if row.ObjectID == "" {
			row.MatchKey = r.line.matchKey(row.Kind, remote)
		}
		save = append(save, row)
	}
	if len(save) == 0 {
		return nil
	}
	return r.engine.store.Record(ctx, save, nil, nil)
}

func (r *runner) busy(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inflight[id]
}

// markUnseen makes accounts of ours that were not listed be read one by one; foreign ones that are gone are forgotten.
func (r *runner) markUnseen(ctx context.Context, seen *seen) error {
	q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: directory.KindUser, Limit: sweepBatch}
	for {
		page, err := r.engine.store.AccountPage(ctx, q)
		if err != nil {
			return fmt.Errorf("read accounts: %w", err)
		}
		var save []*provision.Account
		var remove []string
		for i := range page {
			row := &page[i]
			switch {
			case row.RemoteID == "" || seen.has(row.RemoteID) || row.ObjectID != "" && r.busy(row.ObjectID):
			case row.ObjectID == "":
				remove = append(remove, row.ID)
			default:
				row.Remote = nil // read before anything is decided
				save = append(save, row)
			}
		}
		if len(save)+len(remove) > 0 {
			if err := r.engine.store.Record(ctx, save, remove, nil); err != nil {
				return fmt.Errorf("mark accounts that were not listed: %w", err)
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].ID
	}
}

// sweepWalk evaluates the next batch of users.
func (r *runner) sweepWalk(ctx context.Context) error {
	s := &r.state.Sweep
	if s.Total == 0 {
		total, err := r.engine.store.CountUsers(ctx, r.envID)
		if err != nil {
			return fmt.Errorf("count users: %w", err)
		}
		s.Total = total
	}
	users, err := r.engine.store.Users(ctx, r.envID, directory.UserQuery{After: s.Cursor, Limit: sweepBatch})
	if err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	if len(users) > 0 {
		if err := r.walk(ctx, users); err != nil {
			return err
		}
		s.Cursor = users[len(users)-1].ID
		s.Evaluated += int64(len(users))
	}
	if len(users) < sweepBatch {
		s.Phase, s.Cursor = provision.SweepAfter, ""
		return r.keepState(ctx)
	}
	// The cursor is kept now and then: going over some users once more after a crash does no harm.
	r.progress.started(r.engine.now())
	r.report(ctx, false)
	return nil
}

func (r *runner) walk(ctx context.Context, users []directory.User) error {
	byID := make(map[string]*directory.User, len(users))
	ids := make([]string, 0, len(users))
	for i := range users {
		byID[users[i].ID] = &users[i]
		ids = append(ids, users[i].ID)
	}
	items, err := r.line.evaluateUsers(ctx, r.engine.store, r.envID, r.free(ids), byID)
	if err != nil {
		return err
	}
	if r.state.Sweep.List {
		if err := r.match(ctx, items); err != nil {
			return err
		}
	}
	return r.keep(ctx, items, provision.PriorityBackfill, r.state.Sweep.Cause)
}

// match links people with accounts that the listing found: exactly one with the same identifier is adopted, none means that
// there is none, several are nobody's guess.
func (r *runner) match(ctx context.Context, items []*item) error {
	wanting := map[string][]*item{}
	for _, it := range items {
		if it.lookup(r.line) && it.row.Phase != provision.PhaseCreating {
			key := r.line.identifier(&it.want)
			wanting[key] = append(wanting[key], it)
		}
	}
	if len(wanting) == 0 {
		return nil
	}
	rows, err := r.engine.store.Unlinked(ctx, r.connectionID, directory.KindUser, sortedKeys(wanting))
	if err != nil {
		return fmt.Errorf("read foreign accounts: %w", err)
	}
	found := map[string][]provision.Account{}
	for _, row := range rows {
		found[row.MatchKey] = append(found[row.MatchKey], row)
	}
	for key, its := range wanting {
		for _, it := range its {
			switch rows := found[key]; {
			case len(rows) == 0:
				it.row.Phase = provision.PhaseAbsent
			case len(rows) == 1 && len(its) == 1:
				if err := r.take(ctx, it, &rows[0]); err != nil {
					return err
				}
			}
			// Otherwise the visit looks closer and says what is wrong.
		}
	}
	return nil
}

// take adopts a listed account: the foreign row becomes the person's.
func (r *runner) take(ctx context.Context, it *item, foreign *provision.Account) error {
	row := *it.row
	row.ID = foreign.ID
	row.RemoteID, row.Remote, row.Ownership = foreign.RemoteID, foreign.Remote, provision.Adopted
	row.Phase, row.MatchKey, row.UpdatedAt = provision.PhaseNone, "", r.engine.now()
	var remove []string
	if it.row.ID != "" {
		remove = []string{foreign.ID}
		row.ID = it.row.ID
	}
	it.row = &row
	it.describe()
	it.plan(r.line.policy)
	it.row.Status, it.row.Detail = it.outcome.Status, it.outcome.Detail
	why := "an account with the same " + r.line.identifies() + " was there; it is adopted"
	err := r.engine.store.Record(ctx, []*provision.Account{it.row}, remove, []directory.Activity{r.activity(it, actionLinked, true, why, nil)})
	if err != nil {
		return fmt.Errorf("adopt an account: %w", err)
	}
	it.stored = *it.row
	return nil
}

// sweepAfter looks at rows whose user is gone.
func (r *runner) sweepAfter(ctx context.Context) error {
	rows, err := r.engine.store.Orphans(ctx, r.connectionID, r.state.Sweep.Cursor, sweepBatch)
	if err != nil {
		return fmt.Errorf("read rows of deleted users: %w", err)
	}
	if len(rows) > 0 {
		ids := make([]string, len(rows))
		for i := range rows {
			ids[i] = rows[i].ObjectID
		}
		if err := r.reconsider(ctx, ids, provision.PriorityDeprovision, r.state.Sweep.Cause); err != nil {
			return err
		}
		r.state.Sweep.Cursor = rows[len(rows)-1].ID
	}
	if len(rows) == sweepBatch {
		return nil
	}
	r.state.Sweep.Phase, r.state.Sweep.Cursor = provision.SweepGroup, ""
	return r.keepState(ctx)
}

// seen is a set of remote ids in eight bytes each: a million accounts are told apart with a chance of error of one in ten
// million, and an error only means that a vanished account is noticed later.
type seen struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), set: map[uint64]struct{}{}} }

func (s *seen) add(id string) { s.set[maphash.String(s.seed, id)] = struct{}{} }

func (s *seen) has(id string) bool {
	_, ok := s.set[maphash.String(s.seed, id)]
	return ok
}
