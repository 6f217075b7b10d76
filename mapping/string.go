package mapping

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

var oneText = []Type{String}

var stringFunctions = map[string]function{
	"string.length": {params: "text", takes: oneText, gives: Number, empty: 0.0, apply: func(c *call) any {
		return float64(utf8.RuneCountInString(c.text(0)))
	}},
	"string.isNotEmpty": {params: "text", takes: oneText, gives: Boolean, empty: false, apply: func(c *call) any { return c.text(0) != "" }},
	"string.isNotBlank": {params: "text", takes: oneText, gives: Boolean, empty: false, apply: func(c *call) any { return !blank(c.text(0)) }},

	"string.upperCase":    changed(upperCase),
	"string.lowerCase":    changed(lowerCase),
	"string.capitalize":   changed(capitalize),
	"string.stripAccents": changed(stripAccents),
	"string.trim":         changed(strings.TrimSpace),
	"string.substring":    {params: "text, start, [end]", takes: []Type{String, Number, Number}, gives: String, apply: substring},
	"string.padLeft": {params: "text, length, character", takes: []Type{String, Number, String}, gives: String, apply: func(c *call) any {
		return padding(c) + c.text(0)
	}},
	"string.padRight": {params: "text, length, character", takes: []Type{String, Number, String}, gives: String, apply: func(c *call) any {
		return c.text(0) + padding(c)
	}},

	"string.contains":    asked(strings.Contains),
	"string.startsWith":  asked(strings.HasPrefix),
	"string.endsWith":    asked(strings.HasSuffix),
	"string.indexOf":     {params: "text, search, [from]", takes: []Type{String, String, Number}, gives: Number, empty: -1.0, apply: indexOf},
	"string.lastIndexOf": {params: "text, search, [from]", takes: []Type{String, String, Number}, gives: Number, empty: -1.0, apply: lastIndexOf},
	"string.compare":     {params: "text, other, [ignoreCase]", takes: []Type{String, String, Boolean}, gives: Number, always: true, apply: compareTexts},

	"string.replace": {params: "text, search, replacement, [most]", takes: []Type{String, String, String, Number}, gives: String, apply: replace},
	"string.split":   {params: "text, separators", takes: []Type{String, String}, gives: List, apply: split},
	"string.join":    {params: "list, separator", takes: []Type{List, String}, gives: String, apply: join},

	"string.firstNonEmpty": {params: "value, …", always: true, apply: func(c *call) any { return first(c.args, has) }},
	"string.firstNonBlank": {params: "value, …", always: true, apply: func(c *call) any {
		return first(c.args, func(v any) bool { s, text := v.(string); return has(v) && (!text || !blank(s)) })
	}},
}

// changed makes a function of a text that gives another.
func changed(f func(string) string) function {
	return function{params: "text", takes: oneText, gives: String, apply: func(c *call) any { return c.bounded(f(c.text(0))) }}
}

// asked makes a question about two texts.
func asked(f func(s, t string) bool) function {
	return function{params: "text, search", takes: []Type{String, String}, gives: Boolean, empty: false, apply: func(c *call) any {
		return f(c.text(0), c.text(1))
	}}
}

func first(values []any, fits func(any) bool) any {
	if i := slices.IndexFunc(values, fits); i >= 0 {
		return values[i]
	}
	return nil
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// upperCase writes ß as SS, as Java does. A Caser has state, so that each call needs its own.
func upperCase(s string) string {
	if ascii(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lowerCase(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// capitalize changes nothing but the first letter: é becomes É, ǆ becomes ǅ.
func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return cases.Title(language.Und, cases.NoLower).String(s[:n]) + s[n:]
}

// stroked are the letters whose accent Unicode does not take apart.
var stroked = strings.NewReplacer("ø", "o", "Ø", "O", "ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "ħ", "h", "Ħ", "H", "ŧ", "t", "Ŧ", "T", "ı", "i")

func stripAccents(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
	return stroked.Replace(norm.NFC.String(s)) // put together again what is no accent, such as Korean syllables
}

// substring counts characters, from the end where a bound is negative, and never complains about one that is not there.
func substring(c *call) any {
	runes := []rune(c.text(0))
	bound := func(i, otherwise int) int {
		n := c.whole(i, otherwise)
		if n < 0 {
			n += len(runes)
		}
		return min(max(n, 0), len(runes))
	}
	from, to := bound(1, 0), bound(2, len(runes))
	return string(runes[from:max(from, to)])
}

// padding is what brings a text to the wanted length, which is at most maxElements.
func padding(c *call) string {
	fill := c.text(2)
	if utf8.RuneCountInString(fill) != 1 {
		c.refuse("padding needs one character to fill up with")
		return ""
	}
	wanted := min(c.whole(1, 0), maxElements)
	return strings.Repeat(fill, max(wanted-utf8.RuneCountInString(c.text(0)), 0))
}

func indexOf(c *call) any {
	s, skipped := c.text(0), 0
	for from := c.whole(2, 0); skipped < from && s != ""; skipped++ {
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
	i := strings.Index(s, c.text(1))
	if i < 0 {
		return -1.0
	}
	return float64(skipped + utf8.RuneCountInString(s[:i]))
}

// lastIndexOf finds a text that begins at from or before.
func lastIndexOf(c *call) any {
	s, search := []rune(c.text(0)), c.text(1)
	from := min(max(c.whole(2, len(s)), 0), len(s))
	head := string(s[:min(from+utf8.RuneCountInString(search), len(s))])
	i := strings.LastIndex(head, search)
	if i < 0 {
		return -1.0
	}
	return float64(utf8.RuneCountInString(head[:i]))
}

// compareTexts gives -1, 0 or 1; no value comes before every text.
func compareTexts(c *call) any {
	if none, other := c.value(0) == nil, c.value(1) == nil; none || other {
		return float64(btoi(other) - btoi(none))
	}
	s, t := c.text(0), c.text(1)
	if yes(c.value(2)) {
		s, t = lowerCase(s), lowerCase(t)
	}
	return float64(strings.Compare(s, t))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// replace counts before it writes: a long text in a long text would be gigabytes.
func replace(c *call) any {
	s, search, with, most := c.text(0), c.text(1), c.text(2), c.whole(3, -1)
	if search == "" {
		return s
	}
	n := strings.Count(s, search)
	if most >= 0 {
		n = min(n, most)
	}
	if len(with) > len(search) && n > (maxResult-min(len(s), maxResult))/(len(with)-len(search)) {
		return c.fail(errTooLarge())
	}
	return c.bounded(strings.Replace(s, search, with, n))
}

// split takes each of the separators for one, and gives no empty parts; without separators it splits at white space.
func split(c *call) any {
	separators := c.text(1)
	parts := strings.FieldsFunc(c.text(0), func(r rune) bool {
		if c.value(1) == nil {
			return unicode.IsSpace(r)
		}
		return strings.ContainsRune(separators, r)
	})
	return toList(parts)
}

func toList(parts []string) []any {
	out := make([]any, len(parts))
	for i, s := range parts {
		out[i] = s
	}
	return out
}

func join(c *call) any {
	s, err := joinText(c.list(0), c.text(1))
	if err != nil {
		return c.fail(err)
	}
	return s
}
