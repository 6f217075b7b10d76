package e2e_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed driver.js
var driver string

// patience is how long a page may take to show something. Pages are quick; the machine may be busy.
const patience = 15 * time.Second

// browser is a tab of its own, with cookies of its own.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu     sync.Mutex
	errors []string // of the pages
}

// chromium is where the browser is: PATH, or what CHROMIUM says.
func chromium() (string, error) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no Chromium: run make setup, or say in CHROMIUM where it is")
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	path, err := chromium()
	must(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("lang", "en-GB"), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("force-prefers-reduced-motion", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() { cancel(); stop() })
	must(t, chromedp.Do(ctx)) // the browser lives as long as the context that it starts with
	b := &browser{t: t, ctx: ctx, base: base}
	b.listen()
	b.do(chromedp.EmulateViewport(1440, 900))
	return b
}

// listen notes what goes wrong inside of pages: exceptions, refusals by the content security policy, whatever is logged as an error.
// A request that the server refuses is no mistake of the page.
func (b *browser) listen() {
	messages := chromedp.Console(b.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if (m.IsException() || m.Type == chromedp.ConsoleError) && m.Source != "network" {
				b.mu.Lock()
				b.errors = append(b.errors, m.String())
				b.mu.Unlock()
			}
		}
	}()
	b.t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, text := range b.errors {
			b.t.Errorf("inside of a page: %s", text)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.state())
	}
}

// eval answers the value of an expression, with the driver in the page.
func eval[T any](b *browser, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](driver+";\n"+expression, chromedp.EvalAwaitPromise))
}

func (b *browser) state() string {
	text, _ := eval[string](b, `location.pathname + "\n" + e2e.text()`)
	if dir := os.Getenv("LOCKSTEP_SCREENSHOTS"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "failed-"+strings.ReplaceAll(b.t.Name(), "/", "-")+".png"), b.picture(), 0o600)
	}
	if len(text) > 3000 {
		text = text[:3000] + " …"
	}
	return "the page shows:\n" + text
}

// until waits for a condition of the page: an expression that is true.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	b.poll(what, func() bool {
		ok, err := eval[bool](b, expression)
		return err == nil && ok
	})
}

func (b *browser) poll(what string, done func() bool) {
	b.t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			b.t.Fatalf("never: %s\n%s", what, b.state())
		}
	}
}

func js(values ...string) string {
	out := make([]string, len(values))
	for i, v := range values {
		raw, _ := json.Marshal(v)
		out[i] = string(raw)
	}
	return strings.Join(out, ",")
}

// api asks the server as the page does, and answers the id of what was made, if it has one.
func (b *browser) api(method, path, body string) string {
	b.t.Helper()
	id, err := eval[string](b, `(async () => {
		const env = (await (await fetch('/v1/session')).json()).environment.id;
		const r = await fetch('/v1/environments/' + env + `+js(path)+`, { method: `+js(method)+`, headers: { 'Content-Type': 'application/json' }, body: `+js(body)+` || undefined });
		if (!r.ok) throw new Error(r.status + ' ' + await r.text());
		return r.status === 204 ? '' : ((await r.json()).id ?? '');
	})()`)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return id
}

// open goes to a page.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + "/console" + path))
}

type spot struct {
	X   float64 `json:"x"`
	Y   float64 `json:"y"`
	Why string  `json:"why"`
}

// click presses what has the role and the name, as soon as it is there, enabled, and in front.
func (b *browser) click(role, name string) {
	b.t.Helper()
	var last spot
	deadline := time.After(patience)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		s, err := eval[spot](b, "e2e.spot("+js(role, name)+")")
		if err == nil && s.Why == "" {
			b.do(chromedp.MouseClickXY(s.X, s.Y))
			return
		}
		if last = s; err != nil {
			last.Why = err.Error()
		}
		select {
		case <-ticker.C:
		case <-deadline:
			names, _ := eval[[]string](b, "e2e.names("+js(role)+")")
			b.t.Fatalf("the %s %q cannot be clicked: %s\nthere are: %q\n%s", role, name, last.Why, names, b.state())
		}
	}
}

// fill types into the field with that label, instead of what stands there.
func (b *browser) fill(label, text string) {
	b.t.Helper()
	b.click("textbox", label)
	b.until("the field "+label+" has the focus", "e2e.focused() === "+js(label)+" || e2e.focused().startsWith("+js(label+" ")+")")
	b.selectAll()
	if text == "" {
		b.press(kb.Delete)
		return
	}
	b.insert(text)
}

// insert types a text where the focus is.
func (b *browser) insert(text string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

func (b *browser) selectAll() {
	b.t.Helper()
	b.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// choose takes an option of the select with that label.
func (b *browser) choose(label, option string) {
	b.t.Helper()
	b.click("textbox", label)
	b.click("option", option)
}

// press sends keys to whatever has the focus.
func (b *browser) press(keys string) {
	b.t.Helper()
	if keys != kb.Enter {
		b.do(chromedp.KeyEvent(keys))
		return
	}
	// As one event with its text, as a keyboard gives it: sent in two, a form is submitted although the page said that it must not be.
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		key := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", UnmodifiedText: "\r", WindowsVirtualKeyCode: 13, NativeVirtualKeyCode: 13}
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
			return err
		}
		key.Type, key.Text, key.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key)
		return err
	}))
}

// sees waits until the page shows each of the texts, in the dialog in front if there is one.
func (b *browser) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("the page shows %q", text), "e2e.text().toLowerCase().includes("+js(strings.ToLower(text))+")")
	}
}

// leaves waits until none of the texts is shown.
func (b *browser) leaves(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("the page does not show %q", text), "!e2e.page().toLowerCase().includes("+js(strings.ToLower(text))+")")
	}
}

// quiet waits until everything asked for has come.
func (b *browser) quiet() {
	b.t.Helper()
	b.until("the page is loaded", `document.readyState === 'complete' && !document.querySelector('[aria-label="Loading"], [aria-label="Counting"]') && document.fonts.status === 'loaded'`)
}

func (b *browser) scheme(dark bool) {
	b.t.Helper()
	value := map[bool]string{true: "dark", false: "light"}[dark]
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
		return err
	}))
	b.until("the colours are "+value, "document.documentElement.dataset.mantineColorScheme === "+js(value))
}

func (b *browser) picture() []byte {
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	raw, _ := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	return raw
}

// keep leaves a picture of the page for people to look at.
func (b *browser) keep(name string) {
	b.t.Helper()
	if dir := os.Getenv("LOCKSTEP_SCREENSHOTS"); dir != "" {
		must(b.t, os.MkdirAll(dir, 0o750))
		must(b.t, os.WriteFile(filepath.Join(dir, name+".png"), b.picture(), 0o600))
	}
}
