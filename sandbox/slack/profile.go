package slack

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

var (
	addressParts    = []string{"streetAddress", "locality", "region", "postalCode", "country"}
	enterpriseParts = []string{"employeeNumber", "costCenter", "organization", "division", "department"}
)

// writeAddresses keeps one: the primary, or the first. What is added is merged into it; its type is not kept.
func (s *setter) writeAddresses(p path, v any, replaces bool) error {
	list, ok := rows(v)
	if p.part != "" {
		list, ok, replaces = []map[string]any{{p.part: v}}, true, false
	}
	if !ok {
		return bad("addresses_invalid")
	}
	chosen := first(list)
	for _, part := range addressParts {
		given, there := chosen[part]
		if !there && !replaces {
			continue
		}
		value, ok := plain(given)
		if !ok {
			return bad("addresses_invalid")
		}
		if err := s.custom(part, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *setter) clearAddresses(p path) error {
	for _, part := range addressParts {
		if p.part == "" || p.part == part {
			delete(s.member.Profile, part)
		}
	}
	return nil
}

// writeRoles keeps one: the primary, or the first; a row can be a bare text.
func (s *setter) writeRoles(p path, v any, _ bool) error {
	if p.part == "value" {
		v = []any{v}
	}
	list, ok := rows(v)
	if !ok {
		return bad("roles_invalid")
	}
	value, ok := plain(first(list)["value"])
	if !ok {
		return bad("roles_invalid")
	}
	return s.custom("role", value)
}

// writeEnterprise merges the extension, or sets a part of it.
func (s *setter) writeEnterprise(p path, v any, _ bool) error {
	s.member.Full = true
	if p.part != "" {
		return s.enterprise(p.part, v)
	}
	parts, ok := v.(map[string]any)
	if !ok {
		return bad("improper_enterprise_schema_format")
	}
	for _, name := range append(slices.Clone(enterpriseParts), "manager") {
		if value, there := parts[name]; there {
			if err := s.enterprise(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *setter) enterprise(part string, v any) error {
	switch {
	case part == "manager" || part == "manager.managerId":
		return s.manager(v)
	case !slices.Contains(enterpriseParts, part):
		return bad("improper_enterprise_schema_format")
	}
	value, ok := plain(v)
	if !ok {
		return bad("improper_enterprise_schema_format")
	}
	return s.custom(part, value)
}

// manager takes managerId, and not RFC 7643's value: an id, a primary address or a username of a member.
func (s *setter) manager(v any) error {
	if object, ok := v.(map[string]any); ok {
		given, there := object["managerId"]
		if !there {
			return bad("improper_enterprise_schema_format")
		}
		v = given
	}
	given, ok := plain(v)
	if !ok {
		return bad("improper_enterprise_schema_format")
	}
	w := s.workspace
	for _, id := range []string{given, w.byEmail[strings.ToLower(given)], w.byName[strings.ToLower(given)]} {
		if given != "" && w.members[id] != nil {
			return s.custom("manager", id)
		}
	}
	if given != "" {
		return bad("improper_enterprise_schema_format")
	}
	return s.custom("manager", "")
}

func (s *setter) clearEnterprise(p path) error {
	s.member.Full = true
	for _, name := range append(slices.Clone(enterpriseParts), "manager") {
		if p.part == "" || strings.TrimSuffix(p.part, ".managerId") == name {
			delete(s.member.Profile, name)
		}
	}
	return nil
}

// dates are the forms of ISO 8601 that are met.
var dates = []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02"}

func date(s string) (time.Time, bool) {
	for _, layout := range dates {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// writeProfile sets the start date.
func (s *setter) writeProfile(p path, v any, _ bool) error {
	if object, ok := v.(map[string]any); ok && p.part == "" {
		v = object["startDate"]
	} else if p.part != "startDate" {
		return errFormat
	}
	given, ok := plain(v)
	if !ok {
		return errFormat
	}
	if given == "" {
		return s.custom("startDate", "")
	}
	at, ok := date(given)
	if !ok {
		return errFormat
	}
	return s.custom("startDate", at.UTC().Format("2006-01-02T15:04:05-0700"))
}

func (s *setter) clearProfile(path) error { return s.custom("startDate", "") }

// writeGuest makes a guest of several channels, on Enterprise only. Whoever changes sides is active again.
func (s *setter) writeGuest(p path, v any, _ bool) error {
	m := s.member
	switch {
	case !s.workspace.options.Enterprise:
		return fail(http.StatusForbidden, "plus_teams_only")
	case m.Role != Ordinary || m.Bot:
		return fail(http.StatusForbidden, "cannot_make_user_guest")
	}
	object, ok := v.(map[string]any)
	if p.part != "" {
		object, ok = map[string]any{p.part: v}, true
	}
	kind, typed := object["type"]
	if !ok || typed && kind != string(MultiChannel) || !typed && m.Guest == "" {
		return errFormat
	}
	if given, there := object["expiration"]; there {
		expires, ok := plain(given)
		if _, valid := date(expires); !ok || expires != "" && !valid {
			return errFormat
		}
		m.GuestExpires = expires
	}
	if m.Guest != MultiChannel {
		m.Guest, m.Active = MultiChannel, true
	}
	return nil
}

// clearGuest takes away the expiration, or makes a full member.
func (s *setter) clearGuest(p path) error {
	m := s.member
	m.GuestExpires = ""
	if p.part == "" && m.Guest != "" {
		m.Guest, m.Active = "", true
	}
	return nil
}
