package store_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"lockstep/internal/postgrestest"
	"lockstep/internal/secret"
	"lockstep/store"
	"lockstep/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

func open(t *testing.T, o store.Options) *store.DB {
	t.Helper()
	ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	o.Ring = ring
	db, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) *store.DB {
		t.Helper()
		return open(t, store.Options{Path: filepath.Join(t.TempDir(), "lockstep.db")})
	})
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) *store.DB {
		t.Helper()
		return open(t, store.Options{PostgresURL: postgrestest.URL(t)})
	})
}
