package engine_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// account is the row of a user.
func (w *world) account(userID string) provision.Account {
	w.t.Helper()
	rows, err := w.db.AccountsByObject(w.t.Context(), w.connection.ID, directory.KindUser, []string{userID})
	must(w.t, err)
	if len(rows) == 0 {
		return provision.Account{}
	}
	return rows[0]
}

// TestVisitsElsewhere: what another process is writing is not unlinked or linked under its hands, and when it rests it says so.
func TestVisitsElsewhere(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ctx := t.Context()
	u := w.create(1)
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	visiting := func() []string {
		state, err := w.db.Runner(ctx, w.env.ID, w.connection.ID)
		must(t, err)
		return state.Visiting
	}
	for deadline := time.Now().Add(10 * time.Second); len(visiting()) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("nobody is written, and %v are announced", visiting())
		}
		runtime.Gosched()
	}
	w.stop()
	state, err := w.db.Lease(ctx, w.env.ID, w.connection.ID, "other", w.now().Add(time.Minute), w.now())
	must(t, err)
	state.Visiting = []string{u.ID}
	must(t, w.db.SaveRunner(ctx, "other", state))
	row := w.account(u.ID)
	if err := w.engine.Unlink(ctx, w.env.ID, w.connection.ID, row.ID); !problem.Is(err, problem.Conflict) {
		t.Errorf("unlinked while it is written: %v", err)
	}
	if _, err := w.engine.Link(ctx, w.env.ID, w.connection.ID, u.ID, row.RemoteID); !problem.Is(err, problem.Conflict) {
		t.Errorf("linked while it is written: %v", err)
	}
	state.Visiting = nil
	must(t, w.db.SaveRunner(ctx, "other", state))
	must(t, w.engine.Unlink(ctx, w.env.ID, w.connection.ID, row.ID))
}

// TestNobodyGuesses: where several accounts, or several people, match, nothing is written, the preview says so beforehand, and an
// administrator decides: a link, or that an account stays foreign. The decision is in the log.
func TestNobodyGuesses(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ids := w.workspace.Seed(
		sandbox.Member{UserName: "one", PrimaryEmail: "user0001@example.com", GivenName: "Old", Active: true},
		sandbox.Member{UserName: "two", PrimaryEmail: "User0001@example.com", GivenName: "Old", Active: true},
		sandbox.Member{UserName: "kept", PrimaryEmail: "user0002@example.com", GivenName: "Old", Active: true},
		sandbox.Member{UserName: "shared", PrimaryEmail: "user0004@example.com", GivenName: "Old", Active: true},
		sandbox.Member{UserName: "private", PrimaryEmail: "somebody@home.example", GivenName: "Old", Active: true},
	)
	ctx, env := t.Context(), w.env.ID
	several, kept, former := w.create(1), w.create(2), w.user(4)
	former.Username, former.Enabled = "former", false
	former, err := w.people.CreateUser(ctx, env, former)
	must(t, err)
	back := w.create(4)
	w.provision("population.id pr", nil)
	_, err = w.engine.KeepForeign(ctx, env, w.connection.ID, ids[2])
	must(t, err)

	p, items := w.previewed(provision.PreviewQuery{RuleID: w.rule.ID})
	if p.Summary.Ambiguous != 4 || p.Summary.Create != 0 || p.Summary.Link != 0 || !p.Listed {
		t.Errorf("%+v", p.Summary)
	}
	for _, f := range items {
		if f.Group == provision.ForeseenAmbiguous && f.Operation.Object.ID == several.ID && (len(f.Candidates) != 2 || f.Candidates[0].Name != "one") {
			t.Errorf("%+v", f)
		}
	}
	w.run()
	w.settle(provision.StateIdle)
	if n := w.writes(); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
	for id, code := range map[string]string{several.ID: "ambiguous", kept.ID: "kept_foreign", former.ID: "claimed_by_several", back.ID: "claimed_by_several"} {
		if a := w.account(id); a.Status != provision.StatusFailed || a.Fault == nil || a.Fault.Code != code {
			t.Errorf("%s: %s %+v", code, a.Status, a.Fault)
		}
	}
	link := func(user, remote string) error {
		for {
			_, err := w.engine.Link(ctx, env, w.connection.ID, user, remote)
			if err == nil || !strings.Contains(err.Error(), "being written") { // their visit may end a moment after all is in step
				return err
			}
		}
	}
	must(t, link(several.ID, ids[1]))
	must(t, link(back.ID, ids[3]))
	w.settle(provision.StateIdle)
	byName := map[string]sandbox.Member{}
	for _, m := range w.workspace.Members() {
		byName[m.UserName] = m
	}
	if len(byName) != 5 || byName["one"].GivenName != "Old" || byName["user0001"].ID != ids[1] || byName["user0004"].GivenName != "Given" || !byName["user0004"].Active {
		t.Errorf("after the links: %+v", byName)
	}
	// The record of whoever left is refused still, and closes nothing.
	if a := w.account(former.ID); a.Status == provision.StatusSuccess || a.Linked() {
		t.Errorf("the former one: %+v", a)
	}
	for what, err := range map[string]error{
		"linked already": link(several.ID, ids[0]), "somebody else's": link(kept.ID, ids[1]), "no such account": link(kept.ID, "U000"),
	} {
		if !problem.Is(err, problem.Conflict) && !problem.Is(err, problem.InvalidData) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, w.engine.Adoptable(ctx, env, w.connection.ID, ids[2]))
	w.settle(provision.StateIdle)
	if a := w.account(kept.ID); a.Ownership != provision.Adopted || a.RemoteID != ids[2] || a.Status != provision.StatusSuccess {
		t.Errorf("adopted after all: %+v", a)
	}
	// Kept foreign once more: the link ends, and the account is left as it is.
	w.writes()
	_, err = w.engine.KeepForeign(ctx, env, w.connection.ID, ids[2])
	must(t, err)
	must(t, w.engine.Resync(ctx, env, w.rule.ID))
	w.settle(provision.StateIdle)
	if a := w.account(kept.ID); a.Linked() || w.writes() != 0 {
		t.Errorf("kept foreign: %+v", a)
	}
	lines, err := w.db.Activities(ctx, env, directory.ActivityQuery{ConnectionID: w.connection.ID, Limit: 100})
	must(t, err)
	var said []string
	for i := range lines {
		said = append(said, lines[i].Description)
	}
	for _, want := range []string{"linked with the account two on the target by", "on the target stays foreign, said", "may be adopted", "unlinked from its account"} {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

// TestNobodyGuessesNames: a name that several people may come to gives nobody an account that has another address.
func TestNobodyGuessesNames(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.workspace.Seed(
		sandbox.Member{UserName: "anna", PrimaryEmail: "anna@one.example", GivenName: "Old", Active: true},
		sandbox.Member{UserName: "ben", PrimaryEmail: "ben@home.example", GivenName: "Old", Active: true},
		sandbox.Member{UserName: "cleo", PrimaryEmail: "cleo@home.example", GivenName: "Old", Active: true},
	)
	ids := map[string]string{}
	for _, address := range []string{"anna@two.example", "anna@one.example", "ben@work.example"} {
		u, err := w.people.CreateUser(t.Context(), w.env.ID, directory.User{Username: address, Email: address, Enabled: true, Name: directory.Name{Given: "New", Family: "One"}})
		must(t, err)
		ids[address] = u.ID
	}
	cleo, err := w.people.CreateUser(t.Context(), w.env.ID, directory.User{Username: "cleo", Email: "cleo@work.example", Enabled: true, Name: directory.Name{Given: "New", Family: "One"}})
	must(t, err)
	w.provision("population.id pr", map[string]any{provision.KeyUniqueIdentifier: "userName"})
	p, _ := w.previewed(provision.PreviewQuery{RuleID: w.rule.ID})
	if p.Summary.Link != 2 || p.Summary.Ambiguous != 2 {
		t.Errorf("foreseen: %+v", p.Summary)
	}
	w.run()
	w.settle(provision.StateIdle)
	for address, id := range ids {
		a := w.account(id)
		switch {
		case address == "anna@one.example" && a.Ownership != provision.Adopted:
			t.Errorf("%s: %+v", address, a)
		case address != "anna@one.example" && (a.Linked() || a.Fault == nil || a.Fault.Code != "uncertain" && a.Fault.Code != "linked_elsewhere"):
			t.Errorf("%s: %+v", address, a)
		}
	}
	if a := w.account(cleo.ID); a.Ownership != provision.Adopted {
		t.Errorf("her own username: %+v", a)
	}
	for _, m := range w.workspace.Members() {
		if guessed := m.UserName == "ben" && m.GivenName != "Old" || m.UserName == "anna" && m.PrimaryEmail != "anna@one.example"; guessed {
			t.Errorf("written: %+v", m)
		}
	}
}

// TestRetry: failures are counted by cause, and tried again: one, those of a cause, all.
func TestRetry(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ctx, env := t.Context(), w.env.ID
	w.workspace.Seed(
		sandbox.Member{UserName: "a1", PrimaryEmail: "user0001@example.com", Active: true}, sandbox.Member{UserName: "b1", PrimaryEmail: "user0001@example.com", Active: true},
		sandbox.Member{UserName: "a2", PrimaryEmail: "user0002@example.com", Active: true}, sandbox.Member{UserName: "b2", PrimaryEmail: "user0002@example.com", Active: true},
	)
	first, _ := w.create(1), w.create(2)
	emoji := w.user(3)
	emoji.Title = "Engineer \U0001F600"
	_, err := w.people.CreateUser(ctx, env, emoji)
	must(t, err)
	w.provision("population.id pr", nil)
	if _, err := w.engine.Retry(ctx, env, w.rule.ID, provision.RetryQuery{}); err != nil {
		t.Error(err)
	}
	w.run()
	w.settle(provision.StateIdle)
	causes, err := w.engine.Failures(ctx, env, w.rule.ID)
	must(t, err)
	if len(causes) != 2 || causes[0].Objects != 2 || causes[0].Fault.Code != "ambiguous" || causes[1].Objects != 1 {
		t.Fatalf("%+v", causes)
	}
	for id, m := range w.workspace.Members() {
		if m.UserName[0] == 'b' {
			w.workspace.Edit(m.ID, func(m *sandbox.Member) { m.PrimaryEmail = "other" + m.UserName + "@example.com" })
		}
		_ = id
	}
	retry := func(what string, q provision.RetryQuery, want, left int64) {
		t.Helper()
		n, err := w.engine.Retry(ctx, env, w.rule.ID, q)
		must(t, err)
		status := w.settle(provision.StateIdle)
		if n != want || status.Users.Failed != left {
			t.Errorf("%s: %d tried again, want %d; %d fail still, want %d", what, n, want, status.Users.Failed, left)
		}
	}
	retry("one", provision.RetryQuery{ObjectID: first.ID}, 1, 2)
	retry("of a cause", provision.RetryQuery{Code: "ambiguous"}, 1, 1)
	retry("all", provision.RetryQuery{}, 1, 1)
	retry("of no cause", provision.RetryQuery{Code: "ambiguous"}, 0, 1)
	lines, err := w.db.Activities(ctx, env, directory.ActivityQuery{Type: "PROVISIONING_SYNC.RETRIED", Limit: 10})
	must(t, err)
	if len(lines) != 3 || lines[1].Description != "one failed object of rule Staff is tried again: ambiguous" {
		t.Errorf("%+v", lines)
	}
}

// TestLinkWhileUnanswered: a create was not answered. Linked with another account the user could have two, and unlinked nobody would know of
// the one that was made.
func TestLinkWhileUnanswered(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	ctx, env := t.Context(), w.env.ID
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	other := w.workspace.Seed(sandbox.Member{UserName: "other", PrimaryEmail: "other@home.example", Active: true})[0]
	w.workspace.Inject(sandbox.Fault{Method: "POST", PathPrefix: "/Users", ResetAfter: true}, sandbox.Fault{Method: "GET", PathPrefix: "/Users", Skip: 1, Times: 1000, Status: 500})
	u := w.create(1)
	until(t, func() bool { a := w.account(u.ID); return a.Phase == provision.PhaseCreating && a.Attempts > 1 })
	w.stop()
	w.workspace.ClearFaults()
	row := w.account(u.ID)
	if _, err := w.engine.Link(ctx, env, w.connection.ID, u.ID, other); !problem.Is(err, problem.Conflict) {
		t.Errorf("linked: %v", err)
	}
	if err := w.engine.Unlink(ctx, env, w.connection.ID, row.ID); !problem.Is(err, problem.Conflict) {
		t.Errorf("unlinked: %v", err)
	}
	w.run()
	w.settle(provision.StateIdle)
	if a := w.account(u.ID); a.Ownership != provision.Managed || len(w.workspace.Members()) != 2 {
		t.Errorf("%+v, %d members", a, len(w.workspace.Members()))
	}
}
