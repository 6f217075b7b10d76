package directory

import "context"

// GroupStore keeps groups, who is in them, and how they are nested. Reads see what is committed.
type GroupStore interface {
	Group(ctx context.Context, envID, id string) (Group, error)
	// GroupsByID answers those of the groups that exist, in no particular order.
	GroupsByID(ctx context.Context, envID string, ids []string) ([]Group, error)
	// Groups lists groups in the order of their ids, after the id given, at most limit.
	Groups(ctx context.Context, envID, after string, limit int) ([]Group, error)
	CountGroups(ctx context.Context, envID string) (int64, error)
	// GroupCounts counts members; total ones only if asked for, as that walks over the nested groups.
	GroupCounts(ctx context.Context, ids []string, total bool) (map[string]GroupCounts, error)

	// Memberships answers, for each of the users, every group they are in. Users in no group are missing.
	Memberships(ctx context.Context, envID string, userIDs []string) (map[string][]Membership, error)
	// EffectiveMembers lists the ids of a group's effective members in order, after the id given, at most limit.
	EffectiveMembers(ctx context.Context, groupID, after string, limit int) ([]string, error)
	// GroupsOf answers the ids of all groups in which any of the users is.
	GroupsOf(ctx context.Context, userIDs []string) ([]string, error)
	// GroupsAbove answers the groups named and all that they are nested in, directly or not.
	GroupsAbove(ctx context.Context, ids []string) ([]string, error)
	// NestingsAbove answers the nestings between a group and all that it is nested in.
	NestingsAbove(ctx context.Context, id string) ([]Nesting, error)
	// NestedIn answers the groups that are nested directly in a group.
	NestedIn(ctx context.Context, id string) ([]string, error)
}

// GroupTx is the part of an edit in progress that is about groups. Edits of filters and nestings lock the environment for
// themselves (see Tx.LockEnvironment).
type GroupTx interface {
	Group(ctx context.Context, envID, id string) (Group, error)
	// GroupsNamed answers the groups that have one of the folded names (see Fold).
	GroupsNamed(ctx context.Context, envID string, folded []string) ([]Group, error)
	InsertGroups(ctx context.Context, groups []Group) error
	UpdateGroups(ctx context.Context, groups []Group) error
	DeleteGroup(ctx context.Context, envID, id string) error
	// HasGroups reports whether groups belong to a population.
	HasGroups(ctx context.Context, envID, populationID string) (bool, error)
	// DynamicGroups lists the groups that have a filter.
	DynamicGroups(ctx context.Context, envID string) ([]Group, error)

	// AddMembers and RemoveMembers change base memberships of one kind, and answer the users for whom that changed anything.
	AddMembers(ctx context.Context, groupID string, byFilter bool, userIDs []string) ([]string, error)
	RemoveMembers(ctx context.Context, groupID string, byFilter bool, userIDs []string) ([]string, error)
	// BaseMembers lists the users with a base membership of that kind.
	BaseMembers(ctx context.Context, groupID string, byFilter bool) ([]string, error)
	// BaseOf answers the base memberships of users.
	BaseOf(ctx context.Context, userIDs []string) (map[string][]Base, error)
	// Usernames answers the usernames of those of the users that exist.
	Usernames(ctx context.Context, envID string, userIDs []string) (map[string]string, error)
	// Walk lists users as Store.Users does, within the transaction.
	Walk(ctx context.Context, envID string, q UserQuery) ([]User, error)

	NestingsAbove(ctx context.Context, id string) ([]Nesting, error)
	// NestedIn answers the groups that are nested directly in a group.
	NestedIn(ctx context.Context, id string) ([]string, error)
	// Nest and Unnest report whether that changed anything.
	Nest(ctx context.Context, n Nesting) (bool, error)
	Unnest(ctx context.Context, n Nesting) (bool, error)
}
