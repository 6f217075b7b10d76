package simulation

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/connector"
	"lockstep/connector/all"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
	"lockstep/store"
)

const (
	callTimeout = 30 * time.Second
	firstToken  = "xoxp-simulated"
	hotTurns    = 20_000 // operations in one instant
)

// world is one run: the directory, the engine's processes one after the other, and the workspace, on virtual time.
type world struct {
	s          schedule
	mutant     mutant
	ctx        context.Context
	db         *store.DB
	people     *directory.Service
	provisions *provision.Service
	observer   *engine.Engine // reads the status as another process would
	remembered recollection
	outside    *storage // the store as those see it who run no engine
	workspace  *sandbox.Workspace
	env        directory.Environment
	connection provision.Connection
	token      string
	start      time.Time

	mu         sync.Mutex
	life       *life
	lives      sync.WaitGroup
	memory     map[string]any
	writes     int            // of anything: what was read before the last one is not remembered
	seen       map[string]int // how often a delay was asked for
	faults     []*armed
	breaks     map[string]int
	instant    time.Time
	turns      int
	log        []string
	violations []string
	aborted    bool
	truth      truth
	tally      tally
	refused    int
}

// armed is a fault that waits for its requests.
type armed struct {
	class, kind string
	times       int
}

// window is a time in which nothing may be called.
type window struct{ from, until time.Time }

// tally counts what is bounded.
type tally struct {
	calls     int
	perMinute map[int64]int
	repeated  map[string]int    // minute and call
	notBefore map[string]window // life and class, or path -> the time that a 429 gave
	told      time.Time         // when the engine learnt that the token is refused
	replaced  time.Time         // the last time the administrator entered another token
	lastRough time.Time         // the last mishap that holds things up
}

// result is what a run showed.
type result struct {
	violations []string
	log        []string
	calls      int
	virtual    time.Duration
	crashed    bool
}

var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "simulation")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := store.Open(context.Background(), store.Options{Path: filepath.Join(dir, "t.db"), Ring: ring()})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "t.db"))
})

var ring = sync.OnceValue(func() *secret.Ring {
	dir, err := os.MkdirTemp("", "simulation")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	if err != nil {
		panic(err)
	}
	return r
})

// shelf is where databases of runs lie: in memory where the system has a place for that.
func shelf() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// newWorld makes the world as it is before the first event. It must be called in a bubble.
func newWorld(t *testing.T, dir string, s schedule, m mutant) *world {
	t.Helper()
	raw, err := template()
	must(t, err)
	path := filepath.Join(dir, "lockstep.db")
	must(t, os.WriteFile(path, raw, 0o600))
	w := &world{
		s: s, mutant: m, ctx: t.Context(), token: firstToken, start: time.Now(), memory: map[string]any{}, seen: map[string]int{}, breaks: map[string]int{},
		truth:      truth{owner: map[string]int{}, objects: map[string]int{}, made: map[string]bool{}, touched: map[string]bool{}, drifted: map[int]bool{}, tied: map[string]string{}, seeded: map[string]sandbox.Member{}, covered: map[int]map[int]bool{}},
		remembered: recollection{failed: map[string]connector.Call{}, known: map[string]provision.Remote{}},
		tally:      tally{perMinute: map[int64]int{}, repeated: map[string]int{}, notBefore: map[string]window{}},
	}
	w.db, err = store.Open(w.ctx, store.Options{Path: path, Ring: ring()})
	must(t, err)
	ids := 0
	w.people = directory.NewService(w.db, directory.Options{
		Wake:  func(env string) { w.forget(""); w.current().engine.Wake(env) },
		NewID: func() string { ids++; return fmt.Sprintf("00000000-0000-7000-8000-%012d", ids) },
	})
	w.provisions = provision.NewService(w.db, provision.Deps{
		Catalogue: all.NewCatalogue(), Checker: engine.Checker{Schema: w.people.Schema},
		Wake: func(env string) { w.forget(""); w.current().engine.Refresh(env) },
	})
	w.outside = &storage{db: w.db, w: w, life: &life{}}
	var observed engine.Store = w.outside
	if m.observer != nil {
		observed = m.observer(observed)
	}
	w.observer = engine.New(engine.Config{Store: observed, Types: all.Types(), Client: http.DefaultClient})
	w.openWorkspace()
	w.life = w.newLife(0)
	must(t, w.setUp())
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) openWorkspace() {
	scale := -1.0
	if w.s.Target.Limited {
		scale = 0
	}
	w.workspace = sandbox.New(sandbox.Options{
		Token: firstToken, TimeScale: scale, VisibilityDelay: w.s.Target.Hidden, FilterIgnored: w.s.Target.FilterIgnored, ConflictStatus: w.s.Target.ConflictStatus,
	})
	for i, m := range w.s.Members {
		seed := sandbox.Member{UserName: fmt.Sprintf("member%d", i), PrimaryEmail: fmt.Sprintf("member%d@elsewhere.example", i), GivenName: "Somebody", Active: true}
		switch m.State {
		case "primary":
			seed.Role = sandbox.PrimaryOwner
		case "owner":
			seed.Role = sandbox.Owner
		case "bot":
			seed.Bot, seed.PrimaryEmail = true, fmt.Sprintf("botuser-T1-A%d@slack-bots.com", i)
		case "squatter":
			seed.UserName = login(m.Victim, 0)
		case "like":
			u := person(m.Who, titles[0])
			seed.UserName, seed.PrimaryEmail, seed.GivenName, seed.FamilyName, seed.Title = u.Username, strings.ToUpper(u.Email[:1])+u.Email[1:], u.Name.Given, u.Name.Family, u.Title
		case "off":
			seed.PrimaryEmail, seed.Active = address(m.Who, 0), false
		case "other":
			seed.PrimaryEmail = address(m.Who, 0)
		}
		seed.Created = time.Now().AddDate(-1, 0, 0) // everybody sees them
		w.seed(seed)
	}
}

// setUp is what an administrator does first.
func (w *world) setUp() error {
	var err error
	if w.env, err = w.people.Setup(w.ctx, "Test"); err != nil {
		return err
	}
	plan, err := w.provisions.CreatePlan(w.ctx, w.env.ID, provision.Plan{Name: "Plan"})
	if err != nil {
		return err
	}
	source, err := w.provisions.CreateConnection(w.ctx, w.env.ID, provision.Connection{Name: "Directory", Type: "directory"}, nil)
	if err != nil {
		return err
	}
	w.connection, err = w.provisions.CreateConnection(w.ctx, w.env.ID, provision.Connection{Name: "Slack", Type: "Slack", Status: provision.Active, Managed: true}, w.configuration())
	if err != nil {
		return err
	}
	for i, r := range w.s.Rules {
		made, err := w.provisions.CreateRule(w.ctx, w.env.ID, provision.Rule{
			Name: fmt.Sprint("rule", i), PlanID: plan.ID, SourceID: source.ID, TargetID: w.connection.ID, PopulationExpression: expression(r.Titles),
		})
		if err != nil {
			return err
		}
		w.truth.drafts = append(w.truth.drafts, draft{id: made.ID, rule: r})
		for _, m := range mappings(r.Mark) {
			if _, err := w.provisions.CreateMapping(w.ctx, w.env.ID, made.ID, m); err != nil {
				return err
			}
		}
		if r.Active {
			made.Active = true
			if _, err := w.provisions.UpdateRule(w.ctx, w.env.ID, made.ID, made); err != nil {
				return err
			}
		}
	}
	w.truth.storeOn = true
	if err := w.setUpGroups(); err != nil {
		return err
	}
	for who := range w.s.People {
		if err := w.happen(event{Do: create, Who: who, Text: titles[who%3]}); err != nil {
			return err
		}
	}
	return w.happen(event{Do: publish})
}

func (w *world) configuration() map[string]any {
	factor := 0.0
	if w.s.Target.Paced {
		factor = 1
	}
	return map[string]any{
		"OAUTH_ACCESS_TOKEN": w.token, "BASE_URL": "https://slack.example/scim/v2/", "RATE_LIMIT_FACTOR": factor,
		"DEPROVISION_USERS": !w.s.Policy.KeepLeavers, "DISABLE_USERS": !w.s.Policy.KeepDisabled,
		"DEPROVISION_LIMIT_SHARE":   100.0, // the invariants know of no administrator who decides
		"GROUP_MEMBERSHIP_HANDLING": w.s.Groups.handling(),
	}
}

func mappings(mark string) []provision.Mapping {
	return []provision.Mapping{
		{TargetAttribute: "userName", SourceAttribute: "username"}, {TargetAttribute: "primaryEmail", SourceAttribute: "email"},
		{TargetAttribute: "givenName", SourceAttribute: "name.given"}, {TargetAttribute: "familyName", SourceAttribute: "name.family"},
		{TargetAttribute: "title", SourceAttribute: "title"}, {TargetAttribute: "userType", Expression: "'" + mark + "'"},
	}
}

func expression(covered []string) string {
	parts := make([]string, len(covered))
	for i, t := range covered {
		parts[i] = fmt.Sprintf("title eq %q", t)
	}
	return strings.Join(parts, " or ")
}

func address(who, n int) string { return fmt.Sprintf("%s.%d@example.com", name(who), n) }

func login(who, n int) string { return fmt.Sprintf("%s.login%d", name(who), n) }

func person(who int, title string) directory.User {
	return directory.User{
		Username: login(who, 0), Email: address(who, 0), Enabled: true, Title: title,
		Name: directory.Name{Given: "Given", Family: fmt.Sprintf("Family%d", who)},
	}
}

// trace notes what happens, with the virtual time since the beginning.
func (w *world) trace(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%10.3fs  %s", time.Since(w.start).Seconds(), fmt.Sprintf(format, args...)))
}

func (w *world) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace("VIOLATION: %s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, text)
}

// turn counts an operation; very many at one instant are an engine that turns in a circle.
func (w *world) turn(string) {
	w.mu.Lock()
	now := time.Now()
	if !now.Equal(w.instant) {
		w.instant, w.turns = now, 0
	}
	w.turns++
	hot := w.turns > hotTurns && !w.aborted
	if hot {
		w.aborted = true
	}
	life := w.life
	w.mu.Unlock()
	if hot {
		w.violate("the engine turns in a circle: %d operations at one instant", hotTurns)
		life.die()
	}
}

// forget drops what is remembered of a kind; "" = everything.
func (w *world) forget(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	for key := range w.memory {
		if strings.HasPrefix(key, kind) {
			delete(w.memory, key)
		}
	}
}

func (w *world) recall(key string) (v any, ok bool, writes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok = w.memory[key]
	return v, ok, w.writes
}

func (w *world) remember(key string, v any, writes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writes == writes {
		w.memory[key] = v
	}
}

func (w *world) hash(parts ...string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, w.s.Seed)
	for _, p := range parts {
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(p))
	}
	return h.Sum64()
}

// delay answers a time that follows from what it is for and how often it was asked for.
func (w *world) delay(least, most time.Duration, parts ...string) time.Duration {
	key := strings.Join(parts, "\x00")
	w.mu.Lock()
	w.seen[key]++
	n := w.seen[key]
	w.mu.Unlock()
	return least + time.Duration(w.hash(key, fmt.Sprint(n))%uint64(most-least))
}

func (w *world) takeBreak(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.breaks[kind] == 0 {
		return false
	}
	w.breaks[kind]--
	return true
}

// mishap takes the fault that waits for a request of the class.
func (w *world) mishap(class string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, f := range w.faults {
		if f.class != "any" && f.class != class || class == "CONFIG" {
			continue
		}
		if f.times--; f.times == 0 {
			w.faults = append(w.faults[:i], w.faults[i+1:]...)
		}
		switch f.kind {
		case "slow", "hang after", "hang before", "429", "429 wait", "429 page", "503 wait", "locked":
			w.tally.lastRough = time.Now()
		}
		return f.kind
	}
	return ""
}

func (w *world) current() *life {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life
}

// rest waits in virtual time.
func (w *world) rest(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

func (w *world) engineConfig(l *life) engine.Config {
	var s engine.Store = &storage{db: w.db, w: w, life: l}
	if w.mutant.store != nil {
		s = w.mutant.store(s)
	}
	owner := "simulation"
	if w.s.Runner.NewOwner {
		owner = fmt.Sprint("simulation", l.n)
	}
	return engine.Config{
		Store: s, Types: []connector.Type{slackAt(w, l)}, Owner: owner, Slots: w.s.Runner.Slots,
		Client: &http.Client{Transport: &network{w: w, life: l}, Timeout: callTimeout},
		Jitter: func(n int64) int64 { return n / 2 },
		Wanted: func(string) {
			select {
			case l.wanted <- struct{}{}:
			default:
			}
		},
	}
}
