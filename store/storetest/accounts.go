package storetest

import (
	"errors"
	"fmt"
	"slices"
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
	theirs := *foreign
	theirs.ObjectID, theirs.Ownership, theirs.MatchKey = "o9", provision.Adopted, ""
	must(t, s.db.Record(ctx, []*provision.Account{&theirs}, nil, nil))
	if rows, err := s.db.AccountsByObject(ctx, "c", directory.KindUser, []string{"o9"}); err != nil || len(rows) != 1 || rows[0].ID != foreign.ID {
		t.Errorf("a foreign row does not become somebody's: %v %v", rows, err)
	}
	must(t, s.db.Record(ctx, []*provision.Account{foreign}, nil, nil))
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

// testManyAccounts asks for many rows at once: side by side, far apart among others, and in no order.
func testManyAccounts(t *testing.T, s *suite) {
	ctx := t.Context()
	const people = 1000
	rows, ids := make([]*provision.Account, people), make([]string, people)
	for i := range rows {
		ids[i] = fmt.Sprintf("o%04d", i)
		rows[i] = account(s, ids[i], "U"+ids[i])
	}
	must(t, s.db.Record(ctx, rows, nil, nil))
	var apart []string
	for i := 0; i < people; i += 7 {
		apart = append(apart, ids[i])
	}
	backwards := slices.Clone(ids[:300])
	slices.Reverse(backwards)
	gaps := slices.Concat(ids[100:190], ids[200:290])
	for name, asked := range map[string][]string{
		"side by side": ids[200:500], "all": ids, "apart": apart, "backwards": backwards, "with a gap": gaps,
		"with unknown ones": append(slices.Clone(ids[:200]), "o9998", "o9999"), "few": ids[:3], "none": nil,
	} {
		found, err := s.db.AccountsByObject(ctx, "c", directory.KindUser, asked)
		must(t, err)
		got := make([]string, len(found))
		for i := range found {
			got[i] = found[i].ObjectID
		}
		slices.Sort(got)
		want := slices.DeleteFunc(slices.Sorted(slices.Values(asked)), func(id string) bool { return id > "o0999" })
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d asked, %d wanted, %d found", name, len(asked), len(want), len(found))
		}
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
	if n, err := s.db.CountDue(ctx, "c", now); n != 3 || err != nil {
		t.Errorf("%d of 3 are due, %v", n, err)
	}
	n, err := s.db.MarkDue(ctx, provision.AccountQuery{ConnectionID: "c", ObjectID: "later"}, now, provision.PriorityLive, "asked for")
	must(t, err)
	next, err := s.db.NextDue(ctx, "c")
	must(t, err)
	if n != 1 || !next.Equal(now.Add(-2*time.Second)) {
		t.Errorf("%d %v", n, next)
	}
}

// testAccountPages: each condition of a query narrows, and pages follow each other.
func testAccountPages(t *testing.T, s *suite) {
	ctx := t.Context()
	wanted := &provision.Account{
		ID: "a2", EnvironmentID: s.env, ConnectionID: "c", Kind: directory.KindGroup, ObjectID: "o2", RuleID: "r2", RemoteID: "G2", Ownership: provision.Managed,
		Status: provision.StatusFailed, Fault: &provision.Fault{Kind: provision.Rejected, Code: "code"},
	}
	one, three, elsewhere := account(s, "o1", "U1"), account(s, "o3", "U3"), account(s, "o2", "U1")
	one.ID, three.ID, elsewhere.ID, elsewhere.ConnectionID = "a1", "a3", "a0", "other"
	must(t, s.db.Record(ctx, []*provision.Account{three, wanted, one, elsewhere}, nil, nil))
	for name, q := range map[string]provision.AccountQuery{
		"rule": {RuleID: "r2"}, "kind": {Kind: directory.KindGroup}, "object": {ObjectID: "o2"}, "status": {Status: provision.StatusFailed},
		"ownership": {Ownership: provision.Managed}, "fault": {FaultCode: "code"}, "page": {EnvironmentID: s.env, After: "a1", Limit: 1},
	} {
		q.ConnectionID = "c"
		if q.Limit == 0 {
			q.Limit = 10
		}
		rows, err := s.db.AccountPage(ctx, q)
		must(t, err)
		if len(rows) != 1 || rows[0].ID != "a2" {
			t.Errorf("by %s: %v", name, rows)
		}
	}
	rows, err := s.db.AccountsByRemote(ctx, "c", directory.KindUser, []string{"U1", "G2", "nothing"})
	must(t, err)
	if len(rows) != 1 || rows[0].ID != "a1" {
		t.Errorf("by remote id: %v", rows)
	}
	must(t, s.db.Record(ctx, nil, []string{"a1", ""}, nil))
	_, err = s.db.Account(ctx, s.env, "a1")
	missing(t, "a removed row", err)
}

// testNews: a listing is news where no row is, where a row holds another answer, or none; what is known as it is listed is not.
func testNews(t *testing.T, s *suite) {
	ctx := t.Context()
	remote := func(id, title string) provision.Remote {
		return provision.Remote{ID: id, Active: true, Attributes: provision.Attributes{"title": title, "list": []string{"1", "2"}, "a": "<&>ü"}}
	}
	for _, id := range []string{"known", "changed", "unread"} {
		a := account(s, "of "+id, id)
		if r := remote(id, "then"); id != "unread" {
			a.Remote = &r
		}
		must(t, s.db.Record(ctx, []*provision.Account{a}, nil, nil))
	}
	must(t, s.db.Record(ctx, []*provision.Account{account(s, "unlinked", "")}, nil, nil))
	listed := []provision.Remote{remote("known", "then"), remote("new", "now"), remote("changed", "now"), remote("unread", "then")}
	news, err := s.db.News(ctx, "c", directory.KindUser, listed)
	must(t, err)
	got := map[string]string{}
	for _, n := range news {
		got[n.Remote.ID] = "no row"
		if n.Account != nil {
			got[n.Remote.ID] = n.Account.ObjectID
		}
	}
	same(t, "the news", map[string]string{"new": "no row", "changed": "of changed", "unread": "of unread"}, got)
	n, err := s.db.CountRemote(ctx, "c", directory.KindUser)
	must(t, err)
	same(t, "the rows with a remote account", 3, n)
}
