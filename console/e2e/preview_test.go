package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// imports takes over a file while the server runs, as somebody else does.
func (w *world) imports(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), name)
	must(w.t, os.WriteFile(file, []byte(text), 0o600))
	w.command("", "import", "--data="+w.data, file)
}

// TestPreview: a workspace that has members already. The preview says who is linked, of whom nobody can tell, and who is foreign; the
// administrator decides; what has moved meanwhile is said, and nothing is done; then exactly what was shown happens. Later a filter is
// previewed before it is published, and what the guard would hold is said beforehand.
func TestPreview(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("../web/node_modules/axe-core/axe.min.js")
	must(t, err)
	w := newWorld(t, people)
	w.seed(`[{"userName":"boss","primaryEmail":"boss@example.com","active":true,"role":"primary_owner"}, {"userName":"ben.old","primaryEmail":"ben@example.com","givenName":"Benjamin","active":true},
		{"userName":"anna.one","primaryEmail":"anna@example.com","givenName":"A.","active":true}, {"userName":"anna.two","primaryEmail":"Anna@example.com","givenName":"A.","active":true}]`)
	b := w.administrator()
	look := func(name string) { // light and dark, wide and on a telephone
		t.Helper()
		for _, dark := range []bool{false, true} {
			b.do(chromedp.EmulateViewport(1440, 900))
			b.scheme(dark)
			b.quiet()
			suffix := map[bool]string{true: "-dark"}[dark]
			b.axe(string(axe), name+suffix)
			b.keep(name + suffix)
			b.do(chromedp.EmulateViewport(390, 844))
			b.quiet()
			b.fits(name)
			b.keep(name + suffix + "-390")
		}
		b.do(chromedp.EmulateViewport(1440, 900))
		b.scheme(false)
	}
	b.connect(w, nil)
	b.open("/integrations/provisioning/rules/new")
	b.newRule("Everybody")
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next") // no groups
	b.counts(map[string]int{"Created": 3, "Changed": 1, "Linked": 1, "Ambiguous": 1, "Foreign": 1, "Left alone": 1})
	b.sees("Whose account is it?")
	b.click("button", "Ambiguous: 1")
	b.sees("2 accounts on the target hold this primaryEmail, and none is guessed", "anna.one", "anna.two")
	look("preview-adoption")

	// Somebody edits meanwhile: nothing is done, and what moved is said.
	w.imports("more.csv", "username,email,given,family\ngus,gus@example.com,Gus,Holt\nhedy,hedy@example.com,Hedy,Ives\n")
	b.click("button", "Enable rule")
	b.sees("Something changed since this preview", "2 users, groups or attributes were edited", "user hedy was created", "Nothing was published.")
	look("preview-moved")
	if n := len(w.members()); n != 4 {
		t.Errorf("a refused preview made %d members", n)
	}
	b.click("button", "Make a new preview")
	b.counts(map[string]int{"Created": 5, "Ambiguous": 1})
	b.click("button", "Ambiguous: 1")
	b.sees("anna.two")
	name, err := eval[string](b, `e2e.names('button').find((n) => n.startsWith('This one: link anna to anna.two'))`)
	must(t, err)
	b.click("button", name)
	b.sees("The account is linked.")
	b.until("Anna is not ambiguous any more", `document.querySelector('[data-count=Ambiguous]') === null && document.querySelector('[data-count=Created]') !== null`)
	b.counts(map[string]int{"Created": 5, "Changed": 2, "Linked": 1})
	b.click("button", "Enable rule")
	b.sees("The rule is enabled.", "In step: nothing is due")
	names := map[string]bool{}
	for _, m := range w.members() {
		names[m.UserName] = true
	}
	for _, want := range []string{"boss", "ben", "anna", "cleo", "dora", "fay", "gus"} {
		if !names[want] {
			t.Errorf("%s is not there: %v", want, names)
		}
	}

	// Foreign accounts are shown, and can be said to stay foreign.
	b.open("/integrations/provisioning/connections")
	b.click("link", "Acme Slack")
	b.click("tab", "Accounts")
	b.fill("Search accounts by name", "boss")
	b.leaves("cleo@example.com")
	b.sees("Foreign")
	b.click("button", "Whose is boss@example.com?")
	b.click("menuitem", "Keep foreign")
	b.sees("The account stays foreign.", "Stays foreign")
	look("connection-foreign")

	// A filter is previewed before it is published: the guard would hold it, and says so.
	b.open("/integrations/provisioning/rules")
	b.click("link", "Everybody")
	b.click("tab", "User filter")
	b.click("radio", "People who match")
	b.click("tab", "Text")
	b.fill("Filter as text", `name.given eq "Anna"`)
	b.click("button", "Preview first")
	b.sees("This is not published yet", "6 deactivations will be held", "above the limits")
	b.counts(map[string]int{"Disabled": 6, "Created": 0})
	b.until("what differs has colours of its own", `(() => { const [from, to] = ['.diff-from', '.diff-to'].map((c) => getComputedStyle(document.querySelector(c)).color); return from !== to && to !== getComputedStyle(document.body).color; })()`)
	look("preview-held")
	if m := w.members()["cleo@example.com"]; !m.Active {
		t.Error("a draft closed an account")
	}
	b.click("button", "Publish this preview")
	b.sees("Published exactly as previewed.")
	b.click("tab", "Overview")
	b.sees("Held")
	if m := w.members()["cleo@example.com"]; !m.Active {
		t.Error("what is held was done")
	}
}
