package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// happen lets an event happen. One that makes no sense in the present state (someone is disabled who does not exist) does nothing,
// so that a schedule still means something when events are taken out of it.
func (w *world) happen(e event) error {
	switch e.Do {
	case create, retitle, rename, readdress, relogin, disable, enable, remove:
		return w.editPerson(e)
	case ruleOn, ruleOff, ruleTitles, ruleMark, ruleDelete:
		return w.editRule(e)
	case groupIn, groupOut, groupNest, groupUnnest, groupName, groupCarry, groupDrop, groupFilter, groupHand:
		return w.editGroup(e)
	case publish:
		revision, err := w.provisions.PublishWith(w.ctx, w.env.ID, provision.PublishOptions{OverwriteExisting: true})
		if err != nil {
			return err
		}
		w.truth.publish(revision.ID, w.limits)
		w.mu.Lock()
		for key := range w.tally.notBefore { // a revision may end whatever an object waited for
			if strings.Contains(key, "/") {
				delete(w.tally.notBefore, key)
			}
		}
		w.mu.Unlock()
	case storeOff, storeOn, replace, limits:
		return w.editStore(e)
	case exodus, homecoming, approve, reject, away:
		return w.atGuard(e)
	case pause:
		if err := w.current().engine.Pause(atDoor(w.ctx), w.env.ID, w.connection.ID); err != nil {
			return err
		}
		w.mu.Lock()
		if w.truth.paused.IsZero() {
			w.truth.paused = time.Now()
		}
		w.mu.Unlock()
	case resume:
		w.rough()
		w.mu.Lock()
		w.truth.paused = time.Time{}
		w.mu.Unlock()
		return w.current().engine.Resume(atDoor(w.ctx), w.env.ID, w.connection.ID)
	case resync:
		return w.current().engine.Reconcile(atDoor(w.ctx), w.env.ID, w.connection.ID)
	case fault:
		w.mu.Lock()
		w.faults = append(w.faults, &armed{classes[e.Who], e.Text, e.N})
		w.mu.Unlock()
	case crashWrite:
		w.current().planCrash(e.N, 0, e.Text)
	case crashCall:
		w.current().planCrash(0, e.N, e.Text)
	case crashNow:
		w.current().crash()
	case breakStore:
		w.mu.Lock()
		w.breaks[e.Text] += e.N
		w.mu.Unlock()
	case gracefulEnd:
		w.restart(50 * time.Millisecond)
	case betray, untrip:
		return w.atTripwire(e)
	default:
		w.atWorkspace(e)
	}
	return nil
}

func (w *world) editPerson(e event) error {
	t := &w.truth
	u := t.now(e.Who)
	if (u == nil) != (e.Do == create) {
		return nil
	}
	if e.Do == create {
		fresh := person(e.Who, e.Text)
		fresh.Name.Family = fmt.Sprintf("Family%d.%d", e.Who, len(t.history[e.Who]))
		if h := t.history[e.Who]; len(h) > 1 { // they come back, under the address and name that they had
			fresh.Email, fresh.Username = h[len(h)-2].user.Email, h[len(h)-2].user.Username
		}
		made, err := w.people.CreateUser(w.ctx, w.env.ID, fresh)
		if err == nil {
			t.edit(e.Who, &made)
		}
		return err
	}
	if e.Do == remove {
		err := w.people.DeleteUser(w.ctx, w.env.ID, u.ID)
		if err == nil {
			t.edit(e.Who, nil)
		}
		return err
	}
	edited, err := w.people.UpdateUser(w.ctx, w.env.ID, u.ID, func(u *directory.User) error {
		switch e.Do {
		case retitle:
			u.Title = e.Text
		case rename:
			u.Name.Family = fmt.Sprintf("Family%d.%d", e.Who, len(t.history[e.Who]))
		case readdress:
			u.Email = address(e.Who, e.N)
		case relogin:
			u.Username = login(e.Who, e.N)
		case disable, enable:
			u.Enabled = e.Do == enable
		}
		return nil
	})
	if err == nil {
		t.edit(e.Who, &edited)
	}
	return err
}

func (w *world) editRule(e event) error {
	d := &w.truth.drafts[e.Who]
	if d.gone {
		return nil
	}
	w.truth.unpublished = true
	if e.Do == ruleDelete {
		d.gone, d.deprovision = true, e.N == 1
		return w.provisions.DeleteRule(w.ctx, w.env.ID, d.id, e.N == 1)
	}
	if e.Do == ruleMark {
		list, err := w.provisions.Mappings(w.ctx, w.env.ID, d.id)
		if err != nil {
			return err
		}
		d.Mark += "+"
		for _, m := range list {
			if m.TargetAttribute == "userType" {
				m.Expression = "'" + d.Mark + "'"
				_, err = w.provisions.UpdateMapping(w.ctx, w.env.ID, m.ID, m)
			}
		}
		return err
	}
	r, err := w.provisions.Rule(w.ctx, w.env.ID, d.id)
	if err != nil {
		return err
	}
	switch e.Do {
	case ruleTitles:
		d.Titles = strings.Split(e.Text, ",")
		r.PopulationExpression = w.expression(d.Titles)
	case ruleOn, ruleOff:
		d.Active = e.Do == ruleOn
		r.Active = d.Active
	}
	_, err = w.provisions.UpdateRule(w.ctx, w.env.ID, d.id, r)
	return err
}

func (w *world) editStore(e event) error {
	c := w.connection
	c.Status = provision.Active
	if e.Do == storeOff || e.Do != storeOn && !w.truth.storeOn {
		c.Status = provision.Inactive
	}
	if e.Do == replace {
		w.token = fmt.Sprintf("%s-%d", firstToken, len(w.log))
		w.workspace.SetToken(w.token, sandbox.Owner)
		w.mu.Lock()
		w.truth.revoked, w.tally.told = time.Time{}, time.Time{}
		w.tally.replaced = time.Now()
		clear(w.tally.notBefore) // new credentials are tried at once
		w.mu.Unlock()
	} else {
		if e.Do == limits {
			w.limits = someLimits[e.N%len(someLimits)]
		} else {
			w.truth.storeOn = e.Do == storeOn
		}
		w.truth.unpublished = true
	}
	configuration := w.configuration()
	if e.Do != replace {
		delete(configuration, "OAUTH_ACCESS_TOKEN")
	}
	_, err := w.provisions.UpdateConnection(w.ctx, w.env.ID, c.ID, c, configuration)
	return err
}

// atWorkspace is what people do in the workspace itself.
func (w *world) atWorkspace(e event) {
	t := &w.truth
	w.rough()
	switch e.Do {
	case revoke:
		w.workspace.SetToken("revoked", sandbox.Owner)
		w.mu.Lock()
		if t.revoked.IsZero() {
			t.revoked = time.Now()
		}
		w.mu.Unlock()
	case restore:
		w.workspace.SetToken(w.token, sandbox.Owner)
		w.mu.Lock()
		t.revoked, w.tally.told = time.Time{}, time.Time{}
		w.mu.Unlock()
	case drift, shut:
		for _, m := range w.membersOf(e.Who) {
			t.drifted[e.Who] = true
			w.workspace.Edit(m.ID, func(m *sandbox.Member) {
				if e.Do == drift {
					m.Title = "By hand"
				} else {
					m.Active = false
				}
			})
		}
	case join:
		t.foreigns++
		n := t.foreigns
		w.seed(sandbox.Member{UserName: fmt.Sprintf("joined%d", n), PrimaryEmail: fmt.Sprintf("joined%d@elsewhere.example", n), GivenName: "Joined", Active: true})
	case invite:
		email := address(e.Who, 0)
		if u := t.now(e.Who); u != nil {
			email = u.Email
		}
		owned := slices.ContainsFunc(w.workspace.Members(), func(m sandbox.Member) bool { return w.ownerOf(m.ID) == e.Who })
		if !owned && !w.held(email) {
			t.drifted[e.Who] = true
			w.seed(sandbox.Member{UserName: name(e.Who) + ".invited", PrimaryEmail: email, Active: true})
		}
	}
}

func (w *world) held(email string) bool {
	return slices.ContainsFunc(w.workspace.Members(), func(m sandbox.Member) bool { return strings.EqualFold(m.PrimaryEmail, email) })
}

// seed adds a member who was not provisioned.
func (w *world) seed(m sandbox.Member) {
	for _, id := range w.workspace.Seed(m) {
		seeded := w.byID()[id]
		w.mu.Lock()
		w.truth.seeded[id] = seeded
		w.truth.owner[id] = whose(seeded.PrimaryEmail)
		w.mu.Unlock()
	}
}
