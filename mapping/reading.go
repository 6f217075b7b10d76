package mapping

import (
	"strconv"
	"strings"
	"time"
)

// reading is a time as far as it is read.
type reading struct {
	rest                                string
	year, month, day, hour, minute, sec int
	nano                                int
	half                                int // 0 = no AM or PM, 1 = AM, 2 = PM
	zone                                *time.Location
}

// namesDate says whether a pattern has all that a date needs.
func namesDate(parts []part) bool {
	var year, month, day bool
	for _, p := range parts {
		year = year || strings.HasPrefix(p.letters, "y") || strings.HasPrefix(p.letters, "u")
		month = month || strings.HasPrefix(p.letters, "M")
		day = day || strings.HasPrefix(p.letters, "d")
	}
	return year && month && day
}

// read answers the time that s gives in a pattern; false when it gives none. The zone counts when s says none.
func read(s string, parts []part, zone *time.Location) (time.Time, bool) {
	if !namesDate(parts) {
		return time.Time{}, false
	}
	r := &reading{rest: s, zone: zone}
	for i, p := range parts {
		digitsFollow := i+1 < len(parts) && isNumber(parts[i+1].letters)
		if !r.part(p, digitsFollow) {
			return time.Time{}, false
		}
	}
	if r.rest != "" || (r.half > 0 && (r.hour < 1 || r.hour > 12)) {
		return time.Time{}, false
	}
	if r.half > 0 {
		r.hour = r.hour%12 + 12*(r.half-1)
	}
	return exactly(r.year, r.month, r.day, r.hour, r.minute, r.sec, r.nano, r.zone)
}

func isNumber(run string) bool {
	switch run {
	case "", "MMM", "MMMM":
		return false
	default:
		return strings.IndexByte("yuMdHhmsS", run[0]) >= 0
	}
}

func (r *reading) part(p part, digitsFollow bool) bool {
	var ok bool
	switch p.letters {
	case "":
		r.rest, ok = strings.CutPrefix(r.rest, p.literal)
		return ok
	case "MMM", "MMMM":
		r.month, ok = r.name(12, func(i int) string { return time.Month(i).String() }, p.letters == "MMM")
		return ok
	case "E", "EE", "EEE", "EEEE":
		_, ok = r.name(7, func(i int) string { return time.Weekday(i - 1).String() }, p.letters != "EEEE")
		return ok
	case "a":
		r.half, ok = r.name(2, func(i int) string { return [...]string{"AM", "PM"}[i-1] }, false)
		return ok
	case "X", "XX", "XXX", "Z", "xxx":
		return r.offset(letters[p.letters])
	default:
		return r.number(p.letters, digitsFollow)
	}
}

// name takes one of n names, or its first three letters, in any case.
func (r *reading) name(n int, names func(i int) string, short bool) (int, bool) {
	for i := 1; i <= n; i++ {
		name := names(i)
		if short {
			name = name[:3]
		}
		if len(r.rest) >= len(name) && strings.EqualFold(r.rest[:len(name)], name) {
			r.rest = r.rest[len(name):]
			return i, true
		}
	}
	return 0, false
}

// number takes as many digits as there are letters; one letter takes two digits if it can.
func (r *reading) number(run string, digitsFollow bool) bool {
	most := len(run)
	if most == 1 && run != "S" && !digitsFollow {
		most = 2
	}
	n := 0
	for n < len(r.rest) && n < most && r.rest[n] >= '0' && r.rest[n] <= '9' {
		n++
	}
	value, err := strconv.Atoi(r.rest[:n])
	if err != nil || n < len(run) {
		return false
	}
	r.rest = r.rest[n:]
	switch run[0] {
	case 'y', 'u':
		if len(run) == 2 {
			value += 2000
		}
		r.year = value
	case 'M':
		r.month = value
	case 'd':
		r.day = value
	case 'H', 'h':
		r.hour = value
	case 'm':
		r.minute = value
	case 's':
		r.sec = value
	case 'S':
		for range 9 - len(run) {
			value *= 10
		}
		r.nano = value
	}
	return true
}

func (r *reading) offset(goLayout string) bool {
	if rest, ok := strings.CutPrefix(r.rest, "Z"); ok && goLayout[0] == 'Z' {
		r.rest = rest
		return true
	}
	n := len(goLayout) // Z stands for the sign there
	if len(r.rest) < n {
		return false
	}
	t, err := time.Parse(goLayout, r.rest[:n])
	if err != nil {
		return false
	}
	_, seconds := t.Zone()
	r.zone, r.rest = time.FixedZone("", seconds), r.rest[n:]
	return true
}
