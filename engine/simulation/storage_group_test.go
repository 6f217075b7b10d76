package simulation

import (
	"context"
	"fmt"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// read runs a read of the store.
func read[T any](ctx context.Context, s *storage, f func() (T, error)) (T, error) {
	if err := s.reading(ctx); err != nil {
		var none T
		return none, err
	}
	return f()
}

func (s *storage) GroupsByID(ctx context.Context, envID string, ids []string) ([]directory.Group, error) {
	return read(ctx, s, func() ([]directory.Group, error) { return s.db.GroupsByID(ctx, envID, ids) })
}

func (s *storage) Memberships(ctx context.Context, envID string, ids []string) (map[string][]directory.Membership, error) {
	return read(ctx, s, func() (map[string][]directory.Membership, error) { return s.db.Memberships(ctx, envID, ids) })
}

func (s *storage) EffectiveMembers(ctx context.Context, groupID, after string, limit int) ([]string, error) {
	return read(ctx, s, func() ([]string, error) { return s.db.EffectiveMembers(ctx, groupID, after, limit) })
}

func (s *storage) MembersOf(ctx context.Context, groupID string) ([]string, error) {
	return read(ctx, s, func() ([]string, error) { return s.db.MembersOf(ctx, groupID) })
}

func (s *storage) GroupsOf(ctx context.Context, ids []string) ([]string, error) {
	return read(ctx, s, func() ([]string, error) { return s.db.GroupsOf(ctx, ids) })
}

func (s *storage) GroupsAbove(ctx context.Context, ids []string) ([]string, error) {
	return read(ctx, s, func() ([]string, error) { return s.db.GroupsAbove(ctx, ids) })
}

func (s *storage) MemberAccounts(ctx context.Context, connectionID, groupID string) ([]provision.MemberAccount, error) {
	return read(ctx, s, func() ([]provision.MemberAccount, error) { return s.db.MemberAccounts(ctx, connectionID, groupID) })
}

func (s *storage) AccountMembers(ctx context.Context, accountID string) ([]provision.KnownMember, error) {
	return read(ctx, s, func() ([]provision.KnownMember, error) { return s.db.AccountMembers(ctx, accountID) })
}

func (s *storage) SaveAccountMembers(ctx context.Context, accountID string, put []provision.KnownMember, drop []string) error {
	if len(put)+len(drop) == 0 {
		return nil
	}
	key := fmt.Sprintf("members %v -%v", put, drop)
	return s.writing(ctx, "account", key, func() error { return s.db.SaveAccountMembers(ctx, accountID, put, drop) })
}

func (s *storage) ForgetMemberships(ctx context.Context, connectionID string, remoteIDs []string) error {
	if len(remoteIDs) == 0 {
		return nil
	}
	return s.writing(ctx, "account", fmt.Sprint("forget ", remoteIDs), func() error { return s.db.ForgetMemberships(ctx, connectionID, remoteIDs) })
}

func (s *storage) DueGroups(ctx context.Context, connectionID string, now time.Time, except []string, limit int) ([]provision.Account, error) {
	next, err := s.NextDue(ctx, connectionID)
	if err != nil || next.IsZero() || next.After(now) {
		return nil, err
	}
	return s.db.DueGroups(ctx, connectionID, now, except, limit)
}

func (s *storage) MarkGroups(ctx context.Context, connectionID string, ids []string, at time.Time, p provision.Priority, cause string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.writing(ctx, "account", fmt.Sprint("mark groups ", len(ids), cause), func() error { return s.db.MarkGroups(ctx, connectionID, ids, at, p, cause) })
}

func (s *storage) GatheredGroups(ctx context.Context, connectionID string, now time.Time) (n int64, err error) {
	err = s.writing(ctx, "account", "gathered", func() error { n, err = s.db.GatheredGroups(ctx, connectionID, now); return err })
	return n, err
}

func (s *storage) Consents(ctx context.Context, connectionID string, ids []string) (map[string]bool, error) {
	return read(ctx, s, func() (map[string]bool, error) { return s.db.Consents(ctx, connectionID, ids) })
}

func (s *storage) Consent(ctx context.Context, connectionID string, ids []string, by string, at time.Time) error {
	return s.writing(ctx, "account", "consent", func() error { return s.db.Consent(ctx, connectionID, ids, by, at) })
}

func (s *storage) EndConsent(ctx context.Context, connectionID, id string, given time.Time) error {
	s.w.trace("store: the consent for a group ends")
	return s.writing(ctx, "account", "end consent", func() error { return s.db.EndConsent(ctx, connectionID, id, given) })
}
