package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"lockstep/internal/problem"
)

// groupColumns are the columns of a file of groups, by folded name.
var groupColumns = map[string]string{
	"name": "name", "displayname": "name", "group": "name", "description": "description", "externalid": "externalId", "userfilter": "userFilter",
	"filter": "userFilter", "population": "population", "population.name": "population", "memberof": "memberOf", "memberofgroups": "memberOf", "parents": "memberOf",
}

// memberColumns are the columns of a file of memberships.
var memberColumns = map[string]string{"group": "group", "groupname": "group", "username": "username", "user": "username"}

// table is a CSV file whose columns are known by name.
type table struct {
	file    *csvFile
	report  *ImportReport
	columns []string // what each column gives
	headers []string // as written
	total   int64
}

// tableRow is one row: what each column gives.
type tableRow struct {
	line   int
	values map[string]string
}

// openTable reads the header.
func openTable(in io.Reader, known map[string]string, needed []string, example string, report *ImportReport) (*table, error) {
	file, err := openCSV(in)
	if err != nil {
		return nil, err
	}
	line, header, err := file.row()
	if broken, ok := errors.AsType[*brokenRow](err); ok {
		return nil, badFile("line %d: the header cannot be read: %s", broken.line, broken.message)
	}
	if errors.Is(err, io.EOF) {
		return nil, badFile("the file is empty; the first line must name the columns, such as %s", example)
	}
	if err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	t := &table{file: file, report: report}
	for i, name := range header {
		name = strings.TrimSpace(name)
		path, ok := known[Fold(name)]
		switch {
		case !utf8.ValidString(name):
			return nil, badFile("line %d: the header is not valid UTF-8; save the file as CSV UTF-8", line)
		case !ok:
			return nil, badFile("line %d: column %d is not one that is known; the columns are such as %s", line, i+1, example)
		case slices.Contains(t.columns, path):
			return nil, badFile("line %d: two columns give %s; remove one", line, path)
		}
		t.columns, t.headers = append(t.columns, path), append(t.headers, name)
	}
	for _, path := range needed {
		if !slices.Contains(t.columns, path) {
			return nil, badFile("line %d: the column %s is missing; the columns are such as %s", line, path, example)
		}
	}
	return t, nil
}

func (t *table) has(path string) bool { return slices.Contains(t.columns, path) }

func (t *table) refuse(line int, path, message string) {
	t.report.Refused++
	if len(t.report.Refusals) < keptRefusals {
		column := path
		if i := slices.Index(t.columns, path); i >= 0 {
			column = t.headers[i]
		}
		t.report.Refusals = append(t.report.Refusals, Refusal{line, column, message})
	}
}

// next reads the next row that can be read; false at the end.
func (t *table) next() (tableRow, bool, error) {
	for {
		line, fields, err := t.file.row()
		if errors.Is(err, io.EOF) {
			return tableRow{}, false, nil
		}
		t.total++
		if broken, ok := errors.AsType[*brokenRow](err); ok {
			t.refuse(broken.line, "", broken.message)
			if broken.last {
				return tableRow{}, false, nil
			}
			continue
		}
		if err != nil {
			return tableRow{}, false, fmt.Errorf("read the file: %w", err)
		}
		if len(fields) != len(t.columns) {
			t.refuse(line, "", fmt.Sprintf("the row has %d values, but the header names %d columns", len(fields), len(t.columns)))
			continue
		}
		row := tableRow{line: line, values: make(map[string]string, len(fields))}
		valid := true
		for i, f := range fields {
			if valid = utf8.ValidString(f); !valid {
				t.refuse(line, t.columns[i], "the text is not valid UTF-8; save the file as CSV UTF-8")
				break
			}
			row.values[t.columns[i]] = strings.TrimSpace(f)
		}
		if valid {
			return row, true, nil
		}
	}
}

// aboutInput reports whether an error is about the input, which an import reports and goes on after.
func aboutInput(err error) bool {
	_, ok := errors.AsType[*problem.Error](err)
	return ok
}

// refuseFor refuses a row for the first thing that is wrong with it.
func (t *table) refuseFor(line int, err error) {
	var p *problem.Error
	if errors.As(err, &p) && len(p.Details) > 0 {
		path, _, _ := strings.Cut(p.Details[0].Target, ".")
		if path == "id" && t.has("memberOf") {
			path = "memberOf" // the only column that names other groups
		}
		t.refuse(line, path, p.Details[0].Message)
		return
	}
	t.refuse(line, "", err.Error())
}

// ImportGroups takes over groups from a CSV file, matched by name: name, description, externalId, population, userFilter, and
// memberOf, the names of the groups that each is nested in, between | signs. A missing column leaves an attribute alone, an empty
// value clears it. The whole file is one edit; rows that are refused are reported with their line, and the others are applied. The
// same file again changes nothing.
func (s *Service) ImportGroups(ctx context.Context, envID string, open func() (io.ReadCloser, error), o ImportOptions) (ImportReport, error) {
	report := ImportReport{Refusals: []Refusal{}}
	if _, err := s.store.Environment(ctx, envID); err != nil {
		return report, err
	}
	populations, err := s.store.Populations(ctx, envID)
	if err != nil {
		return report, err
	}
	err = s.edit(ctx, envID, func(tx Tx) error {
		report = ImportReport{Refusals: []Refusal{}} // the transaction may run again
		file, err := open()
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		t, err := openTable(file, groupColumns, []string{"name"}, "name,description,externalId,userFilter,memberOf", &report)
		if err != nil {
			return err
		}
		im := &groupImport{service: s, tx: tx, envID: envID, table: t, populations: populations, byName: map[string]Group{}, same: map[string]bool{}}
		if err := im.run(ctx); err != nil {
			return err
		}
		if o.Progress != nil {
			o.Progress(t.file.offset(), t.total)
		}
		report.Applied = !o.DryRun && (!o.AllOrNothing || report.Refused == 0)
		if !report.Applied || len(im.lines) == 0 {
			return errUnchanged
		}
		return tx.Append(ctx, im.lines)
	})
	slices.SortStableFunc(report.Refusals, func(a, b Refusal) int { return a.Line - b.Line })
	return report, err
}

// groupImport is one reading of a file of groups.
type groupImport struct {
	service     *Service
	tx          Tx
	envID       string
	table       *table
	schema      *Schema
	populations []Population
	byName      map[string]Group // the file's groups by folded name
	nested      []tableRow
	same        map[string]bool // groups that are as their row says, but for where they are nested
	lines       []Activity
}

func (im *groupImport) run(ctx context.Context) error {
	if err := im.tx.LockEnvironment(ctx, im.envID, true); err != nil {
		return err
	}
	var err error
	if im.schema, err = schemaOf(ctx, im.tx, im.envID); err != nil {
		return err
	}
	for {
		row, more, err := im.table.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := im.group(ctx, &row); aboutInput(err) {
			im.table.refuseFor(row.line, err)
		} else if err != nil {
			return err
		}
	}
	if !im.table.has("memberOf") {
		return nil
	}
	for i := range im.nested {
		if err := im.nest(ctx, &im.nested[i]); aboutInput(err) {
			im.table.refuseFor(im.nested[i].line, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// group creates or updates the group of a row.
func (im *groupImport) group(ctx context.Context, row *tableRow) error {
	name := Fold(row.values["name"])
	if _, twice := im.byName[name]; twice {
		return problem.New(problem.InvalidData, "an earlier line of the file has the same name")
	}
	found, err := im.tx.GroupsNamed(ctx, im.envID, []string{name})
	if err != nil {
		return err
	}
	var before *Group
	g := Group{ID: im.service.newID(), EnvironmentID: im.envID, CreatedAt: im.service.instant()}
	switch len(found) {
	case 0:
	case 1:
		before, g = &found[0], found[0]
	default:
		return problem.New(problem.InvalidData, "several populations have a group of this name; change it through the API")
	}
	if err := im.fill(&g, row, before == nil); err != nil {
		return err
	}
	if err := im.service.checkGroup(ctx, im.tx, im.schema, &g); err != nil {
		return err
	}
	if err := im.write(ctx, before, &g); err != nil {
		return err
	}
	im.byName[name] = g
	im.nested = append(im.nested, *row)
	return nil
}

func (im *groupImport) fill(g *Group, row *tableRow, fresh bool) error {
	if fresh {
		g.Name = row.values["name"]
	}
	for path, into := range map[string]*string{"description": &g.Description, "externalId": &g.ExternalID, "userFilter": &g.UserFilter} {
		if im.table.has(path) {
			*into = row.values[path]
		}
	}
	if !im.table.has("population") {
		return nil
	}
	g.PopulationID = ""
	if want := row.values["population"]; want != "" {
		i := slices.IndexFunc(im.populations, func(p Population) bool { return Fold(p.Name) == Fold(want) || p.ID == want })
		if i < 0 {
			var l problem.List
			l.Add(problem.InvalidValue, "population", "there is no such population; create it first")
			return l.Err("The group cannot be saved:")
		}
		g.PopulationID = im.populations[i].ID
	}
	return nil
}

func (im *groupImport) write(ctx context.Context, before, g *Group) error {
	g.UpdatedAt = im.service.instant()
	if before == nil {
		im.table.report.Created++
		if err := im.tx.InsertGroups(ctx, []Group{*g}); err != nil {
			return err
		}
		if _, _, err := im.service.refill(ctx, im.tx, g, im.schema); err != nil {
			return err
		}
		im.lines = append(im.lines, im.service.activity(ctx, im.envID, KindGroup, "CREATED", g.ID, g.Name, Made(groupChanges(&Group{}, g))))
		return nil
	}
	changes := groupChanges(before, g)
	if len(changes) == 0 {
		im.table.report.Unchanged++
		im.same[g.ID] = true
		return nil
	}
	im.table.report.Updated++
	if err := im.tx.UpdateGroups(ctx, []Group{*g}); err != nil {
		return err
	}
	if before.UserFilter != g.UserFilter {
		lines, err := im.service.refilled(ctx, im.tx, g, im.schema)
		if err != nil {
			return err
		}
		im.lines = append(im.lines, lines...)
	}
	im.lines = append(im.lines, im.service.activity(ctx, im.envID, KindGroup, "UPDATED", g.ID, g.Name, changes))
	return nil
}

// nest makes the group of a row a part of exactly the groups that the row names.
func (im *groupImport) nest(ctx context.Context, row *tableRow) error {
	child := im.byName[Fold(row.values["name"])]
	above, err := im.tx.NestingsAbove(ctx, child.ID)
	if err != nil {
		return err
	}
	is := map[string]bool{}
	for _, n := range above {
		if n.Child == child.ID {
			is[n.Parent] = true
		}
	}
	var want []Group
	for name := range strings.SplitSeq(row.values["memberOf"], "|") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		found, err := im.tx.GroupsNamed(ctx, im.envID, []string{Fold(name)})
		if err != nil {
			return err
		}
		if len(found) != 1 {
			var l problem.List
			l.Add(problem.InvalidValue, "memberOf", "there is no group of one of these names, or several")
			return l.Err("The groups cannot be nested:")
		}
		want = append(want, found[0])
	}
	for i := range want { // all of them before anything is written
		if !is[want[i].ID] {
			if err := im.service.checkCycle(ctx, im.tx, &child, &want[i]); err != nil {
				return err
			}
		}
	}
	for i := range want {
		if is[want[i].ID] {
			delete(is, want[i].ID)
			continue
		}
		changed, err := im.tx.Nest(ctx, Nesting{child.ID, want[i].ID})
		if err != nil {
			return err
		}
		if !changed { // named twice in the row
			continue
		}
		im.nestLines(ctx, &child, "is nested in", &want[i])
	}
	for _, n := range above {
		if n.Child != child.ID || !is[n.Parent] {
			continue
		}
		parent, err := im.tx.Group(ctx, im.envID, n.Parent)
		if err != nil {
			return err
		}
		if _, err := im.tx.Unnest(ctx, n); err != nil {
			return err
		}
		im.nestLines(ctx, &child, "is no longer nested in", &parent)
	}
	return nil
}

func (im *groupImport) nestLines(ctx context.Context, child *Group, did string, parent *Group) {
	line := im.service.membersLine(ctx, parent, 0, 0)
	line.Description = "group " + child.Name + " " + did + " group " + parent.Name
	im.lines = append(im.lines, im.service.nestingLine(ctx, child, did, parent), line)
	if im.same[child.ID] {
		delete(im.same, child.ID)
		im.table.report.Unchanged--
		im.table.report.Updated++
	}
}

// FileKind says what a CSV file holds.
type FileKind string

// The kinds of files.
const (
	FileOfUsers       FileKind = "USERS"
	FileOfGroups      FileKind = "GROUPS"
	FileOfMemberships FileKind = "MEMBERSHIPS"
)

// KindOfFile tells from the header what a CSV file holds: memberships name a group and a user and nothing else; groups have a name
// and no username; all else is taken for people, whose import says what is wrong with it.
func KindOfFile(in io.Reader) (FileKind, error) {
	file, err := openCSV(in)
	if err != nil {
		return "", err
	}
	_, header, err := file.row()
	if err != nil {
		return FileOfUsers, nil //nolint:nilerr // the import says so
	}
	folded := make([]string, len(header))
	for i, name := range header {
		folded[i] = Fold(name)
	}
	all := func(known map[string]string) bool {
		return !slices.ContainsFunc(folded, func(name string) bool { return known[name] == "" })
	}
	switch {
	case len(folded) == 2 && all(memberColumns):
		return FileOfMemberships, nil
	case all(groupColumns) && (slices.Contains(folded, "name") || slices.Contains(folded, "displayname")):
		return FileOfGroups, nil
	default:
		return FileOfUsers, nil
	}
}
