package provision

import (
	"context"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

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
	err := s.edit(ctx, func(tx Tx) error {
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
		return s.log(ctx, tx, p.subject(), "CREATED", directory.Made(planChanges(&Plan{}, &p)))
	})
	return p, err
}

func checkPlan(p *Plan) error {
	var l problem.List
	checkName(&l, &p.Name, true)
	checkStatus(&l, p.Status)
	return l.Err("The plan cannot be saved:")
}

func planChanges(before, after *Plan) []directory.AttributeChange {
	var out changes
	out.add("name", before.Name, after.Name)
	out.add("status", string(before.Status), string(after.Status))
	return out.sorted()
}

// UpdatePlan replaces name and status.
func (s *Service) UpdatePlan(ctx context.Context, envID, id string, p Plan) (Plan, error) {
	err := s.edit(ctx, func(tx Tx) error {
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
		differs := planChanges(&before, &p)
		if len(differs) == 0 {
			p = before
			return errUnchanged
		}
		if err := tx.SavePlan(ctx, p); err != nil {
			return err
		}
		return s.log(ctx, tx, p.subject(), "UPDATED", differs)
	})
	return p, err
}

func (p *Plan) subject() subject {
	return subject{envID: p.EnvironmentID, kind: directory.KindPlan, id: p.ID, name: p.Name}
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

// DeletePlan deletes a plan with its rules and mappings. Nobody is deprovisioned: the next revision releases their accounts.
func (s *Service) DeletePlan(ctx context.Context, envID, id string) error {
	return s.edit(ctx, func(tx Tx) error {
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
		return s.log(ctx, tx, p.subject(), "DELETED", directory.Unmade(planChanges(&p, &Plan{})))
	})
}
