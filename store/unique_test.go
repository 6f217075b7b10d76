package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"lockstep/directory"
	"lockstep/internal/postgrestest"
	"lockstep/internal/secret"
)

// The index of unique values is filled with what is there. Two who hold one value from before are both found out about, and both
// can still be edited.
func TestFillUnique(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"SQLite": {Path: filepath.Join(t.TempDir(), "lockstep.db")}, "PostgreSQL": {PostgresURL: postgrestest.URL(t)}} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
			must(t, err)
			o.Ring = ring
			db, err := Open(ctx, o)
			must(t, err)
			t.Cleanup(func() { must(t, db.Close()) })
			people := directory.NewService(db, directory.Options{})
			env, err := people.Setup(ctx, "Test")
			must(t, err)
			badge, err := people.CreateAttribute(ctx, env.ID, directory.Attribute{Name: "badge", Type: directory.TypeString, Unique: true})
			must(t, err)
			first, err := people.CreateUser(ctx, env.ID, directory.User{Username: "first", Email: "u@x.y", Custom: map[string]any{"badge": "1"}})
			must(t, err)
			second, err := people.CreateUser(ctx, env.ID, directory.User{Username: "second", Email: "u@x.y", Custom: map[string]any{"badge": "2"}})
			must(t, err)
			_, err = db.write.ExecContext(ctx, `UPDATE users SET attrs = (SELECT attrs FROM users o WHERE o.id = $1) WHERE id = $2`, first.ID, second.ID)
			must(t, err)
			_, err = db.write.ExecContext(ctx, `DELETE FROM unique_values`)
			must(t, err)
			must(t, db.transact(ctx, func(t *tx) error { return db.fillUnique(ctx, t.Tx) }))
			must(t, db.Edit(ctx, func(tx directory.Tx) error {
				holders, err := tx.Holders(ctx, badge, []any{"1", "2"})
				if holders[0] != first.ID || holders[1] != "" {
					t.Errorf("found %v", holders)
				}
				return err
			}))
			for _, id := range []string{first.ID, second.ID} {
				_, err := people.SetEnabled(ctx, env.ID, id, true)
				must(t, err)
			}
			_, err = people.UpdateUser(ctx, env.ID, second.ID, func(u *directory.User) error { u.Custom["badge"] = "3"; return nil })
			must(t, err)
			if n := count(ctx, t, db.read.DB); n != 2 {
				t.Errorf("%d entries of 2 values", n)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func count(ctx context.Context, t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	must(t, db.QueryRowContext(ctx, `SELECT count(*) FROM unique_values`).Scan(&n))
	return n
}
