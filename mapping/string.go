package mapping

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var stringFunctions = map[string]function{
	"string.length": onText(1, 1, Number, []Type{String}, func(s string, _ []any) (any, error) {
		return float64(utf8.RuneCountInString(s)), nil
	}),
	"string.substring":   onText(2, 3, String, []Type{String, Number, Number}, substring),
	"string.toLowerCase": simple(strings.ToLower),
	"string.toUpperCase": simple(strings.ToUpper),
	"string.trim":        simple(strings.TrimSpace),
	"string.capitalize":  simple(capitalize),
	"string.stripAccents": simple(func(s string) string {
		return norm.NFC.String(strings.Map(func(r rune) rune { // put together again what is no accent, such as Korean syllables
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(s)))
	}),
	"string.contains":   asks(strings.Contains),
	"string.startsWith": asks(strings.HasPrefix),
	"string.endsWith":   asks(strings.HasSuffix),
	"string.indexOf": onText(2, 2, Number, []Type{String, String}, func(s string, a []any) (any, error) {
		i := strings.Index(s, asText(a[0]))
		if i < 0 {
			return -1.0, nil
		}
		return float64(utf8.RuneCountInString(s[:i])), nil
	}),
	"string.replace": onText(3, 3, String, []Type{String, String, String}, func(s string, a []any) (any, error) {
		return replace(s, asText(a[0]), asText(a[1]))
	}),
	"string.split": onText(2, 2, List, []Type{String, String}, func(s string, a []any) (any, error) {
		return toList(strings.SplitN(s, asText(a[0]), maxElements)), nil
	}),
	"string.join": {least: 2, most: 2, takes: []Type{List, String}, gives: String, apply: func(a []any) (any, error) {
		return join(a[0], asText(a[1]))
	}},
	"string.concat": {least: 1, most: -1, gives: String, apply: func(a []any) (any, error) {
		return joinText(a, "")
	}},
	"string.isEmpty": {least: 1, most: 1, takes: []Type{String}, gives: Boolean, apply: func(a []any) (any, error) { return !has(a[0]), nil }},
	"string.isBlank": {least: 1, most: 1, takes: []Type{String}, gives: Boolean, apply: func(a []any) (any, error) {
		return strings.TrimSpace(asText(a[0])) == "", nil
	}},
	"string.left": onText(2, 2, String, []Type{String, Number}, func(s string, a []any) (any, error) {
		return substring(s, []any{0.0, a[0]})
	}),
	"string.right": onText(2, 2, String, []Type{String, Number}, func(s string, a []any) (any, error) {
		n, ok := a[0].(float64)
		if !ok {
			return nil, refuse("a length must be a number")
		}
		return substring(s, []any{float64(utf8.RuneCountInString(s)) - n})
	}),
	"string.padLeft": onText(3, 3, String, []Type{String, Number, String}, func(s string, a []any) (any, error) {
		fill, err := padding(s, a)
		return fill + s, err
	}),
	"string.padRight": onText(3, 3, String, []Type{String, Number, String}, func(s string, a []any) (any, error) {
		fill, err := padding(s, a)
		return s + fill, err
	}),
	"string.replaceAll": regexReplace(-1),
}

// substring counts characters and never complains about an end that is not there.
func substring(s string, bounds []any) (any, error) {
	runes := []rune(s)
	from, to := 0, len(runes)
	for i, b := range bounds {
		n, ok := b.(float64)
		if !ok {
			return nil, refuse("the bounds of substring must be numbers")
		}
		clamped := int(min(max(n, 0), float64(len(runes))))
		if i == 0 {
			from = clamped
		} else {
			to = clamped
		}
	}
	return string(runes[from:max(from, to)]), nil
}

func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// padding is what brings s to the wanted length, which is at most maxElements.
func padding(s string, a []any) (string, error) {
	n, ok := a[0].(float64)
	fill := asText(a[1])
	if !ok || utf8.RuneCountInString(fill) != 1 {
		return "", refuse("padding needs a length and one character")
	}
	wanted := int(min(max(n, 0), maxElements)) // before it becomes an int: a float can be beyond any
	return strings.Repeat(fill, max(wanted-utf8.RuneCountInString(s), 0)), nil
}

// replace counts before it writes: a long text in a long text would be gigabytes.
func replace(s, old, with string) (any, error) {
	if len(with) > len(old) && strings.Count(s, old) > (maxResult-min(len(s), maxResult))/(len(with)-len(old)) {
		return nil, errTooLarge()
	}
	return bounded(strings.ReplaceAll(s, old, with))
}

func errTooLarge() error { return refuse("the result is larger than %d KiB", maxResult>>10) }

func bounded(s string) (any, error) {
	if len(s) > maxResult {
		return nil, errTooLarge()
	}
	return s, nil
}

func toList(parts []string) []any {
	out := make([]any, len(parts))
	for i, s := range parts {
		out[i] = s
	}
	return out
}

// join leaves out elements without a value.
func join(list any, separator string) (any, error) {
	elements, ok := list.([]any)
	if !ok {
		return list, nil
	}
	return joinText(elements, separator)
}

func joinText(parts []any, separator string) (any, error) {
	var b strings.Builder
	first := true
	for _, v := range parts {
		if !has(v) {
			continue
		}
		if !first {
			b.WriteString(separator)
		}
		first = false
		s, err := joinable(v)
		if err != nil {
			return nil, err
		}
		if b.Len()+len(s) > maxResult {
			return nil, errTooLarge()
		}
		b.WriteString(s)
	}
	return bounded(b.String())
}

// joinable is the text of a value where it becomes part of a longer one. What has no text a person would write is refused.
func joinable(v any) (string, error) {
	switch v := v.(type) {
	case []any:
		s, err := joinText(v, ", ")
		text, _ := s.(string)
		return text, err
	case map[string]any:
		return "", refuse("an object cannot be joined with text; name one of its parts")
	default:
		return asText(v), nil
	}
}
