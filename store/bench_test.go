package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"lockstep/directory"
	"lockstep/internal/postgrestest"
	"lockstep/internal/secret"
	"lockstep/store"
)

// BenchmarkLargeNesting takes a group of 50,000 out of another, and puts it back: one operation is both.
func BenchmarkLargeNesting(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		benchmarkLargeNesting(b, store.Options{Path: filepath.Join(b.TempDir(), "lockstep.db")})
	})
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkLargeNesting(b, store.Options{PostgresURL: postgrestest.URL(b)}) })
}

func benchmarkLargeNesting(b *testing.B, o store.Options) {
	b.Helper()
	people, env := benchmarked(b, o)
	const many = 50_000
	var file bytes.Buffer
	file.WriteString("username,email,title\n")
	for n := range many {
		fmt.Fprintf(&file, "user%d,user%d@example.com,x\n", n, n)
	}
	report, err := people.Import(b.Context(), env, func() (io.ReadCloser, error) { return io.NopCloser(&file), nil }, directory.ImportOptions{})
	if err != nil || report.Created != many {
		b.Fatal(report, err)
	}
	group := func(name, filter string) string {
		g, err := people.CreateGroup(b.Context(), env, directory.Group{Name: name, UserFilter: filter})
		if err != nil {
			b.Fatal(err)
		}
		return g.ID
	}
	base, middle, top := group("Base", `title eq "x"`), group("Middle", ""), group("Top", "")
	if err := errors.Join(people.Nest(b.Context(), env, middle, top), people.Nest(b.Context(), env, base, middle)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := errors.Join(people.Unnest(b.Context(), env, base, middle), people.Nest(b.Context(), env, base, middle)); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarked opens a database with one environment.
func benchmarked(b *testing.B, o store.Options) (*directory.Service, string) {
	b.Helper()
	ring, err := secret.LoadRing(filepath.Join(b.TempDir(), "keys.json"))
	if err != nil {
		b.Fatal(err)
	}
	o.Ring = ring
	db, err := store.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	people := directory.NewService(db, directory.Options{})
	env, err := people.Setup(b.Context(), "Bench")
	if err != nil {
		b.Fatal(err)
	}
	return people, env.ID
}

// BenchmarkImport takes over people who are new; one operation is one person.
func BenchmarkImport(b *testing.B) {
	for _, name := range []string{"plain", "unique"} {
		b.Run("SQLite/"+name, func(b *testing.B) {
			benchmarkImport(b, store.Options{Path: filepath.Join(b.TempDir(), "lockstep.db")}, name == "unique")
		})
		b.Run("PostgreSQL/"+name, func(b *testing.B) {
			benchmarkImport(b, store.Options{PostgresURL: postgrestest.URL(b)}, name == "unique")
		})
	}
}

func benchmarkImport(b *testing.B, o store.Options, unique bool) {
	b.Helper()
	people, env := benchmarked(b, o)
	var file bytes.Buffer
	last := "title"
	if unique {
		last = "badge"
		if _, err := people.CreateAttribute(b.Context(), env, directory.Attribute{Name: last, Type: directory.TypeString, Unique: true}); err != nil {
			b.Fatal(err)
		}
	}
	file.WriteString("username,email,given,family," + last + "\n")
	for n := range b.N {
		fmt.Fprintf(&file, "user%d,user%d@example.com,Given,Family,Badge %d\n", n, n, n)
	}
	b.ResetTimer()
	report, err := people.Import(b.Context(), env, func() (io.ReadCloser, error) { return io.NopCloser(&file), nil }, directory.ImportOptions{})
	if err != nil || report.Created != int64(b.N) {
		b.Fatal(report, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "people/s")
}
