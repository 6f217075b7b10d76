package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Preview answers what a rule, draft or published, would do now, for everybody or for one user: exactly the first half of
// Sync. Nothing is written anywhere. yield gets each operation, withheld ones too, in the order of the users' ids.
func (e *Engine) Preview(
	ctx context.Context, envID, ruleID, userID string, yield func(provision.Operation) error,
) (provision.Summary, error) {
	var summary provision.Summary
	l, err := e.draft(ctx, envID, ruleID)
	if err != nil {
		return summary, err
	}
	if err := errors.Join(l.rules.Broken(ruleID), l.broken[ruleID]); err != nil {
		return summary, problem.New(problem.InvalidData, "the rule cannot be read: %v", err)
	}
	listed, err := e.listing(ctx, l, userID)
	if err != nil {
		return summary, err
	}
	visit := func(users []directory.User) error {
		byID := make(map[string]*directory.User, len(users))
		ids := make([]string, 0, len(users))
		for i := range users {
			byID[users[i].ID] = &users[i]
			ids = append(ids, users[i].ID)
		}
		items, err := l.evaluateUsers(ctx, e.store, envID, ids, byID)
		if err != nil {
			return movedOr(err)
		}
		return count(l, items, listed, ruleID, &summary, yield)
	}
	if userID != "" {
		user, err := e.store.User(ctx, envID, userID)
		if err != nil {
			return summary, err
		}
		return summary, visit([]directory.User{user})
	}
	if err := e.eachUser(ctx, envID, visit); err != nil {
		return summary, err
	}
	return summary, e.previewGroups(ctx, l, envID, ruleID, called(listed), &summary, yield)
}

// movedOr says what a caller can do about attributes that changed while they waited.
func movedOr(err error) error {
	if errors.Is(err, errStale) {
		return problem.New(problem.Conflict, "the attributes of users were edited at this moment; try again")
	}
	return err
}

func (e *Engine) eachUser(ctx context.Context, envID string, visit func([]directory.User) error) error {
	q := directory.UserQuery{Limit: sweepBatch}
	for {
		users, err := e.store.Users(ctx, envID, q)
		if err != nil {
			return fmt.Errorf("read users: %w", err)
		}
		if err := visit(users); err != nil {
			return err
		}
		if len(users) < q.Limit {
			return nil
		}
		q.After = users[len(users)-1].ID
	}
}

func count(
	l *line, items []*item, listed map[string][]provision.Remote, ruleID string, summary *provision.Summary, yield func(provision.Operation) error,
) error {
	for _, it := range items {
		if !it.concerns() || (it.want.RuleID != ruleID && it.row.RuleID != ruleID) {
			continue
		}
		if remotes := listed[l.identifier(&it.want)]; len(remotes) == 1 && it.lookup(l) {
			it.row.RemoteID, it.row.Remote, it.row.Ownership = remotes[0].ID, &remotes[0], provision.Adopted
			it.plan(l.policy)
		}
		if len(it.outcome.Operations) == 0 {
			summary.Unchanged++
			continue
		}
		for _, op := range it.outcome.Operations {
			summary.Count(op)
			if err := yield(op); err != nil {
				return err
			}
		}
	}
	return nil
}

// draft compiles the rule's connection as the next revision would publish it, with this rule active.
func (e *Engine) draft(ctx context.Context, envID, ruleID string) (*line, error) {
	rule, err := e.store.Rule(ctx, envID, ruleID)
	if err != nil {
		return nil, err
	}
	c, err := e.store.Connection(ctx, envID, rule.TargetID)
	if err != nil {
		return nil, err
	}
	rules, err := e.store.Rules(ctx, envID)
	if err != nil {
		return nil, err
	}
	snapshot := &provision.Snapshot{Connections: []provision.Connection{c}}
	for _, r := range rules {
		if r.TargetID != c.ID {
			continue
		}
		r.Active = r.Active || r.ID == ruleID
		snapshot.Rules = append(snapshot.Rules, r)
		mappings, err := e.store.Mappings(ctx, envID, r.ID)
		if err != nil {
			return nil, err
		}
		snapshot.Mappings = append(snapshot.Mappings, mappings...)
	}
	return e.compile(ctx, envID, snapshot, c, unpaced)
}

// called answers what the accounts of a listing are called, by the target's ids.
func called(listed map[string][]provision.Remote) map[string]string {
	out := map[string]string{}
	for _, remotes := range listed {
		for i := range remotes {
			if name, _ := remotes[i].Attributes["userName"].(string); name != "" {
				out[remotes[i].ID] = name
			}
		}
	}
	return out
}

// listing reads the target's accounts by identifier, for a connection that never looked at its target: without it the preview
// would show creations for people whose accounts will be adopted.
func (e *Engine) listing(ctx context.Context, l *line, userID string) (map[string][]provision.Remote, error) {
	state, err := e.store.Runner(ctx, l.connection.EnvironmentID, l.connection.ID)
	if err != nil {
		return nil, err
	}
	lister, ok := l.target.(connector.Lister)
	if !ok || !state.LastSyncAt.IsZero() || userID != "" {
		return nil, nil //nolint:nilnil // nothing to match with
	}
	out := map[string][]provision.Remote{}
	err = lister.List(ctx, directory.KindUser, func(rows []provision.Remote, _ int) error {
		for _, remote := range rows {
			key := l.matchKey(directory.KindUser, &remote)
			same := func(r provision.Remote) bool { return r.ID == remote.ID }
			if key != "" && !slices.ContainsFunc(out[key], same) {
				out[key] = append(out[key], remote)
			}
		}
		return nil
	})
	if fault := asFault(err); fault != nil {
		return nil, problem.New(problem.InvalidData, "the target's accounts cannot be listed: %s", fault.Error())
	}
	return out, err
}
