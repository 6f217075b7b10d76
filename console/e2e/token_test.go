package e2e_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The app that every simulated workspace has.
const (
	clientID     = "10000000001.20000000001"
	clientSecret = "sandbox-client-secret"
)

// elsewhere lets the console have another site than the workspace: consent comes back across sites, where a strict cookie stays behind.
func (w *world) elsewhere() *browser {
	w.t.Helper()
	w.server = strings.Replace(w.server, "127.0.0.1", "localhost", 1)
	return w.administrator()
}

func (w *world) control(method, path, body string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.slack+path, strings.NewReader(body))
	must(w.t, err)
	response, err := http.DefaultClient.Do(r)
	must(w.t, err)
	_ = response.Body.Close()
}

// consent fills in the app's credentials, and presses a button on Slack's page.
func (b *browser) consent(button string) {
	b.t.Helper()
	b.fill("Client ID", clientID)
	b.fill("Client Secret", clientSecret)
	b.click("button", "Connect")
	b.sees("An app asks for permission")
	b.click("button", button)
}

// clean: neither the address nor the page has a secret or a code in it.
func (b *browser) clean() {
	b.t.Helper()
	all, err := eval[string](b, `location.href + document.documentElement.outerHTML + JSON.stringify(sessionStorage) + JSON.stringify(localStorage) + JSON.stringify(history.state)`)
	must(b.t, err)
	for _, marker := range []string{"xoxp", "xoxe", clientSecret, "code=", "state="} {
		if strings.Contains(all, marker) {
			b.t.Errorf("the page has %q in it", marker)
		}
	}
}

// pictures keeps the page as it is on a desk and on a telephone, in light and in dark.
func (b *browser) pictures(name string) {
	b.t.Helper()
	if os.Getenv("LOCKSTEP_SCREENSHOTS") == "" {
		return
	}
	for width, height := range map[int64]int64{1440: 1000, 390: 1400} {
		b.do(chromedp.EmulateViewport(width, height))
		for _, dark := range []bool{false, true} {
			b.scheme(dark)
			b.quiet()
			b.keep(name + "-" + map[int64]string{1440: "desk", 390: "phone"}[width] + map[bool]string{true: "-dark", false: ""}[dark])
		}
		b.scheme(false)
	}
	b.do(chromedp.EmulateViewport(1440, 900))
}

// TestGetToken: a new connection by consent, then the token is replaced, denied, and refused for another workspace.
func TestGetToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	b := w.elsewhere()
	b.toAuthentication("Acme Slack")
	b.fill("Base URL", w.slack+"/scim/v2/")
	b.pictures("token-wizard")
	b.click("button", "Get token")
	b.sees("Get the token from Slack", "Redirect URL", w.server+"/console/oauth/slack", "User token scope", "admin", "App manifest", "this browser never sees it", "Workspace Owner")
	b.click("switch", "Enterprise organisation")
	b.sees("Org Owner", "public distribution")
	b.pictures("token-dialog-organisation")
	b.click("switch", "Enterprise organisation")
	b.click("button", "App manifest")
	b.sees(`"redirect_urls"`, `"org_deploy_enabled": false`)
	b.fill("Client ID", clientID)
	b.pictures("token-dialog")
	b.consent("Allow")
	b.sees("The token is here", "The workspace Lockstep Sandbox, by owner", "It does not expire.", "Configure authentication")
	b.clean()
	b.pictures("token-here")
	b.click("button", "Test connection")
	b.sees("Connection Successful", "The token is owner's in Lockstep Sandbox", "members can be read", "This server's address is let in")
	b.pictures("token-tested")
	b.click("button", "Next")
	b.click("button", "Save")
	b.sees("It is off until you switch it on.", "Valid", "Acme Slack", "Everybody's workspace", "The workspace Lockstep Sandbox, by owner")
	b.pictures("token-connection")

	// The whole test, with what to do.
	b.click("button", "Test connection")
	b.sees("Connection Successful", "DNS", "TLS", "Owner's role", "Plan", "IP allow-list", "Rate budget", "Display name changes")
	b.pictures("token-doctor")
	b.click("button", "Close")
	b.leaves("Connection Successful")

	// Tokens that expire take over, and the page says so.
	w.control("POST", "/sandbox/apps", `[{"clientId":"`+clientID+`","clientSecret":"`+clientSecret+`","loopback":true,"rotation":true}]`)
	b.click("tab", "Configuration")
	b.click("button", "Get token")
	b.consent("Allow")
	b.sees("The connection has a token for Lockstep Sandbox.", "It expires and is refreshed by itself.", "Token expires", "in 12 hours")
	b.clean()
	b.pictures("token-expires")

	// Again, with the app that is known; and denied.
	b.click("tab", "Configuration")
	b.click("button", "Get token")
	b.sees("The app is known already", clientID)
	b.pictures("token-again")
	b.click("button", "Connect")
	b.sees("An app asks for permission")
	b.click("button", "Cancel")
	b.sees("There is no new token", "Consent was denied on Slack's page", "allow it, as an owner")
	b.clean()
	b.pictures("token-denied")
	b.click("link", "Back to the connection")
	b.sees("It expires and is refreshed by itself.")

	// Another workspace: refused, then confirmed.
	w.control("PUT", "/sandbox/team", `{"id":"T00000002","name":"Other Workspace"}`)
	again := func() {
		b.click("tab", "Configuration")
		b.click("button", "Get token")
		b.sees("The app is known already")
		b.click("button", "Connect")
		b.sees("An app asks for permission")
		b.click("button", "Allow")
		b.sees("The token is for another workspace", "Other Workspace", "T00000002", "This connection provisions Lockstep Sandbox")
	}
	again()
	b.pictures("token-other-workspace")
	b.click("button", "Keep the old token")
	b.sees("The workspace Lockstep Sandbox, by owner")
	again()
	b.click("button", "Change the workspace")
	b.sees("The workspace Other Workspace, by owner")

	// Opened by itself, the page says what it is for.
	b.open("/oauth/slack")
	b.sees("Nothing came back from Slack")
	// A made-up answer is refused.
	b.open("/oauth/slack?code=x&state=y")
	b.sees("There is no new token", "press Get token again")
	b.clean()
}

// TestOwnerGone: who consented is gone; the page says so, and what to do.
func TestOwnerGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	b := w.administrator()
	b.toAuthentication("Acme Slack")
	b.authenticate(w, token)
	b.click("button", "Test connection")
	b.sees("Connection Successful")
	b.click("button", "Next")
	b.click("button", "Save")
	b.sees("It is off until you switch it on.")
	b.click("tab", "Configuration")
	b.click("button", "Get token")
	b.consent("Allow")
	b.sees("The connection has a token for Lockstep Sandbox.")
	w.control("PUT", "/sandbox/account", `{"active":false}`)
	b.click("button", "Test connection")
	b.sees("Test Connection Failed", "The account of the token's owner is deactivated", "press Get token as another owner")
	b.pictures("token-owner-gone")
	b.click("button", "Close")
	b.leaves("Test Connection Failed")

	// The base URL leads elsewhere: the token is asked for again.
	b.click("tab", "Configuration")
	b.sees("Preferences and Actions") // the page before has an "Edit name and description"
	b.click("button", "Edit")
	b.sees("Configure authentication")
	b.fill("Base URL", "http://127.0.0.1:1/scim/v2/")
	b.click("button", "Save")
	b.sees("The base URL leads to another server now, and the saved token is not sent there: enter the token for it.")
	b.pictures("token-asked-again")
}
