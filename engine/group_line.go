package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// carry notes which rules carry which groups.
func (l *line) carry(described provision.Type) {
	l.groupPolicy, l.carriers = plan.GroupPolicyOf(&l.connection), map[string][]string{}
	if !described.Groups {
		return
	}
	for _, r := range l.snapshot.RulesFor(l.connection.ID) {
		if !r.Active {
			continue
		}
		for _, id := range r.GroupIDs {
			if !slices.Contains(l.carriers[id], r.ID) {
				l.carriers[id] = append(l.carriers[id], r.ID)
			}
		}
	}
}

// withGroups fills in the groups of those users whose ids are named, where a rule asks about them.
func (l *line) withGroups(ctx context.Context, store Store, envID string, ids []string, users map[string]*directory.User) error {
	if len(users) == 0 || !l.rules.AsksGroups() {
		return nil
	}
	list := make([]*directory.User, 0, len(ids))
	for _, id := range ids {
		if u := users[id]; u != nil {
			list = append(list, u)
		}
	}
	if err := directory.FillGroups(ctx, store, envID, list); err != nil {
		return fmt.Errorf("read the groups of users: %w", err)
	}
	return nil
}

// wantGroup says how one group should stand; its members are asked for apart. g is nil when it is not in the directory.
func (l *line) wantGroup(g *directory.Group, id string, have *provision.Account) provision.Desired {
	d := provision.Desired{Ref: provision.Ref{Kind: directory.KindGroup, ID: id}, Exists: g != nil, Active: true}
	if have != nil {
		d.Name = have.ObjectName
	}
	if g != nil {
		d.Name = g.Name
	}
	rules := l.carriers[id]
	if g == nil || len(rules) == 0 {
		l.wantUnselected(&d, have)
		return d
	}
	for _, rule := range rules {
		if err := l.rules.Broken(rule); err != nil {
			d.Leave, d.RuleID, d.Why = true, rule, fmt.Sprintf("the user filter of rule %q cannot be read: %v", l.rules.Name(rule), err)
			return d
		}
	}
	d.InScope, d.RuleID, d.Why = true, rules[0], fmt.Sprintf("selected on rule %q", l.rules.Name(rules[0]))
	d.Attributes = provision.Attributes{plan.AttributeGroupName: g.Name}
	if l.normalizer != nil {
		if normal, fault := l.normalizer.Normalize(directory.KindGroup, d.Attributes); fault != nil {
			d.Problem = fault
		} else {
			d.Attributes = normal
		}
	}
	return d
}

// wantUnselected is a group that no active rule carries. As with users, the rule that carried it last decides whether anything is
// taken away.
func (l *line) wantUnselected(d *provision.Desired, have *provision.Account) {
	if have == nil || have.RuleID == "" && !have.Linked() {
		d.Why = "no rule selects it"
		return
	}
	d.RuleID = have.RuleID
	switch {
	case have.Ownership == provision.Released:
		d.Leave, d.Why = true, "released when its rule was deleted"
	case l.rules.Active(have.RuleID) && !d.Exists:
		d.Why = "deleted from the directory"
	case l.rules.Active(have.RuleID):
		d.Why = fmt.Sprintf("no longer selected on rule %q", l.rules.Name(have.RuleID))
	case l.deprovisioned(have.RuleID):
		d.Why = "its rule was deleted, with deprovisioning"
	default:
		d.Leave, d.Why = true, "the rule that selected it is not active"
	}
}

// groupItem is a group on its way through the stages.
type groupItem struct {
	item
	wanted  []provision.WantedMember
	known   map[string]provision.KnownMember
	unmade  map[string]bool  // in a preview: users without an account who get none: their rule wants them closed, or cannot say what to send
	stands  map[string]stand // in a preview: how people will stand
	guarded bool             // in a preview: whoever is barred keeps access
	consent bool
	asked   bool // rules were asked about members for whom another one decides
	taken   bool // the name was found taken once
	// guardedPlan is, in a preview, what the plan is if the guard holds that members are taken out; its last operation takes them out.
	guardedPlan *plan.Outcome

	leaving []string // members whom the plan takes out, and who wait at the guard; see guardGroup
	counted int64    // of leaving: those who keep their access
}

// evaluateGroups says how groups should stand, without their members. Groups that concern the connection in no way are left out.
func (l *line) evaluateGroups(ctx context.Context, store Store, envID string, ids []string) ([]*groupItem, error) {
	rows, err := store.AccountsByObject(ctx, l.connection.ID, directory.KindGroup, ids) // before the groups, see evaluate
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	groups, err := store.GroupsByID(ctx, envID, ids)
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	consents, err := store.Consents(ctx, l.connection.ID, ids)
	if err != nil {
		return nil, fmt.Errorf("read consents: %w", err)
	}
	drifts, err := l.drifts(ctx, store, directory.KindGroup, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*directory.Group, len(groups))
	for i := range groups {
		byID[groups[i].ID] = &groups[i]
	}
	byObject := make(map[string]*provision.Account, len(rows))
	for i := range rows {
		byObject[rows[i].ObjectID] = &rows[i]
	}
	items := make([]*groupItem, 0, len(ids))
	for _, id := range ids {
		group, have := byID[id], byObject[id]
		if have == nil && (group == nil || len(l.carriers[id]) == 0) {
			continue
		}
		it := &groupItem{consent: consents[id]}
		it.want = l.wantGroup(group, id, have)
		it.want.Drifts = drifts[id]
		it.row = known(have, &it.want)
		if have != nil {
			it.stored = *have
		}
		if it.row == nil {
			it.row = &provision.Account{EnvironmentID: envID, ConnectionID: l.connection.ID, Kind: directory.KindGroup, ObjectID: id}
		}
		items = append(items, it)
	}
	return items, nil
}

// members reads who should be in the group, and who is known to be. anew asks the rules about everybody, instead of what was
// decided about them last.
func (l *line) members(ctx context.Context, store Store, it *groupItem, anew bool) error {
	it.wanted, it.known, it.asked = nil, map[string]provision.KnownMember{}, false
	if anew {
		it.unmade = map[string]bool{}
	}
	if it.row.ID != "" {
		known, err := store.AccountMembers(ctx, it.row.ID)
		if err != nil {
			return fmt.Errorf("read members: %w", err)
		}
		for _, m := range known {
			it.known[m.RemoteID] = m
		}
	}
	if !it.want.InScope {
		return nil
	}
	accounts, err := store.MemberAccounts(ctx, l.connection.ID, it.want.Ref.ID)
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	rules := l.carriers[it.want.Ref.ID]
	ask := map[string]*provision.MemberAccount{}
	for i := range accounts {
		a := &accounts[i]
		held := it.stands[a.ObjectID]
		switch {
		case a.InScope && slices.Contains(rules, a.RuleID) && (held.prior || held.barred && it.guarded):
			it.wanted = append(it.wanted, a.Wanted())
		case anew || a.InScope && !slices.Contains(rules, a.RuleID):
			ask[a.ObjectID] = a
		case a.InScope:
			it.wanted = append(it.wanted, a.Wanted())
		}
	}
	it.asked = len(ask) > 0
	if err := l.covered(ctx, store, it, rules, ask); err != nil {
		return err
	}
	slices.SortFunc(it.wanted, func(a, b provision.WantedMember) int { return strings.Compare(a.ObjectID, b.ObjectID) })
	return nil
}

// covered asks the rules that carry the group about members for whom another rule decides.
func (l *line) covered(ctx context.Context, store Store, it *groupItem, rules []string, ask map[string]*provision.MemberAccount) error {
	for ids := range slices.Chunk(sortedKeys(ask), sweepBatch) {
		users, err := store.UsersByID(ctx, it.row.EnvironmentID, ids)
		if err != nil {
			return fmt.Errorf("read users: %w", err)
		}
		byID := make(map[string]*directory.User, len(users))
		for i := range users {
			byID[users[i].ID] = &users[i]
		}
		if err := l.withGroups(ctx, store, it.row.EnvironmentID, ids, byID); err != nil {
			return err
		}
		if err := l.fresh(ctx, store, it.row.EnvironmentID); err != nil {
			return err
		}
		for id, u := range byID {
			if slices.ContainsFunc(rules, func(rule string) bool { return l.rules.Covers(rule, u) }) {
				m := ask[id].Wanted()
				m.Name = u.Username
				it.wanted = append(it.wanted, m)
				if it.unmade != nil && m.RemoteID == "" {
					d := l.want(u, provision.Ref{Kind: directory.KindUser, ID: id}, nil)
					it.unmade[id] = !d.Active || d.Problem != nil
				}
			}
		}
	}
	return nil
}

// planGroup compares what is wanted with what is known now.
func (it *groupItem) planGroup(policy plan.GroupPolicy) {
	m := &provision.Members{Wanted: it.wanted, Consent: it.consent, Known: make([]provision.KnownMember, 0, len(it.known))}
	for _, id := range sortedKeys(it.known) {
		m.Known = append(m.Known, it.known[id])
	}
	it.outcome = plan.Group(&it.want, it.row, m, policy)
}

// names answers what people call the members with these remote ids, at most limit of them.
func (it *groupItem) names(remoteIDs []string, limit int) []string {
	byID := make(map[string]string, len(it.wanted))
	for _, m := range it.wanted {
		if m.RemoteID != "" {
			byID[m.RemoteID] = m.Name
		}
	}
	var out []string
	for _, id := range remoteIDs {
		if len(out) == limit {
			return append(out, fmt.Sprintf("%d more", len(remoteIDs)-limit))
		}
		name := byID[id]
		if name == "" {
			name = id
		}
		out = append(out, name)
	}
	return out
}
