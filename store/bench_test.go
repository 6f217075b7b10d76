package store_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"lockstep/directory"
	"lockstep/internal/secret"
	"lockstep/store"
)

// BenchmarkImport takes over people who are new; one operation is one person.
func BenchmarkImport(b *testing.B) {
	ring, err := secret.LoadRing(filepath.Join(b.TempDir(), "keys.json"))
	if err != nil {
		b.Fatal(err)
	}
	db, err := store.Open(b.Context(), store.Options{Path: filepath.Join(b.TempDir(), "lockstep.db"), Ring: ring})
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
	file.WriteString("username,email,given,family,title\n")
	for n := range b.N {
		fmt.Fprintf(&file, "user%d,user%d@example.com,Given,Family,Engineer\n", n, n)
	}
	b.ResetTimer()
	report, err := people.Import(b.Context(), env.ID, func() (io.ReadCloser, error) { return io.NopCloser(&file), nil }, directory.ImportOptions{})
	if err != nil || report.Created != int64(b.N) {
		b.Fatal(report, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "people/s")
}
