package api

import (
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Account is a row of the link table: one object on one store, or a foreign account that nobody here owns.
type Account struct {
	ID         string               `json:"id" format:"uuid"`
	Kind       directory.Kind       `json:"kind"`
	Object     *provision.Object    `json:"object,omitempty" doc:"Absent on a foreign account."`
	Store      Reference            `json:"store"`
	Rule       *Reference           `json:"rule,omitempty" doc:"The rule that decides, or decided last."`
	InScope    bool                 `json:"inScope"`
	Ownership  provision.Ownership  `json:"ownership"`
	RemoteID   string               `json:"remoteId"`
	Status     provision.SyncStatus `json:"status"`
	Details    string               `json:"details" doc:"Why it stands like this, in a sentence."`
	Attempts   int                  `json:"attempts" doc:"Failures in a row."`
	NextTryAt  OptionalStamp        `json:"nextTryAt"`
	AccessEnds OptionalStamp        `json:"accessEndsAt" doc:"When somebody whom no rule covers any more loses access, after the grace period."`
	Cause      string               `json:"cause" doc:"What made it due, in a sentence."`
	LastSyncAt OptionalStamp        `json:"lastSyncAt"`
	UpdatedAt  OptionalStamp        `json:"updatedAt"`
	Remote     *Remote              `json:"remote,omitempty" doc:"What the target last reported."`
	Error      *Fault               `json:"error,omitempty" doc:"The last failure; absent after success."`
}

// Remote is what a target last reported about an account.
type Remote struct {
	Active     bool           `json:"active"`
	Attributes map[string]any `json:"attributes"`
}

// Fault is why an operation failed.
type Fault struct {
	Kind      provision.FaultKind `json:"kind"`
	Code      string              `json:"code" doc:"The target's own code, or ours."`
	Message   string              `json:"message"`
	Hint      string              `json:"hint" doc:"The next step."`
	Attribute string              `json:"attribute" doc:"The target attribute at fault, where that is known."`
}

// Accounts is what the link table embeds.
type Accounts struct {
	Accounts []Account `json:"accounts"`
}

// SyncedUsers is what the list of a rule's users embeds.
type SyncedUsers struct {
	SyncedUsers []Account `json:"syncedUsers"`
}

// SyncedGroups is what the list of a rule's groups embeds.
type SyncedGroups struct {
	SyncedGroups []Account `json:"syncedGroups"`
}

func account(a *provision.Account) Account {
	out := Account{
		ID: a.ID, Kind: a.Kind, Store: refer(a.ConnectionID), Rule: referTo(a.RuleID), InScope: a.InScope, Ownership: a.Ownership, RemoteID: a.RemoteID,
		Status: a.Status, Details: a.Detail, Attempts: a.Attempts, NextTryAt: OptionalStamp{Stamp(a.DueAt)}, Cause: a.Cause,
		LastSyncAt: OptionalStamp{Stamp(a.SyncedAt)}, UpdatedAt: OptionalStamp{Stamp(a.UpdatedAt)},
	}
	if !a.OutSince.IsZero() && a.Status == provision.StatusPending && a.Attempts == 0 {
		out.AccessEnds = OptionalStamp{Stamp(a.DueAt)}
	}
	if a.ObjectID != "" {
		out.Object = &provision.Object{ID: a.ObjectID, Name: a.ObjectName}
	}
	if a.Remote != nil {
		out.Remote = &Remote{Active: a.Remote.Active, Attributes: a.Remote.Attributes}
		if out.Remote.Attributes == nil {
			out.Remote.Attributes = map[string]any{}
		}
	}
	if f := a.Fault; f != nil {
		out.Error = &Fault{Kind: f.Kind, Code: f.Code, Message: f.Message, Hint: f.Hint, Attribute: f.Attribute}
	}
	return out
}

var statusNames = []provision.SyncStatus{
	provision.StatusPending, provision.StatusSuccess, provision.StatusUnsynced, provision.StatusPartial, provision.StatusFailed,
}

var ownershipNames = []provision.Ownership{provision.Managed, provision.Adopted, provision.Foreign, provision.Released}

// accountPage makes a page of the rows, of which one more was read than is shown.
func accountPage[E any](r *request, rows []provision.Account, limit int, embed func([]Account) E) Collection[E] {
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	return collection(r, embed(each(rows, account)), len(rows), next, -1)
}

func (s *server) syncedUsers(r *request) (Collection[SyncedUsers], error) {
	return synced(s, r, directory.KindUser, func(l []Account) SyncedUsers { return SyncedUsers{l} })
}

func (s *server) syncedGroups(r *request) (Collection[SyncedGroups], error) {
	return synced(s, r, directory.KindGroup, func(l []Account) SyncedGroups { return SyncedGroups{l} })
}

func synced[E any](s *server, r *request, kind directory.Kind, embed func([]Account) E) (Collection[E], error) {
	p, err := r.page(maxPage, byID)
	if err != nil {
		return Collection[E]{}, err
	}
	status := choice[provision.SyncStatus](r, "status")
	rows, err := s.Engine.Synced(r.Context(), r.env, r.PathValue("ruleID"), kind, status, p.after, p.limit+1)
	if err != nil {
		return Collection[E]{}, err
	}
	return accountPage(r, rows, p.limit, embed), nil
}

func (s *server) readSyncedGroup(r *request) (Account, error) {
	a, err := s.Engine.ObjectStatus(r.Context(), r.env, r.PathValue("ruleID"), provision.Ref{Kind: directory.KindGroup, ID: r.PathValue("groupID")})
	if err != nil {
		return Account{}, err
	}
	return account(&a), nil
}

func (s *server) listAccounts(r *request) (Collection[Accounts], error) {
	c, err := s.connection(r)
	if err != nil {
		return Collection[Accounts]{}, err
	}
	p, err := r.page(maxPage, byID)
	if err != nil {
		return Collection[Accounts]{}, err
	}
	rows, err := s.Log.AccountPage(r.Context(), provision.AccountQuery{
		EnvironmentID: r.env, ConnectionID: c.ID, ObjectID: r.parameter("objectId"), Name: r.parameter("name"), After: p.after, Limit: p.limit + 1,
		Status: choice[provision.SyncStatus](r, "status"), Ownership: choice[provision.Ownership](r, "ownership"),
	})
	if err != nil {
		return Collection[Accounts]{}, err
	}
	return accountPage(r, rows, p.limit, func(l []Account) Accounts { return Accounts{l} }), nil
}

func (s *server) unlink(r *request) error {
	c, err := s.connection(r)
	if err != nil {
		return err
	}
	return s.Engine.Unlink(r.Context(), r.env, c.ID, r.PathValue("accountID"))
}

// SyncedRule is where one user or group stands under one rule, with the row of the link table beside PingOne's own members.
type SyncedRule struct {
	Links       Links                `json:"_links"`
	Environment Reference            `json:"environment"`
	Rule        NamedReference       `json:"rule"`
	SourceStore StoreReference       `json:"sourceStore"`
	TargetStore StoreReference       `json:"targetStore"`
	Type        string               `json:"type" enum:"OUTBOUND"`
	Status      provision.SyncStatus `json:"status"`
	LastSyncAt  OptionalStamp        `json:"lastSyncAt"`
	Details     string               `json:"details"`
	Account     Account              `json:"account"`
}

// NamedReference names another object by id and name.
type NamedReference struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name"`
}

// StoreReference names a store.
type StoreReference struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
}

// SyncedRules is what the list of an object's rules embeds.
type SyncedRules struct {
	SyncedRules []SyncedRule `json:"syncedRules"`
}

// subject is the user or group of the path, which must exist.
func (s *server) subject(r *request) (provision.Ref, string, error) {
	if id := r.PathValue("groupID"); id != "" {
		_, err := s.Directory.Group(r.Context(), r.env, id)
		return provision.Ref{Kind: directory.KindGroup, ID: id}, "/groups/" + id, err
	}
	id := r.PathValue("userID")
	_, err := s.Directory.User(r.Context(), r.env, id)
	return provision.Ref{Kind: directory.KindUser, ID: id}, "/users/" + id, err
}

func (s *server) readSyncedRule(r *request) (SyncedRule, error) {
	ref, path, err := s.subject(r)
	if err != nil {
		return SyncedRule{}, err
	}
	rule, err := s.Provision.Rule(r.Context(), r.env, r.PathValue("ruleID"))
	if err != nil {
		return SyncedRule{}, err
	}
	return s.syncedRule(r, ref, path, &rule)
}

func (s *server) syncedRule(r *request, ref provision.Ref, path string, rule *provision.Rule) (SyncedRule, error) {
	a, err := s.Engine.ObjectStatus(r.Context(), r.env, rule.ID, ref)
	if err != nil {
		return SyncedRule{}, err
	}
	store := func(id string) StoreReference {
		c, err := s.Provision.Connection(r.Context(), r.env, id)
		if err != nil {
			return StoreReference{ID: id}
		}
		return StoreReference{ID: c.ID, Name: c.Name, Type: c.Type}
	}
	return SyncedRule{
		Links:       Links{"self": {r.here(path + "/syncedRules/" + rule.ID)}, "environment": {r.here("")}},
		Environment: refer(r.env), Rule: NamedReference{rule.ID, rule.Name}, SourceStore: store(rule.SourceID), TargetStore: store(rule.TargetID),
		Type: "OUTBOUND", Status: a.Status, LastSyncAt: OptionalStamp{Stamp(a.SyncedAt)}, Details: a.Detail, Account: account(&a),
	}, nil
}

func (s *server) listSyncedRules(r *request) (Collection[SyncedRules], error) {
	ref, path, err := s.subject(r)
	if err != nil {
		return Collection[SyncedRules]{}, err
	}
	rules, err := s.Provision.Rules(r.Context(), r.env)
	if err != nil {
		return Collection[SyncedRules]{}, err
	}
	var items []SyncedRule
	for i := range rules {
		out, err := s.syncedRule(r, ref, path, &rules[i])
		if problem.Is(err, problem.NotFound) {
			continue
		}
		if err != nil {
			return Collection[SyncedRules]{}, err
		}
		items = append(items, out)
	}
	return whole(r, items, func(o *SyncedRule) SyncedRule { return *o }, func(l []SyncedRule) SyncedRules { return SyncedRules{l} })
}
