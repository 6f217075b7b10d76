package mapping

import (
	"fmt"
	"strconv"
	"strings"
)

// translator checks an expression and writes it in CEL. Attributes become variables; every operation becomes a call of one of
// our functions with its arguments in a list, so that the rules for "no value" stand in one place.
type translator struct {
	schema   Schema
	paths    []string          // by variable number
	names    map[string]string // path -> variable
	elements []variable        // those that .![...] and the like are looking at, innermost last
}

// variable is what #this stands for.
type variable struct {
	text string
	kind Type
}

// operation writes a call of one of ours. Where it stands in the expression goes along, for its message.
func operation(name string, at node, args ...string) string {
	return "pel_" + name + "([" + strings.Join(args, ", ") + "], " + strconv.Itoa(at.offset()) + ")"
}

func (t *translator) expression(n node) (string, Type, error) {
	switch n := n.(type) {
	case literalNode:
		return literalText(n.value), literalType(n.value), nil
	case nameNode, memberNode, rootNode, thisNode, indexNode:
		return t.access(n)
	case eachNode:
		return t.each(n)
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
		return "pel_elvis(" + x + ", " + y + ")", common(kind, other), err
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
	return operation("map", n, parts...), Map, nil
}

func (t *translator) unary(n unaryNode) (string, Type, error) {
	x, kind, err := t.expression(n.x)
	if err != nil {
		return "", Any, err
	}
	if n.op == "!" {
		return "!" + operation("true", n, x), Boolean, fits(n.x, kind, Boolean)
	}
	return operation("negate", n, x), Number, fits(n.x, kind, Number)
}

// fits refuses a value whose type is known to be another one.
func fits(n node, have, want Type) error {
	if have == Any || want == Any || have == want {
		return nil
	}
	if want == String && (have == Number || have == Boolean || have == DateTime) {
		return nil // becomes text by itself
	}
	if want == DateTime && have == String {
		return isTime(n)
	}
	return &ExpressionError{Offset: n.offset(), Message: fmt.Sprintf("this is %s, but %s is needed", have, want)}
}

var binaryOperations = map[string]string{
	"-": "subtract", "*": "multiply", "/": "divide", "%": "remainder", "^": "power", "<": "less", "<=": "most", ">": "greater", ">=": "least",
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
	return operation("true", n, text)
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
		if next == Map {
			return "", Any, fits(operand, next, String)
		}
		switch {
		case i == 0:
			kind = next
		case kind == String || next == String:
			kind = String
		case kind != next || (kind != Number && kind != List):
			kind = Any
		}
	}
	return operation("add", n, parts...), kind, nil
}

func (t *translator) binary(n binaryNode) (string, Type, error) {
	switch n.op {
	case "&&", "||":
		return t.logic(n)
	case "+":
		return t.sum(n)
	case "matches":
		return t.call(callNode{n.pos, "regex.matches", []node{n.x, n.y}})
	}
	if err := t.hyphenated(n); err != nil {
		return "", Any, err
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
		return "!" + operation("equal", n, x, y), Boolean, comparable(n, left, right)
	case "==":
		return operation("equal", n, x, y), Boolean, comparable(n, left, right)
	case "<", "<=", ">", ">=":
		if err := ordered(n, left, right); err != nil {
			return "", Any, err
		}
		return operation(binaryOperations[n.op], n, x, y), Boolean, nil
	default:
		if err := fits(n.x, left, Number); err != nil {
			return "", Any, err
		}
		return operation(binaryOperations[n.op], n, x, y), Number, fits(n.y, right, Number)
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
	return "(" + operation("true", n.condition, condition) + " ? dyn(" + yes + ") : dyn(" + no + "))", common(a, b), err // cel-go wants the same type on both sides
}
