package engine_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// planned counts the plans of groups, and can lose what marks groups.
type planned struct {
	engine.Store
	plans atomic.Int64
	deaf  atomic.Bool // to all but reconciliations
}

func (p *planned) MemberAccounts(ctx context.Context, connectionID, groupID string) ([]provision.MemberAccount, error) {
	p.plans.Add(1)
	return p.Store.MemberAccounts(ctx, connectionID, groupID)
}

func (p *planned) MarkGroups(ctx context.Context, connectionID string, ids []string, at time.Time, priority provision.Priority, cause string) error {
	if p.deaf.Load() && !strings.HasPrefix(cause, "full resync") {
		return nil
	}
	return p.Store.MarkGroups(ctx, connectionID, ids, at, priority, cause)
}

// countPlans puts an engine into the world whose plans of groups are counted.
func (w *world) countPlans() *planned {
	p := &planned{Store: w.db}
	w.engine = engine.New(engine.Config{Store: p, Types: all.Types(), Client: outbound.Client(true, 5*time.Second), Now: w.now})
	w.people = directory.NewService(w.db, directory.Options{Wake: w.engine.Wake})
	w.provisions = provision.NewService(w.db, provision.Deps{
		Catalogue: all.NewCatalogue(), Checker: engine.Checker{Schema: w.people.Schema}, Wake: w.engine.Wake,
	})
	return p
}

// TestGroupsRest: a reconciliation reads each group once and plans none whose plan would be made of the same. What differs is found even when
// nobody has told of it: on the target, in the group, in how a member stands.
func TestGroupsRest(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	p := w.countPlans()
	ctx := t.Context()
	var u []directory.User
	for n := range 6 {
		u = append(u, w.create(n))
	}
	team, city, inner := w.group("Team", u[0], u[1]), w.group("Berlin", u[2]), w.group("Inner", u[3])
	must(t, w.people.Nest(ctx, w.env.ID, inner.ID, city.ID))
	w.provision(`title eq "Engineer"`, map[string]any{"DEPROVISION_LIMIT_SHARE": 100.0})
	w.carry(false, team, city)
	w.run()
	w.settle(provision.StateIdle)

	resync := func(what string, plans, writes int64) {
		t.Helper()
		w.writes()
		before := p.plans.Load()
		must(t, w.engine.Resync(ctx, w.env.ID, w.rule.ID))
		w.settle(provision.StateIdle)
		gets := 0
		for _, r := range w.workspace.Requests().Requests {
			if r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/scim/v2/Groups/") {
				gets++
			}
		}
		if got := p.plans.Load() - before; got != plans {
			t.Errorf("%s: %d plans of groups, want %d", what, got, plans)
		}
		if got := w.writes(); got != writes {
			t.Errorf("%s: %d writes, want %d", what, got, writes)
		}
		if gets < 2 || gets > 2+int(plans) { // what is planned although it seemed to rest is read once more
			t.Errorf("%s: groups were read %d times, want 2, and once a plan at most", what, gets)
		}
	}
	resync("nothing changed", 0, 0)

	others := w.member(u[5].Email).ID
	w.teamByHand(func(g *sandbox.Group) { g.Members = append(g.Members, others) })
	resync("somebody was added on the target, who stays", 1, 0)
	resync("it is known that they are there", 0, 0)
	w.teamByHand(func(g *sandbox.Group) { slices.Reverse(g.Members) })
	resync("the target lists the members in another order", 0, 0)
	ours := w.member(u[0].Email).ID
	w.teamByHand(func(g *sandbox.Group) { g.Members = without(g.Members, ours) })
	resync("a member was taken out on the target", 1, 1)
	w.teamByHand(func(g *sandbox.Group) { g.Name = "Tem" })
	resync("it was renamed on the target", 1, 1)
	w.expect("all is mended", "Team", "user0000", "user0001", "user0005")
	resync("what had drifted is looked at once more", 1, 0)

	// Nothing tells the groups of what happens.
	p.deaf.Store(true)
	unheard := func(change func() error) {
		t.Helper()
		must(t, change())
		w.settle(provision.StateIdle)
	}
	unheard(func() error { return w.people.AddMember(ctx, w.env.ID, inner.ID, u[4].ID) })
	w.expect("it was not heard", "Berlin", "user0002", "user0003")
	resync("somebody joined a nested group", 1, 1)
	w.expect("joined", "Berlin", "user0002", "user0003", "user0004")
	unheard(func() error { return w.people.RemoveMember(ctx, w.env.ID, team.ID, u[1].ID) })
	resync("somebody left", 1, 1)
	unheard(func() error {
		_, err := w.people.UpdateUser(ctx, w.env.ID, u[2].ID, func(u *directory.User) error { u.Title = "Guest"; return nil })
		return err
	})
	resync("a member is not covered any more, and Slack took them out", 1, 0)
	w.expect("not covered", "Berlin", "user0003", "user0004")
	unheard(func() error {
		_, err := w.people.UpdateGroup(ctx, w.env.ID, team.ID, func(g *directory.Group) error { g.Name = "Crew"; return nil })
		return err
	})
	resync("it was renamed here", 1, 1)
	resync("nothing changed", 0, 0)
}

// TestReadAgain: groups are read again with a listing that is begun again: what was read before the one that failed may be old.
func TestReadAgain(t *testing.T) {
	w := grouped(t, nil)
	must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
	w.settle(provision.StateIdle)
	w.workspace.Inject(sandbox.Fault{Method: "GET", PathPrefix: "/Users", Status: 500, Times: 1})
	w.writes()
	must(t, w.engine.Resync(t.Context(), w.env.ID, w.rule.ID))
	until(t, func() bool {
		state, err := w.db.Runner(t.Context(), w.env.ID, w.connection.ID)
		must(t, err)
		return state.Sweep.Fault != nil
	})
	gone := w.member(w.user(1).Email).ID
	w.teamByHand(func(g *sandbox.Group) { g.Members = without(g.Members, gone) })
	w.settle(provision.StateIdle)
	w.expect("somebody was taken out between two listings", "Team", "user0000", "user0001", "user0002")
}
