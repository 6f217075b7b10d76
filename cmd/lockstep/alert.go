package main

import (
	"context"
	"errors"
)

// alert looks at all environments, and delivers what is to be said. The schedule lets one server do it at a time; two do no harm.
func (a *app) alert(ctx context.Context) error {
	environments, err := a.people.Environments(ctx)
	for _, env := range environments {
		err = errors.Join(err, a.alerts.Look(ctx, env.ID))
	}
	return errors.Join(err, a.alerts.Deliver(ctx))
}
