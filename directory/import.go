package directory

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"lockstep/internal/problem"
)

const (
	importBatch  = 500
	batchBytes   = 8 << 20 // a batch of long rows ends earlier
	keptRefusals = 1000
	// importTries is how often a batch is tried when somebody else takes one of its usernames at the same moment.
	importTries = 5
)

// ImportOptions says how a file is taken over.
type ImportOptions struct {
	CreateAttributes bool   // declare unknown columns as text attributes
	Population       string // name or id: where new users are put when the file does not say; "" = the default one
	DryRun           bool   // report only
	AllOrNothing     bool   // apply nothing if any row is refused
	// Progress is told how much was read, after every batch. With AllOrNothing it runs twice, once for each reading.
	Progress func(bytes, rows int64)
}

// Refusal is one row that was not taken over, or one place in it.
type Refusal struct {
	Line    int    `json:"line"`
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
}

// ImportReport says what an import did, or what it would do.
type ImportReport struct {
	Created           int64     `json:"created"`
	Updated           int64     `json:"updated"`
	Unchanged         int64     `json:"unchanged"`
	Refused           int64     `json:"refused"`
	Refusals          []Refusal `json:"refusals"` // the first 1,000, by line
	AttributesCreated []string  `json:"attributesCreated,omitempty"`
	Applied           bool      `json:"applied"` // the rows that were not refused were taken over
}

// Import takes over people from a CSV file: a header row, then one person a row, matched by username. It streams: beside a batch
// of rows, memory holds a few bytes for each username. Rows that are refused are reported with their line; the others are
// applied, a batch in one transaction. A missing column leaves an attribute alone, an empty value clears it; whether a user is
// enabled and their population always have a value, so empty leaves those alone too. The same file again changes nothing.
//
// With AllOrNothing the file is read twice, and applied only if the first reading refuses nothing; open is then called twice.
// Somebody else's edit between the two readings can still have a row refused, which the report then says.
func (s *Service) Import(ctx context.Context, envID string, open func() (io.ReadCloser, error), o ImportOptions) (ImportReport, error) {
	return o.readings(func(o ImportOptions) (ImportReport, error) { return s.importOnce(ctx, envID, open, o) })
}

// readings reads a file as often as the options ask: with AllOrNothing once to see whether anything is refused.
func (o ImportOptions) readings(read func(ImportOptions) (ImportReport, error)) (ImportReport, error) {
	if o.AllOrNothing && !o.DryRun {
		check := o
		check.DryRun = true
		if report, err := read(check); err != nil || report.Refused > 0 {
			return report, err
		}
	}
	return read(o)
}

func (s *Service) importOnce(ctx context.Context, envID string, open func() (io.ReadCloser, error), o ImportOptions) (ImportReport, error) {
	report := ImportReport{Refusals: []Refusal{}}
	if _, err := s.store.Environment(ctx, envID); err != nil {
		return report, err
	}
	file, err := open()
	if err != nil {
		return report, err
	}
	defer func() { _ = file.Close() }()
	im := &importer{service: s, envID: envID, options: o, report: report, seed: maphash.MakeSeed(), seen: map[uint64]int32{}, claimed: map[uint64]int32{}}
	if err := im.start(ctx, file); err != nil {
		return im.report, err
	}
	im.report.Applied = !o.DryRun
	err = im.rows(ctx)
	slices.SortStableFunc(im.report.Refusals, func(a, b Refusal) int { return a.Line - b.Line })
	return im.report, err
}

// importer is one reading of a file.
type importer struct {
	service *Service
	envID   string
	options ImportOptions
	report  ImportReport

	file    *csvFile
	line    int // of the header
	columns []column
	schema  *Schema
	names   map[string]Population // populations by folded name
	ids     map[string]Population
	home    Population // of new users

	// Usernames and unique values that the file gave already, as 64-bit hashes with their line: a file of millions fits. Two
	// of a million share a hash by chance once in tens of millions of files; the second is then refused, never mixed up.
	seed    maphash.Seed
	seen    map[uint64]int32
	claimed map[uint64]int32
	total   int64
}

type importRow struct {
	line   int
	folded string
	fields []string
}

func badFile(format string, args ...any) error {
	return problem.New(problem.InvalidData, format, args...)
}

// rows reads the file below its header in batches.
func (im *importer) rows(ctx context.Context) error {
	batch := make([]importRow, 0, importBatch)
	begun := im.file.offset()
	for {
		line, fields, err := im.file.row()
		if errors.Is(err, io.EOF) {
			break
		}
		if broken, ok := errors.AsType[*brokenRow](err); ok {
			im.total++
			im.refuse(broken.line, "", broken.message)
			if broken.last {
				break
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		im.total++
		if row, ok := im.row(line, fields); ok {
			batch = append(batch, row)
		}
		if len(batch) == importBatch || im.file.offset()-begun >= batchBytes {
			if err := im.apply(ctx, batch); err != nil {
				return err
			}
			clear(batch) // what is long need not stay until it is written over
			batch, begun = batch[:0], im.file.offset()
		}
	}
	err := im.apply(ctx, batch)
	im.progress()
	return err
}

func (im *importer) progress() {
	if im.options.Progress != nil {
		im.options.Progress(im.file.offset(), im.total)
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
	if len(fields) != len(im.columns) {
		im.refuse(line, "", fmt.Sprintf("the row has %d values, but the header names %d columns", len(fields), len(im.columns)))
		return importRow{}, false
	}
	username := ""
	for i, f := range fields {
		if !utf8.ValidString(f) {
			im.refuse(line, im.columns[i].header, "the text is not valid UTF-8; save the file as CSV UTF-8")
			return importRow{}, false
		}
		if im.columns[i].path == "username" {
			username = f
		}
	}
	folded := Fold(username)
	if folded == "" {
		im.refuse(line, "username", "a username is required")
		return importRow{}, false
	}
	if first := im.claim(im.seen, folded, line); first != line {
		im.refuse(line, "username", fmt.Sprintf("line %d of the file has the same username", first))
		return importRow{}, false
	}
	return importRow{line, folded, fields}, true
}

// claim notes that a line has a value, and answers the line that had it first.
func (im *importer) claim(values map[uint64]int32, value string, line int) int {
	hash := maphash.String(im.seed, value)
	if first, ok := values[hash]; ok {
		return int(first)
	}
	values[hash] = int32(min(line, 1<<31-1)) //nolint:gosec // bounded
	return line
}

// apply takes over a batch in one transaction.
func (im *importer) apply(ctx context.Context, batch []importRow) error {
	if len(batch) == 0 {
		return nil
	}
	defer im.progress()
	before := im.report
	for try := 1; ; try++ {
		err := im.service.edit(ctx, im.envID, func(tx Tx) error {
			im.report = before
			im.report.Refusals = slices.Clip(before.Refusals) // the transaction may run again
			return im.applyTo(ctx, tx, batch)
		})
		if !errors.Is(err, ErrUsernameTaken) && !errors.Is(err, ErrValueTaken) || try == importTries {
			return takenOr(err)
		}
	}
}

// refuseFor refuses a row for the first thing that is wrong with it.
func (im *importer) refuseFor(line int, err error) {
	var p *problem.Error
	if errors.As(err, &p) && len(p.Details) > 0 {
		im.refuse(line, im.header(p.Details[0].Target), p.Details[0].Message)
		return
	}
	im.refuse(line, "", err.Error())
}

// header is how the file calls the attribute at path.
func (im *importer) header(path string) string {
	for i := range im.columns {
		if strings.EqualFold(im.columns[i].path, path) {
			return im.columns[i].header
		}
	}
	return path
}
