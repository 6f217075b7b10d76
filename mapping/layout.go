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

// letters are how letters are written, in Go's words; what Go has no word for is in write.
var letters = map[string]string{
	"yyyy": "2006", "uuuu": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2",
	"EEEE": "Monday", "EEE": "Mon", "EE": "Mon", "E": "Mon", "HH": "15", "H": "", "hh": "03", "h": "3", "mm": "04", "m": "4",
	"ss": "05", "s": "5", "S": "", "SS": "", "SSS": "", "a": "PM", "XXX": "Z07:00", "XX": "Z0700", "X": "Z07", "Z": "-0700", "xxx": "-07:00",
	"Q": "", "QQQ": "", "QQQQ": "", "D": "", "DDD": "",
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
			run := pattern[i:end]
			if _, ok := letters[run]; !ok {
				return nil, refuse("the pattern letters %q are not supported%s", run[:min(len(run), 10)], better(c))
			}
			parts = append(parts, part{letters: run})
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
	case 'z', 'V', 'v', 'O':
		return "; write XXX for an offset such as +01:00"
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
		case "Q", "QQQ", "QQQQ":
			b.WriteString(quarter(int(t.Month()+2)/3, p.letters))
		case "D", "DDD":
			fmt.Fprintf(&b, "%0*d", len(p.letters), t.YearDay())
		default:
			b.WriteString(t.Format(letters[p.letters]))
		}
	}
	return b.String()
}

func quarter(n int, form string) string {
	switch form {
	case "Q":
		return strconv.Itoa(n)
	case "QQQ":
		return "Q" + strconv.Itoa(n)
	default:
		return [...]string{"1st", "2nd", "3rd", "4th"}[n-1] + " quarter"
	}
}
