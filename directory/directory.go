// Package directory is the identity store: who exists. It holds environments,
// populations, users and the attributes that an environment declares, in the
// words of PingOne's API.
//
// Every edit goes through Service, which validates it and appends an Activity
// in the same transaction. The activity is both the audit record and the feed
// that the engine follows, so an edit that was acknowledged can never be missed.
package directory

import (
	"context"
	"time"
)

// Kind says what sort of object an activity or an account is about.
type Kind string

// The kinds of objects.
const (
	KindUser          Kind = "USER"
	KindGroup         Kind = "GROUP"
	KindPopulation    Kind = "POPULATION"
	KindAttribute     Kind = "ATTRIBUTE"
	KindEnvironment   Kind = "ENVIRONMENT"
	KindClient        Kind = "CLIENT"
	KindAdministrator Kind = "ADMINISTRATOR"
	KindConnection    Kind = "PROVISIONING_CONNECTION"
	KindRule          Kind = "PROVISIONING_RULE"
	KindMapping       Kind = "PROVISIONING_MAPPING"
	KindPlan          Kind = "PROVISIONING_PLAN"
	KindRevision      Kind = "PROVISIONING_REVISION"
)

// Environment is a tenant: nothing crosses its border.
type Environment struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// Population groups the users of an environment. A user is in exactly one.
type Population struct {
	ID            string
	EnvironmentID string
	Name          string // unique in the environment
	Description   string
	Default       bool
	UserCount     int64 // read-only; filled by the store
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Actor is who did something: a person, an API client, or Lockstep itself.
type Actor struct {
	Type string `json:"type"` // CLIENT, USER, SYSTEM
	ID   string `json:"id"`
	Name string `json:"name"`
}

// System is the actor of what Lockstep does by itself.
var System = Actor{Type: "SYSTEM", ID: "lockstep", Name: "Lockstep"}

// Origin is the actor of a request, the id by which the request is found again in logs and activities, and where it came from.
type Origin struct {
	Actor         Actor
	CorrelationID string
	Address       string // "" = not over the network, or not known
}

type originKey struct{}

// WithOrigin notes in ctx who asks.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf answers who asks; System when nobody was noted.
func OriginOf(ctx context.Context) Origin {
	if o, ok := ctx.Value(originKey{}).(Origin); ok {
		return o
	}
	return Origin{Actor: System}
}
