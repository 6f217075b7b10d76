package emulate

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/grant"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/store"
)

const (
	clientID     = "12345.67890"
	clientSecret = "example_client_secret"
	redirect     = "https://lockstep.example.com/console/oauth/slack"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if out, err := exec.Command("sh", "install.sh").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "emulate cannot be installed; it needs Node 20 and npm: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// slack starts emulate and answers its address.
func slack(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(free.Addr().String())
	must(t, err)
	must(t, free.Close())
	c := exec.Command("node", "start.mjs", port, clientID, clientSecret, redirect)
	out, err := c.StdoutPipe()
	must(t, err)
	c.Stderr = os.Stderr
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		must(t, err)
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on "); ok {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return address
		}
	}
}

type anyLanguage struct{}

func (anyLanguage) Language(context.Context, string) (provision.Language, error) { return nil, nil } //nolint:nilnil // there are no rules here

// service is the real one over a real store.
func service(t *testing.T) (*grant.Service, *provision.Service, string) {
	t.Helper()
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	env, err := directory.NewService(db, directory.Options{}).Setup(t.Context(), "Test")
	must(t, err)
	catalogue := all.NewCatalogue()
	provisions := provision.NewService(db, provision.Deps{Catalogue: catalogue, Checker: anyLanguage{}})
	return grant.New(grant.Config{
		Store: db, Provision: provisions, Catalogue: catalogue, Types: all.Types(), Client: outbound.Client(true, 10*time.Second), AnyServer: true,
	}), provisions, env.ID
}

// consent does what somebody does on emulate's page: it picks the user.
func consent(t *testing.T, page string) provision.ConsentAnswer {
	t.Helper()
	response, err := http.Get(page)
	must(t, err)
	raw, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	must(t, err)
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="([a-z_]+)" value="([^"]*)"`).FindAllStringSubmatch(string(raw), -1) {
		form.Set(field[1], strings.ReplaceAll(field[2], "&amp;", "&"))
	}
	if response.StatusCode != http.StatusOK || form.Get("user_scope") != "admin" {
		t.Fatalf("%d\n%s", response.StatusCode, raw)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	u, err := url.Parse(page)
	must(t, err)
	response, err = c.PostForm("http://"+u.Host+"/oauth/v2/authorize/callback", form)
	must(t, err)
	_ = response.Body.Close()
	back, err := response.Location()
	must(t, err)
	if !strings.HasPrefix(back.String(), redirect+"?") {
		t.Fatalf("it leads back to %s", back)
	}
	return provision.ConsentAnswer{State: back.Query().Get("state"), Code: back.Query().Get("code")}
}

// TestConsent: page, code, HTTP Basic, authed_user's token and auth.test, as somebody else understands Slack's documentation.
func TestConsent(t *testing.T) {
	at := slack(t)
	grants, provisions, env := service(t)
	ask := provision.ConsentRequest{
		Type: "Slack", Settings: map[string]any{"BASE_URL": at + "/scim/v2/"}, ClientID: clientID, ClientSecret: secret.New(clientSecret), RedirectURL: redirect,
	}
	begin := func(r provision.ConsentRequest) provision.ConsentAnswer {
		_, page, err := grants.Begin(t.Context(), env, "ann", r)
		must(t, err)
		return consent(t, page)
	}
	answer := begin(ask)
	a, err := grants.Complete(t.Context(), env, "ann", answer)
	must(t, err)
	g := a.Tokens.Grant
	if !strings.HasPrefix(a.Tokens.Access.Reveal(), "xoxp-") || g.Workspace.Name != "Emulated" || g.Workspace.ID == "" || g.Owner != "grace" || g.Scopes[0] != "admin" {
		t.Errorf("%+v", g) // a bot's token stands at the top of the same answer, and is not the one
	}
	c, err := grants.Create(t.Context(), env, "ann", a.ID, provision.Connection{Name: "Emulated", Type: "Slack"}, map[string]any{"BASE_URL": at + "/scim/v2/"})
	must(t, err)
	if _, err := grants.Complete(t.Context(), env, "ann", answer); err == nil || !strings.Contains(err.Error(), "answered already") {
		t.Errorf("replayed: %v", err)
	}

	// Another consent of the same workspace takes over at once.
	again := ask
	again.ConnectionID = c.ID
	b, err := grants.Complete(t.Context(), env, "ann", begin(again))
	must(t, err)
	now, err := provisions.Connection(t.Context(), env, c.ID)
	must(t, err)
	if b.Differs || now.Secrets["OAUTH_ACCESS_TOKEN"].Reveal() != b.Tokens.Access.Reveal() {
		t.Errorf("%+v", b)
	}

	// What it refuses. A wrong secret is, at emulate, a client that it does not know.
	wrong := ask
	wrong.ClientSecret = secret.New("wrong")
	if _, err := grants.Complete(t.Context(), env, "ann", begin(wrong)); err == nil || !strings.Contains(err.Error(), "Client ID and Client Secret") {
		t.Errorf("a wrong secret: %v", err)
	}
	made := begin(ask)
	made.Code = "made-up"
	if _, err := grants.Complete(t.Context(), env, "ann", made); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("a made-up code: %v", err)
	}
	// A redirect URL that the app does not have is refused on the page itself.
	elsewhere := ask
	elsewhere.RedirectURL = "https://elsewhere.example.com/"
	_, page, err := grants.Begin(t.Context(), env, "ann", elsewhere)
	must(t, err)
	response, err := http.Get(page)
	must(t, err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("another redirect URL: %d", response.StatusCode)
	}
}
