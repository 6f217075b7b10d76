package slack

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// setter writes attributes into a copy of a member, as Slack understands them.
type setter struct {
	workspace *Workspace
	member    *Member
	urns      urns
	creating  bool
	named     bool     // the name was touched
	activity  bool     // active was touched
	fields    []string // custom profile fields that are new to the workspace
}

// attribute is what can be done with one. replaces says that a list is to be what is given, and not to have it added.
type attribute struct {
	write   func(s *setter, p path, v any, replaces bool) error
	clear   func(s *setter, p path) error
	profile bool // part of the custom profile
}

// attributes are the core ones, by name.
func attributes() map[string]attribute {
	nothing := attribute{func(*setter, path, any, bool) error { return nil }, func(*setter, path) error { return nil }, false}
	out := map[string]attribute{
		"id": nothing, "meta": nothing, "groups": nothing, "schemas": nothing, "externalId": nothing,
		"userName":     {(*setter).writeUserName, clearUserName, false},
		"nickName":     {(*setter).writeUserName, clearUserName, false},
		"displayName":  {(*setter).writeDisplayName, func(s *setter, p path) error { return s.writeDisplayName(p, nil, true) }, false},
		"name":         {(*setter).writeName, (*setter).clearName, false},
		"emails":       {(*setter).writeEmails, (*setter).clearEmails, false},
		"active":       {(*setter).writeActive, func(*setter, path) error { return errFormat }, false},
		"profileUrl":   {(*setter).writeProfileURL, nothing.clear, false},
		"password":     {(*setter).writePassword, func(*setter, path) error { return bad("password_change_not_allowed") }, false},
		"photos":       {(*setter).writePhotos, func(s *setter, _ path) error { s.member.photo = photo{}; return nil }, false},
		"timezone":     {writeText(func(m *Member, v string) { m.Timezone = v }), clearText(func(m *Member, _ string) { m.Timezone = defaultTimezone }), false},
		"title":        {writeText(func(m *Member, v string) { m.Title = v }), clearText(func(m *Member, v string) { m.Title = v }), true},
		"phoneNumbers": {(*setter).writePhones, (*setter).clearPhones, true},
		"addresses":    {(*setter).writeAddresses, (*setter).clearAddresses, true},
		"address":      {(*setter).writeAddresses, (*setter).clearAddresses, true}, // Slack's own example spells it so once
		"roles":        {(*setter).writeRoles, func(s *setter, _ path) error { return s.custom("role", "") }, true},
	}
	for _, name := range []string{"userType", "preferredLanguage", "locale"} {
		out[name] = attribute{
			func(s *setter, _ path, v any, _ bool) error {
				value, ok := plain(v)
				if !ok {
					return errFormat
				}
				return s.custom(name, value)
			},
			func(s *setter, _ path) error { return s.custom(name, "") }, true,
		}
	}
	return out
}

var core = attributes()

// find answers the attribute at a path; an extension's depends on the version.
func (s *setter) find(name string) (attribute, bool) {
	switch name {
	case s.urns.enterprise:
		return attribute{(*setter).writeEnterprise, (*setter).clearEnterprise, true}, true
	case s.urns.profile:
		return attribute{(*setter).writeProfile, (*setter).clearProfile, true}, true
	case s.urns.guest:
		return attribute{(*setter).writeGuest, (*setter).clearGuest, false}, true
	}
	a, ok := core[name]
	return a, ok
}

func writeText(set func(*Member, string)) func(*setter, path, any, bool) error {
	return func(s *setter, _ path, v any, _ bool) error {
		value, ok := plain(v)
		if !ok {
			return errFormat
		}
		set(s.member, value)
		return nil
	}
}

func clearText(set func(*Member, string)) func(*setter, path) error {
	return func(s *setter, _ path) error { set(s.member, ""); return nil }
}

// profileFields is how many custom profile fields a workspace can have.
const profileFields = 50

// custom sets a value of the custom profile. A field that the workspace lacks is made.
func (s *setter) custom(name, value string) error {
	s.member.Full = true
	if value == "" {
		delete(s.member.Profile, name)
		return nil
	}
	if err := s.field(name); err != nil {
		return err
	}
	s.member.Profile[name] = value
	return nil
}

func (s *setter) field(name string) error {
	w := s.workspace
	if w.fields[name] || slices.Contains(s.fields, name) {
		return nil
	}
	if w.options.ProfileFields+len(w.fields)+len(s.fields) >= profileFields {
		return fail(http.StatusInternalServerError, "unable_to_create_team_profile_fields")
	}
	s.fields = append(s.fields, name)
	return nil
}

// all takes a whole or partial resource. When a member is made, an error in the custom profile drops all of it, and is not said.
func (s *setter) all(body map[string]any, replaces bool) error {
	var plain, profile []string
	for _, name := range slices.SortedFunc(maps.Keys(body), before) {
		a, ok := s.find(name)
		switch {
		case !ok || name == "nickName" && body["userName"] != nil || name == s.urns.profile && !lists(body["schemas"], name):
		case a.profile:
			profile = append(profile, name)
		default:
			plain = append(plain, name)
		}
	}
	for _, name := range plain {
		if err := s.write(path{name: name}, body[name], replaces); err != nil {
			return err
		}
	}
	saved, fields := s.member.clone(), s.fields
	for _, name := range profile {
		if err := s.write(path{name: name}, body[name], replaces); err != nil {
			if !s.creating {
				return err
			}
			*s.member, s.fields = *saved, fields
			s.member.HonorificPrefix = ""
			break
		}
	}
	return nil
}

// before orders attributes as they are checked: the username, the addresses, and then by name.
func before(a, b string) int {
	rank := func(name string) int {
		if at := slices.Index([]string{"userName", "nickName", "emails"}, name); at >= 0 {
			return at
		}
		return 3
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

func lists(schemas any, urn string) bool {
	list, _ := schemas.([]any)
	return slices.Contains(list, any(urn))
}

func (s *setter) write(p path, v any, replaces bool) error {
	a, ok := s.find(p.name)
	if !ok {
		return errFormat
	}
	if p.name != "password" && p.name != "photos" && hasEmoji(v) {
		return bad("invalid_emoji_not_allowed")
	}
	return a.write(s, p, v, replaces)
}

// clear removes an attribute, a row or a part of it.
func (s *setter) clear(p path) error {
	a, ok := s.find(p.name)
	if !ok {
		return errFormat
	}
	return a.clear(s, p)
}

// done checks what depends on several attributes.
func (s *setter) done() error {
	if s.named && strings.TrimSpace(s.member.GivenName+s.member.FamilyName) == "" {
		return bad("invalid_name_required")
	}
	return nil
}

// writeActive takes no text: "False" is what Entra sends, and what Slack refuses.
func (s *setter) writeActive(_ path, v any, _ bool) error {
	active, ok := v.(bool)
	if !ok {
		return errFormat
	}
	s.activity = true
	s.member.Active = active
	return nil
}

// writeProfileURL: it can be given when a member is made, and never again.
func (s *setter) writeProfileURL(_ path, v any, _ bool) error {
	value, ok := plain(v)
	if !ok {
		return errFormat
	}
	if s.creating {
		s.member.ProfileURL = value
	}
	return nil
}

func (s *setter) writePassword(path, any, bool) error {
	if !s.creating {
		return bad("password_change_not_allowed")
	}
	return nil
}

// writePhotos keeps one: the primary, or the first.
func (s *setter) writePhotos(_ path, v any, _ bool) error {
	list, ok := rows(v)
	if !ok {
		return bad("photos_invalid")
	}
	chosen := first(list)
	if chosen == nil {
		return nil
	}
	source, _ := chosen["value"].(string)
	if !strings.HasPrefix(source, "https://") && !strings.HasPrefix(source, "http://") && !strings.HasPrefix(source, "data:image/") {
		return bad("photos_invalid")
	}
	m := s.member
	now := s.workspace.options.Now()
	shown := m.photo.address
	if now.Sub(m.photo.named) < fetching {
		shown = m.photo.before
	}
	m.photo = photo{address: photoAddress(m.ID, source), before: shown, named: now}
	return nil
}

// first is the primary row, or the first.
func first(list []map[string]any) map[string]any {
	for _, r := range list {
		if isTrue(r["primary"]) {
			return r
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}
