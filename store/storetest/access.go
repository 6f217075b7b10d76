package storetest

import (
	"testing"

	"lockstep/access"
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
