package simulation

import (
	"context"

	"lockstep/directory"
	"lockstep/provision"
)

func (s *storage) Drafts(ctx context.Context, envID string) (provision.Drafts, error) {
	return read(ctx, s, func() (provision.Drafts, error) { return s.db.Drafts(ctx, envID) })
}

func (s *storage) KnownDigest(ctx context.Context, connectionID string) (string, error) {
	return read(ctx, s, func() (string, error) { return s.db.KnownDigest(ctx, connectionID) })
}

func (s *storage) BeginPreview(ctx context.Context, p provision.Preview) error {
	return s.writing(ctx, "preview", "a preview", func() error { return s.db.BeginPreview(ctx, p) })
}

func (s *storage) SavePreviewPage(ctx context.Context, id string, page provision.PreviewPage) error {
	return s.writing(ctx, "preview", "a preview", func() error { return s.db.SavePreviewPage(ctx, id, page) })
}

func (s *storage) FinishPreview(ctx context.Context, p provision.Preview) error {
	return s.writing(ctx, "preview", "a preview", func() error { return s.db.FinishPreview(ctx, p) })
}

func (s *storage) DropPreview(ctx context.Context, id string) error {
	return s.writing(ctx, "preview", "a preview", func() error { return s.db.DropPreview(ctx, id) })
}

func (s *storage) Preview(ctx context.Context, envID, id string) (provision.Preview, error) {
	return read(ctx, s, func() (provision.Preview, error) { return s.db.Preview(ctx, envID, id) })
}

func (s *storage) PreviewPage(ctx context.Context, id string, group provision.PreviewGroup, page int, text string) ([]provision.Foreseen, int, error) {
	return s.db.PreviewPage(ctx, id, group, page, text)
}

func (s *storage) KeepForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteID, by string, line directory.Activity) error {
	return s.writing(ctx, "account", "what stays foreign", func() error { return s.db.KeepForeign(ctx, connectionID, kind, remoteID, by, line) })
}

func (s *storage) EndForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteID string, lines ...directory.Activity) error {
	return s.writing(ctx, "account", "what stays foreign", func() error { return s.db.EndForeign(ctx, connectionID, kind, remoteID, lines...) })
}

func (s *storage) FailureCauses(ctx context.Context, connectionID, ruleID string) ([]provision.FailureCause, error) {
	return read(ctx, s, func() ([]provision.FailureCause, error) { return s.db.FailureCauses(ctx, connectionID, ruleID) })
}

// KeptForeign is answered at once: no schedule marks an account, and the time of a read would be one more step of every schedule.
func (s *storage) KeptForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteIDs []string) (map[string]bool, error) {
	return s.db.KeptForeign(ctx, connectionID, kind, remoteIDs)
}

// SharedEmails is answered at once, as KeptForeign is.
func (s *storage) SharedEmails(ctx context.Context, envID string, emails []string) ([]string, error) {
	return s.db.SharedEmails(ctx, envID, emails)
}
