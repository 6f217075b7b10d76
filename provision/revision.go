package provision

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// errOvertaken says that another revision was published while this one was being made.
var errOvertaken = errors.New("another revision came first")

const maxOvertaken = 10

// Publish makes a revision: what is drafted takes effect. Deletions of rules are carried out by it. Of two that are made at once
// the later one carries on what the earlier one began, so that no deprovisioning is lost between them.
func (s *Service) Publish(ctx context.Context, envID string) (Revision, error) {
	return s.PublishWith(ctx, envID, PublishOptions{})
}

// PublishOptions is what whoever publishes agrees to.
type PublishOptions struct {
	// OverwriteExisting says that groups of the revision's rules may be overwritten where they are on the target already. Without it,
	// such a group is held.
	OverwriteExisting bool
	// Check is asked, in the transaction that makes the revision, whether what is drafted and published is still what somebody
	// agreed to. Its error ends the publishing.
	Check func(d *Drafts, previous *Revision) error
}

// refused is what PublishOptions.Check says: trying again does not help.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// PublishWith is Publish with options.
func (s *Service) PublishWith(ctx context.Context, envID string, o PublishOptions) (Revision, error) {
	for try := 1; ; try++ {
		r, err := s.publish(ctx, envID, o)
		var no refused
		switch {
		case err == nil:
			s.wake(envID)
			return r, nil
		case errors.As(err, &no):
			return Revision{}, no.error
		case !errors.Is(err, errOvertaken) && !problem.Is(err, problem.Conflict):
			return Revision{}, err
		case try == maxOvertaken:
			return Revision{}, problem.New(problem.Conflict, "other revisions are being published at this moment; publish again")
		}
	}
}

func (s *Service) publish(ctx context.Context, envID string, o PublishOptions) (Revision, error) {
	r := Revision{ID: uuid.NewString(), EnvironmentID: envID, CreatedAt: s.instant(), CreatedBy: directory.OriginOf(ctx).Actor.ID}
	previous, err := s.store.LatestRevision(ctx, envID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return r, err
	}
	err = s.store.EditProvisioning(ctx, func(tx Tx) error {
		r.PreviousID = "" // the transaction may run again
		drafts, err := draftsOf(ctx, tx, envID)
		if err != nil {
			return err
		}
		if drafts.Plans == nil && previous.ID == "" {
			return invalid(problem.ConstraintViolation, "plan", "there is no plan to publish; create a plan first")
		}
		if o.Check != nil {
			if err := o.Check(&drafts, &previous); err != nil {
				return refused{err}
			}
		}
		r.Snapshot = drafts.Snapshot(&previous)
		for _, deleted := range r.Snapshot.Deleted {
			if slices.ContainsFunc(previous.Snapshot.Deleted, func(d Rule) bool { return d.ID == deleted.ID }) {
				continue // carried on, purged before
			}
			if err := tx.PurgeRule(ctx, envID, deleted.ID); err != nil {
				return err
			}
		}
		if o.OverwriteExisting {
			if err := s.consent(ctx, tx, &r); err != nil {
				return err
			}
		}
		if err := tx.InsertRevision(ctx, &r); err != nil {
			return err
		}
		if r.PreviousID != previous.ID {
			return errOvertaken
		}
		name := strconv.FormatInt(r.Number, 10)
		return s.log(ctx, tx, subject{envID: envID, kind: directory.KindRevision, id: r.ID, name: name}, "CREATED", nil)
	})
	return r, err
}

// consent notes that the groups of the revision's rules may be overwritten.
func (s *Service) consent(ctx context.Context, tx Tx, r *Revision) error {
	for i := range r.Snapshot.Rules {
		rule := &r.Snapshot.Rules[i]
		if !rule.Active || len(rule.GroupIDs) == 0 {
			continue
		}
		if err := tx.Consent(ctx, rule.TargetID, rule.GroupIDs, r.CreatedBy, r.CreatedAt); err != nil {
			return err
		}
	}
	return nil
}

// draftsOf reads what is drafted now, in one transaction.
func draftsOf(ctx context.Context, tx Tx, envID string) (Drafts, error) {
	var out Drafts
	var err error
	if out.Plans, err = tx.Plans(ctx, envID); err != nil {
		return out, err
	}
	if out.Connections, err = tx.Connections(ctx, envID); err != nil {
		return out, err
	}
	if out.Rules, err = tx.Rules(ctx, envID, true); err != nil {
		return out, err
	}
	out.Mappings, err = tx.Mappings(ctx, envID, "")
	return out, err
}

// managed reports whether a rule's deletion may deprovision: PingOne asks for the connection's managed flag (or the rule's own,
// deprecated) besides the wish.
func managed(connections []Connection, r Rule) bool {
	return r.Deprovision || slices.ContainsFunc(connections, func(c Connection) bool { return c.ID == r.TargetID && c.Managed })
}

// LatestRevision answers the newest revision.
func (s *Service) LatestRevision(ctx context.Context, envID string) (Revision, error) {
	return s.store.LatestRevision(ctx, envID)
}

// Revision answers one revision.
func (s *Service) Revision(ctx context.Context, envID, id string) (Revision, error) {
	return s.store.Revision(ctx, envID, id)
}

// Revisions lists the newest revisions.
func (s *Service) Revisions(ctx context.Context, envID string, limit int) ([]Revision, error) {
	return s.store.Revisions(ctx, envID, limit)
}
