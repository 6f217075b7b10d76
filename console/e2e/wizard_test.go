package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// footer: on a telephone, back and on share a line and are as wide as each other; what leaves the wizard stands below them.
func (b *browser) footer(name, back, next, leave string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(390, 844))
	b.quiet()
	b.fits(name)
	ok, err := eval[bool](b, `(() => {
		const box = (name) => [...document.querySelectorAll('.wizard-footer button, .wizard-footer a')].find((e) => e.innerText.trim() === name)?.getBoundingClientRect();
		const [back, next, leave] = [`+js(back, next, leave)+`].map(box);
		document.querySelector('.wizard-footer').scrollIntoView({ block: 'end' });
		return next && leave && leave.top >= next.bottom && leave.width > 300 && next.height < 44 && (!back || back.top === next.top && Math.abs(back.width - next.width) < 30 && back.right < next.left);
	})()`)
	if err != nil || !ok {
		b.t.Errorf("the buttons of %s stand badly (%v)", name, err)
	}
	b.keep("wizard-" + name + "-390")
	b.do(chromedp.EmulateViewport(1440, 900))
}

// TestWizards: the buttons of both wizards, on a telephone.
func TestWizards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	b.toAuthentication("Acme Slack")
	b.authenticate(w, token)
	b.footer("authentication", "Back", "Next", "Cancel")
	b.click("button", "Test connection")
	b.sees("Connection Successful")
	b.click("button", "Next")
	b.sees("Configure Preferences and Actions")
	b.footer("preferences", "Back", "Save", "Cancel")
	b.click("button", "Save")
	b.sees("It is off until you switch it on.")
	b.click("switch", "Connection switched on")
	b.sees("The connection is on.")
	b.click("link", "New rule")
	b.sees("Source and target cannot be changed later.")
	b.footer("create", "", "Create rule", "Cancel")
	b.newRule("Staff to Slack")
	b.click("radio", "Everybody")
	b.sees("people match") // what comes moves the buttons
	b.footer("filter", "", "Next", "Finish later")
	b.click("button", "Next")
	b.sees("Attribute mapping")
	b.footer("mapping", "Back", "Next", "Finish later")
	b.click("link", "Next")
	b.sees("Which groups go to Acme Slack?")
	b.footer("groups", "Back", "Next", "Finish later")
	b.click("button", "Next")
	b.counts(map[string]int{"Created": 5})
	b.footer("preview", "Back", "Enable rule", "Finish later")
}
