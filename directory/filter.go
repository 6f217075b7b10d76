package directory

import (
	"slices"
	"strings"

	"lockstep/filter"
	"lockstep/internal/problem"
)

// Filter shows the schema to package filter, with the group attributes that filters may name.
func (s *Schema) Filter() filter.Schema { return filterSchema{s} }

type filterSchema struct{ *Schema }

var groupAttributes = map[string]filter.Attribute{
	"memberofgroups":     {Name: "memberOfGroups", Type: filter.Complex, MultiValued: true},
	"memberofgroupids":   {Name: "memberOfGroupIDs", Type: filter.String, CaseExact: true, MultiValued: true},
	"memberofgroupnames": {Name: "memberOfGroupNames", Type: filter.String, MultiValued: true},
}

var filterTypes = map[AttributeType]filter.Type{
	TypeString: filter.String, TypeBoolean: filter.Boolean, TypeInteger: filter.Number, TypeJSON: filter.Complex, TypeDateTime: filter.DateTime,
}

// Attribute implements filter.Schema.
func (f filterSchema) Attribute(path string) (filter.Attribute, bool) {
	if a, ok := groupAttributes[strings.ToLower(path)]; ok {
		return a, true
	}
	a, ok := f.Schema.Attribute(path)
	if !ok {
		return filter.Attribute{}, false
	}
	return filter.Attribute{Name: a.Name, Type: filterTypes[a.Type], CaseExact: a.CaseExact, MultiValued: a.MultiValued}, true
}

// Names implements filter.Schema.
func (f filterSchema) Names() []string {
	return append(slices.Clone(f.Schema.Names()), "memberOfGroups", "memberOfGroupIDs", "memberOfGroupNames")
}

// CompileFilter reads a filter over users. What is wrong with it is an INVALID_REQUEST that says where.
func CompileFilter(schema *Schema, text string) (*filter.Predicate, error) {
	f, err := filter.Parse(text)
	if err == nil {
		var p *filter.Predicate
		if p, err = filter.Compile(f, schema.Filter()); err == nil {
			return p, nil
		}
	}
	return nil, problem.New(problem.InvalidRequest, "the filter cannot be read %v", err)
}
