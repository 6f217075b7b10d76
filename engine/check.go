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

// CheckFilter implements provision.Checker.
func (c Checker) CheckFilter(ctx context.Context, envID, expression string) error {
	schema, err := c.Schema(ctx, envID)
	if err != nil {
		return err
	}
	f, err := filter.Parse(expression)
	if err != nil {
		return err
	}
	_, err = filter.Compile(f, schema.Filter())
	return err
}

// CheckExpression implements provision.Checker.
func (c Checker) CheckExpression(ctx context.Context, envID, expression string) error {
	schema, err := c.Schema(ctx, envID)
	if err != nil {
		return err
	}
	_, err = mapping.CompileExpression(expression, mapping.SchemaOf(schema))
	return err
}

// CheckAttribute implements provision.Checker.
func (c Checker) CheckAttribute(ctx context.Context, envID, path string) error {
	schema, err := c.Schema(ctx, envID)
	if err != nil {
		return err
	}
	if _, ok := schema.Attribute(path); ok {
		return nil
	}
	if near := nearest.Name(path, schema.Names()); near != "" {
		return fmt.Errorf("users have no such attribute; did you mean %q?", near)
	}
	return fmt.Errorf("users have no such attribute")
}
