package api

import (
	"cmp"
	"context"
	"slices"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
)

// Environment is a tenant: a directory, and the provisioning of it, that share nothing with another one's.
type Environment struct {
	Links     Links  `json:"_links"`
	ID        string `json:"id" format:"uuid"`
	Name      string `json:"name"`
	CreatedAt Stamp  `json:"createdAt,omitzero"`
}

// EnvironmentBody is what may be written of an environment.
type EnvironmentBody struct {
	_    struct{} `additionalProperties:"true"`
	Name string   `json:"name" doc:"No other environment has it, whatever the case."`
}

// Environments is what a list of environments embeds.
type Environments struct {
	Environments []Environment `json:"environments"`
}

func (r *request) environment(e *directory.Environment) Environment {
	return Environment{Links: Links{"self": {r.href(base + "/" + e.ID)}}, ID: e.ID, Name: e.Name, CreatedAt: Stamp(e.CreatedAt)}
}

// entered is an environment in which somebody has a role.
type entered struct {
	directory.Environment
	role access.Role
}

// environmentsOf lists where a caller has a role: their own environment first, then the others by name.
func (s *server) environmentsOf(ctx context.Context, principalID, home string, role access.Role) ([]entered, error) {
	given, err := s.Access.Assignments(ctx, principalID)
	if err != nil {
		return nil, err
	}
	own, err := s.Directory.Environment(ctx, home)
	if err != nil {
		return nil, err
	}
	out := make([]entered, 0, 1+len(given))
	for _, g := range given {
		env, err := s.Directory.Environment(ctx, g.EnvironmentID)
		if problem.Is(err, problem.NotFound) { // it was about to be made, and was not
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, entered{env, g.Role})
	}
	slices.SortFunc(out, func(a, b entered) int {
		return cmp.Or(cmp.Compare(directory.Fold(a.Name), directory.Fold(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return slices.Insert(out, 0, entered{own, role}), nil
}

// enter answers what a caller may do in an environment, their own or another one in which they were given a role.
func (s *server) enter(ctx context.Context, who *caller, envID string) (access.Role, error) {
	if envID == who.environmentID {
		return who.role, nil
	}
	role, err := s.Access.RoleIn(ctx, who.actor.ID, envID)
	if problem.Is(err, problem.NotFound) {
		return "", problem.New(problem.AccessFailed, "%s", outside(who))
	}
	return role, err
}

func outside(who *caller) string {
	if who.administratorID != "" {
		return "you have no role in this environment; an Environment Admin of it can give you one"
	}
	return "the access token belongs to another environment"
}

func (s *server) listEnvironments(r *request) (Collection[Environments], error) {
	all, err := s.environmentsOf(r.Context(), r.caller.actor.ID, r.caller.environmentID, r.caller.role)
	if err != nil {
		return Collection[Environments]{}, err
	}
	return whole(r, all, func(e *entered) Environment { return r.environment(&e.Environment) }, func(l []Environment) Environments { return Environments{l} })
}

func (s *server) readEnvironment(r *request) (Environment, error) {
	env, err := s.Directory.Environment(r.Context(), r.env)
	return r.environment(&env), err
}

// createEnvironment makes an environment in which whoever asks may do everything, and nobody else anything.
func (s *server) createEnvironment(r *request, in EnvironmentBody) (Environment, error) {
	env, err := s.Directory.CreateEnvironment(r.Context(), in.Name, func(e directory.Environment) error {
		return s.Access.Found(r.Context(), r.caller.actor.ID, e.ID)
	})
	return r.environment(&env), err
}

func (s *server) replaceEnvironment(r *request, in EnvironmentBody) (Environment, error) {
	env, err := s.Directory.RenameEnvironment(r.Context(), r.env, in.Name)
	return r.environment(&env), err
}
