package engine_test

import (
	"strings"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// check is one of a test's checks, by its name.
func (w *world) check(name string) provision.Check {
	w.t.Helper()
	c, err := w.provisions.Connection(w.t.Context(), w.env.ID, w.connection.ID)
	must(w.t, err)
	for _, check := range w.engine.Test(w.t.Context(), c) {
		if check.Name == name {
			return check
		}
	}
	return provision.Check{}
}

// TestOtherWorkspaceWritesNothing: a token of another workspace than before is not used, whatever way it came.
func TestOtherWorkspaceWritesNothing(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.create(1)
	w.provision("population.id pr", nil)
	_, err := w.provisions.Regrant(t.Context(), w.env.ID, w.connection.ID, func(c *provision.Connection) error {
		c.Grant.Workspace = provision.Workspace{ID: "T00000001", Name: "Lockstep Sandbox"}
		return nil
	})
	must(t, err)
	w.run()
	w.settle(provision.StateIdle)
	w.workspace.SetTeam("T00000002", "Other")
	w.workspace.SetToken("xoxp-other", sandbox.Owner)
	w.writes()
	w.create(2)
	w.configure(map[string]any{"OAUTH_ACCESS_TOKEN": "xoxp-other"})
	if s := w.settle(provision.StateHalted); !strings.Contains(s.Details, "this connection provisions the workspace Lockstep Sandbox") {
		until(t, func() bool { // it was halted by the old token, and now by the workspace
			s, err := w.engine.Status(t.Context(), w.env.ID, w.rule.ID)
			return err == nil && strings.Contains(s.Details, "this connection provisions the workspace Lockstep Sandbox")
		})
	}
	if n := w.writes(); n != 0 {
		t.Errorf("%d writes in another workspace", n)
	}
}

// TestTokenWaitsForItsAddress: a token that was entered with another base URL is not sent to the one that is published still.
func TestTokenWaitsForItsAddress(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.create(1)
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	w.workspace.ResetLog()
	_, err := w.provisions.UpdateConnection(t.Context(), w.env.ID, w.connection.ID, w.connection, map[string]any{
		"OAUTH_ACCESS_TOKEN": "xoxp-elsewhere", "BASE_URL": "https://elsewhere.example.com/scim/v2/", "RATE_LIMIT_FACTOR": 0.0,
	})
	must(t, err)
	if s := w.settle(provision.StateHalted); !strings.Contains(s.Details, "publish the edited base URL") {
		t.Error(s.Details)
	}
	if log := w.workspace.Requests(); len(log.Requests) != 0 || log.Totals["POST /api/auth.test"] != 0 {
		t.Errorf("it was asked: %+v", log)
	}
}

// TestDisplayNamesLocked: what Slack refuses shows that members may change their display names.
func TestDisplayNamesLocked(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1, UsersMayChangeDisplayName: true})
	u := w.create(1)
	w.provision("population.id pr", nil)
	const name = "Display name changes"
	if c := w.check(name); c.Status != provision.CheckSkipped {
		t.Errorf("by default: %+v", c)
	}
	for _, m := range []provision.Mapping{
		{TargetAttribute: "userName", SourceAttribute: "username"}, {TargetAttribute: "primaryEmail", SourceAttribute: "email"}, {TargetAttribute: "displayName", SourceAttribute: "nickname"},
	} {
		_, err := w.provisions.CreateMapping(t.Context(), w.env.ID, w.rule.ID, m)
		must(t, err)
	}
	_, err := w.provisions.Publish(t.Context(), w.env.ID)
	must(t, err)
	w.run()
	w.settle(provision.StateIdle)
	if c := w.check(name); c.Status != provision.CheckOK {
		t.Errorf("nothing was refused yet: %+v", c)
	}
	_, err = w.people.UpdateUser(t.Context(), w.env.ID, u.ID, func(u *directory.User) error { u.Nickname = "Annie"; return nil })
	must(t, err)
	until(t, func() bool {
		c := w.check(name)
		return c.Status == provision.CheckWarning && strings.Contains(c.Hint, "create only")
	})
	if c := w.check("Rate budget"); c.Status != provision.CheckOK || !strings.Contains(c.Message, "not paced") {
		t.Errorf("%+v", c)
	}
}

// TestExpiry: how a token that expires stands, and what to do.
func TestExpiry(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.provision("population.id pr", nil)
	if c := w.check("Token expiry"); c.Name != "" {
		t.Errorf("it does not expire: %+v", c)
	}
	start := w.now()
	for _, c := range []struct {
		after   time.Duration
		refresh string
		trouble *provision.RenewalFailure
		status  string
		says    string
	}{
		{0, "xoxe-1", nil, provision.CheckOK, "is refreshed from"},
		{0, "", nil, provision.CheckWarning, "nothing to refresh it with"},
		{13 * time.Hour, "xoxe-1", nil, provision.CheckWarning, "while no server ran"},
		{7 * time.Hour, "xoxe-1", &provision.RenewalFailure{Message: "Slack has a failure inside", Hint: "wait", NextAt: start.Add(8 * time.Hour)}, provision.CheckWarning, "it is tried again by itself"},
		{7 * time.Hour, "xoxe-1", &provision.RenewalFailure{Message: "the refresh token was used already", Hint: "press Get token"}, provision.CheckWarning, "was not refreshed: the refresh token was used already"},
		{13 * time.Hour, "xoxe-1", &provision.RenewalFailure{Message: "the refresh token was used already", Hint: "press Get token"}, provision.CheckFailed, "the token expired on"},
	} {
		w.clock.Store(int64(c.after))
		_, err := w.provisions.Regrant(t.Context(), w.env.ID, w.connection.ID, func(now *provision.Connection) error {
			now.Grant.ObtainedAt, now.Grant.ExpiresAt, now.Grant.Trouble = start, start.Add(12*time.Hour), c.trouble
			now.Secrets[provision.KeyRefreshToken] = secret.New(c.refresh)
			return nil
		})
		must(t, err)
		got := w.check("Token expiry")
		if got.Status != c.status || !strings.Contains(got.Message+" "+got.Hint, c.says) || got.Status != provision.CheckOK && got.Hint == "" {
			t.Errorf("%v %+v: %+v", c.after, c.trouble, got)
		}
	}
}
