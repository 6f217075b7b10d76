package api

import (
	"net/http"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// consoleRoutes are what PingOne has no public operation for, and the console needs.
func (s *server) consoleRoutes() []route {
	const administrators, administrator = env + "/administrators", env + "/administrators/{administratorID}"
	minutes := parameter{name: "minutes", doc: "How far back; left out: an hour.", kind: "integer"}
	flag := func(name, doc string) parameter { return parameter{name: name, doc: doc, kind: "boolean"} }
	options := []parameter{
		flag("dryRun", "Only report what would happen."), flag("createAttributes", "Declare unknown columns as attributes."),
		flag("allOrNothing", "Change nothing if any row is refused."), {name: "population", doc: "Where new people go; left out: the default population."},
	}
	return []route{
		{get, administrators, "listAdministrators", all, "List administrators: the environment's own, and those of others who have a role in it", reads(s.listAdministrators), paging},
		{post, administrators, "createAdministrator", all, "Create an administrator", takes(created, s.createAdministrator), nil},
		{get, administrator, "readAdministrator", all, "Read an administrator", reads(s.readAdministrator), nil},
		{put, administrator, "updateAdministrator", all, "Change an administrator's name, role or password; what is left out stays. Of one of another environment, the role", takes(http.StatusOK, s.updateAdministrator), nil},
		{del, administrator, "deleteAdministrator", all, "Delete an administrator; of one of another environment, the role in this one", does(s.deleteAdministrator), nil},
		{get, env + "/profile", "readProfile", read, "Read who is signed in", reads(s.readProfile), nil},
		{put, env + "/profile", "updateProfile", read, "Change one's own name", takes(http.StatusOK, s.updateProfile), nil},
		{put, env + "/profile/password", "changePassword", read, "Change one's own password; other sessions end", takes(http.StatusOK, s.changePassword), nil},
		{get, propagation + "/storeMetadata", "listStoreMetadata", read, "The catalogue: what types of stores there are", reads(s.listStoreMetadata), paging},
		{get, propagation + "/stores/{storeID}/status", "readStoreStatus", read, "What a connection is doing, how it tested, what is left of its budgets", reads(s.connectionStatus), nil},
		{get, propagation + "/throughput", "readThroughput", read, "Writes lately, succeeded and failed, and how much was pending", reads(s.throughput), []parameter{minutes}},
		{post, propagation + "/expressions/evaluate", "evaluateExpression", read, "The value of an expression for a user", takes(http.StatusOK, s.evaluate), nil},
		{post, env + "/users/import", "importUsers", people, "Take over people from a CSV file", uploads[directory.ImportReport](csvMedia, s.importUsers), options},
	}
}

// Administrator is a person who signs in to the console.
type Administrator struct {
	Links        Links       `json:"_links"`
	ID           string      `json:"id" format:"uuid"`
	Username     string      `json:"username"`
	Name         string      `json:"name,omitempty"`
	Role         access.Role `json:"role"`
	Environment  Reference   `json:"environment" doc:"The environment that they are of. If it is another one, only their role here can be changed."`
	LastSignOnAt Stamp       `json:"lastSignOnAt,omitzero"`
	Times
}

// Administrators is what a list of administrators embeds.
type Administrators struct {
	Administrators []Administrator `json:"administrators"`
}

// NewAdministratorBody is what a new administrator is made of.
type NewAdministratorBody struct {
	_        struct{} `additionalProperties:"true"`
	Username string   `json:"username"`
	Name     string   `json:"name,omitempty"`
	Role     string   `json:"role"`
	Password string   `json:"password,omitempty" doc:"Of somebody new."`
	Existing bool     `json:"existing,omitempty" doc:"Somebody who signs in already and is of another environment: they are given a role in this one as well."`
}

// AdministratorBody is what may change about an administrator; what is left out stays.
type AdministratorBody struct {
	_        struct{} `additionalProperties:"true"`
	Name     *string  `json:"name,omitempty"`
	Role     *string  `json:"role,omitempty"`
	Password *string  `json:"password,omitempty"`
}

// ProfileBody is what people may change about themselves.
type ProfileBody struct {
	_    struct{} `additionalProperties:"true"`
	Name string   `json:"name"`
}

// PasswordBody changes one's own password.
type PasswordBody struct {
	_       struct{} `additionalProperties:"true"`
	Current string   `json:"currentPassword"`
	New     string   `json:"newPassword"`
}

func (r *request) administrator(a *access.Administrator) Administrator {
	return Administrator{
		Links: Links{"self": {r.here("/administrators/" + a.ID)}}, ID: a.ID, Username: a.Username, Name: a.Name, Role: a.Role,
		Environment: refer(a.EnvironmentID), LastSignOnAt: Stamp(a.LastSignOnAt), Times: times(a.CreatedAt, a.UpdatedAt),
	}
}

func (s *server) listAdministrators(r *request) (Collection[Administrators], error) {
	list, err := s.Access.Administrators(r.Context(), r.env)
	if err != nil {
		return Collection[Administrators]{}, err
	}
	return whole(r, list, r.administrator, func(l []Administrator) Administrators { return Administrators{l} })
}

func (s *server) readAdministrator(r *request) (Administrator, error) {
	a, err := s.Access.Administrator(r.Context(), r.env, r.PathValue("administratorID"))
	return r.administrator(&a), err
}

func (s *server) createAdministrator(r *request, in NewAdministratorBody) (Administrator, error) {
	role, err := access.ParseRole(in.Role)
	if err != nil {
		return Administrator{}, err
	}
	if in.Existing {
		a, err := s.Access.Admit(r.Context(), r.env, in.Username, role)
		return r.administrator(&a), err
	}
	a, err := s.Access.CreateAdministrator(r.Context(), r.env, access.NewAdministrator{Username: in.Username, Name: in.Name, Role: role, Password: secret.New(in.Password)})
	return r.administrator(&a), err
}

func (s *server) updateAdministrator(r *request, in AdministratorBody) (Administrator, error) {
	edit := access.AdministratorEdit{Name: in.Name}
	if in.Role != nil {
		role, err := access.ParseRole(*in.Role)
		if err != nil {
			return Administrator{}, err
		}
		edit.Role = &role
	}
	if in.Password != nil {
		password := secret.New(*in.Password)
		edit.Password = &password
	}
	a, err := s.Access.UpdateAdministrator(r.Context(), r.env, r.PathValue("administratorID"), edit)
	return r.administrator(&a), err
}

func (s *server) deleteAdministrator(r *request) error {
	return s.Access.DeleteAdministrator(r.Context(), r.env, r.PathValue("administratorID"))
}

var errNoProfile = problem.New(problem.NotFound, "an API client has no profile; only administrators do")

func (s *server) readProfile(r *request) (Administrator, error) {
	if r.caller.administratorID == "" {
		return Administrator{}, errNoProfile
	}
	a, err := s.Access.Administrator(r.Context(), r.caller.environmentID, r.caller.administratorID) // wherever they are just now
	return r.administrator(&a), err
}

func (s *server) updateProfile(r *request, in ProfileBody) (Administrator, error) {
	if r.caller.administratorID == "" {
		return Administrator{}, errNoProfile
	}
	a, err := s.Access.UpdateAdministrator(r.Context(), r.caller.environmentID, r.caller.administratorID, access.AdministratorEdit{Name: &in.Name})
	return r.administrator(&a), err
}

func (s *server) changePassword(r *request, in PasswordBody) (Administrator, error) {
	if r.caller.administratorID == "" {
		return Administrator{}, errNoProfile
	}
	leave, err := s.guess(r.Context())
	if err != nil {
		return Administrator{}, err
	}
	defer leave()
	key := "password|" + r.caller.administratorID
	if s.throttle.wait(key) > 0 {
		return Administrator{}, errTooMany
	}
	err = s.Access.ChangePassword(r.Context(), r.caller.administratorID, secret.New(in.Current), secret.New(in.New), s.sessionToken(r.Request))
	if err != nil {
		if problem.Is(err, problem.InvalidData) {
			s.throttle.failed(key)
		}
		return Administrator{}, err
	}
	return s.readProfile(r)
}
