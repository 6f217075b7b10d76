package filter

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// compareText compares as the operator asks, exactly as it is written.
func compareText(v, want string, op Op) bool {
	switch op {
	case Equal:
		return v == want
	case Contains:
		return strings.Contains(v, want)
	case StartsWith:
		return strings.HasPrefix(v, want)
	case EndsWith:
		return strings.HasSuffix(v, want)
	default:
		return ordered(strings.Compare(v, want), op)
	}
}

// compareFolded compares v in lower case with want, which is in lower case already. Each person is matched against each rule,
// so that values of usual length are lowered on the stack.
func compareFolded(v string, want []byte, op Op) bool {
	var stack [128]byte
	lower := appendLower(stack[:0], v)
	switch op {
	case Equal:
		return bytes.Equal(lower, want)
	case Contains:
		return bytes.Contains(lower, want)
	case StartsWith:
		return bytes.HasPrefix(lower, want)
	case EndsWith:
		return bytes.HasSuffix(lower, want)
	default:
		return ordered(bytes.Compare(lower, want), op)
	}
}

// appendLower appends what strings.ToLower gives.
func appendLower(out []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			for _, r := range s[i:] {
				out = utf8.AppendRune(out, unicode.ToLower(r))
			}
			return out
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}
