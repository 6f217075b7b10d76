package mapping

import (
	"fmt"
	"strings"
	"time"
)

// What lies between two times counts whole days of the calendar, in UTC, as PingOne does.
var betweenFunctions = map[string]function{
	"datetime.compare":       {params: "time, other", takes: []Type{DateTime, DateTime}, gives: Number, always: true, apply: compareTimes},
	"datetime.daysBetween":   between(func(a, b time.Time) int { return floorDay(b) - floorDay(a) }),
	"datetime.weeksBetween":  between(func(a, b time.Time) int { return (floorDay(b) - floorDay(a)) / 7 }),
	"datetime.monthsBetween": between(months),
	"datetime.yearsBetween":  between(func(a, b time.Time) int { return months(a, b) / 12 }),
	"datetime.periodBetween": {params: "from, to, otherwise", takes: []Type{DateTime, DateTime}, gives: String, always: true, apply: func(c *call) any {
		return c.onTimes(func(a, b time.Time) any { return period(a, b) })
	}},
}

func between(count func(a, b time.Time) int) function {
	return function{params: "from, to, otherwise", takes: []Type{DateTime, DateTime, Number}, gives: Number, always: true, apply: func(c *call) any {
		return c.onTimes(func(a, b time.Time) any { return float64(count(a, b)) })
	}}
}

// onTimes answers the third argument when one of the first two is no time.
func (c *call) onTimes(f func(a, b time.Time) any) any {
	a, ok := readTime(c.args[0])
	b, fine := readTime(c.args[1])
	if !ok || !fine {
		return c.value(2)
	}
	return f(a, b)
}

// compareTimes gives -1, 0 or 1; what is no time comes before every time.
func compareTimes(c *call) any {
	a, ok := readTime(c.args[0])
	b, fine := readTime(c.args[1])
	if !ok || !fine {
		return float64(btoi(ok) - btoi(fine))
	}
	return float64(a.Compare(b))
}

// months are the whole months from a's date to b's, as Java's ChronoUnit counts them.
func months(a, b time.Time) int {
	const days = 32 // more than a month has
	at := func(t time.Time) int { return (t.Year()*12+int(t.Month())-1)*days + t.Day() }
	return (at(b) - at(a)) / days
}

// period writes what lies between two dates as ISO 8601 does: P1Y2M3D.
func period(a, b time.Time) string {
	total := (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month())
	days := b.Day() - a.Day()
	switch {
	case total > 0 && days < 0:
		total--
		days = floorDay(b) - floorDay(addMonths(a, total))
	case total < 0 && days > 0:
		total++
		days -= time.Date(b.Year(), b.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	}
	if total == 0 && days == 0 {
		return "P0D"
	}
	var out strings.Builder
	out.WriteByte('P')
	for i, n := range [...]int{total / 12, total % 12, days} {
		if n != 0 {
			fmt.Fprintf(&out, "%d%c", n, "YMD"[i])
		}
	}
	return out.String()
}
