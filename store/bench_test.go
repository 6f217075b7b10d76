package store_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"lockstep/directory"
	"lockstep/internal/postgrestest"
	"lockstep/internal/secret"
	"lockstep/store"
)

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
	ring, err := secret.LoadRing(filepath.Join(b.TempDir(), "keys.json"))
	if err != nil {
		b.Fatal(err)
	}
	o.Ring = ring
	db, err := store.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	people := directory.NewService(db, directory.Options{})
	env, err := people.Setup(b.Context(), "Bench")
	if err != nil {
		b.Fatal(err)
	}
	var file bytes.Buffer
	last := "title"
	if unique {
		last = "badge"
		if _, err := people.CreateAttribute(b.Context(), env.ID, directory.Attribute{Name: last, Type: directory.TypeString, Unique: true}); err != nil {
			b.Fatal(err)
		}
	}
	file.WriteString("username,email,given,family," + last + "\n")
	for n := range b.N {
		fmt.Fprintf(&file, "user%d,user%d@example.com,Given,Family,Badge %d\n", n, n, n)
	}
	b.ResetTimer()
	report, err := people.Import(b.Context(), env.ID, func() (io.ReadCloser, error) { return io.NopCloser(&file), nil }, directory.ImportOptions{})
	if err != nil || report.Created != int64(b.N) {
		b.Fatal(report, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "people/s")
}
