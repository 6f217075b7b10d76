package api

import "lockstep/internal/problem"

// Holds is what the list of a store's held operations embeds.
type Holds struct {
	Holds []Hold `json:"holds"`
}

// Hold is a set of operations that waits for an administrator. There is none in this release.
type Hold struct {
	ID         string      `json:"id" format:"uuid"`
	Operations []Operation `json:"operations"`
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
	return whole(r, nil, func(h *Hold) Hold { return *h }, func(l []Hold) Holds { return Holds{l} })
}

func (s *server) decideHold(*request, HoldDecision) (Hold, error) {
	return Hold{}, problem.Missing("hold")
}
