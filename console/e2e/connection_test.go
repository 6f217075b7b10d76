package e2e_test

import (
	"strings"
	"testing"
)

const people = `username,email,given,family,nickname,title,type,enabled
anna,anna@example.com,Anna,Bell,Annie,Engineer,Employee,true
ben,ben@example.com,Ben,Cole,,Designer,Employee,true
cleo,cleo@example.com,Cleo,Dane,,Lead Engineer,Employee,true
dora,dora@example.com,Dora,Ek,,Engineer,Contractor,true
emil,emil@example.com,Emil,Frost,,Engineer,Employee,false
fay,fay@example.com,Fay,Gray,,Recruiter,Employee,true
`

// toAuthentication walks the first six of PingOne's ten steps, in its words.
func (b *browser) toAuthentication(name string) {
	b.t.Helper()
	// 1. Go to Integrations → Provisioning.
	b.sees("Integrations")
	b.click("link", "Provisioning")
	b.sees("Connections", "Rules")
	// 2. Click + and then click New connection.
	b.click("button", "Add a connection or a rule")
	b.click("menuitem", "New connection")
	// 3. On the Identity Store line, click Select.
	b.sees("Identity Store")
	b.click("button", "Select")
	// 4. Click Slack, click Select, and then click Next.
	b.click("button", "Slack")
	b.click("button", "Select")
	b.click("button", "Next")
	// 5. Enter a name and description for this provisioning connection.
	b.fill("Name", name)
	b.fill("Description", "Everybody's workspace")
	// 6. Click Next.
	b.click("button", "Next")
	b.sees("Configure authentication")
}

// authenticate is step seven; the base URL is what makes it the simulated workspace.
func (b *browser) authenticate(w *world, token string) {
	b.t.Helper()
	b.fill("OAuth2 Access Token", token)
	b.fill("Base URL", w.slack+"/scim/v2/")
}

// TestNewConnection: the seed's ten steps, with a test that fails, and both ways on from there.
func TestNewConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.toAuthentication("Acme Slack")

	// 7. In the OAuth2 Access Token field, enter the access token from Slack.
	b.authenticate(w, "xoxp-wrong")
	// 8. Click Test connection. If there are any issues, a Test Connection Failed dialog box opens.
	b.click("button", "Test connection")
	b.sees("Test Connection Failed", "Credentials", "What to do:", "Reachability")
	b.keep("connection-test-failed")
	// To retry, click Cancel in the dialog box and repeat step 7.
	b.click("button", "Cancel")
	b.leaves("Test Connection Failed")
	b.sees("Configure authentication")
	if next, err := eval[bool](b, `e2e.find('button', 'Next').disabled`); err != nil || !next {
		t.Error("one can go on without a valid connection and without saying so")
	}
	// Click Continue to resume the set-up with an invalid connection.
	b.click("button", "Test connection")
	b.sees("Test Connection Failed")
	b.click("button", "Continue")
	// 9. In the Configure Preferences and Actions sections, enter the following.
	b.sees("Configure Preferences and Actions", "This connection is invalid", "Unique user identifier", "Group membership handling", "Allow users to be created",
		"Allow users to be updated", "Allow users to be deprovisioned", "Remove action", "Deprovision on rule deletion", "Determines how to identify a unique user.")
	b.keep("connection-preferences")
	b.click("radio", "userName")
	b.click("radio", "primaryEmail")
	b.click("radio", "Overwrite")
	b.click("switch", "Allow users to be updated")
	b.click("switch", "Deprovision on rule deletion")
	// 10. Click Save.
	b.click("button", "Save")

	b.sees("Acme Slack", "Invalid", "The last test failed", "Everybody's workspace")
	// It cannot be used for provisioning until it tests valid.
	b.click("switch", "Connection switched on")
	b.sees("Test Connection Failed")
	b.click("button", "Close")
	b.leaves("Test Connection Failed")
	if on, _ := eval[string](b, `e2e.value('switch', 'Connection switched on')`); on != "false" {
		t.Error("an invalid connection was switched on")
	}
	b.click("tab", "Configuration")
	b.sees("Overwrite", "Authentication")
	b.facts(map[string]string{"Allow users to be updated": "No", "Allow users to be created": "Yes", "Deprovision on rule deletion": "Yes", "Group membership handling": "Overwrite", "Unique user identifier": "primaryEmail"})
	if page, _ := eval[string](b, `document.documentElement.outerHTML`); strings.Contains(page, "xoxp-wrong") {
		t.Error("the page shows the token")
	}
	// The token is write-only and can be replaced.
	b.click("button", "Edit")
	b.click("button", "Replace")
	b.fill("OAuth2 Access Token", token)
	b.click("button", "Save")
	b.sees("The configuration is saved.")
	b.click("tab", "Overview")
	b.sees("Valid", "Rate budget")
	b.click("switch", "Connection switched on")
	b.sees("The connection is on.")
	b.click("link", "Provisioning")
	b.sees("Acme Slack", "On")
}

// TestSuccessfulConnection: the same with a token that works at once.
func TestSuccessfulConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	b := w.administrator()
	b.toAuthentication("Acme Slack")
	b.authenticate(w, token)
	b.click("button", "Test connection")
	b.sees("Connection Successful", "members can be read")
	b.click("button", "Next")
	b.click("button", "Save")
	b.sees("It is off until you switch it on.", "Valid")
	// A second one of the same name is refused where the name stands.
	b.toAuthentication("acme slack")
	b.authenticate(w, token)
	b.click("button", "Test connection")
	b.sees("Connection Successful")
	b.click("button", "Next")
	b.click("button", "Save")
	b.sees("Another connection has this name.")
}

// facts compares pairs of a list of facts.
func (b *browser) facts(want map[string]string) {
	b.t.Helper()
	got, err := eval[map[string]string](b, `Object.fromEntries([...document.querySelectorAll('dt')].map((dt) => [dt.innerText, dt.nextElementSibling.innerText]))`)
	must(b.t, err)
	for name, value := range want {
		if got[name] != value {
			b.t.Errorf("%s: %q, want %q", name, got[name], value)
		}
	}
}
