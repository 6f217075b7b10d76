package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
)

// testAdministrators: administrators, sessions and one-time links come back as they were kept, and go together.
func testAdministrators(t *testing.T, s *suite) {
	ctx := t.Context()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	ann := access.Administrator{ID: "a1", EnvironmentID: s.env, Username: "Änn", Name: "Ann Bell", Role: access.EnvironmentAdmin, PasswordHash: "$x", CreatedAt: at, UpdatedAt: at}
	edit := func(fn func(tx access.AdministratorTx) error) error { return s.db.EditAdministrators(ctx, fn) }
	boom := errors.New("boom")
	if err := edit(func(tx access.AdministratorTx) error { return errors.Join(tx.InsertAdministrator(ctx, ann), boom) }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	must(t, edit(func(tx access.AdministratorTx) error {
		all, err := tx.LockAdministrators(ctx)
		if len(all) > 0 {
			t.Errorf("an edit that failed left %v", all)
		}
		return errors.Join(err, tx.InsertAdministrator(ctx, ann), tx.InsertInvitation(ctx, "h", at.Add(time.Hour)))
	}))
	got, err := s.db.AdministratorByUsername(ctx, directory.Fold("äNN"))
	must(t, err)
	if diff := cmp.Diff(ann, got); diff != "" {
		t.Errorf("the administrator came back otherwise (-want +got):\n%s", diff)
	}
	if err := edit(func(tx access.AdministratorTx) error {
		twin := ann
		twin.ID, twin.Username = "a2", "ÄNN"
		return tx.InsertAdministrator(ctx, twin)
	}); err == nil {
		t.Error("two administrators have one username")
	}
	must(t, edit(func(tx access.AdministratorTx) error {
		until, err := tx.TakeInvitation(ctx, "h")
		if err != nil || !until.Equal(at.Add(time.Hour)) {
			t.Errorf("%v %v", until, err)
		}
		if _, err := tx.TakeInvitation(ctx, "h"); !problem.Is(err, problem.NotFound) {
			t.Errorf("a link was taken twice: %v", err)
		}
		return nil
	}))
	one := access.Session{Hash: "s1", AdministratorID: ann.ID, EnvironmentID: s.env, CreatedAt: at, SeenAt: at, ExpiresAt: at.Add(time.Hour)}
	two := one
	two.Hash, two.ExpiresAt = "s2", at.Add(time.Minute)
	must(t, edit(func(tx access.AdministratorTx) error {
		return errors.Join(tx.InsertSession(ctx, one), tx.InsertSession(ctx, two))
	}))
	must(t, s.db.TouchSession(ctx, "s1", at.Add(time.Second)))
	session, err := s.db.Session(ctx, "s1")
	if err != nil || !session.SeenAt.Equal(at.Add(time.Second)) || session.AdministratorID != ann.ID {
		t.Errorf("%+v %v", session, err)
	}
	must(t, s.db.DeleteExpiredTokens(ctx, at.Add(time.Minute)))
	if _, err := s.db.Session(ctx, "s2"); !problem.Is(err, problem.NotFound) {
		t.Errorf("an old session: %v", err)
	}
	must(t, edit(func(tx access.AdministratorTx) error { return tx.DeleteSessions(ctx, ann.ID, "s1") }))
	_, err = s.db.Session(ctx, "s1")
	must(t, err)
	byID, err := s.db.Administrator(ctx, ann.ID)
	must(t, err)
	same(t, "the administrator by id", ann, byID)
	three := one
	three.Hash = "s3"
	must(t, edit(func(tx access.AdministratorTx) error { return tx.InsertSession(ctx, three) }))
	must(t, s.db.DeleteSession(ctx, "s3"))
	_, err = s.db.Session(ctx, "s3")
	missing(t, "a session that was ended", err)
	must(t, edit(func(tx access.AdministratorTx) error { return tx.DeleteAdministrator(ctx, ann.ID) }))
	if _, err := s.db.Session(ctx, "s1"); !problem.Is(err, problem.NotFound) {
		t.Errorf("a session of nobody: %v", err)
	}
	if all, err := s.db.Administrators(ctx, ""); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
}

// testAssignments: roles in other environments come back as they were kept, one of a principal in an environment, and go with whom they are of.
func testAssignments(t *testing.T, s *suite) {
	ctx := t.Context()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	ann := access.Administrator{ID: "a1", EnvironmentID: s.env, Username: "ann", Role: access.EnvironmentAdmin, PasswordHash: "$x", CreatedAt: at, UpdatedAt: at}
	edit := func(fn func(tx access.AdministratorTx) error) { must(t, s.db.EditAdministrators(ctx, fn)) }
	first, second := access.Assignment{PrincipalID: ann.ID, EnvironmentID: "e1", Role: access.ReadOnly}, access.Assignment{PrincipalID: "c1", EnvironmentID: "e1", Role: access.EnvironmentAdmin}
	edit(func(tx access.AdministratorTx) error {
		return errors.Join(tx.InsertAdministrator(ctx, ann), tx.SaveAssignment(ctx, first), tx.SaveAssignment(ctx, second))
	})
	first.Role = access.IdentityDataAdmin
	third := access.Assignment{PrincipalID: ann.ID, EnvironmentID: "e2", Role: access.ReadOnly}
	edit(func(tx access.AdministratorTx) error {
		if err := errors.Join(tx.SaveAssignment(ctx, first), tx.SaveAssignment(ctx, third)); err != nil {
			return err
		}
		all, err := tx.AllAssignments(ctx)
		same(t, "all roles", []access.Assignment{first, third, second}, all)
		return err
	})
	one, err := s.db.Assignment(ctx, ann.ID, "e1")
	must(t, err)
	same(t, "a role", first, one)
	_, err = s.db.Assignment(ctx, "c1", "e2")
	missing(t, "a role that nobody has", err)
	of, err := s.db.AssignmentsOf(ctx, ann.ID)
	must(t, err)
	same(t, "the roles of somebody", []access.Assignment{first, third}, of)
	in, err := s.db.AssignmentsIn(ctx, "e1")
	must(t, err)
	same(t, "the roles in an environment", []access.Assignment{first, second}, in)
	edit(func(tx access.AdministratorTx) error { return tx.DeleteAssignment(ctx, ann.ID, "e2") })
	if err := s.db.EditAdministrators(ctx, func(tx access.AdministratorTx) error { return tx.DeleteAssignment(ctx, ann.ID, "e2") }); !problem.Is(err, problem.NotFound) {
		t.Errorf("a role was taken away twice: %v", err)
	}
	edit(func(tx access.AdministratorTx) error { return tx.DeleteAdministrator(ctx, ann.ID) })
	must(t, s.db.InsertClient(ctx, access.Client{ID: "c1", EnvironmentID: s.env, Name: "c", Role: access.ReadOnly, SecretHash: "h", CreatedAt: at}, directory.Activity{ID: "l1", EnvironmentID: s.env, RecordedAt: at, Type: "X", Kind: directory.KindClient, ObjectID: "c1"}))
	must(t, s.db.DeleteClient(ctx, s.env, "c1", directory.Activity{ID: "l2", EnvironmentID: s.env, RecordedAt: at, Type: "X", Kind: directory.KindClient, ObjectID: "c1"}))
	if in, err := s.db.AssignmentsIn(ctx, "e1"); err != nil || len(in) != 0 {
		t.Errorf("roles of nobody: %v %v", in, err)
	}
}
