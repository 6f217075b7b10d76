package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// testPreviews: a preview can be read when it is finished; the newest of a subject are kept, and those that expired are not.
func testPreviews(t *testing.T, s *suite) {
	ctx := t.Context()
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	make := func(n int, rule string, created time.Time) provision.Preview {
		t.Helper()
		p := provision.Preview{
			ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), EnvironmentID: s.env, ConnectionID: "c", RuleID: rule, CreatedAt: created, ExpiresAt: created.Add(time.Hour),
		}
		must(t, s.db.BeginPreview(ctx, p))
		if _, err := s.db.Preview(ctx, s.env, p.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("a preview that is being made can be read: %v", err)
		}
		item := provision.Foreseen{Group: provision.ForeseenCreate, Operation: provision.Operation{
			Verb: provision.VerbCreate, Kind: directory.KindUser, Object: provision.Object{ID: "u", Name: "anna"}, Why: "covered by rule \"Staff\"",
			Changes: []directory.AttributeChange{{Attribute: "userName", To: "anna"}},
		}, Candidates: []provision.Candidate{{RemoteID: "U1", Name: "Ænna", Active: true}}}
		must(t, s.db.SavePreviewPage(ctx, p.ID, provision.PreviewPage{Group: provision.ForeseenCreate, Page: 1, Items: []provision.Foreseen{item}}))
		p.Summary.Create = int64(n)
		must(t, s.db.FinishPreview(ctx, p))
		return p
	}
	first := make(1, "r", at)
	got, err := s.db.Preview(ctx, s.env, first.ID)
	must(t, err)
	if got.Summary.Create != 1 || !got.CreatedAt.Equal(at) {
		t.Errorf("%+v", got)
	}
	items, size, err := s.db.PreviewPage(ctx, first.ID, provision.ForeseenCreate, 1, "ænn")
	must(t, err)
	if size != 1 {
		t.Errorf("a page of %d", size)
	}
	if len(items) != 1 || items[0].Operation.Changes[0].To != "anna" || items[0].Candidates[0].Name != "Ænna" {
		t.Errorf("%+v", items)
	}
	if items, size, err = s.db.PreviewPage(ctx, first.ID, provision.ForeseenCreate, 1, "nobody"); err != nil || len(items) != 0 || size != 1 {
		t.Errorf("a page without the text: %+v, %d, %v", items, size, err)
	}
	if items, _, err = s.db.PreviewPage(ctx, first.ID, provision.ForeseenCreate, 1, "rule \"staff\""); err != nil || len(items) != 1 {
		t.Errorf("a text that JSON writes otherwise: %+v, %v", items, err)
	}
	if items, _, err = s.db.PreviewPage(ctx, first.ID, provision.ForeseenCreate, 2, ""); err != nil || len(items) != 0 {
		t.Errorf("a page that is not there: %+v, %v", items, err)
	}
	other := make(2, "other", at)
	for n := 3; n <= 5; n++ {
		make(n, "r", at.Add(time.Duration(n)*time.Minute))
	}
	if _, err := s.db.Preview(ctx, s.env, first.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("the oldest of four is kept: %v", err)
	}
	if items, _, err = s.db.PreviewPage(ctx, first.ID, provision.ForeseenCreate, 1, ""); err != nil || len(items) != 0 {
		t.Errorf("the pages of a preview that is gone: %+v, %v", items, err)
	}
	_, err = s.db.Preview(ctx, s.env, other.ID)
	must(t, err)
	last := make(6, "r", at.Add(2*time.Hour)) // the others expired
	if _, err := s.db.Preview(ctx, s.env, other.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("an expired preview is kept: %v", err)
	}
	must(t, s.db.DropPreview(ctx, last.ID))
	if _, err := s.db.Preview(ctx, s.env, last.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("a dropped preview is kept: %v", err)
	}
}

// testKnownDigest: it changes with everything that a plan is made from, and with nothing else.
func testKnownDigest(t *testing.T, s *suite) {
	ctx := t.Context()
	row := provision.Account{
		EnvironmentID: s.env, ConnectionID: "c", Kind: directory.KindUser, ObjectID: "u", ObjectName: "anna", RuleID: "r", InScope: true, Ownership: provision.Managed,
		RemoteID: "U1", Remote: &provision.Remote{ID: "U1", Active: true, Attributes: provision.Attributes{"title": "Engineer"}}, Status: provision.StatusSuccess,
	}
	group := provision.Account{EnvironmentID: s.env, ConnectionID: "c", Kind: directory.KindGroup, ObjectID: "g", RuleID: "r", Ownership: provision.Managed, RemoteID: "S1"}
	must(t, s.db.Record(ctx, []*provision.Account{&row, &group}, nil, nil))
	last := ""
	line := func() directory.Activity {
		return directory.Activity{ID: uuid.NewString(), EnvironmentID: s.env, RecordedAt: time.Now(), Type: "PROVISIONING_IDENTITY_SYNC.KEPT_FOREIGN", Kind: directory.KindUser, ConnectionID: "c"}
	}
	moves := func(what string, want bool, change func() error) {
		t.Helper()
		must(t, change())
		now, err := s.db.KnownDigest(ctx, "c")
		must(t, err)
		if (now != last) != want {
			t.Errorf("%s: changed %t, want %t", what, now != last, want)
		}
		last = now
	}
	record := func(change func()) func() error {
		return func() error { change(); return s.db.Record(ctx, []*provision.Account{&row}, nil, nil) }
	}
	moves("at first", true, func() error { return nil })
	moves("nothing", false, func() error { return nil })
	moves("a failure and the next try", false, record(func() {
		row.Status, row.Attempts, row.DueAt = provision.StatusPending, 3, time.Now()
		row.Fault, row.UpdatedAt = &provision.Fault{Kind: provision.Transient, Code: "timeout"}, time.Now()
	}))
	moves("a mark", false, func() error {
		_, err := s.db.MarkDue(ctx, provision.AccountQuery{ConnectionID: "c", ObjectID: "u"}, time.Now(), provision.PriorityLive, "asked for")
		return err
	})
	row.Marks = 1
	moves("what the target says", true, record(func() { row.Remote.Attributes["title"] = "Designer" }))
	moves("ownership", true, record(func() { row.Ownership = provision.Released }))
	moves("a decision", true, record(func() {
		row.Gate = provision.Gate{State: provision.GateRejected, Why: "left", Said: "rejected by Anna"}
	}))
	moves("a name that was chosen", true, record(func() { row.Assigned = map[string]provision.Choice{"userName": {Wanted: "a", Used: "a2"}} }))
	moves("a member", true, func() error {
		return s.db.SaveAccountMembers(ctx, group.ID, []provision.KnownMember{{RemoteID: "U1", Present: true}}, nil)
	})
	moves("whose member it is", true, func() error {
		return s.db.SaveAccountMembers(ctx, group.ID, []provision.KnownMember{{RemoteID: "U1", Present: true, Ours: true}}, nil)
	})
	moves("a consent", true, func() error { return s.db.Consent(ctx, "c", []string{"g"}, "anna", time.Now()) })
	moves("an account that stays foreign", true, func() error { return s.db.KeepForeign(ctx, "c", directory.KindUser, "U7", "anna", line()) })
	moves("the same once more", false, func() error { return s.db.KeepForeign(ctx, "c", directory.KindUser, "U7", "ben", line()) })
	kept, err := s.db.KeptForeign(ctx, "c", directory.KindUser, []string{"U1", "U7"})
	must(t, err)
	if len(kept) != 1 || !kept["U7"] {
		t.Errorf("%v", kept)
	}
	list, err := s.db.KeptForeignList(ctx, "c", "", 10)
	must(t, err)
	if len(list) != 1 || list[0].RemoteID != "U7" || list[0].By != "anna" || list[0].At.IsZero() {
		t.Errorf("%+v", list)
	}
	moves("it may be adopted again", true, func() error { return s.db.EndForeign(ctx, "c", directory.KindUser, "U7") })
	moves("a row less", true, func() error { return s.db.Record(ctx, nil, []string{row.ID}, nil) })
	moves("another connection", false, func() error {
		return s.db.KeepForeign(ctx, "d", directory.KindUser, "U7", "anna", line())
	})
}

// testFailureCauses: failures are counted by their cause, the most frequent first.
func testFailureCauses(t *testing.T, s *suite) {
	ctx := t.Context()
	var rows []*provision.Account
	for i, code := range []string{"taken", "invalid", "invalid", ""} {
		a := provision.Account{
			EnvironmentID: s.env, ConnectionID: "c", Kind: directory.KindUser, ObjectID: fmt.Sprint("u", i), ObjectName: fmt.Sprint("user", i), RuleID: "r", Status: provision.StatusFailed,
			Fault: &provision.Fault{Kind: provision.Rejected, Code: code, Message: "no " + code},
		}
		if code == "" {
			a.Status, a.Fault = provision.StatusSuccess, nil
		}
		rows = append(rows, &a)
	}
	must(t, s.db.Record(ctx, rows, nil, nil))
	causes, err := s.db.FailureCauses(ctx, "c", "r")
	must(t, err)
	if len(causes) != 2 || causes[0].Objects != 2 || causes[0].Fault.Message != "no invalid" || causes[1].Example.Name != "user0" || causes[1].Kind != directory.KindUser {
		t.Errorf("%+v", causes)
	}
}

// testDrafts: what is drafted is read whole, deleted rules that wait for a revision too.
func testDrafts(t *testing.T, s *suite) {
	ctx := t.Context()
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error {
		must(t, tx.SavePlan(ctx, provision.Plan{ID: "p", EnvironmentID: s.env, Name: "Plan"}))
		must(t, tx.SaveConnection(ctx, provision.Connection{ID: "c", EnvironmentID: s.env, Name: "Slack", Type: "Slack"}))
		must(t, tx.SaveRule(ctx, provision.Rule{ID: "r", EnvironmentID: s.env, Name: "Staff", TargetID: "c"}))
		must(t, tx.SaveRule(ctx, provision.Rule{ID: "gone", EnvironmentID: s.env, Name: "Gone", TargetID: "c", DeletedAt: time.Now()}))
		return tx.SaveMapping(ctx, provision.Mapping{ID: "m", EnvironmentID: s.env, RuleID: "r", TargetAttribute: "title", SourceAttribute: "title"})
	}))
	d, err := s.db.Drafts(ctx, s.env)
	must(t, err)
	if len(d.Plans) != 1 || len(d.Connections) != 1 || len(d.Rules) != 2 || len(d.Mappings) != 1 {
		t.Errorf("%+v", d)
	}
	before := d.Digests("c", "r")
	d.Rules[0].Active, d.Connections[0].Status, d.Plans[0].Status = true, provision.Active, provision.Active
	if moved := provision.DraftsMoved(before, d.Digests("c", "r")); len(moved) != 0 {
		t.Errorf("switched on: %+v", moved)
	}
	d.Mappings[0].SourceAttribute = "nickname"
	d.Rules = append(d.Rules[:1], provision.Rule{ID: "new", Name: "New"})
	moved := provision.DraftsMoved(before, d.Digests("c", "r"))
	if len(moved) != 3 || moved[0].Said != `rule "Staff" was edited` || moved[1].Said != `rule "New" was created` || moved[2].Said != `rule "Gone" was deleted` {
		t.Errorf("%+v", moved)
	}
}

// testSharedEmails: who shares an address, in whatever case it is written.
func testSharedEmails(t *testing.T, s *suite) {
	ctx := t.Context()
	s.create(t, "alone")
	for _, name := range []string{"first", "second"} {
		_, err := s.people.CreateUser(ctx, s.env, directory.User{Username: name, Email: strings.ToUpper(name[:1]) + "hared@example.com", Enabled: true})
		must(t, err)
	}
	a, err := s.people.CreateUser(ctx, s.env, directory.User{Username: "a", Email: "One@Example.com", Enabled: true})
	must(t, err)
	b, err := s.people.CreateUser(ctx, s.env, directory.User{Username: "b", Email: "one@example.com", Enabled: true})
	must(t, err)
	ids, err := s.db.SharedEmails(ctx, s.env, []string{"ONE@example.com", "alone@example.com", "fhared@example.com", "nobody@example.com"})
	must(t, err)
	if !slices.Equal(ids, []string{a.ID, b.ID}) {
		t.Errorf("%v, want %s and %s", ids, a.ID, b.ID)
	}
}
