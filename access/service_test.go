package access_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/store"
)

// counted is a store that counts how often it is asked about tokens.
type counted struct {
	*store.DB

	tokens atomic.Int64
}

func (c *counted) Token(ctx context.Context, hash string) (access.Token, error) {
	c.tokens.Add(1)
	return c.DB.Token(ctx, hash)
}

type world struct {
	*access.Service

	db  *counted
	env string
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	env, err := directory.NewService(db, directory.Options{}).Setup(t.Context(), "Test")
	must(t, err)
	w := &world{db: &counted{DB: db}, env: env.ID, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.Service = access.NewService(w.db, func() time.Time { return w.now })
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) client(t *testing.T) (access.Client, secret.Text) {
	t.Helper()
	c, s, err := w.CreateClient(t.Context(), w.env, " script ", access.EnvironmentAdmin)
	must(t, err)
	return c, s
}

func unauthorized(t *testing.T, what string, err error) {
	t.Helper()
	if !problem.Is(err, problem.Unauthorized) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestRoles(t *testing.T) {
	for role, may := range map[access.Role][3]bool{ // read, edit the directory, edit all
		access.EnvironmentAdmin: {true, true, true}, access.IdentityDataAdmin: {true, true, false}, access.ReadOnly: {true, false, false}, "Root": {},
	} {
		for i, action := range []access.Action{access.Read, access.EditDirectory, access.EditAll} {
			if role.May(action) != may[i] {
				t.Errorf("%s, action %d: %v", role, i, !may[i])
			}
		}
	}
	if r, err := access.ParseRole(" environment ADMIN "); err != nil || r != access.EnvironmentAdmin {
		t.Error(r, err)
	}
}

func TestClientsAreChecked(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name, target string
		role         access.Role
	}{
		{" ", "name", access.ReadOnly}, {strings.Repeat("é", 257), "name", access.ReadOnly}, {"a\nb", "name", access.ReadOnly}, {"a", "role", "Root"}, {"a", "role", ""},
	} {
		_, _, err := w.CreateClient(t.Context(), w.env, test.name, test.role)
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.InvalidData || p.Details[0].Target != test.target {
			t.Errorf("%q as %q: %v", test.name, test.role, err)
		}
	}
	if _, _, err := w.CreateClient(t.Context(), w.env, strings.Repeat("é", 256), "read only"); err != nil {
		t.Error(err)
	}
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, s := w.client(t)
	other, theirs := w.client(t)
	got, err := w.Authenticate(ctx, w.env, c.ID, s)
	if err != nil || got.ID != c.ID || got.Name != "script" {
		t.Errorf("%+v %v", got, err)
	}
	if len(s.Reveal()) < 43 || s.Reveal() == theirs.Reveal() || strings.Contains(c.SecretHash, s.Reveal()) || fmt.Sprint(s) == s.Reveal() {
		t.Error("the secret is weak, or seen")
	}
	for what, try := range map[string]struct {
		env, id string
		secret  secret.Text
	}{
		"no secret":      {w.env, c.ID, secret.Text{}},
		"wrong secret":   {w.env, c.ID, secret.New(s.Reveal() + "x")},
		"another's":      {w.env, other.ID, s},
		"the hash":       {w.env, c.ID, secret.New(c.SecretHash)},
		"nobody":         {w.env, "00000000-0000-4000-8000-000000000000", s},
		"nobody's hash":  {w.env, "", secret.New(strings.Repeat("-", 64))},
		"elsewhere":      {"00000000-0000-4000-8000-000000000000", c.ID, s},
		"no environment": {"", c.ID, s},
	} {
		_, err := w.Authenticate(ctx, try.env, try.id, try.secret)
		unauthorized(t, what, err)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, _ := w.client(t)
	token, lives, err := w.Issue(ctx, c)
	must(t, err)
	if lives != time.Hour {
		t.Errorf("a token lives %v", lives)
	}
	for range 100 {
		got, err := w.Verify(ctx, token)
		if err != nil || got.ID != c.ID {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if n := w.db.tokens.Load(); n != 1 {
		t.Errorf("100 requests cost %d reads", n)
	}
	for _, wrong := range []string{"", "x", token.Reveal() + "x", c.SecretHash} {
		_, err := w.Verify(ctx, secret.New(wrong))
		unauthorized(t, "a wrong token", err)
	}
	w.now = w.now.Add(lives - time.Second)
	_, err = w.Verify(ctx, token)
	must(t, err)
	w.now = w.now.Add(time.Second) // remembered a second ago, and over now
	_, err = w.Verify(ctx, token)
	unauthorized(t, "an old token", err)
	must(t, w.Expire(ctx))
	_, err = w.Verify(ctx, token)
	unauthorized(t, "an expired token", err)
}

func TestDeletedClients(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, s := w.client(t)
	token, _, err := w.Issue(ctx, c)
	must(t, err)
	elsewhere := access.NewService(w.db, func() time.Time { return w.now }) // another replica
	for _, service := range []*access.Service{w.Service, elsewhere} {
		_, err := service.Verify(ctx, token)
		must(t, err)
	}
	must(t, w.DeleteClient(ctx, w.env, c.ID))
	_, err = w.Verify(ctx, token)
	unauthorized(t, "a token of a deleted client", err)
	w.now = w.now.Add(10 * time.Second)
	_, err = elsewhere.Verify(ctx, token)
	unauthorized(t, "on another replica after 10 s", err)
	_, err = w.Authenticate(ctx, w.env, c.ID, s)
	unauthorized(t, "a deleted client", err)
}

// TestLog: creating and deleting a client, and failing to sign in as one, are in the log with their actor, and never a secret.
func TestLog(t *testing.T) {
	w := newWorld(t)
	ctx := directory.WithOrigin(t.Context(), directory.Origin{Actor: directory.Actor{Type: "CLIENT", ID: "a", Name: "admin"}, CorrelationID: "c", Address: "192.0.2.7"})
	c, password, err := w.CreateClient(ctx, w.env, "ci", access.ReadOnly)
	must(t, err)
	fail := func(id string) {
		t.Helper()
		_, err := w.Authenticate(ctx, w.env, id, secret.New("wrong-"+password.Reveal()))
		unauthorized(t, "a wrong secret", err)
	}
	for range 3 { // one line a minute
		fail(c.ID)
	}
	w.now = w.now.Add(time.Minute)
	fail(c.ID)
	fail("00000000-0000-4000-8000-000000000000")
	_, err = w.Authenticate(ctx, "00000000-0000-4000-8000-000000000000", c.ID, password)
	unauthorized(t, "another environment", err)
	must(t, w.DeleteClient(ctx, w.env, c.ID))
	if err := w.DeleteClient(ctx, w.env, c.ID); !problem.Is(err, problem.NotFound) {
		t.Error(err)
	}
	log, err := w.db.Activities(ctx, w.env, directory.ActivityQuery{Kind: directory.KindClient, Limit: 100})
	must(t, err)
	var got []string
	for _, a := range slices.Backward(log) {
		got = append(got, fmt.Sprintf("%s %s %s %t: %s", a.Type, a.Actor.Name, a.ObjectName, a.Success, a.Description))
		if a.CorrelationID != "c" || strings.Contains(fmt.Sprint(a), password.Reveal()) {
			t.Errorf("%+v", a)
		}
	}
	want := []string{
		`CLIENT.CREATED admin ci true: client ci was created with the role "Read Only"`,
		`CLIENT.SIGN_ON_FAILED unknown ci false: somebody tried to sign in as client "ci" with a wrong secret, from 192.0.2.7`,
		`CLIENT.SIGN_ON_FAILED unknown ci false: somebody tried to sign in as client "ci" with a wrong secret, from 192.0.2.7; 2 more attempts failed since the last line about it`,
		`CLIENT.SIGN_ON_FAILED unknown  false: somebody tried to sign in as a client that does not exist, from 192.0.2.7`,
		`CLIENT.DELETED admin ci true: client ci was deleted`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
