package api

import (
	"strings"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// Holds is what the list of a store's held operations embeds.
type Holds struct {
	Holds []Hold `json:"holds"`
}

// Hold is a set of operations that waits for an administrator.
type Hold struct {
	Links      Links       `json:"_links"`
	ID         string      `json:"id" format:"uuid"`
	Type       string      `json:"type" enum:"OVERWRITE_GROUP,MASS_DEPROVISION"`
	Store      Reference   `json:"store"`
	Rule       *Reference  `json:"rule,omitempty"`
	Why        string      `json:"why" doc:"Why it is held, in a sentence."`
	HeldSince  Stamp       `json:"heldSince,omitzero"`
	ExpiresAt  Stamp       `json:"expiresAt,omitzero" doc:"When it counts as rejected, if nobody decides."`
	Held       int64       `json:"held" doc:"How many operations are held in all; a page shows a part of them."`
	Operations []Operation `json:"operations" doc:"Whole; members.remove names who would go."`
}

func (r *request) hold(h *provision.Hold) Hold {
	op := h.Operation
	op.Members = &provision.MemberChange{Remove: h.Leaving}
	return Hold{
		Links: Links{"self": {r.here("/propagation/holds/" + h.Account.ID)}}, ID: h.Account.ID, Type: "OVERWRITE_GROUP", Store: refer(h.Account.ConnectionID),
		Rule: referTo(h.Account.RuleID), Why: h.Operation.Withheld, HeldSince: Stamp(h.Account.UpdatedAt), Held: 1, Operations: []Operation{operation(&op)},
	}
}

// HoldDecision decides about a hold.
type HoldDecision struct {
	_        struct{} `additionalProperties:"true"`
	Decision string   `json:"decision" enum:"APPROVE,REJECT"`
	Objects  []string `json:"objects,omitempty" doc:"Of a mass deprovisioning: the ids of the objects that are decided; the others stay held. Without it, all."`
}

// massPosition is a position within the operations of a mass deprovisioning, which come before the other holds.
const massPosition = "m"

func byHold(s string) bool { return byID(strings.TrimPrefix(s, massPosition)) }

// massHold answers the held deprovisionings of a store with a page of their operations, and the position after it; nil when there are none.
func (s *server) massHold(r *request, p page) (*Hold, string, error) {
	holds, err := s.Engine.DeprovisionHolds(r.Context(), r.env, r.PathValue("storeID"))
	if err != nil || len(holds) == 0 {
		return nil, "", err
	}
	h := &holds[0]
	held, err := s.Engine.HeldOperations(r.Context(), h, r.parameter("name"), strings.TrimPrefix(p.after, massPosition), p.limit+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(held) > p.limit {
		held = held[:p.limit]
		next = massPosition + held[p.limit-1].AccountID
	}
	out := &Hold{
		Links: Links{"self": {r.here("/propagation/holds/" + h.ID)}}, ID: h.ID, Type: "MASS_DEPROVISION", Store: refer(h.ConnectionID), Why: h.Cause,
		HeldSince: Stamp(h.CreatedAt), ExpiresAt: Stamp(h.ExpiresAt), Held: h.Held, Operations: each(held, func(o *provision.HeldOperation) Operation {
			op := operation(&o.Operation)
			op.Cause = o.Cause
			return op
		}),
	}
	return out, next, nil
}

func (s *server) listHolds(r *request) (Collection[Holds], error) {
	if _, err := s.connection(r); err != nil {
		return Collection[Holds]{}, err
	}
	p, err := r.page(maxPage, byHold)
	if err != nil {
		return Collection[Holds]{}, err
	}
	holds := []Hold{}
	if p.after == "" || strings.HasPrefix(p.after, massPosition) {
		mass, next, err := s.massHold(r, p)
		if err != nil {
			return Collection[Holds]{}, err
		}
		if mass != nil {
			holds = append(holds, *mass)
		}
		if next != "" {
			return collection(r, Holds{holds}, len(holds), next, -1), nil
		}
		p.after = ""
	}
	held, err := s.Engine.Holds(r.Context(), r.env, r.PathValue("storeID"), p.after, p.limit+1)
	if err != nil {
		return Collection[Holds]{}, err
	}
	next := ""
	if len(held) > p.limit {
		held = held[:p.limit]
		next = held[p.limit-1].Account.ID
	}
	holds = append(holds, each(held, r.hold)...)
	return collection(r, Holds{holds}, len(holds), next, -1), nil
}

// DecidedHold is what was decided.
type DecidedHold struct {
	ID       string `json:"id" format:"uuid"`
	Decision string `json:"decision" enum:"APPROVE,REJECT"`
	Decided  int64  `json:"decided" doc:"How many operations were decided."`
	Held     int64  `json:"held" doc:"How many stay held."`
}

func (s *server) decideHold(r *request, in HoldDecision) (DecidedHold, error) {
	decision := strings.ToUpper(in.Decision)
	if decision != "APPROVE" && decision != "REJECT" {
		var l problem.List
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: "decision", Message: "a decision is APPROVE or REJECT", AllowedValues: []string{"APPROVE", "REJECT"}})
		return DecidedHold{}, l.Err("The input is not acceptable:")
	}
	if in.Objects != nil && len(in.Objects) == 0 { // a script whose list came out empty means nobody, not everybody
		return DecidedHold{}, required("objects", "the list of objects is empty: name those that are decided, or leave it out to decide all")
	}
	id := r.PathValue("holdID")
	h, decided, err := s.Engine.DecideDeprovision(r.Context(), r.env, id, decision == "APPROVE", in.Objects)
	if !problem.Is(err, problem.NotFound) {
		return DecidedHold{id, decision, decided, h.Held}, err
	}
	return DecidedHold{ID: id, Decision: decision, Decided: 1}, s.Engine.Decide(r.Context(), r.env, id, decision == "APPROVE")
}
