package engine

import (
	"context"
	"time"

	"lockstep/connector"
	"lockstep/provision"
)

const (
	retryFirst    = time.Second
	retryLongest  = 5 * time.Minute
	retryPatience = 8 // transient failures in a row before the object counts as failed; it is tried on, slowly
	// An account whose create was not answered is looked for so often, which takes about twenty minutes.
	appearPatience = 12
	refusedFirst   = time.Hour
	refusedLast    = 24 * time.Hour
	maxSubstitute  = 40
)

// react decides what a fault means. It reports whether to plan again at once; otherwise the outcome is recorded.
func (r *runner) react(ctx context.Context, it *item, fault *provision.Fault) bool {
	if fault.Unanswered && it.row.Linked() {
		// It may have been done: what is known is not to be planned from, least of all if the wish is taken back meanwhile.
		r.engine.keepBaseline(r.connectionID, it.want.Ref.ID, it.row.Remote, true)
		it.row.Remote = nil
	}
	r.failedAgain(fault)
	switch fault.Kind {
	case provision.Transient:
		r.postpone(it, fault)
	case provision.Rejected:
		r.refuse(it, fault)
	case provision.Taken:
		return r.taken(ctx, it, fault)
	case provision.Gone:
		return r.gone(ctx, it, fault)
	case provision.Halted:
		r.halt(fault)
		r.leave(it)
	default:
		r.refuse(it, fault)
	}
	return false
}

// postpone tries again later, with growing gaps. A spent budget is nobody's failure: it only takes time.
func (r *runner) postpone(it *item, fault *provision.Fault) {
	now := r.engine.now()
	if len(fault.Throttled) > 0 {
		wait := max(fault.RetryAfter, retryFirst)
		r.pacer.throttle(fault.Throttled, wait)
		it.row.DueAt, it.row.Status = now.Add(wait), provision.StatusPending
		r.conclude(it)
		return
	}
	first := it.row.Fault == nil || it.row.Fault.Code != fault.Code
	it.row.Attempts++
	it.row.Fault, it.row.Detail = fault, fault.Error()
	it.row.Status = provision.StatusPending
	if it.row.Attempts >= retryPatience {
		it.row.Status = provision.StatusFailed
	}
	it.row.DueAt = now.Add(max(fault.RetryAfter, r.engine.backoff(it.row.Attempts, retryFirst, retryLongest)))
	r.failed(it, fault, first)
}

// refuse shows that the target, or the data, says no. It is tried again when something changes, and seldom besides.
func (r *runner) refuse(it *item, fault *provision.Fault) {
	first := it.row.Fault == nil || it.row.Fault.Code != fault.Code
	if first {
		it.row.Attempts = 0 // what failed before was something else
	}
	it.row.Attempts++
	it.row.Fault, it.row.Detail, it.row.Status = fault, fault.Error(), provision.StatusFailed
	it.row.DueAt = r.engine.now().Add(r.engine.backoff(it.row.Attempts, refusedFirst, refusedLast))
	r.failed(it, fault, first)
}

func (r *runner) failed(it *item, fault *provision.Fault, first bool) {
	if first {
		r.conclude(it, r.activity(it, actionFailed, false, fault.Error(), nil))
		return
	}
	r.conclude(it)
}

// gone forgets a link whose account does not exist any more, and plans again. Said about somebody who has no account here, it
// is about something that the call names, and would be said again.
func (r *runner) gone(ctx context.Context, it *item, fault *provision.Fault) bool {
	if !it.row.Linked() {
		r.refuse(it, fault)
		return false
	}
	if it.lost++; it.lost > 1 {
		r.postpone(it, &provision.Fault{
			Kind: provision.Transient, Code: fault.Code, Message: fault.Message + ", says the target, and shows them all the same", Hint: "it is tried again by itself",
			HTTPStatus: fault.HTTPStatus, RetryAfter: fault.RetryAfter,
		})
		return false
	}
	tripped, err := r.vanished(ctx, it)
	if err != nil {
		r.fail(err)
	}
	if err != nil || tripped {
		r.leave(it)
		return false
	}
	it.unlink()
	return true
}

// unlink forgets the remote object.
func (it *item) unlink() {
	it.row.RemoteID, it.row.Remote, it.row.Ownership = "", nil, provision.OwnershipNone
	it.row.Phase, it.row.MatchKey = provision.PhaseNone, ""
}

// taken handles an identifier or name that exists: the person's own account is adopted; a name that somebody else holds is
// replaced by a similar one where the target allows it.
func (r *runner) taken(ctx context.Context, it *item, fault *provision.Fault) bool {
	if it.row.Phase == provision.PhaseCreating {
		it.row.Phase, it.row.MatchKey = provision.PhaseNone, ""
	}
	if !it.row.Linked() {
		holder, err := r.holder(ctx, it, fault)
		if err != nil {
			it.remember()
			return r.reactTo(ctx, it, err)
		}
		if holder != nil {
			if err := r.adopt(ctx, it, holder); err != nil {
				return r.reactTo(ctx, it, err)
			}
			return true
		}
	}
	if r.substitute(it, fault.Attribute) {
		it.row.Phase = provision.PhaseAbsent // just looked up
		return true
	}
	if fault.Attribute == r.line.identifies() && !it.row.Linked() {
		// The target says that the identifier exists, and shows nobody who has it: it may show them in a moment.
		it.remember()
		r.postpone(it, &provision.Fault{
			Kind: provision.Transient, Code: fault.Code, Attribute: fault.Attribute,
			Message: fault.Message + ", and the target does not show the account yet", Hint: fault.Hint,
		})
		return false
	}
	r.refuse(it, fault)
	return false
}

// remember keeps the intent of an earlier create that was not answered: what exists already may be what it made, and whoever gets
// another identifier now would get a second account (found by the simulation, seed 227 with groups).
func (it *item) remember() {
	if it.stored.Phase == provision.PhaseCreating {
		it.row.Phase, it.row.MatchKey = it.stored.Phase, it.stored.MatchKey
	}
}

// holder finds the person's own account: the one that holds their identifier. nil = somebody else holds what was taken.
func (r *runner) holder(ctx context.Context, it *item, fault *provision.Fault) (*provision.Remote, error) {
	identifier := r.line.identifier(&it.want)
	if fault.RemoteID != "" {
		remote, err := r.line.target.Get(ctx, it.row.Kind, fault.RemoteID)
		switch passing := asFault(err); {
		case err == nil && r.line.matchKey(it.row.Kind, remote) == identifier:
			_, err := r.adoptable(ctx, it.row.Kind, []provision.Remote{*remote})
			return remote, err
		case passing != nil && passing.Kind == provision.Transient:
			return nil, err // a look-up by identifier may not show them yet, and the target may want to be left alone
		}
	}
	if identifier == "" {
		return nil, nil //nolint:nilnil // nobody
	}
	found, err := r.line.target.Find(ctx, it.row.Kind, identifier)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if found, err = r.adoptable(ctx, it.row.Kind, found); err != nil {
		return nil, err
	}
	if len(found) > 1 {
		return nil, ambiguous(len(found), r.line.identifies())
	}
	return &found[0], nil
}

// substitute chooses another value for a name that is taken.
func (r *runner) substitute(it *item, attribute string) bool {
	alternator, ok := r.line.target.(connector.Alternator)
	wanted, isText := it.want.Attributes[attribute].(string)
	if !ok || !isText || attribute == r.line.identifies() {
		return false
	}
	if it.tries == nil {
		it.tries = map[string]int{}
	}
	it.tries[attribute]++
	n := it.tries[attribute] + 1
	used, ok := alternator.Alternative(attribute, wanted, n)
	if !ok || n > maxSubstitute {
		return false
	}
	assigned := map[string]provision.Choice{attribute: {Wanted: wanted, Used: used}}
	for name, choice := range it.row.Assigned {
		if name != attribute {
			assigned[name] = choice
		}
	}
	it.row.Assigned = assigned
	return true
}

// reactTo reacts to an error that is a fault, and leaves the row due otherwise.
func (r *runner) reactTo(ctx context.Context, it *item, err error) bool {
	if fault := asFault(err); fault != nil && !r.stopping() {
		if fault.Kind == provision.Taken { // never in a circle
			r.refuse(it, fault)
			return false
		}
		return r.react(ctx, it, fault)
	}
	r.leave(it)
	return false
}

// backoff doubles from first to longest, with a quarter of jitter so that a thousand failures do not come back as one.
func (e *Engine) backoff(attempt int, first, longest time.Duration) time.Duration {
	d := first
	for range min(attempt-1, 30) {
		if d *= 2; d >= longest {
			d = longest
			break
		}
	}
	return d - time.Duration(e.jitter(int64(d)/4))
}
