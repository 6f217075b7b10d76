package api

import (
	"strings"

	"lockstep/provision"
)

// Plan holds the rules of an environment.
type Plan struct {
	Links       Links            `json:"_links"`
	ID          string           `json:"id" format:"uuid"`
	Environment Reference        `json:"environment"`
	Name        string           `json:"name"`
	Status      provision.Status `json:"status"`
	Times
}

// PlanBody is what may be written of a plan.
type PlanBody struct {
	_      struct{} `additionalProperties:"true"`
	Name   string   `json:"name"`
	Status string   `json:"status,omitempty" enum:"ACTIVE,INACTIVE,UNKNOWN" doc:"Left out, or UNKNOWN as PingOne's Go SDK writes: as it is."`
}

// Plans is what a list of plans embeds.
type Plans struct {
	Plans []Plan `json:"plans"`
}

func (r *request) plan(p *provision.Plan) Plan {
	status := p.Status
	if status == "" {
		status = provision.Inactive // PingOne's default; see provision.Service.CreatePlan
	}
	self := r.here("/propagation/plans/" + p.ID)
	return Plan{
		Links: Links{"self": {self}, "rules": {self + "/rules"}}, ID: p.ID, Environment: refer(p.EnvironmentID), Name: p.Name, Status: status,
		Times: times(p.CreatedAt, p.UpdatedAt),
	}
}

func (s *server) listPlans(r *request) (Collection[Plans], error) {
	all, err := s.Provision.Plans(r.Context(), r.env)
	if err != nil {
		return Collection[Plans]{}, err
	}
	return whole(r, all, r.plan, func(l []Plan) Plans { return Plans{l} })
}

func (s *server) readPlan(r *request) (Plan, error) {
	p, err := s.Provision.Plan(r.Context(), r.env, r.PathValue("planID"))
	return r.plan(&p), err
}

func (in *PlanBody) plan() provision.Plan {
	return provision.Plan{Name: in.Name, Status: provision.Status(known(in.Status))}
}

// known takes names in any case. PingOne's Go SDK reads names that it does not know, ACTIVE among them, as UNKNOWN and sends
// that back: it says nothing, so what it is about stays as it is.
func known(s string) string {
	if s = strings.ToUpper(s); s == "UNKNOWN" {
		return ""
	}
	return s
}

func (s *server) createPlan(r *request, in PlanBody) (Plan, error) {
	p, err := s.Provision.CreatePlan(r.Context(), r.env, in.plan())
	return r.plan(&p), err
}

func (s *server) updatePlan(r *request, in PlanBody) (Plan, error) {
	p, err := s.Provision.UpdatePlan(r.Context(), r.env, r.PathValue("planID"), in.plan())
	return r.plan(&p), err
}

func (s *server) deletePlan(r *request) error {
	return s.Provision.DeletePlan(r.Context(), r.env, r.PathValue("planID"))
}
