package api

import (
	"strings"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Drift is something that somebody changed on a target although it is managed, with both values.
type Drift struct {
	Links     Links                 `json:"_links"`
	ID        string                `json:"id" format:"uuid"`
	Kind      directory.Kind        `json:"kind"`
	Object    provision.Object      `json:"object"`
	Store     Reference             `json:"store"`
	Rule      *Reference            `json:"rule,omitempty"`
	RemoteID  string                `json:"remoteId"`
	Attribute string                `json:"attribute" doc:"The target's name of what changed; active: deactivated there, or activated; account: the account or group is gone; members: somebody was added to a group, or taken out."`
	Member    *DriftMember          `json:"member,omitempty" doc:"Of members: who."`
	Ours      any                   `json:"ours" doc:"What is wanted; null is no value. Of active and members, true or false; of account, the account's id."`
	Theirs    any                   `json:"theirs" doc:"What is there; null is no value."`
	Before    any                   `json:"before" doc:"What was there when we looked last."`
	How       string                `json:"how" doc:"How it was found, in a sentence."`
	Status    provision.DriftStatus `json:"status" doc:"OPEN: found; REPAIRING: it is to be repaired; ACCEPTED: the target's value is good until the source changes; REPAIRED: our value is there again; ENDED: nothing differs any more."`
	FoundAt   Stamp                 `json:"foundAt"`
	DecidedAt OptionalStamp         `json:"decidedAt"`
	DecidedBy string                `json:"decidedBy,omitempty"`
	EndedAt   OptionalStamp         `json:"endedAt"`
}

// DriftMember is a member of a group on the target.
type DriftMember struct {
	RemoteID string `json:"remoteId"`
	Name     string `json:"name"`
}

// Drifts is what a list of drifts embeds.
type Drifts struct {
	Drift []Drift `json:"drift"`
}

func (r *request) drift(d *provision.Drift) Drift {
	out := Drift{
		Links: Links{"self": {r.here("/propagation/drift/" + d.ID)}}, ID: d.ID, Kind: d.Kind, Object: provision.Object{ID: d.ObjectID, Name: d.ObjectName},
		Store: refer(d.ConnectionID), Rule: referTo(d.RuleID), RemoteID: d.RemoteID, Attribute: d.Attribute, Ours: d.Ours, Theirs: d.Theirs, Before: d.Before,
		How: d.How, Status: d.Status, FoundAt: Stamp(d.FoundAt), DecidedAt: OptionalStamp{Stamp(d.DecidedAt)}, DecidedBy: d.DecidedBy, EndedAt: OptionalStamp{Stamp(d.EndedAt)},
	}
	if d.Member != "" {
		out.Member = &DriftMember{d.Member, d.MemberName}
	}
	return out
}

var driftStatuses = []provision.DriftStatus{
	provision.DriftOpen, provision.DriftRepairing, provision.DriftAccepted, provision.DriftRepaired, provision.DriftEnded,
}

func (s *server) driftPage(r *request, q provision.DriftQuery) (Collection[Drifts], error) {
	p, err := r.page(maxPage, byID)
	if err != nil {
		return Collection[Drifts]{}, err
	}
	q.EnvironmentID, q.After, q.Limit = r.env, p.after, p.limit+1
	q.Status = choice[provision.DriftStatus](r, "status")
	q.Live = q.Status == "" && !r.flag("ended")
	rows, err := s.Engine.Drift(r.Context(), q)
	if err != nil {
		return Collection[Drifts]{}, err
	}
	next := ""
	if len(rows) > p.limit {
		rows = rows[:p.limit]
		next = rows[p.limit-1].ID
	}
	return collection(r, Drifts{each(rows, r.drift)}, len(rows), next, -1), nil
}

func (s *server) storeDrift(r *request) (Collection[Drifts], error) {
	c, err := s.connection(r)
	if err != nil {
		return Collection[Drifts]{}, err
	}
	return s.driftPage(r, provision.DriftQuery{ConnectionID: c.ID, ObjectID: r.parameter("objectId")})
}

func (s *server) ruleDrift(r *request) (Collection[Drifts], error) {
	rule, err := s.Provision.Rule(r.Context(), r.env, r.PathValue("ruleID"))
	if err != nil {
		return Collection[Drifts]{}, err
	}
	return s.driftPage(r, provision.DriftQuery{RuleID: rule.ID})
}

func (s *server) objectDrift(r *request) (Collection[Drifts], error) {
	ref, _, err := s.subject(r)
	if err != nil {
		return Collection[Drifts]{}, err
	}
	return s.driftPage(r, provision.DriftQuery{ObjectID: ref.ID})
}

func (s *server) readDrift(r *request) (Drift, error) {
	d, err := s.Engine.DriftByID(r.Context(), r.env, r.PathValue("driftID"))
	return r.drift(&d), err
}

// DriftDecision decides about one drift.
type DriftDecision struct {
	_        struct{} `additionalProperties:"true"`
	Decision string   `json:"decision" enum:"REPAIR,ACCEPT" doc:"REPAIR writes our value; ACCEPT takes the target's value as good until the source changes that attribute."`
}

// DriftDecisions decides about drifts of a store.
type DriftDecisions struct {
	DriftDecision
	Drift []Reference `json:"drift,omitempty" doc:"Which; left out: all that are open."`
}

// DecidedDrift is how many were decided.
type DecidedDrift struct {
	Decision string `json:"decision" enum:"REPAIR,ACCEPT"`
	Decided  int64  `json:"decided" doc:"What had ended meanwhile is not among them."`
}

func (in *DriftDecision) accepts() (bool, error) {
	switch strings.ToUpper(in.Decision) {
	case "ACCEPT":
		return true, nil
	case "REPAIR":
		return false, nil
	default:
		var l problem.List
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: "decision", Message: "a decision is REPAIR or ACCEPT", AllowedValues: []string{"REPAIR", "ACCEPT"}})
		return false, l.Err("The input is not acceptable:")
	}
}

func (s *server) decideDrift(r *request, in DriftDecision) (DecidedDrift, error) {
	d, err := s.Engine.DriftByID(r.Context(), r.env, r.PathValue("driftID"))
	if err != nil {
		return DecidedDrift{}, err
	}
	return s.decideDrifts(r, &in, d.ConnectionID, []string{d.ID})
}

func (s *server) decideStoreDrift(r *request, in DriftDecisions) (DecidedDrift, error) {
	c, err := s.connection(r)
	if err != nil {
		return DecidedDrift{}, err
	}
	if in.Drift != nil && len(in.Drift) == 0 {
		return DecidedDrift{}, required("drift", "the list of drifts is empty: name those that are decided, or leave it out to decide all that are open")
	}
	if len(in.Drift) > maxPage {
		return DecidedDrift{}, problem.New(problem.InvalidRequest, "at most %d drifts are decided at once; leave the list out to decide all that are open", maxPage)
	}
	ids := make([]string, len(in.Drift))
	for i := range in.Drift {
		if ids[i] = in.Drift[i].ID; !byID(ids[i]) {
			return DecidedDrift{}, problem.Missing("drift")
		}
	}
	return s.decideDrifts(r, &in.DriftDecision, c.ID, ids)
}

func (s *server) decideDrifts(r *request, in *DriftDecision, connectionID string, ids []string) (DecidedDrift, error) {
	accept, err := in.accepts()
	if err != nil {
		return DecidedDrift{}, err
	}
	n, err := s.Engine.DecideDrift(r.Context(), r.env, connectionID, ids, accept)
	return DecidedDrift{strings.ToUpper(in.Decision), n}, err
}

func (s *server) scanStore(r *request) (Accepted, error) {
	c, err := s.connection(r)
	if err != nil {
		return Accepted{}, err
	}
	return Accepted{Links{"drift": {r.here("/propagation/stores/" + c.ID + "/drift")}}}, s.Engine.Scan(r.Context(), r.env, c.ID)
}

// Tripwire says whether, and why, the tripwire stopped a store.
type Tripwire struct {
	Links       Links                 `json:"_links"`
	Tripped     bool                  `json:"tripped"`
	Kind        provision.TripKind    `json:"kind,omitempty" doc:"DEACTIVATED_ON_UPDATE: updates were answered with people who are not active any more; MASS_CHANGE: many accounts were changed on the target, and not by us."`
	Why         string                `json:"why,omitempty" doc:"Why, with the next step."`
	Hurt        int64                 `json:"hurt,omitempty" doc:"How many people it was about when it tripped."`
	Since       OptionalStamp         `json:"since"`
	Request     provision.TripRequest `json:"request,omitempty" doc:"What was asked for and is under way: REPAIR, RESUME."`
	RequestedBy string                `json:"requestedBy,omitempty"`
	RepairedAt  OptionalStamp         `json:"repairedAt" doc:"When everybody was active again."`
}

func (s *server) tripwire(r *request) (Tripwire, error) {
	id := r.PathValue("storeID")
	trip, err := s.Engine.Tripwire(r.Context(), r.env, id)
	out := tripwire(trip)
	out.Links = Links{"self": {r.here("/propagation/stores/" + id + "/tripwire")}, "drift": {r.here("/propagation/stores/" + id + "/drift")}}
	return out, err
}

func tripwire(trip *provision.Trip) Tripwire {
	if trip == nil {
		return Tripwire{}
	}
	return Tripwire{
		Tripped: true, Kind: trip.Kind, Why: trip.Why, Hurt: trip.Hurt, Since: OptionalStamp{Stamp(trip.Since)}, Request: trip.Request,
		RequestedBy: trip.RequestedBy, RepairedAt: OptionalStamp{Stamp(trip.RepairedAt)},
	}
}

// TripwireAction is what is to be done about a store that the tripwire stopped.
type TripwireAction struct {
	_      struct{} `additionalProperties:"true"`
	Action string   `json:"action" enum:"REPAIR,RESUME" doc:"REPAIR activates again whom the target deactivated, and the store stays stopped; RESUME does the same, and goes on."`
}

func (s *server) actOnTripwire(r *request, in TripwireAction) (Tripwire, error) {
	request := provision.TripRequest(strings.ToUpper(in.Action))
	if request != provision.TripRepair && request != provision.TripResume {
		var l problem.List
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: "action", Message: "an action is REPAIR or RESUME", AllowedValues: []string{"REPAIR", "RESUME"}})
		return Tripwire{}, l.Err("The input is not acceptable:")
	}
	if err := s.Engine.Untrip(r.Context(), r.env, r.PathValue("storeID"), request); err != nil {
		return Tripwire{}, err
	}
	return s.tripwire(r)
}
