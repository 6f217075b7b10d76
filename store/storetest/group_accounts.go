package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/provision"
)

// testGroupAccounts: who should be in a group on a target, who is, and when it is looked at.
func testGroupAccounts(t *testing.T, s *suite) {
	ctx := t.Context()
	anna, bo, cy := s.create(t, "anna"), s.create(t, "bo"), s.create(t, "cy")
	team, all := s.group(t, directory.Group{Name: "Team"}), s.group(t, directory.Group{Name: "All"})
	must(t, s.people.Nest(ctx, s.env, team.ID, all.ID))
	must(t, s.people.AddMember(ctx, s.env, team.ID, anna.ID))
	must(t, s.people.AddMember(ctx, s.env, all.ID, anna.ID))
	must(t, s.people.AddMember(ctx, s.env, all.ID, bo.ID))
	must(t, s.people.AddMember(ctx, s.env, all.ID, cy.ID))
	row := func(user directory.User, remote string, active bool) *provision.Account {
		a := account(s, user.ID, remote)
		a.Ownership, a.Status = provision.Managed, provision.StatusSuccess
		a.Remote = &provision.Remote{ID: remote, Active: active, Attributes: provision.Attributes{"active": "true", "note": `","active":true`}}
		return a
	}
	group := account(s, all.ID, "S1")
	group.Kind, group.Status = directory.KindGroup, provision.StatusSuccess
	must(t, s.db.Record(ctx, []*provision.Account{row(anna, "U1", true), row(bo, "U2", false), group}, nil, nil))

	got, err := s.db.MemberAccounts(ctx, "c", all.ID)
	must(t, err)
	slices.SortFunc(got, func(a, b provision.MemberAccount) int { return strings.Compare(a.ObjectID, b.ObjectID) })
	if len(got) != 3 || got[0].ObjectID != anna.ID || !got[0].Active || !got[1].Seen || got[1].Active || got[2].Seen || got[2].RemoteID != "" || got[0].RuleID != "r" {
		t.Errorf("%+v", got)
	}
	if w := got[1].Wanted(); !w.Asleep || w.Pending || w.RemoteID != "U2" {
		t.Errorf("%+v", w)
	}
	put := []provision.KnownMember{{RemoteID: "U1", Present: true, Ours: true}, {RemoteID: "U9", Present: true}}
	must(t, s.db.SaveAccountMembers(ctx, group.ID, put, nil))
	rests := func(after string, still bool) {
		t.Helper()
		have, err := s.db.Account(ctx, s.env, group.ID)
		must(t, err)
		if (have.Basis == "b") != still {
			t.Errorf("after %s what the plan was made of is %q", after, have.Basis)
		}
		group.Basis = "b"
		must(t, s.db.Record(ctx, []*provision.Account{group}, nil, nil))
	}
	rests("being new", false)
	must(t, s.db.ForgetMemberships(ctx, "c", []string{"U7"}))
	rests("the memberships of others were forgotten", true)
	must(t, s.db.ForgetMemberships(ctx, "c", []string{"U1"}))
	rests("a membership was forgotten", false)
	must(t, s.db.SaveAccountMembers(ctx, group.ID, nil, []string{"U9"}))
	rests("a member was taken out", false)
	known, err := s.db.AccountMembers(ctx, group.ID)
	must(t, err)
	if diff := cmp.Diff([]provision.KnownMember{{RemoteID: "U1", Ours: true}}, known); diff != "" {
		t.Errorf("members:\n%s", diff)
	}

	now := time.UnixMicro(1_000_000_000).UTC()
	must(t, s.db.MarkGroups(ctx, "c", []string{all.ID, team.ID}, now.Add(time.Minute), provision.PriorityBackfill, "later"))
	must(t, s.db.MarkGroups(ctx, "c", []string{all.ID}, now.Add(time.Hour), provision.PriorityBackfill, "even later"))
	due, err := s.db.DueGroups(ctx, "c", now, nil, 10)
	must(t, err)
	if len(due) != 0 {
		t.Errorf("due too early: %+v", due)
	}
	n, err := s.db.GatheredGroups(ctx, "c", now)
	must(t, err)
	due, err = s.db.DueGroups(ctx, "c", now, nil, 10)
	must(t, err)
	if n != 1 || len(due) != 1 || due[0].Cause != "later" || due[0].Status != provision.StatusPending {
		t.Errorf("gathered %d, due %+v", n, due)
	}
	if due, err := s.db.DueGroups(ctx, "c", now, []string{all.ID}, 10); err != nil || len(due) != 0 {
		t.Errorf("%v %v", due, err)
	}
	if due, err := s.db.DueAccounts(ctx, "c", now, nil, 10); err != nil || slices.ContainsFunc(due, func(a provision.Account) bool { return a.Kind == directory.KindGroup }) {
		t.Errorf("groups among the users: %v %v", due, err)
	}

	must(t, s.db.Consent(ctx, "c", []string{all.ID}, "me", now))
	must(t, s.db.Consent(ctx, "c", []string{all.ID, team.ID}, "me", now))
	must(t, s.db.EndConsent(ctx, "c", team.ID, now))
	must(t, s.db.Consent(ctx, "c", []string{all.ID}, "me", now.Add(time.Second)))
	must(t, s.db.EndConsent(ctx, "c", all.ID, now)) // another was given since
	consents, err := s.db.Consents(ctx, "c", []string{all.ID, team.ID})
	must(t, err)
	if diff := cmp.Diff(map[string]bool{all.ID: true}, consents); diff != "" {
		t.Errorf("consents:\n%s", diff)
	}
	must(t, s.db.Record(ctx, nil, []string{group.ID}, nil))
	if known, err := s.db.AccountMembers(ctx, group.ID); err != nil || len(known) != 0 {
		t.Errorf("members of a row that is gone: %v %v", known, err)
	}
}
