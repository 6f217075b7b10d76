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

// groups shows what would be done with the groups that the rules carry, or carried. Members are named, not numbered: some have no
// account yet.
func (f *foresight) groups(ctx context.Context) error {
	ids, err := f.groupIDs(ctx)
	if err != nil {
		return err
	}
	there := groupListing{line: f.line}
	var waiting []*groupItem // those from which the guard may keep members from being taken out
	for part := range slices.Chunk(ids, sweepBatch) {
		items, err := f.line.evaluateGroups(ctx, f.engine.store, f.envID, part)
		if err != nil {
			return err
		}
		for _, it := range items {
			if !f.shows(it.want.RuleID, it.row.RuleID) {
				continue
			}
			it.consent = it.consent || f.query.Overwrite
			if err := f.group(ctx, it, &there); err != nil {
				return err
			}
			if it.guardedPlan != nil {
				waiting = append(waiting, it)
				continue
			}
			if err := f.showGroup(it); err != nil {
				return err
			}
		}
	}
	return f.gateGroups(ctx, waiting)
}

func (f *foresight) showGroup(it *groupItem) error {
	failed := it.outcome.Status == provision.StatusFailed
	if failed {
		f.out.Summary.Failed++
		op := provision.Operation{Kind: directory.KindGroup, Object: provision.Object{ID: it.want.Ref.ID, Name: it.want.Name}, RemoteID: it.row.RemoteID, Why: it.outcome.Detail}
		if err := f.yield(provision.Foreseen{Group: provision.ForeseenFailed, Operation: op}); err != nil {
			return err
		}
	}
	return f.operations(it.outcome.Operations, false, failed)
}

// groupIDs lists the groups that the rules carry now, and those of which the link table remembers that they did.
func (f *foresight) groupIDs(ctx context.Context) ([]string, error) {
	l := f.line
	var ids []string
	for _, id := range sortedKeys(l.carriers) {
		if f.shows(l.carriers[id]...) {
			ids = append(ids, id)
		}
	}
	q := provision.AccountQuery{EnvironmentID: f.envID, ConnectionID: l.connection.ID, RuleID: f.query.RuleID, Kind: directory.KindGroup, Limit: sweepBatch}
	for {
		rows, err := f.engine.store.AccountPage(ctx, q)
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

// group plans a group as if everybody who is to get an account, or to be linked, had it.
func (f *foresight) group(ctx context.Context, it *groupItem, there *groupListing) error {
	l := f.line
	if it.want.Leave {
		it.planGroup(l.groupPolicy)
		return nil
	}
	it.stands, it.guarded = f.stands, f.out.Guard != ""
	if err := l.members(ctx, f.engine.store, it, true); err != nil {
		return err
	}
	for id := range it.known {
		if m := it.known[id]; f.woken[id] {
			m.Present = false
			it.known[id] = m
		}
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
		m := &it.wanted[i]
		s, moves := f.stands[m.ObjectID]
		switch {
		case moves && s.remoteID != "":
			m.RemoteID, m.Asleep = s.remoteID, s.asleep && (!s.barred || f.out.Guard == "")
		case m.RemoteID == "" && !s.none && l.policy.Create && !it.unmade[m.ObjectID]:
			m.RemoteID = m.Name
		}
	}
	it.planGroup(l.groupPolicy)
	if err := f.partGroup(ctx, it); err != nil {
		return err
	}
	return f.nameGroup(ctx, it)
}

func (f *foresight) nameGroup(ctx context.Context, it *groupItem) error {
	if err := f.engine.nameMembers(ctx, f.line, it); err != nil {
		return err
	}
	return f.match.nameStrangers(it.outcome.Operations)
}

// nameMembers puts names in the place of the target's ids.
func (e *Engine) nameMembers(ctx context.Context, l *line, it *groupItem) error {
	for i := range it.outcome.Operations {
		m := it.outcome.Operations[i].Members
		if m == nil {
			continue
		}
		leaving, err := e.memberNames(ctx, l.connection.ID, m.Remove)
		if err != nil {
			return err
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
	if err := e.nameMembers(ctx, l, it); err != nil {
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
