package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lockstep/sandbox/slack"
)

const token = "xoxp-bench"

// bench is what one work has running.
type bench struct {
	ctx      context.Context //nolint:containedctx // the life of one measurement
	dir      string
	binary   string
	postgres string

	data      string
	server    *exec.Cmd
	workspace *slack.Workspace
	target    *httptest.Server
	arrived   chan arrival // each write, when it arrives; nil: not watched
	client    apiClient
}

type arrival struct {
	at   time.Time
	path string
}

// end stops everything and forgets the data.
func (b *bench) end() error {
	var err error
	if b.server != nil {
		_ = b.server.Process.Signal(syscall.SIGTERM)
		err = b.server.Wait()
	}
	if b.target != nil {
		b.target.CloseClientConnections()
		b.target.Close()
	}
	if b.data != "" {
		err = errors.Join(err, os.RemoveAll(b.data))
	}
	*b = bench{ctx: b.ctx, dir: b.dir, binary: b.binary, postgres: b.postgres}
	return err
}

// flags says where the data is.
func (b *bench) flags(args ...string) []string {
	if b.data == "" {
		b.data = filepath.Join(b.dir, "data")
	}
	args = append(args, "--data="+b.data)
	if b.postgres != "" {
		args = append(args, "--database="+b.postgres)
	}
	return args
}

func (b *bench) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, b.binary, b.flags(args...)...) //nolint:gosec // our own program
	cmd.Stderr = os.Stderr
	return cmd
}

// people imports n people from a file, and answers how long that took.
func (b *bench) people(n int) (time.Duration, uint64, error) {
	file := filepath.Join(b.dir, "people.csv")
	if err := writePeople(file, n); err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.Remove(file) }()
	cmd := b.command("import", file)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("import: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var top uint64
	for {
		select {
		case err := <-ended:
			if err != nil {
				return 0, 0, fmt.Errorf("import: %w", err)
			}
			return time.Since(start), top, nil
		case <-look.C:
			if _, now, err := memory(cmd.Process.Pid); err == nil { // an error: it has just ended
				top = max(top, now)
			}
		}
	}
}

// lookEvery is how often the memory of a program that ends by itself is looked at. What the system says of it afterwards (the
// greatest resident set of a child, getrusage) will not do: that begins with what this process held when it started the child.
const lookEvery = 5 * time.Millisecond

func writePeople(file string, n int) error {
	return lines(file, "username,email,given,family,nickname,title\n", func(w *bufio.Writer) {
		for i := range n {
			_, _ = fmt.Fprintf(w, "user%d,user%d@example.com,Given%d,Family%d,nick%d,Engineer\n", i, i, i, i, i)
		}
	})
}

// member is person i as the defaults of a Slack connection provision them.
func member(i int) slack.Member {
	n := strconv.Itoa(i)
	return slack.Member{
		UserName: "user" + n, DisplayName: "nick" + n, GivenName: "Given" + n, FamilyName: "Family" + n, Title: "Engineer",
		PrimaryEmail: "user" + n + "@example.com", Active: true,
	}
}

// start runs the workspace and the server, and publishes a rule for everybody, which is not active yet.
func (b *bench) start(o slack.Options, factor float64) error {
	o.Token = token
	b.workspace = slack.New(o)
	b.target = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.arrived != nil && r.Method != http.MethodGet {
			b.arrived <- arrival{time.Now(), r.URL.Path}
		}
		b.workspace.ServeHTTP(w, r)
	}))
	b.server = b.command("serve", "--listen=127.0.0.1:0", "--allow-private-targets")
	out, err := b.server.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	if err := b.server.Start(); err != nil {
		b.server = nil
		return fmt.Errorf("start the server: %w", err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	base, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		return errors.Join(fmt.Errorf("the server said %q instead of its address", line), err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	raw, err := b.command("client", "create", "--name=bench", "--json").Output()
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if err := b.client.signIn(b.ctx, base, raw); err != nil {
		return err
	}
	return b.client.connect(b.target.URL+"/scim/v2/", factor)
}

// usage is what the server has spent of processor time and memory.
type usage struct {
	cpu      time.Duration
	rss, top uint64 // bytes; top is the highest since resetTop
}

func (b *bench) usage() (usage, error) {
	var u usage
	pid := strconv.Itoa(b.server.Process.Pid)
	stat, err := os.ReadFile("/proc/" + pid + "/stat") //nolint:gosec // of our own child
	if err != nil {
		return u, fmt.Errorf("read the server's processor time: %w", err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
		ticks, err := strconv.Atoi(f)
		if err != nil {
			return u, fmt.Errorf("read the server's processor time: %w", err)
		}
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	u.rss, u.top, err = memory(b.server.Process.Pid)
	return u, err
}

// memory is what a process holds, and the most it held since its program began or resetTop, in bytes.
func memory(pid int) (rss, top uint64, err error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, 0, fmt.Errorf("read a program's memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		var kib uint64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			top = kib << 10
		}
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			rss = kib << 10
		}
	}
	return rss, top, nil
}

// resetTop makes the highest memory be that from now on.
func (b *bench) resetTop() error {
	return os.WriteFile("/proc/"+strconv.Itoa(b.server.Process.Pid)+"/clear_refs", []byte("5"), 0)
}

// apiClient calls the server's API.
type apiClient struct {
	ctx          context.Context //nolint:containedctx // the life of one measurement
	base         string          // of the environment
	bearer       string
	plan, target string
	rule         string
}

type object = map[string]any

func (c *apiClient) signIn(ctx context.Context, base string, raw []byte) error {
	var made struct {
		Environment string `json:"environment_id"`
		ID          string `json:"client_id"`
		Secret      string `json:"client_secret"`
	}
	if err := json.Unmarshal(raw, &made); err != nil {
		return fmt.Errorf("read the client: %w", err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {made.ID}, "client_secret": {made.Secret}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/"+made.Environment+"/as/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := send(req, &answer); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	*c = apiClient{ctx: ctx, base: base + "/v1/environments/" + made.Environment, bearer: answer.Token}
	return nil
}

func (c *apiClient) call(method, path string, body, answer any) error {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(c.ctx, method, c.base+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.bearer)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := send(req, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func send(req *http.Request, answer any) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s: %s", res.Status, raw)
	}
	if answer == nil || len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, answer)
}

// connect makes a plan, the stores and a rule for everybody.
func (c *apiClient) connect(target string, factor float64) error {
	var made struct {
		ID string `json:"id"`
	}
	if err := c.call("POST", "/propagation/plans", object{"name": "Bench"}, &made); err != nil {
		return err
	}
	c.plan = made.ID
	if err := c.call("POST", "/propagation/stores", object{"name": "Directory", "type": "directory", "configuration": object{}}, &made); err != nil {
		return err
	}
	source := made.ID
	configuration := object{"OAUTH_ACCESS_TOKEN": token, "BASE_URL": target, "RATE_LIMIT_FACTOR": factor}
	store := object{"name": "Slack", "type": "Slack", "status": "ACTIVE", "configuration": configuration}
	if err := c.call("POST", "/propagation/stores", store, &made); err != nil {
		return err
	}
	c.target = made.ID
	rule := object{
		"name": "Everybody", "sourceStore": object{"id": source}, "targetStore": object{"id": c.target}, "populationExpression": "population.id pr",
	}
	if err := c.call("POST", "/propagation/plans/"+c.plan+"/rules", rule, &made); err != nil {
		return err
	}
	c.rule = made.ID
	return c.call("PUT", "/propagation/rules/"+c.rule, object{"name": "Everybody", "active": true, "populationExpression": "population.id pr"}, nil)
}

// mappings gives the rule the defaults of a Slack connection as mappings of its own, and answers the id of the title's.
func (c *apiClient) mappings() (title string, err error) {
	for target, source := range map[string]string{
		"userName": "username", "displayName": "nickname", "givenName": "name.given", "familyName": "name.family", "primaryEmail": "email",
		"active": "enabled", "title": "title",
	} {
		var made struct {
			ID string `json:"id"`
		}
		mapping := object{"targetAttribute": target, "sourceAttribute": source, "createOnly": target == "displayName"}
		if err := c.call("POST", "/propagation/rules/"+c.rule+"/mappings", mapping, &made); err != nil {
			return "", err
		}
		if target == "title" {
			title = made.ID
		}
	}
	return title, nil
}

// publish makes a revision and waits until the rule is idle.
func (c *apiClient) publish() (time.Duration, error) { return c.until("/propagation/revisions") }

// resync asks for a full reconciliation and waits until the rule is idle.
func (c *apiClient) resync() (time.Duration, error) {
	return c.until("/propagation/rules/" + c.rule + "/resync")
}

// until posts and answers how long it takes from there until nothing is due.
func (c *apiClient) until(path string) (time.Duration, error) {
	listening, stop := context.WithCancel(c.ctx)
	defer stop()
	told, err := c.events(listening)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := c.call("POST", path, nil, nil); err != nil {
		return 0, err
	}
	for {
		asked := time.Now()
		var status struct {
			State   string `json:"state"`
			Details string `json:"details"`
			Users   struct {
				Failed int `json:"failed"`
			} `json:"users"`
		}
		if err := c.call("GET", "/propagation/rules/"+c.rule+"/syncStatus", nil, &status); err != nil {
			return 0, err
		}
		switch {
		case status.State == "IDLE" && status.Users.Failed == 0:
			return time.Since(start), nil
		case status.State != "SYNCING" && status.State != "IDLE" || status.Users.Failed > 0:
			return 0, fmt.Errorf("the rule is %s (%d failed): %s", status.State, status.Users.Failed, status.Details)
		}
		// Asking must not be what is measured, nor waiting to ask.
		select {
		case <-c.ctx.Done():
			return 0, c.ctx.Err()
		case <-told:
		case <-time.After(min(max(10*time.Millisecond, 10*time.Since(asked)), 50*time.Millisecond)):
		}
	}
}

// events tells whenever the server says that something has happened, as the console hears it.
func (c *apiClient) events(ctx context.Context) (<-chan struct{}, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/propagation/events", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.bearer)
	res, err := http.DefaultClient.Do(req) //nolint:bodyclose // by who reads it
	if err != nil {
		return nil, fmt.Errorf("listen to events: %w", err)
	}
	told := make(chan struct{}, 1)
	go func() {
		defer func() { _ = res.Body.Close() }()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "event:") {
				select {
				case told <- struct{}{}:
				default:
				}
			}
		}
	}()
	return told, nil
}
