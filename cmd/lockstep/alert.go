package main

import (
	"context"
	"errors"
	"time"
)

// pendingKept is how long it is known how much was pending; the API shows as much.
const pendingKept = 31 * 24 * time.Hour

// alert looks at all environments: notes how much is pending, and delivers what is to be said. The schedule lets one server do it at a
// time; two do no harm.
func (a *app) alert(ctx context.Context) error {
	environments, err := a.people.Environments(ctx)
	for _, env := range environments {
		err = errors.Join(err, a.samplePending(ctx, env.ID), a.alerts.Look(ctx, env.ID))
	}
	return errors.Join(err, a.alerts.Deliver(ctx))
}

func (a *app) samplePending(ctx context.Context, envID string) error {
	rules, err := a.provisions.Rules(ctx, envID)
	if err != nil {
		return err
	}
	return a.db.SamplePending(ctx, envID, time.Now(), rules)
}
