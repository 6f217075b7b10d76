package storetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// testAuthorizations: a state is good once and for whoever began; secrets are sealed; what is over goes.
func testAuthorizations(t *testing.T, s *suite) {
	ctx := t.Context()
	a := provision.Authorization{
		ID: uuid.NewString(), EnvironmentID: s.env, Type: "Slack", ConnectionID: "c", Settings: map[string]any{"BASE_URL": "https://x"}, RedirectURL: "https://y", StateHash: "state",
		Bound: "ann", CreatedAt: at(1), ExpiresAt: at(10), Tokens: provision.Tokens{ClientSecret: secret.New("marker-secret"), Grant: provision.Grant{ClientID: "1.2"}},
	}
	must(t, s.db.SaveAuthorization(ctx, a))
	if a.Tokens.ClientSecret.IsZero() {
		t.Error("saving changed what was given")
	}
	if _, err := s.db.TakeAuthorization(ctx, "state", "ben"); !problem.Is(err, problem.NotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	if seen, err := s.db.AuthorizationByState(ctx, "state"); err != nil || seen.Bound != "ann" {
		t.Errorf("%+v %v", seen, err)
	}
	taken := together(t, 4, func(int) error {
		_, err := s.db.TakeAuthorization(context.WithoutCancel(ctx), "state", "ann")
		return err
	})
	if taken != 1 {
		t.Errorf("the state was good %d times", taken)
	}
	for _, hash := range []string{"state", ""} {
		if _, err := s.db.AuthorizationByState(ctx, hash); !problem.Is(err, problem.NotFound) {
			t.Errorf("%q: %v", hash, err)
		}
		if _, err := s.db.TakeAuthorization(ctx, hash, "ann"); !problem.Is(err, problem.NotFound) {
			t.Errorf("%q: %v", hash, err)
		}
	}
	a.StateHash, a.ExpiresAt, a.Differs = "", at(20), true
	a.Tokens.Access, a.Tokens.Refresh = secret.New("marker-access"), secret.New("marker-refresh")
	must(t, s.db.SaveAuthorization(ctx, a))
	got, err := s.db.Authorization(ctx, s.env, a.ID)
	if diff := cmp.Diff(a, got, cmp.Comparer(func(x, y secret.Text) bool { return x.Reveal() == y.Reveal() })); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := s.db.Authorization(ctx, uuid.NewString(), a.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("another environment's: %v", err)
	}
	must(t, s.db.DeleteExpiredAuthorizations(ctx, at(19)))
	must(t, s.db.DeleteAuthorization(ctx, s.env, a.ID))
	must(t, s.db.SaveAuthorization(ctx, a))
	must(t, s.db.DeleteExpiredAuthorizations(ctx, at(20)))
	if err := s.db.DeleteAuthorization(ctx, s.env, a.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("it is over: %v", err)
	}
}
