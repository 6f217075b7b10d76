package store

import (
	"slices"
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
	case filter.Not:
		if exact(n.Node) {
			return "NOT (" + narrow(n.Node, args) + ")"
		}
		return ""
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
	if n.Op == filter.NotEqual {
		n.Op = filter.Equal
		return narrow(filter.Not{Node: n}, args)
	}
	if n.Op == filter.Present {
		return narrowPresent(n.Path)
	}
	if enabled, ok := flagOf(n.Value); ok && n.Path == "enabled" && n.Op == filter.Equal {
		return "u.enabled = " + bind(enabled)
	}
	text, ok := n.Value.(string)
	if !ok || strings.ContainsRune(text, 0) { // PostgreSQL takes no NUL, and nobody has one
		return ""
	}
	if column, ok := exactColumns[n.Path]; ok && n.Op == filter.Equal {
		return column + " = " + bind(text)
	}
	if column, ok := timeColumns[n.Path]; ok {
		if at, ok := timeBound(n.Op, text); ok {
			return column + sqlOperators[n.Op] + bind(at)
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

// narrowPresent asks for a value. Everybody has an id and a population, and nothing needs to be read to know it.
func narrowPresent(path string) string {
	column := anyColumn(path)
	switch {
	case path == "id" || path == "population.id":
		return "1 = 1"
	case column != "":
		return column + " <> ''"
	default:
		return ""
	}
}

// timeBound is what a column of times is compared with. Columns hold microseconds, a literal may be finer: then one microsecond of
// slack.
func timeBound(op filter.Op, text string) (int64, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || sqlOperators[op] == "" || op == filter.Equal {
		return 0, false
	}
	slack := int64(1)
	if op == filter.Greater || op == filter.GreaterOrEqual {
		slack = -1
	}
	if t.Nanosecond()%1000 == 0 {
		slack = 0
	}
	return t.UnixMicro() + slack, true
}

func anyColumn(path string) string { return exactColumns[path] + foldedColumns[path] }

// exact reports whether what narrow makes of a filter holds for exactly those users whom the filter matches, so that SQL can count
// them. Text that columns hold is trimmed, and nobody's id, username or e-mail address is empty.
func exact(n filter.Node) bool {
	switch n := n.(type) {
	case filter.And:
		return !slices.ContainsFunc(n.Nodes, inexact)
	case filter.Or:
		return !slices.ContainsFunc(n.Nodes, inexact)
	case filter.Not:
		return exact(n.Node)
	case filter.Compare:
		return exactCompare(n)
	default:
		return false
	}
}

func inexact(n filter.Node) bool { return !exact(n) }

func exactCompare(n filter.Compare) bool {
	if n.Op == filter.NotEqual {
		n.Op = filter.Equal
	}
	if n.Op == filter.Present {
		return anyColumn(n.Path) != ""
	}
	if _, ok := flagOf(n.Value); ok && n.Path == "enabled" {
		return n.Op == filter.Equal
	}
	text, ok := n.Value.(string)
	if !ok || text == "" || strings.ContainsRune(text, 0) { // somebody without a value equals nothing and contains nothing
		return false
	}
	if timeColumns[n.Path] != "" {
		t, err := time.Parse(time.RFC3339Nano, text)
		return err == nil && t.Nanosecond()%1000 == 0 && t.Unix() > 0 && (n.Op == filter.Greater || n.Op == filter.GreaterOrEqual)
	}
	if exactColumns[n.Path] != "" {
		return n.Op == filter.Equal
	}
	switch n.Op {
	case filter.Equal, filter.Contains, filter.StartsWith, filter.EndsWith:
		return foldedColumns[n.Path] != "" && plainASCII(text)
	default:
		return false
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
