package e2e_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// tour makes a world in which every page has something to show, and answers the pages by name.
func (w *world) tour(b *browser) [][2]string {
	w.t.Helper()
	b.connect(w, nil)
	crew := b.api("POST", "/groups", `{"name":"Crew","description":"Everybody who builds something"}`)
	engineers := b.api("POST", "/groups", `{"name":"Engineers","userFilter":"title co \"Engineer\""}`)
	b.api("POST", "/groups/"+engineers+"/memberOfGroups", `{"id":"`+crew+`"}`)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.until("the rule is made", "location.pathname.endsWith('/setup/filter')")
	rule, err := eval[string](b, `location.pathname.split('/')[5]`)
	must(w.t, err)
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("checkbox", "Select Crew")
	b.click("button", "Next")
	b.sees("Merge Group Memberships")
	b.click("checkbox", "I understand and want to continue")
	b.click("button", "Continue")
	b.counts(map[string]int{"Created": 6, "Put in groups": 3})
	b.click("button", "Enable rule")
	b.sees("In step: nothing is due")
	store, err := eval[string](b, `document.querySelector('a[href*="/connections/"]:not([href$="connections"])').pathname.split('/').pop()`)
	must(w.t, err)
	b.open("/directory/users")
	b.click("link", "Anna Bell")
	b.sees("anna@example.com")
	user, err := eval[string](b, `location.pathname.split('/').pop()`)
	must(w.t, err)
	provisioning := "/integrations/provisioning"
	return [][2]string{
		{"overview", "/"}, {"users", "/directory/users"}, {"user", "/directory/users/" + user}, {"user-sync", "/directory/users/" + user + "/sync"}, {"user-timeline", "/directory/users/" + user + "/activity"},
		{"user-groups", "/directory/users/" + user + "/groups"}, {"groups", "/directory/groups"}, {"group", "/directory/groups/" + crew}, {"group-nesting", "/directory/groups/" + crew + "/nesting"},
		{"group-filter", "/directory/groups/" + engineers + "/filter"}, {"group-details", "/directory/groups/" + crew + "/details"}, {"group-sync", "/directory/groups/" + crew + "/sync"}, {"group-timeline", "/directory/groups/" + crew + "/activity"},
		{"populations", "/directory/populations"}, {"attributes", "/directory/attributes"},
		{"connections", provisioning + "/connections"}, {"rules", provisioning + "/rules"}, {"new-connection", provisioning + "/connections/new"}, {"new-rule", provisioning + "/rules/new"},
		{"connection", provisioning + "/connections/" + store}, {"connection-configuration", provisioning + "/connections/" + store + "/configuration"}, {"connection-accounts", provisioning + "/connections/" + store + "/accounts"}, {"connection-preview", provisioning + "/connections/" + store + "/preview"},
		{"rule", provisioning + "/rules/" + rule}, {"rule-filter", provisioning + "/rules/" + rule + "/filter"}, {"rule-mapping", provisioning + "/rules/" + rule + "/mapping"}, {"rule-users", provisioning + "/rules/" + rule + "/users"},
		{"rule-groups", provisioning + "/rules/" + rule + "/groups"}, {"rule-setup-groups", provisioning + "/rules/" + rule + "/setup/groups"},
		{"rule-preview", provisioning + "/rules/" + rule + "/preview"}, {"rule-setup", provisioning + "/rules/" + rule + "/setup/filter"},
		{"activity", "/activity"}, {"settings", "/settings/environment"}, {"environments", "/settings/environments"}, {"alert-settings", "/settings/alerts"}, {"administrators", "/settings/administrators"}, {"clients", "/settings/clients"}, {"about", "/settings/about"}, {"profile", "/profile"}, {"missing", "/no/such/page"},
	}
}

// TestPages: axe finds nothing serious on any page, in light and in dark; nothing is wider than a telephone; every page has a title
// and a heading of its own; and no page breaks or asks for what the content security policy forbids (see browser.listen).
func TestPages(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("../web/node_modules/axe-core/axe.min.js")
	must(t, err)
	w := newWorld(t, people)
	b := w.administrator()
	for _, page := range w.tour(b) {
		name, path := page[0], page[1]
		b.do(chromedp.EmulateViewport(1440, 900))
		b.scheme(false)
		b.open(path)
		b.until("the page "+name+" is there", `document.querySelector('h1') !== null || document.body.innerText.includes('There is no such page')`)
		b.quiet()
		if name == "missing" {
			b.sees("There is no such page")
		}
		if title, err := eval[string](b, "document.title"); err != nil || !strings.HasSuffix(title, " · Lockstep") {
			t.Errorf("the title of %s is %q (%v)", name, title, err)
		}
		b.axe(string(axe), name+", light")
		b.keep(name)
		b.scheme(true)
		b.axe(string(axe), name+", dark")
		b.keep(name + "-dark")
		b.do(chromedp.EmulateViewport(390, 844))
		b.quiet()
		b.fits(name)
		b.marksTab(name)
		b.keep(name + "-390")
		b.scheme(false)
	}
	b.do(chromedp.EmulateViewport(1440, 900))
	b.click("button", "Account of Ann Bell")
	b.click("menuitem", "Sign out")
	b.sees("Sign in")
	b.axe(string(axe), "sign in, light")
	b.do(chromedp.EmulateViewport(390, 844))
	b.fits("sign in")
}

// marksTab fails if it cannot be seen which tab is open: on a telephone it has no underline.
func (b *browser) marksTab(where string) {
	b.t.Helper()
	unmarked, err := eval[bool](b, `[...document.querySelectorAll('[role=tab][aria-selected=true]')].some(t => getComputedStyle(t).backgroundColor === 'rgba(0, 0, 0, 0)')`)
	if err != nil || unmarked {
		b.t.Errorf("%s: the open tab looks like the others (%v)", where, err)
	}
}

type violation struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

// axe fails for what is serious or critical.
func (b *browser) axe(script, where string) {
	b.t.Helper()
	found, err := eval[[]violation](b, `(async () => {
		if (!window.axe) { `+script+` }
		const r = await axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
		return r.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160) + ' :: ' + (n.any[0]?.message ?? '').slice(0, 160)) }));
	})()`)
	must(b.t, err)
	for _, v := range found {
		if v.Impact == "serious" || v.Impact == "critical" {
			b.t.Errorf("%s: %s (%s)\n\t%s", where, v.Help, v.ID, strings.Join(v.Nodes, "\n\t"))
		}
	}
}

// fits: nothing stands out to the right of the screen, unless it scrolls in a place of its own, and no label is cut off.
func (b *browser) fits(where string) {
	b.t.Helper()
	raw, err := eval[json.RawMessage](b, `(() => {
		const width = document.documentElement.clientWidth;
		const inside = (el) => { for (let p = el.parentElement; p; p = p.parentElement) { if (/auto|scroll|hidden/.test(getComputedStyle(p).overflowX) && p.getBoundingClientRect().right <= width + 1) return true; } return false; };
		const out = [...document.body.querySelectorAll('*')].filter((el) => { const r = el.getBoundingClientRect(); return r.width > 0 && r.right > width + 1 && getComputedStyle(el).position !== 'fixed' && !el.closest('.skip, [aria-hidden=true]') && !inside(el); });
		const clipped = [...document.querySelectorAll('.mantine-Badge-label, .mantine-Button-label')].filter((el) => el.clientWidth > 0 && el.scrollWidth > el.clientWidth + 1);
		return { scroll: document.documentElement.scrollWidth - width, clipped: clipped.slice(0, 3).map((el) => el.innerText), out: out.slice(0, 3).map((el) => el.outerHTML.slice(0, 160)) };
	})()`)
	must(b.t, err)
	var got struct {
		Scroll  float64  `json:"scroll"`
		Clipped []string `json:"clipped"`
		Out     []string `json:"out"`
	}
	must(b.t, json.Unmarshal(raw, &got))
	if got.Scroll > 1 || len(got.Out) > 0 {
		b.t.Errorf("%s is wider than 390 pixels by %v: %s", where, got.Scroll, strings.Join(got.Out, "\n\t"))
	}
	if len(got.Clipped) > 0 {
		b.t.Errorf("%s cuts labels off: %q", where, got.Clipped)
	}
}

// TestWeight: what the first page and the overview load is small, and comes compressed and for good.
func TestWeight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := newBrowser(t, w.server)
	b.open("/")
	b.sees("Sign in")
	w.command(password+"\n", "admin", "create", "--data="+w.data, "--username="+username)
	b.signIn(username, password)
	b.quiet()
	size, err := eval[float64](b, `performance.getEntriesByType('resource').filter((r) => r.name.endsWith('.js')).reduce((n, r) => n + r.encodedBodySize, 0)`)
	must(t, err)
	t.Logf("signing in and the overview load %.0f KiB of script", size/1024)
	if size < 1<<10 || size > 300<<10 {
		t.Errorf("signing in and the overview load %.0f KiB of compressed script, more than 300", size/1024)
	}
	if foreign, err := eval[[]string](b, `performance.getEntriesByType('resource').map((r) => r.name).filter((n) => !n.startsWith(location.origin))`); err != nil || len(foreign) > 0 {
		t.Errorf("asked of others: %v %v", foreign, err)
	}
	b.open("/directory/users?q=anna")
	b.sees("1 match", "Anna Bell")
	shown, err := eval[float64](b, `performance.getEntriesByType('paint').find((p) => p.name === 'first-contentful-paint').startTime`)
	must(t, err)
	t.Logf("a deep link shows something after %.0f ms", shown)
}
