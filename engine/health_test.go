package engine_test

import (
	"strings"
	"testing"
	"time"

	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// TestHealthUnreadable: one connection whose secrets cannot be read is worth an alert, and keeps none of another from beginning.
func TestHealthUnreadable(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.provision("population.id pr", nil)
	_, err := w.db.WriteDB().ExecContext(t.Context(), `UPDATE connections SET secrets = '{"OAUTH_ACCESS_TOKEN":"v1:lost:AAAA"}' WHERE id = $1`, w.connection.ID)
	must(t, err)
	all, err := w.engine.Health(t.Context(), w.env.ID)
	must(t, err)
	if len(all) != 1 || all[0].Halted == nil || all[0].Name != "Slack" || !strings.Contains(all[0].Halted.Hint, "key file") {
		t.Errorf("%+v", all)
	}
}

// TestHealth: what alerts are made of says what is wrong with a connection, and nothing that is not.
func TestHealth(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.create(1)
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	health := func() provision.Health {
		t.Helper()
		all, err := w.engine.Health(t.Context(), w.env.ID)
		must(t, err)
		if len(all) != 1 {
			t.Fatalf("%+v", all)
		}
		return all[0]
	}
	if h := health(); h.Halted != nil || h.Quarantined != nil || h.Held != 0 || h.Failed != 0 || h.Impacted != 1 || !h.CredentialsExpireAt.IsZero() || h.LastSyncAt.IsZero() {
		t.Errorf("%+v", h)
	}

	// A token that ends is worth an alert only when nothing refreshes it.
	soon := w.now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	for name, c := range map[string]struct {
		refresh string
		trouble *provision.RenewalFailure
		want    time.Time
	}{
		"pasted":    {"", nil, soon},
		"refreshed": {"xoxe-1", nil, time.Time{}},
		"refused":   {"xoxe-1", &provision.RenewalFailure{Message: "no"}, soon},
	} {
		_, err := w.provisions.Regrant(provision.System(t.Context()), w.env.ID, w.connection.ID, func(now *provision.Connection) error {
			now.Grant = &provision.Grant{ObtainedAt: w.now(), ExpiresAt: soon, Trouble: c.trouble}
			delete(now.Secrets, provision.KeyRefreshToken)
			if c.refresh != "" {
				now.Secrets[provision.KeyRefreshToken] = secret.New(c.refresh)
			}
			return nil
		})
		must(t, err)
		if got := health().CredentialsExpireAt; !got.Equal(c.want) {
			t.Errorf("%s: the credentials expire at %s, want %s", name, got, c.want)
		}
	}

	w.workspace.SetToken("", sandbox.Owner)
	w.create(2)
	w.settle(provision.StateHalted)
	if h := health(); h.Halted == nil || h.Halted.Message == "" || h.Halted.Hint == "" || h.Halted.Since.IsZero() {
		t.Errorf("%+v", h)
	}
}
