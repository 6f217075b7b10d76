package directory

import (
	"strings"
	"time"
)

// User is a person in the identity store, with PingOne's attributes. JSON names are those of the REST API; the store
// keeps the same JSON.
type User struct {
	ID            string `json:"-"`
	EnvironmentID string `json:"-"`
	PopulationID  string `json:"-"`
	// PopulationName is read-only and filled by the store: filters may ask for population.name.
	PopulationName string `json:"-"`
	Enabled        bool   `json:"-"`

	Username string `json:"-"` // required, at most 128 characters, unique in the environment without regard to case
	Email    string `json:"-"` // required

	Name              Name    `json:"name,omitzero"`
	Nickname          string  `json:"nickname,omitempty"`
	Title             string  `json:"title,omitempty"`
	Type              string  `json:"type,omitempty"`
	PrimaryPhone      string  `json:"primaryPhone,omitempty"` // at most 32 characters
	MobilePhone       string  `json:"mobilePhone,omitempty"`  // at most 32 characters
	Address           Address `json:"address,omitzero"`
	Locale            string  `json:"locale,omitempty"`
	PreferredLanguage string  `json:"preferredLanguage,omitempty"`
	Timezone          string  `json:"timezone,omitempty"`
	Photo             Photo   `json:"photo,omitzero"`
	ExternalID        string  `json:"externalId,omitempty"` // at most 1024 characters

	// Custom holds the attributes that the environment declares: string, bool, float64 (integers), any JSON for type JSON,
	// or []any of those where the attribute is multi-valued. A nil or missing entry is "no value".
	Custom map[string]any `json:"custom,omitempty"`

	// Groups is every group that the user is in, however. It is filled only where somebody asks for it; GroupsKnown says that it was.
	Groups      []Membership `json:"-"`
	GroupsKnown bool         `json:"-"`

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// Name is a person's name in parts.
type Name struct {
	Formatted       string `json:"formatted,omitempty"`
	Given           string `json:"given,omitempty"`
	Middle          string `json:"middle,omitempty"`
	Family          string `json:"family,omitempty"`
	HonorificPrefix string `json:"honorificPrefix,omitempty"`
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// Address is a postal address.
type Address struct {
	StreetAddress string `json:"streetAddress,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postalCode,omitempty"`
	CountryCode   string `json:"countryCode,omitempty"`
}

// Photo points to a picture.
type Photo struct {
	Href string `json:"href,omitempty"`
}

// Value answers the attribute at path ("name.given", "population.id", "enabled", a custom attribute's name), or nil when the
// user has no value there. Strings come as string, flags as bool, numbers as float64, times as time.Time, multi-valued
// custom attributes as []any. Path names are exact: callers resolve spelling against a Schema first.
func (u *User) Value(path string) any {
	switch path {
	case "enabled":
		return u.Enabled
	case "createdAt":
		return instant(u.CreatedAt)
	case "updatedAt":
		return instant(u.UpdatedAt)
	case "memberOfGroups", "memberOfGroupIDs", "memberOfGroupNames":
		return u.memberships(path)
	}
	if s, ok := u.text(path); ok {
		if s == "" {
			return nil
		}
		return s
	}
	return u.Custom[path]
}

// memberships answers the groups of a user, for filters.
func (u *User) memberships(path string) any {
	if len(u.Groups) == 0 {
		return nil
	}
	out := make([]any, len(u.Groups))
	for i, g := range u.Groups {
		switch path {
		case "memberOfGroupIDs":
			out[i] = g.GroupID
		case "memberOfGroupNames":
			out[i] = g.GroupName
		default:
			out[i] = map[string]any{"id": g.GroupID, "name": g.GroupName, "type": string(g.Type)}
		}
	}
	return out
}

func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// text answers the attributes that are plain strings.
func (u *User) text(path string) (string, bool) {
	switch path {
	case "id":
		return u.ID, true
	case "environment.id":
		return u.EnvironmentID, true
	case "population.id":
		return u.PopulationID, true
	case "population.name":
		return u.PopulationName, true
	default:
		if p := u.field(path); p != nil {
			return *p, true
		}
		return "", false
	}
}

// field answers a pointer to the editable string attribute at path, or nil.
func (u *User) field(path string) *string { //nolint:gocyclo // a table
	switch path {
	case "username":
		return &u.Username
	case "email":
		return &u.Email
	case "name.formatted":
		return &u.Name.Formatted
	case "name.given":
		return &u.Name.Given
	case "name.middle":
		return &u.Name.Middle
	case "name.family":
		return &u.Name.Family
	case "name.honorificPrefix":
		return &u.Name.HonorificPrefix
	case "name.honorificSuffix":
		return &u.Name.HonorificSuffix
	case "nickname":
		return &u.Nickname
	case "title":
		return &u.Title
	case "type":
		return &u.Type
	case "primaryPhone":
		return &u.PrimaryPhone
	case "mobilePhone":
		return &u.MobilePhone
	case "address.streetAddress":
		return &u.Address.StreetAddress
	case "address.locality":
		return &u.Address.Locality
	case "address.region":
		return &u.Address.Region
	case "address.postalCode":
		return &u.Address.PostalCode
	case "address.countryCode":
		return &u.Address.CountryCode
	case "locale":
		return &u.Locale
	case "preferredLanguage":
		return &u.PreferredLanguage
	case "timezone":
		return &u.Timezone
	case "photo.href":
		return &u.Photo.Href
	case "externalId":
		return &u.ExternalID
	default:
		return nil
	}
}

// SetText sets the editable text attribute at path; it reports false when there is none.
func (u *User) SetText(path, value string) bool {
	p := u.field(path)
	if p != nil {
		*p = value
	}
	return p != nil
}

// ClearText clears all editable text attributes below a prefix such as "name.".
func (u *User) ClearText(prefix string) {
	for _, name := range editable {
		if strings.HasPrefix(name, prefix) {
			*u.field(name) = ""
		}
	}
}
