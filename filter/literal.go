package filter

import (
	"encoding/json"
	"strconv"
	"strings"
)

// literal takes a JSON literal, or text in single quotes.
func (p *parser) literal() (any, error) {
	switch {
	case p.at >= len(p.in):
		return nil, p.fail("a value is missing after the operator")
	case p.in[p.at] == '"' || p.in[p.at] == '\'':
		return p.text(p.in[p.at])
	case p.word("true"):
		return true, nil
	case p.word("false"):
		return false, nil
	case p.word("null"):
		return nil, nil //nolint:nilnil // null is a literal
	}
	start := p.at
	for p.at < len(p.in) && (p.in[p.at] >= '0' && p.in[p.at] <= '9' || strings.IndexByte("+-.eE", p.in[p.at]) >= 0) {
		p.at++
	}
	raw := p.in[start:p.at]
	if f, err := strconv.ParseFloat(raw, 64); err == nil && json.Valid([]byte(raw)) && (p.at == len(p.in) || !nameByte(p.in[p.at])) {
		return f, nil
	}
	p.at = start
	return nil, p.fail("expected a value: text in double quotes, a number, true, false or null")
}

// text takes a string. Double quotes hold a JSON string; single quotes take \' and \\ and everything else as it stands.
func (p *parser) text(quote byte) (any, error) {
	start := p.at
	for p.at++; p.at < len(p.in); p.at++ {
		switch p.in[p.at] {
		case '\\':
			p.at++
		case quote:
			p.at++
			return p.unquote(p.in[start:p.at], start)
		}
	}
	return nil, p.failAt(start, "this text is never closed; add a quote")
}

func (p *parser) unquote(raw string, start int) (any, error) {
	var s string
	if raw[0] == '\'' {
		s = strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(raw[1 : len(raw)-1])
	} else if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return nil, p.failAt(start, "this text is not a valid JSON string; escape quotes, backslashes and control characters")
	}
	if strings.IndexByte(s, 0) >= 0 { // in the text itself: "\\u0000" is a backslash and a word, and harmless
		return nil, p.failAt(start, "this text contains a NUL character, which no attribute can have")
	}
	return s, nil
}
