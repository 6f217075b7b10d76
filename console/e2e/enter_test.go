package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// TestFirstStart: the one-time link makes the first administrator, leaves no trace in the address, and is of no use afterwards.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	b := newBrowser(t, w.server)
	b.open("/")
	b.sees("Sign in", "No administrator exists yet", "one-time link")
	b.fill("Username", "nobody")
	b.fill("Password", "not the password")
	b.click("button", "Sign in")
	b.sees("You are not signed in")
	b.keep("sign-in-failed")

	if w.link == "" {
		t.Fatal("the server printed no link")
	}
	create := func(secret, again string) {
		b.fill("Username", username)
		b.fill("Your name", "Ann Bell")
		b.fill("Password", secret)
		b.fill("Password again", again)
		b.click("button", "Create and sign in")
	}
	b.open("/setup#wrong")
	create(password, password)
	b.sees("The administrator was not created")
	b.keep("set-up-failed")
	b.open("/")
	b.open(w.link)
	b.sees("Welcome to Lockstep")
	if hash, err := eval[string](b, "location.href"); err != nil || strings.Contains(hash, "#") {
		t.Errorf("the token stands in the address: %s (%v)", hash, err)
	}
	create(password, password+"x")
	b.sees("This is not the same password.")
	create("short", "short")
	b.sees("Password", "at least 8")
	create(password, password)
	b.sees("Three steps until your first people are in step.")
	b.keep("first-steps")

	b.click("button", "Account of Ann Bell")
	b.click("menuitem", "Sign out") // on the page that signing out leads to: what was read is gone all the same
	b.sees("Sign in")
	b.leaves("Three steps")
	b.open(w.link)
	b.sees("There is an administrator already")
}

// upload chooses a file, as the file dialog would.
func (b *browser) upload(name, text string) {
	b.t.Helper()
	b.until("the file is chosen", `(() => {
		const input = document.querySelector('[role=dialog] input[type=file]');
		if (!input) return false;
		const files = new DataTransfer();
		files.items.add(new File([`+js(text)+`], `+js(name)+`, { type: 'text/csv' }));
		input.files = files.files;
		input.dispatchEvent(new Event('change', { bubbles: true }));
		return true;
	})()`)
}

// TestImport: a file is previewed before anything is changed; what is refused is said with its line.
func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	b := w.administrator()
	b.open("/directory/users")
	b.sees("The directory is empty")
	b.click("button", "Import")
	b.upload("people.csv", people+"gus,no address,Gus,Holt,,,Employee,true\n")
	b.click("button", "Preview")
	b.sees("Nothing is changed yet.", "Created 6", "Refused 1", "8 email: This is not an e-mail address.")
	b.keep("import-preview")
	b.click("button", "Cancel")
	b.leaves("Nothing is changed yet.")
	b.sees("The directory is empty")

	b.click("button", "Import")
	b.upload("people.csv", people)
	b.click("button", "Preview")
	b.sees("Created 6", "Refused 0")
	b.click("button", "Import 6 rows")
	b.sees("6 created, 0 updated.")
	b.click("button", "Close")
	b.sees("6 users", "Anna Bell", "Emil Frost")

	// The same file again has nothing to do; one without a username says what is wrong.
	b.click("button", "Import")
	b.upload("people.csv", people)
	b.click("button", "Preview")
	b.sees("Unchanged 6", "Created 0")
	if able, err := eval[bool](b, `e2e.find('button', 'Import 0 rows').disabled`); err != nil || !able {
		t.Errorf("an import of nothing can be started (%v)", err)
	}
	b.click("button", "Choose another file")
	b.upload("rubbish.csv", "what,is\nthis,\n")
	b.click("button", "Preview")
	b.sees("The file cannot be imported", "username")
	b.keep("import-refused")
}

// TestReadOnly: who may only read sees everything but administrators and clients, and nothing with which to change it.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	pages := w.tour(b)
	b.open("/settings/administrators")
	b.click("button", "Add administrator")
	b.fill("Username", "rita")
	b.fill("Password", "nothing but reading")
	b.choose("Role", "Read Only")
	b.click("button", "Save")
	b.sees("rita", "Read Only")

	reader := newBrowser(t, w.server)
	reader.open("/")
	reader.signIn("rita", "nothing but reading")
	// What looks is allowed: searches, filters, copies, the preview.
	writes := []string{"Add", "Edit", "Delete", "Unlink", "Import", "New", "Save", "Discard", "Test", "More actions", "Provision now", "Full Resync", "Retry", "Enable", "Restore", "Continue", "Replace"}
	for _, page := range pages {
		name, path := page[0], page[1]
		if slices.Contains([]string{"profile", "missing", "new-connection", "new-rule", "rule-setup", "rule-setup-groups", "administrators", "clients", "about"}, name) {
			continue // for everybody, or for nobody who may only read
		}
		reader.open(path)
		reader.until("the page "+name+" is there", `document.querySelector('h1') !== null`)
		reader.quiet()
		for _, role := range []string{"button", "link", "switch"} {
			names, err := eval[[]string](reader, "e2e.names("+js(role)+")")
			must(t, err)
			for _, control := range names {
				if role == "switch" || slices.ContainsFunc(writes, func(w string) bool { return control == w || strings.HasPrefix(control, w+" ") }) {
					t.Errorf("%s has the %s %q", name, role, control)
				}
			}
		}
	}
	for _, path := range []string{"/settings/administrators", "/settings/clients"} {
		reader.open(path)
		reader.sees("Settings", "About")
		reader.quiet()
		reader.leaves("Add administrator", "Add API client")
	}
	// Addresses of pages that only write say so.
	for _, path := range []string{"/integrations/provisioning/connections/new", "/integrations/provisioning/rules/new"} {
		reader.open(path)
		reader.sees("Your role does not allow this")
	}
}
