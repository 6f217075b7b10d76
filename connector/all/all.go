// Package all lists the connection types there are. A type is added by a line here.
package all

import (
	"strings"

	"lockstep/connector"
	"lockstep/connector/slack"
	"lockstep/provision"
)

// Types lists the targets.
func Types() []connector.Type {
	return []connector.Type{slack.New()}
}

// Catalogue knows all connection types: the targets, and the identity store itself.
type Catalogue struct{ types []provision.Type }

var _ provision.Catalogue = (*Catalogue)(nil)

// NewCatalogue makes the catalogue.
func NewCatalogue() *Catalogue {
	c := &Catalogue{types: []provision.Type{{
		Name: provision.TypeDirectory, Aliases: []string{"PingOne"}, Title: "Identity store", Description: "The users of this environment; the source of outbound rules.",
	}}}
	for _, t := range Types() {
		c.types = append(c.types, t.Describe())
	}
	return c
}

// Type implements provision.Catalogue.
func (c *Catalogue) Type(name string) (provision.Type, bool) {
	for _, t := range c.types {
		if strings.EqualFold(t.Name, name) {
			return t, true
		}
		for _, alias := range t.Aliases {
			if strings.EqualFold(alias, name) {
				return t, true
			}
		}
	}
	return provision.Type{}, false
}

// Types implements provision.Catalogue.
func (c *Catalogue) Types() []provision.Type { return c.types }
