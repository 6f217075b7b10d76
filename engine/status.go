package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Status answers a rule's sync status. IDLE is said only when nothing is due: every edit is taken over, the newest revision is
// in effect, and no object waits for a call.
func (e *Engine) Status(ctx context.Context, envID, ruleID string) (provision.RuleStatus, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return provision.RuleStatus{}, err
	}
	out := provision.RuleStatus{State: provision.StateInactive}
	revision, err := e.store.LatestRevision(ctx, envID)
	if notFound(err) {
		out.Details = "nothing is published yet; create a revision"
		return out, nil
	}
	if err != nil {
		return out, err
	}
	state, err := e.store.Runner(ctx, envID, rule.TargetID)
	if err != nil {
		return out, err
	}
	if out.Users, err = e.counts(ctx, &rule, directory.KindUser, &state); err != nil {
		return out, err
	}
	if out.Groups, err = e.counts(ctx, &rule, directory.KindGroup, &state); err != nil {
		return out, err
	}
	out.LastSyncAt = state.LastSyncAt
	if out.Details = whyInactive(&revision.Snapshot, rule); out.Details != "" {
		return out, nil
	}
	if readable, err := e.readable(ctx, envID, rule.TargetID); err != nil || !readable {
		out.State, out.Details = provision.StateHalted, unreadable+"; "+unreadableHint
		return out, err
	}
	head, err := e.store.FeedHead(ctx, envID)
	if err != nil {
		return out, err
	}
	out.Progress = progressOf(out.Users, state)
	held, err := e.store.CountHeld(ctx, rule.TargetID, ruleID)
	if err != nil {
		return out, err
	}
	if out.Lingering, out.NextLeaves, err = e.store.CountLingering(ctx, rule.TargetID, ruleID, e.now()); err != nil {
		return out, err
	}
	if out.Drift, err = e.store.CountDrift(ctx, rule.TargetID, ruleID); err != nil {
		return out, err
	}
	out.State, out.Details = stateOf(state, revision.ID, head, out.Users.Pending+out.Groups.Pending-held-out.Lingering)
	if out.State == provision.StateIdle && held > 0 {
		out.State, out.Details = provision.StateHeld, e.whyHeld(ctx, rule.TargetID, held)
		return out, nil
	}
	if out.State == provision.StateIdle {
		out.Details = sentences(e.ruleTrouble(ctx, envID, &revision.Snapshot, rule), whyDrifted(out.Drift), whyLingering(out.Lingering, out.NextLeaves))
	}
	if out.State == provision.StateIdle {
		return out, e.heldState(ctx, envID, &rule, &out)
	}
	return out, nil
}

// readable reports whether the secrets of a connection can be read, where there is one.
func (e *Engine) readable(ctx context.Context, envID, connectionID string) (bool, error) {
	c, err := e.store.Connection(ctx, envID, connectionID)
	if notFound(err) {
		return true, nil
	}
	return c.Readable() == nil, err
}

// counted are the counts of a rule at a moment, and how long it took to count.
type counted struct {
	counts provision.Counts
	at     time.Time
	took   time.Duration
}

// counts answers how many objects of a rule stand how. Counting takes the longer the more there are, and somebody who looks on asks again and again: while a
// reconciliation is under way, so that nothing can be at rest, the counts may be ten times as old as they took to count, and a second at most.
func (e *Engine) counts(ctx context.Context, rule *provision.Rule, kind directory.Kind, state *provision.RunnerState) (provision.Counts, error) {
	key, now := rule.TargetID+rule.ID+string(kind), e.now()
	if state.Sweep.ID != "" || state.Resync != "" {
		e.mu.Lock()
		last, there := e.counted[key]
		e.mu.Unlock()
		if there && now.Sub(last.at) < min(10*last.took, time.Second) {
			return last.counts, nil
		}
	}
	counts, err := e.store.CountAccounts(ctx, rule.TargetID, rule.ID, kind)
	if err != nil {
		return counts, err
	}
	e.mu.Lock()
	e.counted[key] = counted{counts, now, e.now().Sub(now)}
	e.mu.Unlock()
	return counts, nil
}

func whyInactive(s *provision.Snapshot, rule provision.Rule) string {
	c, published := s.Connection(rule.TargetID)
	var active bool
	for _, r := range s.Rules {
		if r.ID == rule.ID {
			active = r.Active
		}
	}
	switch {
	case s.Plan == nil:
		return "there is no plan"
	case s.Plan.Status == provision.Inactive:
		return fmt.Sprintf("plan %q is switched off", s.Plan.Name)
	case !published:
		return "its connection is not published yet; create a revision"
	case c.Status != provision.Active:
		return fmt.Sprintf("connection %q is switched off", c.Name)
	case !active:
		return "the rule is not active in the newest revision"
	default:
		return ""
	}
}

func stateOf(s provision.RunnerState, revisionID string, head, pending int64) (provision.RuleState, string) {
	switch {
	case s.Paused:
		return provision.StatePaused, "the connection is paused"
	case s.Halt != nil && s.Halt.Fault != nil:
		return provision.StateHalted, s.Halt.Fault.Error()
	case s.Trip != nil:
		return provision.StateHalted, "the tripwire stopped the connection: " + s.Trip.Why
	case s.RevisionID != revisionID:
		return provision.StateSyncing, "a new revision is being taken over"
	case s.Sweep.Fault != nil:
		return provision.StateSyncing, "the target's accounts cannot be listed: " + s.Sweep.Fault.Error()
	case s.Quarantine != nil && (head > s.Cursor || pending > 0):
		return provision.StateSyncing, "the target fails again and again, and is called seldom until it works: " + s.Quarantine.Fault.Error()
	case s.Resync != "" || s.Sweep.ID != "":
		return provision.StateSyncing, s.Sweep.Cause
	case head > s.Cursor || pending > 0:
		return provision.StateSyncing, ""
	default:
		return provision.StateIdle, ""
	}
}

func progressOf(c provision.Counts, s provision.RunnerState) provision.Progress {
	p := provision.Progress{Total: c.Impacted, Done: max(c.Impacted-c.Pending, 0), RatePerMinute: s.RatePerMinute}
	if s.Sweep.ID != "" && s.Sweep.Total > p.Total {
		p.Total = s.Sweep.Total // until everybody is evaluated, nobody knows how many are covered
		p.Done = min(p.Done, s.Sweep.Evaluated)
	}
	if s.RatePerMinute > 0 {
		p.ETASeconds = int64(float64(p.Total-p.Done) / s.RatePerMinute * 60)
	}
	return p
}

// ruleTrouble says what is wrong with the rule itself: a filter or mapping that cannot be read any more.
func (e *Engine) ruleTrouble(ctx context.Context, envID string, s *provision.Snapshot, rule provision.Rule) string {
	c, err := e.published(ctx, envID, s, rule.TargetID)
	if err != nil {
		return ""
	}
	l, err := e.compile(ctx, envID, s, c, unpaced)
	if err != nil {
		return err.Error()
	}
	if err := l.rules.Broken(rule.ID); err != nil {
		return fmt.Sprintf("the user filter cannot be read: %v", err)
	}
	if err := l.broken[rule.ID]; err != nil {
		return err.Error()
	}
	return ""
}

// Pause stops a connection between two calls.
func (e *Engine) Pause(ctx context.Context, envID, connectionID string) error {
	return e.setPaused(ctx, envID, connectionID, true)
}

// Resume lets a paused connection go on.
func (e *Engine) Resume(ctx context.Context, envID, connectionID string) error {
	return e.setPaused(ctx, envID, connectionID, false)
}

func (e *Engine) setPaused(ctx context.Context, envID, connectionID string, paused bool) error {
	c, err := e.store.Connection(ctx, envID, connectionID)
	if err != nil {
		return err
	}
	origin, action, what := directory.OriginOf(ctx), actionResumed, "goes on"
	if paused {
		action, what = actionPaused, "is paused"
	}
	line := directory.Activity{
		ID: newID(), EnvironmentID: envID, RecordedAt: e.now(), Type: action, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: directory.KindConnection, ObjectID: c.ID, ObjectName: c.Name, ConnectionID: c.ID, Success: true,
		Description: "provisioning to connection " + c.Name + " " + what,
	}
	if err := e.store.SetPaused(ctx, envID, connectionID, paused, line); err != nil {
		return fmt.Errorf("pause the connection: %w", err)
	}
	e.mu.Lock()
	r := e.runners[connectionID]
	e.mu.Unlock()
	if r != nil { // not under the engine's lock: a runner that halts takes both, in the other order
		r.pause(paused)
	}
	e.Wake(envID)
	return nil
}

// Resync asks for a full reconciliation of the rule's connection.
func (e *Engine) Resync(ctx context.Context, envID, ruleID string) error {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return err
	}
	origin := directory.OriginOf(ctx)
	cause := "full resync asked for by " + origin.Actor.Name
	line := directory.Activity{
		ID: newID(), EnvironmentID: envID, RecordedAt: e.now(), Type: actionRequested, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: directory.KindRule, ObjectID: rule.ID, ObjectName: rule.Name, ConnectionID: rule.TargetID, RuleID: rule.ID, Success: true, Description: cause,
	}
	if err := e.store.Record(ctx, nil, nil, []directory.Activity{line}); err != nil {
		return fmt.Errorf("ask for a full resync: %w", err)
	}
	if err := e.store.RequestResync(ctx, envID, rule.TargetID, cause); err != nil {
		return fmt.Errorf("ask for a full resync: %w", err)
	}
	e.Wake(envID)
	return nil
}

// Reconcile asks for a full reconciliation of a connection, as the schedule does.
func (e *Engine) Reconcile(ctx context.Context, envID, connectionID string) error {
	if err := e.store.RequestResync(ctx, envID, connectionID, scheduledCause); err != nil {
		return fmt.Errorf("ask for a reconciliation: %w", err)
	}
	e.Wake(envID)
	return nil
}

// Unlink forgets which account belongs to an object. The account itself is left alone and shown as foreign. The object is looked at
// again with its next edit or the next reconciliation, which adopts the account once more if it still matches: KeepForeign prevents that.
func (e *Engine) Unlink(ctx context.Context, envID, connectionID, accountID string) error {
	row, err := e.store.Account(ctx, envID, accountID)
	if err != nil {
		return err
	}
	if row.ConnectionID != connectionID {
		return problem.Missing("account")
	}
	if err := e.atRest(ctx, &row, "account"); err != nil {
		return err
	}
	if unanswered(&row) { // forgotten, the account would be open and nobody's
		return problem.New(problem.Conflict, "an account was asked for on the target, which has not answered whether it made one; unlink it when that is settled")
	}
	activity := directory.Activity{
		ID: newID(), EnvironmentID: envID, RecordedAt: e.now(), Type: "PROVISIONING_IDENTITY_SYNC.UNLINKED", Actor: directory.OriginOf(ctx).Actor,
		CorrelationID: directory.OriginOf(ctx).CorrelationID, Kind: row.Kind, ObjectID: row.ObjectID, ObjectName: row.ObjectName,
		ConnectionID: row.ConnectionID, RuleID: row.RuleID, Success: true, Description: "unlinked from its account on the target by an administrator",
	}
	var foreign []*provision.Account
	if row.RemoteID != "" {
		foreign = append(foreign, &provision.Account{
			EnvironmentID: envID, ConnectionID: row.ConnectionID, Kind: row.Kind, Ownership: provision.Foreign, RemoteID: row.RemoteID,
			Remote: row.Remote, UpdatedAt: e.now(),
		})
	}
	if err := e.store.Record(ctx, foreign, []string{row.ID}, []directory.Activity{activity}); err != nil {
		return fmt.Errorf("unlink the account: %w", err)
	}
	e.Wake(envID)
	return nil
}

// atRest is a conflict while the object of a row is in a visit, here or in the process that runs the connection.
func (e *Engine) atRest(ctx context.Context, row *provision.Account, what string) error {
	if row.ObjectID == "" {
		return nil
	}
	e.mu.Lock()
	r := e.runners[row.ConnectionID]
	e.mu.Unlock()
	busy := r != nil && r.busy(row.ObjectID)
	if r == nil {
		state, err := e.store.Runner(ctx, row.EnvironmentID, row.ConnectionID)
		if err != nil {
			return fmt.Errorf("read who runs the connection: %w", err)
		}
		busy = slices.Contains(state.Visiting, row.ObjectID)
	}
	if busy {
		return problem.New(problem.Conflict, "the %s is being written at this moment; try again", what)
	}
	return nil
}

// ObjectStatus answers where an object stands under a rule.
func (e *Engine) ObjectStatus(ctx context.Context, envID, ruleID string, ref provision.Ref) (provision.Account, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return provision.Account{}, err
	}
	rows, err := e.store.AccountsByObject(ctx, rule.TargetID, ref.Kind, []string{ref.ID})
	if err != nil {
		return provision.Account{}, err
	}
	if len(rows) == 0 || rows[0].RuleID != ruleID {
		return provision.Account{}, problem.New(problem.NotFound, "the rule does not concern this %s", strings.ToLower(string(ref.Kind)))
	}
	return rows[0], nil
}

// Synced lists the objects of a rule by status.
func (e *Engine) Synced(
	ctx context.Context, envID, ruleID string, kind directory.Kind, status provision.SyncStatus, after string, limit int,
) ([]provision.Account, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return nil, err
	}
	return e.store.AccountPage(ctx, provision.AccountQuery{
		EnvironmentID: envID, ConnectionID: rule.TargetID, RuleID: ruleID, Kind: kind, Status: status, After: after, Limit: limit,
	})
}
