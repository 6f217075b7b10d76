package grant_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

func token(c provision.Connection) string { return c.Secrets["OAUTH_ACCESS_TOKEN"].Reveal() }

func refreshes(w *sandbox.Workspace) int64 {
	return w.Requests().Totals["POST /api/oauth.v2.access"]
}

// TestRenew: a token that expires is refreshed half-way through its life, again and again, by one of several that try.
func TestRenew(t *testing.T) {
	w := newWorld(t)
	workspace, server := w.workspace(sandbox.Options{Apps: rotating})
	c := w.create("Acme", server)
	if !c.Grant.ExpiresAt.Equal(w.clock().Add(12*time.Hour)) || !c.Grant.RenewAt().Equal(w.clock().Add(6*time.Hour)) {
		t.Errorf("%+v", c.Grant)
	}
	must(t, w.Renew(t.Context()))
	if token(w.connection(c.ID)) != token(c) {
		t.Error("refreshed too early")
	}
	before := token(c)
	for range 5 {
		w.pass(6 * time.Hour)
		workspace.ResetLog()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if err := w.Renew(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		now := w.connection(c.ID)
		if n := refreshes(workspace); n != 1 || token(now) == before || now.Grant.Renewal != nil || now.Grant.Trouble != nil || now.Grant.Workspace.ID != "T00000001" {
			t.Fatalf("%d refreshes; %+v", n, now.Grant)
		}
		before = token(now)
	}
	// The server was down for days: a refresh token does not expire.
	w.pass(72 * time.Hour)
	must(t, w.Renew(t.Context()))
	if now := w.connection(c.ID); token(now) == before || now.Grant.Trouble != nil {
		t.Errorf("%+v", now.Grant)
	}
	// A token that is pasted is not overwritten by the next refresh.
	workspace.SetToken("xoxp-pasted", sandbox.Owner)
	_, err := w.Update(t.Context(), w.env, c.ID, provision.Connection{Name: "Acme", Type: "Slack"}, map[string]any{"BASE_URL": server + "/scim/v2/", "OAUTH_ACCESS_TOKEN": "xoxp-pasted"}, false)
	must(t, err)
	w.pass(6 * time.Hour)
	must(t, w.Renew(t.Context()))
	if now := w.connection(c.ID); token(now) != "xoxp-pasted" || !now.Grant.ExpiresAt.IsZero() || len(now.Secrets) != 1 {
		t.Errorf("%+v", now)
	}
	if _, err := w.RenewNow(t.Context(), w.env, c.ID); !problem.Is(err, problem.Conflict) {
		t.Errorf("nothing to refresh: %v", err)
	}
	if strings.Contains(w.log.String(), "xox") {
		t.Error("a token is in the log")
	}
}

// TestRenewFails: what passes is tried again; the token works meanwhile.
func TestRenewFails(t *testing.T) {
	w := newWorld(t)
	workspace, server := w.workspace(sandbox.Options{Apps: rotating})
	c := w.create("Acme", server)
	w.pass(6 * time.Hour)
	workspace.Inject(sandbox.Fault{PathPrefix: "/api/oauth", ResetBefore: true}, sandbox.Fault{PathPrefix: "/api/oauth", Status: 503}, sandbox.Fault{PathPrefix: "/api/oauth", Status: 200, Code: "ratelimited"})
	for _, gap := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		must(t, w.Renew(t.Context()))
		now := w.connection(c.ID)
		if now.Grant.Trouble == nil || now.Grant.Trouble.NextAt.Sub(w.clock()) != gap || token(now) != token(c) || now.Grant.Renewal != nil {
			t.Fatalf("%v: %+v %+v", gap, now.Grant, now.Grant.Trouble)
		}
		must(t, w.Renew(t.Context())) // not yet
		w.pass(gap)
	}
	must(t, w.Renew(t.Context()))
	if now := w.connection(c.ID); now.Grant.Trouble != nil || token(now) == token(c) {
		t.Errorf("%+v", now.Grant)
	}
	if !strings.Contains(w.log.String(), "could not be refreshed") || strings.Contains(w.log.String(), "xox") {
		t.Error(w.log.String())
	}
}

// TestLostAnswer: a refresh token that was used without an answer, as when the process dies in between, cannot be used again. The
// token works on, and it is said that somebody has to consent; consent mends it.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t)
	workspace, server := w.workspace(sandbox.Options{Apps: rotating})
	c := w.create("Acme", server)
	w.pass(6 * time.Hour)
	workspace.Inject(sandbox.Fault{PathPrefix: "/api/oauth", ResetAfter: true})
	must(t, w.Renew(t.Context()))
	w.pass(time.Minute)
	must(t, w.Renew(t.Context()))
	now := w.connection(c.ID)
	if g := now.Grant.Trouble; g == nil || !g.NextAt.IsZero() || !strings.Contains(g.Hint, "consent again") || token(now) != token(c) {
		t.Fatalf("%+v", g)
	}
	workspace.ResetLog()
	w.pass(time.Hour)
	must(t, w.Renew(t.Context()))
	if n := refreshes(workspace); n != 0 {
		t.Errorf("it is of no use, and was tried %d times", n)
	}
	if _, err := w.RenewNow(t.Context(), w.env, c.ID); err == nil || !strings.Contains(err.Error(), "consent again") {
		t.Errorf("asked for: %v", err)
	}
	r := request(server, c.ID)
	r.ClientID = "" // those that are saved will do
	w.obtain(r)
	if now := w.connection(c.ID); now.Grant.Trouble != nil || token(now) == token(c) {
		t.Errorf("%+v", now.Grant)
	}
}

// TestRefreshedAndNotTried: a refresh spends the refresh token. Whatever keeps the new token from being tried, short of a wrong workspace or
// scope, must not lose it.
func TestRefreshedAndNotTried(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"for a moment":          {PathPrefix: "/api/auth.test", Status: 503},
		"not known there yet":   {PathPrefix: "/api/auth.test", Status: 200, Code: "invalid_auth"},
		"nobody knows why":      {PathPrefix: "/api/auth.test", Status: 200, Code: "a_new_code"},
		"suspended for a while": {PathPrefix: "/api/auth.test", Status: 200, Code: "ekm_access_denied"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			workspace, server := w.workspace(sandbox.Options{Apps: rotating})
			c := w.create("Acme", server)
			before := token(c)
			w.pass(6 * time.Hour)
			workspace.Inject(fault)
			must(t, w.Renew(t.Context()))
			now := w.connection(c.ID)
			if token(now) == before || !now.Grant.ExpiresAt.Equal(w.clock().Add(12*time.Hour)) || now.Grant.Workspace.ID != "T00000001" || now.Grant.ClientID == "" {
				t.Fatalf("it is lost: %+v %+v", now.Grant, now.Grant.Trouble)
			}
			if trouble := now.Grant.Trouble; (trouble != nil) != (fault.Code != "") || trouble != nil && (trouble.Hint == "" || strings.Contains(trouble.Message, "xox")) {
				t.Errorf("what was wrong: %+v", trouble)
			}
			w.pass(6 * time.Hour)
			must(t, w.Renew(t.Context()))
			if again := w.connection(c.ID); token(again) == token(now) || again.Grant.Trouble != nil {
				t.Errorf("it is not refreshed again: %+v %+v", again.Grant, again.Grant.Trouble)
			}
		})
	}
}

// TestCrashedRenewal: whoever died with the right to refresh holds nobody up for longer than two minutes.
func TestCrashedRenewal(t *testing.T) {
	w := newWorld(t)
	workspace, server := w.workspace(sandbox.Options{Apps: rotating})
	c := w.create("Acme", server)
	w.pass(6 * time.Hour)
	_, err := w.provisions.Regrant(t.Context(), w.env, c.ID, func(now *provision.Connection) error {
		now.Grant.Renewal = &provision.Renewal{ID: "dead", Until: w.clock().Add(2 * time.Minute)}
		return nil
	})
	must(t, err)
	workspace.ResetLog()
	must(t, w.Renew(t.Context()))
	if n := refreshes(workspace); n != 0 {
		t.Error("two processes refresh at once")
	}
	w.pass(2 * time.Minute)
	must(t, w.Renew(t.Context()))
	if now := w.connection(c.ID); token(now) == token(c) || now.Grant.Renewal != nil {
		t.Errorf("%+v", now.Grant)
	}
}

// TestOwnerLeaves: who consented loses the account; the refresh is refused, and it is said what to do.
func TestOwnerLeaves(t *testing.T) {
	w := newWorld(t)
	workspace, server := w.workspace(sandbox.Options{Apps: rotating})
	c := w.create("Acme", server)
	workspace.SetAccount(sandbox.Owner, false)
	w.pass(6 * time.Hour)
	must(t, w.Renew(t.Context()))
	if g := w.connection(c.ID).Grant.Trouble; g == nil || !g.NextAt.IsZero() || g.Hint == "" {
		t.Errorf("%+v", g)
	}
}

// TestRenewElsewhere: what cannot be read of one environment keeps no other's token from being refreshed.
func TestRenewElsewhere(t *testing.T) {
	w := newWorld(t)
	_, server := w.workspace(sandbox.Options{Apps: rotating})
	w.create("Unreadable", server)
	_, err := w.db.WriteDB().ExecContext(t.Context(), `UPDATE connections SET secrets = 'v1:lost:AAAA'`)
	must(t, err)
	other, err := directory.NewService(w.db, directory.Options{}).CreateEnvironment(t.Context(), "Other", func(directory.Environment) error { return nil })
	must(t, err)
	w.env = other.ID
	_, second := w.workspace(sandbox.Options{Apps: rotating})
	c := w.create("Acme", second)
	w.pass(6 * time.Hour)
	if err := w.Renew(t.Context()); err == nil {
		t.Error("that one cannot be read is not said")
	}
	if token(w.connection(c.ID)) == token(c) {
		t.Error("the other environment's token was not refreshed")
	}
}
