package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lockstep/internal/postgrestest"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "lockstep" { // a command of a story
		os.Exit(run(os.Args[1:], stdio{os.Stdout, os.Stderr}))
	}
	testscript.Main(runner{m}, map[string]func(){"lockstep": func() { os.Exit(run(os.Args[1:], stdio{os.Stdout, os.Stderr})) }})
}

type runner struct{ m *testing.M }

func (r runner) Run() int { return postgrestest.Main(r.m) }

// TestStories runs the whole program: each file is a story. The commands beside testscript's own:
//
//	start NAME ARGS...        runs lockstep ARGS in the background until it listens; $NAME is its address
//	crash NAME / term NAME    SIGKILL, or SIGTERM and wait for exit 0
//	login                     makes a client for $server and signs in; $env is the environment
//	api METHOD PATH [BODY]    calls the API; prints status and body; $id is the answer's id
//	slack METHOD PATH [BODY]  calls the sandbox's own pages
//	connect TOKEN [SETTINGS]  plan, stores, rule for everybody, published; $store, $rule
//	settle STATE              waits until the rule is in the state
//	writes N                  the sandbox saw exactly N writes since the last time
//	members N PATTERN         N members match the pattern (of their JSON)
//	people N FILE             writes a file of N members of staff
//	groupid NAME VARIABLE     the id of a group of the directory
//	carry [overwriteExisting] NAME...  selects groups on the rule, and publishes
//	groups NAME USERNAMES     a group on the target has exactly these members
//	foreign NAME, foreigngroup NAME MEMBER  a member, a group, that nobody here knows
//	holdid                    $hold is the first hold of the store
//	tool ARGS...              lockstep ARGS on the story's database
//	held N                    waits until N operations of $rule are held
//	hold                      $hold is the open hold of $store, $object the first object in it
//	ask PATH                  reads the server without sign-in
//	scrape SERVER             reads the server's metrics
func TestStories(t *testing.T) {
	for _, name := range []string{"sqlite", "postgresql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir: "testdata/script", RequireExplicitExec: true,
				Setup: func(env *testscript.Env) error {
					w := &world{}
					if name == "postgresql" {
						w.flags = []string{"--database=" + postgrestest.URL(t)}
					}
					w.flags = append(w.flags, "--data="+filepath.Join(env.WorkDir, "data"))
					env.Values[worldKey{}] = w
					env.Defer(w.end)
					return nil
				},
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"start": start, "crash": crash, "term": terminate, "login": login, "api": callAPI, "slack": callSlack, "connect": connect,
					"settle": settle, "writes": writes, "members": members, "tool": tool, "people": people, "hold": hold, "held": held, "scrape": scrape, "ask": ask,
					"groupid": groupID, "carry": carry, "groups": groupMembers, "foreign": foreign, "foreigngroup": foreignGroup, "holdid": holdID,
				},
			})
		})
	}
}

type worldKey struct{}

// world is what a story has running.
type world struct {
	flags     []string
	processes map[string]*exec.Cmd
	token     string
	seen      int64
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) } //nolint:forcetypeassert // set above

func (w *world) end() {
	for _, p := range w.processes {
		_ = p.Process.Kill()
		_ = p.Wait()
	}
}

func start(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	if args[1] == "serve" {
		args = append(args, w.flags...)
	}
	self, err := os.Executable()
	ts.Check(err)
	link := filepath.Join(ts.Getenv("WORK"), "lockstep")
	_ = os.Symlink(self, link)
	c := exec.Command(link, args[1:]...)
	c.Dir = ts.Getenv("WORK")
	out, err := c.StdoutPipe()
	ts.Check(err)
	log, err := os.OpenFile(filepath.Join(ts.Getenv("WORK"), args[0]+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	c.Stderr = log
	ts.Check(c.Start())
	began := time.Now()
	if w.processes == nil {
		w.processes = map[string]*exec.Cmd{}
	}
	w.processes[args[0]] = c
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		raw, _ := os.ReadFile(log.Name())
		ts.Fatalf("%s does not start: %v\n%s", args[0], err, raw)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		ts.Fatalf("%s says %q", args[0], line)
	}
	ts.Setenv(args[0], address)
	ts.Logf("%s listens after %s", args[0], time.Since(began).Round(time.Millisecond))
}

func crash(ts *testscript.TestScript, _ bool, args []string) {
	p := worldOf(ts).processes[args[0]]
	ts.Check(p.Process.Kill())
	_ = p.Wait()
	delete(worldOf(ts).processes, args[0])
}

func terminate(ts *testscript.TestScript, _ bool, args []string) {
	p := worldOf(ts).processes[args[0]]
	ts.Check(p.Process.Signal(syscall.SIGTERM))
	delete(worldOf(ts).processes, args[0])
	if err := p.Wait(); err != nil {
		ts.Fatalf("%s does not end well: %v", args[0], err)
	}
}

// tool runs lockstep with the story's database.
func tool(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("lockstep", append(args, worldOf(ts).flags...)...)
	if (err != nil) != neg {
		ts.Fatalf("lockstep %s: %v", strings.Join(args, " "), err)
	}
}

func login(ts *testscript.TestScript, _ bool, _ []string) {
	w := worldOf(ts)
	ts.Check(ts.Exec("lockstep", append([]string{"client", "create", "--name", "story", "--json"}, w.flags...)...))
	var client struct {
		Env    string `json:"environment_id"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &client))
	ts.Setenv("env", client.Env)
	request, err := http.NewRequest(http.MethodPost, ts.Getenv("server")+"/"+client.Env+"/as/token", strings.NewReader("grant_type=client_credentials"))
	ts.Check(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(client.ID, client.Secret)
	var token struct {
		Access string `json:"access_token"`
	}
	ts.Check(json.Unmarshal(answer(ts, request), &token))
	w.token = token.Access
}

func answer(ts *testscript.TestScript, request *http.Request) []byte {
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	if response.StatusCode >= 300 {
		ts.Logf("%s %s: %d", request.Method, request.URL.Path, response.StatusCode)
	}
	_, _ = fmt.Fprintf(ts.Stdout(), "%d %s\n", response.StatusCode, body)
	return body
}

func request(ts *testscript.TestScript, method, path, body string) []byte {
	r, err := http.NewRequest(method, ts.Getenv("server")+"/v1/environments/"+ts.Getenv("env")+path, strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+worldOf(ts).token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return answer(ts, r)
}

func bodyOf(args []string) string {
	if len(args) > 2 {
		return args[2]
	}
	return ""
}

func callAPI(ts *testscript.TestScript, _ bool, args []string) {
	raw := request(ts, args[0], strings.ReplaceAll(args[1], " ", "%20"), bodyOf(args))
	var object struct {
		ID       string `json:"id"`
		Embedded struct {
			Users []struct {
				ID string `json:"id"`
			} `json:"users"`
		} `json:"_embedded"`
	}
	if json.Unmarshal(raw, &object) == nil && object.ID != "" {
		ts.Setenv("id", object.ID)
	}
	if len(object.Embedded.Users) > 0 {
		ts.Setenv("user", object.Embedded.Users[0].ID)
	}
}

// scrape reads the metrics of a server, whose log says where they are.
func scrape(ts *testscript.TestScript, _ bool, args []string) {
	log, err := os.ReadFile(filepath.Join(ts.Getenv("WORK"), args[0]+".log"))
	ts.Check(err)
	_, address, _ := strings.Cut(string(log), `metrics are served" address=`)
	address, _, _ = strings.Cut(address, "\n")
	r, err := http.NewRequest(http.MethodGet, address, nil)
	ts.Check(err)
	answer(ts, r)
}

// ask reads an address of the server, below its root and without sign-in.
func ask(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.NewRequest(http.MethodGet, ts.Getenv("server")+args[0], nil)
	ts.Check(err)
	answer(ts, r)
}

func callSlack(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.NewRequest(args[0], ts.Getenv("sandbox")+args[1], strings.NewReader(bodyOf(args)))
	ts.Check(err)
	answer(ts, r)
}

func created(ts *testscript.TestScript, path, body string) string {
	var object struct {
		ID string `json:"id"`
	}
	raw := request(ts, http.MethodPost, path, body)
	if json.Unmarshal(raw, &object) != nil || object.ID == "" {
		ts.Fatalf("POST %s: %s", path, raw)
	}
	return object.ID
}

func connect(ts *testscript.TestScript, _ bool, args []string) {
	settings := `"RATE_LIMIT_FACTOR":0`
	if len(args) > 1 {
		settings = args[1]
	}
	plan := created(ts, "/propagation/plans", `{"name":"Plan"}`)
	source := created(ts, "/propagation/stores", `{"name":"Directory","type":"directory","configuration":{}}`)
	store := created(ts, "/propagation/stores", fmt.Sprintf(
		`{"name":"Slack","type":"Slack","status":"ACTIVE","configuration":{"OAUTH_ACCESS_TOKEN":%q,"BASE_URL":"%s/scim/v2/",%s}}`, args[0], ts.Getenv("sandbox"), settings))
	rule := created(ts, "/propagation/plans/"+plan+"/rules", fmt.Sprintf(
		`{"name":"Staff","sourceStore":{"id":%q},"targetStore":{"id":%q},"populationExpression":"title eq \"Staff\""}`, source, store))
	request(ts, http.MethodPut, "/propagation/rules/"+rule, `{"name":"Staff","active":true,"populationExpression":"title eq \"Staff\""}`)
	created(ts, "/propagation/revisions", "")
	ts.Setenv("plan", plan)
	ts.Setenv("store", store)
	ts.Setenv("rule", rule)
}

// until polls, without sleeping longer than it must.
func until(ts *testscript.TestScript, what string, done func() (string, bool)) {
	deadline := time.After(30 * time.Second)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		last, ok := done()
		if ok {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			log, _ := os.ReadFile(filepath.Join(ts.Getenv("WORK"), "server.log"))
			ts.Fatalf("never %s; last: %s\n%s", what, last, log)
		}
	}
}

func settle(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, args[0], func() (string, bool) {
		raw := string(request(ts, http.MethodGet, "/propagation/rules/"+ts.Getenv("rule")+"/syncStatus", ""))
		return raw, strings.Contains(raw, `"state":"`+args[0]+`"`)
	})
}

func sandboxJSON(ts *testscript.TestScript, path string, into any) {
	response, err := http.Get(ts.Getenv("sandbox") + path)
	ts.Check(err)
	defer func() { _ = response.Body.Close() }()
	ts.Check(json.NewDecoder(response.Body).Decode(into))
}

func writes(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	var log struct {
		Totals map[string]int64 `json:"totals"`
	}
	sandboxJSON(ts, "/sandbox/requests", &log)
	if n := log.Totals["writes"] - w.seen; fmt.Sprint(n) != args[0] {
		ts.Fatalf("the workspace saw %d writes, want %s", n, args[0])
	}
	w.seen = log.Totals["writes"]
}

func members(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[1])
	var list []json.RawMessage
	sandboxJSON(ts, "/sandbox/members", &list)
	n := 0
	for _, m := range list {
		if pattern.Match(m) {
			n++
		}
	}
	if fmt.Sprint(n) != args[0] {
		ts.Fatalf("%d of %d members match, want %s", n, len(list), args[0])
	}
}

// people writes a CSV file of n members of staff.
func people(ts *testscript.TestScript, _ bool, args []string) {
	var n int
	_, err := fmt.Sscan(args[0], &n)
	ts.Check(err)
	var b strings.Builder
	b.WriteString("username,email,given,family,nickname,title\n")
	for i := range n {
		fmt.Fprintf(&b, "user%04d,user%04d@example.com,Given,Family%d,nick%d,Staff\n", i, i, i, i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

func hold(ts *testscript.TestScript, _ bool, _ []string) {
	var page struct {
		Embedded struct {
			Holds []struct {
				ID         string `json:"id"`
				Operations []struct {
					Object struct {
						ID string `json:"id"`
					} `json:"object"`
				} `json:"operations"`
			} `json:"holds"`
		} `json:"_embedded"`
	}
	raw := request(ts, http.MethodGet, "/propagation/stores/"+ts.Getenv("store")+"/holds", "")
	if json.Unmarshal(raw, &page) != nil || len(page.Embedded.Holds) != 1 || len(page.Embedded.Holds[0].Operations) == 0 {
		ts.Fatalf("not one hold with operations: %s", raw)
	}
	ts.Setenv("hold", page.Embedded.Holds[0].ID)
	ts.Setenv("object", page.Embedded.Holds[0].Operations[0].Object.ID)
}

func held(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, args[0]+" held", func() (string, bool) {
		raw := string(request(ts, http.MethodGet, "/propagation/rules/"+ts.Getenv("rule")+"/syncStatus", ""))
		return raw, strings.Contains(raw, `"state":"HELD"`) && strings.Contains(raw, `"details":"`+args[0]+" ")
	})
}
