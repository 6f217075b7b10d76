package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockstep/directory"
	"lockstep/internal/problem"
)

const selectGroup = `SELECT id, environment_id, population_id, name, user_filter, body, created_at, updated_at FROM directory_groups WHERE environment_id = $1`

func scanGroup(s scanner) (directory.Group, error) {
	var g directory.Group
	var body []byte
	var created, updated int64
	if err := s.Scan(&g.ID, &g.EnvironmentID, &g.PopulationID, &g.Name, &g.UserFilter, &body, &created, &updated); err != nil {
		return g, err
	}
	g.CreatedAt, g.UpdatedAt = instant(created), instant(updated)
	if err := json.Unmarshal(body, &g); err != nil {
		return g, fmt.Errorf("read group %s: %w", g.ID, err)
	}
	return g, nil
}

func scanText(s scanner) (string, error) { var v string; return v, s.Scan(&v) }

// idChunk is how many ids one statement names.
const idChunk = 5000

// Group implements directory.Store.
func (db *DB) Group(ctx context.Context, envID, id string) (directory.Group, error) {
	return one(db.read.QueryRowContext(ctx, selectGroup+` AND id = $2`, envID, id), scanGroup, "group")
}

func (t *tx) Group(ctx context.Context, envID, id string) (directory.Group, error) {
	return one(t.QueryRowContext(ctx, selectGroup+` AND id = $2`, envID, id), scanGroup, "group")
}

// GroupsByID implements directory.Store.
func (db *DB) GroupsByID(ctx context.Context, envID string, ids []string) ([]directory.Group, error) {
	return db.groupsIn(ctx, db.read, envID, "id", ids)
}

func (db *DB) groupsIn(ctx context.Context, q querier, envID, column string, values []string) ([]directory.Group, error) {
	var out []directory.Group
	err := chunks(values, idChunk, func(part []string) error {
		args := []any{envID}
		found, err := collect(ctx, q, scanGroup, selectGroup+` AND `+column+` IN (`+db.list(part, &args)+`)`, args...)
		out = append(out, found...)
		return err
	})
	return out, err
}

// Groups implements directory.Store.
func (db *DB) Groups(ctx context.Context, envID, after string, limit int) ([]directory.Group, error) {
	return collect(ctx, db.read, scanGroup, selectGroup+` AND id > $2 ORDER BY id LIMIT $3`, envID, after, limit)
}

func (t *tx) GroupsNamed(ctx context.Context, envID string, folded []string) ([]directory.Group, error) {
	return t.db.groupsIn(ctx, t, envID, "name_key", folded)
}

// CountGroups implements directory.Store.
func (db *DB) CountGroups(ctx context.Context, envID string) (int64, error) {
	var n int64
	err := db.read.QueryRowContext(ctx, `SELECT count(*) FROM directory_groups WHERE environment_id = $1`, envID).Scan(&n)
	return n, err
}

func (t *tx) DynamicGroups(ctx context.Context, envID string) ([]directory.Group, error) {
	return collect(ctx, t, scanGroup, selectGroup+` AND user_filter <> '' ORDER BY id`, envID)
}

func (t *tx) HasGroups(ctx context.Context, envID, populationID string) (bool, error) {
	var has bool
	err := t.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM directory_groups WHERE environment_id = $1 AND population_id = $2)`, envID, populationID).Scan(&has)
	return has, err
}

const updateGroup = ` ON CONFLICT (id) DO UPDATE SET population_id = excluded.population_id, name = excluded.name, name_key = excluded.name_key,
 user_filter = excluded.user_filter, body = excluded.body, updated_at = excluded.updated_at`

func (t *tx) InsertGroups(ctx context.Context, groups []directory.Group) error {
	return t.putGroups(ctx, groups, "")
}

func (t *tx) UpdateGroups(ctx context.Context, groups []directory.Group) error {
	return t.putGroups(ctx, groups, updateGroup)
}

func (t *tx) putGroups(ctx context.Context, list []directory.Group, suffix string) error {
	rows := make([][]any, len(list))
	for i := range list {
		g := &list[i]
		body, err := json.Marshal(g)
		if err != nil {
			return err
		}
		rows[i] = []any{
			g.ID, g.EnvironmentID, g.PopulationID, g.Name, directory.Fold(g.Name), g.UserFilter, string(body), micros(g.CreatedAt), micros(g.UpdatedAt),
		}
	}
	err := insertMany(ctx, t, `INSERT INTO directory_groups (id, environment_id, population_id, name, name_key, user_filter, body, created_at, updated_at)`, rows, suffix)
	if unique(err) {
		return problem.New(problem.Conflict, "another group of this name was made at this moment; try again")
	}
	return err
}

func (t *tx) DeleteGroup(ctx context.Context, envID, id string) error {
	r, err := t.ExecContext(ctx, `DELETE FROM directory_groups WHERE environment_id = $1 AND id = $2`, envID, id)
	return affected(r, err, "group")
}

// GroupCounts implements directory.Store.
func (db *DB) GroupCounts(ctx context.Context, ids []string, total bool) (map[string]directory.GroupCounts, error) {
	out := make(map[string]directory.GroupCounts, len(ids))
	type row struct {
		id string
		n  int64
	}
	err := chunks(ids, idChunk, func(part []string) error {
		var args []any
		rows, err := collect(ctx, db.read, func(s scanner) (row, error) { var r row; return r, s.Scan(&r.id, &r.n) },
			`SELECT group_id, count(DISTINCT user_id) FROM group_members WHERE group_id IN (`+db.list(part, &args)+`) GROUP BY group_id`, args...)
		for _, r := range rows {
			out[r.id] = directory.GroupCounts{Direct: r.n}
		}
		return err
	})
	if err != nil || !total {
		return out, err
	}
	for _, id := range ids {
		c := out[id]
		if err := db.read.QueryRowContext(ctx, below+`SELECT count(DISTINCT user_id) FROM group_members WHERE group_id IN (SELECT id FROM below)`, id).Scan(&c.Total); err != nil {
			return nil, err
		}
		out[id] = c
	}
	return out, nil
}

// below is a group and all that is nested in it. UNION ends in spite of a circle, of which there is none.
const below = `WITH RECURSIVE below (id) AS (SELECT CAST($1 AS text) UNION SELECT n.child_id FROM group_nestings n JOIN below b ON n.parent_id = b.id) `

// EffectiveMembers implements directory.Store.
func (db *DB) EffectiveMembers(ctx context.Context, groupID, after string, limit int) ([]string, error) {
	return collect(ctx, db.read, scanText, below+`SELECT DISTINCT user_id FROM group_members WHERE group_id IN (SELECT id FROM below) AND user_id > $2
 ORDER BY user_id LIMIT $3`, groupID, after, limit)
}

// MembersOf implements engine.Groups. They come as one text: a row of its own would cost each of them ten times as much.
func (db *DB) MembersOf(ctx context.Context, groupID string) ([]string, error) {
	var text string
	const query = below + `SELECT coalesce(string_agg(user_id, ','), '') FROM group_members WHERE group_id IN (SELECT id FROM below)`
	if err := db.read.QueryRowContext(ctx, query, groupID).Scan(&text); err != nil || text == "" {
		return nil, err
	}
	ids := strings.Split(text, ",") // ids are ours, and have none
	if !slices.IsSorted(ids) {
		slices.Sort(ids)
	}
	return slices.Compact(ids), nil
}

func scanNesting(s scanner) (directory.Nesting, error) {
	var n directory.Nesting
	return n, s.Scan(&n.Child, &n.Parent)
}

const nestingsAbove = `WITH RECURSIVE up (id) AS (SELECT CAST($1 AS text) UNION SELECT n.parent_id FROM group_nestings n JOIN up ON n.child_id = up.id)
 SELECT n.child_id, n.parent_id FROM group_nestings n JOIN up ON n.child_id = up.id ORDER BY n.child_id, n.parent_id`

// NestingsAbove implements directory.Store.
func (db *DB) NestingsAbove(ctx context.Context, id string) ([]directory.Nesting, error) {
	return collect(ctx, db.read, scanNesting, nestingsAbove, id)
}

func (t *tx) NestingsAbove(ctx context.Context, id string) ([]directory.Nesting, error) {
	return collect(ctx, t, scanNesting, nestingsAbove, id)
}

const nestedIn = `SELECT child_id FROM group_nestings WHERE parent_id = $1 ORDER BY child_id`

// NestedIn implements directory.Store.
func (db *DB) NestedIn(ctx context.Context, id string) ([]string, error) {
	return collect(ctx, db.read, scanText, nestedIn, id)
}

func (t *tx) NestedIn(ctx context.Context, id string) ([]string, error) {
	return collect(ctx, t, scanText, nestedIn, id)
}

// GroupsAbove implements directory.Store.
func (db *DB) GroupsAbove(ctx context.Context, ids []string) ([]string, error) {
	return db.up(ctx, ids, `SELECT id FROM directory_groups WHERE id`)
}

// GroupsOf implements directory.Store.
func (db *DB) GroupsOf(ctx context.Context, userIDs []string) ([]string, error) {
	return db.up(ctx, userIDs, `SELECT group_id FROM group_members WHERE user_id`)
}

// up answers the groups that from selects by ids, and all that they are nested in, each once.
func (db *DB) up(ctx context.Context, ids []string, from string) ([]string, error) {
	seen := map[string]bool{}
	var out []string
	err := chunks(ids, idChunk, func(part []string) error {
		var args []any
		query := `WITH RECURSIVE up (id) AS (` + from + ` IN (` + db.list(part, &args) + `)
 UNION SELECT n.parent_id FROM group_nestings n JOIN up ON n.child_id = up.id) SELECT id FROM up`
		found, err := collect(ctx, db.read, scanText, query, args...)
		for _, id := range found {
			if !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
		return err
	})
	return out, err
}

// Memberships implements directory.Store.
func (db *DB) Memberships(ctx context.Context, envID string, userIDs []string) (map[string][]directory.Membership, error) {
	base, err := db.baseOf(ctx, db.read, userIDs)
	if err != nil || len(base) == 0 {
		return nil, err
	}
	var ids []string
	seen := map[string]bool{}
	for _, list := range base {
		for _, b := range list {
			if !seen[b.GroupID] {
				seen[b.GroupID] = true
				ids = append(ids, b.GroupID)
			}
		}
	}
	var nestings []directory.Nesting
	err = chunks(ids, idChunk, func(part []string) error {
		var args []any
		found, err := collect(ctx, db.read, scanNesting, `WITH RECURSIVE up (id) AS (SELECT id FROM directory_groups WHERE id IN (`+db.list(part, &args)+`)
 UNION SELECT n.parent_id FROM group_nestings n JOIN up ON n.child_id = up.id)
 SELECT n.child_id, n.parent_id FROM group_nestings n JOIN up ON n.child_id = up.id`, args...)
		nestings = append(nestings, found...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range nestings {
		if !seen[n.Parent] {
			seen[n.Parent] = true
			ids = append(ids, n.Parent)
		}
	}
	groups, err := db.GroupsByID(ctx, envID, ids)
	if err != nil {
		return nil, err
	}
	names := make(directory.GroupNames, len(groups))
	for i := range groups {
		names[groups[i].ID] = groups[i].Name
	}
	out := make(map[string][]directory.Membership, len(base))
	for user, list := range base {
		out[user] = directory.Effective(list, nestings, names)
	}
	return out, nil
}

func (t *tx) BaseOf(ctx context.Context, userIDs []string) (map[string][]directory.Base, error) {
	return t.db.baseOf(ctx, t, userIDs)
}

func (db *DB) baseOf(ctx context.Context, q querier, userIDs []string) (map[string][]directory.Base, error) {
	type row struct {
		user string
		directory.Base
	}
	out := map[string][]directory.Base{}
	err := chunks(userIDs, idChunk, func(part []string) error {
		var args []any
		rows, err := collect(ctx, q, func(s scanner) (row, error) { var r row; return r, s.Scan(&r.user, &r.GroupID, &r.ByFilter) },
			`SELECT user_id, group_id, by_filter FROM group_members WHERE user_id IN (`+db.list(part, &args)+`)`, args...)
		for _, r := range rows {
			out[r.user] = append(out[r.user], r.Base)
		}
		return err
	})
	return out, err
}

func (t *tx) BaseMembers(ctx context.Context, groupID string, byFilter bool) ([]string, error) {
	return collect(ctx, t, scanText, `SELECT user_id FROM group_members WHERE group_id = $1 AND by_filter = $2 ORDER BY user_id`, groupID, byFilter)
}

func (t *tx) AddMembers(ctx context.Context, groupID string, byFilter bool, userIDs []string) ([]string, error) {
	return t.eachMember(ctx, userIDs, func(part []string, args *[]any) string {
		*args = append(*args, groupID, byFilter)
		return `INSERT INTO group_members (group_id, user_id, by_filter) SELECT CAST($1 AS text), id, CAST($2 AS boolean) FROM users WHERE id IN (` + t.db.list(part, args) +
			`) ON CONFLICT (group_id, user_id, by_filter) DO NOTHING RETURNING user_id`
	})
}

func (t *tx) RemoveMembers(ctx context.Context, groupID string, byFilter bool, userIDs []string) ([]string, error) {
	return t.eachMember(ctx, userIDs, func(part []string, args *[]any) string {
		*args = append(*args, groupID, byFilter)
		return `DELETE FROM group_members WHERE group_id = $1 AND by_filter = $2 AND user_id IN (` + t.db.list(part, args) + `) RETURNING user_id`
	})
}

func (t *tx) eachMember(ctx context.Context, userIDs []string, query func(part []string, args *[]any) string) ([]string, error) {
	var out []string
	err := chunks(userIDs, 1000, func(part []string) error {
		var args []any
		text := query(part, &args)
		changed, err := collect(ctx, t, scanText, text, args...)
		out = append(out, changed...)
		return err
	})
	return out, err
}

func (t *tx) Usernames(ctx context.Context, envID string, userIDs []string) (map[string]string, error) {
	type row struct{ id, name string }
	out := make(map[string]string, len(userIDs))
	err := chunks(userIDs, idChunk, func(part []string) error {
		args := []any{envID}
		rows, err := collect(ctx, t, func(s scanner) (row, error) { var r row; return r, s.Scan(&r.id, &r.name) },
			`SELECT id, username FROM users WHERE environment_id = $1 AND id IN (`+t.db.list(part, &args)+`)`, args...)
		for _, r := range rows {
			out[r.id] = r.name
		}
		return err
	})
	return out, err
}

func (t *tx) Walk(ctx context.Context, envID string, q directory.UserQuery) ([]directory.User, error) {
	args := []any{envID, q.After}
	query := selectUser + ` AND u.id > $2`
	if where := narrow(q.Narrow, &args); where != "" {
		query += ` AND ` + where
	}
	args = append(args, q.Limit)
	return collect(ctx, t, scanUser, query+` ORDER BY u.id LIMIT $`+strconv.Itoa(len(args)), args...)
}

func (t *tx) Nest(ctx context.Context, n directory.Nesting) (bool, error) {
	return changed(t.ExecContext(ctx, `INSERT INTO group_nestings (child_id, parent_id) VALUES ($1, $2) ON CONFLICT (child_id, parent_id) DO NOTHING`, n.Child, n.Parent))
}

func (t *tx) Unnest(ctx context.Context, n directory.Nesting) (bool, error) {
	return changed(t.ExecContext(ctx, `DELETE FROM group_nestings WHERE child_id = $1 AND parent_id = $2`, n.Child, n.Parent))
}

func changed(result interface{ RowsAffected() (int64, error) }, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
