package engine

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// item is one object on its way through the stages.
type item struct {
	user    *directory.User // nil: deleted, or a group
	want    provision.Desired
	row     *provision.Account // what is known; a row without ID is new
	stored  provision.Account  // the row as it was read, to see whether it changed
	foreign *provision.Account // the listed account that is to become theirs
	outcome plan.Outcome
	tries   map[string]int  // substitutes tried, by attribute
	written map[string]bool // attributes that this visit has written
	kept    bool            // the evaluation's outcome was saved: the object does not stand as it did
	lost    int             // how often in this visit the target said that the account does not exist
}

// evaluate takes users through steps 3 to 6: scope, mapping, normalising, planning. Ids of users who are gone are evaluated
// too, when a row remembers them. Nothing is written.
//
// The rows are read before the users: a mark that a row carries is then about users as they are read here, or older.
func (l *line) evaluate(ctx context.Context, store Store, envID string, ids []string) ([]*item, error) {
	rows, err := l.read(ctx, store, ids)
	if err != nil {
		return nil, err
	}
	users, err := store.UsersByID(ctx, envID, ids)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	byID := make(map[string]*directory.User, len(users))
	for i := range users {
		byID[users[i].ID] = &users[i]
	}
	if err := l.withGroups(ctx, store, envID, ids, byID); err != nil {
		return nil, err
	}
	if err := l.fresh(ctx, store, envID); err != nil {
		return nil, err
	}
	drifts, err := l.drifts(ctx, store, directory.KindUser, ids)
	if err != nil {
		return nil, err
	}
	return l.planned(ctx, store, envID, l.items(envID, ids, byID, rows, drifts))
}

// planned puts references in, and plans.
func (l *line) planned(ctx context.Context, store Store, envID string, items []*item) ([]*item, error) {
	if len(l.references) > 0 {
		if err := l.resolve(ctx, store, envID, items); err != nil {
			return nil, err
		}
	}
	for _, it := range items {
		it.plan(l.policy)
	}
	return items, nil
}

func (l *line) read(ctx context.Context, store Store, ids []string) ([]provision.Account, error) {
	rows, err := store.AccountsByObject(ctx, l.connection.ID, directory.KindUser, ids)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return rows, nil
}

// evaluateUsers is evaluate for users who were read already.
func (l *line) evaluateUsers(
	ctx context.Context, store Store, envID string, ids []string, users map[string]*directory.User,
) ([]*item, error) {
	if err := l.withGroups(ctx, store, envID, ids, users); err != nil {
		return nil, err
	}
	if err := l.fresh(ctx, store, envID); err != nil {
		return nil, err
	}
	rows, err := l.read(ctx, store, ids)
	if err != nil {
		return nil, err
	}
	drifts, err := l.drifts(ctx, store, directory.KindUser, ids)
	if err != nil {
		return nil, err
	}
	return l.planned(ctx, store, envID, l.items(envID, ids, users, rows, drifts))
}

func (l *line) items(
	envID string, ids []string, users map[string]*directory.User, rows []provision.Account, drifts map[string]provision.Drifts,
) []*item {
	byObject := make(map[string]*provision.Account, len(rows))
	for i := range rows {
		byObject[rows[i].ObjectID] = &rows[i]
	}
	items := make([]*item, 0, len(ids))
	for _, id := range ids {
		user, have := users[id], byObject[id]
		if user == nil && have == nil {
			continue
		}
		ref := provision.Ref{Kind: directory.KindUser, ID: id}
		it := &item{want: l.want(user, ref, have), user: user}
		it.want.Drifts = drifts[id]
		it.row = known(have, &it.want)
		if have != nil {
			it.stored = *have
		}
		if it.row == nil {
			it.row = &provision.Account{EnvironmentID: envID, ConnectionID: l.connection.ID, Kind: ref.Kind, ObjectID: id}
		}
		items = append(items, it)
	}
	return items
}

// plan compares what is wanted with what is known now.
func (it *item) plan(policy plan.Policy) {
	it.outcome = plan.Diff(&it.want, it.row, policy)
}

// concerns reports whether the connection has to remember anything about the object.
func (it *item) concerns() bool {
	return it.want.InScope || it.row.ID != ""
}

// due reports whether the target has to be asked or told something.
func (it *item) due(l *line) bool {
	if it.want.Leave {
		return false
	}
	return len(it.outcome.ToDo()) > 0 || it.lookup(l) || (it.row.Linked() && it.row.Remote == nil)
}

// lookup reports whether it must be found out first if the target has an account already. That goes for people who are to be
// inactive as well: a leaver's account that nobody linked must be found and closed.
func (it *item) lookup(l *line) bool {
	switch {
	case it.row.Linked() || it.want.Leave:
		return false
	case it.row.Phase == provision.PhaseCreating:
		return true
	default:
		return it.want.InScope && it.row.Phase == provision.PhaseNone && l.identifier(&it.want) != ""
	}
}

// mayAppear reports whether an account that nobody shows may be there all the same: its create was not answered, and targets show
// new accounts late. Sending the same create again would tell, as the identifier is unique; but when another identifier is wanted
// by now, or no account at all, there would be a second one, or an open one that nobody knows of.
func (it *item) mayAppear(l *line) bool {
	if it.row.Phase != provision.PhaseCreating || it.row.MatchKey == "" || it.row.Attempts >= appearPatience {
		return false
	}
	again := it.want.InScope && it.want.Active && it.want.Problem == nil && l.identifier(&it.want) == it.row.MatchKey
	return !again
}

// priority puts whoever loses access first.
func (it *item) priority(otherwise provision.Priority) provision.Priority {
	for _, op := range it.outcome.Operations {
		if op.Withheld == "" && op.Verb == provision.VerbDisable {
			return provision.PriorityDeprovision
		}
	}
	if !it.want.InScope || (!it.want.Active && !it.want.KeepActive) {
		return provision.PriorityDeprovision
	}
	return otherwise
}

// mark writes the outcome of an evaluation into the row: due work, or where the object stands. It reports whether the row is
// to be saved.
func (it *item) mark(l *line, now time.Time, priority provision.Priority, cause string) bool {
	it.describe(now)
	if it.due(l) {
		if _, takes := it.takes(); takes && it.lingers(l, now) {
			it.linger(l, now, cause)
			return it.changed()
		}
		if why, barred := it.barred(l); barred {
			it.wait(why, cause)
			return it.changed()
		}
		p := it.priority(priority)
		if it.row.DueAt.IsZero() || it.row.DueAt.After(now) || p < it.row.Priority {
			it.row.Priority = p
		}
		it.row.DueAt, it.row.Status, it.row.Cause = it.notBefore(now), provision.StatusPending, cause
		it.row.Attempts = 0
		return true
	}
	if it.notBefore(now).After(now) {
		return it.changed() // it rests when the time has come: who forgets the time now would call too early for the next edit
	}
	it.rest(now)
	return it.changed()
}

// notBefore keeps an edit from being carried out before the time that the target gave when it put the object off.
func (it *item) notBefore(now time.Time) time.Time {
	row := it.row
	if row.Fault == nil || row.Fault.RetryAfter == 0 || !row.DueAt.After(now) {
		return now
	}
	return row.DueAt
}

// describe copies what the evaluation found out about the object.
func (it *item) describe(now time.Time) {
	if it.want.Name != "" {
		it.row.ObjectName = it.want.Name
	}
	it.regate(now)
	if it.want.Leave {
		return
	}
	it.place()
	if it.want.InScope {
		it.row.RuleID, it.row.OutSince, it.row.WaitsFor = it.want.RuleID, time.Time{}, it.want.WaitsFor
	}
}

// place says whether the object is in scope. Who keeps access because their leaving was rejected keeps their place in groups as well.
func (it *item) place() {
	if it.want.InScope || it.row.Gate.State != provision.GateRejected {
		it.row.InScope = it.want.InScope
	}
}

// rest says that nothing is to be done about the object.
func (it *item) rest(now time.Time) {
	it.row.DueAt, it.row.Priority, it.row.Cause, it.row.Origin, it.row.OutSince = time.Time{}, 0, "", directory.Cause{}, time.Time{}
	it.row.Status, it.row.Detail = it.outcome.Status, sentences(it.outcome.Detail, it.want.Waits)
	it.regate(now)
	if !it.want.Leave {
		it.place() // a visit may have found that there was nothing to reject
	}
	if it.row.Status == provision.StatusPending { // nothing is to be done now, so nothing is pending
		it.row.Status = provision.StatusPartial
		if !it.row.Linked() {
			it.row.Status = provision.StatusUnsynced
		}
	}
	it.row.Attempts, it.row.Fault = 0, nil
	if it.outcome.Status == provision.StatusFailed {
		it.row.Fault = it.want.Problem
	}
}

// changed reports whether the row is not as it was read.
func (it *item) changed() bool {
	return it.row.ID == "" || !reflect.DeepEqual(*it.row, it.stored)
}
