package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/internal/nearest"
	"lockstep/internal/problem"
)

// newUser is a whole user as a client writes one: the standard attributes and what the environment declares beside them.
type newUser map[string]any

// userPatch is the part of a user that is to change; null clears.
type userPatch map[string]any

// readOnly are members of a user that clients send back as they got them.
var readOnly = map[string]bool{
	"id": true, "_links": true, "_embedded": true, "environment": true, "createdAt": true, "updatedAt": true, "lifecycle": true, "account": true,
	"identityProvider": true, "mfaEnabled": true, "verifyStatus": true, "lastSignOn": true, "emailVerified": true, "memberOfGroupIDs": true,
	"memberOfGroupNames": true, "password": true,
}

// apply writes the members of a body into a user. On a replacement what is left out is cleared; otherwise it stays.
func (s *server) apply(r *request, u *directory.User, in map[string]any, replace bool) error {
	schema, err := s.Directory.Schema(r.Context(), r.env)
	if err != nil {
		return err
	}
	if replace {
		*u = directory.User{ID: u.ID, EnvironmentID: u.EnvironmentID, PopulationID: u.PopulationID, PopulationName: u.PopulationName, Enabled: u.Enabled, CreatedAt: u.CreatedAt}
	}
	w := writer{schema: schema, user: u}
	spelled := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(in)) { // in order, so that the same body always gives the same answer
		if folded := strings.ToLower(name); spelled[folded] {
			w.problems.Add(problem.InvalidValue, name, "this member is there twice, in different spellings")
		} else {
			spelled[folded] = true
			w.member(name, in[name])
		}
	}
	return w.problems.Err("The user cannot be saved:")
}

// writer writes members of a body into a user and notes what is wrong with them.
type writer struct {
	schema   *directory.Schema
	user     *directory.User
	problems problem.List
}

// need answers a value of the wanted type; null is the empty one.
func need[T any](w *writer, target string, value any, what string) T {
	out, ok := value.(T)
	if value != nil && !ok {
		w.problems.Add(problem.InvalidValue, target, "%s is needed", what)
	}
	return out
}

func (w *writer) member(name string, value any) {
	switch name {
	case "enabled":
		if enabled := need[bool](w, name, value, "true or false"); value != nil {
			w.user.Enabled = enabled
		}
		return
	case "population":
		if id := need[string](w, "population.id", need[map[string]any](w, name, value, "an object")["id"], "text"); id != "" {
			w.user.PopulationID = id
		}
		return
	case "name", "address", "photo":
		w.complexMember(name, value)
		return
	}
	if readOnly[name] {
		return
	}
	a, ok := w.schema.Attribute(name)
	switch {
	case ok && a.SchemaType == directory.SchemaCustom:
		if w.user.Custom == nil {
			w.user.Custom = map[string]any{}
		}
		w.user.Custom[a.Name] = value
	case ok && !strings.Contains(name, ".") && w.user.SetText(name, need[string](w, name, value, "text")): // parts stand inside
	default:
		w.unknown(name, ok)
	}
}

func (w *writer) unknown(name string, known bool) {
	if whole, _, dotted := strings.Cut(name, "."); known && dotted {
		w.problems.Add(problem.InvalidValue, name, "this is a part of %s; send it inside of it", whole)
		return
	}
	message := "users have no attribute of this name; declare it first"
	if near := nearest.Name(name, append([]string{"name", "address", "photo", "population"}, w.schema.Names()...)); near != "" {
		message = fmt.Sprintf("users have no attribute of this name; did you mean %q?", near)
	}
	w.problems.Add(problem.InvalidValue, name, "%s", message)
}

// complexMember sets the parts of name, address and photo; null clears all of them.
func (w *writer) complexMember(name string, value any) {
	parts := need[map[string]any](w, name, value, "an object")
	if value == nil {
		w.user.ClearText(name + ".")
	}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		target := name + "." + part
		if !w.user.SetText(target, need[string](w, target, parts[part], "text")) {
			w.problems.Add(problem.InvalidValue, target, "there is no such part of %s", name)
		}
	}
}

// Schema implements huma.SchemaProvider: a new user has what the directory knows of users.
func (newUser) Schema(huma.Registry) *huma.Schema { return userSchema(true) }

// Schema implements huma.SchemaProvider.
func (userPatch) Schema(huma.Registry) *huma.Schema { return userSchema(false) }

// userSchema is the standard attributes as a client may write them.
func userSchema(whole bool) *huma.Schema {
	text := func() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Nullable: true} }
	out := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{},
		Description: "The standard attributes; those that the environment declares stand beside them.",
	}
	standard := directory.NewSchema(nil)
	for _, name := range standard.Names() {
		a, _ := standard.Attribute(name)
		head, part, dotted := strings.Cut(name, ".")
		if a.ReadOnly || readOnly[head] {
			continue
		}
		at := out
		if dotted {
			if at = out.Properties[head]; at == nil {
				at = &huma.Schema{Type: huma.TypeObject, Nullable: true, AdditionalProperties: head == "population", Properties: map[string]*huma.Schema{}}
				out.Properties[head] = at
			}
			head = part
		}
		at.Properties[head] = text()
		if a.Type == directory.TypeBoolean {
			at.Properties[head].Type = huma.TypeBoolean
		}
		if whole && a.Required {
			at.Required = append(at.Required, head)
			at.Properties[head].Nullable = false
		}
	}
	return out
}
