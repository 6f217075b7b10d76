package e2e_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestLongLists: lists of more than one page of the API are whole, narrowed by name, and shown a portion at a time.
func TestLongLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	b := w.administrator()
	b.connect(w, nil)
	b.click("link", "New rule")
	b.newRule("Rule 0")
	b.sees("Add a condition to see who it covers")
	for n := 1; n <= 205; n += 41 { // a page of the API is 200
		b.apiMany(n, n+40)
	}
	b.open("/integrations/provisioning/rules")
	b.sees("206 rules")
	b.until("a portion is shown", `document.querySelectorAll('tbody tr').length === 50`)
	b.click("button", "Show more")
	b.until("more is shown", `document.querySelectorAll('tbody tr').length === 100`)
	b.fill("Search rules", "Rule 205")
	b.sees("1 match")
	b.click("link", "Rule 205")
	b.heading("Rule 205")
}

// apiMany makes rules by these numbers, with source and target of the first one.
func (b *browser) apiMany(from, to int) {
	b.t.Helper()
	_, err := eval[bool](b, fmt.Sprintf(`(async () => {
		const api = '/v1/environments/' + (await (await fetch('/v1/session')).json()).environment.id + '/propagation/rules';
		const first = (await (await fetch(api + '?limit=1')).json())._embedded.rules[0];
		for (let n = %d; n <= %d; n++) {
			const r = await fetch(api, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name: 'Rule ' + n, plan: first.plan, sourceStore: first.sourceStore, targetStore: first.targetStore }) });
			if (!r.ok) throw new Error(await r.text());
		}
		return true;
	})()`, from, to))
	must(b.t, err)
}

// TestManyFailures: of more failures than are read at once, the page says how many it looked at, counts them all, and goes on when asked.
func TestManyFailures(t *testing.T) {
	t.Parallel()
	const refused = 520
	var people strings.Builder
	people.WriteString("username,email,title\n")
	for n := range refused {
		fmt.Fprintf(&people, "user%03d,user%03d@example.com,🚀 Pilot\n", n, n)
	}
	w := newWorld(t, people.String())
	b := w.administrator()
	b.connect(w, nil)
	b.click("link", "New rule")
	b.newRule("Everybody")
	b.click("radio", "Everybody")
	b.sees("520 people match")
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next")
	b.until("the preview is there", `document.querySelector('[data-count]') !== null`)
	b.click("button", "Enable rule")
	b.figures(map[string]string{"Failed": "520", "Pending": "0"})
	b.sees("the causes of the first 500 of 520 failures", "520 people", "and 515 more", "Retry these", "Retry all")
	b.keep("rule-many-failures")
	b.click("button", "Look at the next 500")
	b.leaves("the causes of the first")
	b.sees("520 people", "and 515 more", "Retry these")
}
