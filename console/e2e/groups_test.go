package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// row waits for a row of the list in which all of these texts stand.
func (b *browser) row(texts ...string) {
	b.t.Helper()
	b.until(fmt.Sprintf("a row shows %q", texts), `[...document.querySelectorAll('tbody tr')].some((r) => [`+js(texts...)+`].every((t) => r.innerText.includes(t)))`)
}

// heading waits for the page of that name.
func (b *browser) heading(name string) {
	b.t.Helper()
	b.until("the page is "+name, `document.querySelector('h1')?.innerText.trim() === `+js(name))
}

// addGroup makes a static group, and goes to its page.
func (b *browser) addGroup(name string) {
	b.t.Helper()
	b.open("/directory/groups")
	b.click("button", "Add group")
	b.fill("Name", name)
	b.click("button", "Add group")
	b.heading(name)
	b.sees("Nobody is in this group")
}

// TestGroups: groups of every kind are made, filled, nested, edited and deleted by the pages; each page says why somebody is a member.
func TestGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.click("link", "Groups")
	b.sees("No group yet", "A group brings people together")
	b.keep("groups-empty")

	b.addGroup("Berlin")
	b.click("button", "Add members")
	b.fill("People", "ann")
	b.click("option", "Anna Bell · anna@example.com")
	b.fill("People", "fay")
	b.click("option", "Fay Gray · fay@example.com")
	b.press(kb.Tab) // closes the list
	b.keep("group-add-members")
	b.click("button", "Add 2 people")
	b.sees("2 members")
	b.row("Anna Bell", "Direct member.")

	// A dynamic one says whom it would have before it is made.
	b.open("/directory/groups")
	b.click("button", "Add group")
	b.fill("Name", "Engineers")
	b.click("radio", "Follow a filter")
	b.click("button", "Add condition")
	b.choose("Attribute", "Title")
	b.choose("Operator", "contains")
	b.fill("Value", "Engineer")
	b.sees("4 people match", "anna@example.com")
	b.keep("group-add-dynamic")
	b.click("button", "Add group")
	b.sees("Dynamic", "4 members")
	b.row("Dora Ek", "Matches the filter.")
	b.until("nobody can be taken out of a filter", `[...document.querySelectorAll('[role=img]')].some((e) => e.ariaLabel.startsWith('Comes from the filter of the group'))`)
	engineers, err := eval[string](b, `location.pathname.split('/').pop()`)
	must(t, err)

	// Nesting is a tree, and never a circle.
	b.addGroup("Acme")
	b.click("tab", "Nesting")
	b.sees("No group is nested here", "nested in no other one")
	for _, name := range []string{"Berlin", "Engineers"} {
		b.click("button", "Nest a group here")
		b.choose("Group", name)
		b.click("button", "Nest")
		b.click("link", name)
		b.heading(name)
		b.click("tab", "Nesting")
		b.click("link", "Acme")
		b.heading("Acme")
		b.click("tab", "Nesting")
		b.click("button", "Take "+name+" out")
		b.sees("Take "+name+" out of Acme?", map[string]string{"Berlin": "Up to 2 people leave Acme", "Engineers": "Up to 4 people leave Acme"}[name])
		b.click("button", "Cancel")
		b.leaves("leave Acme")
	}
	b.sees("Berlin", "Engineers")
	b.keep("group-nesting-story")
	b.click("button", "Nest in a group")
	b.choose("Group", "Berlin")
	b.click("button", "Nest")
	b.sees("in a circle: Acme > Berlin > Acme")
	b.click("button", "Cancel")
	b.click("tab", "Members")
	b.sees("5 members")
	b.row("Fay Gray", "Member because of Berlin.")
	b.fill("Search members", "fay")
	b.sees("1 match")

	// A person's page shows the groups with the reason.
	b.click("link", "Fay Gray")
	b.click("tab", "Groups")
	b.row("Acme", "Member because of Berlin.")
	b.row("Berlin", "Direct member.")
	b.click("button", "Add to a group")
	b.choose("Group", "Engineers")
	b.click("button", "Add")
	b.row("Engineers", "Direct member.")

	// A filter says what saving does: who joins, who does not match any more.
	b.open("/directory/groups/" + engineers + "/filter")
	b.fill("Value", "Lead")
	b.sees("What saving does", "Nobody joins", "3 people do not match any more: Anna Bell, Dora Ek, Emil Frost")
	b.click("button", "Save")
	b.sees("Save the filter of Engineers?", "nested in Acme", "No enabled rule carries the group")
	b.keep("group-filter-effect")
	b.click("button", "Save filter")
	b.sees("The filter is saved.")
	b.click("tab", "Members")
	b.sees("2 members")
	b.row("Fay Gray", "Direct member.")
	b.row("Cleo Dane", "Matches the filter.")
	b.click("tab", "Timeline")
	b.sees("members of group Engineers")

	// Taking somebody out, and deleting a group, say what will happen to how many and to whom.
	b.click("tab", "Members")
	b.click("button", "Remove Fay Gray")
	b.sees("Remove Fay Gray from Engineers?", "stays in the directory", "nested in Acme: Fay Gray leaves it too, unless")
	b.click("button", "Remove")
	b.sees("1 member")
	b.click("link", "Groups")
	b.sees("3 groups")
	b.choose("Kind of group", "Dynamic")
	b.sees("1 match")
	b.leaves("Berlin")
	b.open("/directory/groups?q=acm")
	b.sees("1 match")
	b.click("link", "Acme")
	b.click("button", "Edit")
	b.fill("Description", "Everybody")
	b.fill("Name", "Acme Inc.")
	b.sees("the group is renamed on the target too")
	b.click("button", "Save")
	b.sees("Acme Inc.", "Everybody")
	b.click("button", "More actions")
	b.click("menuitem", "Delete")
	b.sees("Delete Acme Inc.?", "3 people leave it, and stay in the directory", "2 groups nested in it (Berlin, Engineers) stay too", "nothing changes on a target")
	b.keep("group-delete")
	b.click("button", "Delete group")
	b.sees("Acme Inc. was deleted.", "2 groups")
	b.open("/directory/groups/" + engineers + "/nesting")
	b.sees("nested in no other one")
	b.open("/directory/groups/00000000-0000-0000-0000-000000000000")
	b.sees("This could not be loaded", "no group")
}

// TestListsArriveWhole: what a list offers does not change under the pointer. While the attributes are on their way there is none to choose.
func TestListsArriveWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.connect(w, nil)
	_, err := eval[bool](b, `(() => {
		const ask = window.fetch, held = new Promise((done) => { window.arrive = done; });
		window.fetch = async (url, ...rest) => { if (/\/attributes(\?|$)/.test(String(url.url ?? url))) await held; return ask(url, ...rest); };
		return true;
	})()`)
	must(t, err)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.sees("User filter")
	b.click("button", "Add condition")
	b.until("no attribute can be chosen yet", `e2e.find('textbox', 'Attribute').disabled`)
	_, err = eval[bool](b, `(arrive(), true)`)
	must(t, err)
	b.choose("Attribute", "Group")
	b.until("a group is asked for", `e2e.names('textbox').includes('Group to be in')`)
}

// TestGroupImport: files of groups and of memberships, told apart by their first line; a preview comes first.
func TestGroupImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.open("/directory/groups")
	b.sees("No group yet")
	steps := []struct{ file, preview, button, after string }{
		{"name,memberOf\nBerlin,Acme\nAcme,\nNowhere,Nothing\n", "The file holds groups.", "Import 3 rows", "3 created"},
		{"group,username\nBerlin,anna\nBerlin,nobody\n", "The file holds memberships.", "Import 1 row", "1 created"},
	}
	for _, s := range steps {
		b.click("button", "Import")
		b.upload("file.csv", s.file)
		b.click("button", "Preview")
		b.sees(s.preview, "Nothing is changed yet.", "Refused 1")
		b.click("button", s.button)
		b.sees(s.after)
		b.click("button", "Close")
		b.leaves("Imported")
	}
	b.sees("3 groups")
	b.click("link", "Acme")
	b.sees("1 member")
	b.row("Anna Bell", "Member because of Berlin.")
}

// TestRuleWithGroups: groups are picked in the wizard, agreed to, previewed and synced; members follow; the rule's page shows how they fare.
func TestRuleWithGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.connect(w, nil)
	berlin := b.api("POST", "/groups", `{"name":"Berlin"}`)
	b.api("POST", "/groups", `{"name":"Engineers","userFilter":"title co \"Engineer\""}`)
	b.api("POST", "/groups", `{"name":"Nobody cares"}`)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")

	// The filter asks for a group, by the builder and as text.
	b.sees("User filter")
	b.click("button", "Add condition")
	b.choose("Attribute", "Group")
	b.choose("Group to be in", "Engineers")
	b.sees("4 people match")
	b.click("tab", "Text")
	b.until("the text asks for the group", `/^memberOfGroups\[id eq "[-0-9a-f]{36}"\]$/.test(e2e.value('textbox', 'Filter as text'))`)
	b.click("tab", "Builder")
	b.until("the builder shows its name", `e2e.value('textbox', 'Group to be in') === 'Engineers'`)
	b.click("button", "Add condition")
	b.until("two conditions", `e2e.names('textbox').filter((n) => n === 'Attribute').length === 2`)
	b.click("tab", "Text")
	b.replaceText("Filter as text", `type eq "Employee"`)
	b.sees("5 people match")
	b.click("button", "Next")
	b.sees("Attribute mapping", "Defaults of Slack")
	b.click("link", "Next")

	b.sees("Which groups go to Acme Slack?", "All Groups", "Selected Groups (0)")
	b.fill("Search Group Name", "Eng")
	b.leaves("Nobody cares")
	b.click("checkbox", "Select Engineers")
	b.fill("Search Group Name", "")
	b.click("checkbox", "Select Berlin")
	b.click("radio", "Selected Groups (2)")
	b.until("how many of its members are covered", `[...document.querySelectorAll('tbody tr')].some((r) => /Engineers[^]*4\s+3$/.test(r.innerText.trim()))`)
	b.telephone("rule-groups-picker")
	b.click("button", "Next")
	b.sees("Merge Group Memberships", "2 groups will go to Acme Slack when the rule is enabled", "members that others added stay")
	b.until("nobody goes on without agreeing", `e2e.find('button', 'Continue').disabled`)
	b.keep("rule-groups-consent")
	b.click("checkbox", "I understand and want to continue")
	b.click("button", "Continue")
	b.counts(map[string]int{"Created": 6, "Put in groups": 2})
	b.fill("Search the preview", "engineers")
	b.sees("Puts in")
	b.leaves("Covered by rule")
	b.telephone("rule-groups-preview")
	b.click("button", "Enable rule")
	b.sees("The rule is enabled.", "Group Sync Summary")
	w.untilGroup("Engineers", "anna@example.com cleo@example.com")
	w.untilGroup("Berlin", "")

	// Members follow at once; whoever is not covered gets nothing, and the group goes on.
	b.api("POST", "/users/"+w.user(b, "fay")+"/memberOfGroups", `{"id":"`+berlin+`"}`)
	b.api("POST", "/users/"+w.user(b, "dora")+"/memberOfGroups", `{"id":"`+berlin+`"}`)
	w.untilGroup("Berlin", "fay@example.com")
	b.click("tab", "Groups")
	b.sees("Group sync status")
	b.row("Berlin", "Success")
	b.click("button", "Provision Engineers now")
	b.sees("Engineers provisioned with Staff to Slack", "Done")
	b.click("button", "Close")
	b.keep("rule-groups")

	// Taking a group off an enabled rule says what goes.
	b.click("checkbox", "Select Engineers")
	b.click("button", "Save")
	b.sees("Take groups off the rule?", "1 group will no longer be carried", "Engineers: up to 4 memberships")
	b.click("checkbox", "I understand and want to continue")
	b.click("button", "Continue")
	b.sees("The groups are saved.", "Selected Groups (1)")
	w.untilGroup("Engineers", "")

	// The directory says the same of a group that a rule carries.
	b.open("/directory/groups/" + berlin)
	b.click("button", "Remove Fay Gray")
	b.sees("Rule Staff to Slack: Fay Gray is taken out of the group at Acme Slack")
	b.click("button", "Remove")
	w.untilGroup("Berlin", "")
	b.click("tab", "Sync Status")
	b.sees("Staff to Slack", "Group on the target", "Success")
	b.click("tab", "Details")
	b.sees("About this group")
	b.click("link", "Staff to Slack")
	b.sees("Selected Groups (1)")
}

// TestOverwriteConsent: on Overwrite the dialog warns. Without consent groups that exist are held; with it they become exactly ours. What
// is enabled is what the preview shows: whoever agrees only when enabling looks at a preview that overwrites first.
func TestOverwriteConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	w.seed(`[{"userName":"stranger","primaryEmail":"stranger@example.com","active":true}]`)
	for _, name := range []string{"Berlin", "Paris", "Rome"} {
		w.post("/sandbox/groups", `[{"name":"`+name+`","members":["`+w.members()["stranger@example.com"].ID+`"]}]`)
	}
	b := w.administrator()
	b.connect(w, func() { b.click("radio", "Overwrite") })
	for _, name := range []string{"Berlin", "Paris", "Rome"} {
		id := b.api("POST", "/groups", `{"name":"`+name+`"}`)
		b.api("POST", "/users/"+w.user(b, "anna")+"/memberOfGroups", `{"id":"`+id+`"}`)
	}
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("checkbox", "Select Berlin")
	b.click("button", "Next")
	b.sees("Overwrite Group Memberships", "become exactly those from here", "Members may be taken out")
	b.keep("rule-groups-overwrite")
	b.click("button", "Hold existing groups instead")
	b.fill("Search the preview", "Berlin")
	b.sees("Withheld", "stranger")
	b.keep("rule-preview-hold")

	// A page that is loaded anew does not remember what was agreed to, and asks.
	path, err := eval[string](b, "location.pathname.replace('/console', '')")
	must(t, err)
	b.open(path)
	b.counts(map[string]int{"Withheld": 1})
	b.click("button", "Enable rule")
	b.sees("Overwrite Group Memberships")
	b.click("checkbox", "I understand and want to continue")
	b.click("button", "Continue")
	b.sees("are overwritten, as you agreed", "Takes out stranger")
	b.counts(map[string]int{"Withheld": 0, "Taken out of groups": 1})
	b.telephone("rule-preview-overwrite")
	w.untilGroup("Berlin", "stranger@example.com")
	b.click("button", "Enable rule")
	b.sees("The rule is enabled.")
	w.untilGroup("Berlin", "anna@example.com")

	b.click("tab", "Groups")
	b.click("radio", "All Groups")
	b.click("checkbox", "Select Paris")
	b.click("button", "Save")
	b.sees("Overwrite Group Memberships", "1 group goes to Acme Slack at once")
	b.click("checkbox", "I understand and want to continue")
	b.click("button", "Continue")
	w.untilGroup("Paris", "anna@example.com")

	b.sees("Selected Groups (2)")
	b.click("radio", "All Groups")
	b.click("checkbox", "Select Rome")
	b.click("button", "Save")
	b.click("button", "Hold existing groups instead")
	b.sees("Selected Groups (3)")
	b.click("tab", "Overview")
	b.sees("Held: operations wait for a decision")
	w.untilGroup("Rome", "stranger@example.com")
}

// telephone leaves a picture of the page as it is, and of the same on a telephone, where it has to fit.
func (b *browser) telephone(name string) {
	b.t.Helper()
	b.keep(name)
	b.do(chromedp.EmulateViewport(390, 844))
	b.quiet()
	b.fits(name)
	b.until("the list is in sight", `(document.querySelector('table').scrollIntoView(), true)`)
	b.keep(name + "-390")
	b.do(chromedp.EmulateViewport(1440, 900))
}

// user answers somebody's id.
func (w *world) user(b *browser, username string) string {
	w.t.Helper()
	id, err := eval[string](b, `(async () => {
		const env = (await (await fetch('/v1/session')).json()).environment.id;
		const list = await (await fetch('/v1/environments/' + env + '/users?filter=' + encodeURIComponent('username eq "`+username+`"'))).json();
		return list._embedded.users[0].id;
	})()`)
	must(w.t, err)
	return id
}

// replaceText types instead of what stands in a field, quickly.
func (b *browser) replaceText(label, text string) {
	b.t.Helper()
	b.click("textbox", label)
	b.replace(strings.TrimSpace(text))
}
