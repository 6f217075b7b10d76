package mapping

import (
	"strings"
	"time"
)

var datetimeFunctions = map[string]function{
	"datetime.format": {least: 2, most: 3, takes: []Type{Any, String, String}, gives: String, check: checkLayout, apply: formatTime},
	"datetime.parse": {least: 1, most: 2, takes: []Type{String, String}, gives: DateTime, check: checkLayout, apply: func(a []any) (any, error) {
		if !has(a[0]) {
			return nil, nil //nolint:nilnil // no value
		}
		if len(a) == 1 {
			return readTime(a[0])
		}
		layout, err := goLayout(asText(a[1]))
		if err != nil {
			return nil, err
		}
		t, err := time.Parse(layout, asText(a[0]))
		if err != nil {
			return nil, refuse("the text is not a time of this pattern")
		}
		return t, nil
	}},
	"datetime.addDays": onTime(2, DateTime, func(t time.Time, a []any) (any, error) {
		n, ok := a[0].(float64)
		if !ok {
			return nil, refuse("the number of days must be a number")
		}
		return t.AddDate(0, 0, int(n)), nil
	}),
	"datetime.addHours": onTime(2, DateTime, func(t time.Time, a []any) (any, error) {
		n, ok := a[0].(float64)
		if !ok {
			return nil, refuse("the number of hours must be a number")
		}
		return t.Add(time.Duration(n * float64(time.Hour))), nil
	}),
	"datetime.year":         onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.Year()), nil }),
	"datetime.month":        onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.Month()), nil }),
	"datetime.day":          onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.Day()), nil }),
	"datetime.toEpochMilli": onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.UnixMilli()), nil }),
}

func onTime(least int, gives Type, apply func(t time.Time, args []any) (any, error)) function {
	return function{least: least, most: least, gives: gives, apply: func(args []any) (any, error) {
		if !has(args[0]) {
			return nil, nil //nolint:nilnil // no value
		}
		t, err := readTime(args[0])
		if err != nil {
			return nil, err
		}
		return apply(t, args[1:])
	}}
}

// readTime takes a time, RFC 3339 text, or a date.
func readTime(v any) (time.Time, error) {
	if t, ok := v.(time.Time); ok {
		return t.UTC(), nil
	}
	s, _ := v.(string)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, refuse("the value is not a time such as 2026-11-25T08:00:00Z or 2026-11-25")
}

// formatTime(value, pattern, offset): the offset is one such as +01:00; without it times are in UTC.
func formatTime(a []any) (any, error) {
	if !has(a[0]) {
		return nil, nil //nolint:nilnil // no value
	}
	t, err := readTime(a[0])
	if err != nil {
		return nil, err
	}
	layout, err := goLayout(asText(a[1]))
	if err != nil {
		return nil, err
	}
	if len(a) == 3 {
		offset, err := time.Parse("-07:00", asText(a[2]))
		if err != nil {
			return nil, refuse("the offset must be one such as +01:00")
		}
		t = t.In(offset.Location())
	}
	return t.Format(layout), nil
}

func checkLayout(i int, literal any) error {
	pattern, ok := literal.(string)
	if i != 1 || !ok {
		return nil
	}
	_, err := goLayout(pattern)
	return err
}

// javaPatterns are the letters of Java's date patterns that people use, and what Go calls them.
var javaPatterns = map[string]string{
	"yyyy": "2006", "yy": "06", "uuuu": "2006", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2",
	"EEEE": "Monday", "EEE": "Mon", "E": "Mon", "HH": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5",
	"SSS": "000", "a": "PM", "XXX": "Z07:00", "Z": "-0700",
}

// goLayout translates a Java pattern. Text stands in single quotes.
func goLayout(pattern string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", refuse("the pattern has a quote that is never closed")
			}
			if end == 0 {
				b.WriteByte('\'')
			}
			b.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			end := i
			for end < len(pattern) && pattern[end] == c {
				end++
			}
			layout, ok := javaPatterns[pattern[i:end]]
			if !ok {
				return "", refuse("the pattern letters %q are not supported", pattern[i:end])
			}
			if layout == "000" && !strings.HasSuffix(b.String(), ".") && !strings.HasSuffix(b.String(), ",") {
				return "", refuse("SSS must follow a dot, as in ss.SSS")
			}
			b.WriteString(layout)
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}
