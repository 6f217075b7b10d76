package mapping

import (
	"fmt"
	"strconv"
	"strings"
)

// each translates what is done with the elements of a list: .![...] changes each, .?[...] keeps those for which a condition holds,
// .^[...] is the first of these and .$[...] the last. Inside, #this is the element, and a bare name one of its parts.
func (t *translator) each(n eachNode) (string, Type, error) {
	list, kind, err := t.expression(n.base)
	if err != nil {
		return "", Any, err
	}
	if err := fits(n.base, kind, List); err != nil {
		return "", Any, err
	}
	this := variable{text: "e" + strconv.Itoa(len(t.elements)), kind: t.elementKind(n.base)}
	t.elements = append(t.elements, this)
	body, kind, err := t.expression(n.body)
	t.elements = t.elements[:len(t.elements)-1]
	if err != nil {
		return "", Any, err
	}
	list = operation("elements", n, list)
	if n.op == '!' {
		return list + ".map(" + this.text + ", " + body + ")", List, nil
	}
	if err := fits(n.body, kind, Boolean); err != nil {
		return "", Any, err
	}
	chosen := list + ".filter(" + this.text + ", " + operation("true", n.body, body) + ")"
	switch n.op {
	case '^':
		return operation("index", n, chosen, literalText(0.0)), this.kind, nil
	case '$':
		return operation("last", n, chosen), this.kind, nil
	default:
		return chosen, List, nil
	}
}

// elementKind is the type of a multi-valued attribute's values, if the list is one.
func (t *translator) elementKind(list node) Type {
	base, names, _ := steps(list)
	_, isRoot := base.(rootNode)
	if !isRoot && (base != nil || len(t.elements) > 0) {
		return Any
	}
	if len(names) > 1 && strings.EqualFold(names[0], "user") {
		names = names[1:]
	}
	a, ok := t.schema.Attribute(strings.Join(names, "."))
	if !ok {
		return Any
	}
	return a.Type
}

// element resolves #this and its parts.
func (t *translator) element(n node, names []string) (string, Type, error) {
	this := t.elements[len(t.elements)-1]
	if len(names) == 0 {
		return this.text, this.kind, nil
	}
	if this.kind != Any {
		message := fmt.Sprintf("each element is %s and has no parts; write #this for the element", this.kind)
		if _, known := t.schema.Attribute(names[0]); known || t.partsOf(names[0]) != "" {
			message += ", and #root." + names[0] + " for the person's"
		}
		return "", Any, &ExpressionError{Offset: n.offset(), Message: message}
	}
	return lookups(n, this.text, names), Any, nil
}
