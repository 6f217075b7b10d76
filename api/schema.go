package api

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// Schema is the schema of users, the only one there is.
type Schema struct {
	Links       Links     `json:"_links"`
	ID          string    `json:"id" format:"uuid"`
	Environment Reference `json:"environment"`
	Name        string    `json:"name"`
}

// Schemas is what a list of schemas embeds.
type Schemas struct {
	Schemas []Schema `json:"schemas"`
}

// Attribute is an attribute that users can have.
type Attribute struct {
	Links       Links                   `json:"_links"`
	ID          string                  `json:"id" format:"uuid"`
	Environment Reference               `json:"environment"`
	Schema      Reference               `json:"schema"`
	Name        string                  `json:"name"`
	DisplayName string                  `json:"displayName,omitempty"`
	Description string                  `json:"description,omitempty"`
	Type        directory.AttributeType `json:"type"`
	SchemaType  directory.SchemaType    `json:"schemaType"`
	MultiValued bool                    `json:"multiValued"`
	Required    bool                    `json:"required"`
	Unique      bool                    `json:"unique"`
	Enabled     bool                    `json:"enabled"`
	Times
}

// Attributes is what a list of attributes embeds.
type Attributes struct {
	Attributes []Attribute `json:"attributes"`
}

// NewAttribute declares an attribute.
type NewAttribute struct {
	_           struct{} `additionalProperties:"true"`
	Name        string   `json:"name"`
	DisplayName string   `json:"displayName,omitempty"`
	Description string   `json:"description,omitempty"`
	Type        string   `json:"type,omitempty" doc:"STRING, BOOLEAN, INTEGER or JSON, in any case; left out: STRING."`
	MultiValued bool     `json:"multiValued,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Unique      bool     `json:"unique,omitempty"`
}

// AttributeBody changes how an attribute is shown. What it is cannot change: those members may be sent back as they are.
type AttributeBody struct {
	_           struct{} `additionalProperties:"true"`
	DisplayName given    `json:"displayName,omitzero"`
	Description given    `json:"description,omitzero"`
	Name        *string  `json:"name,omitempty" nullable:"true"`
	Type        *string  `json:"type,omitempty" nullable:"true"`
	MultiValued *bool    `json:"multiValued,omitempty" nullable:"true"`
	Required    *bool    `json:"required,omitempty" nullable:"true"`
	Unique      *bool    `json:"unique,omitempty" nullable:"true"`
}

// schemaID is the id of the one schema of an environment.
func schemaID(env string) string { return uuid.NewSHA1(uuid.MustParse(env), []byte("User")).String() }

func (r *request) schema() Schema {
	id := schemaID(r.env)
	self := r.here("/schemas/" + id)
	return Schema{Links: Links{"self": {self}, "attributes": {self + "/attributes"}}, ID: id, Environment: refer(r.env), Name: "User"}
}

func (s *server) listSchemas(r *request) (Collection[Schemas], error) {
	one := []Schema{r.schema()}
	return whole(r, one, func(o *Schema) Schema { return *o }, func(l []Schema) Schemas { return Schemas{l} })
}

func (r *request) checkSchema() error {
	if r.PathValue("schemaID") != schemaID(r.env) {
		return problem.Missing("schema")
	}
	return nil
}

func (s *server) readSchema(r *request) (Schema, error) { return r.schema(), r.checkSchema() }

func (r *request) attributeID(a *directory.Attribute) string {
	if a.ID != "" {
		return a.ID
	}
	return uuid.NewSHA1(uuid.MustParse(r.env), []byte("attribute/"+a.Name)).String() // a standard one has no row
}

func (r *request) attribute(a *directory.Attribute) Attribute {
	id, path := r.attributeID(a), "/schemas/"+schemaID(r.env)
	return Attribute{
		Links: Links{"self": {r.here(path + "/attributes/" + id)}, "schema": {r.here(path)}}, ID: id, Environment: refer(r.env), Schema: refer(schemaID(r.env)),
		Name: a.Name, DisplayName: a.DisplayName, Description: a.Description, Type: a.Type, SchemaType: a.SchemaType, MultiValued: a.MultiValued,
		Required: a.Required, Unique: a.Unique, Enabled: true, Times: times(a.CreatedAt, a.UpdatedAt),
	}
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

func (s *server) listAttributes(r *request) (Collection[Attributes], error) {
	all, err := s.attributes(r)
	if err != nil {
		return Collection[Attributes]{}, err
	}
	return whole(r, all, r.attribute, func(l []Attribute) Attributes { return Attributes{l} })
}

// pathAttribute finds the attribute of the path.
func (s *server) pathAttribute(r *request) (directory.Attribute, error) {
	all, err := s.attributes(r)
	if err != nil {
		return directory.Attribute{}, err
	}
	for i := range all {
		if r.attributeID(&all[i]) == r.PathValue("attributeID") {
			return all[i], nil
		}
	}
	return directory.Attribute{}, problem.Missing("attribute")
}

func (s *server) readAttribute(r *request) (Attribute, error) {
	a, err := s.pathAttribute(r)
	if err != nil {
		return Attribute{}, err
	}
	return r.attribute(&a), nil
}

func (s *server) createAttribute(r *request, in NewAttribute) (Attribute, error) {
	if err := r.checkSchema(); err != nil {
		return Attribute{}, err
	}
	a, err := s.Directory.CreateAttribute(r.Context(), r.env, directory.Attribute{
		Name: in.Name, DisplayName: in.DisplayName, Description: in.Description, Type: directory.AttributeType(strings.ToUpper(in.Type)),
		MultiValued: in.MultiValued, Required: in.Required, Unique: in.Unique,
	})
	return r.attribute(&a), err
}

// updateAttribute changes how an attribute is shown. What it is cannot be changed, and saying so is better than passing over it.
// What a PATCH leaves out stays; what a PUT leaves out is cleared.
func (s *server) updateAttribute(r *request, in AttributeBody) (Attribute, error) {
	before, err := s.customAttribute(r)
	if err != nil {
		return Attribute{}, err
	}
	var l problem.List
	same(&l, "name", in.Name, before.Name)
	if in.Type != nil && !strings.EqualFold(*in.Type, string(before.Type)) {
		same(&l, "type", in.Type, string(before.Type))
	}
	same(&l, "multiValued", in.MultiValued, before.MultiValued)
	same(&l, "required", in.Required, before.Required)
	same(&l, "unique", in.Unique, before.Unique)
	if err := l.Err("The attribute cannot be saved:"); err != nil {
		return Attribute{}, err
	}
	displayName, description := in.DisplayName.text, in.Description.text
	if r.Method == http.MethodPatch {
		displayName, description = in.DisplayName.or(before.DisplayName), in.Description.or(before.Description)
	}
	a, err := s.Directory.UpdateAttribute(r.Context(), r.env, before.ID, displayName, description)
	return r.attribute(&a), err
}

// same notes a member that would change what cannot change.
func same[T comparable](l *problem.List, name string, given *T, before T) {
	if given != nil && *given != before {
		l.Add(problem.InvalidValue, name, "this cannot be changed; declare another attribute")
	}
}

// customAttribute finds the attribute of the path, which must be one that can be changed.
func (s *server) customAttribute(r *request) (directory.Attribute, error) {
	a, err := s.pathAttribute(r)
	if err == nil && a.SchemaType != directory.SchemaCustom {
		return a, problem.New(problem.InvalidData, "%s is a standard attribute, which cannot be changed or deleted", a.Name)
	}
	return a, err
}

func (s *server) deleteAttribute(r *request) error {
	a, err := s.customAttribute(r)
	if err != nil {
		return err
	}
	return s.Directory.DeleteAttribute(r.Context(), r.env, a.ID)
}
