package mapping

import (
	"math"
	"time"
)

var datetimeFunctions = map[string]function{
	"datetime.format": {least: 2, most: 3, takes: []Type{DateTime, String, String}, gives: String, check: checkLayout, apply: formatTime},
	"datetime.parse": {least: 1, most: 2, takes: []Type{String, String}, gives: DateTime, check: checkLayout, apply: func(a []any) (any, error) {
		if !has(a[0]) {
			return nil, nil //nolint:nilnil // no value
		}
		if len(a) == 1 {
			return readTime(a[0])
		}
		parts, err := layout(asText(a[1]))
		if err != nil {
			return nil, err
		}
		t, ok := read(asText(a[0]), parts)
		if !ok {
			return nil, refuse("the text is not a time of this pattern")
		}
		return inRange(t)
	}},
	"datetime.addDays": onTime(2, DateTime, func(t time.Time, a []any) (any, error) {
		n, ok := a[0].(float64)
		if !ok {
			return nil, refuse("the number of days must be a number")
		}
		const most = 9999 * 366 // whatever is beyond is out of range all the same
		return inRange(t.AddDate(0, 0, int(min(max(n, -most), most))))
	}),
	"datetime.addHours": onTime(2, DateTime, func(t time.Time, a []any) (any, error) {
		n, ok := a[0].(float64)
		if !ok {
			return nil, refuse("the number of hours must be a number")
		}
		if math.Abs(n) > 100*366*24 {
			return nil, refuse("the number of hours is larger than a hundred years; use addDays")
		}
		return inRange(t.Add(time.Duration(n * float64(time.Hour))))
	}),
	"datetime.year":         onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.Year()), nil }),
	"datetime.month":        onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.Month()), nil }),
	"datetime.day":          onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.Day()), nil }),
	"datetime.toEpochMilli": onTime(1, Number, func(t time.Time, _ []any) (any, error) { return float64(t.UnixMilli()), nil }),
}

// onTime makes a function of a time, and further arguments that are numbers.
func onTime(least int, gives Type, apply func(t time.Time, args []any) (any, error)) function {
	return function{least: least, most: least, takes: []Type{DateTime, Number}, gives: gives, apply: func(args []any) (any, error) {
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
	parts, err := layout(asText(a[1]))
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
	return bounded(write(t, parts))
}

func checkLayout(i int, literal any) error {
	pattern, ok := literal.(string)
	if i != 1 || !ok {
		return nil
	}
	_, err := layout(pattern)
	return err
}

// inRange keeps to the years that RFC 3339 can write.
func inRange(t time.Time) (any, error) {
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, refuse("the time is not between the years 1 and 9999")
	}
	return t, nil
}
