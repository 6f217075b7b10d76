package mapping

import (
	"regexp"
	"strconv"
	"strings"
)

var twoTexts = []Type{String, String}

var regexFunctions = map[string]function{
	"regex.matches": {
		params: "text, pattern", takes: twoTexts, gives: Boolean, empty: false, check: checkPattern, work: oneSearch, apply: matches,
	},
	"regex.findAllMatches": {
		params: "text, pattern", takes: twoTexts, gives: List, check: checkPattern, work: manySearches,
		apply: func(c *call) any {
			re := c.pattern(1)
			if re == nil {
				return nil
			}
			return toList(re.FindAllString(c.text(0), -1))
		},
	},
	"regex.replaceFirst": {
		params: "text, pattern, replacement", takes: twoTexts, gives: String, check: checkPattern, work: oneSearch,
		apply: func(c *call) any { return c.expand(c.text(0), 1, 1) },
	},
	"regex.replaceAll": {
		params: "text, pattern, replacement, …", takes: twoTexts, gives: String, check: checkPattern, work: manySearches, apply: replaceAll,
	},
}

// checkPattern finds a broken pattern when the expression is compiled.
func checkPattern(i int, literal any) error {
	text, ok := literal.(string)
	if !ok || i%2 == 0 {
		return nil
	}
	_, err := compilePattern(text)
	return err
}

// pattern is nil when there is none, or a broken one.
func (c *call) pattern(i int) *pattern {
	if c.value(i) == nil {
		return nil
	}
	re, err := compilePattern(c.text(i))
	if err != nil {
		c.fail(err)
		return nil
	}
	return re
}

// compiling is how many steps an instruction of a pattern takes before anything is searched. A pattern can come from people's data,
// another one each time, so that it counts whether it is kept or not: what an expression may do must not depend on what ran before.
const compiling = 16

// oneSearch is the most steps that looking for the first match takes.
func oneSearch(c *call) uint64 {
	re := c.pattern(1)
	if re == nil {
		return 0
	}
	return (compiling + uint64(len(c.text(0)))) * re.instructions
}

// manySearches can look at the rest of the text for each match: a(.*b)? does.
func manySearches(c *call) uint64 {
	steps, length := uint64(0), uint64(len(c.text(0)))
	for i := 1; i < len(c.args) && steps <= maxSteps; i += 2 {
		if re := c.pattern(i); re != nil {
			searches := length
			if re.reach >= 0 {
				searches = min(length, uint64(re.reach)+1)
			}
			steps += (compiling + length*searches) * re.instructions // at most 2^20 · 2000 · 2^20 a pattern
		}
	}
	return steps
}

// matches asks about the whole text, as Java does.
func matches(c *call) any {
	re := c.pattern(1)
	if re == nil {
		return false
	}
	text := c.text(0)
	if at := re.FindStringIndex(text); at == nil || at[0] == 0 && at[1] == len(text) {
		return at != nil
	}
	whole, err := compilePattern(wholeText(re.String()))
	if err != nil {
		return c.fail(err)
	}
	return whole.MatchString(text)
}

// replaceAll takes pairs of a pattern and what to put in its place, one after the other.
func replaceAll(c *call) any {
	out := any(c.text(0))
	for i := 1; i < len(c.args) && c.err == nil; i += 2 {
		text, _ := out.(string)
		out = c.expand(text, i, -1)
	}
	return out
}

// expand replaces the first n matches of pattern i by what stands after it; -1 = all. It stops when the result gets too large.
func (c *call) expand(s string, i, n int) any {
	re := c.pattern(i)
	if re == nil || c.value(i+1) == nil {
		return s
	}
	with, groups, err := template(c.text(i+1), re.Regexp)
	if err != nil {
		return c.fail(err)
	}
	if groups == 0 && with != "" { // more matches than fit need not be found; $$ is one character
		if fit := maxResult/((len(with)+1)/2) + 2; n < 0 || n > fit {
			n = fit
		}
	}
	var out []byte
	last := 0
	for _, at := range re.FindAllStringSubmatchIndex(s, n) {
		out = append(out, s[last:at[0]]...)
		if most := len(with) + groups*(at[1]-at[0]); len(out)+most > 16*maxResult { // what it could be; it is measured below
			return c.fail(errTooLarge())
		}
		out = re.ExpandString(out, with, s, at)
		if len(out) > maxResult {
			return c.fail(errTooLarge())
		}
		last = at[1]
	}
	return c.bounded(string(append(out, s[last:]...)))
}

// template turns Java's replacement into Go's: $1 is the first group whatever follows, and a backslash takes the next character
// as it stands. It answers how many groups are put in.
func template(java string, re *regexp.Regexp) (string, int, error) {
	var b strings.Builder
	groups := 0
	for i := 0; i < len(java); i++ {
		switch next := strings.TrimLeft(java[i+1:], "0123456789"); {
		case java[i] == '\\' && i+1 < len(java):
			i++
			if java[i] == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(java[i])
		case java[i] != '$':
			b.WriteByte(java[i])
		case len(next) < len(java)-i-1: // digits follow
			number := java[i+1 : len(java)-len(next)]
			for n, err := strconv.Atoi(number); err != nil || n > re.NumSubexp(); n, err = strconv.Atoi(number) {
				if number = number[:len(number)-1]; number == "" { // $12 is $1 and a 2 where there are fewer groups
					return "", 0, refuse("the pattern has no group %s", java[i:i+2])
				}
			}
			b.WriteString("${" + number + "}")
			groups++
			i += len(number)
		case strings.HasPrefix(next, "{") && strings.Contains(next, "}"):
			name := next[1:strings.IndexByte(next, '}')]
			if n, err := strconv.Atoi(name); re.SubexpIndex(name) < 0 && (err != nil || n > re.NumSubexp()) {
				return "", 0, refuse("the pattern has no group %q", name[:min(len(name), 40)])
			}
			b.WriteString("${" + name + "}")
			groups++
			i += len(name) + 2
		default:
			b.WriteString("$$") // a dollar sign, which Java would refuse
		}
	}
	return b.String(), groups, nil
}
