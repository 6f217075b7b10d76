package grant_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/grant"
	"lockstep/internal/outbound"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

const redirect = "http://127.0.0.1:1/console/oauth/slack"

// world is a service over a real store, and workspaces on the same clock.
type world struct {
	*grant.Service
	t          *testing.T
	provisions *provision.Service
	env        string
	db         *store.DB
	file       string
	log        bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

type anyLanguage struct{}

func (anyLanguage) Language(context.Context, string) (provision.Language, error) { return nil, nil } //nolint:nilnil // there are no rules here

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	w.file = filepath.Join(dir, "lockstep.db")
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	db, err := store.Open(t.Context(), store.Options{Path: w.file, Ring: ring})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	env, err := directory.NewService(db, directory.Options{}).Setup(t.Context(), "Test")
	must(t, err)
	w.env, w.db = env.ID, db
	catalogue := all.NewCatalogue()
	w.provisions = provision.NewService(db, provision.Deps{Catalogue: catalogue, Checker: anyLanguage{}, Now: w.clock})
	w.Service = grant.New(grant.Config{
		Store: db, Provision: w.provisions, Catalogue: catalogue, Types: all.Types(), Client: outbound.Client(true, 5*time.Second), AnyServer: true, Now: w.clock,
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// workspace starts a simulated workspace on the same clock.
func (w *world) workspace(o sandbox.Options) (*sandbox.Workspace, string) {
	o.Now, o.TimeScale = w.clock, -1
	s := sandbox.New(o)
	server := httptest.NewServer(s)
	w.t.Cleanup(server.Close)
	return s, server.URL
}

var rotating = []sandbox.App{{ClientID: sandbox.BuiltInClientID, ClientSecret: sandbox.BuiltInClientSecret, Loopback: true, Rotation: true}}

func request(server, connection string) provision.ConsentRequest {
	return provision.ConsentRequest{
		Type: "Slack", ConnectionID: connection, Settings: map[string]any{"BASE_URL": server + "/scim/v2/"}, RedirectURL: redirect,
		ClientID: sandbox.BuiltInClientID, ClientSecret: secret.New(sandbox.BuiltInClientSecret),
	}
}

// press presses a button on the page of consent.
func press(t *testing.T, page, button string) provision.ConsentAnswer {
	t.Helper()
	u, err := url.Parse(page)
	must(t, err)
	form := u.Query()
	maps.Copy(form, url.Values{"decision": {button}})
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := c.PostForm(u.Scheme+"://"+u.Host+u.Path, form)
	must(t, err)
	_ = response.Body.Close()
	back, err := response.Location()
	must(t, err)
	q := back.Query()
	return provision.ConsentAnswer{State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error")}
}

// obtain goes all the way.
func (w *world) obtain(r provision.ConsentRequest) provision.Authorization {
	w.t.Helper()
	_, page, err := w.Begin(w.t.Context(), w.env, "ann", r)
	must(w.t, err)
	a, err := w.Complete(w.t.Context(), w.env, "ann", press(w.t, page, "allow"))
	must(w.t, err)
	return a
}

func (w *world) connection(id string) provision.Connection {
	w.t.Helper()
	c, err := w.provisions.Connection(w.t.Context(), w.env, id)
	must(w.t, err)
	return c
}

// create makes a connection by consent.
func (w *world) create(name, server string) provision.Connection {
	w.t.Helper()
	a := w.obtain(request(server, ""))
	c, err := w.Create(w.t.Context(), w.env, "ann", a.ID, provision.Connection{Name: name, Type: "Slack", Status: provision.Active}, map[string]any{"BASE_URL": server + "/scim/v2/"})
	must(w.t, err)
	return c
}

// TestNewConnection: consent, and the token waits for its connection; it is nowhere to be read.
func TestNewConnection(t *testing.T) {
	w := newWorld(t)
	_, server := w.workspace(sandbox.Options{})
	a := w.obtain(request(server, ""))
	if a.Tokens.Grant.Workspace.Name != "Lockstep Sandbox" || a.Tokens.Grant.Owner != "owner" || a.Differs {
		t.Errorf("%+v", a)
	}
	body := map[string]any{"BASE_URL": server + "/scim/v2/"}
	if _, err := w.Create(t.Context(), w.env, "ben", a.ID, provision.Connection{Name: "S", Type: "Slack"}, body); !problem.Is(err, problem.NotFound) {
		t.Errorf("somebody else takes it: %v", err)
	}
	if _, err := w.Create(t.Context(), w.env, "ann", a.ID, provision.Connection{Name: "S", Type: "Slack"}, nil); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("for another server: %v", err)
	}
	c, err := w.Create(t.Context(), w.env, "ann", a.ID, provision.Connection{Name: "S", Type: "Slack"}, body)
	if err != nil || c.Grant.Workspace.ID != "T00000001" || !strings.HasPrefix(c.Secrets["OAUTH_ACCESS_TOKEN"].Reveal(), "xoxp-") {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := w.Create(t.Context(), w.env, "ann", a.ID, provision.Connection{Name: "T", Type: "Slack"}, body); !problem.Is(err, problem.NotFound) {
		t.Errorf("it was taken over before: %v", err)
	}
	token := c.Secrets["OAUTH_ACCESS_TOKEN"].Reveal()
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(w.file + suffix)
		must(t, err)
		if bytes.Contains(raw, []byte(token)) || bytes.Contains(raw, []byte(sandbox.BuiltInClientSecret)) {
			t.Error("a secret is in the database as it is")
		}
	}
	if strings.Contains(fmt.Sprintf("%+v %#v", a, c), token) {
		t.Error("a secret can be printed")
	}
}

// TestOneConnectionTakesIt: a token is for one connection, however many ask at once. Two would spend the same refresh token, and one of them
// would lose its access.
func TestOneConnectionTakesIt(t *testing.T) {
	w := newWorld(t)
	_, server := w.workspace(sandbox.Options{Apps: rotating})
	body := map[string]any{"BASE_URL": server + "/scim/v2/"}
	for round := range 8 {
		a := w.obtain(request(server, ""))
		if _, err := w.Create(t.Context(), w.env, "ann", a.ID, provision.Connection{Type: "Slack"}, body); !problem.Is(err, problem.InvalidData) {
			t.Fatalf("without a name: %v", err)
		}
		var all sync.WaitGroup
		var made atomic.Int64
		start := make(chan struct{})
		for n := range 4 {
			all.Go(func() {
				<-start
				_, err := w.Create(t.Context(), w.env, "ann", a.ID, provision.Connection{Name: fmt.Sprintf("S%d-%d", round, n), Type: "Slack"}, body)
				if err == nil {
					made.Add(1)
				} else if !problem.Is(err, problem.NotFound) {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		if made.Load() != 1 {
			t.Fatalf("%d connections have the same token", made.Load())
		}
	}
}

// TestRefusals: whatever goes wrong is a sentence with a next step, and leaves nothing behind.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	workspace, server := w.workspace(sandbox.Options{Apps: []sandbox.App{{ClientID: "narrow", ClientSecret: "x", Loopback: true, Scopes: []string{"identify"}}}})
	begin := func(r provision.ConsentRequest) string {
		_, page, err := w.Begin(t.Context(), w.env, "ann", r)
		must(t, err)
		return page
	}
	ask := func(who string, a provision.ConsentAnswer) error {
		got, err := w.Complete(t.Context(), w.env, who, a)
		if err == nil {
			t.Errorf("%+v", got)
		}
		return err
	}
	good := request(server, "")
	wrong := good
	wrong.ClientSecret = secret.New("marker-wrong")
	narrow := good
	narrow.ClientID, narrow.ClientSecret = "narrow", secret.New("x")
	used := press(t, begin(good), "allow")
	_, err := w.Complete(t.Context(), w.env, "ann", used)
	must(t, err)
	late := press(t, begin(good), "allow")
	w.pass(10 * time.Minute)
	inactive := press(t, begin(good), "allow")
	for name, c := range map[string]struct {
		who    string
		answer provision.ConsentAnswer
		says   []string
	}{
		"denied":             {"ann", press(t, begin(good), "deny"), []string{"consent was denied", "Get token again"}},
		"wrong secret":       {"ann", press(t, begin(wrong), "allow"), []string{"Client Secret is wrong", "Basic Information"}},
		"another session":    {"ben", press(t, begin(good), "allow"), []string{"begun by somebody else", "Get token again"}},
		"answered before":    {"ann", used, []string{"answered already", "Get token again"}},
		"too late":           {"ann", late, []string{"older than ten minutes", "Get token again"}},
		"no state":           {"ann", provision.ConsentAnswer{Code: "x"}, []string{"no answer to a consent", "Get token again"}},
		"made-up state":      {"ann", provision.ConsentAnswer{State: "x", Code: "x"}, []string{"answered already", "Get token again"}},
		"made-up code":       {"ann", provision.ConsentAnswer{State: press(t, begin(good), "allow").State, Code: "x"}, []string{"the code was used already", "Get token again"}},
		"neither code":       {"ann", provision.ConsentAnswer{State: press(t, begin(good), "deny").State}, []string{"Slack refuses"}},
		"scope is not given": {"ann", press(t, begin(narrow), "allow"), []string{"lacks the scope admin", "User Token Scopes"}},
	} {
		err := ask(c.who, c.answer)
		for _, text := range c.says {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	workspace.SetAccount(sandbox.Owner, false)
	if err := ask("ann", inactive); err == nil || !strings.Contains(err.Error(), "owner is deactivated") {
		t.Errorf("deactivated meanwhile: %v", err)
	}
	for target, r := range map[string]provision.ConsentRequest{
		"clientId": {Type: "Slack", ClientSecret: secret.New("x")}, "clientSecret": {Type: "Slack", ClientID: "x"}, "type": {Type: "directory", ClientID: "x", ClientSecret: secret.New("x")},
	} {
		if _, _, err := w.Begin(t.Context(), w.env, "ann", r); err == nil || !strings.Contains(err.Error(), target) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// TestTwoSlots: a new token takes over for the same workspace only, unless another one is confirmed.
func TestTwoSlots(t *testing.T) {
	w := newWorld(t)
	_, server := w.workspace(sandbox.Options{Token: "xoxp-pasted"})
	c := w.create("Acme", server)
	first := c.Secrets["OAUTH_ACCESS_TOKEN"].Reveal()
	w.obtain(request(server, c.ID))
	if now := w.connection(c.ID); now.Secrets["OAUTH_ACCESS_TOKEN"].Reveal() == first || now.Grant.Workspace.ID != "T00000001" {
		t.Errorf("the same workspace: %+v", now)
	}
	// The address leads to another workspace all at once.
	other := httptest.NewServer(sandbox.New(sandbox.Options{Token: "xoxp-other", TeamID: "T00000002", TeamName: "Other", TimeScale: -1, Now: w.clock}))
	t.Cleanup(other.Close)
	body := func(token string) map[string]any {
		return map[string]any{"BASE_URL": other.URL + "/scim/v2/", "OAUTH_ACCESS_TOKEN": token}
	}
	edited := provision.Connection{Name: "Acme", Type: "Slack"}
	_, err := w.Update(t.Context(), w.env, c.ID, edited, body("xoxp-other"), false)
	if err == nil || !strings.Contains(err.Error(), "the token is for Other, and this connection provisions Lockstep Sandbox") {
		t.Errorf("a pasted token of another workspace: %v", err)
	}
	now, err := w.Update(t.Context(), w.env, c.ID, edited, body("xoxp-other"), true)
	if err != nil || now.Grant.Workspace.ID != "T00000002" {
		t.Errorf("confirmed: %+v %v", now.Grant, err)
	}
	// And back by consent.
	now, err = w.Update(t.Context(), w.env, c.ID, edited, map[string]any{"BASE_URL": server + "/scim/v2/", "OAUTH_ACCESS_TOKEN": "xoxp-unknown"}, false)
	if err != nil || now.Grant.Workspace.ID != "T00000002" {
		t.Errorf("nobody can say whose it is, so that the test before the first write compares: %+v %v", now.Grant, err)
	}
	a := w.obtain(request(server, c.ID))
	if !a.Differs || a.Known.ID != "T00000002" || w.connection(c.ID).Secrets["OAUTH_ACCESS_TOKEN"].Reveal() != "xoxp-unknown" {
		t.Errorf("%+v", a)
	}
	if _, err := w.Confirm(t.Context(), w.env, "ben", a.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("somebody else confirms: %v", err)
	}
	_, err = w.Confirm(t.Context(), w.env, "ann", a.ID)
	must(t, err)
	if now := w.connection(c.ID); now.Grant.Workspace.ID != "T00000001" {
		t.Errorf("%+v", now.Grant)
	}
	forgotten := w.obtain(request(server, ""))
	must(t, w.Renew(t.Context()))
	if _, err := w.db.Authorization(t.Context(), w.env, forgotten.ID); err != nil {
		t.Errorf("it waits for an hour: %v", err)
	}
	w.pass(time.Hour)
	must(t, w.Renew(t.Context()))
	if _, err := w.db.Authorization(t.Context(), w.env, forgotten.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("a token that nobody took is kept: %v", err)
	}
	a = w.obtain(request(server, ""))
	must(t, w.Abandon(t.Context(), w.env, "ann", a.ID))
	if _, err := w.Authorization(t.Context(), w.env, "ann", a.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("abandoned: %v", err)
	}
}

// TestServerChanges: the saved token is sent to no other server than it was given for.
func TestServerChanges(t *testing.T) {
	w := newWorld(t)
	_, server := w.workspace(sandbox.Options{Token: "xoxp-pasted"})
	c, err := w.provisions.CreateConnection(t.Context(), w.env, provision.Connection{Name: "Acme", Type: "Slack"}, map[string]any{"OAUTH_ACCESS_TOKEN": "xoxp-pasted", "BASE_URL": server + "/scim/v2/"})
	must(t, err)
	edited := provision.Connection{Name: "Acme", Type: "Slack"}
	for _, address := range []string{"", "https://elsewhere.example.com/scim/v2/", strings.Replace(server, "http:", "https:", 1) + "/scim/v2/"} {
		_, err := w.Update(t.Context(), w.env, c.ID, edited, map[string]any{"BASE_URL": address}, true)
		if !problem.Is(err, problem.InvalidData) || !strings.Contains(err.Error(), "enter the token for it") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := w.Update(t.Context(), w.env, c.ID, edited, map[string]any{"BASE_URL": server + "/other/scim/v2/"}, false); err != nil {
		t.Errorf("the same server: %v", err)
	}
	_, err = w.Update(t.Context(), w.env, c.ID, edited, map[string]any{"SCIM_URL": "https://elsewhere.example.com/scim/v2/", "BEARER_TOKEN": "xoxp-pasted"}, true)
	must(t, err) // it was entered again, by whoever knows it
	if got := w.connection(c.ID).Grant.Origin; got != "https://elsewhere.example.com:443" {
		t.Error(got)
	}
}

// TestRefreshStaysWhereItIsFor: the same token, entered again for another server, takes along neither the refresh token nor the Client
// Secret, which nobody entered.
func TestRefreshStaysWhereItIsFor(t *testing.T) {
	w := newWorld(t)
	_, server := w.workspace(sandbox.Options{Apps: rotating})
	c := w.create("Acme", server)
	asked := ""
	thief := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if strings.HasSuffix(r.URL.Path, "oauth.v2.access") {
			asked += r.PostForm.Encode()
		}
		http.NotFound(rw, r)
	}))
	t.Cleanup(thief.Close)
	_, err := w.Update(t.Context(), w.env, c.ID, provision.Connection{Name: "Acme", Type: "Slack"}, map[string]any{"BASE_URL": thief.URL + "/scim/v2/", "OAUTH_ACCESS_TOKEN": token(c)}, true)
	must(t, err)
	now := w.connection(c.ID)
	if len(now.Secrets) != 1 || now.Grant.ClientID != "" {
		t.Errorf("%+v", now)
	}
	w.pass(7 * time.Hour)
	must(t, w.Renew(t.Context()))
	if _, err := w.RenewNow(t.Context(), w.env, c.ID); !problem.Is(err, problem.Conflict) {
		t.Errorf("there is nothing to refresh it with: %v", err)
	}
	again := request(server, c.ID)
	again.ClientID, again.ClientSecret = "", secret.Text{}
	if _, _, err := w.Begin(t.Context(), w.env, "ann", again); err == nil {
		t.Error("the secret of the app would go to another server")
	}
	if asked != "" {
		t.Errorf("another server was given %s", asked)
	}
}

// TestLearn: the workspace of a pasted token is asked for once it works.
func TestLearn(t *testing.T) {
	w := newWorld(t)
	_, server := w.workspace(sandbox.Options{Token: "xoxp-pasted"})
	c, err := w.provisions.CreateConnection(t.Context(), w.env, provision.Connection{Name: "Acme", Type: "Slack", Status: provision.Active}, map[string]any{"OAUTH_ACCESS_TOKEN": "xoxp-pasted", "BASE_URL": server + "/scim/v2/"})
	must(t, err)
	must(t, w.Renew(t.Context()))
	if g := w.connection(c.ID).Grant; g.Workspace.ID != "T00000001" || g.Owner != "owner" {
		t.Errorf("%+v", g)
	}
}
