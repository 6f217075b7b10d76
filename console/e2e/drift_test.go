package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// byHand changes a member as somebody in the workspace would.
func (w *world) byHand(email, change string) {
	w.t.Helper()
	response, err := http.Get(w.slack + "/sandbox/members")
	must(w.t, err)
	defer func() { _ = response.Body.Close() }()
	var list []struct {
		ID           string `json:"id"`
		PrimaryEmail string `json:"primaryEmail"`
	}
	must(w.t, json.NewDecoder(response.Body).Decode(&list))
	for _, m := range list {
		if m.PrimaryEmail == email {
			w.sandbox(http.MethodPatch, "/sandbox/members/"+m.ID, change)
			return
		}
	}
	w.t.Fatalf("no member has %s", email)
}

func (w *world) sandbox(method, path, body string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.slack+path, strings.NewReader(body))
	must(w.t, err)
	response, err := http.DefaultClient.Do(r)
	must(w.t, err)
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		w.t.Fatalf("%s %s: %s", method, path, response.Status)
	}
}

// look checks a page in light, in dark, and on a telephone, and keeps pictures of it.
func (b *browser) look(name string) {
	b.t.Helper()
	axe, err := os.ReadFile("../web/node_modules/axe-core/axe.min.js")
	must(b.t, err)
	b.quiet()
	b.axe(string(axe), name+", light")
	b.keep(name)
	b.scheme(true)
	b.axe(string(axe), name+", dark")
	b.do(chromedp.EmulateViewport(390, 844))
	b.quiet()
	b.fits(name)
	b.keep(name + "-390")
	b.scheme(false)
	b.do(chromedp.EmulateViewport(1440, 900))
	b.quiet()
}

// TestDriftAndTripwire: what somebody changes in Slack is shown with both values, repaired and accepted; an update that deactivates stops
// the connection, which says so, and one click activates everybody and goes on.
func TestDriftAndTripwire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.connect(w, func() {
		b.sees("Grace period, days", "Hours between drift scans")
		b.click("radio", "Report")
	})
	store, err := eval[string](b, `location.pathname.split('/').pop()`)
	must(t, err)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.until("the rule is made", "location.pathname.endsWith('/setup/filter')")
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next") // no groups
	b.click("button", "Enable rule")
	b.sees("In step: nothing is due")

	w.byHand("anna@example.com", `{"title":"Chief of everything"}`)
	w.byHand("ben@example.com", `{"active":false}`)
	page := "/integrations/provisioning/connections/" + store
	b.open(page + "/drift")
	b.sees("What others change on the target is shown here and left until you decide.", "Nothing differs")
	b.click("button", "Scan now")
	b.sees("Chief of everything", "Inactive there", "Repair all")
	b.look("drift")
	b.click("button", "Accept title of anna")
	b.sees("by ann")
	b.click("button", "Repair Inactive there of ben")
	w.until("ben is active again", func(m map[string]member) bool { return m["ben@example.com"].Active })
	if title := w.members()["anna@example.com"].Title; title != "Chief of everything" {
		t.Errorf("what was accepted is %q", title)
	}
	b.choose("Which drift", "All of 30 days")
	b.sees("Accepted", "Repaired")
	b.keep("drift-decided")

	w.sandbox(http.MethodPost, "/sandbox/faults", `[{"method":"PATCH","pathPrefix":"/Users/","times":1000,"deactivateOnUpdate":true}]`)
	var file strings.Builder
	file.WriteString("username,family\n")
	for _, name := range []string{"anna", "ben", "cleo", "dora", "fay"} {
		fmt.Fprintf(&file, "%s,New\n", name)
	}
	csv := filepath.Join(t.TempDir(), "new.csv")
	must(t, os.WriteFile(csv, []byte(file.String()), 0o600))
	w.command("", "import", "--data="+w.data, csv)
	b.open(page)
	b.sees("The tripwire stopped the connection: nothing is written", "are not active any more")
	b.look("tripwire")
	w.sandbox(http.MethodDelete, "/sandbox/faults", "")
	b.click("button", "Repair and resume")
	b.sees("Resume Acme Slack?")
	b.keep("tripwire-resume")
	b.click("button", "Repair and resume")
	b.leaves("The tripwire stopped the connection")
	w.until("everybody is active, and as edited", func(all map[string]member) bool {
		for email, m := range all {
			if !m.Active || m.FamilyName != "New" {
				t.Log(email, m)
				return false
			}
		}
		return true
	})
}
