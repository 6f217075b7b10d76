package mapping

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// Bounds on patterns. RE2 needs at most one step for each character of the text and each instruction of the pattern.
const (
	maxPattern      = 1000 // characters
	maxInstructions = 2000 // a repetition such as x{1000} has many
	maxPatterns     = 256  // that are kept compiled
	maxSteps        = 40e6 // of one person; about a second at worst
)

// pattern is a compiled regular expression.
type pattern struct {
	*regexp.Regexp

	instructions uint64
	reach        int // how many characters after a match can be looked at before it is known; -1 = all
}

// patterns keeps what was compiled, for most expressions have the same pattern for everybody. Patterns can come from people's
// data too, so it starts anew when it is full.
var patterns struct {
	sync.RWMutex

	compiled map[string]*pattern
}

func compilePattern(text string) (*pattern, error) {
	patterns.RLock()
	re := patterns.compiled[text]
	patterns.RUnlock()
	if re != nil {
		return re, nil
	}
	re, err := newPattern(text)
	if err != nil {
		return nil, err
	}
	patterns.Lock()
	defer patterns.Unlock()
	if patterns.compiled == nil || len(patterns.compiled) >= maxPatterns {
		patterns.compiled = make(map[string]*pattern, maxPatterns)
	}
	patterns.compiled[text] = re
	return re, nil
}

func newPattern(text string) (*pattern, error) {
	if len(text) > maxPattern+len(wholeText("")) {
		return nil, refuse("the pattern is longer than %d characters", maxPattern)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, unreadable(err)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxInstructions {
		return nil, refuse("the pattern repeats too much; simplify it")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, unreadable(err)
	}
	return &pattern{re, uint64(len(program.Inst)), reach(tree.Simplify())}, nil
}

// wholeText is the pattern that matches nothing but the whole text.
func wholeText(pattern string) string { return `\A(?:` + pattern + `)\z` }

// unreadable helps who brings a pattern from Java or Perl.
func unreadable(err error) error {
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return refuse("the pattern is not a regular expression (RE2 syntax)")
	}
	for _, look := range [...]string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(wrong.Expr, look) {
			return refuse("%s is not supported: patterns are RE2; take a group out with #regex.replaceFirst(text, '.*@([^.]+).*', '$1')", look)
		}
	}
	shown := strings.ToValidUTF8(wrong.Expr[:min(len(wrong.Expr), 40)], "")
	switch {
	case wrong.Code == syntax.ErrInvalidEscape && len(shown) == 2 && shown[1] >= '1' && shown[1] <= '9':
		return refuse("%s is not supported: patterns are RE2, without back-references", shown)
	case wrong.Code == syntax.ErrLarge || wrong.Code == syntax.ErrNestingDepth || wrong.Code == syntax.ErrInvalidRepeatSize:
		return refuse("the pattern repeats too much; simplify it")
	default:
		return refuse("the pattern is not a regular expression (RE2 syntax): %s at %q", wrong.Code, shown)
	}
}

// reach finds the patterns whose matches are known after few characters. For others, each of many searches can take the whole text.
func reach(tree *syntax.Regexp) int {
	switch tree.Op {
	case syntax.OpLiteral:
		return len(tree.Rune)
	case syntax.OpCapture, syntax.OpQuest:
		return reach(tree.Sub[0])
	case syntax.OpPlus, syntax.OpStar:
		switch sub := tree.Sub[0]; sub.Op {
		case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL: // ends at the first character that does not fit
			return 1
		case syntax.OpLiteral:
			if len(sub.Rune) == 1 {
				return 1
			}
		}
		return -1
	case syntax.OpConcat:
		return sumReach(tree.Sub)
	case syntax.OpAlternate:
		most := 0
		for _, sub := range tree.Sub {
			n := reach(sub)
			if n < 0 || unbounded(sub) {
				return -1
			}
			most = max(most, n)
		}
		return most
	default: // one character, or a place between two
		return 1
	}
}

// sumReach takes a part that can be of any length only at the end, where nothing that follows can fail.
func sumReach(parts []*syntax.Regexp) int {
	sum := 0
	for i, part := range parts {
		n := reach(part)
		if n < 0 || (i < len(parts)-1 && unbounded(part)) {
			return -1
		}
		sum += n
	}
	return sum
}

func unbounded(tree *syntax.Regexp) bool {
	return tree.Op == syntax.OpPlus || tree.Op == syntax.OpStar || slices.ContainsFunc(tree.Sub, unbounded)
}
