package filter

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Parse reads a filter. Errors are *SyntaxError. What it accepts it accepts again as String writes it.
func Parse(s string) (*Filter, error) {
	f, err := parse(s)
	if err != nil {
		return nil, err
	}
	if canonical := f.String(); canonical != s { // can be longer, and deeper by a bracket
		var wrong *SyntaxError
		if _, err := parse(canonical); errors.As(err, &wrong) {
			return nil, &SyntaxError{Message: "written out in full, " + wrong.Message}
		}
	}
	return f, nil
}

func parse(s string) (*Filter, error) {
	if len(s) > MaxLength {
		return nil, &SyntaxError{Message: fmt.Sprintf("the filter is longer than %d characters; split it", MaxLength)}
	}
	if !utf8.ValidString(s) {
		return nil, &SyntaxError{Message: "the filter is not valid UTF-8"}
	}
	p := &parser{in: s}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at < len(p.in) {
		if p.in[p.at] == ')' || p.in[p.at] == ']' {
			return nil, p.fail("this bracket closes nothing; remove it")
		}
		return nil, p.fail("expected \"and\", \"or\" or the end of the filter")
	}
	return &Filter{Root: root}, nil
}

type parser struct {
	in         string
	at         int
	conditions int

	counted, count int // bytes, and the characters that they are
}

func (p *parser) fail(format string, args ...any) error { return p.failAt(p.at, format, args...) }

func (p *parser) failAt(at int, format string, args ...any) error {
	return failAt(p.characters(at), format, args...)
}

// characters is how people count what we count in bytes.
func (p *parser) characters(at int) int {
	if at < p.counted {
		return utf8.RuneCountInString(p.in[:at])
	}
	p.count += utf8.RuneCountInString(p.in[p.counted:at])
	p.counted = at
	return p.count
}

func failAt(offset int, format string, args ...any) error {
	return &SyntaxError{Offset: offset, Message: fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

// word takes a keyword if it stands here as a whole word.
func (p *parser) word(keyword string) bool {
	p.space()
	end := p.at + len(keyword)
	if end > len(p.in) || !strings.EqualFold(p.in[p.at:end], keyword) || (end < len(p.in) && nameByte(p.in[end])) {
		return false
	}
	p.at = end
	return true
}

func (p *parser) or(depth int) (Node, error) {
	return p.list(depth, "or", p.and, func(n []Node) Node { return Or{n} })
}

func (p *parser) and(depth int) (Node, error) {
	return p.list(depth, "and", p.term, func(n []Node) Node { return And{n} })
}

func (p *parser) list(depth int, word string, part func(int) (Node, error), join func([]Node) Node) (Node, error) {
	first, err := part(depth)
	if err != nil {
		return nil, err
	}
	nodes := []Node{first}
	for p.word(word) {
		next, err := part(depth)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, next)
	}
	if len(nodes) == 1 {
		return first, nil
	}
	return join(nodes), nil
}

func (p *parser) term(depth int) (Node, error) {
	p.space()
	if depth >= MaxDepth {
		return nil, p.fail("brackets are nested deeper than %d; simplify the filter", MaxDepth)
	}
	start := p.at
	if p.word("not") {
		p.space()
		if p.at < len(p.in) && p.in[p.at] == '(' {
			inner, err := p.group(depth)
			return Not{inner}, err
		}
		p.at = start // an attribute may be called "not"
		if name := p.name(); !strings.EqualFold(name, "not") || !p.operatorFollows() {
			p.at = start + len("not")
			return nil, p.fail("expected \"(\" after \"not\"")
		}
		p.at = start
	}
	if p.at < len(p.in) && p.in[p.at] == '(' {
		return p.group(depth)
	}
	return p.condition(depth)
}

func (p *parser) operatorFollows() bool {
	at := p.at
	defer func() { p.at = at }()
	p.space()
	_, ok := operators[strings.ToLower(p.name())]
	return ok
}

func (p *parser) group(depth int) (Node, error) {
	open := p.at
	p.at++
	inner, err := p.or(depth + 1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at >= len(p.in) || p.in[p.at] != ')' {
		return nil, p.failAt(open, "this bracket is never closed; add \")\"")
	}
	p.at++
	return inner, nil
}

var operators = map[string]Op{
	"eq": Equal, "ne": NotEqual, "co": Contains, "sw": StartsWith, "ew": EndsWith, "pr": Present,
	"gt": Greater, "ge": GreaterOrEqual, "lt": Less, "le": LessOrEqual,
}

func (p *parser) condition(depth int) (Node, error) {
	if p.conditions++; p.conditions > MaxConditions {
		return nil, p.fail("the filter has more than %d conditions; split it", MaxConditions)
	}
	start := p.at
	path := p.name()
	if path == "" {
		if p.at >= len(p.in) {
			return nil, p.fail("a condition is missing here, such as username eq \"anna\"")
		}
		return nil, p.fail("expected the name of an attribute")
	}
	if p.at < len(p.in) && p.in[p.at] == '[' {
		return p.valuePath(path, start, depth)
	}
	return p.compare(path, start)
}

func (p *parser) compare(path string, start int) (Node, error) {
	offset := p.characters(start)
	p.space()
	at := p.at
	word := p.name()
	op, ok := operators[strings.ToLower(word)]
	if !ok {
		return nil, p.failAt(at, "expected one of eq, ne, co, sw, ew, pr, gt, ge, lt, le after the attribute")
	}
	c := Compare{Path: path, Op: op, offset: offset}
	if op == Present {
		return c, nil
	}
	p.space()
	c.value = p.characters(p.at)
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	c.Value = value
	return c, nil
}

func (p *parser) valuePath(path string, start, depth int) (Node, error) {
	offset, open := p.characters(start), p.at
	p.at++
	inner, err := p.or(depth + 1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at >= len(p.in) || p.in[p.at] != ']' {
		return nil, p.failAt(open, "this bracket is never closed; add \"]\"")
	}
	p.at++
	if p.at >= len(p.in) || p.in[p.at] != '.' {
		return ValuePath{Path: path, Filter: inner, offset: offset}, nil
	}
	// emails[type eq "work"].value sw "a" asks the same of one element.
	p.at++
	sub := p.name()
	if sub == "" {
		return nil, p.fail("expected the name of a sub-attribute after \"].\"")
	}
	c, err := p.compare(sub, start)
	if err != nil {
		return nil, err
	}
	return ValuePath{Path: path, Filter: And{Nodes: append(Conjuncts(inner), c)}, offset: offset}, nil
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-$.:", c) >= 0
}

// name takes an attribute path, URN and dots included.
func (p *parser) name() string {
	start := p.at
	if p.at < len(p.in) && (p.in[p.at] >= '0' && p.in[p.at] <= '9' || strings.IndexByte("-.:", p.in[p.at]) >= 0) {
		return ""
	}
	for p.at < len(p.in) && nameByte(p.in[p.at]) {
		p.at++
	}
	return p.in[start:p.at]
}
