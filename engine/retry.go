package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

const actionRetried = "PROVISIONING_SYNC.RETRIED"

// Failures lists why objects of a rule fail, the most frequent cause first.
func (e *Engine) Failures(ctx context.Context, envID, ruleID string) ([]provision.FailureCause, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return nil, err
	}
	return e.store.FailureCauses(ctx, rule.TargetID, ruleID)
}

// Retry tries failed objects of a rule again at once: all, those of one cause, or one object. It answers how many there are. A target
// that wants to be left alone is left alone all the same.
func (e *Engine) Retry(ctx context.Context, envID, ruleID string, which provision.RetryQuery) (int64, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return 0, err
	}
	revision, err := e.store.LatestRevision(ctx, envID)
	if err != nil && !notFound(err) {
		return 0, fmt.Errorf("read the newest revision: %w", err)
	}
	if why := whyInactive(&revision.Snapshot, rule); why != "" {
		return 0, problem.New(problem.InvalidData, "the rule does not provision: %s", why)
	}
	actor := directory.OriginOf(ctx).Actor
	n, err := e.store.MarkDue(ctx, provision.AccountQuery{
		EnvironmentID: envID, ConnectionID: rule.TargetID, RuleID: ruleID, Status: provision.StatusFailed, FaultCode: which.Code, ObjectID: which.ObjectID,
	}, e.now(), provision.PriorityLive, "retried by "+actor.Name)
	if err != nil {
		return 0, fmt.Errorf("mark what failed: %w", err)
	}
	if n == 0 {
		return 0, nil
	}
	said := fmt.Sprintf("%d failed objects of rule %s are tried again", n, rule.Name)
	if n == 1 {
		said = fmt.Sprintf("one failed object of rule %s is tried again", rule.Name)
	}
	if which.Code != "" {
		said += ": " + which.Code
	}
	about := provision.Account{EnvironmentID: envID, ConnectionID: rule.TargetID, Kind: directory.KindRule, ObjectID: rule.ID, ObjectName: rule.Name, RuleID: rule.ID}
	if err := e.store.Record(ctx, nil, nil, []directory.Activity{e.decision(ctx, &about, actionRetried, said)}); err != nil {
		return n, fmt.Errorf("log the retry: %w", err)
	}
	e.Wake(envID)
	return n, nil
}
