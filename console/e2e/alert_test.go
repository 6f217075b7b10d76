package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// received is one message of a webhook.
type received struct {
	id, signature string
	body          struct {
		Type   string                              `json:"type"`
		Alerts []struct{ Event, Condition string } `json:"alerts"`
	}
}

// listener takes webhooks.
func listener(t *testing.T) (string, <-chan received) {
	t.Helper()
	messages := make(chan received, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := received{id: r.Header.Get("webhook-id"), signature: r.Header.Get("webhook-signature")}
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &m.body); err != nil {
			t.Errorf("a message is no JSON: %s", raw)
		}
		messages <- m
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	return s.URL, messages
}

func next(t *testing.T, messages <-chan received) received {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-time.After(patience):
		t.Fatal("no message came")
		return received{}
	}
}

// TestAlerts: a webhook is set up under Settings, tried, and told when a connection halts; the overview shows the alert while it is open, and
// what was pending meanwhile; it is gone when it ends; and a webhook that is taken out is told nothing any more.
func TestAlerts(t *testing.T) {
	t.Parallel()
	url, messages := listener(t)
	w := newWorld(t, people, "--alert-interval=1s")
	b := w.administrator()
	b.connect(w, nil)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next") // no groups
	b.click("button", "Enable rule")
	b.sees("In step: nothing is due")

	b.open("/settings/alerts")
	b.sees("Each message is signed")
	b.fill("Address", "ftp://nowhere")
	b.click("button", "Save")
	b.sees("That did not work")
	b.fill("Address", url)
	b.fill("Over when away for", "0")
	b.click("button", "Save")
	b.sees("The key that signs", "It is shown this once.", "whsec_")
	b.keep("alerts-key")
	b.click("button", "Send a test")
	b.sees("Delivered.")
	m := next(t, messages)
	if m.id == "" || !strings.HasPrefix(m.signature, "v1,") {
		t.Errorf("the test message is not signed: %+v", m)
	}
	b.look("alerts-settings")
	b.open("/settings/alerts")
	b.sees("Each message is signed")
	b.leaves("whsec_")

	// The token is revoked at Slack.
	b.open("/")
	b.sees("Nothing. Everything runs by itself.")
	w.sandbox(http.MethodPut, "/sandbox/token", `{"token":"other"}`)
	b.api("POST", "/users", `{"username":"gus","email":"gus@example.com","name":{"given":"Gus","family":"Holt"},"title":"Pilot"}`)
	b.sees("Acme Slack is halted", "Since") // without a reload
	m = next(t, messages)
	if got := fmt.Sprint(m.body.Alerts); !strings.Contains(got, "BEGAN") || !strings.Contains(got, "HALTED") {
		t.Errorf("the first message is %+v", m)
	}
	// Who waits is in the chart, too, and in words.
	b.until("the chart says what is pending", `document.querySelector('svg[role=img]')?.getAttribute('aria-label').includes('1 person or group is pending now')`)
	b.until("the line has come", `(document.querySelector('svg[role=img] path')?.getAttribute('d') ?? '').trim() !== ''`)
	b.look("overview-alert")

	w.sandbox(http.MethodPut, "/sandbox/token", `{"token":"`+token+`"}`)
	w.within(time.Minute, "Gus has an account", func(all map[string]member) bool { return all["gus@example.com"].Active })
	b.leaves("Acme Slack is halted")
	b.sees("Nothing. Everything runs by itself.")
	m = next(t, messages)
	if got := fmt.Sprint(m.body.Alerts); !strings.Contains(got, "ENDED") {
		t.Errorf("the second message is %+v", m)
	}

	b.open("/settings/alerts")
	b.sees("Delivered")
	b.do(chromedp.EmulateViewport(390, 844))
	b.quiet()
	b.fits("the delivered messages")
	b.keep("alerts-delivered-390")
	b.do(chromedp.EmulateViewport(1440, 900))
	b.fill("Address", "")
	b.click("button", "Save")
	b.until("nothing is left to be tested", `e2e.find('button', 'Send a test')?.disabled === true`)
	w.sandbox(http.MethodPut, "/sandbox/token", `{"token":"other"}`)
	b.api("POST", "/users", `{"username":"hedy","email":"hedy@example.com","title":"Pilot"}`)
	b.open("/")
	b.sees("Acme Slack is halted")
	if len(messages) > 0 {
		t.Errorf("a webhook that was taken out is told: %+v", <-messages)
	}
}
