package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/provision"
)

// AttributeUse answers what reads a custom attribute, for directory.Options.InUse: the first rule, as drafted or in the newest
// revision, of which a part could be read no more without it; "" = none.
func (e *Engine) AttributeUse(ctx context.Context, envID, name string) (string, error) {
	custom, err := e.store.CustomAttributes(ctx, envID)
	if err != nil {
		return "", fmt.Errorf("read attributes: %w", err)
	}
	with := language{directory.NewSchema(custom)}
	var others []directory.Attribute
	for _, a := range custom {
		if a.Name != name {
			others = append(others, a)
		}
	}
	without := language{directory.NewSchema(others)}
	drafts, err := e.drafts(ctx, envID)
	if err != nil {
		return "", err
	}
	snapshots := []*provision.Snapshot{drafts}
	revision, err := e.store.LatestRevision(ctx, envID)
	if err == nil {
		snapshots = append(snapshots, &revision.Snapshot)
	} else if !notFound(err) {
		return "", fmt.Errorf("read the newest revision: %w", err)
	}
	for _, s := range snapshots {
		for _, r := range s.Rules {
			mappings := s.MappingsFor(r.ID)
			if without.unreadable(&r, mappings) > with.unreadable(&r, mappings) {
				return fmt.Sprintf("rule %q", r.Name), nil
			}
		}
	}
	return "", nil
}

// drafts answers the rules and mappings as they are drafted.
func (e *Engine) drafts(ctx context.Context, envID string) (*provision.Snapshot, error) {
	rules, err := e.store.Rules(ctx, envID)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	s := &provision.Snapshot{Rules: rules}
	for _, r := range rules {
		mappings, err := e.store.Mappings(ctx, envID, r.ID)
		if err != nil {
			return nil, fmt.Errorf("read mappings: %w", err)
		}
		s.Mappings = append(s.Mappings, mappings...)
	}
	return s, nil
}

// unreadable counts what cannot be read of what a rule says.
func (l language) unreadable(r *provision.Rule, mappings []provision.Mapping) int {
	var n int
	if l.CheckFilter(r.PopulationExpression) != nil {
		n++
	}
	for _, m := range mappings {
		switch {
		case m.Expression != "" && l.CheckExpression(m.Expression) != nil:
			n++
		case m.SourceAttribute != "" && l.CheckAttribute(m.SourceAttribute) != nil:
			n++
		}
	}
	return n
}
