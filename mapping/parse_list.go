package mapping

import "fmt"

func (p *parser) elements(end string) ([]node, error) {
	var out []node
	if _, ok := p.sign(end); ok {
		return nil, nil
	}
	for {
		x, err := p.ternary()
		if err != nil {
			return nil, err
		}
		if out = append(out, x); len(out) > maxElements {
			return nil, &ExpressionError{Offset: x.offset(), Message: fmt.Sprintf("more than %d elements; shorten the list", maxElements)}
		}
		if _, ok := p.sign(end); ok {
			return out, nil
		}
		if err := p.expect(","); err != nil {
			return nil, p.unexpected(fmt.Sprintf("\",\" or %q", end))
		}
	}
}

// collection reads {1,2} and {'a':1,'b':2}; {:} is the empty map.
func (p *parser) collection(start token) (node, error) {
	if _, ok := p.sign(":"); ok {
		return mapNode{pos: pos(start.at)}, p.expect("}")
	}
	if _, ok := p.sign("}"); ok {
		return listNode{pos: pos(start.at)}, nil
	}
	first, err := p.ternary()
	if err != nil {
		return nil, err
	}
	if _, ok := p.sign(":"); !ok {
		if _, ok := p.sign("}"); ok {
			return listNode{pos(start.at), []node{first}}, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
		rest, err := p.elements("}")
		return listNode{pos(start.at), append([]node{first}, rest...)}, err
	}
	m := mapNode{pos: pos(start.at)}
	for key := first; ; {
		value, err := p.ternary()
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, key), append(m.values, value)
		if _, ok := p.sign("}"); ok {
			return m, nil
		}
		if len(m.keys) >= maxElements {
			return nil, &ExpressionError{Offset: key.offset(), Message: fmt.Sprintf("more than %d entries; shorten the map", maxElements)}
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
		if key, err = p.ternary(); err != nil {
			return nil, err
		}
		if err := p.expect(":"); err != nil {
			return nil, err
		}
	}
}
