package directory

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// diff lists what differs between two states of a user, by attribute.
func diff(before, after *User) []AttributeChange {
	var out []AttributeChange
	for _, name := range editable {
		if *before.field(name) != *after.field(name) {
			out = append(out, AttributeChange{name, before.Value(name), after.Value(name)})
		}
	}
	if before.Enabled != after.Enabled {
		out = append(out, AttributeChange{"enabled", before.Enabled, after.Enabled})
	}
	if before.PopulationID != after.PopulationID {
		out = append(out, AttributeChange{"population.id", before.PopulationID, after.PopulationID})
	}
	for name, value := range before.Custom {
		if !reflect.DeepEqual(value, after.Custom[name]) {
			out = append(out, AttributeChange{name, value, after.Custom[name]})
		}
	}
	for name, value := range after.Custom {
		if _, ok := before.Custom[name]; !ok {
			out = append(out, AttributeChange{name, nil, value})
		}
	}
	slices.SortFunc(out, func(a, b AttributeChange) int { return strings.Compare(a.Attribute, b.Attribute) })
	return out
}

// forget drops values of attributes that are no longer declared.
func (u *User) forget(schema *Schema) {
	for name := range u.Custom {
		if a, ok := schema.Attribute(name); !ok || a.SchemaType != SchemaCustom {
			u.Custom = maps.Clone(u.Custom)
			maps.DeleteFunc(u.Custom, func(name string, _ any) bool {
				a, ok := schema.Attribute(name)
				return !ok || a.SchemaType != SchemaCustom
			})
			if len(u.Custom) == 0 {
				u.Custom = nil
			}
			return
		}
	}
}
