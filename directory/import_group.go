package directory

import (
	"context"
	"io"
	"slices"
	"strings"

	"lockstep/internal/problem"
)

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
