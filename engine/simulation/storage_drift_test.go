package simulation

import (
	"context"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

func (s *storage) LiveDrift(ctx context.Context, connectionID string, kind directory.Kind, ids []string) ([]provision.Drift, error) {
	return read(ctx, s, func() ([]provision.Drift, error) { return s.db.LiveDrift(ctx, connectionID, kind, ids) })
}

func (s *storage) SaveDrift(ctx context.Context, drifts []provision.Drift, activities []directory.Activity) error {
	return s.writing(ctx, "account", "drift", func() error { return s.db.SaveDrift(ctx, drifts, activities) })
}

func (s *storage) DriftPage(ctx context.Context, q provision.DriftQuery) ([]provision.Drift, error) {
	return read(ctx, s, func() ([]provision.Drift, error) { return s.db.DriftPage(ctx, q) })
}

func (s *storage) Drift(ctx context.Context, envID, id string) (provision.Drift, error) {
	return read(ctx, s, func() (provision.Drift, error) { return s.db.Drift(ctx, envID, id) })
}

func (s *storage) CountDrift(ctx context.Context, connectionID, ruleID string) (provision.DriftCounts, error) {
	return read(ctx, s, func() (provision.DriftCounts, error) { return s.db.CountDrift(ctx, connectionID, ruleID) })
}

func (s *storage) CountDrifted(ctx context.Context, connectionID, attribute string, since time.Time) (int64, error) {
	return read(ctx, s, func() (int64, error) { return s.db.CountDrifted(ctx, connectionID, attribute, since) })
}

func (s *storage) CountHurt(ctx context.Context, connectionID string, since time.Time) (int64, error) {
	return read(ctx, s, func() (int64, error) { return s.db.CountHurt(ctx, connectionID, since) })
}

func (s *storage) DecideDrift(ctx context.Context, d provision.DriftDecision) (int64, error) {
	var n int64
	err := s.writing(ctx, "account", "a decision", func() (err error) {
		n, err = s.db.DecideDrift(ctx, d)
		return err
	})
	return n, err
}

func (s *storage) PruneDrift(ctx context.Context, connectionID string, before time.Time) error {
	return s.writing(ctx, "account", "drift", func() error { return s.db.PruneDrift(ctx, connectionID, before) })
}

func (s *storage) SetTrip(ctx context.Context, envID, connectionID string, trip provision.Trip, line directory.Activity) (bool, error) {
	var set bool
	s.w.trace("store: the tripwire: %s", trip.Why)
	err := s.writing(ctx, "runner", "the tripwire", func() (err error) {
		set, err = s.db.SetTrip(ctx, envID, connectionID, trip, line)
		return err
	})
	return set, err
}

func (s *storage) ChangeTrip(ctx context.Context, envID, connectionID string, change func(provision.Trip) *provision.Trip, lines ...directory.Activity) error {
	return s.writing(ctx, "runner", "the tripwire", func() error { return s.db.ChangeTrip(ctx, envID, connectionID, change, lines...) })
}

func (s *storage) CountLingering(ctx context.Context, connectionID, ruleID string, now time.Time) (int64, time.Time, error) {
	var next time.Time
	n, err := read(ctx, s, func() (n int64, err error) {
		n, next, err = s.db.CountLingering(ctx, connectionID, ruleID, now)
		return n, err
	})
	return n, next, err
}

func (s *storage) Ripe(ctx context.Context, connectionID string, now time.Time, limit int) ([]provision.Account, error) {
	return read(ctx, s, func() ([]provision.Account, error) { return s.db.Ripe(ctx, connectionID, now, limit) })
}

func (s *storage) MarkWaiting(ctx context.Context, connectionID string, folded []string, at time.Time, cause string) error {
	return s.writing(ctx, "account", "who waits", func() error { return s.db.MarkWaiting(ctx, connectionID, folded, at, cause) })
}

func (s *storage) UsersCalled(ctx context.Context, envID string, folded []string) ([]directory.User, error) {
	return read(ctx, s, func() ([]directory.User, error) { return s.db.UsersCalled(ctx, envID, folded) })
}
