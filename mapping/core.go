package mapping

import "strings"

var coreFunctions = map[string]function{
	"core.ifelse":     {params: "condition, value, …", always: true, apply: ifelse},
	"core.switchExpr": {params: "value, choice, result, …", always: true, apply: switchExpr},
}

// ifelse(condition, value, condition, value, ..., otherwise).
func ifelse(c *call) any {
	rest := c.args
	for len(rest) >= 2 {
		if yes(rest[0]) {
			return rest[1]
		}
		rest = rest[2:]
	}
	return last(rest)
}

// switchExpr(value, choice, result, choice, result, ..., otherwise).
func switchExpr(c *call) any {
	rest := c.args[1:]
	for len(rest) >= 2 {
		if equal(c.args[0], rest[0]) {
			return rest[1]
		}
		rest = rest[2:]
	}
	return last(rest)
}

func last(values []any) any {
	if len(values) == 0 {
		return nil
	}
	return values[len(values)-1]
}

// yes is PingOne's reading of a condition in ifelse: it takes more than true and false, and never fails.
func yes(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case float64:
		return v > 0
	case string:
		switch strings.ToLower(v) {
		case "true", "on", "yes", "y", "t":
			return true
		}
	}
	return false
}
