package directory

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// AttributeType is the type of an attribute's value.
type AttributeType string

// The attribute types, in PingOne's words; DateTime is ours for createdAt and updatedAt.
const (
	TypeString   AttributeType = "STRING"
	TypeBoolean  AttributeType = "BOOLEAN"
	TypeInteger  AttributeType = "INTEGER"
	TypeJSON     AttributeType = "JSON"
	TypeComplex  AttributeType = "COMPLEX"
	TypeDateTime AttributeType = "DATETIME"
)

// SchemaType says where an attribute comes from.
type SchemaType string

// The origins of an attribute, in PingOne's words.
const (
	SchemaCore     SchemaType = "CORE"     // needed by Lockstep itself
	SchemaStandard SchemaType = "STANDARD" // PingOne's standard set
	SchemaCustom   SchemaType = "CUSTOM"   // declared by the environment
)

// Attribute declares one attribute of users.
type Attribute struct {
	ID            string
	EnvironmentID string
	Name          string // "department", "name.given"
	DisplayName   string
	Description   string
	Type          AttributeType
	SchemaType    SchemaType
	MultiValued   bool
	Required      bool
	Unique        bool
	ReadOnly      bool
	CaseExact     bool // compared with regard to case (ids)
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Schema is the attributes that the users of one environment can have.
type Schema struct {
	byName map[string]Attribute // by lower-case name
	names  []string             // in the order of declaration
	custom []Attribute          // what the environment declares
}

// NewSchema is the standard attributes and the environment's own.
func NewSchema(custom []Attribute) *Schema {
	s := &Schema{byName: make(map[string]Attribute, len(standard)+len(custom)), custom: custom}
	for _, list := range [][]Attribute{standard, custom} {
		for _, a := range list {
			s.byName[strings.ToLower(a.Name)] = a
			s.names = append(s.names, a.Name)
		}
	}
	return s
}

// with is the schema with one more declared attribute.
func (s *Schema) with(a Attribute) *Schema {
	out := &Schema{byName: maps.Clone(s.byName), names: append(slices.Clone(s.names), a.Name), custom: append(slices.Clone(s.custom), a)}
	out.byName[strings.ToLower(a.Name)] = a
	return out
}

// Attribute finds an attribute by its path, without regard to case as SCIM asks.
func (s *Schema) Attribute(path string) (Attribute, bool) {
	a, ok := s.byName[strings.ToLower(path)]
	return a, ok
}

// Names lists the paths of all attributes, standard ones first.
func (s *Schema) Names() []string { return s.names }

// standard is PingOne's user attributes (pingone-provisioning.md §4.1) that Lockstep holds.
var standard = []Attribute{
	{Name: "id", Type: TypeString, SchemaType: SchemaCore, ReadOnly: true, CaseExact: true, DisplayName: "ID"},
	{Name: "environment.id", Type: TypeString, SchemaType: SchemaCore, ReadOnly: true, CaseExact: true, DisplayName: "Environment ID"},
	{Name: "population.id", Type: TypeString, SchemaType: SchemaCore, CaseExact: true, DisplayName: "Population ID"},
	{Name: "population.name", Type: TypeString, SchemaType: SchemaCore, ReadOnly: true, DisplayName: "Population Name"},
	{Name: "username", Type: TypeString, SchemaType: SchemaCore, Required: true, Unique: true, DisplayName: "Username"},
	{Name: "email", Type: TypeString, SchemaType: SchemaStandard, Required: true, DisplayName: "Email Address"},
	{Name: "enabled", Type: TypeBoolean, SchemaType: SchemaCore, DisplayName: "Enabled"},
	{Name: "name.formatted", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Formatted Name"},
	{Name: "name.given", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Given Name"},
	{Name: "name.middle", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Middle Name"},
	{Name: "name.family", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Family Name"},
	{Name: "name.honorificPrefix", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Prefix"},
	{Name: "name.honorificSuffix", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Suffix"},
	{Name: "nickname", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Nickname"},
	{Name: "title", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Title"},
	{Name: "type", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Type"},
	{Name: "primaryPhone", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Primary Phone"},
	{Name: "mobilePhone", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Mobile Phone"},
	{Name: "address.streetAddress", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Street Address"},
	{Name: "address.locality", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Locality"},
	{Name: "address.region", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Region"},
	{Name: "address.postalCode", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Postal Code"},
	{Name: "address.countryCode", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Country Code"},
	{Name: "locale", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Locale"},
	{Name: "preferredLanguage", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Preferred Language"},
	{Name: "timezone", Type: TypeString, SchemaType: SchemaStandard, DisplayName: "Timezone"},
	{Name: "photo.href", Type: TypeString, SchemaType: SchemaStandard, CaseExact: true, DisplayName: "Photo"},
	{Name: "externalId", Type: TypeString, SchemaType: SchemaStandard, CaseExact: true, DisplayName: "External ID"},
	{Name: "createdAt", Type: TypeDateTime, SchemaType: SchemaCore, ReadOnly: true, DisplayName: "Created"},
	{Name: "updatedAt", Type: TypeDateTime, SchemaType: SchemaCore, ReadOnly: true, DisplayName: "Updated"},
}
