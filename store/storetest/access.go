package storetest

import (
	"testing"
	"time"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

func testAccess(t *testing.T, s *suite) {
	ctx := t.Context()
	clients := access.NewService(s.db, nil)
	c, password, err := clients.CreateClient(ctx, s.env, "ci", access.ReadOnly)
	must(t, err)
	if _, err := clients.Authenticate(ctx, s.env, c.ID, secret.New("wrong")); !problem.Is(err, problem.Unauthorized) {
		t.Errorf("a wrong secret: %v", err)
	}
	got, err := clients.Authenticate(ctx, s.env, c.ID, password)
	must(t, err)
	token, _, err := clients.Issue(ctx, got)
	must(t, err)
	if who, err := clients.Verify(ctx, token); err != nil || who.ID != c.ID {
		t.Errorf("%v %v", who, err)
	}
	must(t, clients.DeleteClient(ctx, s.env, c.ID))
	if _, err := clients.Verify(ctx, token); !problem.Is(err, problem.Unauthorized) {
		t.Errorf("the token of a deleted client: %v", err)
	}
}

// testClients: what is kept of clients and tokens.
func testClients(t *testing.T, s *suite) {
	ctx := t.Context()
	c := access.Client{ID: "c1", EnvironmentID: s.env, Name: "CI", Role: access.EnvironmentAdmin, SecretHash: "h", CreatedAt: at(2)}
	older := access.Client{ID: "c2", EnvironmentID: s.env, Name: "Old", Role: access.ReadOnly, SecretHash: "i", CreatedAt: at(1)}
	line := func(id string) directory.Activity {
		return directory.Activity{ID: id, EnvironmentID: s.env, RecordedAt: at(1), Type: "CLIENT.TEST", ObjectID: "c1", Success: true}
	}
	must(t, s.db.InsertClient(ctx, c, line("l1")))
	must(t, s.db.InsertClient(ctx, older, line("l2")))
	got, err := s.db.Client(ctx, "c1")
	must(t, err)
	same(t, "the client", c, got)
	all, err := s.db.Clients(ctx, s.env)
	must(t, err)
	same(t, "the clients, oldest first", []access.Client{older, c}, all)
	live := access.Token{Hash: "t1", ClientID: "c1", EnvironmentID: s.env, ExpiresAt: at(100)}
	must(t, s.db.InsertToken(ctx, live))
	must(t, s.db.InsertToken(ctx, access.Token{Hash: "t2", ClientID: "c1", EnvironmentID: s.env, ExpiresAt: at(50)}))
	must(t, s.db.DeleteExpiredTokens(ctx, at(50).Add(time.Nanosecond)))
	token, err := s.db.Token(ctx, "t1")
	must(t, err)
	same(t, "the token", live, token)
	_, err = s.db.Token(ctx, "t2")
	missing(t, "an expired token", err)
	missing(t, "another environment's client", s.db.DeleteClient(ctx, "elsewhere", "c1", line("l3")))
	must(t, s.db.DeleteClient(ctx, s.env, "c1", line("l4")))
	must(t, s.db.Append(ctx, line("l5")))
	_, err = s.db.Client(ctx, "c1")
	missing(t, "a deleted client", err)
	_, err = s.db.Token(ctx, "t1")
	missing(t, "the token of a deleted client", err)
}
