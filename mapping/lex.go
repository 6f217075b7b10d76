package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenText
	tokenNumber
	tokenSign // operators and brackets
)

type token struct {
	kind   tokenKind
	text   string // of a text: its value
	number float64
	at     int
}

// signs, longest first.
var signs = []string{
	".![", ".?[", ".^[", ".$[", "?:", "?.", "==", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "%", "^", "<", ">", "!", "?", ":", "(", ")", "[", "]", "{", "}", ",", ".", "#",
}

// words are the operators that PingOne also spells as words.
var words = map[string]string{
	"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&&", "or": "||", "not": "!", "div": "/", "mod": "%",
	"matches": "matches",
}

// instead says what to write for characters that people bring along from elsewhere.
var instead = map[rune]string{
	'=': "; write == to compare", '&': "; write && for and", '|': "; write || for or",
	'‘': "; write '", '’': "; write '", '“': `; write "`, '”': `; write "`, '`': "; write '", '$': "; write the attribute's name alone",
}

func lex(src string) ([]token, error) {
	if !utf8.ValidString(src) {
		return nil, &ExpressionError{Offset: 0, Message: "the expression is not valid UTF-8"}
	}
	var out []token
	for at := 0; at < len(src); {
		r, width := utf8.DecodeRuneInString(src[at:])
		switch {
		case unicode.IsSpace(r):
			at += width
			continue
		case r == '\'' || r == '"':
			value, end, err := lexText(src, at)
			if err != nil {
				return nil, err
			}
			out = append(out, token{kind: tokenText, text: value, at: at})
			at = end
			continue
		case r >= '0' && r <= '9':
			n, end, err := lexNumber(src, at)
			if err != nil {
				return nil, err
			}
			out = append(out, token{kind: tokenNumber, number: n, text: src[at:end], at: at})
			at = end
			continue
		case r == '_' || unicode.IsLetter(r):
			end := at
			for end < len(src) {
				r, w := utf8.DecodeRuneInString(src[end:])
				if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
					break
				}
				end += w
			}
			out = append(out, token{kind: tokenName, text: src[at:end], at: at})
			at = end
			continue
		}
		sign := ""
		for _, s := range signs {
			if strings.HasPrefix(src[at:], s) {
				sign = s
				break
			}
		}
		if sign == "" {
			return nil, &ExpressionError{Offset: at, Message: fmt.Sprintf("the character %q has no meaning here%s", r, instead[r])}
		}
		out = append(out, token{kind: tokenSign, text: sign, at: at})
		at += len(sign)
	}
	return append(out, token{kind: tokenEnd, at: len(src)}), nil
}

// lexText reads a text. A doubled quote stands for one, and nothing else is special, as in SpEL: a pattern such as '\d+' needs no
// further backslash.
func lexText(src string, start int) (string, int, error) {
	quote := src[start]
	var b strings.Builder
	for at := start + 1; at < len(src); at++ {
		switch {
		case src[at] == quote && at+1 < len(src) && src[at+1] == quote:
			b.WriteByte(quote)
			at++
		case src[at] == quote:
			return b.String(), at + 1, nil
		default:
			b.WriteByte(src[at])
		}
	}
	message := "this text is never closed; add a quote"
	if strings.Contains(src, `\`+string(quote)) {
		message = fmt.Sprintf("this text is never closed; write %c%c for a quote inside it", quote, quote)
	}
	return "", 0, &ExpressionError{Offset: start, Message: message}
}

// lexNumber reads 1, 8.57, 1e9 and Java's 34533535454345L.
func lexNumber(src string, start int) (float64, int, error) {
	end := start
	digits := func() {
		for end < len(src) && src[end] >= '0' && src[end] <= '9' {
			end++
		}
	}
	follows := func(signs string) bool {
		return end+1 < len(src) && strings.IndexByte(signs, src[end]) >= 0 && src[end+1] >= '0' && src[end+1] <= '9'
	}
	digits()
	if follows(".") {
		end++
		digits()
	}
	if follows("eE") || (end+1 < len(src) && (src[end] == 'e' || src[end] == 'E') && (src[end+1] == '-' || src[end+1] == '+')) {
		end += 2
		digits()
	}
	n, err := strconv.ParseFloat(src[start:end], 64)
	if end < len(src) && strings.IndexByte("lLdDfF", src[end]) >= 0 {
		end++
	}
	if err != nil || (end < len(src) && (src[end] == '_' || src[end] == '.' && follows(".") || isLetter(src[end:]))) {
		return 0, 0, &ExpressionError{Offset: start, Message: "this is not a number"}
	}
	return n, end, nil
}

func isLetter(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r)
}
