package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	username = "ann"
	password = "a sentence nobody guesses"
	token    = "xoxp-good"
)

var program string // the built lockstep

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if _, err := os.Stat("../dist/app/index.html"); err != nil {
		fmt.Fprintln(os.Stderr, "The console is not built, so it cannot be tested: run make console.")
		return 1
	}
	dir, err := os.MkdirTemp("", "lockstep-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "lockstep")
	if out, err := exec.Command("go", "build", "-o", program, "lockstep/cmd/lockstep").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// world is a server and a workspace that run.
type world struct {
	t      *testing.T
	data   string
	server string
	slack  string
	link   string // of the first administrator
	flags  []string
	stop   func() // ends the server
	last   func() // ends what was started last
}

// newWorld starts both, the server with these flags; people go into the directory first.
func newWorld(t *testing.T, people string, flags ...string) *world {
	t.Helper()
	w := &world{t: t, data: filepath.Join(t.TempDir(), "data"), flags: flags}
	w.slack = w.start("sandbox", "slack", "--listen=127.0.0.1:0", "--token="+token, "--time-scale=0")
	if people != "" {
		w.command("", "import", "--data="+w.data, w.file(people))
	}
	w.serve("127.0.0.1:0")
	return w
}

// serve starts the server.
func (w *world) serve(listen string) {
	w.t.Helper()
	w.server = w.start(append([]string{"serve", "--data=" + w.data, "--listen=" + listen, "--allow-private-targets"}, w.flags...)...)
	w.stop = w.last
}

// start runs the program until it listens; it ends with the test.
func (w *world) start(args ...string) string {
	w.t.Helper()
	c := exec.Command(program, args...)
	out, err := c.StdoutPipe()
	must(w.t, err)
	log, err := os.Create(filepath.Join(w.t.TempDir(), args[0]+".log"))
	must(w.t, err)
	c.Stderr = log
	must(w.t, c.Start())
	w.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait(); _ = log.Close() })
	w.last = func() { _ = c.Process.Signal(syscall.SIGTERM); _ = c.Wait() }
	line, err := bufio.NewReader(out).ReadString('\n')
	raw, _ := os.ReadFile(log.Name())
	if err != nil {
		w.t.Fatalf("%v does not start: %v\n%s", args, err, raw)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if i := strings.Index(string(raw), "/console/setup#"); i >= 0 {
		w.link = strings.TrimPrefix(strings.TrimSpace(string(raw)[i:]), "/console")
	}
	return strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
}

// command runs the program to its end.
func (w *world) command(stdin string, args ...string) string {
	w.t.Helper()
	c := exec.Command(program, args...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// administrator makes one and answers a browser in which they are signed in.
func (w *world) administrator() *browser {
	w.t.Helper()
	w.command(password+"\n", "admin", "create", "--data="+w.data, "--username="+username, "--name=Ann Bell")
	b := newBrowser(w.t, w.server)
	b.open("/")
	b.signIn(username, password)
	return b
}

// signIn enters by the page that is open.
func (b *browser) signIn(username, password string) {
	b.t.Helper()
	b.fill("Username", username)
	b.fill("Password", password)
	b.click("button", "Sign in")
	b.sees("Overview")
}

type member struct {
	ID           string `json:"id"`
	UserName     string `json:"userName"`
	PrimaryEmail string `json:"primaryEmail"`
	GivenName    string `json:"givenName"`
	FamilyName   string `json:"familyName"`
	Title        string `json:"title"`
	Active       bool   `json:"active"`
}

// members is who is in the workspace, by e-mail address.
func (w *world) members() map[string]member {
	w.t.Helper()
	response, err := http.Get(w.slack + "/sandbox/members")
	must(w.t, err)
	defer func() { _ = response.Body.Close() }()
	var list []member
	must(w.t, json.NewDecoder(response.Body).Decode(&list))
	out := map[string]member{}
	for _, m := range list {
		out[m.PrimaryEmail] = m
	}
	return out
}

// until waits for the workspace to become so.
func (w *world) until(what string, done func(map[string]member) bool) {
	w.t.Helper()
	w.within(patience, what, done)
}

// within is until for what takes a time of its own: a halted connection is probed with growing gaps.
func (w *world) within(most time.Duration, what string, done func(map[string]member) bool) {
	w.t.Helper()
	deadline := time.After(most)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done(w.members()) {
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatalf("never: %s; the members are %+v", what, w.members())
		}
	}
}

type slackGroup struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

// file writes a file and answers where it is.
func (w *world) file(text string) string {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "file.csv")
	must(w.t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// groups is who is in which group of the workspace: e-mail addresses, sorted, by the group's name.
func (w *world) groups() map[string]string {
	w.t.Helper()
	get := func(path string, into any) {
		response, err := http.Get(w.slack + path)
		must(w.t, err)
		defer func() { _ = response.Body.Close() }()
		must(w.t, json.NewDecoder(response.Body).Decode(into))
	}
	var members []member
	var groups []slackGroup
	get("/sandbox/members", &members)
	get("/sandbox/groups", &groups)
	address := map[string]string{}
	for _, m := range members {
		address[m.ID] = m.PrimaryEmail
	}
	out := map[string]string{}
	for _, g := range groups {
		var list []string
		for _, id := range g.Members {
			list = append(list, address[id])
		}
		slices.Sort(list)
		out[g.Name] = strings.Join(list, " ")
	}
	return out
}

// untilGroup waits for a group of the workspace to have exactly these members.
func (w *world) untilGroup(name, members string) {
	w.t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		got := w.groups()
		if list, there := got[name]; there && list == members {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatalf("never: group %s has %q; the groups are %q", name, members, got)
		}
	}
}

// seed puts members into the workspace by hand.
func (w *world) seed(members string) {
	w.t.Helper()
	w.post("/sandbox/members", members)
}

// post sends something to the workspace's own controls.
func (w *world) post(path, body string) {
	w.t.Helper()
	response, err := http.Post(w.slack+path, "application/json", strings.NewReader(body))
	must(w.t, err)
	_ = response.Body.Close()
	if response.StatusCode >= 300 {
		w.t.Fatalf("%s: %s", path, response.Status)
	}
}
