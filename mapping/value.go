package mapping

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Values are nil for no value, string, float64, bool, time.Time, []any and map[string]any.

// has says whether there is something: empty text and an empty list are no value.
func has(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	default:
		return true
	}
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "no value"
	case string:
		return String.String()
	case bool:
		return Boolean.String()
	case float64:
		return Number.String()
	case time.Time:
		return DateTime.String()
	case []any:
		return List.String()
	default:
		return "an object"
	}
}

// millis is how times read, as PingOne writes them: in UTC, with milliseconds.
const millis = "2006-01-02T15:04:05.000Z07:00"

// scalarText is how a value reads; a list or an object has no text of its own.
func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return numberText(v)
	case time.Time:
		return v.UTC().Format(millis)
	default:
		return ""
	}
}

// numberText writes no exponent where people would not.
func numberText(n float64) string {
	switch size := math.Abs(n); {
	case n == 0:
		return "0" // not -0
	case size >= 1e-6 && size < 1e21:
		return strconv.FormatFloat(n, 'f', -1, 64)
	default:
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
}

// textOf is the text of a value where it becomes part of a longer one. What has no text a person would write is refused.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case []any:
		return joinText(v, ", ")
	case map[string]any:
		return "", refuse("an object cannot be joined with text; name one of its parts")
	default:
		return scalarText(v), nil
	}
}

// joinText leaves out parts without a value, and stops before the text is too long.
func joinText(parts []any, separator string) (string, error) {
	var b strings.Builder
	first := true
	for _, v := range parts {
		if !has(v) {
			continue
		}
		if !first {
			b.WriteString(separator)
		}
		first = false
		s, err := textOf(v)
		if err != nil {
			return "", err
		}
		if b.Len()+len(s) > maxResult {
			return "", errTooLarge()
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// equal compares as the values are. Text with a number or a flag compares by its text, text with a time by the time it is.
func equal(x, y any) bool {
	if !has(x) || !has(y) {
		return !has(x) && !has(y)
	}
	_, isTime := x.(time.Time)
	_, areTimes := y.(time.Time)
	if isTime || areTimes {
		t, ok := readTime(x)
		u, fine := readTime(y)
		return ok && fine && t.Equal(u)
	}
	return key(x) == key(y)
}

// size is about how many bytes a value takes.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		n := 0
		for _, e := range v {
			n += size(e) + 1
		}
		return n
	case map[string]any:
		n := 0
		for k, e := range v {
			n += len(k) + size(e) + 1
		}
		return n
	default:
		return 8
	}
}
