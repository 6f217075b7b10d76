package e2e_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestEnvironments: an environment is made and renamed, the console goes to it and back, and says everywhere which one is open. A link leads
// to what it was copied from, whatever is open; whoever has no role there is told so, until they are given one.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	w.command(password+"\n", "admin", "create", "--data="+w.data, "--username=ben", "--role=Read Only")
	b.open("/settings/environments")
	b.sees("Default", "Open now", "shares nothing with the others")
	if path, _ := eval[string](b, "location.pathname"); path != "/console/settings/environments" {
		t.Errorf("with a single environment the address is %s", path)
	}
	b.click("button", "Add environment")
	b.sees("It begins empty")
	b.fill("Name", "default")
	b.press(kb.Enter)
	b.sees("Another environment has this name.")
	b.keep("environment-refused")
	b.fill("Name", "Rehearsal")
	b.press(kb.Enter)
	b.sees("Rehearsal is made.")
	b.click("button", "Rename Rehearsal")
	b.sees("Only the name changes.")
	b.fill("Name", "Staging")
	b.click("button", "Save")
	b.sees("The environment is called Staging.")
	b.leaves("Rehearsal")
	b.look("environments")

	// There, nothing is as here.
	b.click("button", "Environment: Default")
	b.sees("All environments")
	b.keep("environment-menu")
	b.click("menuitem", "Staging, Environment Admin")
	b.sees("Three steps until your first people are in step.")
	b.button("Environment: Staging")
	b.title("Overview · Staging · Lockstep")
	b.click("link", "Users")
	b.leaves("Anna Bell")
	b.title("Users · Staging · Lockstep")
	link, err := eval[string](b, "location.pathname")
	must(t, err)
	if !strings.HasPrefix(link, "/console/environments/") || !strings.HasSuffix(link, "/directory/users") {
		t.Errorf("the address does not say which environment it is about: %s", link)
	}
	b.open("/directory/users") // an address that names none is about one's own
	b.sees("Anna Bell")
	b.title("Users · Default · Lockstep")
	own, err := eval[string](b, "location.pathname")
	must(t, err)
	if !strings.HasPrefix(own, "/console/environments/") || own == link {
		t.Errorf("the address of one's own environment does not name it: %s", own)
	}
	b.open(strings.TrimPrefix(link, "/console"))
	b.title("Users · Staging · Lockstep")
	b.leaves("Anna Bell")
	b.do(chromedp.EmulateViewport(390, 844))
	b.fits("users of another environment")
	b.keep("environment-390")
	b.click("button", "Environment: Staging")
	b.click("menuitem", "Default, Environment Admin")
	b.sees("Three steps until your first people are in step.", "6 people are in the directory")
	b.do(chromedp.EmulateViewport(1440, 900))

	// Somebody without a role is kept out, then let in.
	other := newBrowser(t, w.server)
	other.open("/")
	other.signIn("ben", password)
	other.open(strings.TrimPrefix(link, "/console"))
	other.sees("You have no role in this environment", "Open Default")
	other.look("environment-outside")
	b.open(strings.TrimSuffix(strings.TrimPrefix(link, "/console"), "/directory/users") + "/settings/administrators")
	b.sees("Ann Bell", "of another environment")
	b.click("button", "Add administrator")
	b.click("checkbox", "They sign in already, and are of another environment")
	b.fill("Username", "nobody")
	b.click("button", "Save")
	b.sees("Nobody signs in with this username.")
	b.fill("Username", "ben")
	b.keep("administrator-existing")
	b.click("button", "Save")
	b.leaves("They keep their password")
	b.sees("ben")
	b.look("administrators-elsewhere")
	other.open(strings.TrimPrefix(link, "/console"))
	other.title("Users · Staging · Lockstep")
	b.click("button", "Delete ben")
	b.sees("Take the role of ben away?", "no role in this environment any more")
	b.click("button", "Take the role away")
	b.leaves("Take the role of ben away?", "ben · of another environment")
	other.open(strings.TrimPrefix(link, "/console"))
	other.sees("You have no role in this environment")
	other.click("link", "Open Default")
	other.title("Overview · Lockstep")
}

func (b *browser) title(want string) {
	b.t.Helper()
	b.until("the title is "+want, "document.title === "+js(want))
}

func (b *browser) button(name string) {
	b.t.Helper()
	b.until("there is the button "+name, "e2e.names('button').includes("+js(name)+")")
}

// TestGetTokenElsewhere: Slack leads back to one address for all environments, and the page goes on in the one that it was left in; what is
// set up there is provisioned.
func TestGetTokenElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	b := w.elsewhere()
	id, err := eval[string](b, `(async () => (await (await fetch('/v1/environments', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"Staging"}' })).json()).id)()`)
	must(t, err)
	here := "/environments/" + id
	b.open(here + "/")
	b.sees("Three steps until your first people are in step.")
	b.toAuthentication("Acme Slack")
	b.fill("Base URL", w.slack+"/scim/v2/")
	b.click("button", "Get token")
	b.consent("Allow")
	b.sees("The token is here", "Configure authentication")
	b.until("the page is of the environment that was left", `location.pathname.startsWith('/console`+here+`/')`)
	b.click("button", "Test connection")
	b.sees("Connection Successful")
	b.click("button", "Next")
	b.click("button", "Save")
	b.sees("It is off until you switch it on.", "Valid")

	// It is provisioned like any other, by the server that runs.
	b.click("switch", "Connection switched on")
	b.sees("The connection is on.")
	_, err = eval[bool](b, `fetch('/v1`+here+`/users', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"username":"zoe","email":"zoe@example.com","name":{"given":"Zoe","family":"Quist"}}' }).then((r) => r.ok)`)
	must(t, err)
	b.click("link", "New rule")
	b.newRule("Staff to Slack")
	b.click("radio", "Everybody")
	b.sees("1 person matches")
	b.click("button", "Next")
	b.click("link", "Next")
	b.click("button", "Next") // no groups
	b.click("button", "Enable rule")
	b.sees("In step: nothing is due")
	if !w.members()["zoe@example.com"].Active {
		t.Errorf("Zoe has no account: %v", w.members())
	}
	b.open("/integrations/provisioning/connections") // one's own environment has none of it
	b.title("Provisioning · Default · Lockstep")
	b.leaves("Acme Slack")
}
