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
	Type       string      `json:"type" enum:"OVERWRITE_GROUP"`
	Store      Reference   `json:"store"`
	Rule       *Reference  `json:"rule,omitempty"`
	Why        string      `json:"why" doc:"Why it is held, in a sentence."`
	HeldSince  Stamp       `json:"heldSince,omitzero"`
	Operations []Operation `json:"operations" doc:"All of them; members.remove names who would go."`
}

func (r *request) hold(h *provision.Hold) Hold {
	op := h.Operation
	op.Members = &provision.MemberChange{Remove: h.Leaving}
	return Hold{
		Links: Links{"self": {r.here("/propagation/holds/" + h.Account.ID)}}, ID: h.Account.ID, Type: "OVERWRITE_GROUP", Store: refer(h.Account.ConnectionID),
		Rule: referTo(h.Account.RuleID), Why: h.Operation.Withheld, HeldSince: Stamp(h.Account.UpdatedAt), Operations: []Operation{operation(&op)},
	}
}

// HoldDecision decides about a hold.
type HoldDecision struct {
	_        struct{} `additionalProperties:"true"`
	Decision string   `json:"decision" enum:"APPROVE,REJECT"`
}

func (s *server) listHolds(r *request) (Collection[Holds], error) {
	if _, err := s.connection(r); err != nil {
		return Collection[Holds]{}, err
	}
	p, err := r.page(maxPage, byID)
	if err != nil {
		return Collection[Holds]{}, err
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
	return collection(r, Holds{each(held, r.hold)}, len(held), next, -1), nil
}

// DecidedHold is what was decided.
type DecidedHold struct {
	ID       string `json:"id" format:"uuid"`
	Decision string `json:"decision" enum:"APPROVE,REJECT"`
}

func (s *server) decideHold(r *request, in HoldDecision) (DecidedHold, error) {
	decision := strings.ToUpper(in.Decision)
	if decision != "APPROVE" && decision != "REJECT" {
		var l problem.List
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: "decision", Message: "a decision is APPROVE or REJECT", AllowedValues: []string{"APPROVE", "REJECT"}})
		return DecidedHold{}, l.Err("The input is not acceptable:")
	}
	id := r.PathValue("holdID")
	return DecidedHold{id, decision}, s.Engine.Decide(r.Context(), r.env, id, decision == "APPROVE")
}
