package simulation

import (
	"context"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

func (s *storage) GateCounts(ctx context.Context, connectionID string, since time.Time) (provision.GateCounts, error) {
	return read(ctx, s, func() (provision.GateCounts, error) { return s.db.GateCounts(ctx, connectionID, since) })
}

func (s *storage) CountAccess(ctx context.Context, connectionID string, since time.Time) (int64, error) {
	return read(ctx, s, func() (int64, error) { return s.db.CountAccess(ctx, connectionID, since) })
}

func (s *storage) WaitingCauses(ctx context.Context, connectionID string, limit int) ([]provision.WaitingCause, error) {
	return read(ctx, s, func() ([]provision.WaitingCause, error) { return s.db.WaitingCauses(ctx, connectionID, limit) })
}

func (s *storage) PassWaiting(ctx context.Context, connectionID string, held bool, most int64, at time.Time) (int64, error) {
	var n int64
	err := s.writing(ctx, "account", "the gate", func() (err error) {
		n, err = s.db.PassWaiting(ctx, connectionID, held, most, at)
		return err
	})
	return n, err
}

func (s *storage) OpenHold(ctx context.Context, connectionID string) (provision.DeprovisionHold, error) {
	return read(ctx, s, func() (provision.DeprovisionHold, error) { return s.db.OpenHold(ctx, connectionID) })
}

func (s *storage) DeprovisionHold(ctx context.Context, envID, id string) (provision.DeprovisionHold, error) {
	return read(ctx, s, func() (provision.DeprovisionHold, error) { return s.db.DeprovisionHold(ctx, envID, id) })
}

func (s *storage) HeldRows(ctx context.Context, holdID, name, after string, limit int) ([]provision.Account, error) {
	return read(ctx, s, func() ([]provision.Account, error) { return s.db.HeldRows(ctx, holdID, name, after, limit) })
}

func (s *storage) CountHeld(ctx context.Context, connectionID, ruleID string) (int64, error) {
	return read(ctx, s, func() (int64, error) { return s.db.CountHeld(ctx, connectionID, ruleID) })
}

func (s *storage) HoldWaiting(ctx context.Context, h provision.DeprovisionHold, activities ...directory.Activity) (int64, error) {
	var n int64
	err := s.writing(ctx, "account", "a hold", func() (err error) {
		n, err = s.db.HoldWaiting(ctx, h, activities...)
		return err
	})
	return n, err
}

func (s *storage) CloseHold(ctx context.Context, h provision.DeprovisionHold, activities ...directory.Activity) error {
	return s.writing(ctx, "account", "a hold", func() error { return s.db.CloseHold(ctx, h, activities...) })
}

func (s *storage) DecideHold(ctx context.Context, envID string, d provision.HoldDecision) (provision.DeprovisionHold, int64, error) {
	var n int64
	var h provision.DeprovisionHold
	err := s.writing(ctx, "account", "a hold", func() (err error) {
		rows, _ := s.db.HeldRows(ctx, d.HoldID, "", "", 100)
		if h, n, err = s.db.DecideHold(ctx, envID, d); err == nil {
			s.w.decided(d, rows)
		}
		return err
	})
	return h, n, err
}

func (s *storage) Activities(ctx context.Context, envID string, q directory.ActivityQuery) ([]directory.Activity, error) {
	return read(ctx, s, func() ([]directory.Activity, error) { return s.db.Activities(ctx, envID, q) })
}
