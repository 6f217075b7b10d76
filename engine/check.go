package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/filter"
	"lockstep/internal/nearest"
	"lockstep/mapping"
	"lockstep/provision"
)

// Checker reads filters and expressions for provision.Service, against what the environment's users can have.
type Checker struct {
	Schema func(ctx context.Context, envID string) (*directory.Schema, error)
}

var _ provision.Checker = Checker{}

// Language implements provision.Checker.
func (c Checker) Language(ctx context.Context, envID string) (provision.Language, error) {
	schema, err := c.Schema(ctx, envID)
	if err != nil {
		return nil, err
	}
	return language{schema}, nil
}

type language struct{ schema *directory.Schema }

// CheckFilter implements provision.Language.
func (l language) CheckFilter(expression string) error {
	f, err := filter.Parse(expression)
	if err != nil {
		return err
	}
	_, err = filter.Compile(f, l.schema.Filter())
	return err
}

// CheckExpression implements provision.Language.
func (l language) CheckExpression(expression string) error {
	_, err := mapping.CompileExpression(expression, mapping.SchemaOf(l.schema))
	return err
}

// CheckAttribute implements provision.Language.
func (l language) CheckAttribute(path string) error {
	if _, ok := l.schema.Attribute(path); ok {
		return nil
	}
	if near := nearest.Name(path, l.schema.Names()); near != "" {
		return fmt.Errorf("users have no such attribute; did you mean %q?", near)
	}
	return fmt.Errorf("users have no such attribute")
}
