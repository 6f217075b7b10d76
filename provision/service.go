package provision

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// Checker knows the languages of filters and expressions. The error is a sentence that says what is wrong and where.
type Checker interface {
	CheckFilter(ctx context.Context, envID, expression string) error
	CheckExpression(ctx context.Context, envID, expression string) error
	CheckAttribute(ctx context.Context, envID, path string) error
}

// Deps is what a Service needs. Now, NewID and Wake may be nil.
type Deps struct {
	Catalogue Catalogue
	Checker   Checker
	Now       func() time.Time
	NewID     func() string
	// Wake is called after a revision was published.
	Wake func(envID string)
}

// Service is the only way to edit what is provisioned. Edits are drafts until Publish.
type Service struct {
	store     Store
	catalogue Catalogue
	checker   Checker
	now       func() time.Time
	newID     func() string
	wake      func(string)
}

// NewService makes a service over a store.
func NewService(store Store, d Deps) *Service {
	s := &Service{store: store, catalogue: d.Catalogue, checker: d.Checker, now: d.Now, newID: d.NewID, wake: d.Wake}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if s.wake == nil {
		s.wake = func(string) {}
	}
	return s
}

func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

func (s *Service) log(ctx context.Context, tx Tx, envID string, kind directory.Kind, verb, id, name string, changes []directory.AttributeChange) error {
	origin := directory.OriginOf(ctx)
	words := map[directory.Kind]string{
		directory.KindPlan: "plan", directory.KindConnection: "connection", directory.KindRule: "rule", directory.KindMapping: "mapping",
		directory.KindRevision: "revision",
	}
	return tx.Append(ctx, []directory.Activity{{
		ID: s.newID(), EnvironmentID: envID, RecordedAt: s.instant(), Type: string(kind) + "." + verb, Actor: origin.Actor,
		CorrelationID: origin.CorrelationID, Kind: kind, ObjectID: id, ObjectName: name, Success: true,
		Description: words[kind] + " " + name + " was " + strings.ToLower(verb), Changes: changes,
	}})
}

func invalid(code, target, format string, args ...any) error {
	var l problem.List
	l.Add(code, target, format, args...)
	return l.Err("The input is not acceptable:")
}

func checkName(l *problem.List, name *string, required bool) {
	*name = strings.TrimSpace(*name)
	switch {
	case *name == "" && required:
		l.Add(problem.RequiredValue, "name", "a name is required")
	case len(*name) > 256:
		l.Add(problem.InvalidValue, "name", "at most 256 characters are allowed")
	case strings.ContainsFunc(*name, func(r rune) bool { return r < ' ' }):
		l.Add(problem.InvalidValue, "name", "control characters are not allowed")
	}
}

// Plans lists the plans of an environment: none or one.
func (s *Service) Plans(ctx context.Context, envID string) ([]Plan, error) {
	return s.store.Plans(ctx, envID)
}

// Plan answers one plan.
func (s *Service) Plan(ctx context.Context, envID, id string) (Plan, error) {
	return s.store.Plan(ctx, envID, id)
}

// CreatePlan makes the environment's plan. A status that is not given is kept as not given: it is shown as INACTIVE, PingOne's
// default, but only a plan that somebody switched off stops provisioning.
func (s *Service) CreatePlan(ctx context.Context, envID string, p Plan) (Plan, error) {
	p.ID, p.EnvironmentID = uuid.NewString(), envID
	p.CreatedAt = s.instant()
	p.UpdatedAt = p.CreatedAt
	err := s.store.EditProvisioning(ctx, func(tx Tx) error {
		existing, err := tx.Plans(ctx, envID)
		if err != nil {
			return err
		}
		if len(existing) > 0 {
			return invalid(problem.UniquenessViolation, "environment.id", "the environment has a plan already (%s); there is one plan an environment", existing[0].ID)
		}
		if err := checkPlan(&p); err != nil {
			return err
		}
		if err := tx.SavePlan(ctx, p); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindPlan, "CREATED", p.ID, p.Name, nil)
	})
	return p, err
}

func checkPlan(p *Plan) error {
	var l problem.List
	checkName(&l, &p.Name, true)
	checkStatus(&l, p.Status)
	return l.Err("The plan cannot be saved:")
}

func checkStatus(l *problem.List, status Status) {
	if status != "" && status != Active && status != Inactive {
		l.AddDetail(problem.Detail{
			Code: problem.InvalidValue, Target: "status", Message: "a status is ACTIVE or INACTIVE", AllowedValues: []string{string(Active), string(Inactive)},
		})
	}
}

// UpdatePlan replaces name and status.
func (s *Service) UpdatePlan(ctx context.Context, envID, id string, p Plan) (Plan, error) {
	err := s.store.EditProvisioning(ctx, func(tx Tx) error {
		before, err := planIn(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		p.ID, p.EnvironmentID, p.CreatedAt, p.UpdatedAt = id, envID, before.CreatedAt, s.instant()
		if p.Status == "" {
			p.Status = before.Status
		}
		if err := checkPlan(&p); err != nil {
			return err
		}
		if err := tx.SavePlan(ctx, p); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindPlan, "UPDATED", p.ID, p.Name, nil)
	})
	return p, err
}

func planIn(ctx context.Context, tx Tx, envID, id string) (Plan, error) {
	plans, err := tx.Plans(ctx, envID)
	if err != nil {
		return Plan{}, err
	}
	for _, p := range plans {
		if p.ID == id {
			return p, nil
		}
	}
	return Plan{}, problem.Missing("plan")
}

// DeletePlan deletes a plan with its rules and mappings.
func (s *Service) DeletePlan(ctx context.Context, envID, id string) error {
	return s.store.EditProvisioning(ctx, func(tx Tx) error {
		p, err := planIn(ctx, tx, envID, id)
		if err != nil {
			return err
		}
		rules, err := tx.Rules(ctx, envID, false)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if err := s.deleteRule(ctx, tx, r, false); err != nil {
				return err
			}
		}
		if err := tx.DeletePlan(ctx, envID, id); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindPlan, "DELETED", p.ID, p.Name, nil)
	})
}

// Publish makes a revision: what is drafted takes effect. Deletions of rules are carried out by it.
func (s *Service) Publish(ctx context.Context, envID string) (Revision, error) {
	r := Revision{ID: uuid.NewString(), EnvironmentID: envID, CreatedAt: s.instant(), CreatedBy: directory.OriginOf(ctx).Actor.ID}
	previous, err := s.store.LatestRevision(ctx, envID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return r, err
	}
	err = s.store.EditProvisioning(ctx, func(tx Tx) error {
		snapshot, err := s.snapshot(ctx, tx, envID, &previous)
		if err != nil {
			return err
		}
		r.Snapshot = snapshot
		for _, deleted := range snapshot.Deleted {
			if err := tx.PurgeRule(ctx, envID, deleted.ID); err != nil {
				return err
			}
		}
		if err := tx.InsertRevision(ctx, &r); err != nil {
			return err
		}
		return s.log(ctx, tx, envID, directory.KindRevision, "CREATED", r.ID, "", nil)
	})
	if err == nil {
		s.wake(envID)
	}
	return r, err
}

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
		out.Connections[i].Secrets = nil
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
