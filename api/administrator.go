package api

import (
	"net/http"

	"lockstep/access"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// consoleRoutes are what PingOne has no public operation for, and the console needs.
func (s *server) consoleRoutes() []route {
	const (
		read, all      = access.Read, access.EditAll
		get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
		env            = "/{environmentID}"
		p              = env + "/propagation"
	)
	return []route{
		{get, env + "/administrators", all, "List administrators", s.listAdministrators, false},
		{post, env + "/administrators", all, "Create an administrator", s.createAdministrator, false},
		{get, env + "/administrators/{administratorID}", all, "Read an administrator", s.readAdministrator, false},
		{put, env + "/administrators/{administratorID}", all, "Change an administrator's name, role or password", s.updateAdministrator, false},
		{http.MethodDelete, env + "/administrators/{administratorID}", all, "Delete an administrator", s.deleteAdministrator, false},
		{get, env + "/profile", read, "Read who is signed in", s.readProfile, false},
		{put, env + "/profile", read, "Change one's own name", s.updateProfile, false},
		{get, p + "/storeMetadata", read, "The catalogue: what types of stores there are", s.listStoreMetadata, false},
		{get, p + "/stores/{storeID}/status", read, "What a connection is doing, how it tested, what is left of its budgets", s.connectionStatus, false},
		{get, p + "/throughput", read, "Writes lately, succeeded and failed; ?minutes= says how far back", s.throughput, false},
		{post, p + "/expressions/evaluate", read, "The value of an expression for a user", s.evaluate, false},
		{post, env + "/users/import", access.EditDirectory, "Take over people from a CSV file; ?dryRun=true only reports", s.importUsers, true},
		{put, env + "/profile/password", read, "Change one's own password; other sessions end", s.changePassword, false},
	}
}

func (r *request) administrator(a *access.Administrator) map[string]any {
	return optional(map[string]any{
		"id": a.ID, "username": a.Username, "name": a.Name, "role": string(a.Role), "environment": map[string]any{"id": a.EnvironmentID},
		"createdAt": stamp(a.CreatedAt), "updatedAt": stamp(a.UpdatedAt), "lastSignOnAt": stamp(a.LastSignOnAt),
		"_links": map[string]any{"self": link(r.here("/administrators/" + a.ID))},
	})
}

func (s *server) listAdministrators(r *request) (int, any, error) {
	all, err := s.Access.Administrators(r.Context(), r.env)
	return http.StatusOK, r.collection("administrators", list(all, r.administrator), "", int64(len(all))), err
}

func (s *server) readAdministrator(r *request) (int, any, error) {
	id, err := r.id("administratorID", "administrator")
	if err != nil {
		return 0, nil, err
	}
	a, err := s.Access.Administrator(r.Context(), r.env, id)
	return http.StatusOK, r.administrator(&a), err
}

func (s *server) createAdministrator(r *request) (int, any, error) {
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	n := access.NewAdministrator{Username: f.text("username"), Name: f.text("name"), Role: access.Role(f.text("role")), Password: secret.New(f.text("password"))}
	if n.Role == "" {
		f.list.Add(problem.RequiredValue, "role", "a role is required")
	}
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	a, err := s.Access.CreateAdministrator(r.Context(), r.env, n)
	return http.StatusCreated, r.administrator(&a), err
}

func (s *server) updateAdministrator(r *request) (int, any, error) {
	id, err := r.id("administratorID", "administrator")
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	var edit access.AdministratorEdit
	if _, ok := body["name"]; ok {
		name := f.text("name")
		edit.Name = &name
	}
	if _, ok := body["role"]; ok {
		role := access.Role(f.text("role"))
		edit.Role = &role
	}
	if _, ok := body["password"]; ok {
		password := secret.New(f.text("password"))
		edit.Password = &password
	}
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	a, err := s.Access.UpdateAdministrator(r.Context(), r.env, id, edit)
	return http.StatusOK, r.administrator(&a), err
}

func (s *server) deleteAdministrator(r *request) (int, any, error) {
	id, err := r.id("administratorID", "administrator")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Access.DeleteAdministrator(r.Context(), r.env, id)
}

var errNoProfile = problem.New(problem.NotFound, "an API client has no profile; only administrators do")

func (s *server) readProfile(r *request) (int, any, error) {
	if r.caller.administratorID == "" {
		return 0, nil, errNoProfile
	}
	a, err := s.Access.Administrator(r.Context(), r.env, r.caller.administratorID)
	return http.StatusOK, r.administrator(&a), err
}

func (s *server) updateProfile(r *request) (int, any, error) {
	if r.caller.administratorID == "" {
		return 0, nil, errNoProfile
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	name := f.text("name")
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	a, err := s.Access.UpdateAdministrator(r.Context(), r.env, r.caller.administratorID, access.AdministratorEdit{Name: &name})
	return http.StatusOK, r.administrator(&a), err
}

func (s *server) changePassword(r *request) (int, any, error) {
	if r.caller.administratorID == "" {
		return 0, nil, errNoProfile
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	current, next := secret.New(f.text("currentPassword")), secret.New(f.text("newPassword"))
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	key := "password|" + r.caller.administratorID
	if s.throttle.wait(key) > 0 {
		return 0, nil, problem.New(problem.TooMany, "too many attempts failed; wait a moment and try again")
	}
	err = s.Access.ChangePassword(r.Context(), r.caller.administratorID, current, next, sessionToken(r.Request))
	if problem.Is(err, problem.InvalidData) {
		s.throttle.failed(key)
	}
	return http.StatusNoContent, nil, err
}
