package mapping

import (
	"fmt"
	"strings"

	"lockstep/internal/nearest"
)

type parser struct {
	tokens []token
	at     int
	depth  int
}

func parse(src string) (node, error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	if p.peek().kind == tokenEnd {
		return nil, &ExpressionError{Offset: 0, Message: "the expression is empty; write one such as name.given + ' ' + name.family"}
	}
	n, err := p.ternary()
	if err != nil {
		return nil, err
	}
	if p.peek().kind == tokenEnd {
		return n, nil
	}
	if m, ok := n.(memberNode); ok && p.peek().text == "(" && p.peek().kind == tokenSign {
		return nil, &ExpressionError{Offset: m.offset(), Message: noMethods(m.name)}
	}
	if name, ok := n.(nameNode); ok && name.name == "new" {
		return nil, &ExpressionError{Offset: name.offset(), Message: "write the list alone, such as {1, 2}"}
	}
	return nil, p.unexpected("an operator or the end of the expression")
}

// noMethods helps who knows SpEL or Java: name.given.toUpperCase().
func noMethods(name string) string {
	var known []string
	for _, f := range sortedFunctions() {
		_, short, _ := strings.Cut(f, ".")
		known = append(known, short)
	}
	if near := nearest.Name(name, known); near != "" {
		for _, f := range sortedFunctions() {
			if strings.HasSuffix(f, "."+near) {
				return fmt.Sprintf("values have no methods; write #%s(...) around the value", f)
			}
		}
	}
	return "values have no methods; use a function such as #string.trim(...)"
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) unexpected(expected string) error {
	t := p.peek()
	if t.kind == tokenEnd {
		return &ExpressionError{Offset: t.at, Message: "the expression ends here, but " + expected + " is expected"}
	}
	return &ExpressionError{Offset: t.at, Message: "expected " + expected}
}

// sign takes an operator, by sign or by word, if it is one of those given.
func (p *parser) sign(any ...string) (token, bool) {
	t := p.peek()
	text := t.text
	switch t.kind {
	case tokenName:
		text = words[strings.ToLower(text)] // in any case, as in SpEL
	case tokenSign:
	default:
		return t, false
	}
	for _, s := range any {
		if text == s {
			t.text = s
			p.next()
			return t, true
		}
	}
	return t, false
}

func (p *parser) expect(sign string) error {
	if _, ok := p.sign(sign); !ok {
		return p.unexpected(fmt.Sprintf("%q", sign))
	}
	return nil
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return &ExpressionError{Offset: p.peek().at, Message: fmt.Sprintf("the expression is nested deeper than %d; simplify it", maxDepth)}
	}
	return nil
}

func (p *parser) ternary() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	x, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if t, ok := p.sign("?:"); ok {
		otherwise, err := p.ternary()
		return elvisNode{pos(t.at), x, otherwise}, err
	}
	t, ok := p.sign("?")
	if !ok {
		return x, nil
	}
	yes, err := p.ternary()
	if err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	no, err := p.ternary()
	return ternaryNode{pos(t.at), x, yes, no}, err
}

// binding lists the binary operators, weakest first.
var binding = [][]string{{"||"}, {"&&"}, {"==", "!=", "matches"}, {"<", "<=", ">", ">="}, {"+", "-"}, {"*", "/", "%"}, {"^"}}

func (p *parser) binary(level int) (node, error) {
	if level == len(binding) {
		return p.unary()
	}
	x, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		t, ok := p.sign(binding[level]...)
		if !ok {
			return x, nil
		}
		if n > maxElements {
			return nil, &ExpressionError{Offset: t.at, Message: fmt.Sprintf("more than %d parts; simplify the expression", maxElements)}
		}
		y, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		x = binaryNode{pos(t.at), t.text, x, y}
	}
}

func (p *parser) unary() (node, error) {
	t, ok := p.sign("!", "-")
	if !ok {
		return p.postfix()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	x, err := p.unary()
	return unaryNode{pos(t.at), t.text, x}, err
}

func (p *parser) postfix() (node, error) {
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		if n > maxDepth {
			return nil, p.unexpected("fewer accesses in a row")
		}
		if t, ok := p.sign(".", "?."); ok {
			name := p.next()
			if name.kind != tokenName {
				p.at--
				return nil, p.unexpected("the name of an attribute after \".\"")
			}
			x = memberNode{pos(t.at), x, name.text}
			continue
		}
		t, ok := p.sign("[", ".![", ".?[", ".^[", ".$[")
		if !ok {
			return x, nil
		}
		inner, err := p.ternary()
		if err != nil {
			return nil, err
		}
		if err := p.expect("]"); err != nil {
			return nil, err
		}
		if t.text == "[" {
			x = indexNode{pos(t.at), x, inner}
		} else {
			x = eachNode{pos(t.at), t.text[1], x, inner}
		}
	}
}

func (p *parser) primary() (node, error) {
	t := p.next()
	switch t.kind {
	case tokenText:
		return literalNode{pos(t.at), t.text}, nil
	case tokenNumber:
		return literalNode{pos(t.at), t.number}, nil
	case tokenName:
		switch word := strings.ToLower(t.text); word {
		case "true", "false":
			return literalNode{pos(t.at), word == "true"}, nil
		case "null":
			return literalNode{pos(t.at), nil}, nil
		}
		return nameNode{pos(t.at), t.text}, nil
	case tokenSign:
		switch t.text {
		case "(":
			x, err := p.ternary()
			if err != nil {
				return nil, err
			}
			return x, p.expect(")")
		case "{":
			return p.collection(t)
		case "#":
			return p.hash(t)
		}
	}
	if t.kind == tokenSign && t.text == "[" {
		return nil, &ExpressionError{Offset: t.at, Message: "lists stand in braces, such as {1, 2}"}
	}
	p.at = max(p.at-1, 0)
	if t.kind == tokenEnd {
		p.at = len(p.tokens) - 1
	}
	return nil, p.unexpected("a value: an attribute, text in quotes, a number or a function")
}

// hash reads #root and #family.function(...).
func (p *parser) hash(start token) (node, error) {
	family := p.next()
	if family.kind != tokenName {
		p.at--
		return nil, p.unexpected("\"root\" or a function family after \"#\", such as #string")
	}
	switch family.text {
	case "root", "user":
		return rootNode{pos(start.at)}, nil
	case "this":
		return thisNode{pos(start.at)}, nil
	}
	if err := p.expect("."); err != nil {
		return nil, err
	}
	name := p.next()
	if name.kind != tokenName {
		p.at--
		return nil, p.unexpected("the name of a function")
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	args, err := p.elements(")")
	return callNode{pos(start.at), family.text + "." + name.text, args}, err
}
