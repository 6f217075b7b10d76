package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// schedule is everything that happens in one simulated world, as plain data: the same schedule gives the same run.
type schedule struct {
	Seed    uint64
	Target  targetKind
	Runner  runnerKind
	People  int      // of the cast, so many are in the directory at the start
	Members []member // in the workspace at the start
	Rules   []rule
	Events  []event
	Policy  policy
	Groups  groupKind
	Guard   guardKind
}

// targetKind is how the workspace behaves all the time.
type targetKind struct {
	Hidden         time.Duration // new members are not in lists and filters for so long
	FilterIgnored  bool
	ConflictStatus int
	Page           int  // rows a page at most
	Limited        bool // Slack's rate limits hold
	Paced          bool // the connection paces itself
}

// runnerKind is how the engine is run.
type runnerKind struct {
	Slots    int
	Slice    time.Duration
	NewOwner bool // after a crash another replica takes over, when the lease has run out
}

// policy is what the connection withholds.
type policy struct{ KeepLeavers, KeepDisabled bool }

// member is somebody in the workspace before Lockstep came. Who is the person of the cast, or foreign.
type member struct {
	Who    int
	State  string // like, other, off, owner, primary, bot, squatter
	Victim int    // squatter: whose username they hold
}

const foreign = -1

// rule covers people by their title, and marks whom it provisions.
type rule struct {
	Titles []string
	Mark   string
	Active bool
	Groups []int // that it carries
}

// event is one thing that happens, Gap after the one before.
type event struct {
	Gap  time.Duration
	Do   deed
	Who  int
	N    int
	Text string
}

type deed string

// What can happen.
const (
	create      deed = "create"    // Who comes into the directory, with the title Text
	retitle     deed = "title"     // Who gets the title Text, and may enter or leave a rule
	rename      deed = "rename"    // Who gets another family name
	readdress   deed = "address"   // Who gets their N-th e-mail address
	relogin     deed = "login"     // Who gets their N-th username
	disable     deed = "disable"   //
	enable      deed = "enable"    //
	remove      deed = "delete"    // Who is deleted from the directory
	ruleOn      deed = "rule on"   // rule Who
	ruleOff     deed = "rule off"  //
	ruleTitles  deed = "rule for"  // rule Who covers the titles in Text
	ruleMark    deed = "rule mark" // rule Who maps another constant
	ruleDelete  deed = "rule gone" // rule Who is deleted; N=1: with deprovisioning
	publish     deed = "publish"
	storeOff    deed = "store off"
	storeOn     deed = "store on"
	pause       deed = "pause"
	resume      deed = "resume"
	resync      deed = "resync"
	revoke      deed = "revoke"      // the token is refused from now on
	restore     deed = "restore"     // the token works again
	replace     deed = "replace"     // another token works, and the administrator enters it
	drift       deed = "drift"       // an administrator of the workspace changes Who's title there
	shut        deed = "shut"        // ... deactivates Who
	join        deed = "join"        // somebody foreign joins the workspace
	invite      deed = "invite"      // ... invites Who by hand
	fault       deed = "fault"       // the next N requests of the class Who meet the fault Text
	crashWrite  deed = "crash write" // the process dies at the N-th store write from now; Text: before, after
	crashCall   deed = "crash call"  // the process dies at the N-th call from now; Text: before, flying, after
	crashNow    deed = "crash"       //
	breakStore  deed = "store fails" // the next N store operations fail; Text: of what kind
	gracefulEnd deed = "restart"     // the process is stopped and started
)

// classes of requests for faults.
var classes = []string{"any", "POST", "PATCH", "GET", "LIST", "FIND"}

// mishaps by name: what the network and the target do wrong. See network.answer.
var mishaps = []string{
	"lost before", "lost after", "refused connection", "429", "429 wait", "429 page", "locked", "500", "500 after", "502 page", "503 wait",
	"truncated after", "page after", "slow", "hang after", "hang before", "404 page", "empty after", "401",
	"row missing", "row twice", "total wrong", "no such user 500",
}

var titles = []string{"Engineer", "Sales", "Support", "Guest"}

const (
	cast   = 10   // people who may come
	outage = 1000 // so many faults in a row end only when all faults end
)

// generate makes a schedule out of a seed; every second one has the guard on.
func generate(seed uint64) schedule {
	if seed%2 == 0 {
		return guarded(plain(seed))
	}
	return plain(seed)
}

// plain is a schedule without the guard.
func plain(seed uint64) schedule {
	r := rand.New(rand.NewPCG(seed, 0x10c5))
	s := schedule{Seed: seed, People: 2 + r.IntN(5)}
	s.Target = targetKind{ConflictStatus: 409, Page: 1000}
	if chance(r, 30) {
		s.Target.Hidden = time.Duration(1+r.IntN(20)) * time.Second
	}
	s.Target.FilterIgnored = chance(r, 15)
	if chance(r, 20) {
		s.Target.ConflictStatus = 400
	}
	if chance(r, 40) {
		s.Target.Page = 2 + r.IntN(4)
	}
	s.Target.Limited, s.Target.Paced = chance(r, 40), chance(r, 50)
	s.Runner = runnerKind{Slots: pick(r, 4, 8, 64), Slice: pick(r, 10*time.Second, 30*time.Second, 2*time.Minute), NewOwner: chance(r, 15)}
	s.Policy = policy{KeepLeavers: chance(r, 4), KeepDisabled: chance(r, 4)}
	s.Members = seeds(r)
	for n := range 1 + r.IntN(3) {
		s.Rules = append(s.Rules, rule{Titles: someTitles(r), Mark: fmt.Sprintf("rule%d", n), Active: n == 0 || chance(r, 60)})
	}
	faulty := chance(r, 85)
	focus := someFocus(r)
	n := 5 + r.IntN(21)
	for len(s.Events) < n {
		if faulty && chance(r, 4) {
			s.Events = append(s.Events, scene(r)...)
			continue
		}
		s.Events = append(s.Events, focus.on(r, someEvent(r, &s, faulty)))
	}
	return s
}

// scene is a few events that are dangerous together and would seldom meet by chance: something is done whose answer is lost, and
// the wish changes before anybody knows.
func scene(r *rand.Rand) []event {
	who := r.IntN(4)
	soon := func(do deed, n int, text string) event {
		return event{Gap: time.Duration(20+r.IntN(250)) * time.Millisecond, Do: do, Who: who, N: n, Text: text}
	}
	spoil := func(class string) event {
		e := event{Do: fault, Who: slices.Index(classes, class), N: 1, Text: pick(r, "lost after", "500 after", "page after", "truncated after", "lost before", "500")}
		if chance(r, 25) {
			return event{Do: crashCall, N: 1 + r.IntN(3), Text: pick(r, "flying", "after")}
		}
		return e
	}
	switch r.IntN(6) {
	case 0:
		who = cast - 1 - r.IntN(4) // somebody who was not there before, mostly: an account is made
		return []event{spoil("POST"), soon(create, 0, "Engineer"), soon(readdress, 1+r.IntN(2), "")}
	case 1:
		return []event{soon(retitle, 0, "Engineer"), spoil("PATCH"), soon(retitle, 0, "Sales"), soon(retitle, 0, "Engineer")}
	case 2:
		return []event{soon(enable, 0, ""), spoil("PATCH"), soon(disable, 0, ""), soon(enable, 0, "")}
	case 3:
		return []event{soon(enable, 0, ""), spoil("PATCH"), soon(disable, 0, ""), soon(enable, 0, ""), soon(rename, 0, "")}
	case 4:
		return []event{spoil("PATCH"), soon(readdress, 1, ""), spoil("GET"), soon(readdress, 2, ""), soon(rename, 0, "")}
	default:
		return []event{spoil("PATCH"), soon(retitle, 0, "Guest"), soon(retitle, 0, "Sales")}
	}
}

// focus lets things meet: one person to whom much happens, one kind of fault that comes again and again.
type focus struct {
	star   int // or -1
	fault  string
	class  int
	hurry  bool
	breaks string
}

func someFocus(r *rand.Rand) focus {
	f := focus{star: -1}
	if chance(r, 50) {
		f.star = r.IntN(3)
		f.hurry = chance(r, 60)
	}
	if chance(r, 50) {
		f.fault, f.class = pick(r, mishaps...), r.IntN(len(classes))
	}
	if chance(r, 15) {
		f.breaks = pick(r, "users", "record")
	}
	return f
}

func (f focus) on(r *rand.Rand, e event) event {
	switch e.Do {
	case retitle, readdress, disable, enable, remove, create, drift:
		if f.star >= 0 && chance(r, 60) {
			e.Who = f.star
		}
	case fault:
		if f.fault != "" && chance(r, 70) {
			e.Text, e.Who = f.fault, f.class
		}
	case breakStore:
		if f.breaks != "" {
			e.Text = f.breaks
		}
	}
	if f.hurry && chance(r, 70) {
		e.Gap = time.Duration(r.IntN(120)) * time.Millisecond
	}
	return e
}

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func someTitles(r *rand.Rand) []string {
	var out []string
	for _, t := range titles[:3] {
		if chance(r, 55) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		out = []string{"Engineer"}
	}
	return out
}

func seeds(r *rand.Rand) []member {
	out := []member{{Who: foreign, State: "primary"}}
	if chance(r, 50) {
		out = append(out, member{Who: foreign, State: "owner"})
	}
	if chance(r, 50) {
		out = append(out, member{Who: foreign, State: "bot"})
	}
	for who := range cast {
		switch {
		case chance(r, 18):
			out = append(out, member{Who: who, State: pick(r, "like", "other", "off")})
		case chance(r, 8):
			out = append(out, member{Who: foreign, State: "squatter", Victim: who})
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func gap(r *rand.Rand) time.Duration {
	switch n := r.IntN(100); {
	case n < 45:
		return time.Duration(r.IntN(150)) * time.Millisecond
	case n < 80:
		return time.Duration(r.IntN(3000)) * time.Millisecond
	case n < 96:
		return time.Duration(3+r.IntN(30)) * time.Second
	default:
		return time.Duration(1+r.IntN(5)) * time.Minute
	}
}

// weights of the deeds; the second column only in worlds with faults.
var weights = []struct {
	do   deed
	n    int
	hurt bool
}{
	{create, 14, false}, {retitle, 14, false}, {rename, 6, false}, {readdress, 8, false}, {relogin, 4, false}, {disable, 7, false}, {enable, 6, false},
	{remove, 6, false}, {ruleOn, 3, false}, {ruleOff, 2, false}, {ruleTitles, 3, false}, {ruleMark, 2, false}, {ruleDelete, 2, false}, {publish, 6, false},
	{storeOff, 1, false}, {storeOn, 2, false}, {pause, 2, false}, {resume, 4, false}, {resync, 4, false}, {gracefulEnd, 2, false},
	{revoke, 2, true}, {restore, 4, true}, {replace, 1, true}, {drift, 3, false}, {shut, 2, false}, {join, 2, false}, {invite, 2, false},
	{fault, 26, true}, {crashWrite, 6, true}, {crashCall, 6, true}, {crashNow, 1, true}, {breakStore, 3, true},
}

func someEvent(r *rand.Rand, s *schedule, faulty bool) event {
	total := 0
	for _, w := range weights {
		if faulty || !w.hurt {
			total += w.n
		}
	}
	n := r.IntN(total)
	e := event{Gap: gap(r)}
	for _, w := range weights {
		if !faulty && w.hurt {
			continue
		}
		if n -= w.n; n < 0 {
			e.Do = w.do
			break
		}
	}
	switch e.Do {
	case create, retitle:
		e.Who, e.Text = r.IntN(cast), pick(r, titles...)
	case rename, disable, enable, remove, drift, shut, invite:
		e.Who = r.IntN(cast)
	case readdress, relogin:
		e.Who, e.N = r.IntN(cast), r.IntN(3)
	case ruleOn, ruleOff, ruleMark:
		e.Who = r.IntN(len(s.Rules))
	case ruleTitles:
		e.Who, e.Text = r.IntN(len(s.Rules)), strings.Join(someTitles(r), ",")
	case ruleDelete:
		e.Who, e.N = r.IntN(len(s.Rules)), r.IntN(2)
	case fault:
		e.Who, e.Text, e.N = r.IntN(len(classes)), pick(r, mishaps...), pick(r, 1, 1, 1, 2, 3)
		if chance(r, 7) {
			e.N = outage
		}
	case crashWrite:
		e.N, e.Text = 1+r.IntN(12), pick(r, "before", "after")
	case crashCall:
		e.N, e.Text = 1+r.IntN(8), pick(r, "before", "flying", "after")
	case breakStore:
		e.N, e.Text = 1+r.IntN(3), pick(r, "read", "write", "users", "record")
	}
	return e
}

func (e event) String() string {
	what := string(e.Do)
	switch e.Do {
	case create, retitle:
		what = fmt.Sprintf("%s %s: %s", e.Do, name(e.Who), e.Text)
	case rename, disable, enable, remove, drift, shut, invite:
		what = fmt.Sprintf("%s %s", e.Do, name(e.Who))
	case readdress, relogin:
		what = fmt.Sprintf("%s %s: %d", e.Do, name(e.Who), e.N)
	case ruleOn, ruleOff, ruleMark, ruleTitles, ruleDelete:
		what = strings.TrimSpace(fmt.Sprintf("%s (rule %d, %d) %s", e.Do, e.Who, e.N, e.Text))
	case fault:
		what = fmt.Sprintf("%s %q at the next %d %s", e.Do, e.Text, e.N, classes[e.Who])
	case crashWrite, crashCall, breakStore:
		what = fmt.Sprintf("%s %d %s", e.Do, e.N, e.Text)
	case exodus, homecoming, approve, reject, away, limits:
		what = fmt.Sprintf("%s %d %s (from %s)", e.Do, e.N, e.Text, name(e.Who))
	}
	return fmt.Sprintf("+%-8v %s", e.Gap, what)
}

func name(who int) string { return fmt.Sprintf("p%02d", who) }

func (s schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %+v, %+v, %+v; %d people at first\n", s.Seed, s.Target, s.Runner, s.Policy, s.People)
	for i, r := range s.Rules {
		fmt.Fprintf(&b, "  rule %d: %s, active %v\n", i, strings.Join(r.Titles, ", "), r.Active)
	}
	fmt.Fprintf(&b, "  members: %+v\n", s.Members)
	if s.Guard.on() {
		fmt.Fprintf(&b, "  guard: %+v\n", s.Guard)
	}
	for i, e := range s.Events {
		fmt.Fprintf(&b, "  %2d %s\n", i, e)
	}
	return b.String()
}
