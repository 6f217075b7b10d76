package api

import (
	"lockstep/access"
	"lockstep/internal/problem"
)

// Client is an API client.
type Client struct {
	Links       Links       `json:"_links"`
	ID          string      `json:"id" format:"uuid"`
	Name        string      `json:"name"`
	Role        access.Role `json:"role"`
	Environment Reference   `json:"environment" doc:"The environment that it is of."`
	CreatedAt   Stamp       `json:"createdAt,omitzero"`
}

// CreatedClient is a client with its secret, which is answered this once.
type CreatedClient struct {
	Client
	Secret string `json:"clientSecret"`
}

// ClientBody is what may be written of a client.
type ClientBody struct {
	_    struct{} `additionalProperties:"true"`
	Name string   `json:"name"`
	Role string   `json:"role,omitempty" doc:"Environment Admin, Identity Data Admin or Read Only, in any case; left out: Read Only."`
}

// Clients is what a list of clients embeds.
type Clients struct {
	Clients []Client `json:"clients"`
}

func (r *request) apiClient(c *access.Client) Client {
	return Client{Links: Links{"self": {r.here("/clients/" + c.ID)}}, ID: c.ID, Name: c.Name, Role: c.Role, Environment: refer(c.EnvironmentID), CreatedAt: Stamp(c.CreatedAt)}
}

func (s *server) listClients(r *request) (Collection[Clients], error) {
	all, err := s.Access.Clients(r.Context(), r.env)
	if err != nil {
		return Collection[Clients]{}, err
	}
	return whole(r, all, r.apiClient, func(l []Client) Clients { return Clients{l} })
}

func (s *server) createClient(r *request, in ClientBody) (CreatedClient, error) {
	if in.Role == "" {
		in.Role = string(access.ReadOnly)
	}
	role, err := access.ParseRole(in.Role)
	if err != nil {
		return CreatedClient{}, err
	}
	c, secret, err := s.Access.CreateClient(r.Context(), r.env, in.Name, role)
	if err != nil {
		return CreatedClient{}, err
	}
	return CreatedClient{Client: r.apiClient(&c), Secret: secret.Reveal()}, nil
}

func (s *server) readClient(r *request) (Client, error) {
	all, err := s.Access.Clients(r.Context(), r.env)
	if err != nil {
		return Client{}, err
	}
	for i := range all {
		if all[i].ID == r.PathValue("clientID") {
			return r.apiClient(&all[i]), nil
		}
	}
	return Client{}, problem.Missing("client")
}

func (s *server) deleteClient(r *request) error {
	return s.Access.DeleteClient(r.Context(), r.env, r.PathValue("clientID"))
}
