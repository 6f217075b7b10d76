package store

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lockstep/filter"
)

// narrow writes what of a filter the columns of users can answer, as a necessary condition: it never loses a user whom the
// filter matches. What cannot be said in SQL exactly enough is left out. Values are bound, never written into the text.
func narrow(n filter.Node, args *[]any) string {
	switch n := n.(type) {
	case filter.And:
		var parts []string
		for _, node := range n.Nodes {
			if part := narrow(node, args); part != "" {
				parts = append(parts, part)
			}
		}
		return strings.Join(parts, " AND ")
	case filter.Or:
		mark := len(*args)
		parts := make([]string, len(n.Nodes))
		for i, node := range n.Nodes {
			if parts[i] = narrow(node, args); parts[i] == "" {
				*args = (*args)[:mark] // one branch is open, so the whole is
				return ""
			}
		}
		return "(" + strings.Join(parts, " OR ") + ")"
	case filter.Compare:
		return narrowCompare(n, args)
	case filter.ValuePath:
		return narrowGroups(n, args)
	default:
		return ""
	}
}

var (
	exactColumns  = map[string]string{"id": "u.id", "population.id": "u.population_id", "externalId": "u.external_id"}
	foldedColumns = map[string]string{"username": "u.username_key", "email": "u.email_key", "name.given": "u.given_key", "name.family": "u.family_key"}
	timeColumns   = map[string]string{"createdAt": "u.created_at", "updatedAt": "u.updated_at"}
	sqlOperators  = map[filter.Op]string{
		filter.Greater: " > ", filter.GreaterOrEqual: " >= ", filter.Less: " < ", filter.LessOrEqual: " <= ", filter.Equal: " = ",
	}
)

func narrowCompare(n filter.Compare, args *[]any) string {
	bind := func(v any) string {
		*args = append(*args, v)
		return "$" + strconv.Itoa(len(*args))
	}
	if enabled, ok := flagOf(n.Value); ok && n.Path == "enabled" && n.Op == filter.Equal {
		return "u.enabled = " + bind(enabled)
	}
	text, ok := n.Value.(string)
	if !ok {
		return ""
	}
	if column, ok := exactColumns[n.Path]; ok && n.Op == filter.Equal {
		return column + " = " + bind(text)
	}
	if column, ok := timeColumns[n.Path]; ok && sqlOperators[n.Op] != "" {
		// Columns hold microseconds, a literal may be finer: one microsecond of slack on both sides.
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && n.Op != filter.Equal {
			slack := int64(1)
			if n.Op == filter.Greater || n.Op == filter.GreaterOrEqual {
				slack = -1
			}
			return column + sqlOperators[n.Op] + bind(t.UnixMicro()+slack)
		}
		return ""
	}
	column, ok := foldedColumns[n.Path]
	if !ok || !plainASCII(text) {
		return ""
	}
	pattern := likeEscape.Replace(strings.ToLower(text))
	switch n.Op {
	case filter.Equal:
		return column + " = " + bind(strings.ToLower(text))
	case filter.StartsWith:
		return column + " LIKE " + bind(pattern+"%") + ` ESCAPE '\'`
	case filter.EndsWith:
		return column + " LIKE " + bind("%"+pattern) + ` ESCAPE '\'`
	case filter.Contains:
		return column + " LIKE " + bind("%"+pattern+"%") + ` ESCAPE '\'`
	default:
		return ""
	}
}

// narrowGroups answers memberOfGroups[id eq "…"]: the members of a group and of all that is nested in it.
func narrowGroups(n filter.ValuePath, args *[]any) string {
	c, ok := n.Filter.(filter.Compare)
	if !ok || n.Path != "memberOfGroups" || c.Path != "id" || c.Op != filter.Equal {
		return ""
	}
	id, ok := c.Value.(string)
	if !ok {
		return ""
	}
	*args = append(*args, id)
	return `u.id IN (WITH RECURSIVE below (id) AS (SELECT CAST($` + strconv.Itoa(len(*args)) + ` AS text)
 UNION SELECT gn.child_id FROM group_nestings gn JOIN below b ON gn.parent_id = b.id)
 SELECT gm.user_id FROM group_members gm WHERE gm.group_id IN (SELECT id FROM below))`
}

func flagOf(v any) (bool, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		return strings.EqualFold(v, "true"), strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
	default:
		return false, false
	}
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// plainASCII keeps to letters whose lower case is the same everywhere, and to text that trimming does not change.
func plainASCII(s string) bool {
	return s == strings.TrimSpace(s) && utf8.RuneCountInString(s) == len(s)
}
