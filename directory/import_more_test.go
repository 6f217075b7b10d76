package directory_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// everybody lists the users of an environment by username, without what tells two environments apart.
func everybody(t testing.TB, s *directory.Service, env string) map[string]directory.User {
	t.Helper()
	out := map[string]directory.User{}
	for after := ""; ; {
		page, err := s.Users(t.Context(), env, directory.Query{After: after, Limit: 200})
		must(t, err)
		for _, u := range page.Users {
			out[u.Username] = u
		}
		if after = page.Next; after == "" {
			return out
		}
	}
}

// TestImportSettles: whatever the file, what was taken over is unchanged the second time, nothing more is logged, the same rows
// are refused, and a dry run tells the truth before.
func TestImportSettles(t *testing.T) {
	w := newWorld(t)
	w.attribute(t, directory.Attribute{Name: "level", Type: directory.TypeInteger})
	w.attribute(t, directory.Attribute{Name: "skills", MultiValued: true})
	w.attribute(t, directory.Attribute{Name: "extra", Type: directory.TypeJSON})
	w.attribute(t, directory.Attribute{Name: "badge", Unique: true})
	header := []string{"username", "email", "given", "street", "active", "population", "level", "skills", "extra", "badge"}
	cell := rapid.OneOf(
		rapid.SampledFrom([]string{"", "x", "true", "no", "7", "-1", "a|b", "|", " y ", "Default", "[1]", `{"a":1}`, "anna", "ben", "a@b.c", `"`, "a,b", "é\nü"}), rapid.String(),
	)
	rapid.Check(t, func(rt *rapid.T) {
		var text strings.Builder
		out := csv.NewWriter(&text)
		_ = out.Write(header)
		for range rapid.IntRange(0, 8).Draw(rt, "rows") {
			row := rapid.SliceOfN(cell, len(header), len(header)).Draw(rt, "row")
			row[0] = rapid.SampledFrom([]string{"anna", "Anna", "ben", "cleo", "dora", ""}).Draw(rt, "username")
			if rapid.IntRange(0, 3).Draw(rt, "address") > 0 {
				row[1] = "a@example.com"
			}
			_ = out.Write(row)
		}
		out.Flush()
		file := source([]byte(text.String()))
		promised, err := w.Import(t.Context(), w.env, file, directory.ImportOptions{DryRun: true})
		if err != nil || promised.Applied {
			rt.Fatalf("dry run: %+v %v", promised, err)
		}
		first, err := w.Import(t.Context(), w.env, file, directory.ImportOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		promised.Applied = true
		if diff := cmp.Diff(promised, first); diff != "" {
			rt.Fatalf("the dry run promised otherwise (-promised +done):\n%s", diff)
		}
		lines := len(w.log(t))
		second, err := w.Import(t.Context(), w.env, file, directory.ImportOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		if second.Created+second.Updated != 0 || second.Unchanged != first.Created+first.Updated+first.Unchanged || second.Refused != first.Refused {
			rt.Fatalf("first %+v\nsecond %+v", first, second)
		}
		if n := len(w.log(t)) - lines; n != 0 {
			rt.Fatalf("%d more lines in the log", n)
		}
	})
}

func TestImportAllOrNothing(t *testing.T) {
	w := newWorld(t)
	var file strings.Builder
	file.WriteString("username,email,shoe\n")
	for i := range 1100 {
		fmt.Fprintf(&file, "u%d,u%d@example.com,42\n", i, i)
	}
	bad := file.String() + "last,nonsense,42\n"
	o := directory.ImportOptions{AllOrNothing: true, CreateAttributes: true}
	report, err := w.Import(t.Context(), w.env, source([]byte(bad)), o)
	if err != nil || report.Applied || report.Refused != 1 || report.Refusals[0].Line != 1102 {
		t.Errorf("%+v %v", report, err)
	}
	if n, _ := w.CountUsers(t.Context(), w.env, ""); n != 0 {
		t.Errorf("%d users were created", n)
	}
	if list, _ := w.Attributes(t.Context(), w.env); len(list) != 0 {
		t.Errorf("attributes were declared: %v", list)
	}
	opened := 0
	report, err = w.Import(t.Context(), w.env, func() (io.ReadCloser, error) { opened++; return source([]byte(file.String()))() }, o)
	if err != nil || !report.Applied || report.Created != 1100 || opened != 2 {
		t.Errorf("opened %d times, %+v %v", opened, report, err)
	}
}

func TestImportFilesThatAreNone(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct{ file, says string }{
		"empty":     {"", "the file is empty"},
		"blank":     {"\r\n\r\n", "the file is empty"},
		"utf-16":    {"\xff\xfeu\x00s\x00", "UTF-16"},
		"unmarked":  {"u\x00s\x00e\x00r\x00", "UTF-16"},
		"latin-1":   {"username,email,stra\xdfe\n", "line 1: the header is not valid UTF-8"},
		"quote":     {"username,\"email\na,b", "line 1: the header cannot be read"},
		"twice":     {"\n\nusername,USERNAME\n", "line 3: columns 1 and 2 both give username"},
		"elsewhere": {"username,population,population.id\n", "both say where people are"},
		"wide":      {"username" + strings.Repeat(",a", 1001), "at most 1000"},
		"unknown":   {"username,a,b,c,d,e,f1,g,h,i,j,k,l\n", "i, j and 2 more; correct their names, or declare them as attributes with --create-attributes"},
		"read-only": {"username,createdAt\n", "unknown columns: createdAt"},
	} {
		report, err := w.Import(t.Context(), w.env, source([]byte(test.file)), directory.ImportOptions{})
		if !problem.Is(err, problem.InvalidData) || !strings.Contains(err.Error(), test.says) || report.Applied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Import(t.Context(), "00000000-0000-4000-8000-000000000000", source(nil), directory.ImportOptions{}); !problem.Is(err, problem.NotFound) {
		t.Errorf("no such environment: %v", err)
	}
	_, err := w.Import(t.Context(), w.env, source([]byte("username\n")), directory.ImportOptions{Population: "Nowhere"})
	if !problem.Is(err, problem.InvalidData) {
		t.Errorf("no such population: %v", err)
	}
}

// endless is a file whose last quote is never closed.
type endless struct {
	head io.Reader
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	if n, err := e.head.Read(p); err == nil {
		return n, nil
	}
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

func TestImportUnclosedQuoteIsBounded(t *testing.T) {
	w := newWorld(t)
	in := &endless{head: strings.NewReader("username,email\na,a@example.com\n\"b,")}
	open := func() (io.ReadCloser, error) { return io.NopCloser(in), nil }
	report, err := w.Import(t.Context(), w.env, open, directory.ImportOptions{})
	if err != nil || report.Created != 1 || report.Refused != 1 || report.Refusals[0].Line != 3 || !strings.Contains(report.Refusals[0].Message, "were not read") {
		t.Errorf("%+v %v", report, err)
	}
	if in.read > 2<<20 {
		t.Errorf("%d bytes were read to find out", in.read)
	}
}

func TestImportRefusalsAreCountedBeyondThoseKept(t *testing.T) {
	w := newWorld(t)
	report, err := w.Import(t.Context(), w.env, source([]byte("username,email\n"+strings.Repeat(",\n", 1500))), directory.ImportOptions{})
	if err != nil || report.Refused != 1500 || len(report.Refusals) != 1000 {
		t.Errorf("%d refused, %d kept: %v", report.Refused, len(report.Refusals), err)
	}
}

// A batch ends by its size too: five hundred rows of the largest allowed size would be half a gigabyte.
func TestImportBatchesAreBoundedInBytes(t *testing.T) {
	w := newWorld(t)
	var people, members strings.Builder
	people.WriteString("username,email,title\n")
	members.WriteString("group,username\n")
	for i := range 40 {
		fmt.Fprintf(&people, "u%d,u@example.com,%s\n", i, strings.Repeat("x", 900<<10))
		fmt.Fprintf(&members, "%s,u%d\n", strings.Repeat("x", 900<<10), i)
	}
	for file, take := range map[string]func(context.Context, string, func() (io.ReadCloser, error), directory.ImportOptions) (directory.ImportReport, error){
		people.String(): w.Import, members.String(): w.ImportMemberships,
	} {
		var last, most int64
		report, err := take(t.Context(), w.env, source([]byte(file)), directory.ImportOptions{Progress: func(bytes, _ int64) {
			most, last = max(most, bytes-last), bytes
		}})
		if err != nil || report.Refused != 40 || report.Created != 0 {
			t.Errorf("%d refused, %d created: %v", report.Refused, report.Created, err)
		}
		if most > 10<<20 {
			t.Errorf("a batch of %d bytes", most)
		}
	}
}

// people is a file of n rows that is made while it is read.
type people struct {
	n, at int
	rest  []byte
}

func (p *people) Read(out []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.at > p.n {
			return 0, io.EOF
		}
		if p.rest = []byte("username,email,given,family,title,country,population,active,badge\n"); p.at > 0 {
			p.rest = fmt.Appendf(nil, "user%07d,user%07d@example.com,Given%d,Family%d,Engineer,DE,Default,true,B%d\n", p.at, p.at, p.at%997, p.at%1009, p.at)
		}
		p.at++
	}
	n := copy(out, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (*people) Close() error { return nil }

// nowhere is a store that keeps nothing, to measure the import alone.
type nowhere struct{ directory.Store }

func (nowhere) Environment(context.Context, string) (directory.Environment, error) {
	return directory.Environment{}, nil
}

func (nowhere) Populations(context.Context, string) ([]directory.Population, error) {
	return []directory.Population{{ID: "p", Name: "Default", Default: true}}, nil
}

func (nowhere) CustomAttributes(context.Context, string) ([]directory.Attribute, error) {
	return []directory.Attribute{{Name: "badge", Type: directory.TypeString, SchemaType: directory.SchemaCustom}}, nil
}
func (nowhere) Edit(_ context.Context, fn func(directory.Tx) error) error { return fn(nothing{}) }

type nothing struct{ directory.Tx }

func (nothing) UsersByUsername(context.Context, string, []string) (map[string]directory.User, error) {
	return nil, nil
}
func (nothing) InsertUsers(context.Context, []directory.User) error { return nil }
func (nothing) UpdateUsers(context.Context, []directory.User) error { return nil }
func (nothing) Append(context.Context, []directory.Activity) error  { return nil }

// BenchmarkImport measures rows a second, with SQLite and with a store that keeps nothing.
func BenchmarkImport(b *testing.B) {
	run := func(b *testing.B, s *directory.Service, env string) {
		b.Helper()
		b.ResetTimer()
		report, err := s.Import(b.Context(), env, func() (io.ReadCloser, error) { return &people{n: b.N}, nil }, directory.ImportOptions{})
		b.StopTimer()
		if err != nil || report.Created != int64(b.N) {
			b.Fatalf("%+v %v", report, err)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("alone", func(b *testing.B) { run(b, directory.NewService(nowhere{}, directory.Options{}), "e") })
	b.Run("sqlite", func(b *testing.B) {
		w := newWorld(b)
		w.attribute(b, directory.Attribute{Name: "badge"})
		run(b, w.Service, w.env)
	})
}
