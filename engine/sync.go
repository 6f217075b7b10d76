package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

// maxRounds bounds how often one visit plans again: adopt, find the name taken, choose another, ...
const maxRounds = 24

// errStopped ends a visit because the runner stops; the row stays due.
var errStopped = errors.New("stopped")

// errOvertaken ends a visit because the object changed while the call waited for its turn: it is decided anew.
var errOvertaken = errors.New("the object changed meanwhile")

// Sync takes objects through all stages (steps 3 to 9 of ARCHITECTURE §2): it decides from today's state, calls the target,
// and records each result as it comes. A change, a retry, a reconciliation and provisioning on demand all pass through here.
//
// Several objects are under way at once; about one object there is never more than one call. visited is called for each
// object when nothing more happens to it in this visit.
func (r *runner) Sync(ctx context.Context, ids []string, visited func(id string)) error {
	items, err := r.line.evaluate(ctx, r.engine.store, r.envID, ids)
	if err != nil {
		return err
	}
	each(ids, items, func(it *item) string { return it.want.Ref.ID }, func(it *item) { r.visit(ctx, it) }, visited)
	return nil
}

// each visits all items at the same time, and returns when the last visit is over. visited is called for each id when nothing more
// happens to it; those without an item are nobody's.
func each[T any](ids []string, items []T, idOf func(T) string, visit func(T), visited func(id string)) {
	pending := make(map[string]bool, len(ids))
	for _, id := range ids {
		pending[id] = true
	}
	var group sync.WaitGroup
	for _, it := range items {
		id := idOf(it)
		delete(pending, id)
		group.Go(func() {
			defer visited(id)
			visit(it)
		})
	}
	for id := range pending {
		visited(id)
	}
	group.Wait()
}

// visit brings one object to where it should stand, or records why that is not possible now.
func (r *runner) visit(ctx context.Context, it *item) {
	it.describe(r.engine.now())
	for range maxRounds {
		err := r.settle(ctx, it)
		var fault *provision.Fault
		switch {
		case err == nil:
			r.finish(it)
			return
		case errors.Is(err, errGate):
			why, _ := it.takes()
			it.wait(why, it.row.Cause)
			r.conclude(it)
			return
		case errors.Is(err, errGrace):
			it.linger(r.line, r.engine.now(), it.row.Cause)
			r.conclude(it)
			return
		case errors.Is(err, errDiffers):
		case errors.As(err, &fault) && (!r.stopping() || fault.Unanswered):
			if !r.react(ctx, it, fault) {
				return
			}
		default:
			if fault != nil && len(fault.Throttled) > 0 { // also when nothing else is done about it any more
				r.pacer.throttle(fault.Throttled, max(fault.RetryAfter, retryFirst))
			}
			r.leave(it)
			return
		}
	}
	r.refuse(it, &provision.Fault{
		Kind: provision.Rejected, Code: "no_end", Message: "the target keeps answering in a way that leads nowhere",
		Hint: "look at the person's activity to see what was tried",
	})
}

// settle finds the account and does what the plan says.
func (r *runner) settle(ctx context.Context, it *item) error {
	if err := r.link(ctx, it); err != nil {
		return err
	}
	it.plan(r.line.policy)
	for _, op := range it.outcome.ToDo() {
		if r.stopping() {
			return errStopped
		}
		if op.TakesAccess() && it.lingers(r.line, r.engine.now()) {
			return errGrace
		}
		if _, barred := it.barred(r.line); barred && op.TakesAccess() {
			return errGate
		}
		if err := r.do(ctx, it, op); err != nil {
			return err
		}
	}
	return r.verify(it)
}

// The faults of matching: of whom nobody guesses which account is theirs.
const (
	codeAmbiguous       = "ambiguous"
	codeLinkedElsewhere = "linked_elsewhere"
	codeKeptForeign     = "kept_foreign"
	codeClaimed         = "claimed_by_several"
	codeUncertain       = "uncertain"
)

// do makes one call and remembers what the target answered (steps 8 and 9).
func (r *runner) do(ctx context.Context, it *item, op provision.Operation) error {
	call := it.call(&op)
	ctx = withIntent(ctx, func() error {
		switch {
		case r.overtaken(it.want.Ref.ID):
			return errOvertaken
		case op.Verb == provision.VerbCreate:
			return r.intend(it)
		default:
			return nil
		}
	})
	watch := r.watch(&op)
	remote, err := r.line.target.Do(withWatch(withPriority(ctx, it.priority(it.row.Priority)), watch), call)
	watch.done(call.Known != nil && call.Known.Active && remote != nil && !remote.Active)
	r.progress.count()
	r.operated(op.Verb, err)
	if err == nil {
		r.works()
	}
	hurt := false
	if remote != nil {
		r.learn(it, op.Verb, remote)
		it.wrote(&op)
		var kept error
		if hurt, kept = r.compare(it, call.Known, remote, &op); kept != nil {
			return kept
		}
	}
	if err != nil {
		return r.undone(ctx, it, &op, remote, hurt, err)
	}
	why := fmt.Sprintf("%s: %s", op.Verb, op.Why)
	if op.TakesAccess() {
		if it.row.Gate.Said != "" {
			why += "; " + it.row.Gate.Said
		}
		it.deprovisioned(r.engine.now())
	}
	if err := r.save(it, nil, r.activity(it, actionSynced, true, why, op.Changes)); err != nil || !hurt {
		return err
	}
	return r.hurt(ctx)
}

// undone keeps what is known after a call that failed, or of which a part did.
func (r *runner) undone(ctx context.Context, it *item, op *provision.Operation, remote *provision.Remote, hurt bool, err error) error {
	switch fault := asFault(err); {
	case op.Verb == provision.VerbCreate && remote != nil:
		// The account was made and a part of it refused: both are said.
		why := fmt.Sprintf("%s: %s; a part of it was not accepted", op.Verb, op.Why)
		return errors.Join(err, r.save(it, nil, r.activity(it, actionSynced, true, why, op.Changes)))
	case op.Verb == provision.VerbCreate && fault != nil && fault.Kind == provision.Rejected && !fault.Unanswered:
		it.row.Phase, it.row.MatchKey = provision.PhaseNone, "" // it was refused, so it was not made
	case hurt: // a part of the update was refused, and another one deactivated them
		return errors.Join(err, r.hurt(ctx))
	}
	return err
}

// call is the operation with the target's ids put in.
func (it *item) call(op *provision.Operation) connector.Call {
	out := connector.Call{Verb: op.Verb, Kind: op.Kind, RemoteID: it.row.RemoteID, Known: it.row.Remote, Attributes: provision.Attributes{}}
	for _, c := range op.Changes {
		switch {
		case op.Verb == provision.VerbEnable || op.Verb == provision.VerbDisable:
		case c.To == nil:
			out.Clear = append(out.Clear, c.Attribute)
		default:
			out.Attributes[c.Attribute] = c.To
		}
	}
	return out
}

// intend notes that an account is about to be created, so that neither a crash nor a lost answer leads to a second one.
func (r *runner) intend(it *item) error {
	it.row.Phase, it.row.MatchKey = provision.PhaseCreating, r.line.identifier(&it.want)
	return r.save(it, nil)
}

// learn takes over what the target says about the account.
func (r *runner) learn(it *item, verb provision.Verb, remote *provision.Remote) {
	if verb == provision.VerbCreate {
		it.row.RemoteID, it.row.Ownership = remote.ID, provision.Managed
		it.row.Phase, it.row.MatchKey = provision.PhaseNone, ""
	}
	it.row.Remote = remote
}

// errDiffers says that the target's answer shows something else to be done than what was done: somebody changed the account there.
var errDiffers = errors.New("the account differs from what was known of it")

// verify plans once more from what the target answered: a value that it did not take would be written again for ever.
func (r *runner) verify(it *item) error {
	written := attributesOf(it.outcome.ToDo())
	it.plan(r.line.policy)
	left := it.outcome.ToDo()
	if len(written) == 0 || len(left) == 0 {
		return nil
	}
	names := slices.DeleteFunc(attributesOf(left), func(name string) bool { return !slices.Contains(written, name) })
	if len(names) == 0 {
		return errDiffers
	}
	return &provision.Fault{
		Kind: provision.Rejected, Code: "not_stored", Attribute: names[0],
		Message: fmt.Sprintf("the target accepted the change and then answered another value for %v", names),
		Hint:    "the target may lock or convert the attribute: map it on create only, or map the value that the target stores",
	}
}

// attributesOf lists what operations change, in order.
func attributesOf(operations []provision.Operation) []string {
	var names []string
	for _, op := range operations {
		for _, c := range op.Changes {
			names = append(names, c.Attribute)
		}
	}
	slices.Sort(names)
	return names
}

// finish records that the object stands as it should, as far as the policy allows.
func (r *runner) finish(it *item) {
	now := r.engine.now()
	if err := r.saveDrift(r.settledDrifts(it)); err != nil {
		r.fail(err)
		return
	}
	it.rest(now)
	if it.outcome.Status == provision.StatusSuccess || it.outcome.Status == provision.StatusNone {
		it.row.SyncedAt = now
	}
	r.progress.succeeded(now)
	// Nobody covers them and they have no account: nothing is left to remember.
	it.row.Gone = !it.want.InScope && !it.want.Leave && it.row.RemoteID == "" &&
		now.Sub(it.row.DeprovisionedAt) > provision.GuardWindow // the guard counts it
	r.conclude(it)
}

// leave keeps what was found out; the row stays due.
func (r *runner) leave(it *item) {
	if !it.row.Linked() {
		it.remember()
	}
	if it.row.DueAt.IsZero() {
		it.row.DueAt, it.row.Status = r.engine.now(), provision.StatusPending
	}
	if it.changed() {
		r.conclude(it)
	}
}

// conclude commits the end of a visit. If the object changed meanwhile, it is due again at once.
func (r *runner) conclude(it *item, activities ...directory.Activity) {
	defer r.touch(it, it.stored.Priority < provision.PriorityBackfill)
	defer r.gated(it)
	if r.overtaken(it.want.Ref.ID) {
		it.row.DueAt = it.notBefore(r.engine.now())
		it.row.Status, it.row.Priority = provision.StatusPending, provision.PriorityLive
		it.row.Gone = false
	}
	err := errors.Join(r.precede(it), r.referrers(it))
	if err == nil {
		err = r.save(it, nil, activities...)
	}
	if err == nil && r.overtaken(it.want.Ref.ID) && it.row.DueAt.After(r.engine.now()) {
		// The edit's mark says "now", and stands above what was saved; the target said "later".
		q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, Kind: it.row.Kind, ObjectID: it.want.Ref.ID}
		_, err = r.engine.store.MarkDue(r.calls, q, it.row.DueAt, it.row.Priority, it.row.Cause)
	}
	if err != nil {
		// The row in the store is as it was: still due, so nothing is lost.
		r.fail(fmt.Errorf("record the result: %w", err))
	}
}

func (r *runner) save(it *item, remove []string, activities ...directory.Activity) error {
	it.row.UpdatedAt = r.engine.now()
	row := *it.row // the recorder reads it later
	err := r.recorder.save(&row, remove, activities...)
	if errors.Is(err, provision.ErrLinked) && row.Linked() {
		err = r.saveInPlace(&row, remove, activities...)
	}
	if err != nil {
		return err
	}
	it.row.ID = row.ID
	return nil
}

// saveInPlace saves a row in the place of a foreign one: a listing saw the account that was just made before its row was saved.
func (r *runner) saveInPlace(row *provision.Account, remove []string, activities ...directory.Activity) error {
	rows, err := r.engine.store.AccountsByRemote(r.calls, r.connectionID, row.Kind, []string{row.RemoteID})
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	for i := range rows {
		if rows[i].ObjectID == "" {
			remove = append(remove, rows[i].ID)
		}
	}
	return r.recorder.save(row, remove, activities...)
}
