package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/provision"
)

func account(s *suite, object, remote string) *provision.Account {
	return &provision.Account{EnvironmentID: s.env, ConnectionID: "c", Kind: directory.KindUser, ObjectID: object, RemoteID: remote, RuleID: "r", InScope: true, Status: provision.StatusSuccess}
}

func testAccounts(t *testing.T, s *suite) {
	ctx := t.Context()
	a := account(s, "o1", "U1")
	a.Remote = &provision.Remote{ID: "U1", Active: true, Attributes: provision.Attributes{"x": "y", "l": []string{"1", "2"}}}
	a.Assigned = map[string]provision.Choice{"userName": {Wanted: "a", Used: "a2"}}
	a.Fault = &provision.Fault{Kind: provision.Rejected, Code: "c", Message: "m"}
	a.SyncedAt = time.UnixMicro(123456).UTC()
	must(t, s.db.Record(ctx, []*provision.Account{a}, nil, nil))
	rows, err := s.db.AccountsByObject(ctx, "c", directory.KindUser, []string{"o1", "o2"})
	must(t, err)
	if len(rows) != 1 {
		t.Fatalf("%v", rows)
	}
	if diff := cmp.Diff(*a, rows[0]); diff != "" {
		t.Errorf("the row came back otherwise (-want +got):\n%s", diff)
	}
	if err := s.db.Record(ctx, []*provision.Account{account(s, "o2", "U1")}, nil, nil); !errors.Is(err, provision.ErrLinked) {
		t.Errorf("a remote account twice: %v", err)
	}
	foreign := account(s, "", "U9")
	foreign.MatchKey = "k"
	must(t, s.db.Record(ctx, []*provision.Account{foreign}, nil, nil))
	unlinked, err := s.db.Unlinked(ctx, "c", directory.KindUser, []string{"k"})
	must(t, err)
	orphans, err := s.db.Orphans(ctx, "c", "", 10)
	must(t, err)
	if len(unlinked) != 1 || len(orphans) != 1 || orphans[0].ObjectID != "o1" {
		t.Errorf("unlinked %v, orphans %v", unlinked, orphans)
	}
	counts, err := s.db.CountAccounts(ctx, "c", "r", directory.KindUser)
	must(t, err)
	if counts.Success != 2 {
		t.Errorf("%+v", counts)
	}
	n, err := s.db.Release(ctx, "c", "r")
	must(t, err)
	if released, _ := s.db.Account(ctx, s.env, a.ID); n != 2 || released.Ownership != provision.Released {
		t.Errorf("%d %+v", n, released)
	}
}

func testDue(t *testing.T, s *suite) {
	ctx := t.Context()
	now := time.UnixMicro(10_000_000).UTC()
	for i, p := range []provision.Priority{provision.PriorityBackfill, provision.PriorityDeprovision, provision.PriorityLive} {
		a := account(s, fmt.Sprintf("o%d", i), "")
		a.DueAt, a.Priority = now.Add(-time.Duration(i)*time.Second), p
		must(t, s.db.Record(ctx, []*provision.Account{a}, nil, nil))
	}
	later := account(s, "later", "")
	later.DueAt = now.Add(time.Hour)
	must(t, s.db.Record(ctx, []*provision.Account{later}, nil, nil))
	due, err := s.db.DueAccounts(ctx, "c", now, []string{"o2"}, 10)
	must(t, err)
	if len(due) != 2 || due[0].ObjectID != "o1" || due[1].ObjectID != "o0" {
		t.Errorf("%v", due)
	}
	n, err := s.db.MarkDue(ctx, provision.AccountQuery{ConnectionID: "c", ObjectID: "later"}, now, provision.PriorityLive, "asked for")
	must(t, err)
	next, err := s.db.NextDue(ctx, "c")
	must(t, err)
	if n != 1 || !next.Equal(now.Add(-2*time.Second)) {
		t.Errorf("%d %v", n, next)
	}
}
