package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// truth is what was edited and what the workspace did, kept apart from the engine: what is expected follows from it, by rules
// that are said here once more, in the plainest way.
type truth struct {
	// mu guards history, published and covered: events write them, and the workspace's side reads them while it answers.
	mu sync.Mutex

	objects map[string]int // directory id -> person
	history [cast][]version
	drafts  []draft
	storeOn bool // as drafted

	unpublished bool // something was drafted since the last revision
	published   []publication
	owner       map[string]int // member -> person, or foreign
	seeded      map[string]sandbox.Member
	made        map[string]bool      // members that the engine created
	touched     map[string]bool      // members that the engine wrote
	tied        map[string]string    // member -> the directory id of whom it was made for or given to
	drifted     map[int]bool         // somebody changed the person's member by hand, and no listing was made since
	covered     map[int]map[int]bool // person -> rules that may have decided for them, ever
	paused      time.Time            // zero: not paused
	revoked     time.Time            // zero: the token works
	foreigns    int

	groups []groupTruth
	home   string
}

// version is a person in the directory from a time on; nobody: they are not there.
type version struct {
	at   time.Time
	user *directory.User
}

type draft struct {
	id string
	rule
	gone, deprovision bool
}

type publication struct {
	id      string
	at      time.Time
	rules   []draft
	storeOn bool
	limits  provision.DeprovisionLimits
	home    string // the population that the rules ask for; "" = they do not
}

func (t *truth) now(who int) *directory.User {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current(who)
}

// current is now for who holds mu.
func (t *truth) current(who int) *directory.User {
	h := t.history[who]
	if len(h) == 0 {
		return nil
	}
	return h[len(h)-1].user
}

func (t *truth) edit(who int, u *directory.User) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.history[who] = append(t.history[who], version{time.Now(), u})
	if u != nil {
		t.objects[u.ID] = who
	}
	t.cover(who)
}

func (t *truth) publish(id string, limits provision.DeprovisionLimits) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unpublished = false
	t.published = append(t.published, publication{id, time.Now(), slices.Clone(t.drafts), t.storeOn, limits, t.home})
	for who := range cast {
		t.cover(who)
	}
}

// cover notes which rules may decide for a person now: by what is published, and by what was published just before. The caller
// holds mu.
func (t *truth) cover(who int) {
	u := t.current(who)
	for _, p := range t.published[max(len(t.published)-2, 0):] {
		if n := p.decides(u); n >= 0 {
			if t.covered[who] == nil {
				t.covered[who] = map[int]bool{}
			}
			t.covered[who][n] = true
		}
	}
}

// decides answers the rule that covers somebody, or -1: the first active one.
func (p publication) decides(u *directory.User) int {
	if u == nil || !p.storeOn || p.home != "" && u.PopulationID != p.home {
		return -1
	}
	return slices.IndexFunc(p.rules, func(d draft) bool { return d.Active && !d.gone && slices.Contains(d.Titles, u.Title) })
}

func (t *truth) latest() publication {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.published[len(t.published)-1]
}

// takesAway reports whether everybody who may have decided for the person takes access away from those who leave.
func (t *truth) takesAway(who int, p publication) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.covered[who] {
		d := p.rules[n]
		if d.gone && !d.deprovision || !d.gone && !d.Active {
			return false
		}
	}
	return true
}

// leavesAlone is the opposite: nobody may take access away.
func (t *truth) leavesAlone(who int, p publication) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.covered[who] {
		d := p.rules[n]
		if d.gone && d.deprovision || !d.gone && d.Active {
			return false
		}
	}
	return true
}

// mayBeInactive reports whether there was a moment since then at which the person could rightly lose access.
func (t *truth) mayBeInactive(who int, since time.Time) bool {
	users, states := t.usersSince(who, since), t.statesSince(since)
	for _, p := range states {
		if !p.storeOn {
			continue
		}
		for _, u := range users {
			switch {
			case p.decides(u) < 0 && !t.leavesAlone(who, p):
				return true
			case p.decides(u) >= 0 && !u.Enabled:
				return true
			}
		}
	}
	return false
}

func (t *truth) usersSince(who int, since time.Time) []*directory.User {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*directory.User
	h := t.history[who]
	for i, v := range h {
		if i == len(h)-1 || h[i+1].at.After(since) {
			out = append(out, v.user)
		}
	}
	return out
}

func (t *truth) statesSince(since time.Time) []publication {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []publication
	for i, p := range t.published {
		if i == len(t.published)-1 || t.published[i+1].at.After(since) {
			out = append(out, p)
		}
	}
	return out
}

// whose answers the person whom a member's address names.
func whose(email string) int {
	var who, n int
	if _, err := fmt.Sscanf(strings.ToLower(email), "p%d.%d@example.com", &who, &n); err != nil {
		return foreign
	}
	return who
}

// membersOf lists a person's accounts. One that was there before is theirs as long as it has their address, or from when the
// engine adopted it: nothing else ties the two.
func (w *world) membersOf(who int) []sandbox.Member {
	t := &w.truth
	var out []sandbox.Member
	for _, m := range w.workspace.Members() {
		u := t.now(who)
		same := u != nil && strings.EqualFold(u.Email, m.PrimaryEmail)
		tied := w.tiedTo(m.ID)
		if w.ownerOf(m.ID) == who && (same || tied != "" && (u == nil || tied == u.ID)) {
			out = append(out, m)
		}
	}
	if len(out) > 1 {
		out = slices.DeleteFunc(out, w.wasAway)
	}
	return out
}

// wasAway reports whether a member who was there from the beginning is linked to nobody: when the person's account was made they had
// another address, by which nobody could have found this one, and came back to it since.
func (w *world) wasAway(m sandbox.Member) bool {
	if _, seeded := w.truth.seeded[m.ID]; !seeded {
		return false
	}
	rows, err := w.db.AccountsByRemote(w.ctx, w.connection.ID, directory.KindUser, []string{m.ID})
	return err == nil && (len(rows) == 0 || len(rows) == 1 && rows[0].ObjectID == "")
}

func (w *world) ownerOf(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if who, ok := w.truth.owner[id]; ok {
		return who
	}
	return foreign
}

// tiedTo answers the directory id of whom a member was made for or given to; "" = of nobody.
func (w *world) tiedTo(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.truth.tied[id]
}

// check compares the workspace with what is expected of it at rest. strict says that a full listing was made since the last
// change by hand.
func (w *world) check(when string, strict bool) {
	t := &w.truth
	p := t.latest()
	for who := range cast {
		members, u := w.membersOf(who), t.now(who)
		if !strict && t.drifted[who] {
			continue
		}
		decided := p.decides(u)
		switch {
		case len(members) > 1 && u != nil:
			w.violate("%s: %s has %d accounts", when, name(who), len(members))
		case decided >= 0 && u.Enabled:
			if len(members) == 0 {
				w.violate("%s: %s has no account", when, name(who))
				continue
			}
			w.same(when, who, u, p.rules[decided].Mark, members[0])
			t.tied[members[0].ID] = u.ID
		case len(members) == 0:
		case decided >= 0:
			if members[0].Active && !w.s.Policy.KeepDisabled && !w.kept(members[0].ID) {
				w.violate("%s: %s is disabled, and the account is open", when, name(who))
			}
		default:
			for _, m := range members {
				w.checkLeft(when, who, p, m)
			}
		}
	}
	w.checkGroups(when, strict)
	for id, m := range t.seeded {
		if now := w.byID()[id]; w.ownerOf(id) == foreign && fmt.Sprint(now) != fmt.Sprint(m) {
			w.violate("%s: the foreign member %s was changed", when, m.UserName)
		}
	}
}

func (w *world) checkLeft(when string, who int, p publication, m sandbox.Member) {
	t := &w.truth
	switch {
	case len(t.covered[who]) == 0:
		if t.touched[m.ID] {
			w.violate("%s: no rule ever covered %s, and the account was written", when, name(who))
		}
	case t.takesAway(who, p) && (t.made[m.ID] || t.touched[m.ID] || t.tied[m.ID] != "") && m.Active && !w.s.Policy.KeepLeavers && !w.kept(m.ID):
		w.violate("%s: nobody covers %s any more, and the account is open", when, name(who))
	}
}

// same compares a member with the person.
func (w *world) same(when string, who int, u *directory.User, mark string, m sandbox.Member) {
	var wrong []string
	differ := func(attribute, is, want string) {
		if is != want {
			wrong = append(wrong, fmt.Sprintf("%s is %q, wanted %q", attribute, is, want))
		}
	}
	if !m.Active {
		wrong = append(wrong, "the account is not active")
	}
	differ("title", m.Title, u.Title)
	differ("familyName", m.FamilyName, u.Name.Family)
	differ("primaryEmail", strings.ToLower(m.PrimaryEmail), u.Email)
	differ("userType", m.Profile["userType"], mark)
	if !strings.HasPrefix(m.UserName, u.Username) || m.UserName != u.Username && !w.squatted(u.Username) {
		differ("userName", m.UserName, u.Username)
	}
	if len(wrong) > 0 {
		w.violate("%s: %s: %s", when, name(who), strings.Join(wrong, "; "))
	}
}

func (w *world) squatted(login string) bool {
	holds := func(m sandbox.Member) bool { return m.UserName == login }
	return slices.ContainsFunc(slices.Collect(maps.Values(w.truth.seeded)), holds) || slices.ContainsFunc(w.workspace.Members(), holds)
}
