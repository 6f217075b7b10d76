package api

import "lockstep/directory"

// Environment is a tenant.
type Environment struct {
	Links     Links  `json:"_links"`
	ID        string `json:"id" format:"uuid"`
	Name      string `json:"name"`
	CreatedAt Stamp  `json:"createdAt,omitzero"`
}

// Environments is what a list of environments embeds.
type Environments struct {
	Environments []Environment `json:"environments"`
}

func (r *request) environment(e *directory.Environment) Environment {
	return Environment{Links: Links{"self": {r.href(base + "/" + e.ID)}}, ID: e.ID, Name: e.Name, CreatedAt: Stamp(e.CreatedAt)}
}

func (s *server) listEnvironments(r *request) (Collection[Environments], error) {
	env, err := s.Directory.Environment(r.Context(), r.caller.environmentID)
	if err != nil {
		return Collection[Environments]{}, err
	}
	return whole(r, []directory.Environment{env}, r.environment, func(l []Environment) Environments { return Environments{l} })
}

func (s *server) readEnvironment(r *request) (Environment, error) {
	env, err := s.Directory.Environment(r.Context(), r.env)
	return r.environment(&env), err
}
