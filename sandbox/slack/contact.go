package slack

import (
	"net/mail"
	"slices"
	"strings"
)

// primaryRow chooses the primary address: the one marked so, else the one of type work. -1: neither is there.
func primaryRow(list []map[string]any) int {
	if at := slices.IndexFunc(list, func(r map[string]any) bool { return isTrue(r["primary"]) }); at >= 0 {
		return at
	}
	return slices.IndexFunc(list, func(r map[string]any) bool { return r["type"] == "work" && !isFalse(r["primary"]) })
}

// writeEmails keeps two, the primary and a secondary; others are dropped. In a whole resource or list the first one is the
// primary where none is marked; one that is added is not.
func (s *setter) writeEmails(p path, v any, replaces bool) error {
	if p.row != nil || p.part != "" {
		return s.writeEmail(p, v)
	}
	list, ok := rows(v)
	if !ok {
		return bad("emails_invalid")
	}
	primary := primaryRow(list)
	if primary < 0 && (s.creating || replaces) && len(list) > 0 {
		primary = 0
	}
	if replaces {
		s.member.SecondaryEmail = ""
	}
	if primary >= 0 {
		if err := s.primaryEmail(list[primary]["value"]); err != nil {
			return err
		}
	}
	given := false
	for i, r := range list {
		value, _ := plain(r["value"])
		if i == primary || given || strings.EqualFold(value, s.member.PrimaryEmail) {
			continue
		}
		if err := s.secondaryEmail(r["value"]); err != nil {
			return err
		}
		given = true
	}
	return nil
}

// which says whether a path means the primary or the secondary address; "" = none that is there.
func (s *setter) which(r *row) string {
	m := s.member
	switch {
	case r == nil || r.attribute == "primary" && strings.EqualFold(r.value, "true") || r.attribute == "type" && r.value == "work":
		return "primary"
	case r.attribute == "value" && strings.EqualFold(r.value, m.PrimaryEmail):
		return "primary"
	case r.attribute == "primary" || r.attribute == "type", r.attribute == "value" && strings.EqualFold(r.value, m.SecondaryEmail):
		return "secondary"
	default:
		return ""
	}
}

// writeEmail replaces one address: emails[primary eq false], and whatever else chooses one.
func (s *setter) writeEmail(p path, v any) error {
	if object, ok := v.(map[string]any); ok {
		v = object["value"]
	}
	switch s.which(p.row) {
	case "primary":
		return s.primaryEmail(v)
	case "secondary":
		return s.secondaryEmail(v)
	default:
		return errFormat
	}
}

// clearEmails: the primary address cannot be taken away, only replaced.
func (s *setter) clearEmails(p path) error {
	switch {
	case p.row == nil || s.which(p.row) == "secondary":
		s.member.SecondaryEmail = ""
		return nil
	case s.which(p.row) == "primary":
		return bad("missing_primary_email")
	default:
		return nil // it is not there
	}
}

func (s *setter) primaryEmail(v any) error {
	address, err := s.email(v)
	if err != nil {
		return err
	}
	if strings.EqualFold(address, s.member.SecondaryEmail) {
		s.member.SecondaryEmail = ""
	}
	s.member.PrimaryEmail = address
	return nil
}

func (s *setter) secondaryEmail(v any) error {
	address, err := s.email(v)
	if err != nil {
		return err
	}
	s.member.SecondaryEmail = address
	return nil
}

// email checks an address, also against those of deactivated members. Version 2 says who holds it.
func (s *setter) email(v any) (string, error) {
	address, ok := plain(v)
	address = strings.TrimSpace(address)
	if !ok {
		return "", bad("emails_invalid")
	}
	if address == "" {
		return "", bad("email_empty")
	}
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		return "", bad("bad_email_address")
	}
	if id := s.workspace.byEmail[strings.ToLower(address)]; id != "" && id != s.member.ID {
		code := "email_taken (email=" + address
		if s.urns == versions["v2"] {
			code += " existing_user=" + id
		}
		return "", fail(s.workspace.options.ConflictStatus, code+")")
	}
	return address, nil
}

// writePhones: see "phoneNumbers" in docs.slack.dev/reference/scim-api. What a row means differs between requests and answers,
// and depends on whether it comes alone.
func (s *setter) writePhones(p path, v any, replaces bool) error {
	if p.row != nil {
		return s.writePhone(p, v)
	}
	list, ok := rows(v)
	if !ok {
		return bad("phoneNumbers_invalid")
	}
	m := s.member
	m.Full = true
	if replaces {
		m.PrimaryPhone, m.MobilePhone = "", ""
	}
	primary := slices.IndexFunc(list, func(r map[string]any) bool { return isTrue(r["primary"]) || r["type"] == "mobile" })
	if primary < 0 {
		primary = slices.IndexFunc(list, func(r map[string]any) bool { return r["type"] != "work" })
	}
	for i, r := range list {
		number, ok := plain(r["value"])
		if !ok {
			return bad("phoneNumbers_invalid")
		}
		if i == primary {
			m.PrimaryPhone = number
		} else {
			m.MobilePhone = number
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.field("phoneNumbers")
}

func (s *setter) phone(r *row) *string {
	m := s.member
	switch {
	case r.attribute == "value" && r.value == "":
		return nil
	case r.attribute == "value" && r.value == m.PrimaryPhone, r.attribute == "primary" && strings.EqualFold(r.value, "true"):
		return &m.PrimaryPhone
	case r.attribute == "value" && r.value == m.MobilePhone, r.attribute == "type" && r.value == "mobile", r.attribute == "primary":
		return &m.MobilePhone
	default:
		return nil
	}
}

// writePhone replaces one number: phoneNumbers[value eq "555"].value.
func (s *setter) writePhone(p path, v any) error {
	if object, ok := v.(map[string]any); ok {
		v = object["value"]
	}
	number, ok := plain(v)
	at := s.phone(p.row)
	if !ok || at == nil {
		return bad("phoneNumbers_invalid")
	}
	*at = number
	return nil
}

func (s *setter) clearPhones(p path) error {
	if p.row == nil {
		s.member.PrimaryPhone, s.member.MobilePhone = "", ""
		return nil
	}
	if at := s.phone(p.row); at != nil {
		*at = ""
	}
	return nil
}
