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

// Normalize implements connector.Normalizer: how Slack would store the attributes.
func (t *target) Normalize(_ directory.Kind, a provision.Attributes) (provision.Attributes, *provision.Fault) {
	out := make(provision.Attributes, len(a))
	for name, v := range a {
		s, ok := v.(string)
		if !ok {
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

func emoji(r rune) bool {
	return r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2600 && r <= 0x27BF || r == 0xFE0F
}

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
func (t *target) Identifier(_ directory.Kind, a provision.Attributes) string {
	s, _ := a[t.identifies].(string)
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
	return wanted[:min(len(wanted), maxUserName-len(suffix))] + suffix, true
}
