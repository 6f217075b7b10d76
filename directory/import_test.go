package directory_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newService(t testing.TB) (*directory.Service, string) {
	t.Helper()
	dir := t.TempDir()
	ring, err := secret.LoadRing(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "lockstep.db"), Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := directory.NewService(db, directory.Options{})
	env, err := s.Setup(t.Context(), "Test")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []directory.Attribute{
		{Name: "level", Type: directory.TypeInteger}, {Name: "skills", Type: directory.TypeString, MultiValued: true}, {Name: "badge", Type: directory.TypeString, Unique: true},
	} {
		if _, err := s.CreateAttribute(t.Context(), env.ID, a); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CreatePopulation(t.Context(), env.ID, directory.Population{Name: "Sales"}); err != nil {
		t.Fatal(err)
	}
	return s, env.ID
}

func source(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(data))), nil }
}

// TestImportGolden: "file" (and "again", another file after it) gives "report" and "people". Importing the last file once more
// changes nothing.
func TestImportGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			s, env := newService(t)
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			options := directory.ImportOptions{CreateAttributes: strings.Contains(string(archive.Comment), "--create-attributes")}
			var said strings.Builder
			var last []byte
			for _, f := range archive.Files {
				if f.Name == "file" || f.Name == "again" {
					last = []byte(strings.TrimSuffix(strings.ReplaceAll(string(f.Data), "<BOM>", "\ufeff"), "\n"))
					report, err := s.Import(t.Context(), env, source(last), options)
					describe(&said, &report, err)
				}
			}
			page, err := s.Users(t.Context(), env, directory.Query{})
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range page.Users {
				raw, _ := json.Marshal(u)
				fmt.Fprintf(&said, "%s <%s> enabled=%v %s %s\n", u.Username, u.Email, u.Enabled, u.PopulationName, raw)
			}
			if report, err := s.Import(t.Context(), env, source(last), options); err == nil && report.Created+report.Updated > 0 {
				t.Errorf("the same file again: %+v", report)
			}
			golden := &archive.Files[len(archive.Files)-1]
			if *update {
				golden.Data = []byte(said.String())
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(golden.Data), said.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func describe(w io.Writer, r *directory.ImportReport, err error) {
	if err != nil {
		fmt.Fprintln(w, "error:", err)
		return
	}
	fmt.Fprintf(w, "created %d, updated %d, unchanged %d, refused %d %v\n", r.Created, r.Updated, r.Unchanged, r.Refused, r.AttributesCreated)
	for _, refusal := range r.Refusals {
		fmt.Fprintf(w, "  line %d %s: %s\n", refusal.Line, refusal.Column, refusal.Message)
	}
}

func TestValidation(t *testing.T) {
	s, env := newService(t)
	for name, test := range map[string]struct {
		user   directory.User
		target string
	}{
		"no username":  {directory.User{Email: "a@b.c"}, "username"},
		"no address":   {directory.User{Username: "a"}, "email"},
		"bad address":  {directory.User{Username: "a", Email: "a b@c"}, "email"},
		"long phone":   {directory.User{Username: "a", Email: "a@b.c", PrimaryPhone: strings.Repeat("1", 33)}, "primaryPhone"},
		"wrong type":   {directory.User{Username: "a", Email: "a@b.c", Custom: map[string]any{"level": "three"}}, "level"},
		"undeclared":   {directory.User{Username: "a", Email: "a@b.c", Custom: map[string]any{"lvl2": 3.0}}, "lvl2"},
		"no such home": {directory.User{Username: "a", Email: "a@b.c", PopulationID: "00000000-0000-4000-8000-000000000000"}, "population.id"},
	} {
		_, err := s.CreateUser(t.Context(), env, test.user)
		if !problem.Is(err, problem.InvalidData) || !strings.Contains(err.Error(), test.target) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := s.CountUsers(t.Context(), env, ""); err != nil || n != 0 {
		t.Errorf("%d users were kept", n)
	}
}

func TestPopulations(t *testing.T) {
	s, env := newService(t)
	all, err := s.Populations(t.Context(), env)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if _, err := s.CreatePopulation(t.Context(), env, directory.Population{Name: "SALES"}); !problem.Is(err, problem.InvalidData) {
		t.Errorf("a name twice: %v", err)
	}
	u, err := s.CreateUser(t.Context(), env, directory.User{Username: "a", Email: "a@b.c", PopulationID: all[1].ID})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePopulation(t.Context(), env, all[1].ID); err == nil || !strings.Contains(err.Error(), "has 1 user;") {
		t.Errorf("one with users: %v", err)
	}
	if err := s.DeletePopulation(t.Context(), env, all[0].ID); err == nil {
		t.Error("the default population was deleted")
	}
	if err := s.DeleteUser(t.Context(), env, u.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePopulation(t.Context(), env, all[1].ID); err != nil {
		t.Error(err)
	}
}

func FuzzImport(f *testing.F) {
	for _, seed := range []string{"username,email\na,a@b.c\n", "username;email\n\"a", "\xff\xfe", "username\n\x00", "username,email\na,\"b\"c\n\"", "\n\nusername\temail\r\nx\ty", "username,email,level\na,a@b.c,x\na,a@b.c"} {
		f.Add([]byte(seed))
	}
	s, env := newService(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := s.Import(t.Context(), env, source(data), directory.ImportOptions{DryRun: true}); err != nil && problem.Is(err, problem.NotFound) {
			t.Fatal(err)
		}
	})
}
