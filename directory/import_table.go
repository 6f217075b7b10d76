package directory

import (
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
