package api

import (
	"strings"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// LinkBody ties a user to an account on a store.
type LinkBody struct {
	_        struct{}   `additionalProperties:"true"`
	User     *Reference `json:"user"`
	RemoteID string     `json:"remoteId" doc:"The account's id on the target."`
}

// linkAccount is an administrator's decision whose an account is: where several match, nobody guesses.
func (s *server) linkAccount(r *request, in LinkBody) (Account, error) {
	c, err := s.connection(r)
	if err != nil {
		return Account{}, err
	}
	var l problem.List
	if in.User.id() == "" {
		l.Add(problem.RequiredValue, "user.id", "a user is required")
	}
	if in.RemoteID = strings.TrimSpace(in.RemoteID); in.RemoteID == "" {
		l.Add(problem.RequiredValue, "remoteId", "the account's id on the target is required")
	}
	if err := checkRemoteID(in.RemoteID); err != nil {
		return Account{}, err
	}
	if err := l.Err("The link cannot be made:"); err != nil {
		return Account{}, err
	}
	a, err := s.Engine.Link(r.Context(), r.env, c.ID, in.User.id(), in.RemoteID)
	if err != nil {
		return Account{}, err
	}
	return account(&a), nil
}

const maxRemoteID = 512

func checkRemoteID(id string) error {
	if len(id) > maxRemoteID || strings.ContainsRune(id, 0) {
		return problem.New(problem.InvalidRequest, "no account has an id like this")
	}
	return nil
}

// ForeignAccount is an account on a store of which an administrator said that it stays nobody's.
type ForeignAccount struct {
	RemoteID string `json:"remoteId"`
	By       string `json:"by" doc:"Who said so."`
	At       Stamp  `json:"at"`
}

// ForeignAccounts is what their list embeds.
type ForeignAccounts struct {
	ForeignAccounts []ForeignAccount `json:"foreignAccounts"`
}

func byRemote(s string) bool { return s != "" && checkRemoteID(s) == nil }

func (s *server) listKeptForeign(r *request) (Collection[ForeignAccounts], error) {
	c, err := s.connection(r)
	if err != nil {
		return Collection[ForeignAccounts]{}, err
	}
	p, err := r.page(maxPage, byRemote)
	if err != nil {
		return Collection[ForeignAccounts]{}, err
	}
	rows, err := s.Log.KeptForeignList(r.Context(), c.ID, p.after, p.limit+1)
	if err != nil {
		return Collection[ForeignAccounts]{}, err
	}
	next := ""
	if len(rows) > p.limit {
		rows = rows[:p.limit]
		next = rows[p.limit-1].RemoteID
	}
	items := each(rows, func(k *provision.KeptForeign) ForeignAccount { return ForeignAccount{k.RemoteID, k.By, Stamp(k.At)} })
	return collection(r, ForeignAccounts{items}, len(items), next, -1), nil
}

// ForeignBody names an account on a store.
type ForeignBody struct {
	_        struct{} `additionalProperties:"true"`
	RemoteID string   `json:"remoteId" doc:"The account's id on the target."`
}

func (s *server) keepForeign(r *request, in ForeignBody) (ForeignAccount, error) {
	c, err := s.connection(r)
	if err != nil {
		return ForeignAccount{}, err
	}
	if in.RemoteID = strings.TrimSpace(in.RemoteID); in.RemoteID == "" {
		return ForeignAccount{}, required("remoteId", "the account's id on the target is required")
	}
	if err := checkRemoteID(in.RemoteID); err != nil {
		return ForeignAccount{}, err
	}
	k, err := s.Engine.KeepForeign(r.Context(), r.env, c.ID, in.RemoteID)
	return ForeignAccount{k.RemoteID, k.By, Stamp(k.At)}, err
}

func (s *server) endForeign(r *request) error {
	c, err := s.connection(r)
	if err != nil {
		return err
	}
	remote := r.PathValue("remoteID")
	if err := checkRemoteID(remote); err != nil {
		return err
	}
	return s.Engine.Adoptable(r.Context(), r.env, c.ID, remote)
}

// Failure is why objects of a rule fail.
type Failure struct {
	Error   Fault            `json:"error"`
	Objects int64            `json:"objects" doc:"How many fail for it."`
	Example provision.Object `json:"example"`
}

// Failures is what the list of a rule's causes of failure embeds.
type Failures struct {
	Failures []Failure `json:"failures"`
}

func (s *server) listFailures(r *request) (Collection[Failures], error) {
	causes, err := s.Engine.Failures(r.Context(), r.env, r.PathValue("ruleID"))
	if err != nil {
		return Collection[Failures]{}, err
	}
	return whole(r, causes, func(c *provision.FailureCause) Failure {
		f := &c.Fault
		return Failure{Fault{Kind: f.Kind, Code: f.Code, Message: f.Message, Hint: f.Hint, Attribute: f.Attribute}, c.Objects, c.Example}
	}, func(l []Failure) Failures { return Failures{l} })
}

// RetryBody says what is tried again; without anything, all that failed.
type RetryBody struct {
	_     struct{}   `additionalProperties:"true"`
	Code  string     `json:"code,omitempty" doc:"Only what failed for this cause: the code of its error."`
	User  *Reference `json:"user,omitempty" doc:"Only this user."`
	Group *Reference `json:"group,omitempty" doc:"Only this group."`
}

// Retried is how many objects are tried again.
type Retried struct {
	Links   Links `json:"_links"`
	Retried int64 `json:"retried"`
}

func (s *server) retry(r *request, in RetryBody) (Retried, error) {
	which := provision.RetryQuery{Code: in.Code, ObjectID: in.User.id()}
	if id := in.Group.id(); id != "" {
		if which.ObjectID != "" {
			return Retried{}, problem.New(problem.InvalidData, "say a user or a group, not both")
		}
		which.ObjectID = id
	}
	id := r.PathValue("ruleID")
	n, err := s.Engine.Retry(r.Context(), r.env, id, which)
	return Retried{Links{"syncStatus": {r.here("/propagation/rules/" + id + "/syncStatus")}}, n}, err
}
