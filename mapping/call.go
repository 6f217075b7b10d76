package mapping

import (
	"fmt"
	"slices"
	"strings"

	"lockstep/internal/nearest"
)

func (t *translator) call(n callNode) (string, Type, error) {
	f, ok := functions[n.function]
	if !ok {
		return "", Any, unknownFunction(n)
	}
	if len(n.args) < f.least || (f.most >= 0 && len(n.args) > f.most) {
		return "", Any, &ExpressionError{Offset: n.offset(), Message: fmt.Sprintf("#%s takes (%s)", n.function, f.params)}
	}
	parts := make([]string, len(n.args))
	for i, arg := range n.args {
		text, kind, err := t.expression(arg)
		if err != nil {
			return "", Any, err
		}
		if i < len(f.takes) { // further ones take any value
			if err := fits(arg, kind, f.takes[i]); err != nil {
				return "", Any, err
			}
		}
		if l, ok := arg.(literalNode); ok && f.check != nil {
			if err := f.check(i, l.value); err != nil {
				return "", Any, &ExpressionError{Offset: arg.offset(), Message: err.Error()}
			}
		}
		parts[i] = text
	}
	return operation(strings.TrimPrefix(celName(n.function), "pel_"), n, parts...), f.gives, nil
}

// elsewhere says what to write for functions that people know from other languages, or from PingOne, and that are none here.
var elsewhere = map[string]string{
	"datetime.now":    "an expression has no clock: what a person gets must not change by itself",
	"datetime.today":  "an expression has no clock: what a person gets must not change by itself",
	"string.concat":   "join texts with +",
	"string.left":     "write #string.substring(text, 0, length)",
	"string.isEmpty":  "write text == null, or not #string.isNotEmpty(text)",
	"string.asBigInt": "numbers are exact up to 2^53; keep a longer one as text, or write #string.asLong",
	"string.asFloat":  "write #string.asDouble",
	"data.get":        "write list[0]",
	"data.first":      "write list[0]",
	"data.last":       "write list.$[true]",
	"data.join":       "write #string.join",
}

func unknownFunction(n callNode) error {
	family, short, _ := strings.Cut(n.function, ".")
	names := sortedFunctions()
	message := "there is no function #" + n.function
	switch near := nearest.Name(n.function, names); {
	case elsewhere[n.function] != "":
		message = elsewhere[n.function]
	case family == "crypto":
		message += ": a key in an expression would not be secret"
	case family == "list":
		return unknownFunction(callNode{n.pos, "data." + short, n.args})
	case near != "":
		message += "; did you mean #" + near + "?"
	case !slices.ContainsFunc(names, func(s string) bool { return strings.HasPrefix(s, family+".") }):
		message += "; the families are #core, #string, #regex, #data and #datetime"
	}
	return &ExpressionError{Offset: n.offset(), Message: message}
}
