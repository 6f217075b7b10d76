package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/mapping"
	"lockstep/provision"
)

// ConnectionStatus answers what a connection's runner is doing, and how much of the target's limits is left. The levels are those of
// the runner in this process, or else what the last slice left, refilled since.
func (e *Engine) ConnectionStatus(ctx context.Context, envID, connectionID string) (provision.ConnectionStatus, error) {
	c, err := e.store.Connection(ctx, envID, connectionID)
	if err != nil {
		return provision.ConnectionStatus{}, err
	}
	state, err := e.store.Runner(ctx, envID, connectionID)
	if err != nil {
		return provision.ConnectionStatus{}, err
	}
	out := provision.ConnectionStatus{Paused: state.Paused, Halt: state.Halt, Trip: state.Trip, ScannedAt: state.ScannedAt, LastSyncAt: state.LastSyncAt, RatePerMinute: state.RatePerMinute}
	for _, until := range state.NotBefore {
		if until.After(e.now()) && until.After(out.NotBefore) {
			out.NotBefore = until
		}
	}
	kind, ok := e.types[c.Type]
	if !ok {
		return out, nil
	}
	levels, at := state.Budgets, state.BudgetsAt
	effective := provision.Effective(kind.Describe(), c)
	factor := effective.Number(provision.KeyRateLimitFactor, 1)
	for _, b := range kind.Budgets() {
		level := provision.BudgetLevel{Name: b.Name, PerMinute: b.PerMinute * factor, Burst: float64(b.Burst), Available: float64(b.Burst)}
		if left, used := levels[b.Name]; used {
			refilled := left + level.PerMinute*max(0, e.now().Sub(at).Minutes())
			level.Available = max(0, min(level.Burst, refilled))
			if refilled >= level.Burst-1 { // the pacer keeps one back
				level.Available = level.Burst
			}
		}
		out.Budgets = append(out.Budgets, level)
	}
	return out, nil
}

const evaluationTime = 2 * time.Second

// Evaluate answers the value that an expression has for a user. What is wrong with the expression is an INVALID_DATA problem.
func (e *Engine) Evaluate(ctx context.Context, envID, expression, userID string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	custom, err := e.store.CustomAttributes(ctx, envID)
	if err != nil {
		return nil, fmt.Errorf("read the attributes: %w", err)
	}
	compiled, err := mapping.CompileExpression(expression, mapping.SchemaOf(directory.NewSchema(custom)))
	if err != nil {
		return nil, expressionProblem(err)
	}
	if userID == "" {
		return nil, nil //nolint:nilnil // it can be read; that was the question
	}
	user, err := e.store.User(ctx, envID, userID)
	if err != nil {
		return nil, err
	}
	value, err := compiled.Eval(&user)
	if err != nil {
		return nil, expressionProblem(err)
	}
	return value, nil
}

func expressionProblem(err error) error {
	wrong, ok := errors.AsType[*mapping.ExpressionError](err)
	if !ok {
		return err
	}
	var l problem.List
	l.Add(problem.InvalidValue, "expression", "%s", wrong.Error())
	return l.Err("The expression cannot be used:")
}
