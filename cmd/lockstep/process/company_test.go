package process_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sandbox "lockstep/sandbox/slack"
)

// company is an environment, the people in it as they were last acknowledged, and a rule for its staff.
type company struct {
	t       *testing.T
	target  *target
	store   []string      // flags that say where its database is
	balance func() string // the address of a server to ask
	env     string
	bearer  string
	rule    string
	storeID string
	people  []*person
	foreign []sandbox.Member // of the workspace, and nobody's business
	edits   atomic.Int64     // acknowledged
	unknown atomic.Int64     // whose answer was lost
	number  int              // makes values unique
	client  *http.Client
}

type person struct {
	username, id string
	state
	emails map[string]bool // all that they ever had
}

// state is what the directory was told and has acknowledged.
type state struct {
	Email   string
	Family  string
	Title   string
	Enabled bool
	Deleted bool
}

// covered: the rule covers staff.
func (p *person) covered() bool { return !p.Deleted && p.Title == "Staff" }

func newCompany(t *testing.T, w *target, store []string, balance func() string) *company {
	t.Helper()
	return &company{t: t, target: w, store: store, balance: balance, client: &http.Client{Timeout: 15 * time.Second}}
}

// tool runs a command on the database, beside the server.
func (c *company) tool(args ...string) []byte {
	c.t.Helper()
	var out, log bytes.Buffer
	command := exec.Command(program(c.t), append(args, c.store...)...)
	command.Stdout, command.Stderr = &out, &log
	if err := command.Run(); err != nil {
		c.t.Fatalf("lockstep %s: %v: %s", strings.Join(args, " "), err, log.String())
	}
	return out.Bytes()
}

// found makes a client, n members of staff, a workspace with a history, and a rule that is published.
func (c *company) found(n int, factor float64) {
	c.t.Helper()
	var client struct {
		Env    string `json:"environment_id"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	must(c.t, json.Unmarshal(c.tool("client", "create", "--name=process", "--json"), &client))
	c.env = client.Env
	request, err := http.NewRequest(http.MethodPost, "http://"+c.balance()+"/"+c.env+"/as/token", strings.NewReader("grant_type=client_credentials"))
	must(c.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(client.ID, client.Secret)
	response, err := c.client.Do(request)
	must(c.t, err)
	var issued struct {
		Access string `json:"access_token"`
	}
	must(c.t, json.NewDecoder(response.Body).Decode(&issued))
	must(c.t, response.Body.Close())
	c.bearer = issued.Access
	c.employ(n)
	c.history()
	c.connect(factor)
}

func (c *company) employ(n int) {
	c.t.Helper()
	var file strings.Builder
	file.WriteString("username,email,given,family,title\n")
	for i := range n {
		p := c.person(fmt.Sprintf("user%04d", i))
		fmt.Fprintf(&file, "%s,%s,Given,%s,Staff\n", p.username, p.Email, p.Family)
	}
	path := filepath.Join(c.t.TempDir(), "people.csv")
	must(c.t, os.WriteFile(path, []byte(file.String()), 0o600))
	c.tool("import", path)
	for _, p := range c.people {
		u, status := c.read(p)
		if status != http.StatusOK {
			c.t.Fatalf("%s was not imported: %d", p.username, status)
		}
		p.id = u.ID
	}
}

// person makes somebody who is not in the directory yet.
func (c *company) person(username string) *person {
	p := &person{username: username, state: state{Email: username + "@example.com", Family: "Family" + username, Title: "Staff", Enabled: true}}
	p.emails = map[string]bool{p.Email: true}
	c.people = append(c.people, p)
	return p
}

// history: people who are nobody's business, and two who were there before.
func (c *company) history() {
	c.target.Seed(
		sandbox.Member{UserName: "founder", PrimaryEmail: "founder@example.com", GivenName: "Ada", Active: true, Role: sandbox.PrimaryOwner},
		sandbox.Member{UserName: "buildbot", PrimaryEmail: "botuser-T1-A1@slack-bots.com", Active: true, Bot: true},
		sandbox.Member{UserName: "guest", PrimaryEmail: "guest@other.example", GivenName: "Gus", Title: "Guest", Active: true},
		sandbox.Member{UserName: "former", PrimaryEmail: "former@other.example"},
	)
	c.foreign = c.target.Members()
	c.target.Seed(
		sandbox.Member{UserName: "user0000", PrimaryEmail: "user0000@example.com", Active: true},
		sandbox.Member{UserName: "user0001", PrimaryEmail: "user0001@example.com"},
	)
}

func (c *company) connect(factor float64) {
	c.t.Helper()
	plan := c.made("/propagation/plans", `{"name":"Plan"}`)
	source := c.made("/propagation/stores", `{"name":"Directory","type":"directory","configuration":{}}`)
	c.storeID = c.made("/propagation/stores", fmt.Sprintf(
		`{"name":"Slack","type":"Slack","status":"ACTIVE","configuration":{"OAUTH_ACCESS_TOKEN":%q,"BASE_URL":"%s/scim/v2/","RATE_LIMIT_FACTOR":%g,"DEPROVISION_LIMIT_SHARE":100}}`, token, c.target.url, factor))
	rule := `"name":"Staff","populationExpression":"title eq \"Staff\""`
	c.rule = c.made("/propagation/plans/"+plan+"/rules", fmt.Sprintf(`{%s,"sourceStore":{"id":%q},"targetStore":{"id":%q}}`, rule, source, c.storeID))
	if status, raw, err := c.ask(http.MethodPut, "/propagation/rules/"+c.rule, "{"+rule+`,"active":true}`); err != nil || status != http.StatusOK {
		c.t.Fatalf("%d %s %v", status, raw, err)
	}
	c.made("/propagation/revisions", "")
}

// ask makes one request. An error, or a status of 500 and more, says nothing about whether it was carried out.
func (c *company) ask(method, path, body string) (int, []byte, error) {
	return c.askAt(c.balance(), method, path, body)
}

func (c *company) askAt(address, method, path, body string) (int, []byte, error) {
	request, err := http.NewRequest(method, "http://"+address+"/v1/environments/"+c.env+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.bearer)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var raw bytes.Buffer
	_, err = raw.ReadFrom(response.Body)
	return response.StatusCode, raw.Bytes(), err
}

func (c *company) made(path, body string) string {
	c.t.Helper()
	var object struct {
		ID string `json:"id"`
	}
	status, raw, err := c.ask(http.MethodPost, path, body)
	if err != nil || json.Unmarshal(raw, &object) != nil || object.ID == "" {
		c.t.Fatalf("POST %s: %d %s %v", path, status, raw, err)
	}
	return object.ID
}

// user is what the API answers about a person.
type user struct {
	ID      string `json:"id"`
	Email   string `json:"email"`
	Title   string `json:"title"`
	Enabled bool   `json:"enabled"`
	Name    struct {
		Family string `json:"family"`
	} `json:"name"`
}

// read asks for a person until there is an answer: 200, or 404.
func (c *company) read(p *person) (user, int) {
	c.t.Helper()
	path := "/users/" + p.id
	if p.id == "" {
		path = "/users?filter=" + "username%20eq%20%22" + p.username + "%22"
	}
	var u user
	var last string
	status := 0
	eventually(c.t, time.Minute, "an answer about "+p.username, func() bool {
		var raw []byte
		var err error
		status, raw, err = c.ask(http.MethodGet, path, "")
		last = fmt.Sprint(status, string(raw), err)
		if err != nil || status != http.StatusOK && status != http.StatusNotFound {
			return false
		}
		if p.id != "" || status == http.StatusNotFound {
			return status == http.StatusNotFound || json.Unmarshal(raw, &u) == nil
		}
		var list struct {
			Embedded struct {
				Users []user `json:"users"`
			} `json:"_embedded"`
		}
		if json.Unmarshal(raw, &list) != nil {
			return false
		}
		if status = http.StatusNotFound; len(list.Embedded.Users) > 0 {
			u, status = list.Embedded.Users[0], http.StatusOK
		}
		return true
	})
	if status == 0 {
		c.t.Fatal(last)
	}
	return u, status
}

func (u user) state() state {
	return state{Email: u.Email, Family: u.Name.Family, Title: u.Title, Enabled: u.Enabled}
}

// edit makes one edit. One whose answer was lost was carried out wholly or not at all, and the directory says which.
func (c *company) edit(chance *rand.Rand) {
	c.t.Helper()
	c.number++
	kind := chance.IntN(100)
	if kind < 8 {
		c.join()
		return
	}
	p := c.people[chance.IntN(len(c.people))]
	if p.Deleted {
		return
	}
	next, method, body := p.state, http.MethodPatch, ""
	switch {
	case kind < 60:
		next.Family = fmt.Sprintf("Edit%d", c.number)
		body = fmt.Sprintf(`{"name":{"family":%q}}`, next.Family)
	case kind < 72:
		next.Enabled = !next.Enabled
		body = fmt.Sprintf(`{"enabled":%t}`, next.Enabled)
	case kind < 84:
		next.Title = map[string]string{"Staff": "Visitor", "Visitor": "Staff"}[p.Title]
		body = fmt.Sprintf(`{"title":%q}`, next.Title)
	case kind < 95:
		next.Email = fmt.Sprintf("%s.%d@example.com", p.username, c.number)
		p.emails[next.Email] = true
		body = fmt.Sprintf(`{"email":%q}`, next.Email)
	default:
		next.Deleted = true
		method = http.MethodDelete
	}
	status, raw, err := c.ask(method, "/users/"+p.id, body)
	switch {
	case err != nil || status >= http.StatusInternalServerError:
		c.unknown.Add(1)
		c.resolve(p, next)
	case status >= http.StatusMultipleChoices:
		c.t.Errorf("%s of %s: %d %s", method, p.username, status, raw)
	default:
		c.edits.Add(1)
		p.state = next
	}
}

func (c *company) resolve(p *person, next state) {
	c.t.Helper()
	u, status := c.read(p)
	now := u.state()
	if status == http.StatusNotFound {
		now = p.state
		now.Deleted = true
	}
	if now != p.state && now != next {
		c.t.Errorf("%s is %+v; it was acknowledged as %+v and then asked to be %+v", p.username, now, p.state, next)
	}
	p.state = now
}

func (c *company) join() {
	c.t.Helper()
	p := c.person(fmt.Sprintf("new%d", c.number))
	body := fmt.Sprintf(`{"username":%q,"email":%q,"title":"Staff","name":{"given":"Given","family":%q}}`, p.username, p.Email, p.Family)
	status, raw, err := c.ask(http.MethodPost, "/users", body)
	var u user
	switch {
	case err != nil || status >= http.StatusInternalServerError:
		c.unknown.Add(1)
		u, status = c.read(p)
		p.id, p.Deleted = u.ID, status == http.StatusNotFound
	case status != http.StatusCreated || json.Unmarshal(raw, &u) != nil:
		c.t.Errorf("create %s: %d %s", p.username, status, raw)
	default:
		c.edits.Add(1)
		p.id = u.ID
	}
}

// editing edits until stop is closed, and answers when it has stopped.
func (c *company) editing(chance *rand.Rand, every time.Duration, stop <-chan struct{}) (stopped chan struct{}) {
	stopped = make(chan struct{})
	ticker := time.NewTicker(every)
	go func() {
		defer close(stopped)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				c.edit(chance)
			}
		}
	}()
	return stopped
}

// settle waits until the rule says that nothing is due. People whose create was not answered, and who are wanted otherwise by now,
// are looked for again for some minutes before they are forgotten; that is not waited for, and answered instead.
func (c *company) settle(within time.Duration) (waiting map[string]bool) {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Log(last)
		}
	}()
	var since time.Time
	eventually(c.t, within, "IDLE", func() bool {
		_, raw, err := c.ask(http.MethodGet, "/propagation/rules/"+c.rule+"/syncStatus", "")
		last = fmt.Sprint(string(raw), err)
		var status struct {
			State string `json:"state"`
			Users struct {
				Pending int `json:"pending"`
			} `json:"users"`
		}
		if err != nil || json.Unmarshal(raw, &status) != nil {
			return false
		}
		if waiting = nil; status.State == "IDLE" {
			return true
		}
		names, list := c.notShown()
		last += "\npending: " + list
		if len(names) == 0 || len(names) != status.Users.Pending {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		waiting = names
		return time.Since(since) > 2*time.Second // longer than an edit can go unnoticed
	})
	return waiting
}

// notShown lists who waits only for an account that may appear; none when anybody waits for something else.
func (c *company) notShown() (names map[string]bool, raw string) {
	_, body, err := c.ask(http.MethodGet, "/propagation/rules/"+c.rule+"/syncedUsers?status=PENDING", "")
	var list struct {
		Embedded struct {
			SyncedUsers []struct {
				Object struct {
					Name string `json:"name"`
				} `json:"object"`
				Error struct {
					Code string `json:"code"`
				} `json:"error"`
			} `json:"syncedUsers"`
		} `json:"_embedded"`
	}
	if err != nil || json.Unmarshal(body, &list) != nil {
		return nil, fmt.Sprint(string(body), err)
	}
	names = map[string]bool{}
	for _, u := range list.Embedded.SyncedUsers {
		if u.Error.Code != "not_shown" {
			return nil, string(body)
		}
		names[u.Object.Name] = true
	}
	return names, string(body)
}

// verify compares the directory with what was acknowledged, and the workspace with the directory.
func (c *company) verify() {
	c.t.Helper()
	waiting := c.settle(2 * time.Minute)
	if len(waiting) > 0 {
		c.t.Logf("%d people wait for an account that may appear", len(waiting))
	}
	for _, p := range c.people {
		u, status := c.read(p)
		if p.Deleted {
			if p.id != "" && status != http.StatusNotFound {
				c.t.Errorf("the acknowledged deletion of %s is lost", p.username)
			}
			continue
		}
		if now := u.state(); status != http.StatusOK || now != p.state {
			c.t.Errorf("an acknowledged edit of %s is lost: it is %+v, want %+v", p.username, now, p.state)
		}
	}
	members := c.target.Members()
	if n := len(c.foreign); !reflect.DeepEqual(members[:n], c.foreign) {
		c.t.Errorf("foreign members were touched: %+v, want %+v", members[:n], c.foreign)
	}
	c.compare(members[len(c.foreign):], waiting)
	c.creates(len(members) - len(c.foreign) - 2)
	before := c.target.writes()
	if status, raw, err := c.ask(http.MethodPost, "/propagation/rules/"+c.rule+"/resync", ""); err != nil || status != http.StatusAccepted {
		c.t.Fatalf("resync: %d %s %v", status, raw, err)
	}
	c.settle(time.Minute)
	if n := c.target.writes() - before; n != 0 {
		c.t.Errorf("a full reconciliation found %d differences", n)
	}
}

func (c *company) compare(members []sandbox.Member, waiting map[string]bool) {
	c.t.Helper()
	owner := map[string]*person{}
	for _, p := range c.people {
		for email := range p.emails {
			owner[email] = p
		}
	}
	of := map[*person]sandbox.Member{}
	for _, m := range members {
		p := owner[m.PrimaryEmail]
		if p == nil {
			c.t.Errorf("nobody has the account %+v", m)
			continue
		}
		if other, twice := of[p]; twice {
			c.t.Errorf("%s has two accounts: %s and %s", p.username, other.ID, m.ID)
		}
		of[p] = m
	}
	for _, p := range c.people {
		m, exists := of[p]
		should := p.covered() && p.Enabled
		switch {
		case !should && m.Active:
			c.t.Errorf("%s should have no access: %+v", p.username, m)
		case !exists && waiting[p.username]:
		case should && (!exists || !m.Active):
			c.t.Errorf("%s should have access: %+v", p.username, m)
		case should && (m.PrimaryEmail != p.Email || m.FamilyName != p.Family || m.Title != p.Title || m.UserName != p.username):
			c.t.Errorf("%s is %+v, want %+v", p.username, m, p.state)
		}
	}
}

// creates: one call for each account that was made, and none that only the target's own check has made harmless.
func (c *company) creates(made int) {
	c.t.Helper()
	n, throttled := 0, 0
	for _, call := range c.target.since(time.Time{}) {
		switch {
		case call.status == http.StatusTooManyRequests:
			throttled++
		case call.method == http.MethodPost && call.status == http.StatusCreated:
			n++
		case call.method == http.MethodPost:
			c.t.Errorf("the create of %s was answered %d", call.email, call.status)
		}
	}
	if n != made {
		c.t.Errorf("%d creates for %d accounts", n, made)
	}
	if throttled > 0 {
		c.t.Errorf("the target refused %d calls as outside of the rate budget", throttled)
	}
}
