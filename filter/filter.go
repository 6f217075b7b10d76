// Package filter is the one filter language of Lockstep: the SCIM filters of RFC 7644 §3.4.2.2 as PingOne uses them, in
// rules, in REST lists, and wherever else people say "those users".
//
//	population.id eq "…" and (address.countryCode eq "DE" or title sw "Lead")
//	not (enabled eq false) and memberOfGroups[id eq "…"]
//
// Parse reads a filter, Compile checks it against the attributes that exist, and a Predicate decides about one object in
// memory. That decision is the only one: a store may narrow a list with what its columns can answer, never widen or replace it.
//
// Text compares without regard to case, as SCIM asks, except where an attribute says otherwise (ids). An attribute without a
// value satisfies nothing but ne.
package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds on what is read, so that a filter cannot cost more than it is worth.
const (
	MaxLength     = 16 << 10
	MaxDepth      = 50
	MaxConditions = 1000
)

// Filter is a filter that was read.
type Filter struct{ Root Node }

// Node is a part of a filter: And, Or, Not, Compare or ValuePath.
type Node interface {
	write(b *strings.Builder, parent int)
}

// And holds if all of its nodes do.
type And struct{ Nodes []Node }

// Or holds if one of its nodes does.
type Or struct{ Nodes []Node }

// Not holds if its node does not.
type Not struct{ Node Node }

// Op is a comparison operator.
type Op string

// The operators of RFC 7644. Present takes no value.
const (
	Equal          Op = "eq"
	NotEqual       Op = "ne"
	Contains       Op = "co"
	StartsWith     Op = "sw"
	EndsWith       Op = "ew"
	Present        Op = "pr"
	Greater        Op = "gt"
	GreaterOrEqual Op = "ge"
	Less           Op = "lt"
	LessOrEqual    Op = "le"
)

// Compare holds if the attribute at Path compares to Value: a string, float64, bool, or nil.
type Compare struct {
	Path   string
	Op     Op
	Value  any
	offset int
	value  int // offset of the value
}

// ValuePath holds if one element of the multi-valued attribute at Path satisfies Filter, whose paths are relative to the element.
type ValuePath struct {
	Path   string
	Filter Node
	offset int
}

// The binding strengths, weakest first.
const (
	bindOr = iota
	bindAnd
	bindNot
)

// String gives the canonical text. Parsing it gives an equal filter; it is within the bounds when the filter was read by Parse.
func (f *Filter) String() string {
	var b strings.Builder
	f.Root.write(&b, bindOr)
	return b.String()
}

func writeList(b *strings.Builder, nodes []Node, word string, bind, parent int) {
	if parent > bind {
		b.WriteByte('(')
	}
	for i, n := range nodes {
		if i > 0 {
			b.WriteString(word)
		}
		n.write(b, bind+1)
	}
	if parent > bind {
		b.WriteByte(')')
	}
}

func (n And) write(b *strings.Builder, parent int) { writeList(b, n.Nodes, " and ", bindAnd, parent) }
func (n Or) write(b *strings.Builder, parent int)  { writeList(b, n.Nodes, " or ", bindOr, parent) }

func (n Not) write(b *strings.Builder, _ int) {
	b.WriteString("not (")
	n.Node.write(b, bindOr)
	b.WriteByte(')')
}

func (n Compare) write(b *strings.Builder, _ int) {
	b.WriteString(n.Path)
	b.WriteByte(' ')
	b.WriteString(string(n.Op))
	if n.Op == Present {
		return
	}
	b.WriteByte(' ')
	switch v := n.Value.(type) {
	case nil:
		b.WriteString("null")
	case string:
		b.WriteString(quote(v))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case float64:
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	}
}

func (n ValuePath) write(b *strings.Builder, _ int) {
	b.WriteString(n.Path)
	b.WriteByte('[')
	n.Filter.write(b, bindOr)
	b.WriteByte(']')
}

// quote writes a JSON string that this package reads back.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Conjuncts lists the nodes all of which must hold.
func Conjuncts(n Node) []Node {
	if and, ok := n.(And); ok {
		var out []Node
		for _, part := range and.Nodes {
			out = append(out, Conjuncts(part)...)
		}
		return out
	}
	if n == nil {
		return nil
	}
	return []Node{n}
}

// SyntaxError says where a filter cannot be read, and what to do.
type SyntaxError struct {
	Offset  int // characters from the start
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at position %d: %s", e.Offset+1, e.Message) }
