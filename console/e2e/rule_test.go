package e2e_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
)

// connect makes a valid connection that is on, by the pages.
func (b *browser) connect(w *world, edit func()) {
	b.t.Helper()
	b.toAuthentication("Acme Slack")
	b.authenticate(w, token)
	b.click("button", "Test connection")
	b.sees("Connection Successful")
	b.click("button", "Next")
	b.sees("Configure Preferences and Actions")
	if edit != nil {
		edit()
	}
	b.click("button", "Save")
	b.sees("Rules using it")
	b.click("switch", "Connection switched on")
	b.sees("The connection is on.")
}

// newRule fills in the page of that name.
func (b *browser) newRule(name string) {
	b.t.Helper()
	b.fill("Name", name)
	b.choose("Target", "Acme Slack")
	b.click("button", "Create rule")
}

// counts are the tiles of a preview.
func (b *browser) counts(want map[string]int) {
	b.t.Helper()
	texts := map[string]string{}
	for name, n := range want {
		texts[name] = strconv.Itoa(n)
	}
	raw, err := json.Marshal(texts)
	must(b.t, err)
	// A preview that is made anew shows the old numbers for a moment.
	b.until(fmt.Sprintf("the preview says %s", raw), `(() => {
		const got = Object.fromEntries([...document.querySelectorAll('[data-count]')].map((e) => [e.dataset.count, e.innerText.split("\n").pop().trim()]));
		return Object.entries(`+string(raw)+`).every(([name, n]) => got[name] === n);
	})()`)
}

// TestNewRule: from a filter to people in the workspace, exactly as the preview said; then somebody leaves.
func TestNewRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	w.seed(`[{"userName":"boss","primaryEmail":"boss@example.com","active":true,"role":"primary_owner"}, {"userName":"ben.old","primaryEmail":"ben@example.com","givenName":"Benjamin","active":true}]`)
	b := w.administrator()
	b.connect(w, func() { b.click("switch", "Deprovision on rule deletion") })

	b.click("link", "Provisioning")
	b.click("tab", "Rules")
	b.sees("No rule yet")
	b.click("button", "Add a connection or a rule")
	b.click("menuitem", "New rule")
	b.newRule("Staff to Slack")

	// The filter: builder and text are one.
	b.sees("User filter", "Add a condition to see who it covers")
	b.click("button", "Add condition")
	b.choose("Attribute", "Type")
	b.fill("Value", "Employee")
	b.sees("5 people match", "anna@example.com")
	b.click("tab", "Text")
	b.until("the text is the builder's", `e2e.value('textbox', 'Filter as text') === 'type eq "Employee"'`)
	b.fill("Filter as text", `type eq "Employee" and (title co "Engineer" or title sw "Des" or name.given eq "Fay"`)
	b.sees("The filter cannot be used", "this bracket is never closed")
	b.fill("Filter as text", `type eq "Employee" and (title co "Engineer" or title sw "Des" or name.given eq "Fay")`)
	b.sees("5 people match")
	b.click("tab", "Builder")
	b.until("the builder is the text's", `document.querySelectorAll('.condition-set').length === 1 && e2e.names('textbox').filter((n) => n === 'Value').length === 4`)
	b.keep("rule-filter")
	b.click("button", "Next")

	// The mapping: the defaults are shown; an expression is checked as it is typed, for a person.
	b.sees("Attribute mapping", "Defaults of Slack", "primaryEmail")
	b.choose("Try with a person", "Anna Bell")
	b.sees("For Anna Bell", "anna@example.com")
	b.click("button", "Edit the mapping of title")
	b.click("radio", "Expression")
	b.click("textbox", "Expression")
	b.press("End")
	b.replace("titel + ' (Acme)'")
	b.sees("at position 1", "title")
	b.replace("title + ' (Acme)'")
	b.until("the result is there", `document.querySelector('[data-testid=result]').innerText === 'Engineer (Acme)'`)
	b.keep("rule-expression")
	b.click("button", "Save")
	b.sees("Own mappings", "Engineer (Acme)")
	b.click("link", "Next")

	// No groups: a rule can do without.
	b.sees("Which groups go to Acme Slack?", "There is no group yet")
	b.click("button", "Next")

	// The preview says what will happen, and nothing has.
	b.sees("Nothing is written by looking.")
	b.counts(map[string]int{"Created": 3, "Changed": 1, "Disabled": 0, "Left alone": 1, "Withheld": 0})
	b.keep("rule-preview")
	if n := len(w.members()); n != 2 {
		t.Errorf("looking made %d members", n)
	}
	b.fill("Search the preview", "Benjamin")
	b.sees("ben", "givenName")
	b.click("button", "Enable rule")

	b.sees("The rule is enabled.", "User Sync Summary", "In step: nothing is due")
	members := w.members()
	if len(members) != 5 || members["anna@example.com"].Title != "Engineer (Acme)" || members["ben@example.com"].GivenName != "Ben" || members["boss@example.com"].UserName != "boss" {
		t.Errorf("what happened is not what the preview said: %+v", members)
	}
	b.figures(map[string]string{"Impacted": "5", "Success": "4", "Unsynced": "1", "Failed": "0"})
	b.click("tab", "Preview")
	b.sees("everybody stands as the rule says")
	b.counts(map[string]int{"Created": 0, "Changed": 0, "Disabled": 0, "Left alone": 5})

	w.leaver(b)
	w.ruleDeleted(b)
}

// replace types instead of everything in the editor that has the focus.
func (b *browser) replace(text string) {
	b.t.Helper()
	b.selectAll()
	b.insert(text)
}

func (b *browser) figures(want map[string]string) {
	b.t.Helper()
	for name, value := range want {
		b.until(name+" is "+value, `[...document.querySelectorAll('[data-testid=summary] > *')].some((e) => e.innerText.startsWith(`+js(name)+`) && e.innerText.trim().split("\n").pop() === `+js(value)+`)`)
	}
}

// leaver: disabling somebody says what will follow, and does it.
func (w *world) leaver(b *browser) {
	w.t.Helper()
	b.click("link", "Users")
	b.fill("Search users", "Cleo Dane")
	b.sees("1 match")
	b.click("link", "Cleo Dane")
	b.sees("cleo@example.com", "Lead Engineer")
	b.click("switch", "User enabled")
	b.sees("Disable Cleo Dane?", "Acme Slack")
	b.click("button", "Disable")
	w.until("Cleo is disabled in the workspace", func(m map[string]member) bool { return !m["cleo@example.com"].Active })
	b.click("tab", "Sync Status")
	b.sees("Staff to Slack", "inactive")
	b.click("tab", "Timeline")
	b.sees("enabled")
	b.click("link", "Activity")
	b.sees("Every edit, and every write to a target with its reason.")
	b.choose("Action", "Successful writes")
	b.sees("cleo")
}

// ruleDeleted: deleting a rule with its deprovisioning disables its people, and nobody else.
func (w *world) ruleDeleted(b *browser) {
	w.t.Helper()
	b.click("link", "Provisioning")
	b.click("tab", "Rules")
	b.click("link", "Staff to Slack")
	b.sees("User Sync Summary")
	b.click("button", "More actions")
	b.click("menuitem", "Clone rule")
	b.sees("Clone_Staff to Slack", "The rule is not running")
	b.click("link", "Rules")
	b.click("link", "Staff to Slack")
	b.click("button", "More actions")
	b.click("menuitem", "Delete")
	b.sees("Delete Staff to Slack?", "Deprovision")
	b.until("the choice is there", `e2e.names('checkbox').some((n) => n.startsWith('Deprovision'))`)
	name, err := eval[string](b, `e2e.names('checkbox').find((n) => n.startsWith('Deprovision'))`)
	must(w.t, err)
	b.click("checkbox", name)
	b.sees("lose access")
	b.click("button", "Delete and deprovision")
	b.sees("The rule was deleted.")
	w.until("its people are disabled", func(m map[string]member) bool {
		return !m["anna@example.com"].Active && !m["ben@example.com"].Active && m["boss@example.com"].Active
	})
}

// TestFailures: somebody whom the target refuses is shown with the cause and the next step, and can be tried again.
func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people+"hal,hal@example.com,Hal,Ice,,🚀 Pilot,Employee,true\n")
	w.seed(`[{"userName":"boss","primaryEmail":"boss@example.com","active":true,"role":"primary_owner"}]`)
	b := w.administrator()
	b.connect(w, nil)
	b.open("/integrations/provisioning/rules/new")
	b.newRule("Everybody")
	b.click("radio", "Everybody")
	b.sees("7 people match")
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next") // no groups
	b.counts(map[string]int{"Created": 5})
	b.click("button", "Enable rule")
	b.sees("Failures by cause", "Slack refuses emoji in title", "What to do: Remove the emoji", "1 person", "hal")
	b.keep("rule-failures")
	b.figures(map[string]string{"Success": "5", "Failed": "1"})
	b.sees("With failures", "not everybody could be synced")
	b.leaves("In step")
	b.click("button", "Retry")
	b.sees("1 retry has begun.")
	b.figures(map[string]string{"Success": "5", "Failed": "1"})
	b.click("link", "Overview")
	b.sees("Everybody: 1 person failed")
	b.click("link", "Users")
	b.fill("Search users", "hal")
	b.sees("1 match")
	b.click("link", "Hal Ice")
	b.click("button", "Edit")
	b.fill("Title", "Pilot")
	b.click("button", "Save")
	w.until("Hal is there", func(m map[string]member) bool { return m["hal@example.com"].Title == "Pilot" })
	b.click("tab", "Sync Status")
	b.sees("Success")
	b.click("button", "Provision now")
	b.sees("Provisioned with Everybody", "Scope", "Mapping")
	b.click("button", "Close")

	// A pause holds work back, and says so everywhere.
	b.open("/integrations/provisioning/connections")
	b.click("link", "Acme Slack")
	b.click("button", "More actions")
	b.click("menuitem", "Pause")
	b.sees("The connection is paused")
	b.click("link", "Overview")
	b.sees("Acme Slack is paused")
	b.open("/directory/users")
	b.click("button", "Add user")
	b.fill("Username", "gus")
	b.fill("Email Address", "gus@example.com")
	b.fill("Given Name", "Gus")
	b.fill("Family Name", "Holt")
	b.click("button", "Add user")
	b.sees("Gus Holt", "gus@example.com")
	if _, there := w.members()["gus@example.com"]; there {
		t.Error("a paused connection wrote")
	}
	b.open("/integrations/provisioning/connections")
	b.click("link", "Acme Slack")
	b.click("button", "More actions")
	b.click("menuitem", "Resume")
	w.until("Gus is there", func(m map[string]member) bool { return m["gus@example.com"].Active })
	b.click("tab", "Accounts")
	b.fill("Search accounts by name", "gus")
	b.sees("Managed", "gus@example.com")
	b.leaves("fay@example.com")
}
