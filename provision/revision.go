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
}

// PublishWith is Publish with options.
func (s *Service) PublishWith(ctx context.Context, envID string, o PublishOptions) (Revision, error) {
	for try := 1; ; try++ {
		r, err := s.publish(ctx, envID, o)
		switch {
		case err == nil:
			s.wake(envID)
			return r, nil
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
		if r.Snapshot, err = s.snapshot(ctx, tx, envID, &previous); err != nil {
			return err
		}
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

// snapshot is what is drafted now.
func (s *Service) snapshot(ctx context.Context, tx Tx, envID string, previous *Revision) (Snapshot, error) {
	var out Snapshot
	plans, err := tx.Plans(ctx, envID)
	if err != nil {
		return out, err
	}
	if len(plans) > 0 {
		out.Plan = &plans[0]
	}
	if out.Connections, err = tx.Connections(ctx, envID); err != nil {
		return out, err
	}
	for i := range out.Connections {
		out.Connections[i].Secrets, out.Connections[i].Grant = nil, nil
	}
	rules, err := tx.Rules(ctx, envID, true)
	if err != nil {
		return out, err
	}
	// Deletions with deprovisioning are carried on: an object may come to its turn when later revisions are out.
	for _, r := range previous.Snapshot.Deleted {
		if r.DeprovisionOnDelete {
			out.Deleted = append(out.Deleted, r)
		}
	}
	for _, r := range rules {
		if r.DeletedAt.IsZero() {
			out.Rules = append(out.Rules, r)
			continue
		}
		r.DeprovisionOnDelete = r.DeprovisionOnDelete && managed(out.Connections, r)
		out.Deleted = append(out.Deleted, r)
	}
	if plans == nil && previous.ID == "" {
		return out, invalid(problem.ConstraintViolation, "plan", "there is no plan to publish; create a plan first")
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
