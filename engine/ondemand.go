package engine

import (
	"context"
	"fmt"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

const (
	onDemandPatience = 30 * time.Second
	onDemandPoll     = 10 * time.Millisecond
)

// OnDemand provisions one object now and answers the steps: scope, mapping, match, operations, result. The connection's
// runner does the work, before everything else but deprovisioning, so that there is never a second writer.
func (e *Engine) OnDemand(ctx context.Context, envID, ruleID string, ref provision.Ref) (provision.Trace, error) {
	var trace provision.Trace
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return trace, err
	}
	if err := e.exists(ctx, envID, ref); err != nil {
		return trace, err
	}
	revision, err := e.store.LatestRevision(ctx, envID)
	if notFound(err) {
		return trace, problem.New(problem.InvalidData, "nothing is published yet; create a revision first")
	}
	if err != nil {
		return trace, err
	}
	if why := whyInactive(&revision.Snapshot, rule); why != "" {
		return trace, problem.New(problem.InvalidData, "the rule does not provision: %s", why)
	}
	c, err := e.published(ctx, envID, &revision.Snapshot, rule.TargetID)
	if err != nil {
		return trace, err
	}
	l, err := e.compile(ctx, envID, &revision.Snapshot, c, unpaced)
	if err != nil {
		return trace, err
	}
	if ref.Kind == directory.KindGroup {
		it, err := e.onDemandGroup(ctx, l, envID, ref.ID, &trace)
		if err != nil || it == nil {
			return trace, err
		}
		if it.want.Leave {
			trace.Result, trace.Detail = it.row.Status, it.want.Why
			return trace, nil
		}
		return trace, e.await(ctx, &trace, l, it)
	}
	items, err := l.evaluate(ctx, e.store, envID, []string{ref.ID})
	if err != nil {
		return trace, movedOr(err)
	}
	if len(items) == 0 {
		return trace, problem.Missing("user") // deleted at this moment
	}
	it := items[0]
	explain(&trace, l, it)
	if !it.concerns() || it.want.Leave {
		trace.Result, trace.Detail = it.row.Status, it.want.Why
		return trace, nil
	}
	return trace, e.await(ctx, &trace, l, it)
}

// exists makes sure that the object is in the directory.
func (e *Engine) exists(ctx context.Context, envID string, ref provision.Ref) error {
	if ref.Kind != directory.KindGroup {
		_, err := e.store.User(ctx, envID, ref.ID)
		return err
	}
	groups, err := e.store.GroupsByID(ctx, envID, []string{ref.ID})
	if err == nil && len(groups) == 0 {
		err = problem.Missing("group")
	}
	return err
}

// explain tells the first half: what was decided and why.
func explain(t *provision.Trace, l *line, it *item) {
	scoped := provision.Step{Name: "scope", Status: stepOK, Detail: it.want.Why}
	if !it.want.InScope {
		scoped.Status = stepSkipped
	}
	t.Steps = append(t.Steps, scoped)
	mapped := provision.Step{Name: "mapping", Status: stepSkipped, Detail: "nothing is mapped for somebody whom no rule covers"}
	if it.want.InScope {
		mapped = provision.Step{Name: "mapping", Status: stepOK, Detail: "the attributes as the target stores them", Data: it.want.Attributes}
	}
	if it.want.Problem != nil {
		mapped = provision.Step{Name: "mapping", Status: stepFailed, Detail: it.want.Problem.Error()}
	}
	t.Steps = append(t.Steps, mapped)
	matched := provision.Step{Name: "match", Status: stepOK, Detail: "no account is known; the target is asked by " + l.identifies()}
	if it.row.RemoteID != "" {
		matched.Detail = fmt.Sprintf("account %s (%s)", it.row.RemoteID, it.row.Ownership)
	}
	t.Steps = append(t.Steps, matched)
	t.Operations = it.outcome.Operations
	planned := provision.Step{Name: "operations", Status: stepOK, Detail: fmt.Sprintf("%d planned", len(it.outcome.Operations))}
	if len(it.outcome.Operations) == 0 {
		planned = provision.Step{Name: "operations", Status: stepSkipped, Detail: "nothing differs"}
	}
	t.Steps = append(t.Steps, planned)
}

// The statuses of a Step.
const (
	stepOK      = "OK"
	stepSkipped = "SKIPPED"
	stepFailed  = "FAILED"
)

// await makes the object due before the rest and waits until the runner is done with it.
func (e *Engine) await(ctx context.Context, t *provision.Trace, l *line, it *item) error {
	asked := e.now()
	if err := e.hurry(ctx, it, asked); err != nil {
		return err
	}
	e.Wake(l.connection.EnvironmentID)
	ctx, cancel := context.WithTimeout(ctx, onDemandPatience)
	defer cancel()
	ticker := time.NewTicker(onDemandPoll)
	defer ticker.Stop()
	for {
		rows, err := e.store.AccountsByObject(ctx, l.connection.ID, it.want.Ref.Kind, []string{it.want.Ref.ID})
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case err == nil && len(rows) == 0:
			conclude(t, &provision.Account{Detail: "no rule covers them, and no account is left"})
			return nil
		case err == nil && settled(&rows[0]):
			conclude(t, &rows[0])
			return nil
		}
		select {
		case <-ctx.Done():
			t.Steps = append(t.Steps, provision.Step{Name: "result", Status: stepFailed, Detail: e.whyWaiting(l.connection.EnvironmentID, l.connection.ID)})
			t.Result, t.Detail = provision.StatusPending, "it is done as soon as the connection runs"
			return nil
		case <-ticker.C:
		}
	}
}

func (e *Engine) hurry(ctx context.Context, it *item, now time.Time) error {
	cause := "provisioning on demand by " + directory.OriginOf(ctx).Actor.Name
	if it.row.ID != "" {
		q := provision.AccountQuery{
			EnvironmentID: it.row.EnvironmentID, ConnectionID: it.row.ConnectionID, Kind: it.row.Kind, ObjectID: it.row.ObjectID,
		}
		_, err := e.store.MarkDue(ctx, q, now, provision.PriorityLive, cause)
		return err
	}
	it.describe()
	it.row.DueAt, it.row.Priority, it.row.Status, it.row.Cause, it.row.UpdatedAt = now, provision.PriorityLive, provision.StatusPending, cause, now
	err := e.store.Record(ctx, []*provision.Account{it.row}, nil, nil)
	if err != nil {
		// The runner may have made the row in this moment: then it is due by itself.
		e.log.Debug("a row for provisioning on demand could not be made", "error", err)
	}
	return nil
}

// settled reports whether the visit that was asked for is over.
func settled(row *provision.Account) bool {
	if row.Gate.State == provision.GateWaiting { // for a moment
		return false
	}
	return row.DueAt.IsZero() || row.Status != provision.StatusPending || row.Cause == waitsCause
}

func conclude(t *provision.Trace, row *provision.Account) {
	step := provision.Step{Name: "result", Status: stepOK, Detail: row.Detail}
	if row.Status == provision.StatusFailed {
		step.Status = stepFailed
	}
	if step.Detail == "" {
		step.Detail = "the account is as it should be"
	}
	if row.RemoteID != "" {
		step.Data = map[string]any{"remoteId": row.RemoteID, "ownership": row.Ownership}
	}
	t.Steps = append(t.Steps, step)
	t.Result, t.Detail = row.Status, row.Detail
}

func (e *Engine) whyWaiting(envID, connectionID string) string {
	state, err := e.store.Runner(context.Background(), envID, connectionID)
	switch {
	case err != nil:
		return "the connection's state cannot be read"
	case state.Paused:
		return "the connection is paused"
	case state.Halt != nil && state.Halt.Fault != nil:
		return "the connection is halted: " + state.Halt.Fault.Error()
	default:
		return "the connection's rate budget is spent; the object is next in line"
	}
}

// pause lets a runner of this process stop between two calls, without waiting for its next turn.
func (r *runner) pause(paused bool) {
	r.mu.Lock()
	r.paused = paused
	r.pauses++
	pacer := r.pacer
	r.mu.Unlock()
	if paused && pacer != nil {
		pacer.flush()
	}
	r.poke()
}
