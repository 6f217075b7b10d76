package mapping

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// specifier is one of Java's format specifiers: %[argument$][flags][width][.precision]conversion.
var specifier = regexp.MustCompile(`^%(?:([0-9]{1,3})[$])?([-0+ ,]*)([0-9]{1,3})?(?:[.]([0-9]{1,2}))?([a-zA-Z%])`)

// format writes values by a Java format: %s, %S, %d, %x, %X, %f, %b, %%, %n with width, precision, - 0 + and , flags. Other
// conversions need types that expressions have not.
func format(c *call) any {
	var b strings.Builder
	layout, next := c.text(0), 1
	for layout != "" && c.err == nil {
		i := strings.IndexByte(layout, '%')
		if i < 0 {
			b.WriteString(layout)
			break
		}
		b.WriteString(layout[:i])
		m := specifier.FindStringSubmatch(layout[i:])
		if m == nil {
			return c.refuse("the format has a %% that nothing readable follows; write %%%% for the sign itself")
		}
		layout = layout[i+len(m[0]):]
		at := next
		switch {
		case m[5] == "%" || m[5] == "n":
		case m[1] != "":
			at, _ = strconv.Atoi(m[1])
		default:
			next++
		}
		if at < 1 || at >= len(c.args) && m[5] != "%" && m[5] != "n" {
			return c.refuse("the format asks for value %d, and there are %d", at, len(c.args)-1)
		}
		b.WriteString(padded(c.formatted(at, m[5], m[2], m[4]), m[2], m[3]))
		if b.Len() > maxResult {
			return c.fail(errTooLarge())
		}
	}
	return c.bounded(b.String())
}

func (c *call) formatted(i int, conversion, flags, precision string) string {
	places := 6
	if precision != "" {
		places, _ = strconv.Atoi(precision)
	}
	switch conversion {
	case "%":
		return "%"
	case "n":
		return "\n"
	case "s", "S":
		s := c.text(i)
		if precision != "" {
			s = string([]rune(s)[:min(places, utf8.RuneCountInString(s))])
		}
		if conversion == "S" {
			s = upperCase(s)
		}
		return s
	case "d":
		return signed(strconv.FormatFloat(math.Trunc(c.number(i, 0)), 'f', 0, 64), flags)
	case "f":
		return signed(strconv.FormatFloat(c.number(i, 0), 'f', places, 64), flags)
	case "x":
		return strconv.FormatInt(int64(c.whole(i, 0)), 16)
	case "X":
		return strings.ToUpper(strconv.FormatInt(int64(c.whole(i, 0)), 16))
	case "b":
		return strconv.FormatBool(yes(c.value(i)))
	default:
		c.refuse("the conversion %%%s is not supported; use %%s, %%d, %%f, %%x or %%b", conversion)
		return ""
	}
}

// signed adds what the flags + and , ask for.
func signed(digits, flags string) string {
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	} else if strings.Contains(flags, "+") {
		sign = "+"
	}
	if strings.Contains(flags, ",") {
		whole, fraction, _ := strings.Cut(digits, ".")
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + "," + whole[i:]
		}
		if digits = whole; fraction != "" {
			digits += "." + fraction
		}
	}
	return sign + digits
}

func padded(s, flags, width string) string {
	wanted, _ := strconv.Atoi(width)
	missing := wanted - utf8.RuneCountInString(s)
	switch {
	case missing <= 0:
		return s
	case strings.Contains(flags, "-"):
		return s + strings.Repeat(" ", missing)
	case strings.Contains(flags, "0"):
		sign := ""
		if s != "" && (s[0] == '-' || s[0] == '+') {
			sign, s = s[:1], s[1:]
		}
		return sign + strings.Repeat("0", missing) + s
	default:
		return fmt.Sprintf("%*s", wanted, s)
	}
}
