package api

import (
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
)

// Link points somewhere; the address is absolute.
type Link struct {
	Href string `json:"href" format:"uri"`
}

// Links point to an object itself (self) and to what belongs to it.
type Links map[string]Link

// Reference names another object by its id.
type Reference struct {
	_  struct{} `additionalProperties:"true"`
	ID string   `json:"id" format:"uuid"`
}

func (r *Reference) id() string {
	if r == nil {
		return ""
	}
	return r.ID
}

func refer(id string) Reference { return Reference{ID: id} }

// referTo leaves out what there is not.
func referTo(id string) *Reference {
	if id == "" {
		return nil
	}
	return &Reference{ID: id}
}

func references(ids []string) []Reference {
	out := make([]Reference, len(ids))
	for i, id := range ids {
		out[i] = refer(id)
	}
	return out
}

func idsOf(in []Reference) []string {
	var out []string
	for _, r := range in {
		out = append(out, r.ID)
	}
	return out
}

// Stamp is a time as PingOne writes it: UTC, milliseconds. The zero time is null.
type Stamp time.Time

// MarshalJSON implements json.Marshaler.
func (s Stamp) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	return []byte(time.Time(s).UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// IsZero says for omitzero that there is no time.
func (s Stamp) IsZero() bool { return time.Time(s).IsZero() }

// Schema implements huma.SchemaProvider.
func (Stamp) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}

// OptionalStamp is a Stamp that is answered as null when there is none.
type OptionalStamp struct{ Stamp }

// Schema implements huma.SchemaProvider.
func (OptionalStamp) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

// given is text that knows whether it was there: null and "" both clear, left out keeps.
type given struct {
	there bool
	text  string
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *given) UnmarshalJSON(raw []byte) error {
	g.there = true
	return json.Unmarshal(raw, &g.text)
}

// Schema implements huma.SchemaProvider.
func (given) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Nullable: true}
}

func (g given) or(otherwise string) string {
	if g.there {
		return g.text
	}
	return otherwise
}

// Times are when an object was made and last changed.
type Times struct {
	CreatedAt Stamp `json:"createdAt,omitzero"`
	UpdatedAt Stamp `json:"updatedAt,omitzero"`
}

func times(created, updated time.Time) Times { return Times{Stamp(created), Stamp(updated)} }

// Change is an attribute's value before and after; null is no value.
type Change struct {
	Attribute string `json:"attribute"`
	From      any    `json:"from"`
	To        any    `json:"to"`
}

func changes(in []directory.AttributeChange) []Change {
	return each(in, func(c *directory.AttributeChange) Change { return Change(*c) })
}
