package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/mail"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"lockstep/internal/nearest"
	"lockstep/internal/problem"
)

// limits of the string attributes, in characters (pingone-provisioning.md §4.1; 256 where PingOne states none).
var limits = map[string]int{"username": 128, "email": 256, "primaryPhone": 32, "mobilePhone": 32, "externalId": 1024, "photo.href": 2048}

const (
	defaultLimit   = 256
	customTextMax  = 4096
	customJSONMax  = 16 << 10
	customElements = 200
)

// editable are the string attributes that people may change.
var editable = func() []string {
	var out []string
	for _, a := range standard {
		if (&User{}).field(a.Name) != nil {
			out = append(out, a.Name)
		}
	}
	return out
}()

// CheckText notes what is wrong with a value of one line.
func CheckText(l *problem.List, target, value string, limit int, required bool) {
	switch {
	case value == "" && required:
		l.Add(problem.RequiredValue, target, "a value is required")
	case strings.ContainsFunc(value, unicode.IsControl):
		l.Add(problem.InvalidValue, target, "control characters such as line breaks are not allowed")
	default:
		CheckLines(l, target, value, limit)
	}
}

// CheckLines notes what is wrong with a value that may have several lines, such as a description or a street address.
func CheckLines(l *problem.List, target, value string, limit int) {
	switch {
	case !utf8.ValidString(value):
		l.Add(problem.InvalidValue, target, "the text is not valid UTF-8")
	case utf8.RuneCountInString(value) > limit:
		l.Add(problem.InvalidValue, target, "at most %d characters are allowed", limit)
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }):
		l.Add(problem.InvalidValue, target, "control characters other than line breaks and tabs are not allowed")
	}
}

// check validates what differs from before, or everything when before is nil, and tidies it: text is trimmed of surrounding
// space. What did not change is not judged again.
func (u *User) check(schema *Schema, before *User) error {
	var l problem.List
	for _, name := range editable {
		p := u.field(name)
		*p = strings.TrimSpace(*p)
		if before == nil || *before.field(name) != *p {
			checkField(&l, name, *p)
		}
	}
	u.checkCustom(&l, schema, before)
	return l.Err("The user cannot be saved:")
}

func checkField(l *problem.List, name, value string) {
	limit, ok := limits[name]
	if !ok {
		limit = defaultLimit
	}
	if name == "address.streetAddress" {
		CheckLines(l, name, value, limit)
		return
	}
	CheckText(l, name, value, limit, name == "username" || name == "email")
	if f, ok := formats[name]; ok && value != "" && len(value) <= limit && !f.holds(value) {
		l.Add(problem.InvalidValue, name, "%s", f.sentence)
	}
}

// formats are what some attributes look like. They are plausible rather than complete: no list of languages, countries or time
// zones is consulted, because such lists age.
var formats = map[string]struct {
	holds    func(string) bool
	sentence string
}{
	"email":               {plausibleAddress, "this is not an e-mail address"},
	"address.countryCode": {matches(`^[A-Za-z]{2}$`), "a country code of two letters is needed (ISO 3166-1), such as DE"},
	"locale":              {matches(`^` + languageTag + `$`), "a language tag is needed, such as en-US"},
	"preferredLanguage": {
		matches(`^` + languageRange + `(\s*,\s*` + languageRange + `)*$`), "language tags are needed as in Accept-Language, such as en-US or de, en;q=0.8",
	},
	"timezone": {matches(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}$`), "the name of a time zone is needed, such as Europe/Berlin"},
}

const (
	languageTag   = `[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8})*`
	languageRange = `(\*|` + languageTag + `)(\s*;\s*q=[01](\.[0-9]{0,3})?)?`
)

func matches(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }

func plausibleAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && strings.Contains(s[strings.LastIndexByte(s, '@'):], ".") || localAddress(s)
}

// localAddress accepts addresses of hosts without a dot, which test systems use.
func localAddress(s string) bool {
	local, host, ok := strings.Cut(s, "@")
	return ok && local != "" && host != "" && !strings.ContainsAny(s, " \t<>(),;:\\\"[]") && strings.Count(s, "@") == 1 && !strings.Contains(host, "..")
}

func (u *User) checkCustom(l *problem.List, schema *Schema, before *User) {
	kept := func(name string, value any) bool {
		return before != nil && reflect.DeepEqual(before.Custom[name], value)
	}
	for _, name := range slices.Sorted(maps.Keys(u.Custom)) {
		value := u.Custom[name]
		a, ok := schema.Attribute(name)
		if !ok || a.SchemaType != SchemaCustom {
			l.Add(problem.InvalidValue, name, "%s", undeclared(name, schema))
			continue
		}
		if absent(value) {
			delete(u.Custom, name)
			continue
		}
		if a.Name != name { // declared in another case
			delete(u.Custom, name)
			if _, twice := u.Custom[a.Name]; twice {
				l.Add(problem.InvalidValue, name, "the attribute is given twice, in different spellings; give it once")
				continue
			}
			u.Custom[a.Name] = value
		}
		if !kept(a.Name, value) {
			if message := a.refuses(value); message != "" {
				l.Add(problem.InvalidValue, name, "%s", message)
			}
		}
	}
	for i := range schema.custom {
		if a := &schema.custom[i]; a.Required && u.Custom[a.Name] == nil && !kept(a.Name, nil) {
			l.Add(problem.RequiredValue, a.Name, "a value is required")
		}
	}
	if len(u.Custom) == 0 {
		u.Custom = nil
	}
}

func undeclared(name string, schema *Schema) string {
	const message = "the environment declares no attribute of this name"
	if near := nearest.Name(name, schema.Names()); near != "" {
		return message + fmt.Sprintf("; did you mean %q?", near)
	}
	return message + "; declare it first"
}

// absent reports whether a value stands for "no value".
func absent(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	default:
		return false
	}
}

// refuses says what is wrong with a value of the attribute, or "".
func (a Attribute) refuses(value any) string {
	if !a.MultiValued {
		return a.refusesOne(value)
	}
	list, ok := value.([]any)
	if !ok {
		return "a list of values is needed"
	}
	if len(list) > customElements {
		return fmt.Sprintf("at most %d values are allowed", customElements)
	}
	for _, v := range list {
		if message := a.refusesOne(v); message != "" {
			return message
		}
	}
	return ""
}

func (a Attribute) refusesOne(value any) string {
	switch a.Type {
	case TypeBoolean:
		if _, ok := value.(bool); !ok {
			return "true or false is needed"
		}
	case TypeInteger:
		if f, ok := value.(float64); !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return "a whole number is needed"
		}
	case TypeString:
		s, ok := value.(string)
		if !ok || s == "" {
			return "text is needed"
		}
		var l problem.List
		if CheckLines(&l, "", s, customTextMax); !l.Empty() {
			return fmt.Sprintf("text of at most %d characters, without control characters, is needed", customTextMax)
		}
	case TypeJSON:
		raw, err := json.Marshal(value)
		if err != nil || len(raw) > customJSONMax || holdsNUL(value) {
			return fmt.Sprintf("JSON of at most %d bytes, without NUL characters, is needed", customJSONMax)
		}
	}
	return ""
}

// holdsNUL finds the one character that PostgreSQL cannot keep.
func holdsNUL(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		return slices.ContainsFunc(v, holdsNUL)
	case map[string]any:
		for key, member := range v {
			if strings.ContainsRune(key, 0) || holdsNUL(member) {
				return true
			}
		}
	}
	return false
}
