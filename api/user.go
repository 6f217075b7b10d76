package api

import (
	"encoding/json"
	"maps"
	"slices"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// User is a user as PingOne shows one; custom attributes are members beside the standard ones.
type User struct {
	_                 struct{}          `additionalProperties:"true"`
	Links             Links             `json:"_links"`
	ID                string            `json:"id" format:"uuid"`
	Environment       Reference         `json:"environment"`
	Population        Reference         `json:"population"`
	Username          string            `json:"username"`
	Email             string            `json:"email,omitempty"`
	Enabled           bool              `json:"enabled"`
	Name              directory.Name    `json:"name,omitzero"`
	Nickname          string            `json:"nickname,omitempty"`
	Title             string            `json:"title,omitempty"`
	Type              string            `json:"type,omitempty"`
	PrimaryPhone      string            `json:"primaryPhone,omitempty"`
	MobilePhone       string            `json:"mobilePhone,omitempty"`
	Address           directory.Address `json:"address,omitzero"`
	Locale            string            `json:"locale,omitempty"`
	PreferredLanguage string            `json:"preferredLanguage,omitempty"`
	Timezone          string            `json:"timezone,omitempty"`
	Photo             directory.Photo   `json:"photo,omitzero"`
	ExternalID        string            `json:"externalId,omitempty"`
	Lifecycle         Lifecycle         `json:"lifecycle"`
	Account           UserAccount       `json:"account"`
	// PingOne answers these two only when include asks for them.
	MemberOfGroupIDs   []string `json:"memberOfGroupIDs,omitzero"`
	MemberOfGroupNames []string `json:"memberOfGroupNames,omitzero"`
	Times
	custom map[string]any
}

// Lifecycle is where PingOne says that a user is confirmed. Here every user is.
type Lifecycle struct {
	Status string `json:"status" enum:"ACCOUNT_OK"`
}

// UserAccount is where PingOne says whether a user may sign in to it.
type UserAccount struct {
	CanAuthenticate bool   `json:"canAuthenticate"`
	Status          string `json:"status" enum:"OK"`
}

// MarshalJSON implements json.Marshaler: the custom attributes stand beside the others.
func (u User) MarshalJSON() ([]byte, error) {
	type plain User
	raw, err := json.Marshal(plain(u))
	if err != nil || len(u.custom) == 0 {
		return raw, err
	}
	custom, err := json.Marshal(u.custom)
	if err != nil {
		return nil, err
	}
	return slices.Concat(raw[:len(raw)-1], []byte(","), custom[1:]), nil
}

// Users is what a list of users embeds.
type Users struct {
	Users []User `json:"users"`
}

func (r *request) user(u *directory.User) User {
	self := r.here("/users/" + u.ID)
	out := User{
		Links: Links{
			"self": {self}, "environment": {r.here("")}, "population": {r.here("/populations/" + u.PopulationID)},
			"enabled": {self + "/enabled"}, "syncedRules": {self + "/syncedRules"}, "memberOfGroups": {self + "/memberOfGroups"},
		},
		ID: u.ID, Environment: refer(u.EnvironmentID), Population: refer(u.PopulationID), Username: u.Username, Email: u.Email, Enabled: u.Enabled,
		Name: u.Name, Nickname: u.Nickname, Title: u.Title, Type: u.Type, PrimaryPhone: u.PrimaryPhone, MobilePhone: u.MobilePhone, Address: u.Address,
		Locale: u.Locale, PreferredLanguage: u.PreferredLanguage, Timezone: u.Timezone, Photo: u.Photo, ExternalID: u.ExternalID,
		Lifecycle: Lifecycle{"ACCOUNT_OK"}, Account: UserAccount{CanAuthenticate: u.Enabled, Status: "OK"}, Times: times(u.CreatedAt, u.UpdatedAt),
		custom: maps.Clone(u.Custom),
	}
	maps.DeleteFunc(out.custom, func(_ string, value any) bool { return value == nil })
	return out
}

func (s *server) listUsers(r *request) (Collection[Users], error) {
	p, err := r.page(directory.MaxUsers, byID)
	if err != nil {
		return Collection[Users]{}, err
	}
	filter := r.parameter("filter")
	users, err := s.Directory.Users(r.Context(), r.env, directory.Query{Filter: filter, Limit: p.limit, After: p.after})
	if err != nil {
		return Collection[Users]{}, err
	}
	count := int64(-1)
	if p.after == "" {
		if count, err = s.Directory.CountUsers(r.Context(), r.env, filter); err != nil {
			return Collection[Users]{}, err
		}
	}
	items := each(users.Users, r.user)
	if err := s.includeGroups(r, items); err != nil {
		return Collection[Users]{}, err
	}
	return collection(r, Users{items}, len(items), users.Next, count), nil
}

func (s *server) createUser(r *request, in newUser) (User, error) {
	u := directory.User{Enabled: true}
	if err := s.apply(r, &u, in, false); err != nil {
		return User{}, err
	}
	u, err := s.Directory.CreateUser(r.Context(), r.env, u)
	return r.user(&u), err
}

func (s *server) readUser(r *request) (User, error) {
	u, err := s.Directory.User(r.Context(), r.env, r.PathValue("userID"))
	if err != nil {
		return User{}, err
	}
	out := []User{r.user(&u)}
	err = s.includeGroups(r, out)
	return out[0], err
}

func (s *server) replaceUser(r *request, in newUser) (User, error) { return s.editUser(r, in, true) }
func (s *server) patchUser(r *request, in userPatch) (User, error) { return s.editUser(r, in, false) }

func (s *server) editUser(r *request, in map[string]any, replace bool) (User, error) {
	u, err := s.Directory.UpdateUser(r.Context(), r.env, r.PathValue("userID"), func(u *directory.User) error { return s.apply(r, u, in, replace) })
	return r.user(&u), err
}

func (s *server) deleteUser(r *request) error {
	return s.Directory.DeleteUser(r.Context(), r.env, r.PathValue("userID"))
}

// Enabled says whether a user is enabled.
type Enabled struct {
	Links   Links `json:"_links"`
	Enabled bool  `json:"enabled"`
}

// EnabledBody enables or disables a user.
type EnabledBody struct {
	_       struct{} `additionalProperties:"true"`
	Enabled *bool    `json:"enabled" nullable:"false"`
}

func (r *request) enabled(u *directory.User) Enabled {
	return Enabled{Links: Links{"self": {r.here("/users/" + r.PathValue("userID") + "/enabled")}}, Enabled: u.Enabled}
}

func (s *server) readEnabled(r *request) (Enabled, error) {
	u, err := s.Directory.User(r.Context(), r.env, r.PathValue("userID"))
	return r.enabled(&u), err
}

func (s *server) setEnabled(r *request, in EnabledBody) (Enabled, error) {
	if in.Enabled == nil {
		return Enabled{}, required("enabled", "true or false is required")
	}
	u, err := s.Directory.SetEnabled(r.Context(), r.env, r.PathValue("userID"), *in.Enabled)
	return r.enabled(&u), err
}

func required(target, message string) error {
	var l problem.List
	l.Add(problem.RequiredValue, target, "%s", message)
	return l.Err("The input is not acceptable:")
}

func (s *server) readUserPopulation(r *request) (Reference, error) {
	u, err := s.Directory.User(r.Context(), r.env, r.PathValue("userID"))
	return refer(u.PopulationID), err
}

func (s *server) moveUser(r *request, in Reference) (Reference, error) {
	if in.ID == "" {
		return in, required("id", "the id of a population is required")
	}
	u, err := s.Directory.MoveUser(r.Context(), r.env, r.PathValue("userID"), in.ID)
	return refer(u.PopulationID), err
}
