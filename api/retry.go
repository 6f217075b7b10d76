package api

import "lockstep/provision"

// Failure is a cause by which objects of a rule fail, with one of them.
type Failure struct {
	Code    string           `json:"code" doc:"The target's own code, or ours."`
	Message string           `json:"message" doc:"What it says of one of them."`
	Hint    string           `json:"hint" doc:"The next step."`
	Count   int64            `json:"count"`
	Example provision.Object `json:"example"`
}

// Failures is what the list embeds.
type Failures struct {
	Failures []Failure `json:"failures"`
}

func (s *server) listFailures(r *request) (Collection[Failures], error) {
	list, err := s.Engine.Failures(r.Context(), r.env, r.PathValue("ruleID"))
	if err != nil {
		return Collection[Failures]{}, err
	}
	return whole(r, list, func(f *provision.FailureCause) Failure {
		return Failure{Code: f.Fault.Code, Message: f.Fault.Message, Hint: f.Fault.Hint, Count: f.Objects, Example: f.Example}
	}, func(l []Failure) Failures { return Failures{l} })
}

// RetryBody says what is to be tried again.
type RetryBody struct {
	_    struct{} `additionalProperties:"true"`
	Code string   `json:"code,omitempty" doc:"Only objects that fail by this cause; left out: all that fail. One object is tried again by provisioning it now."`
}

// Retried is how many objects are tried again.
type Retried struct {
	Retried int64 `json:"retried"`
}

func (s *server) retry(r *request, in RetryBody) (Retried, error) {
	n, err := s.Engine.Retry(r.Context(), r.env, r.PathValue("ruleID"), in.Code)
	return Retried{n}, err
}
