package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"lockstep/audit"
	"lockstep/directory"
)

func (s *suite) verify(t *testing.T, known ...audit.Head) audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), s.db, s.env, known, nil)
	must(t, err)
	return report
}

// whole fails unless the log is, and answers its head.
func (s *suite) whole(t *testing.T, known ...audit.Head) audit.Head {
	t.Helper()
	report := s.verify(t, known...)
	if !report.Whole || report.Fault != nil || report.Lines != report.Head.Seq-report.Pruned {
		t.Fatalf("the log is not whole: %+v %+v", report, report.Fault)
	}
	return report.Head
}

func (s *suite) broken(t *testing.T, kind string, seq int64, known ...audit.Head) {
	t.Helper()
	report := s.verify(t, known...)
	if report.Whole || report.Fault == nil || report.Fault.Kind != kind || report.Fault.Seq != seq {
		t.Errorf("found %+v, want %s at line %d", report.Fault, kind, seq)
	}
}

// exec does what somebody with write access to the database can.
func (s *suite) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := s.db.WriteDB().ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// open takes away what keeps the log from being changed.
func (s *suite) unlocked(t *testing.T) {
	t.Helper()
	if s.db.Pool() == nil {
		for _, name := range []string{"activities_stay", "activities_go", "audit_bases_stay", "audit_bases_go"} {
			s.exec(t, `DROP TRIGGER `+name)
		}
		return
	}
	s.exec(t, `ALTER TABLE activities DISABLE TRIGGER USER`)
	s.exec(t, `ALTER TABLE audit_bases DISABLE TRIGGER USER`)
}

// testAppendOnly: the database itself refuses to change or delete lines.
func testAppendOnly(t *testing.T, s *suite) {
	s.create(t, "ann")
	for _, query := range []string{
		`UPDATE activities SET description = 'nothing'`, `DELETE FROM activities`, `DELETE FROM activities WHERE seq = 1`, `UPDATE activities SET seq = seq + 100`,
	} {
		if _, err := s.db.WriteDB().ExecContext(t.Context(), query); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", query, err)
		}
	}
	if s.db.Pool() != nil {
		if _, err := s.db.WriteDB().ExecContext(t.Context(), `TRUNCATE activities`); err == nil {
			t.Error("the log could be emptied")
		}
	}
	s.whole(t)
}

// testTampering: whatever is done to the log behind the server's back, verification finds it and names the first line.
func testTampering(t *testing.T, s *suite) {
	for i := range 9 {
		s.create(t, fmt.Sprintf("user%d", i))
	}
	head := s.whole(t)
	if head.Seq < 10 {
		t.Fatal(head)
	}
	s.unlocked(t)
	const columns = `environment_id, seq, id, recorded_at, type, kind, object_id, object_name, connection_id, rule_id, correlation_id, success, feed, description, actor, changes, cause, hash`
	s.exec(t, `CREATE TABLE kept AS SELECT `+columns+` FROM activities`)
	s.exec(t, `CREATE TABLE kept_environments AS SELECT id, seq, chain, seal FROM environments`)
	undo := func() {
		s.exec(t, `DELETE FROM activities`)
		s.exec(t, `INSERT INTO activities (`+columns+`) SELECT `+columns+` FROM kept`)
		s.exec(t, `UPDATE environments SET seq = (SELECT seq FROM kept_environments k WHERE k.id = environments.id),
 chain = (SELECT chain FROM kept_environments k WHERE k.id = environments.id), seal = (SELECT seal FROM kept_environments k WHERE k.id = environments.id)`)
		s.whole(t, head)
	}
	for name, change := range map[string]string{
		"description": `description = 'x'`, "actor": `actor = '{"type":"USER","id":"x","name":"somebody else"}'`, "actor that is no JSON": `actor = 'x'`,
		"time": `recorded_at = recorded_at + 1`, "object": `object_id = 'x'`, "name": `object_name = 'x'`, "kind": `kind = 'GROUP'`, "type": `type = 'USER.DELETED'`,
		"request": `correlation_id = 'x'`, "success": `success = FALSE`, "feed": `feed = FALSE`, "rule": `rule_id = 'x'`, "connection": `connection_id = 'x'`,
		"changes": `changes = '[{"attribute":"title","from":null,"to":"x"}]'`, "cause": `cause = '{}'`, "link": `hash = '` + strings.Repeat("a", 64) + `'`,
	} {
		s.exec(t, `UPDATE activities SET `+change+` WHERE environment_id = $1 AND seq = 4`, s.env)
		if report := s.verify(t); report.Fault == nil || report.Fault.Kind != audit.FaultChanged || report.Fault.Seq != 4 {
			t.Errorf("%s was changed: %+v", name, report.Fault)
		}
		undo()
	}

	s.exec(t, `DELETE FROM activities WHERE seq = 5`)
	s.broken(t, audit.FaultMissing, 5)
	undo()

	s.exec(t, `DELETE FROM activities WHERE seq = 1`)
	s.broken(t, audit.FaultMissing, 1)
	undo()

	s.exec(t, `DELETE FROM activities WHERE seq > 7`)
	s.broken(t, audit.FaultCut, 8)
	undo()

	s.exec(t, `DELETE FROM activities`)
	s.broken(t, audit.FaultCut, 1)
	undo()

	// Two lines change places.
	s.exec(t, `UPDATE activities SET seq = 1000 WHERE seq = 3`)
	s.exec(t, `UPDATE activities SET seq = 3 WHERE seq = 6`)
	s.exec(t, `UPDATE activities SET seq = 6 WHERE seq = 1000`)
	s.broken(t, audit.FaultChanged, 3)
	undo()

	// A line is put behind the newest one.
	s.exec(t, `INSERT INTO activities (`+columns+`) SELECT environment_id, seq + 100, 'made up', recorded_at, type, kind, object_id, object_name, connection_id, rule_id,
 correlation_id, success, feed, description, actor, changes, cause, hash FROM kept WHERE seq = 2`)
	s.broken(t, audit.FaultAdded, 102)
	undo()

	// Whoever knows how the chain is made can make it anew, but cannot seal its head, also not by waiting for the next line.
	s.forge(t, 4)
	s.broken(t, audit.FaultForged, head.Seq)
	s.create(t, "later")
	s.create(t, "latest")
	s.broken(t, audit.FaultForged, head.Seq)
	s.broken(t, audit.FaultForged, head.Seq, head)
	undo()

	// The tail is cut, and the older head that belonged there is put back: only a head that was kept elsewhere tells.
	older := s.whole(t, head)
	var seal string
	must(t, s.db.WriteDB().QueryRowContext(t.Context(), `SELECT seal FROM environments`).Scan(&seal))
	s.create(t, "newest")
	newest := s.whole(t, older)
	s.exec(t, `DELETE FROM activities WHERE seq > $1`, older.Seq)
	s.exec(t, `UPDATE environments SET seq = $1, chain = $2, seal = $3`, older.Seq, string(older.Hash), seal)
	s.whole(t, older)
	s.broken(t, audit.FaultCut, older.Seq+1, newest)

	// Retention that nobody did.
	s.exec(t, `INSERT INTO audit_bases (environment_id, seq, hash, seal) SELECT environment_id, seq, hash, 'h1:x:y' FROM activities WHERE seq = 3`)
	s.exec(t, `DELETE FROM activities WHERE seq <= 3`)
	s.broken(t, audit.FaultBase, 3)
}

// testBorrowedSeal: the seal of the newest line, which is in the database for everybody to copy, does not say that retention cleared away what
// is before it. Nothing that the database refuses is needed to try.
func testBorrowedSeal(t *testing.T, s *suite) {
	for i := range 5 {
		s.create(t, fmt.Sprintf("user%d", i))
	}
	head := s.whole(t)
	s.exec(t, `INSERT INTO audit_bases (environment_id, seq, hash, seal) SELECT id, seq, chain, seal FROM environments`)
	s.exec(t, `DELETE FROM activities`)
	s.broken(t, audit.FaultBase, head.Seq)
	s.create(t, "later")
	s.broken(t, audit.FaultBase, head.Seq)
}

// forge changes a line and makes the chain anew, as far as one can without the key.
func (s *suite) forge(t *testing.T, seq int64) {
	t.Helper()
	s.exec(t, `UPDATE activities SET description = 'forged' WHERE seq = $1`, seq)
	lines, err := s.db.Lines(t.Context(), s.env, directory.ActivityQuery{Limit: 1000})
	must(t, err)
	link := audit.Genesis
	for i := range lines {
		text, err := lines[i].Text()
		must(t, err)
		link = link.Next(text)
		s.exec(t, `UPDATE activities SET hash = $1 WHERE seq = $2`, string(link), lines[i].Seq)
	}
	s.exec(t, `UPDATE environments SET chain = $1`, string(link))
}

// testReseal: after the key file was replaced an operator may take the log for whole as it is, and that is in the log.
func testReseal(t *testing.T, s *suite) {
	s.create(t, "ann")
	head := s.whole(t)
	s.exec(t, `UPDATE environments SET seal = 'h1:lost:key'`)
	s.broken(t, audit.FaultForged, head.Seq)
	s.create(t, "bob")
	s.broken(t, audit.FaultForged, head.Seq)
	log := audit.NewService(s.db, nil)
	must(t, log.Reseal(t.Context(), s.env))
	s.whole(t, head)
	rows, err := s.db.Activities(t.Context(), s.env, directory.ActivityQuery{Type: "AUDIT.RESEALED", Limit: 5})
	if err != nil || len(rows) != 1 || len(rows[0].Changes) != 0 {
		t.Fatal(rows, err)
	}
	// Where retention had cleared lines away, its note was sealed with the lost key as well.
	upTo := s.whole(t).Seq - 1
	if n, err := s.db.Prune(t.Context(), s.env, time.Now().Add(time.Hour), upTo, 100); err != nil || n != upTo {
		t.Fatal(n, err)
	}
	s.whole(t)
	s.exec(t, `UPDATE environments SET seal = 'h1:lost:key'`)
	s.exec(t, `UPDATE audit_bases SET seal = 'h1:lost:key'`)
	s.broken(t, audit.FaultBase, upTo)
	must(t, log.Reseal(t.Context(), s.env))
	s.whole(t)
	s.create(t, "carl")
	end := s.whole(t).Seq
	rows, err = s.db.Activities(t.Context(), s.env, directory.ActivityQuery{Type: "AUDIT.RESEALED", Limit: 1})
	if err != nil || len(rows) != 1 || len(rows[0].Changes) != 1 || fmt.Sprint(rows[0].Changes[0].To) != fmt.Sprint(upTo) {
		t.Fatalf("the log does not say what was taken for cleared away: %+v %v", rows, err)
	}
	if n, err := s.db.Prune(t.Context(), s.env, time.Now().Add(time.Hour), end-1, 100); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	s.whole(t)
	if _, err := s.db.WriteDB().ExecContext(t.Context(), `UPDATE audit_bases SET hash = 'x'`); err == nil {
		t.Error("the note of retention could be changed")
	}
}

// testChained: many writers at once, some of whom give up, leave a whole chain.
func testChained(t *testing.T, s *suite) {
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 10 {
				u := directory.User{Username: fmt.Sprintf("user-%d-%d", w, i), Email: fmt.Sprintf("u%d-%d@example.com", w, i), Enabled: true}
				if i%3 == 0 {
					u.Username = "taken" // refused for all but one
				}
				_, _ = s.people.CreateUser(t.Context(), s.env, u)
			}
		})
	}
	all.Wait()
	if head := s.whole(t); head.Seq < 8*6 {
		t.Fatal(head)
	}
}

// testPruneForged: retention proves what it clears away. Otherwise whoever makes lines look old has them cleared away, and sealed over.
func testPruneForged(t *testing.T, s *suite) {
	for i := range 5 {
		s.create(t, fmt.Sprintf("user%d", i))
	}
	head := s.whole(t)
	s.unlocked(t)
	s.exec(t, `UPDATE activities SET recorded_at = 1000000 WHERE seq <= 3`)
	if n, err := s.db.Prune(t.Context(), s.env, time.Now().Add(-time.Hour), head.Seq, 100); err == nil || n != 0 {
		t.Errorf("%d lines that were made to look old were cleared away: %v", n, err)
	}
	s.broken(t, audit.FaultChanged, 1)
	s.exec(t, `INSERT INTO audit_bases (environment_id, seq, hash, seal) SELECT environment_id, seq, hash, 'h1:x:y' FROM activities WHERE seq = 4`)
	if n, err := s.db.Prune(t.Context(), s.env, time.Now().Add(time.Hour), head.Seq, 100); err == nil || n != 0 {
		t.Errorf("behind a note that nobody here made, %d lines were cleared away: %v", n, err)
	}
	s.broken(t, audit.FaultBase, 4)
}

// testPrune: retention clears away the oldest lines, never more than asked for, and what is left is still proved.
func testPrune(t *testing.T, s *suite) {
	for i := range 9 {
		s.create(t, fmt.Sprintf("user%d", i))
	}
	head := s.whole(t)
	n, err := s.db.Prune(t.Context(), s.env, time.Now().Add(-time.Hour), head.Seq, 100)
	if err != nil || n != 0 {
		t.Fatal(n, err)
	}
	later := time.Now().Add(time.Hour)
	for _, c := range []struct {
		upTo  int64
		limit int
		want  int64
	}{{5, 2, 2}, {5, 2, 2}, {5, 2, 1}, {5, 2, 0}, {3, 100, 0}, {7, 100, 2}} {
		if n, err := s.db.Prune(t.Context(), s.env, later, c.upTo, c.limit); err != nil || n != c.want {
			t.Fatalf("up to %d, at most %d: %d %v", c.upTo, c.limit, n, err)
		}
		s.whole(t, head)
	}
	s.create(t, "after")
	report := s.verify(t, head)
	if !report.Whole || report.Pruned != 7 || report.Lines != report.Head.Seq-7 {
		t.Fatalf("%+v", report)
	}
	// One that was kept from before cannot be compared any more, and that is said.
	if report := s.verify(t, audit.Head{EnvironmentID: s.env, Seq: 2, Hash: "x"}); !report.Whole || report.Note == "" {
		t.Fatalf("%+v", report)
	}
	for _, query := range []string{`DELETE FROM audit_bases`, `UPDATE audit_bases SET seq = 1`, `DELETE FROM activities WHERE seq = 8`} {
		if _, err := s.db.WriteDB().ExecContext(t.Context(), query); err == nil {
			t.Errorf("%s was done", query)
		}
	}
	must(t, s.db.Append(t.Context(), directory.Activity{ID: uuid.NewString(), EnvironmentID: s.env, RecordedAt: time.Now(), Type: "X.Y", Kind: directory.KindEnvironment, ObjectID: s.env}))
	s.whole(t, head)
	chain, err := s.db.Chain(t.Context(), s.env)
	if err != nil || chain.Base.Seq != 7 || chain.BaseSeal != audit.SealWhole {
		t.Fatalf("%+v %v", chain, err)
	}
	s.exec(t, `UPDATE environments SET seal = seal`) // the row is not the log
	if err := s.db.Reseal(t.Context(), directory.Activity{ID: uuid.NewString(), EnvironmentID: s.env, RecordedAt: time.Now(), Type: "X.Y"}); err != nil {
		t.Fatal(err)
	}

	// An export that begins in the middle is proved too.
	var out bytes.Buffer
	log := audit.NewService(s.db, nil)
	_, err = log.Export(t.Context(), s.env, directory.ActivityQuery{}, audit.Lines(&out))
	must(t, err)
	if report, err := audit.VerifyFile(&out, nil); err != nil || !report.Whole || report.Pruned != 7 {
		t.Fatalf("%+v %v", report, err)
	}
}
