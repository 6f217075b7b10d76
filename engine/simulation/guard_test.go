package simulation

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// What can happen around the mass-deprovision guard.
const (
	exodus     deed = "exodus"     // N people from Who on leave in one import; Text: how
	homecoming deed = "homecoming" // N people from Who on are all covered again, in one import
	approve    deed = "approve"    // the administrator approves N of what is held; 0 = all
	reject     deed = "reject"     // ... rejects N
	away       deed = "away"       // no process runs for the time Text, and nobody decides
	limits     deed = "limits"     // the connection gets the N-th limits, as a draft
)

// How people leave in an import: they are disabled, get a title that no rule covers, or the population that the rules ask for is emptied.
var exits = []string{"disabled", "title", "population"}

// guardKind is the guard of a world, and what the administrator does about what is held when the faults have stopped. The zero kind
// is off, as in every second world.
type guardKind struct {
	Share, Count float64
	End          string // approve, reject, nothing: then it expires
}

func (k guardKind) on() bool { return k.End != "" }

func (k guardKind) limits() provision.DeprovisionLimits {
	if !k.on() {
		return provision.DeprovisionLimits{Share: 100}
	}
	return provision.DeprovisionLimits{Share: k.Share, Count: k.Count}
}

var someLimits = []provision.DeprovisionLimits{{Share: 100}, {Share: 60, Count: 1}, {Share: 10, Count: 2}, {Share: 20, Count: 0}, {Share: 0, Count: 4}}

// guarded makes a world with the guard on out of one without: mass edits and decisions come between its events, some of which are
// left out.
func guarded(s schedule) schedule {
	r := rand.New(rand.NewPCG(s.Seed, 0x6a7d))
	s.Guard = guardKind{Share: pick(r, 5.0, 10, 20, 30, 50), Count: float64(r.IntN(4)), End: pick(r, "approve", "reject", "nothing")}
	s.People = 4 + r.IntN(5)
	var events []event
	for _, e := range s.Events {
		switch {
		case chance(r, 8):
			events = append(events, guardScene(r, len(s.Rules))...)
		case chance(r, 25):
			events = append(events, someGuardEvent(r))
		}
		if chance(r, 75) {
			events = append(events, e)
		}
	}
	events = append(events, guardScene(r, len(s.Rules))...)
	s.Events = events
	return s
}

func someGuardEvent(r *rand.Rand) event {
	e := event{Gap: gap(r), Who: r.IntN(cast), N: r.IntN(4)}
	e.Do = pick(r, exodus, exodus, homecoming, approve, approve, reject, limits)
	switch e.Do {
	case exodus, homecoming:
		e.N, e.Text = 1+r.IntN(cast), pick(r, exits...)
	case limits:
		e.N = r.IntN(len(someLimits))
	}
	return e
}

// guardScene is a few events that are dangerous together.
func guardScene(r *rand.Rand, rules int) []event {
	way, who, rule := pick(r, exits...), r.IntN(cast), r.IntN(rules)
	do := func(d deed, n int, text string) event {
		return event{Gap: pick(r, 0, 100*time.Millisecond, time.Second, 4*time.Second, 40*time.Second), Do: d, Who: who, N: n, Text: text}
	}
	decision := do(pick(r, approve, reject), r.IntN(3), "")
	trouble := pick(r,
		event{Do: crashWrite, N: 1 + r.IntN(6), Text: pick(r, "before", "after")}, event{Do: crashCall, N: 1 + r.IntN(4), Text: pick(r, "before", "flying", "after")},
		event{Do: fault, Who: slices.Index(classes, "PATCH"), N: 1 + r.IntN(3), Text: pick(r, "lost after", "500 after", "lost before", "429 wait", "truncated after", "hang after")},
		event{Do: breakStore, N: 1 + r.IntN(2), Text: pick(r, "read", "write", "record")}, event{Do: pause}, event{Do: revoke}, event{Do: gracefulEnd})
	over := []event{{Gap: time.Second, Do: resume}, {Do: restore}}
	switch r.IntN(8) {
	case 0:
		return append([]event{trouble, do(exodus, 2+r.IntN(8), way), decision}, over...)
	case 1:
		return append([]event{do(exodus, 2+r.IntN(8), way), trouble, decision}, over...)
	case 2:
		return []event{do(exodus, 2+r.IntN(8), way), {Gap: time.Second, Do: away, Text: pick(r, provision.HoldFor, provision.GuardWindow).String()}}
	case 3: // one after the other, each of them below the limits
		var drops []event
		for n := range 6 {
			if chance(r, 40) {
				drops = append(drops, trouble)
			}
			drops = append(drops, event{Gap: time.Duration(r.IntN(9)) * time.Second, Do: exodus, Who: (who + n) % cast, N: 1, Text: way})
		}
		return append(drops, over...)
	case 4: // approved for one reason, and gone for another
		return []event{do(exodus, cast, way), {Gap: 2 * time.Second, Do: pause}, do(approve, 0, ""), do(exodus, cast, pick(r, exits...)), do(homecoming, 3, ""), {Gap: 5 * time.Second, Do: resume}}
	case 5: // back, and away once more
		return append([]event{do(exodus, cast, way), decision, do(homecoming, cast, ""), trouble, do(exodus, cast, way)}, over...)
	case 6: // a filter edited into nothing
		return append([]event{{Do: ruleTitles, Who: rule, Text: "Nobody"}, {Do: publish}, do(resync, 0, ""), decision, {Do: ruleTitles, Who: rule, Text: "Engineer,Sales"}, do(publish, 0, "")}, over...)
	default: // a rule deleted, with deprovisioning
		return append([]event{trouble, {Do: ruleDelete, Who: rule, N: 1}, {Do: publish}, decision, {Gap: time.Second, Do: limits, N: r.IntN(len(someLimits))}, do(publish, 0, "")}, over...)
	}
}

const adminName = "Admin"

// guardTally is what the test knows of the guard: kept apart from what the engine keeps.
type guardTally struct {
	mu       sync.Mutex
	closed   map[string]time.Time // member -> when the engine closed it without a decision
	approved map[string]decision  // member -> the approval that was not used yet
	refused  map[string]decision  // member -> the rejection, also by silence
	access   []sample
	overdue  map[string]time.Time // member -> since when it should be closed, in clear weather
}

// decision is what was decided about a member's leaving, and the kinds of reasons for it at that time.
type decision struct {
	at     time.Time
	whys   map[string]bool
	object string // whose account it is: who comes back after a deletion is another
}

// sample is how many people had access at a time.
type sample struct {
	at     time.Time
	people int
}

func newGuardTally() guardTally {
	return guardTally{closed: map[string]time.Time{}, approved: map[string]decision{}, refused: map[string]decision{}, overdue: map[string]time.Time{}}
}

// setUpPopulations: in worlds with the guard, rules ask for a population as well, so that it can be emptied.
func (w *world) setUpPopulations() error {
	if !w.s.Guard.on() {
		return nil
	}
	list, err := w.people.Populations(w.ctx, w.env.ID)
	if err != nil {
		return err
	}
	w.home = list[0]
	w.truth.home = w.home.ID
	w.abroad, err = w.people.CreatePopulation(w.ctx, w.env.ID, directory.Population{Name: "Elsewhere"})
	return err
}

func (w *world) atGuard(e event) error {
	if !w.s.Guard.on() {
		return nil
	}
	switch e.Do {
	case exodus, homecoming:
		return w.importMany(e)
	case approve, reject:
		return w.decideHeld(e)
	default:
		d, err := time.ParseDuration(e.Text)
		if err == nil {
			w.restart(d)
		}
		return err
	}
}

// importMany edits many people in one import: it is one transaction.
func (w *world) importMany(e event) error {
	var file strings.Builder
	file.WriteString("username,enabled,title,population\n")
	var edited []int
	for n := range cast {
		who := (e.Who + n) % cast
		u := w.truth.now(who)
		if u == nil || len(edited) == e.N {
			continue
		}
		enabled, title, population := fmt.Sprint(u.Enabled), u.Title, w.home.Name
		if u.PopulationID != w.home.ID {
			population = w.abroad.Name
		}
		switch {
		case e.Do == homecoming:
			enabled, title, population = "true", "Engineer", w.home.Name
		case e.Text == "disabled":
			enabled = "false"
		case e.Text == "title":
			title = "Guest"
		default:
			population = w.abroad.Name
		}
		fmt.Fprintf(&file, "%s,%s,%s,%s\n", u.Username, enabled, title, population)
		edited = append(edited, who)
	}
	if len(edited) == 0 {
		return nil
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(file.String())), nil }
	report, err := w.people.Import(w.ctx, w.env.ID, open, directory.ImportOptions{})
	if err != nil || report.Refused > 0 {
		return fmt.Errorf("import: %w %+v", err, report.Refusals)
	}
	for _, who := range edited {
		before := w.truth.now(who)
		after, err := w.people.User(w.ctx, w.env.ID, before.ID)
		if err != nil {
			return err
		}
		if before.Enabled != after.Enabled || before.Title != after.Title || before.PopulationID != after.PopulationID {
			w.truth.edit(who, &after)
		}
	}
	return nil
}

// decideHeld is the administrator, who decides about what is held, if anything is.
func (w *world) decideHeld(e event) error {
	door := directory.WithOrigin(atDoor(w.ctx), directory.Origin{Actor: directory.Actor{Type: "USER", ID: "admin", Name: adminName}})
	holds, err := w.observer.DeprovisionHolds(door, w.env.ID, w.connection.ID)
	if err != nil || len(holds) == 0 {
		return err
	}
	rows, err := w.db.HeldRows(w.ctx, holds[0].ID, "", "", 100)
	if err != nil || len(rows) == 0 {
		return err
	}
	var objects []string
	for i := range min(e.N, len(rows)) {
		objects = append(objects, rows[(e.Who+i)%len(rows)].ObjectID)
	}
	_, n, err := w.current().engine.DecideDeprovision(door, w.env.ID, holds[0].ID, e.Do == approve, objects)
	if err == nil {
		w.trace("  decided: %s %d", e.Do, n)
	}
	return nil // somebody may have returned, or it expired, at this moment
}

// decided notes a decision when it is kept, also one by silence: rows are those that were held just before.
func (w *world) decided(d provision.HoldDecision, rows []provision.Account) {
	g := &w.guard
	for i := range rows {
		if len(d.Objects) > 0 && !slices.Contains(d.Objects, rows[i].ObjectID) {
			continue
		}
		who, known := w.truth.person(rows[i].ObjectID)
		if !known {
			continue
		}
		// What the hold showed is what the engine knew: an edit of the last moment is another reason, which was not decided about.
		made := decision{at: w.allowance(), whys: w.whysOut(who, time.Now().Add(-inFlight)), object: rows[i].ObjectID}
		if w.replaced(who, made.object) {
			made.whys["deleted"] = true
		}
		g.mu.Lock()
		delete(g.approved, rows[i].RemoteID)
		delete(g.refused, rows[i].RemoteID)
		if d.Status == provision.HoldApproved && d.By == adminName { // nobody else may approve, silence least of all
			g.approved[rows[i].RemoteID] = made
		} else {
			g.refused[rows[i].RemoteID] = made
		}
		g.mu.Unlock()
	}
}

// replaced reports whether somebody was deleted: who came back since has the account of another.
func (w *world) replaced(who int, object string) bool {
	u := w.truth.now(who)
	return u == nil || u.ID != object
}

// whysOut lists why somebody was to have no access since then: the kinds of reasons that an administrator tells apart at least.
func (w *world) whysOut(who int, since time.Time) map[string]bool {
	out := map[string]bool{}
	for _, p := range w.truth.statesSince(since) {
		for _, u := range w.truth.usersSince(who, since) {
			if u == nil {
				out["deleted"] = true
				continue
			}
			if p.decides(u) < 0 {
				out["left"] = true
			}
			if !u.Enabled {
				out["disabled"] = true
			}
		}
	}
	return out
}

// judgeClosing: a member whom the engine closes was approved, or it is below the limits; and nobody rejected it.
func (w *world) judgeClosing(who int, id string) {
	if !w.s.Guard.on() {
		return
	}
	g, now := &w.guard, time.Now()
	whys := w.whysOut(who, w.allowance())
	g.mu.Lock()
	defer g.mu.Unlock()
	if d, ok := g.refused[id]; ok && !w.truth.movedSince(who, d.at) {
		w.violate("%s was deactivated although that was rejected, and nothing has changed since", name(who))
	}
	d, ok := g.approved[id]
	delete(g.approved, id)
	if w.replaced(who, d.object) {
		whys["deleted"] = true
	}
	if ok && slices.ContainsFunc(slices.Collect(maps.Keys(whys)), func(why string) bool { return d.whys[why] }) {
		return
	}
	g.closed[id] = now
	n := 0
	for member, at := range g.closed {
		if m, there := w.byID()[member]; there && !m.Active && now.Sub(at) < provision.GuardWindow {
			n++
		}
	}
	people := w.peopleWith(now, n)
	for _, s := range g.access {
		if now.Sub(s.at) < 2*provision.GuardWindow {
			people = max(people, s.people)
		}
	}
	for _, p := range w.truth.statesSince(now.Add(-2 * provision.GuardWindow)) {
		// One more: somebody who was closed between two looks at who has access.
		if float64(n) <= p.limits.Count || float64(n)*100 <= p.limits.Share*float64(people+1) {
			return
		}
	}
	w.violate("%s was deactivated without a decision: %d of %d people within an hour, and the limits are %+v", name(who), n, people, w.truth.latest().limits)
}

// peopleWith counts the people with access, and those who lost it lately.
func (w *world) peopleWith(_ time.Time, lately int) int {
	n := lately
	for id, m := range w.byID() {
		if m.Active && w.ownerOf(id) != foreign {
			n++
		}
	}
	return n
}

func (t *truth) person(objectID string) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who, known := t.objects[objectID]
	return who, known
}

// movedSince reports whether the person was edited, or anything published, since.
func (t *truth) movedSince(who int, since time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.history[who]
	return len(h) > 0 && !h[len(h)-1].at.Before(since) || !t.published[len(t.published)-1].at.Before(since) // in the same moment: another reason
}

// bound is how long an account may stay open in clear weather when it should be closed: half a minute at the gate, a second of silence,
// and the visit. Clear weather: a process runs, the connection is not paused and its token works, and no call and no write failed since.
const bound = 36 * time.Second

// rough notes that something went wrong: from here on the bound is counted anew.
func (w *world) rough() {
	w.mu.Lock()
	w.tally.roughAt = time.Now()
	w.mu.Unlock()
}

// watch looks for members that stay open beyond the bound.
func (w *world) watch() {
	if !w.s.Guard.on() {
		return
	}
	state, err := w.outside.Runner(atDoor(w.ctx), w.env.ID, w.connection.ID)
	if err != nil {
		return // it is looked at again soon
	}
	now, p, members := time.Now(), w.truth.latest(), w.byID()
	w.mu.Lock()
	rough := w.tally.roughAt
	if !w.truth.paused.IsZero() || !w.truth.revoked.IsZero() || !p.storeOn || state.Trip != nil {
		rough = now
	}
	w.mu.Unlock()
	g := &w.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	if people := w.peopleWith(now, 0); len(g.access) == 0 || g.access[len(g.access)-1].people != people || now.Sub(g.access[len(g.access)-1].at) > time.Minute {
		g.access = append(g.access, sample{now, people})
	}
	for id, m := range members {
		who := w.ownerOf(id)
		if who == foreign || !m.Active || !w.mustClose(who, p, id) {
			delete(g.overdue, id)
			continue
		}
		since, ok := g.overdue[id]
		if !ok || rough.After(since) {
			g.overdue[id] = now
			continue
		}
		if now.Sub(since) <= bound {
			continue
		}
		if w.excused(id) {
			g.overdue[id] = now
		} else {
			w.violate("%s is to have no access for %v, and the account is open", name(who), now.Sub(since))
			g.overdue[id] = now.Add(time.Hour)
		}
	}
}

// mustClose reports whether a member's account must be closed: by what is edited and published now.
func (w *world) mustClose(who int, p publication, id string) bool {
	t := &w.truth
	w.mu.Lock()
	ours := t.made[id] || t.touched[id] || t.tied[id] != ""
	w.mu.Unlock()
	u := t.now(who)
	switch {
	case !ours || t.drifted[who] || !p.storeOn:
		return false
	case p.decides(u) >= 0:
		return !u.Enabled && !w.s.Policy.KeepDisabled
	default:
		return len(t.covered[who]) > 0 && t.takesAway(who, p) && !w.s.Policy.KeepLeavers
	}
}

// excused reports whether a member stays open for a reason that is shown: somebody is asked, or said no; or a call failed, and the row
// says when the next one is.
func (w *world) excused(id string) bool {
	if state, err := w.db.Runner(w.ctx, w.env.ID, w.connection.ID); err != nil || state.Halt != nil {
		return true // the credentials or the configuration: it is probed
	}
	rows, err := w.db.AccountsByRemote(w.ctx, w.connection.ID, directory.KindUser, []string{id})
	if err != nil || len(rows) != 1 {
		return true // nobody's any more, or not yet
	}
	row := &rows[0]
	switch row.Gate.State {
	case provision.GateHeld:
		hold, err := w.db.OpenHold(w.ctx, w.connection.ID)
		return err == nil && hold.ID == row.Gate.HoldID
	case provision.GateRejected:
		_, said := w.guard.refused[id]
		return said
	}
	return row.Fault != nil && row.DueAt.After(time.Now())
}

// kept reports whether a member is open rightly because it is held, or was rejected.
func (w *world) kept(id string) bool {
	if !w.s.Guard.on() {
		return false
	}
	w.guard.mu.Lock()
	defer w.guard.mu.Unlock()
	rows, err := w.db.AccountsByRemote(w.ctx, w.connection.ID, directory.KindUser, []string{id})
	if err != nil || len(rows) != 1 {
		return false
	}
	_, said := w.guard.refused[id]
	return rows[0].Gate.State == provision.GateRejected && said || rows[0].Gate.State == provision.GateHeld
}

// staysIn reports whether a member is in a group rightly although they should not be: it is held or was rejected that they are taken
// out, or they keep their access because of that.
func (w *world) staysIn(group, member string) bool {
	if !w.s.Guard.on() {
		return false
	}
	if w.kept(member) {
		return true
	}
	rows, err := w.db.AccountsByRemote(w.ctx, w.connection.ID, directory.KindGroup, []string{group})
	return err == nil && len(rows) == 1 && slices.Contains(rows[0].Leaving, member) &&
		(rows[0].Gate.State == provision.GateHeld || rows[0].Gate.State == provision.GateRejected)
}

// stayers counts who is in a rule still only because somebody said that they keep their access.
func (w *world) stayers(n int, p publication) (out int64) {
	rows, err := w.db.AccountPage(w.ctx, provision.AccountQuery{ConnectionID: w.connection.ID, RuleID: p.rules[n].id, Kind: directory.KindUser, Limit: 100})
	if err != nil {
		return 0
	}
	for i := range rows {
		who, _ := w.truth.person(rows[i].ObjectID)
		if rows[i].Gate.State == provision.GateRejected && rows[i].InScope && p.decides(w.truth.now(who)) != n {
			out++
		}
	}
	return out
}

// decideAll is the end of what is held: whatever the administrator does, nothing is held for ever.
func (w *world) decideAll() bool {
	for range 10 {
		holds, err := w.observer.DeprovisionHolds(atDoor(w.ctx), w.env.ID, w.connection.ID)
		if err != nil || len(holds) == 0 {
			return err == nil
		}
		w.trace("# at the end: %s", w.s.Guard.End)
		switch w.s.Guard.End {
		case "approve":
			err = w.happen(event{Do: approve})
		case "reject":
			err = w.happen(event{Do: reject})
		default:
			w.restart(provision.HoldFor)
			for begin := time.Now(); time.Since(begin) < time.Minute; w.rest(poll) { // until the process has seen how late it is
				if open, err := w.observer.DeprovisionHolds(atDoor(w.ctx), w.env.ID, w.connection.ID); err == nil && len(open) == 0 {
					break
				}
			}
		}
		if err != nil || !w.settle() {
			return false
		}
	}
	w.violate("something is held however often it is decided")
	return true
}
