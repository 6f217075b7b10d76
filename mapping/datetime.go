package mapping

import (
	"math"
	"time"
)

var (
	oneTime       = []Type{DateTime}
	timeAndNumber = []Type{DateTime, Number}
)

// Text that is no time gives no value, as in PingOne. There is no clock: what a person gets must not change by itself.
var datetimeFunctions = map[string]function{
	"datetime.addSeconds": added(func(t time.Time, n int) time.Time { return t.Add(time.Duration(n) * time.Second) }),
	"datetime.addMinutes": added(func(t time.Time, n int) time.Time { return addSeconds(t, n, 60) }),
	"datetime.addHours":   added(func(t time.Time, n int) time.Time { return addSeconds(t, n, 3600) }),
	"datetime.addDays":    added(func(t time.Time, n int) time.Time { return t.AddDate(0, 0, max(min(n, maxDays), -maxDays)) }),
	"datetime.addMonths":  added(addMonths),
	"datetime.addYears":   added(func(t time.Time, n int) time.Time { return addMonths(t, max(min(n, 10_000), -10_000)*12) }),

	"datetime.getYear":       got(time.Time.Year),
	"datetime.getMonth":      got(func(t time.Time) int { return int(t.Month()) }),
	"datetime.getDayOfMonth": got(time.Time.Day),
	"datetime.getHour":       got(time.Time.Hour),
	"datetime.getMinute":     got(time.Time.Minute),
	"datetime.getSecond":     got(time.Time.Second),

	"datetime.toDateTime": {
		params: "year, month, day, hour, minute, second", takes: []Type{Number, Number, Number, Number, Number, Number}, gives: DateTime, apply: toDateTime,
	},
	"datetime.toDate": written(func(t time.Time) any { return t.Format("2006-01-02Z07:00") }),
	"datetime.toTime": written(func(t time.Time) any { return t.Format("15:04:05.999Z07:00") }),
	"datetime.toUnixTimestamp": {params: "time", takes: oneTime, gives: Number, apply: func(c *call) any {
		return c.onTime(func(t time.Time) any { return float64(t.Unix()) })
	}},
	"datetime.fromUnixTimestamp": {params: "seconds", takes: []Type{Number}, gives: DateTime, apply: func(c *call) any {
		return inRange(time.Unix(int64(max(min(c.number(0, 0), 1e12), -1e12)), 0).UTC())
	}},
	"datetime.format": {params: "time, pattern", takes: []Type{DateTime, String}, gives: String, check: checkLayout, apply: func(c *call) any {
		return c.onTime(func(t time.Time) any { return c.write(t, c.text(1)) })
	}},
	"datetime.toDateTimeInTimezone": {
		params: "time, zone, [pattern]", takes: []Type{DateTime, String, String}, gives: String, check: checkZoneAndLayout, apply: toDateTimeInTimezone,
	},
	"datetime.parse": {params: "text, [pattern], [options]", takes: []Type{String, String, Map}, gives: DateTime, check: checkDateLayout, apply: parseTime},
}

const maxDays = 9999 * 366 // whatever is beyond is out of range all the same

// onTime answers no value when the first argument is no time.
func (c *call) onTime(f func(time.Time) any) any {
	t, ok := readTime(c.args[0])
	if !ok {
		return nil
	}
	return f(t)
}

// added makes a function that moves a time by a whole number of something.
func added(move func(time.Time, int) time.Time) function {
	return function{params: "time, number", takes: timeAndNumber, gives: DateTime, apply: func(c *call) any {
		return c.onTime(func(t time.Time) any { return inRange(move(t, c.whole(1, 0))) })
	}}
}

// got makes a function that gives a part of a time, and -1 where there is none.
func got(part func(time.Time) int) function {
	return function{params: "time", takes: oneTime, gives: Number, empty: -1.0, apply: func(c *call) any {
		t, ok := readTime(c.args[0])
		if !ok {
			return -1.0
		}
		return float64(part(t))
	}}
}

func written(f func(time.Time) any) function {
	return function{params: "time", takes: oneTime, gives: String, apply: func(c *call) any { return c.onTime(f) }}
}

// addSeconds does not overflow a Duration, which ends after 292 years.
func addSeconds(t time.Time, n, seconds int) time.Time {
	return time.Unix(t.Unix()+int64(n)*int64(seconds), int64(t.Nanosecond())).UTC()
}

// addMonths keeps to the month: a month after the 31st of January is the last of February.
func addMonths(t time.Time, n int) time.Time {
	n = max(min(n, 120_000), -120_000)
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return first.AddDate(0, 0, min(t.Day(), first.AddDate(0, 1, -1).Day())-1)
}

func toDateTime(c *call) any {
	var n [6]int
	for i := range n {
		if c.value(i) == nil {
			return nil
		}
		n[i] = c.whole(i, 0)
	}
	if t, ok := exactly(n[0], n[1], n[2], n[3], n[4], n[5], 0, time.UTC); ok {
		return inRange(t)
	}
	return nil
}

// exactly answers a time if there is one with these parts: not the 30th of February.
func exactly(year, month, day, hour, minute, second, nano int, zone *time.Location) (time.Time, bool) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nano, zone)
	return t.UTC(), t.Day() == day
}

// readTime takes a time, ISO 8601 text, or a date; without an offset they are in UTC.
func readTime(v any) (time.Time, bool) {
	if t, ok := v.(time.Time); ok {
		return t.UTC(), true
	}
	s, _ := v.(string)
	if len(s) < len(time.DateOnly) || len(s) > 40 {
		return time.Time{}, false
	}
	for _, form := range [...]string{
		time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05", time.DateOnly,
		"2006-01-02Z07:00", "2006-01-02Z0700", "2006-01-02Z07",
	} {
		if t, err := time.Parse(form, s); err == nil {
			t = t.UTC()
			return t, inRange(t) != nil
		}
	}
	return time.Time{}, false
}

// inRange keeps to the years that RFC 3339 can write; beyond them there is no value.
func inRange(t time.Time) any {
	if t.Year() < 1 || t.Year() > 9999 {
		return nil
	}
	return t
}

func toDateTimeInTimezone(c *call) any {
	pattern := "yyyy-MM-dd'T'HH:mm:ss.SSSZ"
	if has(c.value(2)) {
		pattern = c.text(2)
	}
	at, err := zone(c.text(1))
	if err != nil {
		return c.fail(err)
	}
	return c.onTime(func(t time.Time) any { return c.write(t.In(at), pattern) })
}

func (c *call) write(t time.Time, pattern string) any {
	parts, err := layout(pattern)
	if err != nil {
		return c.fail(err)
	}
	return c.bounded(write(t, parts))
}

// parseTime(text, pattern, {'zoneid': zone}): the zone counts when the text says none. Without a pattern the text is ISO 8601.
func parseTime(c *call) any {
	if !has(c.value(1)) {
		return c.onTime(func(t time.Time) any { return t })
	}
	parts, err := layout(c.text(1))
	if err != nil {
		return c.fail(err)
	}
	at := time.UTC
	if options, ok := c.value(2).(map[string]any); ok && has(options["zoneid"]) {
		name, _ := options["zoneid"].(string)
		if at, err = zone(name); err != nil {
			return c.fail(err)
		}
	}
	t, ok := read(c.text(0), parts, at)
	if !ok {
		return nil
	}
	return inRange(t)
}

func checkLayout(i int, literal any) error {
	pattern, ok := literal.(string)
	if i != 1 || !ok {
		return nil
	}
	_, err := layout(pattern)
	return err
}

func checkZoneAndLayout(i int, literal any) error {
	if name, ok := literal.(string); ok && i == 1 {
		_, err := zone(name)
		return err
	}
	return checkLayout(i-1, literal)
}

// checkDateLayout finds a pattern that can never give a time, for it has no date.
func checkDateLayout(i int, literal any) error {
	pattern, ok := literal.(string)
	if i != 1 || !ok {
		return nil
	}
	parts, err := layout(pattern)
	if err == nil && !namesDate(parts) {
		return refuse("the pattern needs a year, a month and a day, such as yyyy-MM-dd")
	}
	return err
}

// floorDay is the number of the day since 1970.
func floorDay(t time.Time) int { return int(math.Floor(float64(t.Unix()) / 86400)) }
