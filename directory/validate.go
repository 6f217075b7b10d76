package directory

import (
	"fmt"
	"math"
	"net/mail"
	"reflect"
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

func checkText(l *problem.List, target, value string, limit int, required bool) {
	switch {
	case value == "" && required:
		l.Add(problem.RequiredValue, target, "a value is required")
	case !utf8.ValidString(value):
		l.Add(problem.InvalidValue, target, "the text is not valid UTF-8")
	case utf8.RuneCountInString(value) > limit:
		l.Add(problem.InvalidValue, target, "at most %d characters are allowed", limit)
	case strings.ContainsFunc(value, unicode.IsControl):
		l.Add(problem.InvalidValue, target, "control characters such as line breaks are not allowed")
	}
}

// check validates a user and tidies it: text is trimmed of surrounding space.
func (u *User) check(schema *Schema) error {
	var l problem.List
	for _, name := range editable {
		p := u.field(name)
		*p = strings.TrimSpace(*p)
		limit, ok := limits[name]
		if !ok {
			limit = defaultLimit
		}
		checkText(&l, name, *p, limit, name == "username" || name == "email")
	}
	if u.Email != "" && !plausibleAddress(u.Email) {
		l.Add(problem.InvalidValue, "email", "this is not an e-mail address")
	}
	u.checkCustom(&l, schema)
	return l.Err("The user cannot be saved:")
}

func plausibleAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && strings.Contains(s[strings.LastIndexByte(s, '@'):], ".") || localAddress(s)
}

// localAddress accepts addresses of hosts without a dot, which test systems use.
func localAddress(s string) bool {
	local, host, ok := strings.Cut(s, "@")
	return ok && local != "" && host != "" && !strings.ContainsAny(s, " \t<>(),;:\\\"[]") && strings.Count(s, "@") == 1 && !strings.Contains(host, "..")
}

func (u *User) checkCustom(l *problem.List, schema *Schema) {
	for name, value := range u.Custom {
		a, ok := schema.Attribute(name)
		if !ok || a.SchemaType != SchemaCustom {
			message := "the environment declares no attribute of this name"
			if near := nearest.Name(name, schema.Names()); near != "" {
				message += fmt.Sprintf("; did you mean %q?", near)
			}
			l.Add(problem.InvalidValue, name, "%s", message)
			continue
		}
		if value == nil || value == "" {
			delete(u.Custom, name)
			continue
		}
		if a.Name != name { // declared in another case
			delete(u.Custom, name)
			u.Custom[a.Name] = value
		}
		if message := a.refuses(value); message != "" {
			l.Add(problem.InvalidValue, name, "%s", message)
		}
	}
	for _, name := range schema.Names() {
		if a, _ := schema.Attribute(name); a.SchemaType == SchemaCustom && a.Required && u.Custom[name] == nil {
			l.Add(problem.RequiredValue, name, "a value is required")
		}
	}
	if len(u.Custom) == 0 {
		u.Custom = nil
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
		if !ok {
			return "text is needed"
		}
		var l problem.List
		checkText(&l, "", s, customTextMax, false)
		if !l.Empty() {
			return fmt.Sprintf("text of at most %d characters, without control characters, is needed", customTextMax)
		}
	}
	return ""
}

// diff lists what differs between two states of a user, by attribute.
func diff(before, after *User) []AttributeChange {
	var out []AttributeChange
	add := func(name string, from, to any) {
		if !reflect.DeepEqual(from, to) {
			out = append(out, AttributeChange{name, from, to})
		}
	}
	for _, name := range editable {
		add(name, before.Value(name), after.Value(name))
	}
	add("enabled", before.Enabled, after.Enabled)
	add("population.id", before.PopulationID, after.PopulationID)
	for name := range before.Custom {
		add(name, before.Custom[name], after.Custom[name])
	}
	for name := range after.Custom {
		if _, ok := before.Custom[name]; !ok {
			add(name, nil, after.Custom[name])
		}
	}
	slices.SortFunc(out, func(a, b AttributeChange) int { return strings.Compare(a.Attribute, b.Attribute) })
	return out
}
