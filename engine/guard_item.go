package engine

import (
	"errors"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// errGate ends a visit that would take access away and may not, yet.
var errGate = errors.New("it waits at the mass-deprovision guard")

// takes answers why the plan takes access away, if it does.
func (it *item) takes() (string, bool) {
	for i := range it.outcome.Operations {
		if op := &it.outcome.Operations[i]; op.Withheld == "" && op.TakesAccess() {
			return op.Why, true
		}
	}
	return "", false
}

// barred reports whether the plan takes access away for a reason that the guard did not let pass.
func (it *item) barred(l *line) (string, bool) {
	why, takes := it.takes()
	return why, takes && !l.limits.Off() && !it.row.Gate.Lets(why)
}

// wait puts the row at the gate. One that is held stays held.
func (it *item) wait(why, cause string) {
	row := it.row
	if row.Gate.State != provision.GateHeld {
		row.Gate, row.Cause, row.Detail = provision.Gate{State: provision.GateWaiting}, cause, why
	} else {
		row.Detail = "held: " + why
	}
	row.Gate.Why = why
	row.InScope = it.stored.InScope || it.want.InScope // also to their groups they belong as before
	it.rowAtGate()
}

// rowAtGate puts the row to rest until the guard, or somebody, has decided.
func (it *item) rowAtGate() {
	row := it.row
	row.DueAt, row.Status, row.Priority, row.Attempts, row.Fault = time.Time{}, provision.StatusPending, provision.PriorityDeprovision, 0, nil
}

// regate forgets what the guard said about a row when its plan takes nobody's access away any more: leaving once more is another
// event. A decision that access stays is kept as long as the plan would take it for the same reason.
func (it *item) regate(now time.Time) {
	gate := &it.row.Gate
	switch {
	case gate.State == provision.GateNone || it.row.Kind == directory.KindGroup: // see guardGroup
		return
	case it.want.Leave:
		if gate.State != provision.GateRejected {
			*gate = provision.Gate{}
		}
		return
	case it.row.Linked() && it.row.Remote == nil: // read first
		return
	}
	for i := range it.outcome.Operations {
		op := &it.outcome.Operations[i]
		if op.TakesAccess() && (gate.Refuses(op.Why) || op.Withheld == "" && gate.State != provision.GateRejected) {
			return
		}
	}
	if gate.State == provision.GatePassed && it.row.Linked() && !it.row.Remote.Active {
		it.deprovisioned(now) // it was done, and the answer was lost: it counts all the same
	}
	*gate = provision.Gate{}
}

// deprovisioned notes that access was taken away. What an administrator approved does not count against the next ones.
func (it *item) deprovisioned(now time.Time) {
	if it.row.Gate.State != provision.GateApproved {
		it.row.DeprovisionedAt = now
	}
}
