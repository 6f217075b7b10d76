package api

import (
	"lockstep/internal/problem"
	"lockstep/provision"
)

// StoreMetadata is what a type of store asks for and can hold. PingOne does not publish the shape of the inner parts.
type StoreMetadata struct {
	Information        StoreInformation    `json:"information"`
	ConnectionProfiles []ConnectionProfile `json:"connectionProfiles"`
	AttributeMetadata  AttributeMetadata   `json:"attributeMetadata"`
	DefaultMappings    []DefaultMapping    `json:"defaultMappings"`
}

// StoreInformation says what a type is.
type StoreInformation struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// ConnectionProfile is one way to connect.
type ConnectionProfile struct {
	Name                 string                `json:"name"`
	ConnectionAttributes []ConnectionAttribute `json:"connectionAttributes"`
}

// ConnectionAttribute is one key of a store's configuration.
type ConnectionAttribute struct {
	Name          string              `json:"name"`
	DisplayName   string              `json:"displayName,omitempty"`
	Description   string              `json:"description,omitempty"`
	Type          provision.FieldKind `json:"type"`
	Required      bool                `json:"required"`
	DefaultValue  any                 `json:"defaultValue,omitempty"`
	AllowedValues []string            `json:"allowedValues,omitempty"`
	Minimum       *float64            `json:"minimum,omitempty"`
	Maximum       *float64            `json:"maximum,omitempty"`
	Credentials   bool                `json:"credentials" doc:"It belongs to the authentication; changing it starts a full reconciliation."`
	Preference    bool                `json:"preference" doc:"Changing it starts a full reconciliation."`
}

// AttributeMetadata is what accounts on the target have.
type AttributeMetadata struct {
	Capabilities    []string                   `json:"capabilities" enum:"CREATE,UPDATE,DISABLE,GROUPS"`
	UserAttributes  map[string]TargetAttribute `json:"userAttributes"`
	GroupAttributes map[string]TargetAttribute `json:"groupAttributes"`
}

// TargetAttribute is one attribute of accounts on the target.
type TargetAttribute struct {
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
	Type        string `json:"type" enum:"STRING,BOOLEAN"`
	Required    bool   `json:"required"`
	Unique      bool   `json:"unique"`
	MultiValued bool   `json:"multiValued"`
	CreateOnly  bool   `json:"createOnly" doc:"Sent when the account is made, never compared or sent again."`
	MaxLength   int    `json:"maxLength,omitempty"`
}

// DefaultMapping is one of the mappings that count while a rule has none of its own.
type DefaultMapping struct {
	SourceAttribute string `json:"sourceAttribute,omitempty"`
	Expression      string `json:"expression,omitempty"`
	TargetAttribute string `json:"targetAttribute"`
	CreateOnly      bool   `json:"createOnly"`
}

// AnyBody is a body that nothing is read from; PingOne asks for one.
type AnyBody struct {
	_ struct{} `additionalProperties:"true"`
}

func (s *server) storeMetadata(r *request, _ AnyBody) (StoreMetadata, error) {
	t, ok := s.Catalogue.Type(r.PathValue("type"))
	if !ok {
		return StoreMetadata{}, problem.New(problem.NotFound, "there is no type of store with this name")
	}
	fields := each(t.Fields, func(f *provision.Field) ConnectionAttribute {
		return ConnectionAttribute{
			Name: f.Key, DisplayName: f.Label, Description: f.Help, Type: f.Kind, Required: f.Required, DefaultValue: f.Default, AllowedValues: f.Allowed,
			Minimum: f.Minimum, Maximum: f.Maximum, Credentials: f.Credentials, Preference: f.Preference,
		}
	})
	users := map[string]TargetAttribute{}
	for _, a := range t.Attributes {
		kind := "STRING"
		if a.Flag {
			kind = "BOOLEAN"
		}
		users[a.Name] = TargetAttribute{
			DisplayName: a.Title, Description: a.Description, Type: kind, Required: a.Required, Unique: a.Unique, MultiValued: a.Multi,
			CreateOnly: a.CreateOnly, MaxLength: a.MaxLength,
		}
	}
	capabilities := []string{"CREATE", "UPDATE", "DISABLE"}
	if t.Groups {
		capabilities = append(capabilities, "GROUPS")
	}
	return StoreMetadata{
		Information:        StoreInformation{Type: t.Name, Name: t.Title, Description: t.Description},
		ConnectionProfiles: []ConnectionProfile{{Name: t.Title, ConnectionAttributes: fields}},
		AttributeMetadata:  AttributeMetadata{Capabilities: capabilities, UserAttributes: users, GroupAttributes: map[string]TargetAttribute{}},
		DefaultMappings: each(t.Defaults, func(m *provision.Mapping) DefaultMapping {
			return DefaultMapping{SourceAttribute: m.SourceAttribute, Expression: m.Expression, TargetAttribute: m.TargetAttribute, CreateOnly: m.CreateOnly}
		}),
	}, nil
}
