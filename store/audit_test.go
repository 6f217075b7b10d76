package store

import (
	"path/filepath"
	"testing"

	"lockstep/audit"
	"lockstep/directory"
	"lockstep/internal/postgrestest"
	"lockstep/internal/secret"
)

// TestChainOld: the lines of a database from before there was a chain are chained when it is brought up to date.
func TestChainOld(t *testing.T) {
	ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"SQLite": {Path: filepath.Join(t.TempDir(), "lockstep.db"), Ring: ring}, "PostgreSQL": {PostgresURL: postgrestest.URL(t), Ring: ring},
	} {
		db, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(name, err)
		}
		people := directory.NewService(db, directory.Options{})
		env, err := people.Setup(t.Context(), "Old")
		if err != nil {
			t.Fatal(name, err)
		}
		for range 230 { // more than are chained at once
			if _, err := people.CreatePopulation(t.Context(), env.ID, directory.Population{Name: newID()}); err != nil {
				t.Fatal(name, err)
			}
		}
		undo := []string{`DROP TRIGGER activities_stay`}
		if db.postgres {
			undo = []string{`ALTER TABLE activities DISABLE TRIGGER USER`}
		}
		for _, query := range append(undo, `UPDATE activities SET hash = ''`, `UPDATE environments SET chain = '', seal = ''`) {
			if _, err := db.write.ExecContext(t.Context(), query); err != nil {
				t.Fatal(name, query, err)
			}
		}
		migration, err := db.write.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := db.chainOld(t.Context(), migration); err != nil {
			t.Fatal(name, err)
		}
		if err := migration.Commit(); err != nil {
			t.Fatal(name, err)
		}
		if _, err := people.CreatePopulation(t.Context(), env.ID, directory.Population{Name: "after"}); err != nil {
			t.Fatal(name, err)
		}
		report, err := audit.Verify(t.Context(), db, env.ID, nil, nil)
		if err != nil || !report.Whole || report.Lines < 232 {
			t.Fatalf("%s: %+v %+v %v", name, report, report.Fault, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(name, err)
		}
	}
}
