package storetest

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lockstep/directory"
	"lockstep/filter"
)

// testNarrow: whatever the filter, SQL never loses a user whom the filter matches, and where it says that it counts exactly, it does.
func testNarrow(t *testing.T, s *suite) {
	ctx := t.Context()
	names := []string{"anna", "BEN", "Kelvin\u212A", "stra\u00dfe", "100%_\\", "İstanbul", "o'neil"}
	for i, name := range names {
		_, err := s.people.CreateUser(ctx, s.env, directory.User{
			Username: name, Email: fmt.Sprintf("%d@Example.com", i), Enabled: i%2 == 0, ExternalID: fmt.Sprintf("E%d", i), Name: directory.Name{Given: name, Family: strings.ToUpper(name)},
		})
		must(t, err)
	}
	schema, err := s.people.Schema(ctx, s.env)
	must(t, err)
	everybody, err := s.db.Users(ctx, s.env, directory.UserQuery{Limit: 1000})
	must(t, err)
	text := rapid.OneOf(rapid.SampledFrom(append(names, "AN", "k", "ss", "%", "_", "\\", "E3", "example", "")), rapid.Map(rapid.StringN(0, 4, 8), func(s string) string { return strings.ReplaceAll(s, "\x00", "") }))
	condition := rapid.Custom(func(t *rapid.T) string {
		path := rapid.SampledFrom([]string{"username", "email", "name.given", "name.family", "externalId", "title"}).Draw(t, "path")
		op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "pr"}).Draw(t, "op")
		if rapid.IntRange(0, 5).Draw(t, "other") == 0 {
			return rapid.SampledFrom([]string{"enabled eq true", "enabled eq \"False\"", "createdAt gt \"2020-01-01T00:00:00Z\"", "createdAt lt \"2020-01-01T00:00:00.0000001Z\"", "population.id pr", "enabled ne true"}).Draw(t, "fixed")
		}
		if op == "pr" {
			return path + " pr"
		}
		f := filter.Filter{Root: filter.Compare{Path: path, Op: filter.Op(op), Value: text.Draw(t, "value")}}
		return f.String()
	})
	rapid.Check(t, func(rt *rapid.T) {
		parts := rapid.SliceOfN(condition, 1, 3).Draw(rt, "conditions")
		source := strings.Join(parts, rapid.SampledFrom([]string{" and ", " or "}).Draw(rt, "join"))
		if rapid.IntRange(0, 4).Draw(rt, "not") == 0 {
			source = "not (" + source + ")"
		}
		p, err := directory.CompileFilter(schema, source)
		if err != nil {
			rt.Fatal(err)
		}
		narrowed, err := s.db.Users(ctx, s.env, directory.UserQuery{Limit: 1000, Narrow: p.Filter().Root})
		if err != nil {
			rt.Fatalf("%s: %v", source, err)
		}
		n, exact, err := s.db.CountMatching(ctx, s.env, p.Filter().Root)
		if err != nil || n != int64(len(narrowed)) {
			rt.Fatalf("%s: counted %d of %d: %v", source, n, len(narrowed), err)
		}
		found := map[string]bool{}
		for _, u := range narrowed {
			found[u.ID] = true
		}
		for i := range everybody {
			if p.Match(&everybody[i]) && !found[everybody[i].ID] {
				rt.Fatalf("%s loses %s", source, everybody[i].Username)
			}
			if exact && !p.Match(&everybody[i]) && found[everybody[i].ID] {
				rt.Fatalf("%s counts %s", source, everybody[i].Username)
			}
		}
	})
}

// testExact: the filters of everyday lists are counted without looking at anybody.
func testExact(t *testing.T, s *suite) {
	ctx := t.Context()
	s.create(t, "anna")
	s.create(t, "ben")
	schema, err := s.people.Schema(ctx, s.env)
	must(t, err)
	for source, want := range map[string]int64{
		`population.id pr`: 2, `username eq "Anna"`: 1, `email co "EXAMPLE" and not (username sw "b")`: 1, `enabled eq true or externalId eq "x"`: 2,
		`enabled ne true`: 0, `externalId pr`: 0, `username ne "ben"`: 1, `createdAt ge "2020-01-01T00:00:00Z"`: 2,
	} {
		p, err := directory.CompileFilter(schema, source)
		must(t, err)
		if n, exact, err := s.db.CountMatching(ctx, s.env, p.Filter().Root); n != want || !exact || err != nil {
			t.Errorf("%s: %d, exact %v, %v", source, n, exact, err)
		}
	}
}
