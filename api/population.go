package api

import "lockstep/directory"

// Population groups users; each user is in exactly one.
type Population struct {
	Links       Links     `json:"_links"`
	ID          string    `json:"id" format:"uuid"`
	Environment Reference `json:"environment"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Default     bool      `json:"default"`
	UserCount   int64     `json:"userCount"`
	Times
}

// PopulationBody is what may be written of a population.
type PopulationBody struct {
	_           struct{} `additionalProperties:"true"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Default     *bool    `json:"default,omitempty" nullable:"true" doc:"Left out: as it is."`
}

// Populations is what a list of populations embeds.
type Populations struct {
	Populations []Population `json:"populations"`
}

func (r *request) population(p *directory.Population) Population {
	return Population{
		Links: Links{"self": {r.here("/populations/" + p.ID)}, "environment": {r.here("")}}, ID: p.ID, Environment: refer(p.EnvironmentID),
		Name: p.Name, Description: p.Description, Default: p.Default, UserCount: p.UserCount, Times: times(p.CreatedAt, p.UpdatedAt),
	}
}

func (s *server) listPopulations(r *request) (Collection[Populations], error) {
	all, err := s.Directory.Populations(r.Context(), r.env)
	if err != nil {
		return Collection[Populations]{}, err
	}
	return whole(r, all, r.population, func(l []Population) Populations { return Populations{l} })
}

func (s *server) readPopulation(r *request) (Population, error) {
	p, err := s.Directory.Population(r.Context(), r.env, r.PathValue("populationID"))
	return r.population(&p), err
}

func (s *server) createPopulation(r *request, in PopulationBody) (Population, error) {
	p := directory.Population{Name: in.Name, Description: in.Description, Default: in.Default != nil && *in.Default}
	p, err := s.Directory.CreatePopulation(r.Context(), r.env, p)
	return r.population(&p), err
}

func (s *server) replacePopulation(r *request, in PopulationBody) (Population, error) {
	p, err := s.Directory.UpdatePopulation(r.Context(), r.env, r.PathValue("populationID"), func(p *directory.Population) error {
		p.Name, p.Description = in.Name, in.Description
		if in.Default != nil {
			p.Default = *in.Default
		}
		return nil
	})
	return r.population(&p), err
}

func (s *server) deletePopulation(r *request) error {
	return s.Directory.DeletePopulation(r.Context(), r.env, r.PathValue("populationID"))
}
