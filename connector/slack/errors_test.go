package slack_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lockstep/connector"
	"lockstep/connector/all"
	"lockstep/connector/slack"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

var update = flag.Bool("update", false, "write docs/connectors/slack-errors.md anew")

const (
	errorsPage = "../../docs/connectors/slack-errors.md"
	retryAfter = 30 * time.Second // what the scripted server says with a 429
)

// statuses are those with which Slack answers its codes; a star in the vendor facts means that somebody saw it, and the others
// are likely (docs.slack.dev/reference/scim-api, "Errors", and the sources named in fault.go).
var statuses = map[int]string{
	http.StatusUnauthorized: "missing_authentication invalid_authentication",
	http.StatusForbidden: "permission_denied plus_teams_only non_org_teams_only cannot_make_user_guest cannot_modify_owner cannot_modify_gdpr " +
		"cannot_disable_bot_user_with_scim cannot_disable_primary_owner primary_owner_check_failure",
	http.StatusNotFound:         "unsupported_version bad_endpoint no_such_user unknown_user no_such_group",
	http.StatusMethodNotAllowed: "method_not_allowed",
	http.StatusConflict:         "email_taken username_taken user_creation_failed truncation_error",
	http.StatusInternalServerError: "failed_to_remove_users_for_linked_subteam group_members_create_failed group_creation_failed " +
		"unable_to_create_team_profile_fields database_query_failure invited_user_not_created",
	http.StatusTooManyRequests: "resource_locked too_many_requests",
	http.StatusBadRequest: "missing_user_id missing_group_id cannot_decode_user_id missing_schema_element invalid_request_payload invalid_attribute_format " +
		"addresses_invalid emails_invalid groups_invalid phoneNumbers_invalid photos_invalid roles_invalid username_invalid email_invalid bad_email_address " +
		"email_empty missing_primary_email username_empty username_required nickname_taken name_already_exists username_not_allowed invalid_reserved_word " +
		"username_too_long long_nickname long_username invalid_display_name invalid_name_maxlength invalid_name_specials invalid_name_required " +
		"invalid_starts_with_at invalid_emoji_not_allowed password_change_not_allowed improper_enterprise_schema_format no_such_group_members " +
		"unable_to_add_deleted_or_guest_to_group too_many_users group_member_max_exceeded idp_group_linked_to_channels incomplete_filter invalid_filter_group " +
		"invalid_query no_filters query_building_failed invalid_sort_order",
}

// The kinds of calls that a code is the answer to.
const (
	opCreate  = "create"
	opUpdate  = "update"
	opDisable = "disable"
	opList    = "list"
)

var ops = []string{opCreate, opUpdate, opDisable, opList}

// scripted is a workspace that answers one kind of calls with an error.
type scripted struct {
	*sandbox.Workspace

	mu     sync.Mutex
	op     string // "" = none; "*" = all, as when the token is at fault
	status int
	code   string
	times  int // how often; 0 = always
	calls  map[string]int
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(raw)))
	op := kindOf(r, raw)
	s.mu.Lock()
	s.calls[op]++
	hit := op != "" && (s.op == op || s.op == "*")
	if hit && s.times > 0 {
		if s.times--; s.times == 0 {
			s.op = ""
		}
	}
	status, code := s.status, s.code
	s.mu.Unlock()
	switch {
	case hit:
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		}
		var body any = map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "detail": code, "status": status}
		if status == http.StatusUnauthorized {
			body = map[string]any{"Errors": map[string]any{"description": code, "code": status}}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	default:
		s.Workspace.ServeHTTP(w, r)
	}
}

func kindOf(r *http.Request, body []byte) string {
	switch q := r.URL.Query(); {
	case !strings.Contains(r.URL.Path, "/Users"):
		return ""
	case r.Method == http.MethodPost:
		return opCreate
	case r.Method == http.MethodPatch && strings.Contains(string(body), `"active"`):
		return opDisable
	case r.Method == http.MethodPatch:
		return opUpdate
	case q.Get("filter") != "":
		return "look-up"
	case q.Get("count") == "1":
		return "test"
	default:
		return opList
	}
}

func (s *scripted) script(op string, status int, code string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.op, s.status, s.code, s.times = op, status, code, times
	clear(s.calls)
}

func (s *scripted) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// bench is the real engine, store and connector against a scripted workspace, with a clock that can be put forward.
type bench struct {
	t          *testing.T
	target     *scripted
	db         *store.DB
	people     *directory.Service
	engine     *engine.Engine
	env        string
	connection string
	rule       string
	ahead      atomic.Int64
}

func (b *bench) now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx := t.Context()
	b := &bench{t: t, target: &scripted{Workspace: sandbox.New(sandbox.Options{Token: "xoxp-errors", TimeScale: -1}), calls: map[string]int{}}}
	server := httptest.NewServer(b.target)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	ok(t, err)
	b.db, err = store.Open(ctx, store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	ok(t, err)
	t.Cleanup(func() { _ = b.db.Close() })
	b.engine = engine.New(engine.Config{Store: b.db, Types: []connector.Type{slack.New()}, Client: server.Client(), Now: b.now})
	b.people = directory.NewService(b.db, directory.Options{Wake: b.engine.Wake})
	env, err := b.people.Setup(ctx, "Errors")
	ok(t, err)
	b.env = env.ID
	provisions := provision.NewService(b.db, provision.Deps{Catalogue: all.NewCatalogue(), Checker: engine.Checker{Schema: b.people.Schema}, Wake: b.engine.Wake})
	plan, err := provisions.CreatePlan(ctx, b.env, provision.Plan{Name: "Plan"})
	ok(t, err)
	source, err := provisions.CreateConnection(ctx, b.env, provision.Connection{Name: "Directory", Type: provision.TypeDirectory}, nil)
	ok(t, err)
	target, err := provisions.CreateConnection(ctx, b.env, provision.Connection{Name: "Slack", Type: "Slack", Status: provision.Active},
		map[string]any{"OAUTH_ACCESS_TOKEN": "xoxp-errors", "BASE_URL": server.URL + "/scim/v2/", "RATE_LIMIT_FACTOR": 0.0})
	ok(t, err)
	rule, err := provisions.CreateRule(ctx, b.env, provision.Rule{
		Name: "Staff", PlanID: plan.ID, SourceID: source.ID, TargetID: target.ID, PopulationExpression: "population.id pr",
	})
	ok(t, err)
	rule.Active = true
	_, err = provisions.UpdateRule(ctx, b.env, rule.ID, rule)
	ok(t, err)
	_, err = provisions.Publish(ctx, b.env)
	ok(t, err)
	b.connection, b.rule = target.ID, rule.ID
	b.run()
	return b
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := b.engine.RunSlice(ctx, b.env, b.connection, time.Minute); err != nil && ctx.Err() == nil {
				b.t.Error(err)
				return
			}
		}
	}()
	b.t.Cleanup(func() { cancel(); <-done })
}

func (b *bench) hire(name string) string {
	b.t.Helper()
	u, err := b.people.CreateUser(b.t.Context(), b.env, directory.User{
		Username: name, Email: name + "@example.com", Enabled: true, Name: directory.Name{Given: "Given", Family: "Family"},
	})
	ok(b.t, err)
	return u.ID
}

func (b *bench) wait(what string, done func() bool) {
	b.t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(time.Minute)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			b.t.Fatal("it never happens: ", what)
		}
	}
}

func (b *bench) status() provision.RuleStatus {
	b.t.Helper()
	s, err := b.engine.Status(b.t.Context(), b.env, b.rule)
	ok(b.t, err)
	return s
}

// standing is where things stand after a call was answered: of the connection, the listing, and the person.
type standing struct {
	state   provision.RuleState
	status  provision.SyncStatus
	reads   string        // what the administrator reads
	again   time.Duration // until it is tried again; 0 = it is not
	attempt int
	kind    provision.FaultKind
}

func (b *bench) standing(op, id string) (standing, bool) {
	b.t.Helper()
	runner, err := b.db.Runner(b.t.Context(), b.env, b.connection)
	ok(b.t, err)
	if runner.Halt != nil {
		again := runner.Halt.ProbeAt.Sub(b.now())
		return standing{
			state: provision.StateHalted, reads: runner.Halt.Fault.Error(), again: again, attempt: runner.Halt.Attempts, kind: provision.Halted,
		}, again > 0
	}
	if op == opList {
		s := runner.Sweep
		out := standing{state: b.status().State, reads: b.status().Details, attempt: s.Attempts}
		if !s.RetryAt.IsZero() {
			out.again = s.RetryAt.Sub(b.now())
		}
		if s.Fault != nil {
			out.kind = s.Fault.Kind
		}
		return out, s.ID == "" && runner.Resync == "" || out.again > 0
	}
	head, err := b.db.FeedHead(b.t.Context(), b.env)
	ok(b.t, err)
	if runner.Cursor < head {
		return standing{}, false
	}
	rows, err := b.db.AccountsByObject(b.t.Context(), b.connection, directory.KindUser, []string{id})
	ok(b.t, err)
	if len(rows) == 0 {
		return standing{}, false
	}
	row := rows[0]
	out := standing{state: provision.StateIdle, status: row.Status, reads: row.Detail, attempt: row.Attempts}
	if row.Fault != nil {
		out.kind = row.Fault.Kind
	}
	if row.DueAt.IsZero() {
		return out, row.Status != provision.StatusPending
	}
	out.again = row.DueAt.Sub(b.now())
	return out, out.again > 0
}

// observed is what the engine does with one answer to one kind of call.
type observed struct {
	first, second standing
	calls         int // of this kind, until it was left alone
}

// observe answers a code to one kind of calls, follows what happens, and lets the calls pass again: then everything must end well.
func (b *bench) observe(op, code string, status int) observed {
	b.t.Helper()
	kind, name, id := slack.Codes()[code], "anna."+op, ""
	if op != opCreate && op != opList {
		id = b.hire(name)
	}
	b.wait("in step", func() bool { return b.status().State == provision.StateIdle })
	switch kind {
	case provision.Halted: // what is wrong with the token or the address is wrong with every call
		b.target.script("*", status, code, 0)
	case provision.Taken: // of the value that was sent
		b.target.script(op, status, code, 1)
	case provision.Gone:
		b.vanish(name)
		fallthrough
	default:
		b.target.script(op, status, code, 0)
	}
	switch op {
	case opCreate:
		id = b.hire(name)
	case opList:
		ok(b.t, b.engine.Resync(b.t.Context(), b.env, b.rule))
	default:
		_, err := b.people.UpdateUser(b.t.Context(), b.env, id, func(u *directory.User) error {
			if u.Enabled = op != opDisable; u.Enabled {
				u.Name.Family = "Changed"
			}
			return nil
		})
		ok(b.t, err)
	}
	var out observed
	b.wait(code+" to "+op, func() (done bool) { out.first, done = b.standing(op, id); return done })
	out.calls = b.target.count(op)
	if out.first.again > 0 {
		b.forward(out.first.again)
		b.wait(code+" to "+op+" again", func() (done bool) { out.second, done = b.standing(op, id); return done })
	}
	b.target.script("", 0, "", 0)
	b.forward(out.second.again)
	b.wait("in step after "+code, func() bool {
		s, done := b.standing(op, id)
		return done && s.again <= 0 && s.state == provision.StateIdle && b.status().State == provision.StateIdle
	})
	b.arrived(op, code, name)
	return out
}

// forward puts the clock forward.
func (b *bench) forward(d time.Duration) {
	b.ahead.Add(int64(d + time.Millisecond))
	b.engine.Wake(b.env)
}

// vanish: the account is not there any more.
func (b *bench) vanish(name string) {
	for _, m := range b.target.Members() {
		if m.PrimaryEmail == name+"@example.com" {
			b.target.Edit(m.ID, func(m *sandbox.Member) {
				m.PrimaryEmail, m.UserName, m.Active = "gone."+m.PrimaryEmail, "gone."+m.UserName, false
			})
		}
	}
}

func (b *bench) arrived(op, code, name string) {
	b.t.Helper()
	if op == opList {
		return
	}
	var of []sandbox.Member
	for _, m := range b.target.Members() {
		if m.PrimaryEmail == name+"@example.com" {
			of = append(of, m)
		}
	}
	switch {
	case op == opDisable && (len(of) == 0 || len(of) == 1 && !of[0].Active):
	case op == opCreate && len(of) == 1 && of[0].Active:
	case op == opUpdate && len(of) == 1 && of[0].FamilyName == "Changed":
	default:
		b.t.Errorf("%s to %s, and then nothing: %+v", code, op, of)
	}
}

func between(d, least, most time.Duration) bool { return least <= d && d <= most+time.Second }

// word names what the engine did; the page explains the words.
func (o observed) word() string {
	first, second := o.first, o.second
	grows := between(second.again, 2*first.again/3, 8*first.again)
	switch {
	case first.state == provision.StateHalted && first.again > 0 && grows:
		return "stops"
	case o.calls > 1 && first.status == provision.StatusSuccess:
		return "other name"
	case first.status == provision.StatusSuccess:
		return "made anew"
	case first.status == provision.StatusUnsynced:
		return "closed"
	case o.calls > 1:
		return fmt.Sprintf("? %d calls, %+v", o.calls, first)
	case first.kind == "" && between(first.again, retryAfter-time.Second, retryAfter):
		return "waits"
	case between(first.again, retryAfter-time.Second, retryAfter):
		return "waits alone"
	case first.status != provision.StatusFailed && between(first.again, 0, time.Second) && (grows || second.again == 0):
		return "again"
	case first.status == provision.StatusFailed && between(first.again, 44*time.Minute, time.Hour) && (second.again == 0 || between(second.again, 89*time.Minute, 2*time.Hour)):
		return "shown"
	default:
		return fmt.Sprintf("? %+v, then %+v", first, second)
	}
}

func statusOf(code string) int {
	for status, codes := range statuses {
		if slices.Contains(strings.Fields(codes), code) {
			return status
		}
	}
	return 0
}

// TestErrorsPage answers each code of Slack's to each kind of calls, and writes down what the engine does. With -update the page is
// written; without, it must say the same.
func TestErrorsPage(t *testing.T) {
	codes := slices.Sorted(maps.Keys(slack.Codes()))
	seen := make([]map[string]observed, len(codes)+len(others))
	t.Run("codes", func(t *testing.T) {
		for i := range seen {
			seen[i] = map[string]observed{}
			code, status := "code_of_tomorrow", 0
			if i < len(codes) {
				code = codes[i]
				status = statusOf(code)
			} else {
				status = others[i-len(codes)]
			}
			t.Run(fmt.Sprint(code, status), func(t *testing.T) {
				t.Parallel()
				if status == 0 {
					t.Fatal("which status it comes with is not said in statuses")
				}
				b := newBench(t)
				for _, op := range ops {
					seen[i][op] = b.observe(op, code, status)
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	got := page(t, codes, seen)
	if *update {
		ok(t, os.WriteFile(errorsPage, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(errorsPage)
	ok(t, err)
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("the engine does not do what %s says (-page +engine); if it is right, go test ./connector/slack -run TestErrorsPage -update\n%s", errorsPage, diff)
	}
}

// TestTakenForEver: a workspace that says of each name that it is taken is left alone after a few.
func TestTakenForEver(t *testing.T) {
	b := newBench(t)
	b.wait("in step", func() bool { return b.status().State == provision.StateIdle })
	b.target.script(opCreate, http.StatusConflict, "username_taken", 0)
	id := b.hire("anna")
	var s standing
	b.wait("the end", func() (done bool) { s, done = b.standing(opCreate, id); return done })
	if n := b.target.count(opCreate); n > 40 || s.status != provision.StatusFailed || !between(s.again, 44*time.Minute, time.Hour) {
		t.Errorf("%d creates, then %+v", n, s)
	}
}

// TestGoneAndThere: a workspace that says of a member that there is none, and shows them, is asked again later, not at once.
func TestGoneAndThere(t *testing.T) {
	b := newBench(t)
	id := b.hire("anna")
	b.wait("in step", func() bool { return b.status().State == provision.StateIdle })
	b.target.script(opDisable, http.StatusNotFound, "no_such_user", 0)
	_, err := b.people.UpdateUser(t.Context(), b.env, id, func(u *directory.User) error { u.Enabled = false; return nil })
	ok(t, err)
	var s standing
	b.wait("the end", func() (done bool) { s, done = b.standing(opDisable, id); return done })
	if n := b.target.count(opDisable); n > 2 || s.status != provision.StatusPending || !between(s.again, 0, time.Second) || !strings.Contains(s.reads, "shows them") {
		t.Errorf("%d calls, then %+v", n, s)
	}
	b.target.script("", 0, "", 0)
	b.forward(s.again)
	b.wait("closed", func() bool { return !b.target.Members()[0].Active })
}

// TestGaps: how the gaps grow, and where they end, as the page says.
func TestGaps(t *testing.T) {
	for code, want := range map[string]struct {
		longest time.Duration
		failed  int // from which attempt on the person counts as failed
	}{"user_creation_failed": {5 * time.Minute, 8}, "username_invalid": {24 * time.Hour, 1}, "invalid_authentication": {10 * time.Minute, 0}} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.wait("in step", func() bool { return b.status().State == provision.StateIdle })
			op := opCreate
			if want.failed == 0 {
				op = "*"
			}
			b.target.script(op, statusOf(code), code, 0)
			id := b.hire("anna")
			for attempt := 1; attempt <= 14; attempt++ {
				var s standing
				b.wait("the next attempt", func() (done bool) { s, done = b.standing(opCreate, id); return done && s.attempt == attempt })
				if failed := s.status == provision.StatusFailed; failed != (want.failed > 0 && attempt >= want.failed) {
					t.Errorf("attempt %d: %+v", attempt, s)
				}
				if s.again > want.longest || attempt > 10 && s.again < want.longest*2/3 {
					t.Errorf("after attempt %d the gap is %s", attempt, s.again)
				}
				b.forward(s.again)
			}
		})
	}
}
