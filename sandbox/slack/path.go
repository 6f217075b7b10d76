package slack

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// path is where a value goes: an attribute or extension, a row of it, and a part of it.
type path struct {
	name string
	row  *row
	part string
}

// row chooses one of several values: [attribute eq value].
type row struct{ attribute, value string }

var pathShape = regexp.MustCompile(`^([A-Za-z]+)(?:\[\s*([A-Za-z]+)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*"|'[^']*'|[^\]\s]+)\s*\])?(?:\.([A-Za-z]+))?$`)

// parsePath reads an attribute's path. Between an extension and its part stands a colon or a dot: Slack's examples have both.
func parsePath(s string, u urns) (path, bool) {
	for _, extension := range []string{u.enterprise, u.guest, u.profile} {
		rest, ok := strings.CutPrefix(s, extension)
		switch {
		case !ok:
		case rest == "":
			return path{name: extension}, true
		case rest[0] == ':' || rest[0] == '.':
			return path{name: extension, part: rest[1:]}, rest[1:] != ""
		}
	}
	m := pathShape.FindStringSubmatch(s)
	if m == nil {
		return path{}, false
	}
	p := path{name: m[1], part: m[4]}
	if m[2] != "" {
		p.row = &row{m[2], literal(m[3])}
	}
	return p, true
}

// literal reads a filter's value: quoted as JSON or by ', or bare.
func literal(s string) string {
	var text string
	if json.Unmarshal([]byte(s), &text) == nil {
		return text
	}
	if len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1]
	}
	return s
}

// rows reads a value of several: a list of objects or texts, or one object alone.
func rows(v any) ([]map[string]any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case map[string]any:
		return []map[string]any{v}, true
	case []any:
		out := make([]map[string]any, 0, len(v))
		for _, e := range v {
			switch e := e.(type) {
			case map[string]any:
				out = append(out, e)
			case string:
				out = append(out, map[string]any{"value": e})
			default:
				return nil, false
			}
		}
		return out, true
	default:
		return nil, false
	}
}

// isTrue: Slack's own examples have "true" as a text.
func isTrue(v any) bool { return v == true || v == "true" }

func isFalse(v any) bool { return v == false || v == "false" }

// plain reads a text; null is none, and a single space is how version 1 clears.
func plain(v any) (string, bool) {
	if v == nil {
		return "", true
	}
	s, ok := v.(string)
	if s == " " {
		s = ""
	}
	return s, ok
}

// hasEmoji looks through all values.
func hasEmoji(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsFunc(v, emoji)
	case []any:
		return slices.ContainsFunc(v, hasEmoji)
	case map[string]any:
		for _, e := range v {
			if hasEmoji(e) {
				return true
			}
		}
	}
	return false
}

func emoji(r rune) bool {
	return r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2600 && r <= 0x27BF || r >= 0x23E9 && r <= 0x23F3 || r >= 0x2B1B && r <= 0x2B55 ||
		r == 0x231A || r == 0x231B || r == 0xFE0F || r == 0x20E3
}
