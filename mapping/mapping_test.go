package mapping_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/mapping"
	"lockstep/provision"
)

func schema() mapping.Schema {
	return mapping.SchemaOf(directory.NewSchema([]directory.Attribute{
		{Name: "department", Type: directory.TypeString},
		{Name: "level", Type: directory.TypeInteger},
		{Name: "skills", Type: directory.TypeString, MultiValued: true},
		{Name: "profile", Type: directory.TypeJSON},
	}))
}

func anna() *directory.User {
	return &directory.User{
		ID: "u1", Username: "Anna.Bell", Email: "anna@example.com", Enabled: true, Title: "PM",
		Name:      directory.Name{Given: "Anna", Family: "Bell"},
		CreatedAt: time.Date(2026, 3, 9, 14, 5, 6, 0, time.UTC),
		Custom: map[string]any{
			"department": "R&D", "level": 3.0, "skills": []any{"go", "sql", "go"}, "profile": map[string]any{"city": "Köln", "floors": []any{1.0, 2.0}},
		},
	}
}

// The expressions that PingOne's pages show are among them (pingone-provisioning.md §3.3).
func TestExpression(t *testing.T) {
	for src, want := range map[string]any{
		"username":                            "Anna.Bell",
		"#root.username":                      "Anna.Bell",
		"user.name.given":                     "Anna",
		"user['email']":                       "anna@example.com",
		"#root['name']['family']":             "Bell",
		"name.given + ' ' + name.family":      "Anna Bell",
		"name.given + name.middle":            "Anna",
		"name.middle + nickname":              nil,
		"nickname ?: name.given":              "Anna",
		"nickname ?: 'x' + 'y'":               "xy",
		"{'PM':'Product Manager'}[title]":     "Product Manager",
		"{'XX':'x'}[user.title] ?: 'Unknown'": "Unknown",
		"{PM:'bare'}[title]":                  "bare",
		"{'a','b','c'}[1]":                    "b",
		"{'a'}[7]":                            nil,
		"title == 'PM' ? 'yes' : 'no'":        "yes",
		"title eq 'PM' and not (level lt 3)":  true,
		"level >= 3 && enabled":               true,
		"level + 1":                           4.0,
		"'L' + level":                         "L3",
		"-level * 2 + 10 % 4":                 -4.0,
		"profile.city":                        "Köln",
		"profile?.floors[1]":                  2.0,
		"profile.nothing.at.all":              nil,
		"#core.switchExpr(#root.title, 'A','x', 'PM','y', 'default')":                        "y",
		"#core.switchExpr(nickname, 'A','x', 'default')":                                     "default",
		"#core.switchExpr(nickname, 'A','x')":                                                nil,
		"#string.substring(name.given, 0, 1) + name.family":                                  "ABell",
		"#string.substring(name.given, 2, 99)":                                               "na",
		"#string.lowerCase(username)":                                                        "anna.bell",
		"#string.upperCase(nickname)":                                                        nil,
		"#string.stripAccents(profile.city)":                                                 "Koln",
		"#string.padLeft('7', 3, '0')":                                                       "007",
		"#string.split(email, '@')[0]":                                                       "anna",
		"#string.length(profile.city)":                                                       4.0,
		"#regex.findAllMatches(username, '[A-Z]')":                                           []any{"A", "B"},
		"#regex.replaceAll(username, '[^a-z]+', '_')":                                        "_nna_ell",
		"#regex.replaceFirst(username, '(A)n', '<$1>')":                                      "<A>na.Bell",
		"#regex.matches(email, '.*@example[.]com')":                                          true,
		"#datetime.format(createdAt, 'yyyy-MM-dd')":                                          "2026-03-09",
		"#datetime.toDateTimeInTimezone(createdAt, '+02:00', \"dd.MM.yyyy 'um' HH:mm XXX\")": "09.03.2026 um 16:05 +02:00",
		"#datetime.getYear(#datetime.addDays(createdAt, 300))":                               2027.0,
		"#string.join(skills, '/')":                                                          "go/sql/go",
		"#data.distinct(skills)":                                                             []any{"go", "sql"},
		"#data.contains(skills, 'sql')":                                                      true,
		"'it''s'":                                                                            "it's",
		"true ? {1, 2} : {3}":                                                                []any{1.0, 2.0},
	} {
		t.Run(src, func(t *testing.T) {
			e, err := mapping.CompileExpression(src, schema())
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Eval(anna())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpressionErrors(t *testing.T) {
	for src, want := range map[string]string{
		"":                                  "at position 1: the expression is empty",
		"name.givn":                         `at position 1: users have no attribute "name.givn"; did you mean "name.given"?`,
		"'x' + nme":                         "at position 7: users have no attribute \"nme\"",
		"username +":                        "at position 11: the expression ends here",
		"'open":                             "at position 1: this text is never closed",
		"#string.subtring(username, 1)":     "did you mean #string.substring?",
		"#strings.trim(username)":           "there is no function #strings.trim",
		"#string.trim()":                    "at position 1: #string.trim takes (text)",
		"#string.trim(skills)":              "at position 14: this is a list, but text is needed",
		"#regex.matches(username, '(')":     "at position 26: the pattern is not a regular expression",
		"#datetime.now()":                   "an expression has no clock",
		"#datetime.format(createdAt, 'QQ')": "at position 29: the pattern letters \"QQ\" are not supported",
		"username.first":                    "at position 9: username is text and has no parts",
		"#root":                             "#root is the whole person",
		"username ? 'a' : 'b'":              "at position 1: this is text, but true or false is needed",
		"username - 1":                      "at position 1: this is text, but a number is needed",
		"{'a':1, 2}":                        "expected \":\"",
		"a @ b":                             "the character '@' has no meaning here",
		strings.Repeat("(", 60) + "1" + strings.Repeat(")", 60): "nested deeper than 50",
		strings.Repeat("x", 10_001):                             "has 10001 characters, and at most 10000 are allowed",
	} {
		t.Run(src[:min(len(src), 40)], func(t *testing.T) {
			_, err := mapping.CompileExpression(src, schema())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestEvalErrorsAreSentences(t *testing.T) {
	for src, want := range map[string]string{
		"level / 0":                          "the result is not a number (a division by zero?)",
		"profile.city < 3":                   "text and a number cannot be compared by size",
		"#string.padLeft(username, 9, 'ab')": "padding needs one character to fill up with",
	} {
		e, err := mapping.CompileExpression(src, schema())
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if _, err = e.Eval(anna()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", src, err, want)
		}
	}
}

var slackLike = provision.Type{
	Name: "Slack", Title: "Slack",
	Attributes: []provision.TargetAttribute{
		{Name: "userName"}, {Name: "displayName"}, {Name: "title"}, {Name: "active"}, {Name: "tags", Multi: true},
	},
	Defaults: []provision.Mapping{
		{TargetAttribute: "userName", SourceAttribute: "username"},
		{TargetAttribute: "displayName", SourceAttribute: "nickname", CreateOnly: true},
		{TargetAttribute: "active", SourceAttribute: "enabled"},
	},
}

func TestTable(t *testing.T) {
	for name, test := range map[string]struct {
		mappings []provision.Mapping
		want     mapping.Result
		fault    string
	}{
		"no mapping means the defaults": {want: mapping.Result{
			Attributes: provision.Attributes{"userName": "Anna.Bell"}, Active: true,
		}},
		"one mapping means no defaults": {
			mappings: []provision.Mapping{{TargetAttribute: "title", Expression: "'L' + level"}},
			want:     mapping.Result{Attributes: provision.Attributes{"title": "L3"}, Active: true},
		},
		"clear when empty": {
			mappings: []provision.Mapping{{TargetAttribute: "title", SourceAttribute: "nickname", ClearWhenEmpty: true}},
			want:     mapping.Result{Attributes: provision.Attributes{}, Clear: []string{"title"}, Active: true},
		},
		"one value of a list, or all": {
			mappings: []provision.Mapping{{TargetAttribute: "title", SourceAttribute: "skills"}, {TargetAttribute: "tags", SourceAttribute: "skills"}},
			want:     mapping.Result{Attributes: provision.Attributes{"title": "go", "tags": []string{"go", "sql", "go"}}, Active: true},
		},
		"active by expression": {
			mappings: []provision.Mapping{{TargetAttribute: "active", Expression: "level > 5"}},
			want:     mapping.Result{Attributes: provision.Attributes{}},
		},
		"text that says neither is not false": {
			mappings: []provision.Mapping{{TargetAttribute: "active", SourceAttribute: "title"}},
			want:     mapping.Result{Attributes: provision.Attributes{}, Active: true, ActiveUnknown: true},
			fault:    "it gives text where true or false is needed",
		},
		"a broken active is not false": {
			mappings: []provision.Mapping{{TargetAttribute: "active", Expression: "#string.trim(title)"}},
			want:     mapping.Result{Attributes: provision.Attributes{}, Active: true, ActiveUnknown: true},
			fault:    "the mapping of active fails",
		},
		"an object is no text": {
			mappings: []provision.Mapping{{TargetAttribute: "title", SourceAttribute: "profile"}},
			want:     mapping.Result{Attributes: provision.Attributes{}, Active: true},
			fault:    "it gives an object where text is needed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := mapping.Compile(test.mappings, slackLike, schema())
			if err != nil {
				t.Fatal(err)
			}
			got, fault := table.Apply(anna())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (fault == nil) != (test.fault == "") || fault != nil && !strings.Contains(fault.Message, test.fault) {
				t.Errorf("fault %v, want %q", fault, test.fault)
			}
		})
	}
}

func BenchmarkExpression(b *testing.B) {
	e, err := mapping.CompileExpression("name.given + ' ' + name.family", schema())
	if err != nil {
		b.Fatal(err)
	}
	person := anna()
	for b.Loop() {
		if _, err := e.Eval(person); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	s := schema()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mapping.CompileExpression("name.given + ' ' + name.family", s); err != nil {
			b.Fatal(err)
		}
	}
}
