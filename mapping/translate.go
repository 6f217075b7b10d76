package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockstep/internal/nearest"
)

// translator checks an expression and writes it in CEL. Attributes become variables; every operation becomes a call of one of
// our functions with its arguments in a list, so that the rules for "no value" stand in one place.
type translator struct {
	schema Schema
	paths  []string          // by variable number
	names  map[string]string // path -> variable
}

func (t *translator) expression(n node) (string, Type, error) {
	switch n := n.(type) {
	case literalNode:
		return literalText(n.value), literalType(n.value), nil
	case nameNode, memberNode, rootNode, indexNode:
		return t.access(n)
	case unaryNode:
		return t.unary(n)
	case binaryNode:
		return t.binary(n)
	case ternaryNode:
		return t.ternary(n)
	case elvisNode:
		x, kind, err := t.expression(n.x)
		if err != nil {
			return "", Any, err
		}
		y, other, err := t.expression(n.otherwise)
		return fmt.Sprintf("pel_elvis(%s, %s)", x, y), common(kind, other), err
	case listNode:
		list, err := t.list(n.elements)
		return list, List, err
	case mapNode:
		return t.mapping(n)
	case callNode:
		return t.call(n)
	default:
		return "", Any, &ExpressionError{Offset: n.offset(), Message: "this cannot be used here"}
	}
}

func literalText(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.QuoteToASCII(v)
	case float64:
		return "double(" + strconv.Quote(strconv.FormatFloat(v, 'g', -1, 64)) + ")"
	case bool:
		return strconv.FormatBool(v)
	default:
		return "null"
	}
}

func literalType(v any) Type {
	switch v.(type) {
	case string:
		return String
	case float64:
		return Number
	case bool:
		return Boolean
	default:
		return Any
	}
}

func common(a, b Type) Type {
	if a == b {
		return a
	}
	return Any
}

// steps gives a chain of accesses as the names that can be an attribute's path, and what is left.
func steps(n node) (base node, names []string, at []int) {
	switch n := n.(type) {
	case memberNode:
		base, names, at = steps(n.base)
		return base, append(names, n.name), append(at, n.offset())
	case indexNode:
		if key, ok := n.key.(literalNode); ok {
			if name, ok := key.value.(string); ok {
				base, names, at = steps(n.base)
				return base, append(names, name), append(at, n.offset())
			}
		}
		return n, nil, nil
	case nameNode:
		return nil, []string{n.name}, []int{n.offset()}
	default:
		return n, nil, nil
	}
}

// access resolves attributes: the longest beginning of the chain that is one, and look-ups into its value for the rest.
func (t *translator) access(n node) (string, Type, error) {
	base, names, at := steps(n)
	if _, isRoot := base.(rootNode); isRoot || base == nil {
		if len(names) == 0 {
			return "", Any, &ExpressionError{Offset: n.offset(), Message: "#root is the whole person; name an attribute, such as #root.username"}
		}
		return t.attribute(names, at)
	}
	if index, ok := base.(indexNode); ok && len(names) == 0 {
		if _, isRoot := index.base.(rootNode); isRoot {
			return "", Any, &ExpressionError{Offset: index.key.offset(), Message: "name the attribute of #root in quotes, such as #root['title']"}
		}
		x, _, err := t.expression(index.base)
		if err != nil {
			return "", Any, err
		}
		key, _, err := t.expression(index.key)
		return fmt.Sprintf("pel_index([%s, %s])", x, key), Any, err
	}
	text, _, err := t.expression(base)
	return lookups(text, names), Any, err
}

func lookups(text string, names []string) string {
	for _, name := range names {
		text = fmt.Sprintf("pel_index([%s, %s])", text, strconv.QuoteToASCII(name))
	}
	return text
}

func (t *translator) attribute(names []string, at []int) (string, Type, error) {
	if _, known := t.schema.Attribute(names[0]); !known && names[0] == "user" && len(names) > 1 {
		names, at = names[1:], at[1:] // user.name.given is how other PingOne expressions write it
	}
	for n := len(names); n > 0; n-- {
		a, ok := t.schema.Attribute(strings.Join(names[:n], "."))
		if !ok {
			continue
		}
		if n < len(names) && a.Type != Any {
			return "", Any, &ExpressionError{Offset: at[n], Message: fmt.Sprintf("%s is %s and has no parts", a.Name, a.Type)}
		}
		kind := a.Type
		if a.MultiValued {
			kind = List
		}
		if n < len(names) {
			kind = Any
		}
		return lookups(t.variable(a.Name), names[n:]), kind, nil
	}
	path := strings.Join(names, ".")
	if len(path) > 60 {
		path = path[:60] + "…"
	}
	message := fmt.Sprintf("users have no attribute %q", path)
	if near := nearest.Name(path, t.schema.Names()); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return "", Any, &ExpressionError{Offset: at[0], Message: message}
}

// firstVariable is the CEL text of an expression that is one attribute.
const firstVariable = "a0"

func (t *translator) variable(path string) string {
	if name, ok := t.names[path]; ok {
		return name
	}
	name := "a" + strconv.Itoa(len(t.paths))
	t.names[path] = name
	t.paths = append(t.paths, path)
	return name
}

func (t *translator) list(nodes []node) (string, error) {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		text, _, err := t.expression(n)
		if err != nil {
			return "", err
		}
		parts[i] = text
	}
	return "[" + strings.Join(parts, ", ") + "]", nil
}

func (t *translator) mapping(n mapNode) (string, Type, error) {
	parts := make([]string, len(n.keys))
	for i := range n.keys {
		key := n.keys[i]
		if name, ok := key.(nameNode); ok { // {PM:'x'}: a bare word is a key, as in SpEL
			key = literalNode{name.pos, name.name}
		}
		k, _, err := t.expression(key)
		if err != nil {
			return "", Any, err
		}
		v, _, err := t.expression(n.values[i])
		if err != nil {
			return "", Any, err
		}
		parts[i] = fmt.Sprintf("[%s, %s]", k, v)
	}
	return "pel_map([" + strings.Join(parts, ", ") + "])", Map, nil
}

func (t *translator) unary(n unaryNode) (string, Type, error) {
	x, kind, err := t.expression(n.x)
	if err != nil {
		return "", Any, err
	}
	if n.op == "!" {
		return fmt.Sprintf("!pel_true([%s])", x), Boolean, fits(n.x, kind, Boolean)
	}
	return fmt.Sprintf("pel_negate([%s])", x), Number, fits(n.x, kind, Number)
}

// fits refuses a value whose type is known to be another one.
func fits(n node, have, want Type) error {
	if have == Any || want == Any || have == want {
		return nil
	}
	if want == String && (have == Number || have == Boolean || have == DateTime) {
		return nil // becomes text by itself
	}
	return &ExpressionError{Offset: n.offset(), Message: fmt.Sprintf("this is %s, but %s is needed", have, want)}
}

var binaryFunctions = map[string]string{
	"-": "pel_subtract", "*": "pel_multiply", "/": "pel_divide", "%": "pel_remainder",
	"==": "pel_equal", "<": "pel_less", "<=": "pel_most", ">": "pel_greater", ">=": "pel_least",
}

// chain gives the operands of x + y + z. They become one call: a call in a call for each sign would be too deep for cel-go.
func chain(n node, op string) []node {
	b, ok := n.(binaryNode)
	if !ok || b.op != op {
		return []node{n}
	}
	return append(chain(b.x, op), b.y)
}

// logic translates && and ||, whose conditions cel-go evaluates no further than it must.
func (t *translator) logic(n binaryNode) (string, Type, error) {
	var parts []string
	for _, operand := range chain(n, n.op) {
		x, kind, err := t.expression(operand)
		if err == nil {
			err = fits(operand, kind, Boolean)
		}
		if err != nil {
			return "", Any, err
		}
		parts = append(parts, condition(operand, x))
	}
	return "(" + strings.Join(parts, " "+n.op+" ") + ")", Boolean, nil
}

// condition makes a CEL condition. Only our own operators are certain to give one already: even an attribute of type Boolean
// can have no value.
func condition(n node, text string) string {
	switch n := n.(type) {
	case unaryNode:
		if n.op == "!" {
			return text
		}
	case binaryNode:
		if n.op == "&&" || n.op == "||" {
			return text
		}
	}
	return "pel_true([" + text + "])"
}

// sum translates +, which joins as soon as there is text.
func (t *translator) sum(n binaryNode) (string, Type, error) {
	var parts []string
	kind := Any
	for i, operand := range chain(n, "+") {
		x, next, err := t.expression(operand)
		if err != nil {
			return "", Any, err
		}
		parts = append(parts, x)
		switch {
		case i == 0:
			kind = next
		case kind == String || next == String:
			kind = String
		case kind != Number || next != Number:
			kind = Any
		}
	}
	return "pel_add([" + strings.Join(parts, ", ") + "])", kind, nil
}

func (t *translator) binary(n binaryNode) (string, Type, error) {
	switch n.op {
	case "&&", "||":
		return t.logic(n)
	case "+":
		return t.sum(n)
	}
	x, left, err := t.expression(n.x)
	if err != nil {
		return "", Any, err
	}
	y, right, err := t.expression(n.y)
	if err != nil {
		return "", Any, err
	}
	switch n.op {
	case "!=":
		return fmt.Sprintf("!pel_equal([%s, %s])", x, y), Boolean, nil
	case "==", "<", "<=", ">", ">=":
		return fmt.Sprintf("%s([%s, %s])", binaryFunctions[n.op], x, y), Boolean, nil
	default:
		if err := fits(n.x, left, Number); err != nil {
			return "", Any, err
		}
		return fmt.Sprintf("%s([%s, %s])", binaryFunctions[n.op], x, y), Number, fits(n.y, right, Number)
	}
}

func (t *translator) ternary(n ternaryNode) (string, Type, error) {
	condition, kind, err := t.expression(n.condition)
	if err != nil {
		return "", Any, err
	}
	if err := fits(n.condition, kind, Boolean); err != nil {
		return "", Any, err
	}
	yes, a, err := t.expression(n.yes)
	if err != nil {
		return "", Any, err
	}
	no, b, err := t.expression(n.no)
	return fmt.Sprintf("(pel_true([%s]) ? %s : %s)", condition, yes, no), common(a, b), err
}

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
		if i < len(f.takes) {
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
