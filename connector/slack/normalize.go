package slack

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"lockstep/directory"
	"lockstep/provision"
)

const (
	maxUserName    = 21 // v1's page; taken for v2 as well
	maxDisplayName = 80
)

// Normalize implements connector.Normalizer: how Slack would store the attributes. What Slack would convert is converted the
// same way here, so that what it answers equals what was wanted; what Slack has no place for is left out.
//
// An @ in a display name becomes _ rather than a refusal: Slack refuses it (invalid_name_specials), the name is not an
// identity, and _ is what Slack makes of special characters elsewhere. Emoji are refused, as Slack does, because nothing
// stands for them.
func (t *target) Normalize(kind directory.Kind, a provision.Attributes) (provision.Attributes, *provision.Fault) {
	if kind == directory.KindGroup {
		return normalizeGroup(a)
	}
	out := make(provision.Attributes, len(a))
	for name, v := range a {
		s, ok := v.(string)
		if !ok || !offered[name] {
			continue
		}
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if strings.ContainsFunc(s, emoji) {
			return nil, refused("invalid_emoji_not_allowed", name, "Slack refuses emoji in "+name, "remove the emoji from the person's data")
		}
		switch name {
		case "userName":
			s = UserName(s)
		case "primaryEmail", "secondaryEmail":
			s = strings.ToLower(s)
		case "displayName":
			s = cut(strings.ReplaceAll(s, "@", "_"), maxDisplayName)
		case "startDate":
			if s, ok = date(s); !ok {
				return nil, refused("invalid_date", name, "the start date cannot be read", "give it as 2026-12-31 or 2026-12-31T00:00:00Z")
			}
		}
		if s != "" {
			out[name] = s
		}
	}
	for _, needed := range []string{"userName", "primaryEmail"} {
		if out[needed] == nil {
			return nil, refused("missing_"+needed, needed, "Slack needs "+needed+", and the mapping gives none", "map "+needed+", or give the person a value for its source")
		}
	}
	return out, nil
}

func refused(code, attribute, message, hint string) *provision.Fault {
	return &provision.Fault{Kind: provision.Rejected, Code: code, Attribute: attribute, Message: message, Hint: hint}
}

// emoji are the blocks of pictures, and the single characters elsewhere that are shown as pictures by themselves (Unicode's
// Emoji_Presentation), or are made pictures by the selector that follows them.
func emoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF, r >= 0x2600 && r <= 0x27BF:
		return true
	case r >= 0x231A && r <= 0x231B, r >= 0x23E9 && r <= 0x23F3, r >= 0x25FD && r <= 0x25FE, r >= 0x2B1B && r <= 0x2B1C:
		return true
	default:
		return r == 0x2B50 || r == 0x2B55 || r == 0xFE0F || r == 0x20E3
	}
}

// offered are the attributes that can be mapped, by name.
var offered = func() map[string]bool {
	out := map[string]bool{}
	for _, a := range attributes {
		out[a.Name] = true
	}
	return out
}()

// UserName is how Slack writes a username: lower case, letters, digits and . _ - only, at most 21 characters; of an e-mail
// address the part before the @.
func UserName(s string) string {
	local, _, _ := strings.Cut(s, "@")
	mapped := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-':
			return r
		default:
			return '_'
		}
	}, strings.ToLower(local))
	return cut(mapped, maxUserName)
}

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:limit]))
}

// Identifier implements connector.Normalizer.
func (t *target) Identifier(kind directory.Kind, a provision.Attributes) string {
	name := t.identifies
	if kind == directory.KindGroup {
		name = groupName
	}
	s, _ := a[name].(string)
	return strings.ToLower(strings.TrimSpace(s))
}

// Identifies implements connector.Normalizer.
func (t *target) Identifies() string { return t.identifies }

// Alternative implements connector.Alternator: usernames share one namespace with channels and deactivated members, so a
// taken one gets a number, within the limit.
func (t *target) Alternative(attribute, wanted string, n int) (string, bool) {
	if attribute != "userName" {
		return "", false
	}
	suffix := strconv.Itoa(n)
	if n < 2 || len(suffix) >= maxUserName {
		return "", false
	}
	return cut(wanted, maxUserName-len(suffix)) + suffix, true
}
