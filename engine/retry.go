package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/provision"
)

// Failures lists the causes by which objects of a rule fail, the most frequent first.
func (e *Engine) Failures(ctx context.Context, envID, ruleID string) ([]provision.FailureCause, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return nil, err
	}
	return e.store.FailureCauses(ctx, rule.TargetID, ruleID)
}

// Retry makes the objects of a rule due that fail, all of them or those with one cause. A time that the target gave is kept to by the
// budgets, as ever. It answers how many there are.
func (e *Engine) Retry(ctx context.Context, envID, ruleID, code string) (int64, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return 0, err
	}
	origin := directory.OriginOf(ctx)
	n, err := e.store.MarkDue(ctx, provision.AccountQuery{
		EnvironmentID: envID, ConnectionID: rule.TargetID, RuleID: ruleID, Status: provision.StatusFailed, FaultCode: code,
	}, e.now(), provision.PriorityLive, "tried again by "+origin.Actor.Name)
	if err != nil {
		return 0, fmt.Errorf("mark what failed: %w", err)
	}
	what := "what failed"
	if code != "" {
		what = "what failed with " + code
	}
	line := directory.Activity{
		ID: newID(), EnvironmentID: envID, RecordedAt: e.now(), Type: "PROVISIONING_SYNC.RETRIED", Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: directory.KindRule, ObjectID: rule.ID, ObjectName: rule.Name, ConnectionID: rule.TargetID, RuleID: rule.ID, Success: true,
		Description: fmt.Sprintf("%s is tried again: %d objects", what, n),
	}
	if err := e.store.Record(ctx, nil, nil, []directory.Activity{line}); err != nil {
		return n, fmt.Errorf("log the retry: %w", err)
	}
	e.Wake(envID)
	return n, nil
}
