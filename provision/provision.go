// Package provision says what should follow the directory: connections (PingOne's API calls them stores), rules, mappings,
// the plan that holds them and the revisions that publish them; and the vocabulary of the path from a person to an account
// on a target: Desired, Account, Operation, Result, Fault.
//
// Edits are drafts. A Revision snapshots them, and the engine works from the newest revision only.
package provision

import (
	"fmt"
	"time"

	"lockstep/internal/secret"
)

// Status switches a plan or connection on or off.
type Status string

// The statuses of plans and connections, in PingOne's words.
const (
	Active   Status = "ACTIVE"
	Inactive Status = "INACTIVE"
)

// Plan holds the rules of an environment, which has at most one.
type Plan struct {
	ID            string
	EnvironmentID string
	Name          string
	Status        Status
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// TypeDirectory is the type of the connection that stands for the identity store itself: the source of outbound rules.
const TypeDirectory = "directory"

// Connection is PingOne's store: the credentials, preferences and allowed actions for one target, or the identity store.
type Connection struct {
	ID            string
	EnvironmentID string
	Name          string
	Description   string
	Type          string // as documented: "Slack", "directory"; see Catalogue
	Status        Status
	Managed       bool // deleting a rule with ?deprovision=true deprovisions what the rule provisioned
	ImageID       string
	ImageHref     string
	Settings      map[string]any         // documented keys, secrets apart: string, bool, float64, []any
	Secrets       map[string]secret.Text // write-only: never answered, encrypted at rest
	Unreadable    []string               `json:"-"` // secrets that are kept and that the keys at hand do not open; sorted. They are not in Secrets
	Grant         *Grant                 // what is known of the token; nil = nothing
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Readable fails when a secret of the connection is kept and cannot be read: without it nothing may be tried. It can be entered again.
func (c *Connection) Readable() error {
	if len(c.Unreadable) == 0 {
		return nil
	}
	return fmt.Errorf("connection %q: %w", c.Name, secret.ErrUnreadable)
}

// Text answers a setting that is a string, or "".
func (c *Connection) Text(key string) string { s, _ := c.Settings[key].(string); return s }

// Flag answers a setting that is a switch; a missing one is off.
func (c *Connection) Flag(key string) bool { b, _ := c.Settings[key].(bool); return b }

// Number answers a numeric setting, or otherwise when it is missing.
func (c *Connection) Number(key string, otherwise float64) float64 {
	if f, ok := c.Settings[key].(float64); ok {
		return f
	}
	return otherwise
}

// The setting keys that every target shares, in PingOne's words.
const (
	KeyCreateUsers      = "CREATE_USERS"
	KeyUpdateUsers      = "UPDATE_USERS"
	KeyDisableUsers     = "DISABLE_USERS"
	KeyDeprovisionUsers = "DEPROVISION_USERS"
	KeyRemoveAction     = "REMOVE_ACTION"
	KeyUniqueIdentifier = "UNIQUE_USER_IDENTIFIER"
	KeyGroupMembership  = "GROUP_MEMBERSHIP_HANDLING"
	KeyRateLimitFactor  = "RATE_LIMIT_FACTOR" // ours: the share of the published limits to use; 0 = no pacing of our own
	KeyBaseURL          = "BASE_URL"
)

// Rule says who follows: a one-way relationship from a source connection to a target connection.
type Rule struct {
	ID                   string
	EnvironmentID        string
	PlanID               string
	Name                 string
	Description          string
	SourceID             string // immutable
	TargetID             string // immutable
	Active               bool   // a new rule is not
	PopulationExpression string // a SCIM filter over users; who the rule covers
	PopulationIDs        []string
	GroupIDs             []string // groups to provision; meaningful with group provisioning
	Deprovision          bool     // PingOne's deprecated twin of Connection.Managed
	Configuration        map[string]any
	ParentRuleID         string
	Position             int64 // rules decide in the order in which they were created
	CreatedAt            time.Time
	UpdatedAt            time.Time
	// DeletedAt marks a deleted rule until the next revision carries the deletion out; DeprovisionOnDelete says how.
	DeletedAt           time.Time
	DeprovisionOnDelete bool
}

// MappingTypeUser is the attributeMappingType of user mappings.
const MappingTypeUser = "userAttributeMapping"

// Mapping gives one target attribute its value: a source attribute or an expression, never both.
type Mapping struct {
	ID              string
	EnvironmentID   string
	RuleID          string // immutable; "" in a connection type's defaults
	Name            string
	TargetAttribute string
	SourceAttribute string
	Expression      string
	MappingType     string
	CreateOnly      bool // ours: sent when the account is created, never compared or sent again
	ClearWhenEmpty  bool // ours: an empty source clears the attribute on the target instead of leaving it alone
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Revision is a published snapshot of plan, connections, rules and mappings.
type Revision struct {
	ID            string
	EnvironmentID string
	Number        int64 // 1, 2, 3, ... within the environment
	PreviousID    string
	CreatedAt     time.Time
	CreatedBy     string
	Snapshot      Snapshot
}

// Snapshot is what a revision published. Secrets are not part of it: the engine reads a connection's current secrets, so that
// replacing a leaked token works at once.
type Snapshot struct {
	Plan        *Plan
	Connections []Connection // without secrets
	Rules       []Rule       // in deciding order; deleted ones not among them
	Mappings    []Mapping
	Deleted     []Rule // rules whose deletion this revision carries out
}

// Connection finds a connection of the snapshot.
func (s *Snapshot) Connection(id string) (Connection, bool) {
	for _, c := range s.Connections {
		if c.ID == id {
			return c, true
		}
	}
	return Connection{}, false
}

// RulesFor lists the rules that write to a connection, in deciding order, active or not.
func (s *Snapshot) RulesFor(connectionID string) []Rule {
	var out []Rule
	for _, r := range s.Rules {
		if r.TargetID == connectionID {
			out = append(out, r)
		}
	}
	return out
}

// MappingsFor lists the mappings of a rule; none means that the connection type's defaults apply.
func (s *Snapshot) MappingsFor(ruleID string) []Mapping {
	var out []Mapping
	for _, m := range s.Mappings {
		if m.RuleID == ruleID {
			out = append(out, m)
		}
	}
	return out
}
