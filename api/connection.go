package api

import (
	"context"
	"slices"
	"time"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// Store is a connection, in PingOne's word. Secrets have no place in it.
type Store struct {
	Links         Links            `json:"_links"`
	ID            string           `json:"id" format:"uuid"`
	Environment   Reference        `json:"environment"`
	Name          string           `json:"name"`
	Description   string           `json:"description"`
	Type          string           `json:"type" doc:"As documented: Slack, directory."`
	Status        provision.Status `json:"status"`
	Managed       bool             `json:"managed" doc:"Deleting a rule with deprovision=true deprovisions what the rule provisioned."`
	Configuration map[string]any   `json:"configuration" doc:"The settings of the type, as storeMetadata lists them; secrets are left out."`
	Image         *Image           `json:"image,omitempty"`
	SyncStatus    *StoreStatus     `json:"syncStatus,omitempty" doc:"Of an active store that a rule writes to."`
	Times
}

// Image is a store's picture.
type Image struct {
	_    struct{} `additionalProperties:"true"`
	ID   string   `json:"id,omitempty"`
	Href string   `json:"href,omitempty"`
}

// StoreStatus is PingOne's summary of the rules that write to a store; each rule's own syncStatus says more.
type StoreStatus struct {
	SyncState    string `json:"syncState" enum:"SYNCING,FAILED"`
	LastSyncAt   Stamp  `json:"lastSyncAt,omitzero"`
	SuccessCount int64  `json:"successCount"`
	FailedCount  int64  `json:"failedCount"`
	UserTotal    int64  `json:"userTotal"`
	Details      string `json:"details,omitempty"`
}

// StoreBody is what may be written of a store.
type StoreBody struct {
	_             struct{}       `additionalProperties:"true"`
	Name          string         `json:"name"`
	Description   string         `json:"description,omitempty"`
	Type          string         `json:"type"`
	Status        string         `json:"status,omitempty" enum:"ACTIVE,INACTIVE,UNKNOWN" doc:"Left out, or UNKNOWN as PingOne's Go SDK writes: as it is."`
	Managed       bool           `json:"managed,omitempty"`
	Configuration map[string]any `json:"configuration,omitempty" doc:"The settings of the type, as storeMetadata lists them. On a PUT, a secret that is left out stays."`
	Image         *Image         `json:"image,omitempty"`
	Authorization *Reference     `json:"authorization,omitempty" doc:"On a POST: the authorization whose token the store takes over; the configuration leaves the token out."`
	// ConfirmWorkspace lets a token of another workspace take over.
	ConfirmWorkspace bool `json:"confirmWorkspace,omitempty" doc:"On a PUT: a new token may be for another workspace than before. Without it, such a token is refused."`
}

// Stores is what a list of stores embeds.
type Stores struct {
	Stores []Store `json:"stores"`
}

func (r *request) store(c *provision.Connection) Store {
	out := Store{
		Links: Links{"self": {r.here("/propagation/stores/" + c.ID)}}, ID: c.ID, Environment: refer(c.EnvironmentID), Name: c.Name, Description: c.Description,
		Type: c.Type, Status: c.Status, Managed: c.Managed, Configuration: c.Settings, Times: times(c.CreatedAt, c.UpdatedAt),
	}
	if out.Configuration == nil {
		out.Configuration = map[string]any{}
	}
	if c.ImageID != "" || c.ImageHref != "" {
		out.Image = &Image{ID: c.ImageID, Href: c.ImageHref}
	}
	return out
}

// connection reads a connection apart from its configuration, which the service reads.
func (in *StoreBody) connection(env string) provision.Connection {
	c := provision.Connection{
		EnvironmentID: env, Name: in.Name, Description: in.Description, Type: in.Type, Status: provision.Status(known(in.Status)), Managed: in.Managed,
	}
	if in.Image != nil {
		c.ImageID, c.ImageHref = in.Image.ID, in.Image.Href
	}
	if known(c.Type) == "" { // as PingOne's Go SDK sends back a type that it does not know
		c.Type = ""
	}
	return c
}

func (s *server) listStores(r *request) (Collection[Stores], error) {
	all, err := s.Provision.Connections(r.Context(), r.env)
	if err != nil {
		return Collection[Stores]{}, err
	}
	rules, err := s.Provision.Rules(r.Context(), r.env)
	if err != nil {
		return Collection[Stores]{}, err
	}
	items := make([]Store, len(all))
	for i := range all {
		if items[i], err = s.storeWithStatus(r, &all[i], rules); err != nil {
			return Collection[Stores]{}, err
		}
	}
	return whole(r, items, func(o *Store) Store { return *o }, func(l []Store) Stores { return Stores{l} })
}

func (s *server) readStore(r *request) (Store, error) {
	c, err := s.connection(r)
	if err != nil {
		return Store{}, err
	}
	rules, err := s.Provision.Rules(r.Context(), r.env)
	if err != nil {
		return Store{}, err
	}
	return s.storeWithStatus(r, &c, rules)
}

// storeWithStatus adds PingOne's syncStatus to a store that is active and the target of a rule.
func (s *server) storeWithStatus(r *request, c *provision.Connection, rules []provision.Rule) (Store, error) {
	out := r.store(c)
	for i := range rules {
		if c.Status != provision.Active || rules[i].TargetID != c.ID {
			continue
		}
		status, err := s.Engine.Status(r.Context(), r.env, rules[i].ID)
		if problem.Is(err, problem.NotFound) { // deleted meanwhile
			continue
		}
		if err != nil {
			return out, err
		}
		if out.SyncStatus == nil {
			out.SyncStatus = &StoreStatus{SyncState: "SYNCING"}
		}
		out.SyncStatus.add(&status)
	}
	return out, nil
}

func (t *StoreStatus) add(s *provision.RuleStatus) {
	t.SuccessCount += s.Users.Success
	t.FailedCount += s.Users.Failed
	t.UserTotal += s.Users.Impacted
	if at := Stamp(s.LastSyncAt); s.LastSyncAt.After(time.Time(t.LastSyncAt)) {
		t.LastSyncAt = at
	}
	switch {
	case s.State == provision.StateHalted:
		t.SyncState, t.Details = "FAILED", s.Details
	case t.Details == "" && s.Drift.Open > 0:
		t.Details = s.Details // what others changed on the target
	}
}

func (s *server) connection(r *request) (provision.Connection, error) {
	return s.Provision.Connection(r.Context(), r.env, r.PathValue("storeID"))
}

func (s *server) createStore(r *request, in StoreBody) (Store, error) {
	if in.Authorization != nil {
		c, err := s.Grants.Create(r.Context(), r.env, r.caller.bound, in.Authorization.ID, in.connection(r.env), in.Configuration)
		return r.store(&c), err
	}
	c, err := s.Provision.CreateConnection(r.Context(), r.env, in.connection(r.env), in.Configuration)
	return r.store(&c), err
}

func (s *server) updateStore(r *request, in StoreBody) (Store, error) {
	c, err := s.Grants.Update(r.Context(), r.env, r.PathValue("storeID"), in.connection(r.env), in.Configuration, in.ConfirmWorkspace)
	return r.store(&c), err
}

func (s *server) deleteStore(r *request) error {
	return s.Provision.DeleteConnection(r.Context(), r.env, r.PathValue("storeID"))
}

// ConnectionTest is what a test of a connection found. A target that fails it is an answer, no error.
type ConnectionTest struct {
	Status string            `json:"status" enum:"OK,FAILED"`
	Checks []provision.Check `json:"checks"`
}

func (s *server) testStore(r *request, in StoreBody) (ConnectionTest, error) {
	c := in.connection(r.env)
	configure := func() error { return s.Provision.Configure(&c, in.Configuration, nil) }
	if in.Authorization != nil {
		configure = func() error {
			return s.Grants.Configure(r.Context(), r.env, r.caller.bound, in.Authorization.ID, &c, in.Configuration)
		}
	}
	if err := configure(); err != nil {
		return ConnectionTest{}, err
	}
	return s.test(r.Context(), c), nil
}

// testSavedStore tests a connection as it is saved, or with another configuration whose secrets may be left out.
func (s *server) testSavedStore(r *request, in ConfigurationBody) (ConnectionTest, error) {
	saved, err := s.connection(r)
	if err != nil {
		return ConnectionTest{}, err
	}
	if in.Configuration == nil {
		out := s.test(r.Context(), saved)
		if out.Status == provision.CheckOK {
			if err := s.Grants.Learn(r.Context(), &saved); err != nil {
				return out, err
			}
		}
		return out, s.Provision.RecordTest(r.Context(), saved.ID, out.Checks)
	}
	c := saved
	var anyone *provision.Identity
	if in.ConfirmWorkspace {
		anyone = &provision.Identity{}
	}
	if err := s.Provision.Reconfigure(&c, in.Configuration, &saved, anyone); err != nil {
		return ConnectionTest{}, err
	}
	return s.test(r.Context(), c), nil
}

// ConfigurationBody is a configuration to try.
type ConfigurationBody struct {
	_             struct{}       `additionalProperties:"true"`
	Configuration map[string]any `json:"configuration,omitempty" doc:"Left out: as it is saved. A secret that is left out is the saved one, unless the base URL leads to another server."`
	// ConfirmWorkspace tests a token of another workspace as if it were meant.
	ConfirmWorkspace bool `json:"confirmWorkspace,omitempty" doc:"The token may be for another workspace than the saved one."`
}

func (s *server) test(ctx context.Context, c provision.Connection) ConnectionTest {
	out := ConnectionTest{Status: provision.CheckOK, Checks: s.Engine.Test(ctx, c)}
	if slices.ContainsFunc(out.Checks, func(c provision.Check) bool { return c.Status == provision.CheckFailed }) {
		out.Status = provision.CheckFailed
	}
	if out.Checks == nil {
		out.Checks = []provision.Check{}
	}
	return out
}

func (s *server) pauseStore(r *request) error {
	return s.Engine.Pause(r.Context(), r.env, r.PathValue("storeID"))
}

func (s *server) resumeStore(r *request) error {
	return s.Engine.Resume(r.Context(), r.env, r.PathValue("storeID"))
}
