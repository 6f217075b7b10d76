package mapping

import (
	"regexp"
	"strings"
	"sync"
)

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

// patterns keeps what was compiled, for most expressions have the same pattern for everybody. Patterns can come from people's
// data too, so it starts anew when it is full.
var patterns struct {
	sync.RWMutex

	compiled map[string]*regexp.Regexp
}

const maxPatterns = 256

func compilePattern(pattern string) (*regexp.Regexp, error) {
	patterns.RLock()
	re := patterns.compiled[pattern]
	patterns.RUnlock()
	if re != nil {
		return re, nil
	}
	if len(pattern) > 1000 {
		return nil, refuse("the pattern is longer than 1000 characters")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, refuse("the pattern is not a regular expression (RE2 syntax)")
	}
	patterns.Lock()
	defer patterns.Unlock()
	if patterns.compiled == nil || len(patterns.compiled) >= maxPatterns {
		patterns.compiled = make(map[string]*regexp.Regexp, maxPatterns)
	}
	patterns.compiled[pattern] = re
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
		return expand(re, s, asText(a[1]), n)
	})
	fn.check = checkPattern
	return fn
}

// expand is regexp's ReplaceAllString, which stops when the result gets too large.
func expand(re *regexp.Regexp, s, with string, n int) (any, error) {
	var out []byte
	groups := strings.Count(with, "$")
	last := 0
	for _, at := range re.FindAllStringSubmatchIndex(s, n) {
		out = append(out, s[last:at[0]]...)
		if most := len(with) + groups*(at[1]-at[0]); len(out)+most > 16*maxResult { // what it could be; it is measured below
			return nil, errTooLarge()
		}
		out = re.ExpandString(out, with, s, at)
		if len(out) > maxResult {
			return nil, errTooLarge()
		}
		last = at[1]
	}
	return bounded(string(append(out, s[last:]...)))
}
