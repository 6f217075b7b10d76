package engine

import (
	"context"
	"fmt"
	"slices"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/plan"
	"lockstep/provision"
)

// previewGroups answers what a rule would do now with the groups that it carries, or carried. Members are named, not numbered:
// some have no account yet. strangers names accounts that the link table does not know yet.
func (e *Engine) previewGroups(
	ctx context.Context, l *line, envID, ruleID string, strangers map[string]string, summary *provision.Summary, yield func(provision.Operation) error,
) error {
	ids, err := e.groupsOfRule(ctx, l, envID, ruleID)
	if err != nil {
		return err
	}
	there := groupListing{line: l}
	for part := range slices.Chunk(ids, sweepBatch) {
		items, err := l.evaluateGroups(ctx, e.store, envID, part)
		if err != nil {
			return err
		}
		for _, it := range items {
			if it.want.RuleID != ruleID && it.row.RuleID != ruleID {
				continue
			}
			if err := e.previewGroup(ctx, l, it, &there, strangers); err != nil {
				return movedOr(err)
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
	}
	return nil
}

// groupsOfRule lists the groups that the rule carries now, and those of which the link table remembers that it did.
func (e *Engine) groupsOfRule(ctx context.Context, l *line, envID, ruleID string) ([]string, error) {
	var ids []string
	for _, id := range sortedKeys(l.carriers) {
		if slices.Contains(l.carriers[id], ruleID) {
			ids = append(ids, id)
		}
	}
	q := provision.AccountQuery{EnvironmentID: envID, ConnectionID: l.connection.ID, RuleID: ruleID, Kind: directory.KindGroup, Limit: sweepBatch}
	for {
		rows, err := e.store.AccountPage(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read accounts: %w", err)
		}
		for i := range rows {
			if rows[i].ObjectID != "" {
				ids = append(ids, rows[i].ObjectID)
			}
		}
		if len(rows) < q.Limit {
			break
		}
		q.After = rows[len(rows)-1].ID
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// previewGroup plans a group as if everybody who is to get an account had one.
func (e *Engine) previewGroup(ctx context.Context, l *line, it *groupItem, there *groupListing, strangers map[string]string) error {
	if it.want.Leave {
		it.planGroup(l.groupPolicy)
		return nil
	}
	if err := l.members(ctx, e.store, it, true); err != nil {
		return err
	}
	if !it.row.Linked() && it.want.InScope && it.want.Problem == nil {
		remote, err := there.named(ctx, l.identifier(&it.want))
		if err != nil {
			return err
		}
		if remote != nil {
			it.row.RemoteID, it.row.Remote, it.row.Ownership = remote.ID, remote, provision.Adopted
			for _, id := range remote.Members {
				it.known[id] = provision.KnownMember{RemoteID: id, Present: true}
			}
		}
	}
	for i := range it.wanted {
		if m := &it.wanted[i]; m.RemoteID == "" && l.policy.Create && !it.unmade[m.ObjectID] {
			m.RemoteID = m.Name
		}
	}
	it.planGroup(l.groupPolicy)
	return e.nameMembers(ctx, l, it, strangers)
}

// nameMembers puts names in the place of the target's ids.
func (e *Engine) nameMembers(ctx context.Context, l *line, it *groupItem, strangers map[string]string) error {
	for i := range it.outcome.Operations {
		m := it.outcome.Operations[i].Members
		if m == nil {
			continue
		}
		leaving, err := e.memberNames(ctx, l.connection.ID, m.Remove)
		if err != nil {
			return err
		}
		for j, id := range m.Remove {
			if name := strangers[id]; leaving[j] == id && name != "" {
				leaving[j] = name
			}
		}
		it.outcome.Operations[i].Members = &provision.MemberChange{Add: it.names(m.Add, len(m.Add)), Remove: leaving}
	}
	return nil
}

// groupListing is the groups of a target by name, read when they are asked for.
type groupListing struct {
	line   *line
	byName map[string][]provision.Remote
}

func (g *groupListing) named(ctx context.Context, name string) (*provision.Remote, error) {
	lister, ok := g.line.target.(connector.Lister)
	if !ok || name == "" {
		return nil, nil //nolint:nilnil // nothing to find
	}
	if g.byName == nil {
		g.byName = map[string][]provision.Remote{}
		err := lister.List(ctx, directory.KindGroup, func(rows []provision.Remote, _ int) error {
			for i := range rows {
				key := g.line.matchKey(directory.KindGroup, &rows[i])
				g.byName[key] = append(g.byName[key], rows[i])
			}
			return nil
		})
		if fault := asFault(err); fault != nil {
			return nil, problem.New(problem.InvalidData, "the target's groups cannot be listed: %s", fault.Error())
		}
		if err != nil {
			return nil, err
		}
	}
	if found := g.byName[name]; len(found) == 1 {
		return &found[0], nil
	}
	return nil, nil //nolint:nilnil // none, or nobody's guess
}

// onDemandGroup evaluates one group for provisioning on demand.
func (e *Engine) onDemandGroup(ctx context.Context, l *line, envID, id string, trace *provision.Trace) (*item, error) {
	items, err := l.evaluateGroups(ctx, e.store, envID, []string{id})
	if err != nil {
		return nil, movedOr(err)
	}
	if len(items) == 0 {
		trace.Steps = append(trace.Steps, provision.Step{Name: "scope", Status: stepSkipped, Detail: "no rule selects it"})
		trace.Detail = "no rule selects it"
		return nil, nil //nolint:nilnil // nothing to do
	}
	it := items[0]
	if err := l.members(ctx, e.store, it, false); err != nil {
		return nil, movedOr(err)
	}
	it.planGroup(l.groupPolicy)
	if err := e.nameMembers(ctx, l, it, nil); err != nil {
		return nil, err
	}
	explain(trace, l, &it.item)
	for i := range trace.Steps {
		switch {
		case trace.Steps[i].Name == "match" && it.row.RemoteID == "":
			trace.Steps[i].Detail = "no group is known; the target is asked by " + plan.AttributeGroupName
		case trace.Steps[i].Name == "match":
			trace.Steps[i].Detail = fmt.Sprintf("group %s (%s)", it.row.RemoteID, it.row.Ownership)
		}
	}
	return &it.item, nil
}
