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
		return "", Any, &ExpressionError{Offset: n.offset(), Message: fmt.Sprintf("#%s takes %s", n.function, f.arguments())}
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
				return "", Any, &ExpressionError{Offset: arg.offset(), Message: strings.TrimPrefix(err.Error(), ourMark)}
			}
		}
		parts[i] = text
	}
	return fmt.Sprintf("pel_%s([%s])", strings.ReplaceAll(n.function, ".", "_"), strings.Join(parts, ", ")), f.gives, nil
}

func unknownFunction(n callNode) error {
	if strings.HasPrefix(n.function, "datetime.now") || n.function == "datetime.today" {
		return &ExpressionError{Offset: n.offset(), Message: "an expression has no clock: what a person gets must not change by itself"}
	}
	names := sortedFunctions()
	message := fmt.Sprintf("there is no function #%s", n.function)
	if near := nearest.Name(n.function, names); near != "" {
		message += fmt.Sprintf("; did you mean #%s?", near)
	} else if family, _, _ := strings.Cut(n.function, "."); !slices.ContainsFunc(names, func(s string) bool { return strings.HasPrefix(s, family+".") }) {
		message += "; the families are #core, #string, #regex, #datetime and #list"
	}
	return &ExpressionError{Offset: n.offset(), Message: message}
}
