package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// reach goes with Tab until the focus is on what has the role and the name, and shows that it is.
func (b *browser) reach(role, name string) {
	b.t.Helper()
	b.until("there is the "+role+" "+name, `!document.querySelector('[aria-label="Loading"]') && !!e2e.find(`+js(role, name)+`) && !e2e.find(`+js(role, name)+`).disabled`)
	var passed []string
	for range 150 {
		on, err := eval[bool](b, `e2e.isOn(`+js(role, name)+`)`)
		must(b.t, err)
		if on {
			if shown, err := eval[bool](b, `e2e.showsFocus()`); err != nil || !shown {
				b.t.Errorf("nobody sees that the focus is on the %s %q (%v)", role, name, err)
			}
			return
		}
		b.press(kb.Tab)
		where, _ := eval[string](b, `e2e.focused()`)
		passed = append(passed, where)
	}
	b.t.Fatalf("Tab never reaches the %s %q; it passes %q\n%s", role, name, passed, b.state())
}

// enter presses Enter on it.
func (b *browser) enter(role, name string) {
	b.t.Helper()
	b.reach(role, name)
	b.press(kb.Enter)
}

// space presses the space bar on it: a checkbox or a switch.
func (b *browser) space(role, name string) {
	b.t.Helper()
	b.reach(role, name)
	b.press(" ")
}

// keys types into the field with that label.
func (b *browser) keys(label, text string) {
	b.t.Helper()
	b.reach("textbox", label)
	b.selectAll()
	b.insert(text)
}

// pick chooses an option by typing and with the arrows.
func (b *browser) pick(label, option string) {
	b.t.Helper()
	b.reach("textbox", label)
	b.press(kb.ArrowDown)
	b.until("the options are shown", `!!e2e.find('option', `+js(option)+`)`)
	for range 60 {
		on, err := eval[bool](b, `e2e.find('option', `+js(option)+`)?.hasAttribute('data-combobox-selected')`)
		if err == nil && on {
			b.press(kb.Enter)
			b.until("the option is taken", `e2e.value('textbox', `+js(label)+`) === `+js(option))
			return
		}
		b.press(kb.ArrowDown)
	}
	b.t.Fatalf("the arrows never reach %q\n%s", option, b.state())
}

// TestKeyboard: the seed's ten steps, a group, and a rule with both, to people in the workspace, without a pointer.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	w.command(password+"\n", "admin", "create", "--data="+w.data, "--username="+username, "--name=Ann Bell")
	b := newBrowser(t, w.server)
	b.open("/")
	b.keys("Username", username)
	b.keys("Password", password)
	b.press(kb.Enter)
	b.sees("Overview")

	// 1 and 2. Go to Integrations → Provisioning, click +, and then New connection.
	b.enter("link", "Provisioning")
	b.enter("button", "Add a connection or a rule")
	b.menu("New connection")
	// 3 to 6.
	b.enter("button", "Select")
	b.enter("button", "Slack")
	b.enter("button", "Select")
	b.enter("button", "Next")
	b.keys("Name", "Acme Slack")
	b.keys("Description", "Everybody's workspace")
	b.enter("button", "Next")
	// 7 and 8, with a test that fails, and both ways on.
	b.keys("OAuth2 Access Token", "xoxp-wrong")
	b.keys("Base URL", w.slack+"/scim/v2/")
	b.enter("button", "Test connection")
	b.sees("Test Connection Failed")
	b.press(kb.Escape) // as Cancel does
	b.leaves("Test Connection Failed")
	b.until("the focus is where it was", `e2e.isOn('button', 'Test connection')`)
	b.press(kb.Enter)
	b.sees("Test Connection Failed")
	b.enter("button", "Cancel")
	b.leaves("Test Connection Failed")
	b.keys("OAuth2 Access Token", token)
	b.enter("button", "Test connection")
	b.sees("Connection Successful")
	b.enter("button", "Next")
	// 9. Preferences and Actions.
	b.sees("Configure Preferences and Actions")
	b.reach("radio", "primaryEmail")
	b.press(kb.ArrowRight)
	b.until("an arrow chooses", `e2e.value('radio', 'userName') === 'true'`)
	b.press(kb.ArrowLeft)
	b.space("switch", "Deprovision on rule deletion")
	// 10. Save.
	b.enter("button", "Save")
	b.sees("Acme Slack", "Valid")
	b.space("switch", "Connection switched on")
	b.sees("The connection is on.")

	// A group that follows a filter.
	b.enter("link", "Groups")
	b.enter("button", "Add group")
	b.keys("Name", "Engineers")
	b.reach("radio", "Added one by one")
	b.press(kb.ArrowRight)
	b.enter("button", "Add condition")
	b.pick("Attribute", "Title")
	b.pick("Operator", "contains")
	b.keys("Value", "Engineer")
	b.sees("4 people match")
	b.enter("button", "Add group")
	b.heading("Engineers")
	b.reach("tab", "Members")
	b.press(kb.ArrowRight)
	b.sees("Nested in this group")

	// A rule.
	b.enter("link", "Provisioning")
	b.enter("button", "Add a connection or a rule")
	b.menu("New rule")
	b.keys("Name", "Staff to Slack")
	b.pick("Target", "Acme Slack")
	b.enter("button", "Create rule")
	b.sees("Add a condition to see who it covers")
	b.enter("button", "Add condition")
	b.pick("Attribute", "Type")
	b.keys("Value", "Employee")
	b.press(kb.Escape) // the list of known values, if there is one
	b.sees("5 people match")
	b.enter("button", "Next")
	b.sees("Attribute mapping")
	b.enter("button", "Edit the mapping of title")
	b.reach("radio", "Attribute")
	b.press(kb.ArrowRight)
	b.reach("textbox", "Expression")
	b.selectAll()
	b.press("titl")
	b.until("completions are shown", `document.querySelector('.cm-tooltip-autocomplete') !== null`)
	b.press(kb.Escape) // closes them, and nothing else
	b.until("they are closed", `document.querySelector('.cm-tooltip-autocomplete') === null`)
	b.replace("title + ' (Acme)'")
	b.enter("button", "Save")
	b.sees("Own mappings")
	b.enter("link", "Next")
	b.space("checkbox", "Select Engineers")
	b.enter("button", "Next")
	b.sees("Merge Group Memberships")
	b.space("checkbox", "I understand and want to continue")
	b.enter("button", "Continue")
	b.sees("Nothing is written by looking.")
	b.enter("button", "Created: 5")
	b.enter("button", "Enable rule")
	b.sees("The rule is enabled.")
	w.untilGroup("Engineers", "anna@example.com cleo@example.com")
	if got := w.members()["anna@example.com"].Title; got != "Engineer (Acme)" {
		t.Errorf("the title is %q", got)
	}
}

// menu takes an entry of the menu that has just opened.
func (b *browser) menu(entry string) {
	b.t.Helper()
	b.until("the menu is open", `!!e2e.find('menuitem', `+js(entry)+`)`)
	for range 10 {
		if on, err := eval[bool](b, `e2e.isOn('menuitem', `+js(entry)+`)`); err == nil && on {
			b.press(kb.Enter)
			return
		}
		b.press(kb.ArrowDown)
	}
	b.t.Fatalf("the arrows never reach %q\n%s", entry, b.state())
}

// TestRestart: a page that is open while the server restarts says so, keeps what it shows and what is typed, and goes on by itself.
func TestRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.connect(w, nil)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next")
	b.counts(map[string]int{"Created": 5})
	b.click("button", "Enable rule")
	b.figures(map[string]string{"Impacted": "6", "Success": "5"})
	mark, err := eval[float64](b, `performance.timeOrigin`)
	must(t, err)

	// A second tab is in the middle of an edit.
	typing := w.signedIn()
	typing.open("/integrations/provisioning/rules")
	typing.click("link", "Staff to Slack")
	typing.click("tab", "User filter")
	typing.click("radio", "People who match")
	typing.click("button", "Add condition")
	typing.choose("Attribute", "Title")
	typing.fill("Value", "Engineer")

	address := w.server
	w.stop()
	b.sees("Reconnecting", "User Sync Summary", "Staff to Slack")
	typing.sees("Reconnecting")
	b.keep("reconnecting")
	b.do(chromedp.EmulateViewport(390, 844))
	b.sees("Reconnecting")
	b.fits("reconnecting")
	b.keep("reconnecting-390")
	b.do(chromedp.EmulateViewport(1440, 900))
	w.command("", "import", "--data="+w.data, w.file("username,email,given,family,type\ngus,gus@example.com,Gus,Holt,Employee\n"))
	w.serve(address[len("http://"):])
	if w.server != address {
		t.Fatalf("the server is at %s now", w.server)
	}
	w.until("Gus is there", func(m map[string]member) bool { return m["gus@example.com"].Active })
	b.leaves("Reconnecting")
	b.figures(map[string]string{"Impacted": "7", "Success": "6"})
	typing.leaves("Reconnecting")
	if value, _ := eval[string](typing, `e2e.value('textbox', 'Value')`); value != "Engineer" {
		t.Errorf("what was typed is gone: %q", value)
	}
	typing.sees("3 people match")
	if now, err := eval[float64](b, `performance.timeOrigin`); err != nil || now != mark {
		t.Errorf("the page was loaded anew (%v)", err)
	}
}

// signedIn is the administrator in another browser.
func (w *world) signedIn() *browser {
	w.t.Helper()
	b := newBrowser(w.t, w.server)
	b.open("/")
	b.signIn(username, password)
	return b
}
