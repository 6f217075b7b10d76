package directory_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/filter"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/store"
)

// world is a service over a real store, and how often it woke whoever follows the feed.
type world struct {
	*directory.Service

	db    *store.DB
	env   string
	woken int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	must(t, err)
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	w := &world{db: db}
	w.Service = directory.NewService(db, directory.Options{Wake: func(string) { w.woken++ }})
	env, err := w.Setup(t.Context(), "Test")
	must(t, err)
	w.env = env.ID
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) attribute(t testing.TB, a directory.Attribute) directory.Attribute {
	t.Helper()
	a, err := w.CreateAttribute(t.Context(), w.env, a)
	must(t, err)
	return a
}

func (w *world) user(t testing.TB, username string) directory.User {
	t.Helper()
	u, err := w.CreateUser(t.Context(), w.env, directory.User{Username: username, Email: strings.TrimSpace(username) + "@example.com", Enabled: true})
	must(t, err)
	return u
}

// log lists the activities, oldest first.
func (w *world) log(t testing.TB) []directory.Activity {
	t.Helper()
	list, err := w.db.Activities(t.Context(), w.env, directory.ActivityQuery{Limit: 100_000})
	must(t, err)
	slices.Reverse(list)
	return list
}

// refused makes sure that an edit was refused with a code at a place.
func refused(t testing.TB, err error, code, target string) {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.InvalidData {
		t.Errorf("want a refusal at %s, got: %v", target, err)
		return
	}
	if !slices.ContainsFunc(p.Details, func(d problem.Detail) bool { return d.Code == code && d.Target == target }) {
		t.Errorf("want %s at %s, got %+v", code, target, p.Details)
	}
}

// TestEveryEditIsLogged: one activity an edit, with what differs, and neither activity nor wake-up where nothing does.
func TestEveryEditIsLogged(t *testing.T) {
	w := newWorld(t)
	ctx := directory.WithOrigin(t.Context(), directory.Origin{Actor: directory.Actor{Type: "CLIENT", ID: "c1", Name: "script"}, CorrelationID: "r1"})
	u := w.user(t, "anna")
	p, err := w.CreatePopulation(ctx, w.env, directory.Population{Name: "Sales"})
	must(t, err)
	a := w.attribute(t, directory.Attribute{Name: "badge"})
	type change = directory.AttributeChange
	rename := func(u *directory.User) error {
		u.Name.Given, u.Custom = "Anna", map[string]any{"badge": "B1"}
		return nil
	}
	populate := func(p *directory.Population) error { p.Name, p.Description = "Sales EMEA", "two\nlines"; return nil }
	for _, step := range []struct {
		name    string
		edit    func() error
		kind    string // "" = nothing is logged
		changes []change
	}{
		{"user", func() error { _, err := w.UpdateUser(ctx, w.env, u.ID, rename); return err }, "USER.UPDATED", []change{{"badge", nil, "B1"}, {"name.given", nil, "Anna"}}},
		{"user again", func() error { _, err := w.UpdateUser(ctx, w.env, u.ID, rename); return err }, "", nil},
		{"disable", func() error { _, err := w.SetEnabled(ctx, w.env, u.ID, false); return err }, "USER.UPDATED", []change{{"enabled", true, false}}},
		{"disable again", func() error { _, err := w.SetEnabled(ctx, w.env, u.ID, false); return err }, "", nil},
		{"move", func() error { _, err := w.MoveUser(ctx, w.env, u.ID, p.ID); return err }, "USER.UPDATED", []change{{"population.id", u.PopulationID, p.ID}}},
		{"move again", func() error { _, err := w.MoveUser(ctx, w.env, u.ID, p.ID); return err }, "", nil},
		{
			"population", func() error { _, err := w.UpdatePopulation(ctx, w.env, p.ID, populate); return err }, "POPULATION.UPDATED",
			[]change{{"description", "", "two\nlines"}, {"name", "Sales", "Sales EMEA"}},
		},
		{"population again", func() error { _, err := w.UpdatePopulation(ctx, w.env, p.ID, populate); return err }, "", nil},
		{"attribute", func() error { _, err := w.UpdateAttribute(ctx, w.env, a.ID, "Badge", ""); return err }, "ATTRIBUTE.UPDATED", []change{{"displayName", "", "Badge"}}},
		{"attribute again", func() error { _, err := w.UpdateAttribute(ctx, w.env, a.ID, "Badge", ""); return err }, "", nil},
		{"no attribute", func() error { return w.DeleteAttribute(ctx, w.env, a.ID) }, "ATTRIBUTE.DELETED", []change{{"displayName", "Badge", nil}, {"name", "badge", nil}, {"type", "STRING", nil}}},
		{
			"no user", func() error { return w.DeleteUser(ctx, w.env, u.ID) }, "USER.DELETED",
			[]change{{"email", "anna@example.com", nil}, {"name.given", "Anna", nil}, {"population.id", p.ID, nil}, {"username", "anna", nil}},
		},
		{
			"no population", func() error { return w.DeletePopulation(ctx, w.env, p.ID) }, "POPULATION.DELETED",
			[]change{{"description", "two\nlines", nil}, {"name", "Sales EMEA", nil}},
		},
		{
			"new population", func() error { _, err := w.CreatePopulation(ctx, w.env, directory.Population{Name: "New"}); return err }, "POPULATION.CREATED",
			[]change{{"name", nil, "New"}},
		},
		{
			"new user", func() error {
				_, err := w.CreateUser(ctx, w.env, directory.User{Username: "new", Email: "new@example.com", PopulationID: u.PopulationID, Enabled: true})
				return err
			}, "USER.CREATED", []change{{"email", nil, "new@example.com"}, {"enabled", nil, true}, {"population.id", nil, u.PopulationID}, {"username", nil, "new"}},
		},
		{"setup again", func() error { _, err := w.Setup(ctx, "Test"); return err }, "", nil},
	} {
		before, woken := len(w.log(t)), w.woken
		if err := step.edit(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		added := w.log(t)[before:]
		if step.kind == "" {
			if len(added) != 0 || w.woken != woken {
				t.Errorf("%s: logged %d, woke %d", step.name, len(added), w.woken-woken)
			}
			continue
		}
		if len(added) != 1 || w.woken != woken+1 {
			t.Fatalf("%s: logged %d, woke %d", step.name, len(added), w.woken-woken)
		}
		got := added[0]
		if got.Type != step.kind || got.Actor.ID != "c1" || got.CorrelationID != "r1" || got.Description == "" || !got.Success {
			t.Errorf("%s: %+v", step.name, got)
		}
		if diff := cmp.Diff(step.changes, got.Changes); diff != "" && len(step.changes)+len(got.Changes) > 0 {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestUserValidation(t *testing.T) {
	w := newWorld(t)
	w.attribute(t, directory.Attribute{Name: "level", Type: directory.TypeInteger})
	w.attribute(t, directory.Attribute{Name: "remote", Type: directory.TypeBoolean})
	w.attribute(t, directory.Attribute{Name: "extra", Type: directory.TypeJSON})
	w.attribute(t, directory.Attribute{Name: "skills", MultiValued: true})
	for _, test := range []struct {
		target string // "" = accepted
		edit   func(u *directory.User)
	}{
		{"", func(u *directory.User) { u.Username = strings.Repeat("ü", 128) }}, // characters are counted, not bytes
		{"username", func(u *directory.User) { u.Username = strings.Repeat("ü", 129) }},
		{"username", func(u *directory.User) { u.Username = "a\u0007b" }},
		{"username", func(u *directory.User) { u.Username = "a\xffb" }},
		{"email", func(u *directory.User) { u.Email = "nobody" }},
		{"email", func(u *directory.User) { u.Email = "a@b@c.de" }},
		{"", func(u *directory.User) { u.Email = "a@localhost" }},
		{"email", func(u *directory.User) { u.Email = strings.Repeat("a", 250) + "@example.com" }},
		{"name.family", func(u *directory.User) { u.Name.Family = strings.Repeat("é", 257) }},
		{"", func(u *directory.User) { u.Name.Family = strings.Repeat("é", 256) }},
		{"title", func(u *directory.User) { u.Title = "a\x00b" }},
		{"mobilePhone", func(u *directory.User) { u.MobilePhone = strings.Repeat("1", 33) }},
		{"externalId", func(u *directory.User) { u.ExternalID = strings.Repeat("x", 1025) }},
		{"", func(u *directory.User) { u.ExternalID = strings.Repeat("x", 1024) }},
		{"", func(u *directory.User) { u.Address.StreetAddress = "1 Road\nBack yard" }},
		{"address.streetAddress", func(u *directory.User) { u.Address.StreetAddress = "1\x00Road" }},
		{"address.countryCode", func(u *directory.User) { u.Address.CountryCode = "D1" }},
		{"", func(u *directory.User) { u.Address.CountryCode = "de" }},
		{"", func(u *directory.User) { u.Timezone = "America/Argentina/Buenos_Aires" }},
		{"", func(u *directory.User) { u.Timezone = "Etc/GMT+5" }},
		{"timezone", func(u *directory.User) { u.Timezone = "../../etc/passwd" }},
		{"", func(u *directory.User) { u.Locale = "zh-Hant-TW" }},
		{"locale", func(u *directory.User) { u.Locale = "en, de" }},
		{"", func(u *directory.User) { u.PreferredLanguage = "en-US, en;q=0.8, *;q=0.1" }},
		{"preferredLanguage", func(u *directory.User) { u.PreferredLanguage = "en;;" }},
		{"level", func(u *directory.User) { u.Custom = map[string]any{"level": 1.5} }},
		{"level", func(u *directory.User) { u.Custom = map[string]any{"level": "1"} }},
		{"remote", func(u *directory.User) { u.Custom = map[string]any{"remote": "true"} }},
		{"skills", func(u *directory.User) { u.Custom = map[string]any{"skills": "go"} }},
		{"skills", func(u *directory.User) { u.Custom = map[string]any{"skills": []any{"go", 1.0}} }},
		{"", func(u *directory.User) {
			u.Custom = map[string]any{"SKILLS": []any{"go"}, "extra": map[string]any{"a": []any{1.0, nil}}}
		}},
		{"extra", func(u *directory.User) { u.Custom = map[string]any{"extra": map[string]any{"a": []any{"\x00"}}} }},
		{"extra", func(u *directory.User) { u.Custom = map[string]any{"extra": strings.Repeat("x", 20_000)} }},
		{"SKILLS", func(u *directory.User) { u.Custom = map[string]any{"skills": []any{"go"}, "SKILLS": []any{"sql"}} }},
	} {
		u := directory.User{Username: "anna", Email: "anna@example.com"}
		test.edit(&u)
		u, err := w.CreateUser(t.Context(), w.env, u)
		if test.target != "" {
			refused(t, err, problem.InvalidValue, test.target)
			continue
		}
		must(t, err)
		must(t, w.DeleteUser(t.Context(), w.env, u.ID))
	}
	_, err := w.CreateUser(t.Context(), w.env, directory.User{Custom: map[string]any{"skils": "x"}})
	refused(t, err, problem.RequiredValue, "username") // all that is wrong at once
	refused(t, err, problem.RequiredValue, "email")
	refused(t, err, problem.InvalidValue, "skils")
	if p := new(problem.Error); !errors.As(err, &p) || !strings.Contains(p.Details[2].Message, `"skills"`) {
		t.Errorf("the nearest name is not offered: %v", err)
	}
}

func TestUsernamesAreUnique(t *testing.T) {
	w := newWorld(t)
	anna, ben := w.user(t, "Anna"), w.user(t, " ben ")
	if ben.Username != "ben" {
		t.Errorf("not trimmed: %q", ben.Username)
	}
	_, err := w.CreateUser(t.Context(), w.env, directory.User{Username: "ANNA", Email: "x@example.com"})
	refused(t, err, problem.UniquenessViolation, "username")
	_, err = w.UpdateUser(t.Context(), w.env, ben.ID, func(u *directory.User) error { u.Username = "aNNa"; return nil })
	refused(t, err, problem.UniquenessViolation, "username")
	u, err := w.UpdateUser(t.Context(), w.env, anna.ID, func(u *directory.User) error { u.Username = "anna"; return nil })
	if err != nil || u.Username != "anna" {
		t.Errorf("one's own username in another case: %v", err)
	}
	quiet := directory.NewService(w.db, directory.Options{})
	var wg sync.WaitGroup
	made := make([]error, 8)
	for i := range made {
		wg.Go(func() {
			_, made[i] = quiet.CreateUser(t.Context(), w.env, directory.User{Username: "cleo", Email: "cleo@example.com"})
		})
	}
	wg.Wait()
	n := slices.Index(made, nil)
	if n < 0 {
		t.Fatal("nobody was created")
	}
	for _, err := range slices.Delete(made, n, n+1) {
		refused(t, err, problem.UniquenessViolation, "username")
	}
}

// TestOldDataNeverLocksAUser: what an edit does not touch is not judged, so that somebody who leaves can always be disabled.
func TestOldDataNeverLocksAUser(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.user(t, "anna")
	w.attribute(t, directory.Attribute{Name: "badge", Required: true, Unique: true})
	_, err := w.CreateUser(ctx, w.env, directory.User{Username: "ben", Email: "ben@example.com"})
	refused(t, err, problem.RequiredValue, "badge")
	if _, err := w.SetEnabled(ctx, w.env, u.ID, false); err != nil {
		t.Errorf("disable: %v", err)
	}
	give := func(badge any) error {
		_, err := w.UpdateUser(ctx, w.env, u.ID, func(u *directory.User) error {
			u.Custom = map[string]any{"badge": badge}
			return nil
		})
		return err
	}
	must(t, give("B1"))
	refused(t, give(nil), problem.RequiredValue, "badge")
	_, err = w.CreateUser(ctx, w.env, directory.User{Username: "ben", Email: "ben@example.com", Custom: map[string]any{"badge": "B1"}})
	refused(t, err, problem.UniquenessViolation, "badge")
	_, err = w.MoveUser(ctx, w.env, u.ID, "")
	refused(t, err, problem.RequiredValue, "population.id")
}

// TestLeftovers: what an older version let in, or a crash left behind, is in nobody's way.
func TestLeftovers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.user(t, "anna")
	u.Address.CountryCode, u.Custom = "Germany", map[string]any{"gone": "x"}
	must(t, w.db.Edit(ctx, func(tx directory.Tx) error { return tx.UpdateUsers(ctx, []directory.User{u}) }))
	before := len(w.log(t))
	if _, err := w.UpdateUser(ctx, w.env, u.ID, func(*directory.User) error { return nil }); err != nil || len(w.log(t)) != before {
		t.Errorf("an edit that changes nothing: %v", err)
	}
	got, err := w.SetEnabled(ctx, w.env, u.ID, false)
	if err != nil || got.Enabled || got.Custom != nil || got.Address.CountryCode != "Germany" {
		t.Errorf("%+v %v", got, err)
	}
	_, err = w.UpdateUser(ctx, w.env, u.ID, func(u *directory.User) error { u.Address.CountryCode = "France"; return nil })
	refused(t, err, problem.InvalidValue, "address.countryCode")
}

// TestDeletedAttributes: the values go with the declaration, other values stay, and the name can be declared anew.
func TestDeletedAttributes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.attribute(t, directory.Attribute{Name: "badge"})
	w.attribute(t, directory.Attribute{Name: "shoe"})
	var file strings.Builder
	file.WriteString("username,email,badge,shoe\n")
	const people = 1203 // more than two batches
	for i := range people {
		fmt.Fprintf(&file, "u%d,u%d@example.com,B%d,%s\n", i, i, i, []string{"", "42"}[i%2])
	}
	report, err := w.Import(ctx, w.env, source([]byte(file.String())), directory.ImportOptions{})
	if err != nil || report.Created != people {
		t.Fatalf("%+v %v", report, err)
	}
	before := len(w.log(t))
	must(t, w.DeleteAttribute(ctx, w.env, a.ID))
	if n := len(w.log(t)) - before; n != 1 {
		t.Errorf("%d activities", n)
	}
	w.attribute(t, directory.Attribute{Name: "badge", Type: directory.TypeInteger})
	shoes := 0
	for _, u := range everybody(t, w.Service, w.env) {
		if u.Custom["badge"] != nil {
			t.Fatalf("%s kept %v", u.Username, u.Custom)
		}
		if u.Custom["shoe"] == "42" {
			shoes++
		}
	}
	if shoes != people/2 {
		t.Errorf("%d of %d other values are left", shoes, people/2)
	}
}

// TestDeletionIsBounded: a request looks at some users only; until the rest is done nobody is shown an old value, and the name
// cannot be declared again. A failure on the way is made good.
func TestDeletionIsBounded(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.attribute(t, directory.Attribute{Name: "badge"})
	var file strings.Builder
	file.WriteString("username,email,badge\n")
	for i := range 6100 {
		fmt.Fprintf(&file, "u%d,u%d@example.com,B%d\n", i, i, i)
	}
	_, err := w.Import(ctx, w.env, source([]byte(file.String())), directory.ImportOptions{})
	must(t, err)
	down := &failingEdits{Store: w.db, after: 3}
	must(t, directory.NewService(down, directory.Options{}).DeleteAttribute(ctx, w.env, a.ID))
	holders := func() (n int) {
		for q := (directory.UserQuery{Limit: 1000}); ; {
			users, err := w.db.Users(ctx, w.env, q)
			must(t, err)
			for _, u := range users {
				if u.Custom != nil {
					n++
				}
			}
			if len(users) < q.Limit {
				return n
			}
			q.After = users[len(users)-1].ID
		}
	}
	if n := holders(); n != 6100-2*500 {
		t.Errorf("%d users hold a value after a request that failed", n)
	}
	for _, u := range everybody(t, w.Service, w.env) {
		if one, err := w.User(ctx, w.env, u.ID); u.Custom != nil || one.Custom != nil || err != nil {
			t.Fatalf("%s is shown with an old value: %v", u.Username, err)
		}
	}
	if _, err := w.CreateAttribute(ctx, w.env, directory.Attribute{Name: "BADGE"}); !problem.Is(err, problem.Conflict) {
		t.Errorf("declared again too early: %v", err)
	}
	if err := w.DeleteAttribute(ctx, w.env, a.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	must(t, w.SweepAttributes(ctx))
	if n := holders(); n != 0 {
		t.Errorf("%d users hold a value in the end", n)
	}
	w.attribute(t, directory.Attribute{Name: "badge"})
}

// large is a store that says it has very many users.
type large struct{ directory.Store }

func (large) CountMatching(context.Context, string, filter.Node) (int64, bool, error) {
	return 1_000_000, false, nil
}

// TestCountIsBounded: what the store cannot count is counted one by one, unless there are too many.
func TestCountIsBounded(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateUser(t.Context(), w.env, directory.User{Username: "anna", Email: "anna@example.com", Title: "Boss"})
	must(t, err)
	for store, want := range map[directory.Store]int64{w.db: 1, large{w.db}: directory.Unknown} {
		n, err := directory.NewService(store, directory.Options{}).CountUsers(t.Context(), w.env, `title eq "boss"`)
		if n != want || err != nil {
			t.Errorf("%d, want %d: %v", n, want, err)
		}
	}
}

// failingEdits is a store whose edits fail after some.
type failingEdits struct {
	directory.Store
	after int
}

func (s *failingEdits) Edit(ctx context.Context, fn func(directory.Tx) error) error {
	if s.after--; s.after < 0 {
		return errors.New("the database is down")
	}
	return s.Store.Edit(ctx, fn)
}

func TestAttributeNames(t *testing.T) {
	w := newWorld(t)
	w.attribute(t, directory.Attribute{Name: "costCenter"})
	for name, code := range map[string]string{
		"COSTCENTER": problem.UniquenessViolation, "name": problem.UniquenessViolation, "Address": problem.UniquenessViolation,
		"username": problem.UniquenessViolation, "memberOfGroupIDs": problem.UniquenessViolation, "1st": problem.InvalidValue,
		"a.b": problem.InvalidValue, "": problem.InvalidValue, "a b": problem.InvalidValue, strings.Repeat("a", 257): problem.InvalidValue,
	} {
		_, err := w.CreateAttribute(t.Context(), w.env, directory.Attribute{Name: name})
		refused(t, err, code, "name")
	}
	_, err := w.CreateAttribute(t.Context(), w.env, directory.Attribute{Name: "x", Type: "DATE"})
	refused(t, err, problem.InvalidValue, "type")
}

// TestPages: the pages of a filtered list are full but for the last, in order, and together what matches.
func TestPages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var file strings.Builder
	file.WriteString("username,email,title,active\n")
	for i := range 1200 {
		fmt.Fprintf(&file, "u%d,u%d@example.com,%s,%v\n", i, i, []string{"Lead", "Clerk", ""}[i%3], i%7 != 0)
	}
	_, err := w.Import(ctx, w.env, source([]byte(file.String())), directory.ImportOptions{})
	must(t, err)
	for filter, want := range map[string]int{
		"": 1200, `title eq "lead"`: 400, `enabled eq false and title sw "CL"`: 57, `not (title pr)`: 400, `username eq "U7"`: 1, `title eq "nobody"`: 0,
	} {
		n, err := w.CountUsers(ctx, w.env, filter)
		if err != nil || n != int64(want) {
			t.Errorf("%s: counted %d, want %d: %v", filter, n, want, err)
		}
		got := 0
		for after := ""; ; {
			page, err := w.Users(ctx, w.env, directory.Query{Filter: filter, Limit: 50, After: after})
			must(t, err)
			got += len(page.Users)
			if page.Next == "" {
				break
			}
			if len(page.Users) != 50 || page.Next <= after {
				t.Fatalf("%s: a page of %d after %q", filter, len(page.Users), after)
			}
			after = page.Next
		}
		if got != want {
			t.Errorf("%s: listed %d, want %d", filter, got, want)
		}
	}
	page, err := w.Users(ctx, w.env, directory.Query{Limit: 10_000})
	if err != nil || len(page.Users) != directory.MaxUsers {
		t.Errorf("a page of %d: %v", len(page.Users), err)
	}
	if _, err := w.Users(ctx, w.env, directory.Query{Filter: "title eq"}); !problem.Is(err, problem.InvalidRequest) {
		t.Errorf("a broken filter: %v", err)
	}
}

func TestDefaultPopulation(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	all, err := w.Populations(ctx, w.env)
	must(t, err)
	old := all[0]
	_, err = w.UpdatePopulation(ctx, w.env, old.ID, func(p *directory.Population) error { p.Default = false; return nil })
	refused(t, err, problem.ConstraintViolation, "default")
	refused(t, w.DeletePopulation(ctx, w.env, old.ID), problem.ConstraintViolation, "id")
	next, err := w.CreatePopulation(ctx, w.env, directory.Population{Name: "Next", Default: true})
	must(t, err)
	if u := w.user(t, "anna"); u.PopulationID != next.ID {
		t.Error("the new default population was not used")
	}
	must(t, w.DeletePopulation(ctx, w.env, old.ID))
	_, err = w.CreatePopulation(ctx, w.env, directory.Population{Name: strings.Repeat("x", 257)})
	refused(t, err, problem.InvalidValue, "name")
	_, err = w.CreatePopulation(ctx, w.env, directory.Population{Name: " nEXT "})
	refused(t, err, problem.UniquenessViolation, "name")
}
