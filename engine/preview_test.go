package engine_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// previewed makes a preview of the rule and reads all that it shows, in small pages.
func (w *world) previewed(q provision.PreviewQuery) (provision.Preview, []provision.Foreseen) {
	w.t.Helper()
	p, err := w.engine.MakePreview(w.t.Context(), w.env.ID, q)
	must(w.t, err)
	return p, w.foreseen(p, "")
}

func (w *world) foreseen(p provision.Preview, text string) []provision.Foreseen {
	w.t.Helper()
	var out []provision.Foreseen
	q := provision.ForeseenQuery{Groups: provision.PreviewGroups, Text: text, Limit: 3}
	for {
		items, next, err := w.engine.Foreseen(w.t.Context(), &p, q)
		must(w.t, err)
		out = append(out, items...)
		if next.Group == "" {
			return out
		}
		q.After = next
	}
}

// publishPreview publishes what a preview showed.
func (w *world) publishPreview(id string) error {
	w.t.Helper()
	o, err := w.engine.Publishable(w.t.Context(), w.env.ID, id)
	if err != nil {
		return err
	}
	_, err = w.provisions.PublishWith(w.t.Context(), w.env.ID, o)
	return err
}

// atRest waits until nothing is due but what is held.
func (w *world) atRest() {
	w.t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		status, err := w.engine.Status(w.t.Context(), w.env.ID, w.rule.ID)
		must(w.t, err)
		if status.State == provision.StateIdle || status.State == provision.StateHeld || status.State == provision.StateInactive {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatalf("the rule does not come to rest: %+v", status)
		}
	}
}

// faces is a workspace as a preview can speak of it.
type faces struct {
	members map[string]face // by address
	groups  map[string][]string
}

type face struct {
	active     bool
	attributes map[string]string
}

func (w *world) faces() faces {
	out := faces{members: map[string]face{}, groups: map[string][]string{}}
	names := map[string]string{}
	for _, m := range w.workspace.Members() {
		out.members[m.ID] = face{m.Active, map[string]string{
			"userName": m.UserName, "primaryEmail": strings.ToLower(m.PrimaryEmail), "givenName": m.GivenName, "familyName": m.FamilyName, "displayName": m.DisplayName,
			"title": m.Title, "timezone": m.Timezone, "active": "",
		}}
		names[m.ID] = m.ID
	}
	for _, g := range w.workspace.Groups() {
		out.groups[g.Name] = slices.Sorted(slices.Values(g.Members))
	}
	return out
}

// apply carries the operations out on a picture of the workspace. What is created has its address for an id.
// It answers the operations on users, and the accounts that they name.
//
// A workspace takes whoever is deactivated out of its groups by itself.
func (f *faces) apply(t *testing.T, items []provision.Foreseen, p *provision.Preview) (operations []string, named map[string]bool) {
	t.Helper()
	named = map[string]bool{}
	byName := map[string]string{}
	for id, m := range f.members {
		byName[m.attributes["userName"]] = id
	}
	var groups []provision.Operation
	for i := range items {
		item, op := &items[i], items[i].Operation
		if !item.Group.IsOperation() || op.Withheld != "" || p.Holds(item) {
			continue
		}
		if op.Kind == directory.KindGroup {
			groups = append(groups, op)
			continue
		}
		operations, named[op.RemoteID] = append(operations, fmt.Sprintf("%s %s", op.Verb, op.Object.ID)), true
		id, m := op.RemoteID, f.members[op.RemoteID]
		if op.Verb == provision.VerbCreate {
			id, m = "", face{active: true, attributes: map[string]string{}}
		}
		if m.attributes == nil {
			t.Errorf("%s of an account that is not there: %+v", op.Verb, op)
			continue
		}
		for _, c := range op.Changes {
			text, _ := c.To.(string)
			m.attributes[c.Attribute] = text
		}
		m.active = op.Verb == provision.VerbCreate || op.Verb == provision.VerbEnable || op.Verb != provision.VerbDisable && m.active
		if op.Verb == provision.VerbDisable {
			for name, ids := range f.groups {
				f.groups[name] = slices.DeleteFunc(slices.Clone(ids), func(member string) bool { return member == id })
			}
		}
		if id == "" {
			id = m.attributes["primaryEmail"]
		}
		f.members[id] = m
		byName[op.Object.Name] = id
	}
	for i := range items { // who is linked keeps the account that is there
		if items[i].Operation.Kind == directory.KindUser && items[i].Operation.RemoteID != "" && items[i].Operation.Object.ID != "" {
			byName[items[i].Operation.Object.Name] = items[i].Operation.RemoteID
		}
	}
	for _, op := range groups {
		f.applyGroup(t, op, byName)
	}
	slices.Sort(operations)
	return operations, named
}

func (f *faces) applyGroup(t *testing.T, op provision.Operation, byName map[string]string) {
	t.Helper()
	name := op.Object.Name
	if op.Verb == provision.VerbDelete {
		delete(f.groups, name)
		return
	}
	members := map[string]bool{}
	for _, id := range f.groups[name] {
		members[id] = true
	}
	idOf := func(name string) string { return cmp.Or(byName[name], name) }
	if m := op.Members; m != nil {
		for _, n := range m.Add {
			members[idOf(n)] = true
		}
		for _, n := range m.Remove {
			if !members[idOf(n)] && f.members[idOf(n)].active {
				t.Errorf("%s takes %s (%s) out of %s, where they are not: %v", op.Verb, n, idOf(n), name, f.groups[name])
			}
			delete(members, idOf(n))
		}
	}
	ids := make([]string, 0, len(members))
	for id := range members {
		ids = append(ids, id)
	}
	f.groups[name] = ids
}

// differs says in lines how two pictures differ. Accounts that were just made are compared by address, and only in what was sent.
func (f *faces) differs(got faces) []string {
	var out []string
	made := map[string]string{}
	for id := range got.members {
		if _, known := f.members[id]; !known {
			made[got.members[id].attributes["primaryEmail"]] = id
		}
	}
	real := func(id string) string { return cmp.Or(made[id], id) }
	for id, want := range f.members {
		have, ok := got.members[real(id)]
		if !ok {
			out = append(out, fmt.Sprintf("%s is missing", id))
			continue
		}
		if have.active != want.active {
			out = append(out, fmt.Sprintf("%s: active %t, foreseen %t", id, have.active, want.active))
		}
		for name, value := range want.attributes {
			if name != "active" && have.attributes[name] != value {
				out = append(out, fmt.Sprintf("%s: %s is %q, foreseen %q", id, name, have.attributes[name], value))
			}
		}
	}
	if len(f.members) != len(got.members) {
		out = append(out, fmt.Sprintf("%d members, foreseen %d", len(got.members), len(f.members)))
	}
	for name, want := range f.groups {
		ids := make([]string, len(want))
		for i, id := range want {
			ids[i] = real(id)
		}
		slices.Sort(ids)
		if !slices.Equal(ids, got.groups[name]) {
			out = append(out, fmt.Sprintf("group %s: %v, foreseen %v", name, got.groups[name], ids))
		}
	}
	if len(f.groups) != len(got.groups) {
		out = append(out, fmt.Sprintf("%d groups, foreseen %d", len(got.groups), len(f.groups)))
	}
	slices.Sort(out)
	return out
}

// carriedOut lists the operations on users that succeeded since a number of the log.
func (w *world) carriedOut(after int64) []string {
	w.t.Helper()
	lines, err := w.db.Activities(w.t.Context(), w.env.ID, directory.ActivityQuery{Type: "PROVISIONING_IDENTITY_SYNC.SUCCESS", Kind: directory.KindUser, Limit: 10_000})
	must(w.t, err)
	var out []string
	for i := range lines {
		if lines[i].Seq > after {
			verb, _, _ := strings.Cut(lines[i].Description, ":")
			out = append(out, verb+" "+lines[i].ObjectID)
		}
	}
	slices.Sort(out)
	return out
}

// touched lists the accounts that the workspace was asked to write since the log was reset.
func (w *world) touched() map[string]bool {
	out := map[string]bool{}
	for _, r := range w.workspace.Requests().Requests {
		if _, id, ok := strings.Cut(r.Path, "/Users/"); ok && r.Method != http.MethodGet {
			out[id] = true
		}
	}
	return out
}

// company is a random company, its workspace and its rule.
type company struct {
	*world
	random *rand.Rand
	people []directory.User
	teams  []directory.Group
}

func (c *company) odds(percent int) bool { return c.random.IntN(100) < percent }

var titles = []string{"Engineer", "Designer", "Lead"}

func newCompany(t *testing.T, seed uint64) *company {
	c := &company{world: newWorld(t, sandbox.Options{TimeScale: -1}), random: rand.New(rand.NewPCG(seed, 7))}
	for range c.random.IntN(14) {
		c.join()
	}
	var members []sandbox.Member
	for _, u := range c.people {
		if c.odds(30) {
			m := sandbox.Member{UserName: u.Username, PrimaryEmail: strings.ToUpper(u.Email[:1]) + u.Email[1:], GivenName: "Given", FamilyName: u.Name.Family, Title: titles[c.random.IntN(3)], Active: c.odds(70)}
			if c.odds(30) {
				m.UserName, m.GivenName = "old."+u.Username, "Old"
			}
			members = append(members, m)
		}
	}
	for n := range c.random.IntN(4) {
		members = append(members, sandbox.Member{UserName: fmt.Sprintf("foreign%d", n), PrimaryEmail: fmt.Sprintf("foreign%d@other.com", n), Active: c.odds(80), Bot: c.odds(20)})
	}
	ids := c.workspace.Seed(members...)
	for _, name := range []string{"Team", "Guild"} {
		g := c.group(name)
		for _, u := range c.people {
			if c.odds(40) {
				must(t, c.world.people.AddMember(t.Context(), c.env.ID, g.ID, u.ID))
			}
		}
		c.teams = append(c.teams, g)
		if c.odds(25) {
			there := sandbox.Group{Name: name}
			for i, id := range ids {
				if members[i].Active && !members[i].Bot && c.odds(40) {
					there.Members = append(there.Members, id)
				}
			}
			c.workspace.SeedGroups(there)
		}
	}
	return c
}

func (c *company) join() {
	n := len(c.people)
	u := c.user(n)
	u.Title, u.Enabled = titles[c.random.IntN(3)], c.odds(85)
	u, err := c.world.people.CreateUser(c.t.Context(), c.env.ID, u)
	must(c.t, err)
	c.people = append(c.people, u)
}

func (c *company) filter() string {
	return []string{`population.id pr`, `title eq "Engineer"`, `title eq "Engineer" or title eq "Lead"`, `not (title eq "Designer")`}[c.random.IntN(4)]
}

func (c *company) settings() map[string]any {
	handling := provision.MembershipMerge
	if c.odds(40) {
		handling = provision.MembershipOverwrite
	}
	return map[string]any{
		provision.KeyCreateUsers: c.odds(85), provision.KeyUpdateUsers: c.odds(85), provision.KeyDeprovisionUsers: c.odds(85), provision.KeyGroupMembership: handling,
		provision.KeyDeprovisionShare: []float64{10, 40, 100}[c.random.IntN(3)], provision.KeyDeprovisionCount: []float64{0, 2, 5}[c.random.IntN(3)],
	}
}

// live lets a day pass: people come, go and change, and somebody edits the rule.
func (c *company) live() {
	ctx, env := c.t.Context(), c.env.ID
	for range c.random.IntN(3) {
		c.join()
	}
	for i := range c.people {
		u := &c.people[i]
		if u.ID == "" || !c.odds(50) {
			continue
		}
		switch c.random.IntN(6) {
		case 0:
			must(c.t, c.world.people.DeleteUser(ctx, env, u.ID))
			u.ID = ""
			continue
		case 1:
			_, err := c.world.people.UpdateUser(ctx, env, u.ID, func(u *directory.User) error { u.Enabled = !u.Enabled; return nil })
			must(c.t, err)
		case 2:
			g := c.teams[c.random.IntN(len(c.teams))]
			if err := c.world.people.AddMember(ctx, env, g.ID, u.ID); err != nil && !problem.Is(err, problem.InvalidData) {
				must(c.t, err)
			}
		case 3:
			_, err := c.world.people.UpdateUser(ctx, env, u.ID, func(u *directory.User) error { u.Name.Family += "x"; return nil })
			must(c.t, err)
		default:
			_, err := c.world.people.UpdateUser(ctx, env, u.ID, func(u *directory.User) error { u.Title = titles[c.random.IntN(3)]; return nil })
			must(c.t, err)
		}
	}
	if c.odds(40) {
		c.configure(c.settings())
	}
	rule, err := c.provisions.Rule(ctx, env, c.rule.ID)
	must(c.t, err)
	if c.odds(50) {
		rule.PopulationExpression = c.filter()
	}
	rule.GroupIDs = nil
	for _, g := range c.teams {
		if c.odds(70) {
			rule.GroupIDs = append(rule.GroupIDs, g.ID)
		}
	}
	_, err = c.provisions.UpdateRule(ctx, env, rule.ID, rule)
	must(c.t, err)
}

// TestPreviewIsWhatHappens: of many random companies, what a preview shows is what the workspace receives when it is published: every
// operation and nothing else, people and groups, on the first day and on later ones.
func TestPreviewIsWhatHappens(t *testing.T) {
	companies := uint64(20)
	if testing.Short() {
		companies = 6
	}
	for seed := uint64(1); seed <= companies; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := newCompany(t, seed)
			c.draft(c.filter(), c.settings())
			for day := range 3 {
				c.live()
				before := c.faces()
				c.writes()
				q := provision.PreviewQuery{RuleID: c.rule.ID, Overwrite: c.odds(30)}
				p, items := c.previewed(q)
				if n := c.writes(); n != 0 {
					t.Fatalf("day %d: the preview wrote %d times", day, n)
				}
				again, same := c.previewed(q)
				if len(same) != len(items) || again.Summary != p.Summary {
					t.Errorf("day %d: made once more, the preview differs: %+v, %+v", day, p.Summary, again.Summary)
				}
				must(t, c.publishPreview(p.ID))
				var last int64
				if lines, err := c.db.Activities(t.Context(), c.env.ID, directory.ActivityQuery{Limit: 1}); err == nil && len(lines) > 0 {
					last = lines[0].Seq
				}
				c.run()
				c.atRest()
				c.stop()
				operations, named := before.apply(t, items, &p)
				for _, line := range before.differs(c.faces()) {
					t.Errorf("day %d: %s", day, line)
				}
				if got := c.carriedOut(last); !slices.Equal(got, operations) {
					t.Errorf("day %d: done %v, foreseen %v", day, got, operations)
				}
				for id := range c.touched() {
					if !named[id] {
						t.Errorf("day %d: %s was written, and the preview does not name it", day, id)
					}
				}
				if t.Failed() {
					for i := range items {
						t.Logf("%s held %t: %+v", items[i].Group, items[i].Barred, items[i].Operation)
					}
					t.Fatalf("day %d: guard %q, %+v", day, p.Guard, p.Summary)
				}
			}
		})
	}
}

// draft sets up a plan, a connection and an active rule, and does not publish them.
func (w *world) draft(expression string, settings map[string]any) {
	w.t.Helper()
	w.drafting = true
	w.provision(expression, settings)
}

// TestPreviewMoved: a preview is published only while all that it was made from is as it was; otherwise a sentence says what moved.
func TestPreviewMoved(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	u := w.create(1)
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	w.stop()
	ctx, env := t.Context(), w.env.ID
	refused := func(what, said string, change func()) {
		t.Helper()
		p, _ := w.previewed(provision.PreviewQuery{RuleID: w.rule.ID})
		change()
		err := w.publishPreview(p.ID)
		if !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v", what, err)
		}
	}
	rule := func(change func(*provision.Rule)) {
		r, err := w.provisions.Rule(ctx, env, w.rule.ID)
		must(t, err)
		change(&r)
		_, err = w.provisions.UpdateRule(ctx, env, r.ID, r)
		must(t, err)
	}
	refused("an edit", "user user0001 was updated: title", func() {
		_, err := w.people.UpdateUser(ctx, env, u.ID, func(u *directory.User) error { u.Title = "Lead"; return nil })
		must(t, err)
	})
	refused("a group", "the directory was edited", func() { w.group("Team") })
	refused("a revision", "revision 2 was published", func() {
		_, err := w.provisions.Publish(ctx, env)
		must(t, err)
	})
	refused("the rule", `rule "Staff" was edited`, func() { rule(func(r *provision.Rule) { r.PopulationExpression = `title eq "Lead"` }) })
	refused("a mapping", `rule "Staff" was edited`, func() {
		_, err := w.provisions.CreateMapping(ctx, env, w.rule.ID, provision.Mapping{TargetAttribute: "title", SourceAttribute: "title"})
		must(t, err)
	})
	refused("the connection", `connection "Slack" was edited`, func() { w.configure(map[string]any{provision.KeyUpdateUsers: false}) })
	refused("the token", `connection "Slack" was edited`, func() { w.configure(map[string]any{"OAUTH_ACCESS_TOKEN": "xoxp-another"}) })
	w.configure(map[string]any{"OAUTH_ACCESS_TOKEN": token})
	refused("another rule", `rule "More" was created`, func() {
		r := w.rule
		r.Name, r.ID, r.Active = "More", "", false
		_, err := w.provisions.CreateRule(ctx, env, r)
		must(t, err)
	})
	refused("a link", "accounts on the target were", func() {
		rows, err := w.db.AccountPage(ctx, provision.AccountQuery{ConnectionID: w.connection.ID, ObjectID: u.ID, Limit: 1})
		must(t, err)
		must(t, w.engine.Unlink(ctx, env, w.connection.ID, rows[0].ID))
	})
	refused("too late", "has expired", func() { w.clock.Add(int64(provision.PreviewFor)) })
	rule(func(r *provision.Rule) { r.Active = false })
	p, _ := w.previewed(provision.PreviewQuery{RuleID: w.rule.ID})
	if err := w.publishPreview(p.ID); !problem.Is(err, problem.InvalidData) || !strings.Contains(err.Error(), "switched off") {
		t.Errorf("a rule that is switched off: %v", err)
	}
	rule(func(r *provision.Rule) { r.Active = true })
	must(t, w.publishPreview(p.ID))
	if err := w.publishPreview(p.ID); !problem.Is(err, problem.Conflict) || !errors.As(err, new(*problem.Error)) {
		t.Errorf("published twice: %v", err)
	}
}
