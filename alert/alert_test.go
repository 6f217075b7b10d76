package alert_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"lockstep/alert"
	"lockstep/provision"
)

var start = time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)

func well() provision.Health {
	return provision.Health{ConnectionID: "c", Name: "Slack", Impacted: 100, LastSyncAt: start.Add(-time.Hour), PublishedAt: start.Add(-30 * 24 * time.Hour)}
}

// TestConditions: each condition, at its edge.
func TestConditions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(h *provision.Health)
		want   []alert.Condition
	}{
		"well": {func(*provision.Health) {}, nil},
		"halted": {func(h *provision.Health) {
			h.Halted = &provision.Trouble{Since: start.Add(-time.Minute), Message: "token revoked"}
		}, []alert.Condition{alert.Halted}},
		"halted for long": {func(h *provision.Health) {
			h.Halted = &provision.Trouble{}
			h.LastSyncAt = start.Add(-1000 * time.Hour)
		}, []alert.Condition{alert.Halted}},
		"held":            {func(h *provision.Health) { h.Held = 1 }, []alert.Condition{alert.Held}},
		"quarantined":     {func(h *provision.Health) { h.Quarantined = &provision.Trouble{} }, []alert.Condition{alert.Quarantined}},
		"ten percent":     {func(h *provision.Health) { h.Failed = 10 }, nil},
		"more":            {func(h *provision.Health) { h.Failed = 11 }, []alert.Condition{alert.Failing}},
		"more of few":     {func(h *provision.Health) { h.Impacted, h.Failed = 4, 4 }, nil},
		"all of five":     {func(h *provision.Health) { h.Impacted, h.Failed = 5, 5 }, []alert.Condition{alert.Failing}},
		"nobody":          {func(h *provision.Health) { h.Impacted = 0 }, nil},
		"expires later":   {func(h *provision.Health) { h.CredentialsExpireAt = start.Add(14*24*time.Hour + time.Second) }, nil},
		"expires soon":    {func(h *provision.Health) { h.CredentialsExpireAt = start.Add(14*24*time.Hour - time.Second) }, []alert.Condition{alert.Expiring}},
		"expired":         {func(h *provision.Health) { h.CredentialsExpireAt = start.Add(-time.Second) }, []alert.Condition{alert.Expiring}},
		"not yet stale":   {func(h *provision.Health) { h.LastSyncAt = start.Add(-48 * time.Hour) }, nil},
		"stale":           {func(h *provision.Health) { h.LastSyncAt = start.Add(-48*time.Hour - time.Second) }, []alert.Condition{alert.Stale}},
		"paused for long": {func(h *provision.Health) { h.LastSyncAt, h.Paused = start.Add(-72*time.Hour), true }, []alert.Condition{alert.Stale}},
		"never synced":    {func(h *provision.Health) { h.LastSyncAt = time.Time{} }, []alert.Condition{alert.Stale}},
		"just published":  {func(h *provision.Health) { h.LastSyncAt, h.PublishedAt = time.Time{}, start }, nil},
		"several at once": {func(h *provision.Health) { h.Held, h.Failed, h.Halted = 2, 50, &provision.Trouble{} }, []alert.Condition{alert.Halted, alert.Held, alert.Failing}},
	} {
		h := well()
		c.change(&h)
		d := alert.Decide([]provision.Health{h}, nil, alert.Defaults, start)
		var got []alert.Condition
		for _, a := range d.Began {
			got = append(got, a.Condition)
			if a.Message == "" || a.Since.IsZero() || a.Since.After(start) || a.ConnectionID != "c" {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestLife: an alert begins once, reads as things are, survives a moment's absence, and ends once, dated to when it went away.
func TestLife(t *testing.T) {
	t.Parallel()
	var open []alert.Alert
	var told []string
	look := func(after time.Duration, held int64) {
		t.Helper()
		h := well()
		h.Held, h.HeldWhy, h.LastSyncAt = held, "too many", start.Add(after)
		d := alert.Decide([]provision.Health{h}, open, alert.Defaults, start.Add(after))
		for _, a := range d.Began {
			a.ID = "1"
			open = append(open, a)
			told = append(told, fmt.Sprintf("began %s", a.Since.Sub(start)))
		}
		for _, a := range d.Changed {
			open[0] = a
		}
		for _, a := range d.Ended {
			open = nil
			told = append(told, fmt.Sprintf("ended %s", a.EndedAt.Sub(start)))
		}
	}
	look(0, 0)
	look(time.Minute, 3)
	look(2*time.Minute, 3)
	look(3*time.Minute, 4)
	if len(open) != 1 || !strings.Contains(open[0].Message, "4 operations") {
		t.Errorf("%+v", open)
	}
	look(4*time.Minute, 0) // for a moment
	look(5*time.Minute, 4)
	look(10*time.Minute, 0)
	look(12*time.Minute, 0)
	look(14*time.Minute, 0)
	look(15*time.Minute, 0)
	look(16*time.Minute, 0)
	if diff := cmp.Diff([]string{"began 1m0s", "ended 10m0s"}, told); diff != "" {
		t.Error(diff)
	}
}

// TestSwitchedOff: the alerts of a connection that is switched off or deleted end at once.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	d := alert.Decide(nil, []alert.Alert{{ID: "1", ConnectionID: "c", Condition: alert.Halted, Since: start}}, alert.Defaults, start.Add(time.Minute))
	if len(d.Ended) != 1 || !d.Ended[0].EndedAt.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v", d)
	}
}

// TestDecideProperties: after a decision is applied, looking again at the same moment changes nothing; nothing is open twice; the order of the
// connections does not matter.
func TestDecideProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var open []alert.Alert
		now := start
		for range rapid.IntRange(1, 6).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
			var health []provision.Health
			for c := range rapid.IntRange(0, 3).Draw(t, "connections") {
				h := well()
				h.ConnectionID, h.Name, h.LastSyncAt = strconv.Itoa(c), "C"+strconv.Itoa(c), now
				h.Held = int64(rapid.IntRange(0, 2).Draw(t, "held"))
				h.Failed = int64(rapid.IntRange(0, 20).Draw(t, "failed"))
				if rapid.Bool().Draw(t, "halted") {
					h.Halted = &provision.Trouble{Since: now.Add(-time.Second), Message: "no"}
				}
				health = append(health, h)
			}
			d := alert.Decide(health, open, alert.Defaults, now)
			other := slices.Clone(health)
			slices.Reverse(other)
			if diff := cmp.Diff(d, alert.Decide(other, open, alert.Defaults, now)); diff != "" {
				t.Fatalf("the order matters: %s", diff)
			}
			open = apply(open, d)
			seen := map[string]bool{}
			for _, a := range open {
				if k := a.ConnectionID + string(a.Condition); seen[k] {
					t.Fatalf("open twice: %s", k)
				} else {
					seen[k] = true
				}
			}
			if again := alert.Decide(health, open, alert.Defaults, now); !again.Empty() {
				t.Fatalf("not settled: %+v", again)
			}
		}
	})
}

func apply(open []alert.Alert, d alert.Decision) []alert.Alert {
	open = slices.Clone(open)
	for _, a := range d.Changed {
		open[slices.IndexFunc(open, func(o alert.Alert) bool { return o.ID == a.ID })] = a
	}
	open = slices.DeleteFunc(open, func(o alert.Alert) bool {
		return slices.ContainsFunc(d.Ended, func(e alert.Alert) bool { return e.ID == o.ID })
	})
	for _, a := range d.Began {
		a.ID = a.ConnectionID + string(a.Condition) + a.Since.String()
		open = append(open, a)
	}
	return open
}

// TestSignature: the library of Standard Webhooks accepts what we sign, and nothing else.
func TestSignature(t *testing.T) {
	t.Parallel()
	key := alert.NewKey()
	hook, err := standardwebhooks.NewWebhook(key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	at, body := time.Now(), []byte(`{"type":"lockstep.alerts"}`)
	headers := http.Header{}
	headers.Set("webhook-id", "msg")
	headers.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	headers.Set("webhook-signature", alert.Sign(key, "msg", at, body))
	if err := hook.Verify(body, headers); err != nil {
		t.Error(err)
	}
	if hook.Verify([]byte(`{"type":"other"}`), headers) == nil {
		t.Error("another body was accepted")
	}
	headers.Set("webhook-id", "another")
	if hook.Verify(body, headers) == nil {
		t.Error("another id was accepted")
	}
}

// TestText: a name cannot put lines or headers into a message.
func TestText(t *testing.T) {
	t.Parallel()
	d := alert.Delivery{ID: "d", CreatedAt: start, Notices: []alert.Notice{
		{Event: alert.Began, Alert: alert.Alert{ConnectionName: "Slack\r\nBcc: everybody@example.com", Condition: alert.Halted, Since: start, Message: "it stopped\n\nand more", Hint: "look"}},
		{Event: alert.Ended, Alert: alert.Alert{ConnectionName: "GitHub", Condition: alert.Held, Since: start, EndedAt: start.Add(time.Hour), Message: "held"}},
	}, More: 3}
	if s := d.Subject(); strings.ContainsAny(s, "\r\n") || !strings.Contains(s, "and 4 more") {
		t.Error(s)
	}
	for _, want := range []string{"Since 26 November 2026, 08:00 UTC: it stopped and more.", "What to do: look.", "Over since 26 November 2026, 09:00 UTC", "And 3 more"} {
		if !strings.Contains(d.Text(), want) {
			t.Errorf("%q is not in %q", want, d.Text())
		}
	}
}
