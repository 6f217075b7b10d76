package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// TestFailingTargetSlowsDown: a target that answers nothing but 500 gets a few dozen calls, and not one for each of 500 people; it says so,
// and everything goes on by itself when it works again.
func TestFailingTargetSlowsDown(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	var rows strings.Builder
	rows.WriteString("username,email,given,family,title\n")
	for n := range 500 {
		fmt.Fprintf(&rows, "user%04d,user%04d@example.com,Given,Family,Engineer\n", n, n)
	}
	w.imports(rows.String())
	w.provision("population.id pr", nil)
	w.workspace.Inject(sandbox.Fault{Method: "POST", PathPrefix: "/Users", Status: 500, Times: 100_000})
	w.run()
	until(t, func() bool { return len(w.activity("PROVISIONING_SYNC.QUARANTINED")) == 1 })
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	<-ticker.C // as long as all of them would have been tried
	if n := int64(len(w.workspace.Requests().Requests)); n > 150 {
		t.Errorf("%d calls", n)
	}
	status, err := w.engine.Status(t.Context(), w.env.ID, w.rule.ID)
	must(t, err)
	if status.State != provision.StateSyncing || !strings.Contains(status.Details, "fails again and again") {
		t.Errorf("%+v", status)
	}
	w.workspace.ClearFaults()
	w.settle(provision.StateIdle) // by itself
	if n := len(w.workspace.Members()); n != 500 || len(w.activity("PROVISIONING_SYNC.RECOVERED")) != 1 {
		t.Errorf("%d members", n)
	}
}

// TestHaltedResumesByItself: rejected credentials stop the connection; it is probed with growing gaps, and goes on when they are good again.
func TestHaltedResumesByItself(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.create(1)
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	w.workspace.SetToken("", sandbox.Owner)
	w.create(2)
	w.settle(provision.StateHalted)
	state := func() provision.RunnerState {
		s, err := w.db.Runner(t.Context(), w.env.ID, w.connection.ID)
		must(t, err)
		return s
	}
	gap := time.Duration(0)
	for n := 2; n < 5; n++ {
		w.clock.Add(int64(10 * time.Minute))
		w.engine.Wake(w.env.ID)
		until(t, func() bool { s := state(); return s.Halt != nil && s.Halt.Attempts >= n })
		s := state()
		next := s.Halt.ProbeAt.Sub(w.now())
		if next <= gap*5/4 {
			t.Errorf("the gap after %d probes is %s, after %s", n, next, gap)
		}
		gap = next
	}
	if n := w.writes(); n != 1 {
		t.Errorf("%d writes while halted", n-1)
	}
	w.workspace.SetToken(token, sandbox.Owner)
	w.clock.Add(int64(10 * time.Minute))
	w.engine.Wake(w.env.ID)
	if status := w.settle(provision.StateIdle); status.Users.Success != 2 {
		t.Errorf("%+v", status)
	}
}

// TestRetryByCause: what fails is listed by cause, and tried again by cause or all together.
func TestRetryByCause(t *testing.T) {
	onBoth(t, 6, nil, func(t *testing.T, w *world) {
		t.Helper()
		refuse := func(code string, times int) {
			w.workspace.Inject(sandbox.Fault{Method: "PATCH", PathPrefix: "/Users/", Status: 400, Code: code, Times: times})
		}
		refuse("invalid_email_address", 3)
		w.retitle(3, "Chief")
		w.settle(provision.StateIdle)
		refuse("org_user_not_in_team", 2)
		w.titles(3, 5, "Chief")
		status := w.settle(provision.StateIdle)
		causes, err := w.engine.Failures(t.Context(), w.env.ID, w.rule.ID)
		must(t, err)
		if status.Users.Failed != 5 || len(causes) != 2 || causes[0].Objects != 3 || causes[0].Fault.Code != "invalid_email_address" {
			t.Fatalf("%+v %+v", status.Users, causes)
		}
		rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Status: provision.StatusFailed, Limit: 1})
		must(t, err)
		if gap := rows[0].DueAt.Sub(w.now()); gap < 40*time.Minute || gap > time.Hour {
			t.Errorf("the next try is in %s", gap)
		}
		n, err := w.engine.Retry(by(t.Context(), "Anna"), w.env.ID, w.rule.ID, provision.RetryQuery{Code: "invalid_email_address"})
		must(t, err)
		if status = w.settle(provision.StateIdle); n != 3 || status.Users.Failed != 2 {
			t.Errorf("%d are tried again, then %+v", n, status.Users)
		}
		n, err = w.engine.Retry(t.Context(), w.env.ID, w.rule.ID, provision.RetryQuery{})
		must(t, err)
		if status = w.settle(provision.StateIdle); n != 2 || status.Users.Failed != 0 {
			t.Errorf("%d are tried again, then %+v", n, status.Users)
		}
	})
}

// TestRuleSwitchedOffStopsWhatIsQueued: a rule that is switched off ends between two calls, also for those who wait for the budget, and
// nobody loses access.
func TestRuleSwitchedOffStopsWhatIsQueued(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for n := range 60 {
		w.create(n)
	}
	w.provision("population.id pr", map[string]any{"RATE_LIMIT_FACTOR": 1.0})
	w.run()
	until(t, func() bool { return len(w.workspace.Members()) >= 19 })
	w.rule.Active = false
	_, err := w.provisions.UpdateRule(t.Context(), w.env.ID, w.rule.ID, w.rule)
	must(t, err)
	_, err = w.provisions.Publish(t.Context(), w.env.ID)
	must(t, err)
	w.settle(provision.StateInactive)
	until(t, func() bool { // the revision is taken over
		s, err := w.db.Runner(t.Context(), w.env.ID, w.connection.ID)
		must(t, err)
		latest, err := w.provisions.LatestRevision(t.Context(), w.env.ID)
		must(t, err)
		return s.RevisionID == latest.ID
	})
	before := len(w.workspace.Members())
	ticker := time.NewTicker(time.Second) // three more would be made in this time
	defer ticker.Stop()
	<-ticker.C
	if after := len(w.workspace.Members()); after > before || w.inactive() != 0 {
		t.Errorf("%d were made after the rule was switched off, and %d are not active", after-before, w.inactive())
	}
}

// nothingDue waits until nothing is due on the connection, by whatever rule.
func (w *world) nothingDue() {
	w.t.Helper()
	until(w.t, func() bool {
		s, err := w.db.Runner(w.t.Context(), w.env.ID, w.connection.ID)
		must(w.t, err)
		head, err := w.db.FeedHead(w.t.Context(), w.env.ID)
		must(w.t, err)
		gate, err := w.db.GateCounts(w.t.Context(), w.connection.ID, time.Time{})
		must(w.t, err)
		due, err := w.db.NextDue(w.t.Context(), w.connection.ID) // after the gate: who passes it is due
		must(w.t, err)
		latest, err := w.provisions.LatestRevision(w.t.Context(), w.env.ID)
		must(w.t, err)
		return s.Cursor >= head && s.RevisionID == latest.ID && s.Sweep.ID == "" && due.IsZero() && gate.Waiting == 0
	})
}

// TestSeveralRules: who leaves one rule and is covered by another is updated, not disabled; who leaves both is disabled.
func TestSeveralRules(t *testing.T) {
	onBoth(t, 0, nil, func(t *testing.T, w *world) {
		t.Helper()
		rule, err := w.provisions.CreateRule(t.Context(), w.env.ID, provision.Rule{
			Name: "Guests", PlanID: w.rule.PlanID, SourceID: w.rule.SourceID, TargetID: w.connection.ID, PopulationExpression: `title eq "Guest" or title eq "Engineer"`,
		})
		must(t, err)
		rule.Active = true
		rule, err = w.provisions.UpdateRule(t.Context(), w.env.ID, rule.ID, rule)
		must(t, err)
		_, err = w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		u := w.create(1)
		w.nothingDue()
		w.wrote(1, 0)
		edit := func(title string) provision.Account {
			_, err := w.people.UpdateUser(t.Context(), w.env.ID, u.ID, func(u *directory.User) error { u.Title = title; return nil })
			must(t, err)
			w.nothingDue()
			rows, err := w.db.AccountsByObject(t.Context(), w.connection.ID, directory.KindUser, []string{u.ID})
			must(t, err)
			return rows[0]
		}
		if row := edit("Guest"); row.RuleID != rule.ID || !row.InScope { // out of the first rule, in the second
			t.Errorf("%+v", row)
		}
		w.wrote(1, 0)
		if m := w.member(u.Email); !m.Active || m.Title != "Guest" {
			t.Errorf("%+v", m)
		}
		must(t, w.provisions.DeleteRule(t.Context(), w.env.ID, rule.ID, false))
		w.rule.PopulationExpression = `title eq "Guest"`
		_, err = w.provisions.UpdateRule(t.Context(), w.env.ID, w.rule.ID, w.rule)
		must(t, err)
		_, err = w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.nothingDue()
		w.wrote(0, 0)
		edit("Nobody")
		w.wrote(1, 1)
	})
}

// TestDeletedRuleHandsOver: people and groups of a deleted rule whom another rule covers are the other rule's from then on, as they were: made
// by us, and released for no moment.
func TestDeletedRuleHandsOver(t *testing.T) {
	onBoth(t, 3, nil, func(t *testing.T, w *world) {
		t.Helper()
		users, err := w.people.Users(t.Context(), w.env.ID, directory.Query{})
		must(t, err)
		team := w.group("Team", users.Users...)
		second, err := w.provisions.CreateRule(t.Context(), w.env.ID, provision.Rule{
			Name: "Everybody", PlanID: w.rule.PlanID, SourceID: w.rule.SourceID, TargetID: w.connection.ID, PopulationExpression: "population.id pr", GroupIDs: []string{team.ID},
		})
		must(t, err)
		second.Active = true
		second, err = w.provisions.UpdateRule(t.Context(), w.env.ID, second.ID, second)
		must(t, err)
		w.carry(false, team)
		w.settle(provision.StateIdle)
		w.wrote(1, 0)
		must(t, w.provisions.DeleteRule(t.Context(), w.env.ID, w.rule.ID, false))
		w.rule = second
		_, err = w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		w.settle(provision.StateIdle)
		w.wrote(0, 0)
		rows, err := w.db.AccountPage(t.Context(), provision.AccountQuery{ConnectionID: w.connection.ID, Limit: 10})
		must(t, err)
		if len(rows) != 4 {
			t.Errorf("%d rows", len(rows))
		}
		for _, row := range rows {
			if row.Ownership != provision.Managed || row.RuleID != second.ID || !row.InScope {
				t.Errorf("%+v", row)
			}
		}
	})
}

// TestReleasedHoldEnds: a group that is held, and whose rule is deleted, waits for nobody's decision any more.
func TestReleasedHoldEnds(t *testing.T) {
	onBoth(t, 1, map[string]any{"GROUP_MEMBERSHIP_HANDLING": "Overwrite"}, func(t *testing.T, w *world) {
		t.Helper()
		id := w.workspace.Seed(sandbox.Member{UserName: "foreign", PrimaryEmail: "foreign@other.com", Active: true})[0]
		w.call("POST", "/scim/v2/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"team","members":[{"value":"%s"}]}`, id))
		users, err := w.people.Users(t.Context(), w.env.ID, directory.Query{})
		must(t, err)
		w.carry(false, w.group("Team", users.Users...))
		w.settle(provision.StateHeld)
		must(t, w.provisions.DeleteRule(t.Context(), w.env.ID, w.rule.ID, false))
		_, err = w.provisions.Publish(t.Context(), w.env.ID)
		must(t, err)
		until(t, func() bool {
			holds, err := w.engine.Holds(t.Context(), w.env.ID, w.connection.ID, "", 10)
			must(t, err)
			return len(holds) == 0
		})
	})
}
