package api

import "lockstep/provision"

// Mapping gives one target attribute its value.
type Mapping struct {
	Links                Links     `json:"_links"`
	ID                   string    `json:"id" format:"uuid"`
	Environment          Reference `json:"environment"`
	Rule                 Reference `json:"rule"`
	Name                 string    `json:"name,omitempty"`
	SourceAttribute      string    `json:"sourceAttribute,omitempty"`
	Expression           string    `json:"expression,omitempty"`
	TargetAttribute      string    `json:"targetAttribute"`
	AttributeMappingType string    `json:"attributeMappingType,omitempty"`
	CreateOnly           bool      `json:"createOnly" doc:"Sent when the account is made, never compared or sent again."`
	ClearWhenEmpty       bool      `json:"clearWhenEmpty" doc:"An empty source clears the attribute on the target instead of leaving it alone."`
	Times
}

// MappingBody is what may be written of a mapping: sourceAttribute or expression, never both.
type MappingBody struct {
	_               struct{}   `additionalProperties:"true"`
	Name            string     `json:"name,omitempty"`
	Rule            *Reference `json:"rule,omitempty"`
	SourceAttribute string     `json:"sourceAttribute,omitempty"`
	Expression      string     `json:"expression,omitempty"`
	TargetAttribute string     `json:"targetAttribute"`
	// The documentation says Boolean and shows text; both are taken.
	AttributeMappingType any  `json:"attributeMappingType,omitempty" doc:"userAttributeMapping."`
	CreateOnly           bool `json:"createOnly,omitempty"`
	ClearWhenEmpty       bool `json:"clearWhenEmpty,omitempty"`
}

// Mappings is what a list of mappings embeds.
type Mappings struct {
	Mappings []Mapping `json:"mappings"`
}

func (r *request) mapping(m *provision.Mapping) Mapping {
	return Mapping{
		Links: Links{"self": {r.here("/propagation/mappings/" + m.ID)}, "rule": {r.here("/propagation/rules/" + m.RuleID)}}, ID: m.ID,
		Environment: refer(m.EnvironmentID), Rule: refer(m.RuleID), Name: m.Name, SourceAttribute: m.SourceAttribute, Expression: m.Expression,
		TargetAttribute: m.TargetAttribute, AttributeMappingType: m.MappingType, CreateOnly: m.CreateOnly, ClearWhenEmpty: m.ClearWhenEmpty,
		Times: times(m.CreatedAt, m.UpdatedAt),
	}
}

func (in *MappingBody) mapping() provision.Mapping {
	m := provision.Mapping{
		Name: in.Name, RuleID: in.Rule.id(), SourceAttribute: in.SourceAttribute, Expression: in.Expression, TargetAttribute: in.TargetAttribute,
		CreateOnly: in.CreateOnly, ClearWhenEmpty: in.ClearWhenEmpty,
	}
	m.MappingType, _ = in.AttributeMappingType.(string)
	return m
}

func (s *server) listMappings(r *request) (Collection[Mappings], error) {
	all, err := s.Provision.Mappings(r.Context(), r.env, r.PathValue("ruleID"))
	if err != nil {
		return Collection[Mappings]{}, err
	}
	return whole(r, all, r.mapping, func(l []Mapping) Mappings { return Mappings{l} })
}

func (s *server) createMapping(r *request, in MappingBody) (Mapping, error) {
	m, err := s.Provision.CreateMapping(r.Context(), r.env, r.PathValue("ruleID"), in.mapping())
	return r.mapping(&m), err
}

func (s *server) readMapping(r *request) (Mapping, error) {
	m, err := s.Provision.Mapping(r.Context(), r.env, r.PathValue("mappingID"))
	return r.mapping(&m), err
}

func (s *server) updateMapping(r *request, in MappingBody) (Mapping, error) {
	m, err := s.Provision.UpdateMapping(r.Context(), r.env, r.PathValue("mappingID"), in.mapping())
	return r.mapping(&m), err
}

func (s *server) deleteMapping(r *request) error {
	return s.Provision.DeleteMapping(r.Context(), r.env, r.PathValue("mappingID"))
}
