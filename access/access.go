// Package access says who may use Lockstep's doors: API clients, their roles, and the short-lived tokens they are given.
package access

import (
	"context"
	"time"

	"lockstep/directory"
)

// Role says what a client may do.
type Role string

// The roles, in PingOne's words.
const (
	EnvironmentAdmin  Role = "Environment Admin"   // everything in the environment
	IdentityDataAdmin Role = "Identity Data Admin" // users and populations, nothing of provisioning's configuration
	ReadOnly          Role = "Read Only"
)

// Client is an API client. Its secret is kept as a hash only.
type Client struct {
	ID            string
	EnvironmentID string
	Name          string
	Role          Role
	SecretHash    string // see HashSecret
	CreatedAt     time.Time
}

// Token is a bearer token that was issued. It is kept as a hash only.
type Token struct {
	Hash          string // see HashToken
	ClientID      string
	EnvironmentID string
	ExpiresAt     time.Time
}

// Store keeps clients and tokens, administrators and sessions. What does not exist is a problem.NotFound.
type Store interface {
	AdministratorStore

	// InsertClient keeps a client and the log's line about it in one transaction; DeleteClient likewise.
	InsertClient(ctx context.Context, c Client, line directory.Activity) error
	Client(ctx context.Context, id string) (Client, error)
	Clients(ctx context.Context, envID string) ([]Client, error)
	DeleteClient(ctx context.Context, envID, id string, line directory.Activity) error
	// Append writes a line into the log; an environment that does not exist is a problem.NotFound.
	Append(ctx context.Context, line directory.Activity) error
	InsertToken(ctx context.Context, t Token) error
	Token(ctx context.Context, hash string) (Token, error)
	// DeleteExpiredTokens also forgets sessions and one-time links that are over.
	DeleteExpiredTokens(ctx context.Context, now time.Time) error
}
