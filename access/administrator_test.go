package access_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

const good = "a sentence nobody guesses"

func (w *world) administrator(t *testing.T, username string, role access.Role) access.Administrator {
	t.Helper()
	a, err := w.CreateAdministrator(t.Context(), w.env, access.NewAdministrator{Username: username, Role: role, Password: secret.New(good)})
	must(t, err)
	return a
}

func target(err error) string {
	var p *problem.Error
	if !errors.As(err, &p) || len(p.Details) == 0 {
		return ""
	}
	return p.Details[0].Target
}

func TestAdministratorsAreChecked(t *testing.T) {
	w := newWorld(t)
	w.administrator(t, "Ann", access.EnvironmentAdmin)
	for _, test := range []struct {
		target, username, password string
		role                       access.Role
	}{
		{"username", " ", good, ""}, {"username", "ann", good, ""}, {"username", "a\nb", good, ""}, {"username", strings.Repeat("x", 129), good, ""},
		{"password", "ben", "short", ""}, {"password", "benjamin.cole", "Benjamin.Cole", ""}, {"password", "ben", strings.Repeat("x", 257), ""}, {"role", "ben", good, "Root"},
	} {
		_, err := w.CreateAdministrator(t.Context(), w.env, access.NewAdministrator{Username: test.username, Role: test.role, Password: secret.New(test.password)})
		if target(err) != test.target || strings.Contains(err.Error(), test.password) {
			t.Errorf("%q: %v", test.username, err)
		}
	}
}

// TestCommonPasswords: what is tried first is refused, whichever way a password is set.
func TestCommonPasswords(t *testing.T) {
	w := newWorld(t)
	ann := w.administrator(t, "Ann", access.EnvironmentAdmin)
	for _, text := range []string{"password", "Password1", "PASSWORD123!", "12345678", "qwertyuiop", "Passw0rd", "ｐａｓｓｗｏｒｄ", " iloveyou ", "lockstep", "zzzzzzzzzzzzzzzz", "ababababababab", "        "} {
		given := secret.New(text)
		if _, err := w.CreateAdministrator(t.Context(), w.env, access.NewAdministrator{Username: "ben", Password: given}); target(err) != "password" {
			t.Errorf("%q: %v", text, err)
		}
	}
	given := secret.New("Password1")
	if _, err := w.UpdateAdministrator(t.Context(), w.env, ann.ID, access.AdministratorEdit{Password: &given}); target(err) != "password" {
		t.Error(err)
	}
	if err := w.ChangePassword(t.Context(), ann.ID, secret.New(good), given, secret.Text{}); target(err) != "newPassword" {
		t.Error(err)
	}
	fine := secret.New("password is what I never say")
	if _, err := w.UpdateAdministrator(t.Context(), w.env, ann.ID, access.AdministratorEdit{Password: &fine}); err != nil {
		t.Error(err)
	}
}

// TestNobodySignsInAsMore: with a new password one could sign in as somebody who may do more in another environment.
func TestNobodySignsInAsMore(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann, ben := w.administrator(t, "Ann", access.EnvironmentAdmin), w.administrator(t, "Ben", access.EnvironmentAdmin)
	robot, _, err := w.CreateClient(ctx, w.env, "robot", access.EnvironmentAdmin)
	must(t, err)
	must(t, w.Found(ctx, ben.ID, "other"))
	next := secret.New("another sentence that nobody guesses")
	set := func(kind, id string) error {
		as := directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: kind, ID: id}})
		_, err := w.UpdateAdministrator(as, w.env, ben.ID, access.AdministratorEdit{Password: &next})
		return err
	}
	for kind, id := range map[string]string{"USER": ann.ID, "CLIENT": robot.ID} {
		if err := set(kind, id); target(err) != "password" || !strings.Contains(err.Error(), "Environment Admin") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, _, err := w.SignOn(ctx, "Ben", secret.New(good)); err != nil {
		t.Errorf("the password is another one now: %v", err)
	}
	must(t, set("USER", ben.ID))
	must(t, set("SYSTEM", "lockstep")) // whoever has the server has everything
	must(t, w.Found(ctx, ann.ID, "other"))
	must(t, w.Found(ctx, robot.ID, "other"))
	must(t, set("USER", ann.ID))
	must(t, set("CLIENT", robot.ID))
}

func TestSignOn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann := w.administrator(t, "Ann", access.ReadOnly)
	a, token, err := w.SignOn(ctx, " aNN ", secret.New(good))
	must(t, err)
	if a.ID != ann.ID || !a.LastSignOnAt.Equal(w.now) || strings.Contains(a.PasswordHash, good) || !strings.HasPrefix(a.PasswordHash, "$argon2id$v=19$m=65536,t=2,p=1$") {
		t.Errorf("%+v", a)
	}
	for _, wrong := range [][2]string{{"ann", good + "x"}, {"ann", ""}, {"nobody", good}, {"", ""}, {"ann", strings.Repeat("x", 5000)}} {
		_, _, err := w.SignOn(ctx, wrong[0], secret.New(wrong[1]))
		unauthorized(t, "signing on as "+wrong[0], err)
	}
	got, err := w.VerifySession(ctx, token)
	if err != nil || got.ID != ann.ID {
		t.Errorf("%+v %v", got, err)
	}
	for _, wrong := range []secret.Text{{}, secret.New("x"), secret.New(token.Reveal() + "x")} {
		_, err := w.VerifySession(ctx, wrong)
		unauthorized(t, "a wrong session", err)
	}
	elsewhere := access.NewService(w.db, func() time.Time { return w.now })
	must(t, w.SignOff(ctx, token))
	_, err = w.VerifySession(ctx, token)
	unauthorized(t, "a session that was signed off", err)
	_, err = elsewhere.VerifySession(ctx, token)
	unauthorized(t, "the same on another replica", err)
	log, err := w.db.Activities(ctx, w.env, directory.ActivityQuery{Type: "ADMINISTRATOR.SIGNED_ON", Limit: 10})
	if err != nil || len(log) != 1 || log[0].Actor.ID != ann.ID || log[0].Actor.Type != "USER" {
		t.Errorf("%+v %v", log, err)
	}
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.administrator(t, "Ann", access.EnvironmentAdmin)
	_, idle, err := w.SignOn(ctx, "ann", secret.New(good))
	must(t, err)
	_, busy, err := w.SignOn(ctx, "ann", secret.New(good))
	must(t, err)
	for range 11 * 2 {
		w.now = w.now.Add(30 * time.Minute)
		_, err := w.VerifySession(ctx, busy)
		must(t, err)
	}
	_, err = w.VerifySession(ctx, idle)
	unauthorized(t, "a session nobody used for an hour", err)
	w.now = w.now.Add(time.Hour)
	_, err = w.VerifySession(ctx, busy)
	unauthorized(t, "a session of twelve hours", err)
	must(t, w.Expire(ctx))
}

func TestPasswords(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann := w.administrator(t, "Ann", access.EnvironmentAdmin)
	_, here, err := w.SignOn(ctx, "ann", secret.New(good))
	must(t, err)
	_, there, err := w.SignOn(ctx, "ann", secret.New(good))
	must(t, err)
	_, err = w.VerifySession(ctx, there)
	must(t, err)
	if err := w.ChangePassword(ctx, ann.ID, secret.New("wrong"), secret.New("another sentence"), here); target(err) != "currentPassword" {
		t.Error(err)
	}
	if err := w.ChangePassword(ctx, ann.ID, secret.New(good), secret.New("short"), here); target(err) != "newPassword" && target(err) != "password" {
		t.Error(err)
	}
	must(t, w.ChangePassword(ctx, ann.ID, secret.New(good), secret.New("another sentence"), here))
	_, err = w.VerifySession(ctx, here)
	must(t, err)
	_, err = w.VerifySession(ctx, there)
	unauthorized(t, "another session after a new password", err)
	_, _, err = w.SignOn(ctx, "ann", secret.New(good))
	unauthorized(t, "the old password", err)
	reset := secret.New("given by somebody else")
	_, err = w.UpdateAdministrator(ctx, w.env, ann.ID, access.AdministratorEdit{Password: &reset})
	must(t, err)
	_, err = w.VerifySession(ctx, here)
	unauthorized(t, "a session after a reset", err)
}

func TestLastAdministrator(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann, role := w.administrator(t, "Ann", access.EnvironmentAdmin), access.ReadOnly
	w.administrator(t, "Ben", access.ReadOnly)
	if err := w.DeleteAdministrator(ctx, w.env, ann.ID); !problem.Is(err, problem.Conflict) {
		t.Error(err)
	}
	if _, err := w.UpdateAdministrator(ctx, w.env, ann.ID, access.AdministratorEdit{Role: &role}); target(err) != "role" {
		t.Error(err)
	}
	w.administrator(t, "Cleo", access.EnvironmentAdmin)
	if a, err := w.UpdateAdministrator(ctx, w.env, ann.ID, access.AdministratorEdit{Role: &role}); err != nil || a.Role != role {
		t.Error(a, err)
	}
	_, token, err := w.SignOn(ctx, "ann", secret.New(good))
	must(t, err)
	must(t, w.DeleteAdministrator(ctx, w.env, ann.ID))
	_, err = w.VerifySession(ctx, token)
	unauthorized(t, "a session of nobody", err)
	if err := w.DeleteAdministrator(ctx, "00000000-0000-4000-8000-000000000000", ann.ID); !problem.Is(err, problem.NotFound) {
		t.Error(err)
	}
}

// TestSetUp: of many who have the link one becomes the administrator, and then the link is of no use.
func TestSetUp(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	link, err := w.Invite(ctx)
	must(t, err)
	later, err := w.Invite(ctx)
	must(t, err)
	n := access.NewAdministrator{Username: "ann", Password: secret.New(good), Role: access.ReadOnly}
	if _, _, err := w.SetUp(ctx, w.env, secret.New("guessed"), n); !problem.Is(err, problem.AccessFailed) {
		t.Error(err)
	}
	if _, _, err := w.SetUp(ctx, w.env, link, access.NewAdministrator{Username: "ann"}); target(err) != "password" {
		t.Error(err)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		group.Go(func() {
			a, token, err := w.SetUp(ctx, w.env, link, n)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
				if a.Role != access.EnvironmentAdmin || token.IsZero() {
					t.Errorf("%+v", a)
				}
			}
		})
	}
	group.Wait()
	if needed, err := w.SetupNeeded(ctx); made != 1 || err != nil || needed {
		t.Errorf("%d administrators were made, %v", made, err)
	}
	if _, _, err := w.SetUp(ctx, w.env, later, access.NewAdministrator{Username: "eve", Password: secret.New(good)}); !problem.Is(err, problem.Conflict) {
		t.Error(err)
	}
}

func TestInvitationsAgeOut(t *testing.T) {
	w := newWorld(t)
	link, err := w.Invite(t.Context())
	must(t, err)
	w.now = w.now.Add(24 * time.Hour)
	if _, _, err := w.SetUp(t.Context(), w.env, link, access.NewAdministrator{Username: "ann", Password: secret.New(good)}); !problem.Is(err, problem.AccessFailed) {
		t.Error(err)
	}
}
