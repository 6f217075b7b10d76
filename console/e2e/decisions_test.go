package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func inactive(n int) func(map[string]member) bool {
	return func(members map[string]member) bool {
		for _, m := range members {
			if !m.Active {
				n--
			}
		}
		return n == 0
	}
}

// TestDecisions: a mass deprovisioning appears on the page by itself, is searched, approved in part and then as a whole, and nothing is
// written before. The page passes axe in light and dark, and fits a telephone.
func TestDecisions(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("../web/node_modules/axe-core/axe.min.js")
	must(t, err)
	var file, half strings.Builder
	file.WriteString("username,email,given,family,title\n")
	half.WriteString("username,enabled\n")
	for n := range 20 {
		fmt.Fprintf(&file, "user%02d,user%02d@example.com,Given%d,Family%d,Staff\n", n, n, n, n)
		if n < 10 {
			fmt.Fprintf(&half, "user%02d,false\n", n)
		}
	}
	w := newWorld(t, file.String())
	b := w.administrator()
	b.connect(w, nil)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next") // no groups
	b.counts(map[string]int{"Created": 20})
	b.click("button", "Enable rule")
	w.until("everybody has an account", func(members map[string]member) bool { return len(members) >= 20 })
	b.sees("In step: nothing is due")

	b.open("/decisions")
	b.sees("Nothing is held")
	path := filepath.Join(t.TempDir(), "half.csv")
	must(t, os.WriteFile(path, []byte(half.String()), 0o600))
	w.command("", "import", "--data="+w.data, path)
	b.sees("10 operations held", "10 of 20 people with access would lose it", "If nobody decides until") // without a reload
	b.sees("user03")
	w.until("nothing is written", inactive(0))
	for _, dark := range []bool{false, true} {
		b.do(chromedp.EmulateViewport(1440, 900))
		b.scheme(dark)
		name := map[bool]string{false: "decisions", true: "decisions-dark"}[dark]
		b.axe(string(axe), name)
		b.keep(name)
		b.do(chromedp.EmulateViewport(390, 844))
		b.quiet()
		b.fits(name)
		b.keep(name + "-390")
	}
	b.scheme(false)
	b.do(chromedp.EmulateViewport(1440, 900))

	b.fill("Search by name", "user03")
	b.leaves("user04")
	b.click("checkbox", "Select user03")
	b.click("button", "Approve selected (1)")
	b.sees("1 person loses access to Acme Slack: the account is disabled")
	b.axe(string(axe), "the question")
	b.keep("decisions-question")
	b.click("button", "Approve")
	b.sees("1 operation approved; 9 stay held", "9 operations held")
	w.until("one is disabled", inactive(1))
	b.open("/")
	b.sees("9 operations held on Acme Slack")
	b.click("link", "Look at it")
	b.sees("9 operations held")
	b.click("button", "Reject all")
	b.sees("9 people keep access to Acme Slack")
	b.click("button", "Cancel")
	b.click("button", "Approve all")
	b.sees("9 people lose access to Acme Slack")
	b.click("button", "Approve")
	b.sees("Nothing is held")
	w.until("ten are disabled", inactive(10))
	b.open("/activity")
	b.sees("9 held deprovisionings: approved by ann")
}
