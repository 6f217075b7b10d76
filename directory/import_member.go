package directory

import (
	"context"
	"io"
	"maps"
	"slices"
)

// ImportMemberships takes over direct memberships from a CSV file with the columns group and username, a batch of rows in one
// transaction. It adds and never takes out: Created counts who joined, Unchanged who was a member. The same file again changes
// nothing.
func (s *Service) ImportMemberships(ctx context.Context, envID string, open func() (io.ReadCloser, error), o ImportOptions) (ImportReport, error) {
	return o.readings(func(o ImportOptions) (ImportReport, error) { return s.importMemberships(ctx, envID, open, o) })
}

func (s *Service) importMemberships(ctx context.Context, envID string, open func() (io.ReadCloser, error), o ImportOptions) (ImportReport, error) {
	report := ImportReport{Refusals: []Refusal{}}
	if _, err := s.store.Environment(ctx, envID); err != nil {
		return report, err
	}
	file, err := open()
	if err != nil {
		return report, err
	}
	defer func() { _ = file.Close() }()
	t, err := openTable(file, memberColumns, []string{"group", "username"}, "group,username", &report)
	if err != nil {
		return report, err
	}
	report.Applied = !o.DryRun
	for more := true; more; {
		var batch []tableRow
		for begun := t.file.offset(); len(batch) < importBatch && t.file.offset()-begun < batchBytes; {
			var row tableRow
			if row, more, err = t.next(); err != nil {
				return report, err
			}
			if !more {
				break
			}
			batch = append(batch, row)
		}
		if err := s.importMembers(ctx, envID, t, batch, o.DryRun); err != nil {
			return report, err
		}
		if o.Progress != nil {
			o.Progress(t.file.offset(), t.total)
		}
	}
	slices.SortStableFunc(report.Refusals, func(a, b Refusal) int { return a.Line - b.Line })
	return report, nil
}

// importMembers takes over a batch in one transaction.
func (s *Service) importMembers(ctx context.Context, envID string, t *table, batch []tableRow, dry bool) error {
	if len(batch) == 0 {
		return nil
	}
	before := *t.report
	return s.edit(ctx, envID, func(tx Tx) error {
		*t.report = before // the transaction may run again
		t.report.Refusals = slices.Clip(before.Refusals)
		groups, users, err := named(ctx, tx, envID, batch)
		if err != nil {
			return err
		}
		join := map[string]map[string]string{} // group -> user -> username
		for i := range batch {
			row := &batch[i]
			found, u := groups[Fold(row.values["group"])], users[Fold(row.values["username"])]
			switch {
			case len(found) == 0:
				t.refuse(row.line, "group", "there is no such group; create or import it first")
			case len(found) > 1:
				t.refuse(row.line, "group", "several populations have a group of this name; add the member through the API")
			case u.ID == "":
				t.refuse(row.line, "username", "there is no such user; create or import them first")
			case join[found[0].ID][u.ID] != "":
				t.report.Unchanged++
			default:
				if join[found[0].ID] == nil {
					join[found[0].ID] = map[string]string{}
				}
				join[found[0].ID][u.ID] = u.Username
			}
		}
		lines, err := s.joinAll(ctx, tx, groups, join, t.report)
		if err != nil {
			return err
		}
		if dry || len(lines) == 0 {
			return errUnchanged // rolled back; what was counted stays counted
		}
		return tx.Append(ctx, lines)
	})
}

// named reads the groups and users of a batch.
func named(ctx context.Context, tx Tx, envID string, batch []tableRow) (map[string][]Group, map[string]User, error) {
	names, usernames := map[string]bool{}, map[string]bool{}
	for i := range batch {
		names[Fold(batch[i].values["group"])], usernames[Fold(batch[i].values["username"])] = true, true
	}
	found, err := tx.GroupsNamed(ctx, envID, slices.Sorted(maps.Keys(names)))
	if err != nil {
		return nil, nil, err
	}
	groups := map[string][]Group{}
	for _, g := range found {
		groups[Fold(g.Name)] = append(groups[Fold(g.Name)], g)
	}
	users, err := tx.UsersByUsername(ctx, envID, slices.Sorted(maps.Keys(usernames)))
	return groups, users, err
}

func (s *Service) joinAll(ctx context.Context, tx Tx, groups map[string][]Group, join map[string]map[string]string, report *ImportReport) ([]Activity, error) {
	var lines []Activity
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := &groups[name][0]
		users := join[g.ID]
		if len(users) == 0 {
			continue
		}
		joined, err := tx.AddMembers(ctx, g.ID, false, slices.Sorted(maps.Keys(users)))
		if err != nil {
			return nil, err
		}
		slices.Sort(joined)
		report.Created += int64(len(joined))
		report.Unchanged += int64(len(users) - len(joined))
		if len(joined) > 0 {
			lines = append(lines, s.memberLines(ctx, g, "joined", joined, users)...)
			lines = append(lines, s.membersLine(ctx, g, len(joined), 0))
		}
	}
	return lines, nil
}
