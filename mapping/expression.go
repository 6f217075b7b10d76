package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"

	"lockstep/directory"
)

// Bounds on expressions.
const (
	MaxExpression = 10_000
	maxDepth      = 50
	maxElements   = 1000
	maxResult     = 64 << 10
	maxArguments  = 1 << 20 // of one function or operator, together
	maxCost       = 100_000 // steps of cel-go
)

// Type is the type of a value, as far as it is known before there is one.
type Type int

// The types.
const (
	Any Type = iota
	String
	Boolean
	Number
	DateTime
	List
	Map
)

func (t Type) String() string {
	return [...]string{"any value", "text", "true or false", "a number", "a time", "a list", "a map"}[t]
}

// Attribute is what an expression needs to know of a source attribute.
type Attribute struct {
	Name        string
	Type        Type
	MultiValued bool
}

// Schema knows the source attributes; look-ups are by full path, without regard to case.
type Schema interface {
	Attribute(path string) (Attribute, bool)
	Names() []string
}

// Object is a person. Value answers nil when there is no value.
type Object interface {
	Value(path string) any
}

// ExpressionError says where an expression cannot be read or evaluated.
type ExpressionError struct {
	Offset       int // characters from the start; -1 = not at one place
	Line, Column int // both from 1; 0 = not at one place
	Message      string
	lines        bool // the expression has more than one
}

func (e *ExpressionError) Error() string {
	switch {
	case e.Offset < 0:
		return e.Message
	case e.lines:
		return fmt.Sprintf("at line %d, column %d: %s", e.Line, e.Column, e.Message)
	default:
		return fmt.Sprintf("at position %d: %s", e.Offset+1, e.Message)
	}
}

// place turns an offset in bytes, which we count inside, into what people count.
func place(err error, src string) error {
	wrong, ok := errors.AsType[*ExpressionError](err)
	if !ok || wrong.Offset < 0 {
		return err
	}
	before := src[:min(wrong.Offset, len(src))]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return &ExpressionError{
		Offset: utf8.RuneCountInString(before), Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(line) + 1,
		Message: wrong.Message, lines: strings.Contains(strings.TrimSpace(src), "\n"),
	}
}

// Expression is a compiled expression. It is safe for concurrent use.
type Expression struct {
	source  string
	kind    Type
	paths   []string // in the order of the program's variables
	direct  string   // the whole expression is this attribute
	program cel.Program
}

// CompileExpression reads and checks an expression. Errors are *ExpressionError, and have a place.
func CompileExpression(src string, s Schema) (*Expression, error) {
	e, err := compile(src, s)
	if wrong, ok := errors.AsType[*ExpressionError](err); ok && wrong.Offset < 0 {
		wrong.Offset = 0 // the whole
	}
	if err != nil {
		return nil, place(err, src)
	}
	return e, nil
}

func compile(src string, s Schema) (*Expression, error) {
	if n := utf8.RuneCountInString(src); n > MaxExpression {
		return nil, &ExpressionError{Message: fmt.Sprintf("the expression has %d characters, and at most %d are allowed; shorten it", n, MaxExpression)}
	}
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	t := &translator{schema: s, names: map[string]string{}}
	text, kind, err := t.expression(root)
	if err != nil {
		return nil, err
	}
	e := &Expression{source: src, kind: kind, paths: t.paths}
	if text == firstVariable { // nothing but an attribute needs no program
		e.direct = t.paths[0]
		return e, nil
	}
	if e.program, err = program(text, t.paths); err != nil {
		return nil, err
	}
	return e, nil
}

// Paths lists the source attributes that the expression reads; sorted.
func (e *Expression) Paths() []string { return slices.Sorted(slices.Values(e.paths)) }

// Type is the type of the result, as far as it is known.
func (e *Expression) Type() Type { return e.kind }

// Eval answers the value for a person; nil = no value. Errors are *ExpressionError.
func (e *Expression) Eval(o Object) (any, error) {
	if e.direct != "" {
		return small(o.Value(e.direct))
	}
	value, err := run(e.program, o, e.paths)
	if err != nil {
		return nil, place(err, e.source)
	}
	return small(value)
}

func small(value any) (any, error) {
	if size(value) > maxResult {
		return nil, &ExpressionError{Offset: -1, Message: fmt.Sprintf("the result is larger than %d KiB", maxResult>>10)}
	}
	return value, nil
}

// SchemaOf shows a directory schema to expressions.
func SchemaOf(s *directory.Schema) Schema { return directorySchema{s} }

type directorySchema struct{ schema *directory.Schema }

func (d directorySchema) Names() []string { return d.schema.Names() }

func (d directorySchema) Attribute(path string) (Attribute, bool) {
	a, ok := d.schema.Attribute(path)
	if !ok {
		return Attribute{}, false
	}
	kinds := map[directory.AttributeType]Type{
		directory.TypeString: String, directory.TypeBoolean: Boolean, directory.TypeInteger: Number, directory.TypeDateTime: DateTime,
	}
	return Attribute{Name: a.Name, Type: kinds[a.Type], MultiValued: a.MultiValued}, true
}
