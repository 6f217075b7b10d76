package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"lockstep/internal/nearest"
)

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
	_, isRoot := base.(rootNode)
	_, isThis := base.(thisNode)
	switch {
	case len(t.elements) > 0 && (base == nil || isThis):
		return t.element(n, names)
	case isRoot || isThis || base == nil:
		if len(names) == 0 {
			return "", Any, &ExpressionError{Offset: n.offset(), Message: "#root is the whole person; name an attribute, such as #root.username"}
		}
		return t.attribute(n, names, at)
	}
	if index, ok := base.(indexNode); ok && len(names) == 0 {
		return t.index(index)
	}
	text, _, err := t.expression(base)
	return lookups(n, text, names), Any, err
}

func (t *translator) index(n indexNode) (string, Type, error) {
	switch n.base.(type) {
	case rootNode, thisNode:
		if len(t.elements) == 0 {
			return "", Any, &ExpressionError{Offset: n.key.offset(), Message: "name the attribute of #root in quotes, such as #root['title']"}
		}
	}
	x, _, err := t.expression(n.base)
	if err != nil {
		return "", Any, err
	}
	key, kind, err := t.expression(n.key)
	if err == nil && (kind == List || kind == Map) {
		err = &ExpressionError{Offset: n.key.offset(), Message: fmt.Sprintf("%s is no key; write text or a number in the brackets", kind)}
	}
	return operation("index", n, x, key), Any, err
}

func lookups(at node, text string, names []string) string {
	for _, name := range names {
		text = operation("index", at, text, strconv.QuoteToASCII(name))
	}
	return text
}

func (t *translator) attribute(n node, names []string, at []int) (string, Type, error) {
	if _, known := t.schema.Attribute(names[0]); !known && strings.EqualFold(names[0], "user") && len(names) > 1 {
		names, at = names[1:], at[1:] // user.name.given is how other PingOne expressions write it
	}
	for most := len(names); most > 0; most-- {
		a, ok := t.schema.Attribute(strings.Join(names[:most], "."))
		if !ok {
			continue
		}
		kind := a.Type
		if a.MultiValued {
			kind = List
		}
		if most < len(names) {
			if a.Type != Any {
				return "", Any, &ExpressionError{Offset: at[most], Message: fmt.Sprintf("%s is %s and has no parts", a.Name, kind)}
			}
			kind = Any
		}
		return lookups(n, t.variable(a.Name), names[most:]), kind, nil
	}
	return "", Any, &ExpressionError{Offset: at[0], Message: t.unknown(strings.Join(names, "."))}
}

func (t *translator) unknown(path string) string {
	if runes := []rune(path); len(runes) > 60 {
		path = string(runes[:60]) + "…"
	}
	message := fmt.Sprintf("users have no attribute %q", path)
	if parts := t.partsOf(path); parts != "" {
		message += "; it has parts: " + parts
	} else if near := nearest.Name(path, t.schema.Names()); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return message
}

// partsOf lists a few attributes below a path that is none itself: name -> name.given, name.family.
func (t *translator) partsOf(path string) string {
	var parts []string
	for _, name := range t.schema.Names() {
		if len(name) > len(path) && name[len(path)] == '.' && strings.EqualFold(name[:len(path)], path) {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts[:min(len(parts), 6)], ", ")
}

// hyphenated helps with an attribute such as cost-center, which reads as a subtraction.
func (t *translator) hyphenated(n binaryNode) error {
	name := minusPath(n)
	if name == "" {
		return nil
	}
	if _, known := t.schema.Attribute(name); !known {
		return nil
	}
	return &ExpressionError{Offset: n.x.offset(), Message: fmt.Sprintf("this is a subtraction; write #root['%s'] for the attribute", name)}
}

// minusPath is a-b.c of names with minus signs between them, or "".
func minusPath(n node) string {
	if b, ok := n.(binaryNode); ok {
		x, y := minusPath(b.x), minusPath(b.y)
		if b.op != "-" || x == "" || y == "" {
			return ""
		}
		return x + "-" + y
	}
	base, names, _ := steps(n)
	if base != nil {
		return ""
	}
	return strings.Join(names, ".")
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
