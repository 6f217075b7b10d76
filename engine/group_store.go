package engine

import (
	"context"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// Groups is what the engine reads of groups, and what it remembers of them.
type Groups interface {
	GroupsByID(ctx context.Context, envID string, ids []string) ([]directory.Group, error)
	// Memberships answers, for each of the users, every group they are in.
	Memberships(ctx context.Context, envID string, userIDs []string) (map[string][]directory.Membership, error)
	// EffectiveMembers lists the ids of a group's effective members in order, after the id given.
	EffectiveMembers(ctx context.Context, groupID, after string, limit int) ([]string, error)
	// MembersOf answers the ids of all effective members of a group, in order.
	MembersOf(ctx context.Context, groupID string) ([]string, error)
	// GroupsOf answers the ids of all groups in which any of the users is.
	GroupsOf(ctx context.Context, userIDs []string) ([]string, error)
	// GroupsAbove answers those of the groups that exist, and all that they are nested in.
	GroupsAbove(ctx context.Context, ids []string) ([]string, error)

	// MemberAccounts answers a group's effective members and how they stand on a connection.
	MemberAccounts(ctx context.Context, connectionID, groupID string) ([]provision.MemberAccount, error)
	// AccountMembers answers the members of a group on its target, as they are known; accountID is the group's row.
	AccountMembers(ctx context.Context, accountID string) ([]provision.KnownMember, error)
	SaveAccountMembers(ctx context.Context, accountID string, put []provision.KnownMember, drop []string) error
	// ForgetMemberships notes that it is not known any more in which groups of a connection the accounts are.
	ForgetMemberships(ctx context.Context, connectionID string, remoteIDs []string) error

	// DueGroups lists group rows that are due at now, by priority, then by due time, except the groups named.
	DueGroups(ctx context.Context, connectionID string, now time.Time, except []string, limit int) ([]provision.Account, error)
	// MarkGroups makes rows of groups due, unless they are due earlier.
	MarkGroups(ctx context.Context, connectionID string, ids []string, at time.Time, priority provision.Priority, cause string) error
	// GatheredGroups makes groups due now that wait for nothing but members.
	GatheredGroups(ctx context.Context, connectionID string, now time.Time) (int64, error)

	Consents(ctx context.Context, connectionID string, groupIDs []string) (map[string]bool, error)
	Consent(ctx context.Context, connectionID string, groupIDs []string, by string, at time.Time) error
	// EndConsent ends a consent that was given until then: a revision that selects the group once more has given another.
	EndConsent(ctx context.Context, connectionID, groupID string, given time.Time) error
}
