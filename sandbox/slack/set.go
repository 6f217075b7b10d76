package slack

import (
	"encoding/json"
	"net/http"
	"strings"
)

// setter writes attributes into a member as Slack understands them.
type setter struct {
	workspace *Workspace
	member    *Member
	creating  bool
	urns      urns
}

var errFormat = fail(http.StatusBadRequest, "invalid_attribute_format")

// all takes a whole or partial resource.
func (s *setter) all(body map[string]any) error {
	// The username first: other answers depend on it.
	for _, name := range []string{"userName", "nickName"} {
		if v, ok := body[name]; ok && (name != "nickName" || body["userName"] == nil) {
			if err := s.set(name, v); err != nil {
				return err
			}
		}
	}
	for name, v := range body {
		if name == "userName" || name == "nickName" {
			continue
		}
		if err := s.set(name, v); err != nil {
			return err
		}
	}
	return nil
}

var profileTexts = map[string]bool{"userType": true, "preferredLanguage": true, "locale": true}

// set takes one attribute by its path.
func (s *setter) set(path string, v any) error {
	m := s.member
	switch path {
	case "active":
		active, ok := v.(bool)
		if !ok {
			return errFormat // "False" as text is what Entra sends, and what Slack refuses
		}
		m.Active = active
		return nil
	case "name":
		return s.each(v, "name.")
	case "emails":
		return s.emails(v)
	case "phoneNumbers":
		return s.phones(v)
	case "addresses":
		if row := first(v); row != nil {
			m.Full = true
			for _, part := range []string{"streetAddress", "locality", "region", "postalCode", "country"} {
				m.Profile[part], _ = row[part].(string)
			}
		}
		return nil
	case "roles":
		m.Full = true
		m.Profile["role"] = firstValue(v)
		return nil
	case "photos":
		m.photo = firstValue(v) // fetched later: the answer shows the old one
		return nil
	case s.urns.enterprise:
		m.Full = true
		return s.each(v, s.urns.enterprise+":")
	case "password":
		if !s.creating {
			return fail(http.StatusBadRequest, "password_change_not_allowed")
		}
		return nil
	}
	if part, ok := strings.CutPrefix(path, s.urns.enterprise); ok && part != "" {
		return s.enterprise(part[1:], v) // a colon or a dot stands between
	}
	return s.text(path, v)
}

func (s *setter) text(path string, v any) error {
	value, ok := v.(string)
	if v != nil && !ok {
		if path == "schemas" || path == "externalId" || path == "meta" || path == "groups" || strings.HasPrefix(path, "urn:") {
			return nil
		}
		return errFormat
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r >= 0x1F000 && r <= 0x1FAFF }) {
		return fail(http.StatusBadRequest, "invalid_emoji_not_allowed")
	}
	if value == " " {
		value = ""
	}
	m := s.member
	switch path {
	case "userName", "nickName":
		return s.userName(value)
	case "displayName":
		return s.displayName(value)
	case "name.givenName":
		m.GivenName = value
	case "name.familyName":
		m.FamilyName = value
	case "name.honorificPrefix":
		m.HonorificPrefix, m.Full = value, true
	case "title":
		m.Title = value
	case "timezone":
		m.Timezone = value
	default:
		if profileTexts[path] {
			m.Profile[path], m.Full = value, true
		}
	}
	return nil
}

func (s *setter) each(v any, prefix string) error {
	parts, ok := v.(map[string]any)
	if !ok {
		return errFormat
	}
	for name, value := range parts {
		if prefix == "name." {
			if err := s.text(prefix+name, value); err != nil {
				return err
			}
		} else if err := s.enterprise(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *setter) enterprise(part string, v any) error {
	s.member.Full = true
	if part == "manager" {
		manager, ok := v.(map[string]any)
		id, text := manager["managerId"].(string)
		if !ok || !text {
			return fail(http.StatusBadRequest, "improper_enterprise_schema_format")
		}
		s.member.Profile["manager"] = id
		return nil
	}
	value, ok := v.(string)
	if v != nil && !ok {
		return errFormat
	}
	s.member.Profile[strings.TrimSuffix(part, ".managerId")] = value
	return nil
}

func rows(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var out []map[string]any
		for _, e := range v {
			if row, ok := e.(map[string]any); ok {
				out = append(out, row)
			} else if s, ok := e.(string); ok {
				out = append(out, map[string]any{"value": s})
			}
		}
		return out
	default:
		return nil
	}
}

func first(v any) map[string]any {
	list := rows(v)
	for _, row := range list {
		if truthy(row["primary"]) {
			return row
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}

func firstValue(v any) string {
	value, _ := first(v)["value"].(string)
	return value
}

func truthy(v any) bool { return v == true || v == "true" }

// emails: the primary is the one marked so, else the one of type work, else the first; the next is the secondary, others are dropped.
func (s *setter) emails(v any) error {
	list := rows(v)
	primary := -1
	for i, row := range list {
		if truthy(row["primary"]) {
			primary = i
			break
		}
	}
	for i, row := range list {
		if primary < 0 && row["type"] == "work" {
			primary = i
		}
	}
	if primary < 0 && s.creating {
		primary = 0
	}
	for i, row := range list {
		value, _ := row["value"].(string)
		switch {
		case i == primary:
			if err := s.primaryEmail(value); err != nil {
				return err
			}
		case value != "":
			s.member.SecondaryEmail = value
		}
	}
	return nil
}

// phones: see "phoneNumbers" in docs.slack.dev/reference/scim-api. Requests and answers differ on purpose of nobody.
func (s *setter) phones(v any) error {
	list := rows(v)
	s.member.Full = true
	value := func(row map[string]any) string { text, _ := row["value"].(string); return text }
	if len(list) == 1 {
		if list[0]["type"] == "work" {
			s.member.MobilePhone = value(list[0])
		} else {
			s.member.PrimaryPhone = value(list[0])
		}
		return nil
	}
	for _, row := range list {
		switch {
		case truthy(row["primary"]) || row["type"] == "mobile":
			s.member.PrimaryPhone = value(row)
		default:
			s.member.MobilePhone = value(row)
		}
	}
	return nil
}

// remove clears an attribute.
func (s *setter) remove(path string) error {
	m := s.member
	base, _, _ := strings.Cut(path, "[")
	switch base {
	case "emails":
		if strings.Contains(path, "primary eq true") || strings.Contains(path, "primary eq \"true\"") {
			return fail(http.StatusBadRequest, "missing_primary_email")
		}
		m.SecondaryEmail = ""
	case "phoneNumbers":
		m.PrimaryPhone, m.MobilePhone = "", ""
	case "addresses", "address":
		for _, part := range []string{"streetAddress", "locality", "region", "postalCode", "country"} {
			delete(m.Profile, part)
		}
	case "roles":
		delete(m.Profile, "role")
	case s.urns.enterprise:
		for _, part := range []string{"employeeNumber", "costCenter", "organization", "division", "department", "manager"} {
			delete(m.Profile, part)
		}
	default:
		if part, ok := strings.CutPrefix(path, s.urns.enterprise); ok {
			delete(m.Profile, strings.TrimSuffix(part[1:], ".managerId"))
			return nil
		}
		return s.text(path, nil)
	}
	return nil
}

func (s *setter) put(raw []byte) error {
	var body map[string]any
	if json.Unmarshal(raw, &body) != nil {
		return fail(http.StatusBadRequest, "invalid_request_payload")
	}
	if body["schemas"] == nil {
		return fail(http.StatusBadRequest, "missing_schema_element")
	}
	// What is left out is blanked, active among it.
	m := s.member
	m.DisplayName, m.Title, m.SecondaryEmail, m.PrimaryPhone, m.MobilePhone, m.HonorificPrefix, m.Active = "", "", "", "", "", "", false
	m.Timezone, m.Profile = "America/Los_Angeles", map[string]string{}
	return s.all(body)
}

func (s *setter) patchV1(raw []byte) error {
	var body map[string]any
	if json.Unmarshal(raw, &body) != nil {
		return fail(http.StatusBadRequest, "invalid_request_payload")
	}
	if body["schemas"] == nil {
		return fail(http.StatusBadRequest, "missing_schema_element")
	}
	if meta, ok := body["meta"].(map[string]any); ok {
		list, _ := meta["attributes"].([]any)
		for _, a := range list {
			if path, ok := a.(string); ok {
				if err := s.remove(path); err != nil {
					return err
				}
			}
		}
	}
	return s.all(body)
}

func (s *setter) patchV2(raw []byte) error {
	var body struct {
		Schemas    []string `json:"schemas"`
		Operations []struct {
			Op    string `json:"op"`
			Path  string `json:"path"`
			Value any    `json:"value"`
		} `json:"Operations"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return fail(http.StatusBadRequest, "invalid_request_payload")
	}
	if len(body.Schemas) == 0 {
		return fail(http.StatusBadRequest, "missing_schema_element")
	}
	for _, op := range body.Operations {
		var err error
		switch strings.ToLower(op.Op) {
		case "add", "replace":
			if op.Path == "" {
				values, ok := op.Value.(map[string]any)
				if !ok {
					return errFormat
				}
				err = s.all(values)
			} else {
				base, _, _ := strings.Cut(op.Path, "[")
				err = s.set(base, op.Value)
			}
		case "remove":
			err = s.remove(op.Path)
		default:
			err = fail(http.StatusBadRequest, "invalid_request_payload")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
