package simulation

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

const (
	inFlight      = 3 * time.Second  // what was edited so shortly before a write need not be in it
	inFlightRough = 90 * time.Second // ... while the target holds calls up
	sameAMinute   = 65               // of the same call: a target may say "again in a second", and more is hammering
	callsAMinute  = 150              // the engine needs fewer than 90
)

// written looks at a write that the workspace carried out.
func (w *world) written(r *http.Request, before, after map[string]sandbox.Member) {
	for id, m := range after {
		was, known := before[id]
		switch {
		case !known:
			w.wasMade(m)
		case fmt.Sprint(was) != fmt.Sprint(m) || strings.HasSuffix(r.URL.Path, id):
			w.wasChanged(was, m)
		}
	}
}

func (w *world) wasMade(m sandbox.Member) {
	who := whose(m.PrimaryEmail)
	if who == foreign {
		w.violate("an account was made for nobody: %s", m.PrimaryEmail)
		return
	}
	if others := w.membersOf(who); len(others) > 0 {
		w.violate("a second account was made for %s: %s beside %s", name(who), m.PrimaryEmail, others[0].PrimaryEmail)
	}
	if !w.mayBeActive(who) {
		w.violate("an account was made for %s, who should have none", name(who))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.truth.owner[m.ID] = who
	w.truth.made[m.ID] = true
	if u := w.truth.now(who); u != nil {
		w.truth.tied[m.ID] = u.ID
	}
}

// allowance is how old a decision may be.
func (w *world) allowance() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rough := w.tally.lastRough; !rough.IsZero() && time.Since(rough) < 2*time.Minute {
		return time.Now().Add(-inFlightRough)
	}
	return time.Now().Add(-inFlight)
}

// mayBeActive reports whether the person was to have an open account, shortly ago or now.
func (w *world) mayBeActive(who int) bool {
	since := w.allowance()
	for _, p := range w.truth.statesSince(since) {
		for _, u := range w.truth.usersSince(who, since) {
			if p.decides(u) >= 0 && u.Enabled {
				return true
			}
		}
	}
	return false
}

func (w *world) wasChanged(was, m sandbox.Member) {
	who := w.ownerOf(m.ID)
	if who == foreign {
		w.violate("the foreign member %s was written", was.UserName)
		return
	}
	w.mu.Lock()
	w.truth.touched[m.ID] = true
	if u := w.truth.now(who); u != nil && m.Active {
		w.truth.tied[m.ID] = u.ID
	}
	w.mu.Unlock()
	if owner := whose(m.PrimaryEmail); owner != who {
		w.violate("the account of %s got the address %s", name(who), m.PrimaryEmail)
	}
	switch {
	case was.Active && !m.Active && !w.truth.mayBeInactive(who, w.allowance()) && !w.tiedToNobody(m.ID) && !w.wasBetrayed(who, m.ID):
		w.violate("%s was deactivated, and should be active", name(who))
	case was.Active && !m.Active:
		w.judgeClosing(who, m.ID)
	case !was.Active && m.Active && !w.mayBeActive(who):
		w.violate("%s was activated, and should not be active", name(who))
	}
}

// tiedToNobody reports whether the member's row is that of somebody who was deleted: until whoever came back in their place has
// adopted the account, it is the deleted one's, and is closed.
func (w *world) tiedToNobody(id string) bool {
	rows, err := w.db.AccountsByRemote(w.ctx, w.connection.ID, directory.KindUser, []string{id})
	if err != nil || len(rows) != 1 {
		return false
	}
	for who := range cast {
		if u := w.truth.now(who); u != nil && u.ID == rows[0].ObjectID {
			return false
		}
	}
	return true
}

// called looks at a request when it is sent.
func (w *world) called(l *life, class, path, key string) {
	now := time.Now()
	w.mu.Lock()
	w.tally.calls++
	minute := int64(now.Sub(w.start) / time.Minute)
	w.tally.perMinute[minute]++
	many := w.tally.perMinute[minute] == callsAMinute
	w.tally.repeated[fmt.Sprint(minute, key)]++
	again := w.tally.repeated[fmt.Sprint(minute, key)] == sameAMinute
	until := w.tally.notBefore[fmt.Sprint(l.n, class)]
	if one := w.tally.notBefore[fmt.Sprint(l.n, path)]; class == "PATCH" && one.until.After(until.until) {
		until = one
	}
	paused, revoked := w.truth.paused, w.tally.told
	w.mu.Unlock()
	if many {
		w.violate("more than %d calls in a minute", callsAMinute)
	}
	if again {
		w.violate("the same %s was called %d times in a minute", class, sameAMinute)
	}
	// A test of the connection does not know of the one before it: it is made every five seconds at most.
	if class != "TEST" && now.After(until.from) && now.Before(until.until) {
		w.violate("%s was called %v before the time that Retry-After gave", class, until.until.Sub(now))
	}
	if !paused.IsZero() && now.Sub(paused) > time.Second && (class == http.MethodPost || class == http.MethodPatch) {
		w.violate("%s was called %v after the connection was paused", class, now.Sub(paused))
	}
	if !revoked.IsZero() && now.Sub(revoked) > 10*time.Second && (class == http.MethodPost || class == http.MethodPatch) {
		w.violate("%s was called %v after the token was revoked", class, now.Sub(revoked))
	}
}

// answered looks at an answer when it arrives: it may say when to come back.
func (w *world) answered(l *life, class, path string, r *http.Response) {
	var seconds int
	if r.StatusCode >= http.StatusBadRequest {
		w.rough()
	}
	w.mu.Lock()
	if r.StatusCode == http.StatusUnauthorized && !w.truth.revoked.IsZero() && w.tally.told.IsZero() {
		w.tally.told = time.Now()
	}
	w.mu.Unlock()
	_, err := fmt.Sscan(r.Header.Get("Retry-After"), &seconds)
	w.mu.Lock()
	replaced := time.Since(w.tally.replaced) < 300*time.Millisecond // the answer to a call with the old token
	w.mu.Unlock()
	if lock := seconds == 1; err != nil || replaced || r.StatusCode != http.StatusTooManyRequests || lock && class != http.MethodPatch {
		return
	}
	// What had its turn before the answer came is on its way.
	until := window{time.Now().Add(20 * time.Millisecond), time.Now().Add(time.Duration(seconds)*time.Second - 5*time.Millisecond)}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := fmt.Sprint(l.n, class)
	if seconds == 1 { // a lock is the member's, not everybody's
		key = fmt.Sprint(l.n, path)
	}
	w.tally.notBefore[key] = until
}

// recorded looks at rows that were committed.
func (w *world) recorded(save []*provision.Account, _ []directory.Activity) {
	for _, a := range save {
		if a.Fault != nil {
			w.trace("  %s: %s %s (%s), again at %s", a.ObjectName, a.Status, a.Fault.Code, a.Phase, a.DueAt.Sub(w.start))
		}
	}
}

// probe asks for the status as an administrator would, and sees whether it tells the truth.
func (w *world) probe() {
	p := w.truth.latest()
	for n, d := range p.rules {
		if d.gone || w.truth.drafts[n].gone {
			continue
		}
		status, err := w.observer.Status(atDoor(w.ctx), w.env.ID, d.id)
		if err != nil {
			w.violate("the status cannot be read: %v", err)
			continue
		}
		w.judge(n, p, status)
	}
}

func (w *world) judge(n int, p publication, status provision.RuleStatus) {
	d := p.rules[n]
	on := p.storeOn && d.Active
	if on == (status.State == provision.StateInactive) {
		w.violate("rule %d is active: %v, and its status is %s (%s)", n, on, status.State, status.Details)
	}
	if !on {
		return
	}
	if paused := !w.truth.paused.IsZero(); paused != (status.State == provision.StatePaused) {
		w.violate("paused: %v, and the status of rule %d is %s", paused, n, status.State)
	}
	if holds, err := w.observer.DeprovisionHolds(atDoor(w.ctx), w.env.ID, w.connection.ID); status.State == provision.StateHeld && err == nil && len(holds) == 0 {
		w.violate("rule %d is HELD, and nobody is asked: %s", n, status.Details)
	}
	if status.State == provision.StateIdle && status.Users.Failed == 0 && !w.elsewhere(d.id) {
		w.judgeIdle(n, p, status.Users)
	}
}

// elsewhere reports whether somebody is under way by another rule at this moment: they may be about to change over to this one.
func (w *world) elsewhere(ruleID string) bool {
	rows, err := w.db.AccountPage(w.ctx, provision.AccountQuery{ConnectionID: w.connection.ID, Status: provision.StatusPending, Limit: 100})
	return err != nil || slices.ContainsFunc(rows, func(a provision.Account) bool { return a.RuleID != ruleID })
}

// judgeIdle: IDLE means that nothing is due, so that everything that was edited has arrived.
func (w *world) judgeIdle(n int, p publication, counts provision.Counts) {
	var impacted, open int64
	drifted := false
	for who := range cast {
		u := w.truth.now(who)
		if p.decides(u) != n {
			continue
		}
		impacted++
		drifted = drifted || w.truth.drifted[who]
		members := w.membersOf(who)
		switch {
		case w.truth.drifted[who]:
		case u.Enabled && len(members) != 1:
			w.violate("the status is IDLE, and %s has %d accounts", name(who), len(members))
		case u.Enabled:
			w.same("the status is IDLE", who, u, p.rules[n].Mark, members[0])
			open++
		case len(members) > 0 && members[0].Active && !w.s.Policy.KeepDisabled && !w.kept(members[0].ID):
			w.violate("the status is IDLE, and %s is disabled with an open account", name(who))
		}
	}
	impacted += w.stayers(n, p)
	if counts.Impacted != impacted || counts.Pending != 0 || counts.Success+counts.Unsynced+counts.Partial != impacted || !drifted && counts.Success < open {
		w.violate("rule %d is IDLE and counts %+v; %d are covered, %d of them enabled", n, counts, impacted, open)
	}
}
