package e2e_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// demo starts the sample company and answers a browser in which its administrator is signed in.
func demo(t *testing.T) *browser {
	t.Helper()
	c := exec.Command(program, "demo", "--listen=127.0.0.1:0", "--sandbox-listen=127.0.0.1:0", "--data="+filepath.Join(t.TempDir(), "demo"))
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "The console:"); ok {
			address, secret, _ := strings.Cut(strings.TrimSpace(rest), "/console/")
			b := newBrowser(t, address)
			b.open("/")
			b.signIn("admin", secret[strings.LastIndex(secret, " ")+1:])
			return b
		}
	}
	t.Fatal("the demo ended before it said where its console is")
	return nil
}

// TestDemo: the sample company has 200 people and groups. Groups are written, so no page calls them people, or leaves them out where it
// counts. Its pictures are those of the README (make screenshots).
func TestDemo(t *testing.T) {
	t.Parallel()
	b := demo(t)
	b.do(chromedp.EmulateViewport(1280, 860))
	b.sees("People in the directory", "Nothing. Everything runs by itself.", "Latest activity")
	b.quiet()
	b.keep("overview")

	b.open("/integrations/provisioning/rules")
	b.click("link", "Staff to Slack")
	b.sees("User Sync Summary", "Group Sync Summary")
	b.until("six groups are counted", `document.querySelector('[data-testid=group-summary]').innerText.replace(/\s+/g, ' ').startsWith('Impacted 6 Success 6 ')`)
	b.quiet()
	b.keep("rule")

	// A group is no person: the link table says so, and leads to the group.
	b.click("link", "Acme Slack")
	b.sees("Rate budget")
	b.click("tab", "Accounts")
	b.fill("Search accounts by name", "Finance")
	b.sees("Finance team group")
	if to, err := eval[string](b, `[...document.querySelectorAll('a')].find((a) => a.innerText === 'Finance team').pathname`); err != nil || !strings.HasPrefix(to, "/console/directory/groups/") {
		t.Errorf("a group is linked to %s (%v)", to, err)
	}

	// Somebody leaves while the connection is paused: the preview says who, and does nothing.
	b.click("button", "More actions")
	b.click("menuitem", "Pause")
	b.sees("Paused")
	b.open("/directory/users?q=title%20eq%20%22Engineer%22%20and%20type%20eq%20%22Employee%22")
	b.sees("matches")
	b.quiet()
	b.keep("users")
	b.until("somebody is shown", `document.querySelectorAll('tbody a').length > 1`)
	name, err := eval[string](b, `document.querySelector('tbody a').innerText`)
	must(t, err)
	b.click("link", name)
	b.click("switch", "User enabled")
	b.sees("1 account kept in step (Acme Slack)")
	b.click("button", "Disable")
	b.leaves("kept in step")
	b.open("/integrations/provisioning/rules")
	b.click("link", "Staff to Slack")
	b.click("tab", "Preview")
	b.sees("1 person loses access")
	b.open("/activity")
	b.sees("was updated: enabled", "Identity sync success")
	b.quiet()
	b.keep("activity")
}
