package api

import (
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/nearest"
	"lockstep/internal/problem"
)

// id answers an id from the path; what is no UUID names nothing.
func (r *request) id(name, kind string) (string, error) {
	id := r.PathValue(name)
	if uuid.Validate(id) != nil {
		return "", problem.Missing(kind)
	}
	return id, nil
}

func (s *server) listEnvironments(r *request) (int, any, error) {
	env, err := s.Directory.Environment(r.Context(), r.caller.environmentID)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, r.collection("environments", []any{r.environment(&env)}, "", 1), nil
}

func (s *server) readEnvironment(r *request) (int, any, error) {
	env, err := s.Directory.Environment(r.Context(), r.env)
	return http.StatusOK, r.environment(&env), err
}

func (r *request) environment(e *directory.Environment) map[string]any {
	return map[string]any{
		"_links": map[string]any{"self": link(r.href(base + "/" + e.ID))}, "id": e.ID, "name": e.Name, "createdAt": stamp(e.CreatedAt),
	}
}

func (s *server) listUsers(r *request) (int, any, error) {
	p, err := r.page(directory.MaxUsers)
	if err != nil {
		return 0, nil, err
	}
	filter := r.URL.Query().Get("filter")
	users, err := s.Directory.Users(r.Context(), r.env, directory.Query{Filter: filter, Limit: p.limit, After: p.after})
	if err != nil {
		return 0, nil, err
	}
	count := int64(-1)
	if p.after == "" {
		if count, err = s.Directory.CountUsers(r.Context(), r.env, filter); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, r.collection("users", list(users.Users, r.user), users.Next, count), nil
}

// user renders a user as PingOne does; custom attributes are members beside the standard ones.
func (r *request) user(u *directory.User) map[string]any {
	self := r.here("/users/" + u.ID)
	out := optional(map[string]any{
		"id": u.ID, "username": u.Username, "email": u.Email, "nickname": u.Nickname, "title": u.Title, "type": u.Type,
		"primaryPhone": u.PrimaryPhone, "mobilePhone": u.MobilePhone, "locale": u.Locale, "preferredLanguage": u.PreferredLanguage,
		"timezone": u.Timezone, "externalId": u.ExternalID, "createdAt": stamp(u.CreatedAt), "updatedAt": stamp(u.UpdatedAt),
	})
	maps.Copy(out, u.Custom)
	name := optional(map[string]any{
		"formatted": u.Name.Formatted, "given": u.Name.Given, "middle": u.Name.Middle, "family": u.Name.Family,
		"honorificPrefix": u.Name.HonorificPrefix, "honorificSuffix": u.Name.HonorificSuffix,
	})
	address := optional(map[string]any{
		"streetAddress": u.Address.StreetAddress, "locality": u.Address.Locality, "region": u.Address.Region,
		"postalCode": u.Address.PostalCode, "countryCode": u.Address.CountryCode,
	})
	if len(name) > 0 {
		out["name"] = name
	}
	if len(address) > 0 {
		out["address"] = address
	}
	if u.Photo.Href != "" {
		out["photo"] = map[string]any{"href": u.Photo.Href}
	}
	out["enabled"] = u.Enabled
	out["environment"] = map[string]any{"id": u.EnvironmentID}
	out["population"] = map[string]any{"id": u.PopulationID}
	out["lifecycle"] = map[string]any{"status": "ACCOUNT_OK"}
	out["account"] = map[string]any{"canAuthenticate": u.Enabled, "status": "OK"}
	out["_links"] = map[string]any{
		"self": link(self), "environment": link(r.here("")), "population": link(r.here("/populations/" + u.PopulationID)),
		"enabled": link(self + "/enabled"), "syncedRules": link(self + "/syncedRules"),
	}
	return out
}

// readOnly are members of a user that clients send back as they got them.
var readOnly = map[string]bool{
	"id": true, "_links": true, "_embedded": true, "environment": true, "createdAt": true, "updatedAt": true, "lifecycle": true, "account": true,
	"identityProvider": true, "mfaEnabled": true, "verifyStatus": true, "lastSignOn": true, "emailVerified": true, "memberOfGroupIDs": true,
	"memberOfGroupNames": true, "password": true,
}

// apply writes the members of a body into a user. On a replacement what is left out is cleared; otherwise it stays.
func (s *server) apply(r *request, u *directory.User, body map[string]any, replace bool) error {
	schema, err := s.Directory.Schema(r.Context(), r.env)
	if err != nil {
		return err
	}
	if replace {
		*u = directory.User{ID: u.ID, EnvironmentID: u.EnvironmentID, PopulationID: u.PopulationID, PopulationName: u.PopulationName, Enabled: u.Enabled, CreatedAt: u.CreatedAt}
	}
	f := &fields{object: body}
	for name, value := range body {
		s.member(f, u, schema, name, value)
	}
	return f.list.Err("The user cannot be saved:")
}

func (s *server) member(f *fields, u *directory.User, schema *directory.Schema, name string, value any) {
	switch name {
	case "enabled":
		if enabled := f.flag(name); value != nil {
			u.Enabled = enabled
		}
		return
	case "population":
		if id := f.id(name); id != "" {
			u.PopulationID = id
		}
		return
	case "name", "address", "photo":
		s.complexMember(f, u, name)
		return
	}
	if readOnly[name] {
		return
	}
	a, ok := schema.Attribute(name)
	switch {
	case ok && a.SchemaType == directory.SchemaCustom:
		if u.Custom == nil {
			u.Custom = map[string]any{}
		}
		u.Custom[a.Name] = value
	case ok && u.SetText(name, f.text(name)):
	default:
		message := "users have no attribute of this name; declare it first"
		if near := nearest.Name(name, append([]string{"name", "address", "photo", "population"}, schema.Names()...)); near != "" {
			message = fmt.Sprintf("users have no attribute of this name; did you mean %q?", near)
		}
		f.list.Add(problem.InvalidValue, name, "%s", message)
	}
}

// complexMember sets the parts of name, address and photo; null clears all of them.
func (s *server) complexMember(f *fields, u *directory.User, name string) {
	child := f.child(name)
	if f.object[name] == nil {
		u.ClearText(name + ".")
		return
	}
	parts := &fields{object: child, prefix: name + "."}
	for part := range child {
		if !u.SetText(name+"."+part, parts.text(part)) {
			f.list.Add(problem.InvalidValue, name+"."+part, "there is no such part of %s", name)
		}
	}
	if err := parts.err(); err != nil {
		f.wrong(name, "text in each part")
	}
}

func (s *server) createUser(r *request) (int, any, error) {
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	u := directory.User{Enabled: true}
	if err := s.apply(r, &u, body, false); err != nil {
		return 0, nil, err
	}
	u, err = s.Directory.CreateUser(r.Context(), r.env, u)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, r.user(&u), nil
}

func (s *server) readUser(r *request) (int, any, error) {
	id, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	u, err := s.Directory.User(r.Context(), r.env, id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, r.user(&u), nil
}

func (s *server) replaceUser(r *request) (int, any, error) { return s.editUser(r, true) }
func (s *server) patchUser(r *request) (int, any, error)   { return s.editUser(r, false) }

func (s *server) editUser(r *request, replace bool) (int, any, error) {
	id, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	u, err := s.Directory.UpdateUser(r.Context(), r.env, id, func(u *directory.User) error { return s.apply(r, u, body, replace) })
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, r.user(&u), nil
}

func (s *server) deleteUser(r *request) (int, any, error) {
	id, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Directory.DeleteUser(r.Context(), r.env, id)
}

func (s *server) readEnabled(r *request) (int, any, error) {
	id, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	u, err := s.Directory.User(r.Context(), r.env, id)
	return http.StatusOK, map[string]any{"enabled": u.Enabled, "_links": map[string]any{"self": link(r.here("/users/" + id + "/enabled"))}}, err
}

func (s *server) setEnabled(r *request) (int, any, error) {
	id, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	enabled := f.flag("enabled")
	if body["enabled"] == nil {
		f.list.Add(problem.RequiredValue, "enabled", "true or false is required")
	}
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	u, err := s.Directory.SetEnabled(r.Context(), r.env, id, enabled)
	return http.StatusOK, map[string]any{"enabled": u.Enabled, "_links": map[string]any{"self": link(r.here("/users/" + id + "/enabled"))}}, err
}

func (s *server) readUserPopulation(r *request) (int, any, error) {
	id, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	u, err := s.Directory.User(r.Context(), r.env, id)
	return http.StatusOK, map[string]any{"id": u.PopulationID}, err
}

func (s *server) moveUser(r *request) (int, any, error) {
	id, err := r.id("userID", "user")
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	population := f.text("id")
	if population == "" {
		f.list.Add(problem.RequiredValue, "id", "the id of a population is required")
	}
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	u, err := s.Directory.MoveUser(r.Context(), r.env, id, population)
	return http.StatusOK, map[string]any{"id": u.PopulationID}, err
}

func (r *request) population(p *directory.Population) map[string]any {
	return map[string]any{
		"id": p.ID, "name": p.Name, "description": p.Description, "default": p.Default, "userCount": p.UserCount,
		"environment": map[string]any{"id": p.EnvironmentID}, "createdAt": stamp(p.CreatedAt), "updatedAt": stamp(p.UpdatedAt),
		"_links": map[string]any{"self": link(r.here("/populations/" + p.ID)), "environment": link(r.here(""))},
	}
}

func (s *server) listPopulations(r *request) (int, any, error) {
	all, err := s.Directory.Populations(r.Context(), r.env)
	return http.StatusOK, r.collection("populations", list(all, r.population), "", int64(len(all))), err
}

func (s *server) readPopulation(r *request) (int, any, error) {
	id, err := r.id("populationID", "population")
	if err != nil {
		return 0, nil, err
	}
	p, err := s.Directory.Population(r.Context(), r.env, id)
	return http.StatusOK, r.population(&p), err
}

func (s *server) createPopulation(r *request) (int, any, error) {
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	p := directory.Population{Name: f.text("name"), Description: f.text("description"), Default: f.flag("default")}
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	p, err = s.Directory.CreatePopulation(r.Context(), r.env, p)
	return http.StatusCreated, r.population(&p), err
}

func (s *server) replacePopulation(r *request) (int, any, error) {
	id, err := r.id("populationID", "population")
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	name, description, isDefault := f.text("name"), f.text("description"), f.flag("default")
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	p, err := s.Directory.UpdatePopulation(r.Context(), r.env, id, func(p *directory.Population) error {
		p.Name, p.Description = name, description
		if body["default"] != nil {
			p.Default = isDefault
		}
		return nil
	})
	return http.StatusOK, r.population(&p), err
}

func (s *server) deletePopulation(r *request) (int, any, error) {
	id, err := r.id("populationID", "population")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Directory.DeletePopulation(r.Context(), r.env, id)
}

// schemaID is the id of the one schema of an environment.
func schemaID(env string) string { return uuid.NewSHA1(uuid.MustParse(env), []byte("User")).String() }

func (r *request) schema() map[string]any {
	id := schemaID(r.env)
	return map[string]any{
		"id": id, "name": "User", "environment": map[string]any{"id": r.env},
		"_links": map[string]any{"self": link(r.here("/schemas/" + id)), "attributes": link(r.here("/schemas/" + id + "/attributes"))},
	}
}

func (s *server) listSchemas(r *request) (int, any, error) {
	return http.StatusOK, r.collection("schemas", []any{r.schema()}, "", 1), nil
}

func (r *request) checkSchema() error {
	if r.PathValue("schemaID") != schemaID(r.env) {
		return problem.Missing("schema")
	}
	return nil
}

func (s *server) readSchema(r *request) (int, any, error) {
	return http.StatusOK, r.schema(), r.checkSchema()
}

func (r *request) attribute(a *directory.Attribute) map[string]any {
	id := a.ID
	if id == "" {
		id = uuid.NewSHA1(uuid.MustParse(r.env), []byte("attribute/"+a.Name)).String()
	}
	path := "/schemas/" + schemaID(r.env)
	return optional(map[string]any{
		"id": id, "name": a.Name, "displayName": a.DisplayName, "description": a.Description, "type": string(a.Type), "schemaType": string(a.SchemaType),
		"multiValued": a.MultiValued, "required": a.Required, "unique": a.Unique, "enabled": true, "createdAt": stamp(a.CreatedAt), "updatedAt": stamp(a.UpdatedAt),
		"environment": map[string]any{"id": r.env}, "schema": map[string]any{"id": schemaID(r.env)},
		"_links": map[string]any{"self": link(r.here(path + "/attributes/" + id)), "schema": link(r.here(path))},
	})
}

func (s *server) attributes(r *request) ([]directory.Attribute, error) {
	if err := r.checkSchema(); err != nil {
		return nil, err
	}
	schema, err := s.Directory.Schema(r.Context(), r.env)
	if err != nil {
		return nil, err
	}
	out := make([]directory.Attribute, 0, len(schema.Names()))
	for _, name := range schema.Names() {
		a, _ := schema.Attribute(name)
		out = append(out, a)
	}
	return out, nil
}

func (s *server) listAttributes(r *request) (int, any, error) {
	all, err := s.attributes(r)
	return http.StatusOK, r.collection("attributes", list(all, r.attribute), "", int64(len(all))), err
}

func (s *server) readAttribute(r *request) (int, any, error) {
	all, err := s.attributes(r)
	if err != nil {
		return 0, nil, err
	}
	for i := range all {
		if out := r.attribute(&all[i]); out["id"] == r.PathValue("attributeID") {
			return http.StatusOK, out, nil
		}
	}
	return 0, nil, problem.Missing("attribute")
}

func (s *server) createAttribute(r *request) (int, any, error) {
	if err := r.checkSchema(); err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	a := directory.Attribute{
		Name: f.text("name"), DisplayName: f.text("displayName"), Description: f.text("description"),
		Type: directory.AttributeType(strings.ToUpper(f.text("type"))), MultiValued: f.flag("multiValued"), Required: f.flag("required"), Unique: f.flag("unique"),
	}
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	a, err = s.Directory.CreateAttribute(r.Context(), r.env, a)
	return http.StatusCreated, r.attribute(&a), err
}

func (s *server) updateAttribute(r *request) (int, any, error) {
	id, err := r.id("attributeID", "attribute")
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	f := &fields{object: body}
	displayName, description := f.text("displayName"), f.text("description")
	if err := f.err(); err != nil {
		return 0, nil, err
	}
	a, err := s.Directory.UpdateAttribute(r.Context(), r.env, id, displayName, description)
	return http.StatusOK, r.attribute(&a), err
}

func (s *server) deleteAttribute(r *request) (int, any, error) {
	id, err := r.id("attributeID", "attribute")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Directory.DeleteAttribute(r.Context(), r.env, id)
}
