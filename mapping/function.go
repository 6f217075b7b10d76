package mapping

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// function is one of the named functions. A first argument without a value gives no value, unless eager.
type function struct {
	least, most int // arguments; most -1 = any number
	takes       []Type
	gives       Type
	check       func(i int, literal any) error // of literal arguments, when the expression is compiled
	apply       func(args []any) (any, error)
}

func (f function) arguments() string {
	switch {
	case f.most < 0:
		return fmt.Sprintf("at least %d values", f.least)
	case f.most == 1:
		return "one value"
	case f.least == f.most:
		return fmt.Sprintf("%d values", f.least)
	default:
		return fmt.Sprintf("%d to %d values", f.least, f.most)
	}
}

// functions by "family.name"; filled by the families below.
var functions = merge(coreFunctions, stringFunctions, regexFunctions, listFunctions, datetimeFunctions)

func merge(families ...map[string]function) map[string]function {
	out := map[string]function{}
	for _, f := range families {
		maps.Copy(out, f)
	}
	return out
}

// onText makes a function of text, and further arguments.
func onText(least, most int, gives Type, takes []Type, apply func(s string, args []any) (any, error)) function {
	return function{least: least, most: most, takes: takes, gives: gives, apply: func(args []any) (any, error) {
		if args[0] == nil {
			return nil, nil //nolint:nilnil // no value
		}
		return apply(asText(args[0]), args[1:])
	}}
}

func simple(f func(string) string) function {
	return onText(1, 1, String, []Type{String}, func(s string, _ []any) (any, error) { return f(s), nil })
}

func asks(f func(s, t string) bool) function {
	return onText(2, 2, Boolean, []Type{String, String}, func(s string, a []any) (any, error) { return f(s, asText(a[0])), nil })
}

var coreFunctions = map[string]function{
	"core.switchExpr": {least: 3, most: -1, apply: switchExpr},
}

// switchExpr(subject, key, value, key, value, ..., otherwise).
func switchExpr(args []any) (any, error) {
	rest := args[1:]
	for len(rest) >= 2 {
		if equal(args[0], rest[0]) {
			return rest[1], nil
		}
		rest = rest[2:]
	}
	if len(rest) == 1 {
		return rest[0], nil
	}
	return nil, nil //nolint:nilnil // no value
}

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
		return strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(s))
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
		return bounded(strings.ReplaceAll(s, asText(a[0]), asText(a[1])))
	}),
	"string.split": onText(2, 2, List, []Type{String, String}, func(s string, a []any) (any, error) {
		return toList(strings.SplitN(s, asText(a[0]), maxElements)), nil
	}),
	"string.join": {least: 2, most: 2, takes: []Type{List, String}, gives: String, apply: func(a []any) (any, error) {
		return join(a[0], asText(a[1]))
	}},
	"string.concat": {least: 1, most: -1, gives: String, apply: func(a []any) (any, error) {
		var b strings.Builder
		for _, v := range a {
			b.WriteString(asText(v))
		}
		return bounded(b.String())
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
	return string(unicode.ToUpper(r)) + s[n:]
}

func padding(s string, a []any) (string, error) {
	n, ok := a[0].(float64)
	fill := asText(a[1])
	missing := int(min(n, maxElements)) - utf8.RuneCountInString(s)
	if !ok || utf8.RuneCountInString(fill) != 1 {
		return "", refuse("padding needs a length and one character")
	}
	return strings.Repeat(fill, max(missing, 0)), nil
}

func bounded(s string) (any, error) {
	if len(s) > maxResult {
		return nil, refuse("the result is larger than %d KiB", maxResult>>10)
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

func join(list any, separator string) (any, error) {
	elements, ok := list.([]any)
	if !ok {
		return list, nil
	}
	parts := make([]string, 0, len(elements))
	for _, e := range elements {
		if has(e) {
			parts = append(parts, asText(e))
		}
	}
	return bounded(strings.Join(parts, separator))
}

var regexFunctions = map[string]function{
	"regex.matches": onPattern(Boolean, func(re *regexp.Regexp, s string) any { return re.MatchString(s) }),
	"regex.findFirstMatch": onPattern(String, func(re *regexp.Regexp, s string) any {
		if !re.MatchString(s) {
			return nil
		}
		return re.FindString(s)
	}),
	"regex.findAllMatches": onPattern(List, func(re *regexp.Regexp, s string) any { return toList(re.FindAllString(s, maxElements)) }),
	"regex.replaceAll":     regexReplace(-1),
	"regex.replaceFirst":   regexReplace(1),
}

// checkPattern finds a broken pattern when the expression is compiled.
func checkPattern(i int, literal any) error {
	pattern, ok := literal.(string)
	if i != 1 || !ok {
		return nil
	}
	_, err := compilePattern(pattern)
	return err
}

func compilePattern(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > 1000 {
		return nil, refuse("the pattern is longer than 1000 characters")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, refuse("the pattern is not a regular expression (RE2 syntax)")
	}
	return re, nil
}

func onPattern(gives Type, f func(re *regexp.Regexp, s string) any) function {
	fn := onText(2, 2, gives, []Type{String, String}, func(s string, a []any) (any, error) {
		re, err := compilePattern(asText(a[0]))
		if err != nil {
			return nil, err
		}
		return f(re, s), nil
	})
	fn.check = checkPattern
	return fn
}

// regexReplace replaces the first n matches; -1 = all. $1 stands for the first group.
func regexReplace(n int) function {
	fn := onText(3, 3, String, []Type{String, String, String}, func(s string, a []any) (any, error) {
		re, err := compilePattern(asText(a[0]))
		if err != nil {
			return nil, err
		}
		if n < 0 {
			return bounded(re.ReplaceAllString(s, asText(a[1])))
		}
		at := re.FindStringSubmatchIndex(s)
		if at == nil {
			return s, nil
		}
		return bounded(string(re.ExpandString([]byte(s[:at[0]]), asText(a[1]), s, at)) + s[at[1]:])
	})
	fn.check = checkPattern
	return fn
}

// onList makes a function of a list; a single value is a list of one.
func onList(least int, gives Type, apply func(list []any, args []any) (any, error)) function {
	return function{least: least, most: least, gives: gives, apply: func(args []any) (any, error) {
		switch first := args[0].(type) {
		case nil:
			return apply(nil, args[1:])
		case []any:
			return apply(first, args[1:])
		default:
			return apply([]any{first}, args[1:])
		}
	}}
}

var listFunctions = map[string]function{
	"list.size":  onList(1, Number, func(l, _ []any) (any, error) { return float64(len(l)), nil }),
	"list.first": onList(1, Any, func(l, _ []any) (any, error) { return index([]any{l, 0.0}) }),
	"list.last":  onList(1, Any, func(l, _ []any) (any, error) { return index([]any{l, float64(len(l) - 1)}) }),
	"list.get":   onList(2, Any, func(l, a []any) (any, error) { return index([]any{l, a[0]}) }),
	"list.join":  onList(2, String, func(l, a []any) (any, error) { return join(l, asText(a[0])) }),
	"list.contains": onList(2, Boolean, func(l, a []any) (any, error) {
		return slices.ContainsFunc(l, func(e any) bool { return equal(e, a[0]) }), nil
	}),
	"list.distinct": onList(1, List, func(l, _ []any) (any, error) {
		out := make([]any, 0, len(l))
		for _, e := range l {
			if !slices.ContainsFunc(out, func(o any) bool { return equal(o, e) }) {
				out = append(out, e)
			}
		}
		return out, nil
	}),
}
