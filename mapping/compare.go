package mapping

import "fmt"

// comparable refuses to ask whether a list or a map is a single value: it never is, and that would look like a condition.
func comparable(n binaryNode, left, right Type) error {
	for i, side := range [...]Type{left, right} {
		other := [...]Type{right, left}[i]
		if (side == List || side == Map) && other != side && other != Any {
			message := fmt.Sprintf("%s and %s are never equal", side, other)
			if side == List {
				message += "; write #data.contains(list, value) to look into a list"
			}
			return &ExpressionError{Offset: n.offset(), Message: message}
		}
	}
	return nil
}

// ordered refuses a comparison by size that can never be made; at least the types would fail for everybody.
func ordered(n binaryNode, left, right Type) error {
	for i, side := range []Type{left, right} {
		if side == Boolean || side == List || side == Map {
			at := [...]node{n.x, n.y}[i]
			return &ExpressionError{Offset: at.offset(), Message: fmt.Sprintf("this is %s, which is neither smaller nor larger than anything", side)}
		}
	}
	if left == right || left == Any || right == Any {
		return nil
	}
	if left == DateTime && right == String {
		return isTime(n.y)
	}
	if left == String && right == DateTime {
		return isTime(n.x)
	}
	return &ExpressionError{Offset: n.offset(), Message: fmt.Sprintf("%s and %s cannot be compared by size", left, right)}
}

// isTime refuses literal text that is none.
func isTime(n node) error {
	if l, ok := n.(literalNode); ok {
		if _, ok := readTime(l.value); !ok {
			return &ExpressionError{Offset: n.offset(), Message: "this text is not a time such as '2026-11-25' or '2026-11-25T08:00:00Z'"}
		}
	}
	return nil
}
