package directory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lockstep/internal/problem"
)

const (
	importBatch  = 500
	keptRefusals = 1000
)

// ImportOptions says how a file is taken over.
type ImportOptions struct {
	CreateAttributes bool   // declare unknown columns as text attributes
	Population       string // the population of new users where the file has no such column; "" = the default one
	DryRun           bool   // report only
	AllOrNothing     bool   // apply nothing if any row is refused
	Progress         func(bytes, rows int64)
}

// Refusal is one row that was not taken over, or one place in it.
type Refusal struct {
	Line    int    `json:"line"`
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
}

// ImportReport says what an import did.
type ImportReport struct {
	Created           int64     `json:"created"`
	Updated           int64     `json:"updated"`
	Unchanged         int64     `json:"unchanged"`
	Refused           int64     `json:"refused"`
	Refusals          []Refusal `json:"refusals"` // the first 1,000
	AttributesCreated []string  `json:"attributesCreated,omitempty"`
	Applied           bool      `json:"applied"`
}

// columns are the short names of attributes in files; PingOne's paths work as well.
var columns = map[string]string{
	"given": "name.given", "givenname": "name.given", "firstname": "name.given", "family": "name.family", "familyname": "name.family",
	"lastname": "name.family", "middle": "name.middle", "formatted": "name.formatted", "prefix": "name.honorificPrefix", "suffix": "name.honorificSuffix",
	"phone": "primaryPhone", "mobile": "mobilePhone", "street": "address.streetAddress", "city": "address.locality", "locality": "address.locality",
	"region": "address.region", "postalcode": "address.postalCode", "country": "address.countryCode", "countrycode": "address.countryCode",
	"photo": "photo.href", "population": "population.name", "mail": "email",
}

// Import takes over people from a CSV file: a header row, then one person a row, matched by username. It streams: memory does
// not grow with the file. Rows that are refused are reported with their line; the others are applied, unless AllOrNothing. The
// same file again changes nothing. open is called once, or twice for AllOrNothing.
func (s *Service) Import(ctx context.Context, envID string, open func() (io.ReadCloser, error), o ImportOptions) (ImportReport, error) {
	if o.AllOrNothing && !o.DryRun {
		check := o
		check.DryRun = true
		report, err := s.importOnce(ctx, envID, open, check)
		if err != nil || report.Refused > 0 {
			return report, err
		}
	}
	return s.importOnce(ctx, envID, open, o)
}

func (s *Service) importOnce(ctx context.Context, envID string, open func() (io.ReadCloser, error), o ImportOptions) (ImportReport, error) {
	file, err := open()
	if err != nil {
		return ImportReport{}, err
	}
	defer func() { _ = file.Close() }()
	im := &importer{service: s, envID: envID, options: o, seed: maphash.MakeSeed(), seen: map[uint64]int32{}}
	im.report.Refusals = []Refusal{}
	im.report.Applied = !o.DryRun
	if err := im.start(ctx, file); err != nil {
		return im.report, err
	}
	err = im.rows(ctx)
	slices.SortStableFunc(im.report.Refusals, func(a, b Refusal) int { return a.Line - b.Line })
	return im.report, err
}

type importer struct {
	service     *Service
	envID       string
	options     ImportOptions
	report      ImportReport
	reader      *csv.Reader
	header      []string // as written
	paths       []string // by column
	schema      *Schema
	populations map[string]Population // by folded name
	seed        maphash.Seed
	seen        map[uint64]int32 // folded username -> line
	total       int64
}

type importRow struct {
	line   int
	folded string
	fields []string
}

func badFile(format string, args ...any) error {
	return problem.New(problem.InvalidData, format, args...)
}

// start reads the header and finds out what its columns mean.
func (im *importer) start(ctx context.Context, file io.Reader) error {
	buffered := bufio.NewReaderSize(file, 64<<10)
	head, _ := buffered.Peek(4096)
	switch {
	case len(head) == 0:
		return badFile("the file is empty; the first line must name the columns, such as username,email,given,family")
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return badFile("line 1: the file is encoded in UTF-16; save it as CSV UTF-8")
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = buffered.Discard(3)
		head = head[3:]
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	im.reader = csv.NewReader(buffered)
	im.reader.Comma = separator(string(first))
	im.reader.FieldsPerRecord = -1
	header, err := im.reader.Read()
	if err != nil {
		return badFile("line 1: the header cannot be read: %s", quotingSentence(err))
	}
	return im.resolve(ctx, header)
}

// separator is the one that the header uses most.
func separator(header string) rune {
	best, count := ',', strings.Count(header, ",")
	for _, c := range ";\t" {
		if n := strings.Count(header, string(c)); n > count {
			best, count = c, n
		}
	}
	return best
}

func (im *importer) resolve(ctx context.Context, header []string) error {
	var err error
	if im.schema, err = im.service.Schema(ctx, im.envID); err != nil {
		return err
	}
	if err := im.loadPopulations(ctx); err != nil {
		return err
	}
	var unknown []string
	at := map[string]int{}
	for i, name := range header {
		name = strings.TrimSpace(name)
		if !utf8.ValidString(name) {
			return badFile("line 1: the header is not valid UTF-8; save the file as CSV UTF-8")
		}
		path, ok := im.path(name)
		if !ok {
			unknown = append(unknown, name)
			path = name
		}
		if other, twice := at[strings.ToLower(path)]; twice {
			return badFile("line 1: columns %d and %d both give %s; remove one", other+1, i+1, path)
		}
		at[strings.ToLower(path)] = i
		im.header, im.paths = append(im.header, name), append(im.paths, path)
	}
	if _, ok := at["username"]; !ok {
		return badFile("line 1: the column username is missing; people are told apart by it")
	}
	return im.declare(ctx, unknown)
}

func (im *importer) path(name string) (string, bool) {
	if path, ok := columns[strings.ToLower(name)]; ok {
		return path, true
	}
	a, ok := im.schema.Attribute(name)
	if !ok || a.ReadOnly && a.Name != "population.name" {
		return "", false
	}
	return a.Name, true
}

// declare makes attributes of unknown columns, or says what to do about them.
func (im *importer) declare(ctx context.Context, unknown []string) error {
	if len(unknown) == 0 {
		return nil
	}
	if !im.options.CreateAttributes {
		return badFile("line 1: unknown columns: %s; correct their names, or declare them as attributes with --create-attributes", strings.Join(unknown, ", "))
	}
	for _, name := range unknown {
		a := Attribute{Name: name, Type: TypeString}
		if im.options.DryRun {
			if err := checkAttribute(&a, nil); err != nil {
				return err
			}
			a.SchemaType = SchemaCustom
			im.schema = im.schema.with(a)
			continue
		}
		if _, err := im.service.CreateAttribute(ctx, im.envID, a); err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
	im.report.AttributesCreated = unknown
	if im.options.DryRun {
		return nil
	}
	var err error
	im.schema, err = im.service.Schema(ctx, im.envID)
	return err
}

func (s *Schema) with(a Attribute) *Schema {
	out := &Schema{byName: maps.Clone(s.byName), names: append(slices.Clone(s.names), a.Name)}
	out.byName[strings.ToLower(a.Name)] = a
	return out
}

func (im *importer) loadPopulations(ctx context.Context) error {
	list, err := im.service.store.Populations(ctx, im.envID)
	if err != nil {
		return err
	}
	im.populations = map[string]Population{}
	for _, p := range list {
		im.populations[Fold(p.Name)] = p
		if p.Default {
			im.populations[""] = p
		}
	}
	if im.options.Population == "" {
		return nil
	}
	p, ok := im.populations[Fold(im.options.Population)]
	if !ok {
		return badFile("there is no population called %q; create it first", im.options.Population)
	}
	im.populations[""] = p
	return nil
}

// rows reads the rest of the file in batches.
func (im *importer) rows(ctx context.Context) error {
	var batch []importRow
	for {
		fields, err := im.reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			// Past a broken quote nobody can tell where the next row begins.
			im.refuse(broken.StartLine, "", quotingSentence(err)+"; the rows from here on were not read")
			break
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		line, _ := im.reader.FieldPos(0)
		im.total++
		if row, ok := im.row(line, fields); ok {
			batch = append(batch, row)
		}
		if len(batch) == importBatch {
			if err := im.apply(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	err := im.apply(ctx, batch)
	im.progress()
	return err
}

func (im *importer) progress() {
	if im.options.Progress != nil {
		im.options.Progress(im.reader.InputOffset(), im.total)
	}
}

func quotingSentence(err error) string {
	switch {
	case errors.Is(err, csv.ErrQuote):
		return "a quote is not closed, or stands alone inside a quoted value; write \"\" for a quote"
	case errors.Is(err, csv.ErrBareQuote):
		return "a quote stands inside a value that is not quoted; put the value in quotes and write \"\" for the quote"
	default:
		return "the line is not valid CSV"
	}
}

func (im *importer) refuse(line int, column, message string) {
	im.report.Refused++
	if len(im.report.Refusals) < keptRefusals {
		im.report.Refusals = append(im.report.Refusals, Refusal{line, column, message})
	}
}

// row checks what can be told from the row alone.
func (im *importer) row(line int, fields []string) (importRow, bool) {
	if len(fields) != len(im.header) {
		im.refuse(line, "", fmt.Sprintf("the row has %d values, but the header names %d columns", len(fields), len(im.header)))
		return importRow{}, false
	}
	username := ""
	for i, f := range fields {
		if !utf8.ValidString(f) {
			im.refuse(line, im.header[i], "the text is not valid UTF-8; save the file as CSV UTF-8")
			return importRow{}, false
		}
		if im.paths[i] == "username" {
			username = f
		}
	}
	folded := Fold(username)
	if folded == "" {
		im.refuse(line, "username", "a username is required")
		return importRow{}, false
	}
	hash := maphash.String(im.seed, folded)
	if first, twice := im.seen[hash]; twice {
		im.refuse(line, "username", fmt.Sprintf("line %d of the file has the same username", first))
		return importRow{}, false
	}
	im.seen[hash] = int32(min(line, 1<<31-1)) //nolint:gosec // bounded
	return importRow{line, folded, slices.Clone(fields)}, true
}

// apply takes over a batch in one transaction: one read, few writes.
func (im *importer) apply(ctx context.Context, batch []importRow) error {
	if len(batch) == 0 {
		return nil
	}
	defer im.progress()
	before := im.report
	write := func(tx Tx) error {
		im.report = before
		im.report.Refusals = slices.Clone(before.Refusals)
		return im.applyTo(ctx, tx, batch)
	}
	if im.options.DryRun {
		err := im.service.store.Edit(ctx, func(tx Tx) error {
			if err := write(tx); err != nil {
				return err
			}
			return errDryRun
		})
		if errors.Is(err, errDryRun) {
			return nil
		}
		return err
	}
	return im.service.edit(ctx, im.envID, write)
}

var errDryRun = errors.New("dry run")

func (im *importer) applyTo(ctx context.Context, tx Tx, batch []importRow) error {
	folded := make([]string, len(batch))
	for i := range batch {
		folded[i] = batch[i].folded
	}
	existing, err := tx.UsersByUsername(ctx, im.envID, folded)
	if err != nil {
		return err
	}
	var inserts, updates []User
	var activities []Activity
	for i := range batch {
		before, known := existing[batch[i].folded]
		after, ok := im.person(&batch[i], before, known)
		if !ok {
			continue
		}
		if err := im.service.checkUnique(ctx, tx, im.schema, &after); err != nil {
			im.refuseFor(batch[i].line, err)
			continue
		}
		changes := diff(&before, &after)
		switch {
		case !known:
			inserts = append(inserts, after)
			activities = append(activities, im.service.activity(ctx, im.envID, KindUser, "CREATED", after.ID, after.Username, nil))
			im.report.Created++
		case len(changes) == 0:
			im.report.Unchanged++
		default:
			after.UpdatedAt = im.service.instant()
			updates = append(updates, after)
			activities = append(activities, im.service.activity(ctx, im.envID, KindUser, "UPDATED", after.ID, after.Username, changes))
			im.report.Updated++
		}
	}
	if err := tx.InsertUsers(ctx, inserts); err != nil {
		return takenOr(err)
	}
	if err := tx.UpdateUsers(ctx, updates); err != nil {
		return takenOr(err)
	}
	if len(activities) == 0 {
		return nil
	}
	return tx.Append(ctx, activities)
}

func (im *importer) refuseFor(line int, err error) {
	var p *problem.Error
	if errors.As(err, &p) && len(p.Details) > 0 {
		im.refuse(line, im.column(p.Details[0].Target), p.Details[0].Message)
		return
	}
	im.refuse(line, "", err.Error())
}

func (im *importer) column(path string) string {
	for i, p := range im.paths {
		if strings.EqualFold(p, path) {
			return im.header[i]
		}
	}
	return path
}

// person is the user as the row says: a missing column leaves an attribute alone, an empty value clears it.
func (im *importer) person(row *importRow, before User, known bool) (User, bool) {
	u := before
	u.Custom = maps.Clone(before.Custom)
	if !known {
		now := im.service.instant()
		p := im.populations[""]
		u = User{
			ID: im.service.newID(), EnvironmentID: im.envID, Enabled: true, PopulationID: p.ID, PopulationName: p.Name, CreatedAt: now, UpdatedAt: now,
		}
	}
	for i, value := range row.fields {
		if message := im.set(&u, im.paths[i], strings.TrimSpace(value)); message != "" {
			im.refuse(row.line, im.header[i], message)
			return u, false
		}
	}
	if err := u.check(im.schema); err != nil {
		im.refuseFor(row.line, err)
		return u, false
	}
	return u, true
}

func (im *importer) set(u *User, path, value string) string {
	switch path {
	case "enabled":
		enabled, ok := flagWords[strings.ToLower(value)]
		if !ok {
			return "true or false is needed"
		}
		u.Enabled = enabled
		return ""
	case "population.name", "population.id":
		return im.move(u, path, value)
	}
	if p := u.field(path); p != nil {
		*p = value
		return ""
	}
	if u.Custom == nil {
		u.Custom = map[string]any{}
	}
	a, _ := im.schema.Attribute(path)
	v, message := a.read(value)
	u.Custom[path] = v
	return message
}

var flagWords = map[string]bool{
	"true": true, "yes": true, "1": true, "active": true, "enabled": true, "false": false, "no": false, "0": false, "inactive": false, "disabled": false,
}

func (im *importer) move(u *User, path, value string) string {
	for _, p := range im.populations {
		if path == "population.id" && p.ID == value || path == "population.name" && Fold(p.Name) == Fold(value) {
			u.PopulationID, u.PopulationName = p.ID, p.Name
			return ""
		}
	}
	if value == "" {
		return ""
	}
	return "there is no such population; create it first"
}

// read gives text from a file the attribute's type; several values stand between | signs.
func (a Attribute) read(value string) (any, string) {
	if value == "" {
		return nil, ""
	}
	if a.MultiValued {
		var list []any
		one := a
		one.MultiValued = false
		for part := range strings.SplitSeq(value, "|") {
			v, message := one.read(strings.TrimSpace(part))
			if message != "" {
				return nil, message
			}
			if v != nil {
				list = append(list, v)
			}
		}
		return list, ""
	}
	switch a.Type {
	case TypeBoolean:
		b, ok := flagWords[strings.ToLower(value)]
		if !ok {
			return nil, "true or false is needed"
		}
		return b, ""
	case TypeInteger:
		n, err := strconv.ParseInt(value, 10, 54)
		if err != nil {
			return nil, "a whole number is needed"
		}
		return float64(n), ""
	default:
		return value, ""
	}
}
