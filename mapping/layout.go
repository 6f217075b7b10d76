package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Java date pattern is written and read part by part. Go's own layouts would take digits and names in literal text for
// parts of the time, and lack some of Java's letters.

// part is some letters of a pattern, or literal text.
type part struct {
	letters string
	literal string
}

// written is how letters are written, in Go's words; what Go has no word for is in write.
var written = map[string]string{
	"yyyy": "2006", "uuuu": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2",
	"EEEE": "Monday", "EEE": "Mon", "EE": "Mon", "E": "Mon", "HH": "15", "H": "", "hh": "03", "h": "3", "mm": "04", "m": "4",
	"ss": "05", "s": "5", "S": "", "SS": "", "SSS": "", "a": "PM", "XXX": "Z07:00", "XX": "Z0700", "X": "Z07", "Z": "-0700", "xxx": "-07:00",
}

// layout reads a Java pattern. Text stands in single quotes; two of them are one.
func layout(pattern string) ([]part, error) {
	var parts []part
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, n, err := quoted(pattern[i:])
			if err != nil {
				return nil, err
			}
			parts = append(parts, part{literal: text})
			i += n
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			end := i
			for end < len(pattern) && pattern[end] == c {
				end++
			}
			letters := pattern[i:end]
			if _, ok := written[letters]; !ok {
				return nil, refuse("the pattern letters %q are not supported%s", letters[:min(len(letters), 10)], better(c))
			}
			parts = append(parts, part{letters: letters})
			i = end
		default:
			_, width := utf8.DecodeRuneInString(pattern[i:])
			parts = append(parts, part{literal: pattern[i : i+width]})
			i += width
		}
	}
	return parts, nil
}

func better(letter byte) string {
	switch letter {
	case 'Y':
		return "; write yyyy for the year"
	case 'D':
		return "; write dd for the day"
	default:
		return "; the letters are yyyy MM dd HH mm ss SSS, MMM, E, a, XXX"
	}
}

// quoted reads 'text', in which two quotes stand for one, and answers how long it is; two quotes alone are one as well.
func quoted(s string) (string, int, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '\'':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '\'' && i > 1:
			b.WriteByte('\'')
			i++
		case i == 1:
			return "'", 2, nil
		default:
			return b.String(), i + 1, nil
		}
	}
	return "", 0, refuse("the pattern has a quote that is never closed")
}

func write(t time.Time, parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		switch p.letters {
		case "":
			b.WriteString(p.literal)
		case "H":
			b.WriteString(strconv.Itoa(t.Hour()))
		case "S", "SS", "SSS":
			b.WriteString(fmt.Sprintf("%09d", t.Nanosecond())[:len(p.letters)])
		default:
			b.WriteString(t.Format(written[p.letters]))
		}
	}
	return b.String()
}

// reading is a time as far as it is read.
type reading struct {
	rest                                string
	year, month, day, hour, minute, sec int
	nano                                int
	half                                int // 0 = no AM or PM, 1 = AM, 2 = PM
	zone                                *time.Location
}

// read answers the time that s gives in a pattern; false when it gives none.
func read(s string, parts []part) (time.Time, bool) {
	r := &reading{rest: s, year: 1970, month: 1, day: 1, zone: time.UTC}
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
	t := time.Date(r.year, time.Month(r.month), r.day, r.hour, r.minute, r.sec, r.nano, r.zone)
	exists := t.Year() == r.year && int(t.Month()) == r.month && t.Day() == r.day && t.Hour() == r.hour && t.Minute() == r.minute && t.Second() == r.sec
	return t.UTC(), exists // not the 30th of February
}

func isNumber(letters string) bool {
	switch letters {
	case "", "MMM", "MMMM":
		return false
	default:
		return strings.IndexByte("yuMdHhmsS", letters[0]) >= 0
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
		return r.offset(written[p.letters])
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
func (r *reading) number(letters string, digitsFollow bool) bool {
	most := len(letters)
	if most == 1 && letters != "S" && !digitsFollow {
		most = 2
	}
	n := 0
	for n < len(r.rest) && n < most && r.rest[n] >= '0' && r.rest[n] <= '9' {
		n++
	}
	value, err := strconv.Atoi(r.rest[:n])
	if err != nil || n < len(letters) {
		return false
	}
	r.rest = r.rest[n:]
	switch letters[0] {
	case 'y', 'u':
		if len(letters) == 2 {
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
		for range 9 - len(letters) {
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
