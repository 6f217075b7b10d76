package filter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep/internal/nearest"
)

// Type is the type of an attribute's values.
type Type int

// The types. Complex attributes have sub-attributes of any name.
const (
	String Type = iota
	Boolean
	Number
	DateTime
	Complex
)

// Attribute is what Compile needs to know of one.
type Attribute struct {
	Name        string // the canonical path
	Type        Type
	CaseExact   bool
	MultiValued bool
}

// Schema knows the attributes. Look-ups are by full path ("name.given"), without regard to case.
type Schema interface {
	Attribute(path string) (Attribute, bool)
	// Names lists all canonical paths, to say which one may have been meant.
	Names() []string
}

// Object is anything that can be filtered. Value answers nil when there is none, otherwise a string, bool, float64,
// time.Time, or []any of these, of Objects or of map[string]any. Paths are canonical.
type Object interface {
	Value(path string) any
}

// Predicate is a compiled filter. It is safe for concurrent use.
type Predicate struct {
	filter *Filter
	test   test
	paths  []string
}

// Compile checks every condition against the schema. Errors are *SyntaxError.
func Compile(f *Filter, s Schema) (*Predicate, error) {
	c := &compiler{schema: s}
	root, test, err := c.node(f.Root, "")
	if err != nil {
		return nil, err
	}
	slices.Sort(c.paths)
	return &Predicate{filter: &Filter{Root: root}, test: test, paths: slices.Compact(c.paths)}, nil
}

// Match decides about one object.
func (p *Predicate) Match(o Object) bool { return p.test.match(o) }

// Filter is the filter with canonical attribute names.
func (p *Predicate) Filter() *Filter { return p.filter }

// Paths lists the attributes that the filter depends on; sorted.
func (p *Predicate) Paths() []string { return p.paths }

// Explain says in a few words why the filter matches the object, or why not: the first condition that decides.
func (p *Predicate) Explain(o Object) string { return p.test.explain(o) }

type compiler struct {
	schema Schema
	paths  []string
}

// node compiles a node. within is the complex attribute whose element is looked at, or "".
func (c *compiler) node(n Node, within string) (Node, test, error) {
	switch n := n.(type) {
	case And:
		nodes, tests, err := c.nodes(n.Nodes, within)
		return And{nodes}, all{tests}, err
	case Or:
		nodes, tests, err := c.nodes(n.Nodes, within)
		return Or{nodes}, anyOf{tests}, err
	case Not:
		node, test, err := c.node(n.Node, within)
		return Not{node}, not{test}, err
	case Compare:
		return c.compare(n, within)
	case ValuePath:
		if within != "" {
			return nil, nil, failAt(n.offset, "%s[…] stands inside another […]; look into one attribute at a time", shorten(n.Path))
		}
		return c.valuePath(n)
	default:
		return nil, nil, &SyntaxError{Message: "the filter has an unknown part"}
	}
}

func (c *compiler) nodes(in []Node, within string) ([]Node, []test, error) {
	nodes, tests := make([]Node, 0, len(in)), make([]test, 0, len(in))
	for _, n := range in {
		node, test, err := c.node(n, within)
		if err != nil {
			return nil, nil, err
		}
		nodes, tests = append(nodes, node), append(tests, test)
	}
	return nodes, tests, nil
}

func (c *compiler) valuePath(n ValuePath) (Node, test, error) {
	a, ok := c.schema.Attribute(n.Path)
	if !ok {
		return nil, nil, c.unknown(n.Path, n.offset)
	}
	if a.Type != Complex || !a.MultiValued {
		return nil, nil, failAt(n.offset, "%s has no elements to look into; compare it directly", a.Name)
	}
	c.paths = append(c.paths, a.Name)
	inner, test, err := c.node(n.Filter, a.Name)
	return ValuePath{Path: a.Name, Filter: inner}, element{a.Name, test}, err
}

func (c *compiler) compare(n Compare, within string) (Node, test, error) {
	a, err := c.attribute(n, within)
	if err != nil {
		return nil, nil, err
	}
	if within == "" {
		c.paths = append(c.paths, a.Name)
	}
	out := Compare{Path: a.Name, Op: n.Op, Value: n.Value}
	if n.Op == Present {
		return out, condition{name: a.Name, op: Present}, nil
	}
	if n.Value == nil {
		if n.Op != Equal && n.Op != NotEqual {
			return nil, nil, failAt(n.value, "null can only be compared with eq and ne")
		}
		return out, condition{name: a.Name, op: n.Op}, nil
	}
	want, err := literal(a, n, within != "")
	test := condition{name: a.Name, op: n.Op, want: want, shown: n.Value, exact: a.CaseExact}
	if text, ok := want.(string); ok && !a.CaseExact {
		test.lower = []byte(strings.ToLower(text))
	}
	return out, test, err
}

func (c *compiler) attribute(n Compare, within string) (Attribute, error) {
	path := n.Path
	if within != "" {
		path = within + "." + path
	}
	a, ok := c.schema.Attribute(path)
	if ok && within != "" {
		a.Name = strings.TrimPrefix(a.Name, within+".")
	}
	if !ok && within != "" {
		return free(n.Path), nil
	}
	if !ok {
		return a, c.unknown(n.Path, n.offset)
	}
	anyValue := n.Op == Present || n.Value == nil // only whether there is one; compare refuses null with other operators
	if a.Type == Complex && !anyValue {
		if !a.MultiValued {
			return a, failAt(n.offset, "%s is made of parts that filters cannot look into; only pr and eq null work on it", a.Name)
		}
		return a, failAt(n.offset, "%s is made of parts; compare one of them, such as %s[id eq \"…\"]", a.Name, a.Name)
	}
	return a, nil
}

// free is a sub-attribute that no schema declares: elements may have any. Ids are ids everywhere, in one spelling.
func free(name string) Attribute {
	if strings.EqualFold(name, "id") {
		return Attribute{Name: "id", CaseExact: true}
	}
	return Attribute{Name: name}
}

// literal gives a value the attribute's type.
func literal(a Attribute, n Compare, loose bool) (any, error) {
	ordered := n.Op != Equal && n.Op != NotEqual
	switch v := n.Value.(type) {
	case bool:
		if a.Type != Boolean && !loose {
			return nil, wrongType(a, n)
		}
		if ordered {
			return nil, failAt(n.offset, "%s is true or false; use eq or ne", a.Name)
		}
		return v, nil
	case float64:
		if a.Type != Number && !loose {
			return nil, wrongType(a, n)
		}
		if n.Op == Contains || n.Op == StartsWith || n.Op == EndsWith {
			return nil, failAt(n.offset, "%s is a number; use eq, ne, gt, ge, lt or le", a.Name)
		}
		return v, nil
	case string:
		return textLiteral(a, n, v)
	default:
		return nil, wrongType(a, n)
	}
}

func textLiteral(a Attribute, n Compare, v string) (any, error) {
	switch a.Type {
	case String, Complex:
		return v, nil
	case DateTime:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil || n.Op == Contains || n.Op == StartsWith || n.Op == EndsWith {
			return nil, failAt(n.value, "%s is a time; compare it with one such as \"2026-11-25T08:00:00Z\" by eq, ne, gt, ge, lt or le", a.Name)
		}
		return t, nil
	case Boolean:
		// PingOne's console writes enabled eq "true".
		if lower := strings.ToLower(v); (lower == "true" || lower == "false") && (n.Op == Equal || n.Op == NotEqual) {
			return lower == "true", nil
		}
		return nil, wrongType(a, n)
	default:
		return nil, wrongType(a, n)
	}
}

func wrongType(a Attribute, n Compare) error {
	want := map[Type]string{
		String: "text in double quotes", Boolean: "true or false", Number: "a number", DateTime: "a time in double quotes", Complex: "text in double quotes",
	}[a.Type]
	return failAt(n.value, "%s needs %s here", a.Name, want)
}

func (c *compiler) unknown(path string, offset int) error {
	message := fmt.Sprintf("users have no attribute %q", shorten(path))
	if near := nearest.Name(path, c.schema.Names()); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return &SyntaxError{Offset: offset, Message: message}
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
