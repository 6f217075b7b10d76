package api

import (
	"strconv"
	"time"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// StoreType is an entry of the catalogue.
type StoreType struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Groups      bool   `json:"groups"`
	Target      bool   `json:"target" doc:"People can be provisioned to it."`
}

// StoreTypes is what the catalogue embeds.
type StoreTypes struct {
	StoreMetadata []StoreType `json:"storeMetadata"`
}

func (s *server) listStoreMetadata(r *request) (Collection[StoreTypes], error) {
	return whole(r, s.Catalogue.Types(), func(t *provision.Type) StoreType {
		return StoreType{Type: t.Name, Name: t.Title, Description: t.Description, Groups: t.Groups, Target: t.Name != provision.TypeDirectory}
	}, func(l []StoreType) StoreTypes { return StoreTypes{l} })
}

// ConnectionState is what a connection's runner is doing, and how its last test went.
type ConnectionState struct {
	Paused        bool          `json:"paused"`
	LastSyncAt    OptionalStamp `json:"lastSyncAt"`
	RatePerMinute float64       `json:"ratePerMinute"`
	Budgets       []BudgetLevel `json:"budgets"`
	Halt          *HaltState    `json:"halt,omitempty"`
	Tripwire      *Tripwire     `json:"tripwire,omitempty" doc:"When it stopped the store."`
	Drift         DriftCounts   `json:"drift"`
	LastScanAt    OptionalStamp `json:"lastScanAt" doc:"When the target was last listed to the end."`
	Test          *TestedState  `json:"test,omitempty"`
	Token         *TokenState   `json:"token,omitempty"`
}

// BudgetLevel is one of the target's limits, and what is left of it.
type BudgetLevel struct {
	Name      string  `json:"name"`
	PerMinute float64 `json:"perMinute"`
	Burst     float64 `json:"burst"`
	Available float64 `json:"available"`
}

// HaltState says why a connection writes nothing.
type HaltState struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Since   Stamp  `json:"since,omitzero"`
	ProbeAt Stamp  `json:"probeAt,omitzero"`
}

// TestedState is how a saved connection was last tested.
type TestedState struct {
	ConnectionTest
	At Stamp `json:"at"`
}

func (s *server) connectionStatus(r *request) (ConnectionState, error) {
	c, err := s.connection(r)
	if err != nil {
		return ConnectionState{}, err
	}
	status, err := s.Engine.ConnectionStatus(r.Context(), r.env, c.ID)
	if err != nil {
		return ConnectionState{}, err
	}
	tested, err := s.Provision.LastTest(r.Context(), c.ID)
	if err != nil {
		return ConnectionState{}, err
	}
	out := ConnectionState{
		Paused: status.Paused, LastSyncAt: OptionalStamp{Stamp(status.LastSyncAt)}, RatePerMinute: status.RatePerMinute,
		Budgets: each(status.Budgets, func(b *provision.BudgetLevel) BudgetLevel { return BudgetLevel(*b) }),
	}
	counts, err := s.Engine.CountDrift(r.Context(), c.ID)
	if err != nil {
		return ConnectionState{}, err
	}
	out.Drift, out.LastScanAt = DriftCounts(counts), OptionalStamp{Stamp(status.ScannedAt)}
	if status.Trip != nil {
		stopped := tripwire(status.Trip)
		stopped.Links = Links{"self": {r.here("/propagation/stores/" + c.ID + "/tripwire")}}
		out.Tripwire = &stopped
	}
	out.Token = tokenState(&c)
	if h := status.Halt; h != nil && h.Fault != nil {
		out.Halt = &HaltState{h.Fault.Message, h.Fault.Hint, Stamp(h.Since), Stamp(h.ProbeAt)}
	}
	if tested != nil {
		result := provision.CheckOK
		if !tested.OK() {
			result = provision.CheckFailed
		}
		out.Test = &TestedState{ConnectionTest{result, tested.Checks}, Stamp(tested.At)}
	}
	return out, nil
}

// EvaluationBody is an expression to try.
type EvaluationBody struct {
	_          struct{}   `additionalProperties:"true"`
	Expression string     `json:"expression"`
	User       *Reference `json:"user,omitempty"`
}

// Evaluation is an expression's value; null is no value.
type Evaluation struct {
	Value any `json:"value"`
}

func (s *server) evaluate(r *request, in EvaluationBody) (Evaluation, error) {
	if in.Expression == "" {
		return Evaluation{}, required("expression", "an expression is required")
	}
	value, err := s.Engine.Evaluate(r.Context(), r.env, in.Expression, in.User.id())
	return Evaluation{value}, err
}

// Throughput is how much was written in a span of time that begins at At.
type Throughput struct {
	At      Stamp  `json:"at"`
	Success int64  `json:"success"`
	Failed  int64  `json:"failed"`
	Pending *int64 `json:"pending,omitempty" doc:"The most people and groups that waited to be written at one time in the span. Left out: from before it was looked at."`
}

// Throughputs is what the list embeds.
type Throughputs struct {
	Throughput []Throughput `json:"throughput"`
}

const (
	maxSpan        = 31 * 24 * 60 // minutes
	throughputs    = 60           // steps of an answer
	defaultMinutes = 60
)

// throughput answers how much was written lately, and how much waited, in sixty steps.
func (s *server) throughput(r *request) (Collection[Throughputs], error) {
	minutes := defaultMinutes
	if raw := r.parameter("minutes"); raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 1 || n > maxSpan {
			return Collection[Throughputs]{}, problem.New(problem.InvalidRequest, "minutes must be a whole number from 1 to %d", maxSpan)
		}
		minutes = n
	}
	span := time.Duration(minutes) * time.Minute
	step := span / throughputs
	rows, err := s.Log.Throughput(r.Context(), r.env, time.Now().UTC().Truncate(step).Add(step-span), step, throughputs)
	if err != nil {
		return Collection[Throughputs]{}, err
	}
	items := make([]Throughput, len(rows))
	for i, t := range rows {
		items[i] = Throughput{Stamp(t.At), t.Success, t.Failed, t.Pending}
	}
	return collection(r, Throughputs{items}, len(items), "", int64(len(items))), nil
}
