package slack

import (
	"strings"
	"unicode/utf8"
)

const (
	maxUserName    = 21
	maxDisplayName = 80
)

// sanitise is what Slack makes of a username: lower case, special characters to _.
func sanitise(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-':
			return r
		default:
			return '_'
		}
	}, strings.ToLower(s))
}

var reserved = map[string]bool{"slackbot": true, "everyone": true, "here": true, "channel": true, "group": true}

func clearUserName(*setter, path) error { return bad("username_empty") }

// writeUserName takes userName or nickName: they are one field, and writing either rewrites both.
func (s *setter) writeUserName(p path, v any, _ bool) error {
	given, ok := plain(v)
	if !ok {
		return bad("username_invalid")
	}
	name := sanitise(strings.TrimSpace(given))
	switch {
	case name == "":
		return bad("username_empty")
	case utf8.RuneCountInString(name) > maxUserName && p.name == "nickName":
		return bad("long_nickname")
	case utf8.RuneCountInString(name) > maxUserName && !s.creating:
		return bad("long_username (user=" + s.member.ID + ")")
	case utf8.RuneCountInString(name) > maxUserName:
		return bad("username_too_long (username=" + name + ")")
	case reserved[name]:
		return bad("username_not_allowed (user=" + name + ")")
	}
	if id := s.workspace.byName[name]; id != "" && id != s.member.ID {
		return fail(s.workspace.options.ConflictStatus, "username_taken (username="+name+")")
	}
	s.member.UserName = name
	return nil
}

func (s *setter) writeDisplayName(_ path, v any, _ bool) error {
	name, ok := plain(v)
	switch {
	case !ok:
		return errFormat
	case !s.creating && s.workspace.options.UsersMayChangeDisplayName && name != s.member.DisplayName:
		return bad("invalid_display_name (user=" + s.member.ID + ")")
	case strings.HasPrefix(name, "@"):
		return bad("invalid_starts_with_at")
	case strings.Contains(name, "@"):
		return bad("invalid_name_specials (user=" + s.member.ID + ")")
	case utf8.RuneCountInString(name) > maxDisplayName:
		return bad("invalid_name_maxlength")
	case reserved[strings.ToLower(name)]:
		return bad("invalid_reserved_word")
	}
	s.member.DisplayName = name
	return nil
}

// writeName takes the name, or a part of it. What is left out stays; formatted is not kept.
func (s *setter) writeName(p path, v any, _ bool) error {
	parts, ok := v.(map[string]any)
	if p.part != "" {
		parts, ok = map[string]any{p.part: v}, true
	}
	if !ok {
		return errFormat
	}
	m := s.member
	for _, part := range []struct {
		name string
		into *string
	}{{"givenName", &m.GivenName}, {"familyName", &m.FamilyName}, {"honorificPrefix", &m.HonorificPrefix}} {
		given, there := parts[part.name]
		if !there {
			continue
		}
		value, ok := plain(given)
		if !ok {
			return errFormat
		}
		*part.into = strings.TrimSpace(value)
		if part.name == "honorificPrefix" {
			m.Full = true
		} else {
			s.named = true
		}
	}
	return nil
}

func (s *setter) clearName(p path) error {
	if p.part != "" {
		return s.writeName(p, nil, true)
	}
	return s.writeName(p, map[string]any{"givenName": nil, "familyName": nil, "honorificPrefix": nil}, true)
}
