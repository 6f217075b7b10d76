package api

import (
	"strconv"

	"lockstep/directory"
	"lockstep/provision"
)

// RuleStatus is where a rule stands.
type RuleStatus struct {
	Links      Links               `json:"_links"`
	State      provision.RuleState `json:"state" doc:"IDLE means that nothing is due."`
	Users      Counts              `json:"users"`
	Groups     Counts              `json:"groups"`
	Progress   Progress            `json:"progress"`
	LastSyncAt OptionalStamp       `json:"lastSyncAt"`
	Details    string              `json:"details" doc:"Why it is halted, paused or inactive, in a sentence."`
}

// Counts counts objects as PingOne does.
type Counts struct {
	Impacted int64 `json:"impacted"`
	Success  int64 `json:"success"`
	Unsynced int64 `json:"unsynced"`
	Partial  int64 `json:"partial"`
	Failed   int64 `json:"failed"`
	Pending  int64 `json:"pending"`
}

// Progress is how far a rule has come towards being in step.
type Progress struct {
	Done          int64   `json:"done"`
	Total         int64   `json:"total"`
	RatePerMinute float64 `json:"ratePerMinute" doc:"Operations lately."`
	ETASeconds    int64   `json:"etaSeconds" doc:"0 when it cannot be told."`
}

func (s *server) syncStatus(r *request) (RuleStatus, error) {
	id := r.PathValue("ruleID")
	status, err := s.Engine.Status(r.Context(), r.env, id)
	return RuleStatus{
		Links: Links{"self": {r.here("/propagation/rules/" + id + "/syncStatus")}}, State: status.State, Users: Counts(status.Users), Groups: Counts(status.Groups),
		Progress: Progress(status.Progress), LastSyncAt: OptionalStamp{Stamp(status.LastSyncAt)}, Details: status.Details,
	}, err
}

// Accepted says where to follow what was begun.
type Accepted struct {
	Links Links `json:"_links"`
}

func (s *server) resync(r *request) (Accepted, error) {
	id := r.PathValue("ruleID")
	return Accepted{Links{"syncStatus": {r.here("/propagation/rules/" + id + "/syncStatus")}}}, s.Engine.Resync(r.Context(), r.env, id)
}

// Operation is one thing to do on a target.
type Operation struct {
	Verb     provision.Verb   `json:"verb"`
	Kind     directory.Kind   `json:"kind"`
	Object   provision.Object `json:"object"`
	RemoteID string           `json:"remoteId" doc:"Empty before the account exists."`
	Changes  []Change         `json:"changes"`
	Members  Members          `json:"members"`
	Why      string           `json:"why"`
	Withheld *string          `json:"withheld" doc:"Why it is not done; null when it is to be done."`
	Cause    string           `json:"cause,omitempty" doc:"Of a held operation: what made it due."`
}

// Members is what changes in a group: what its members are called, or their ids on the target.
type Members struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

func operation(op *provision.Operation) Operation {
	out := Operation{
		Verb: op.Verb, Kind: op.Kind, Object: op.Object, RemoteID: op.RemoteID, Changes: changes(op.Changes),
		Members: Members{Add: []string{}, Remove: []string{}}, Why: op.Why,
	}
	if op.Members != nil {
		out.Members = Members{Add: append(out.Members.Add, op.Members.Add...), Remove: append(out.Members.Remove, op.Members.Remove...)}
	}
	if op.Withheld != "" {
		out.Withheld = &op.Withheld
	}
	return out
}

// Preview is what a rule would do now: a page of the operations, and always the whole summary.
type Preview struct {
	Collection[Operations]
	Summary provision.Summary `json:"summary"`
}

// Operations is what a preview embeds.
type Operations struct {
	Operations []Operation `json:"operations"`
}

// PreviewBody narrows a preview.
type PreviewBody struct {
	_    struct{}   `additionalProperties:"true"`
	User *Reference `json:"user,omitempty" doc:"Only this user."`
}

func (s *server) preview(r *request, in PreviewBody) (Preview, error) {
	p, err := r.page(maxPage, byNumber)
	if err != nil {
		return Preview{}, err
	}
	skip, _ := strconv.Atoi(p.after) // "" is 0
	items, seen := []Operation{}, 0
	summary, err := s.Engine.Preview(r.Context(), r.env, r.PathValue("ruleID"), in.User.id(), func(op provision.Operation) error {
		if seen++; seen > skip && len(items) < p.limit {
			items = append(items, operation(&op))
		}
		return nil
	})
	if err != nil {
		return Preview{}, err
	}
	next := ""
	if seen > skip+p.limit {
		next = strconv.Itoa(skip + p.limit)
	}
	return Preview{Collection: collection(r, Operations{items}, len(items), next, int64(seen)), Summary: summary}, nil
}

// Trace is what provisioning on demand did, step by step.
type Trace struct {
	Steps      []provision.Step     `json:"steps"`
	Operations []Operation          `json:"operations"`
	Result     provision.SyncStatus `json:"result"`
	Details    string               `json:"details"`
}

func (s *server) onDemand(r *request) (Trace, error) {
	return s.provisionNow(r, provision.Ref{Kind: directory.KindUser, ID: r.PathValue("userID")})
}

func (s *server) provisionNow(r *request, ref provision.Ref) (Trace, error) {
	trace, err := s.Engine.OnDemand(r.Context(), r.env, r.PathValue("ruleID"), ref)
	if err != nil {
		return Trace{}, err
	}
	if trace.Steps == nil {
		trace.Steps = []provision.Step{}
	}
	return Trace{Steps: trace.Steps, Operations: each(trace.Operations, operation), Result: trace.Result, Details: trace.Detail}, nil
}
