// Package lockstep_test guards the architecture: which package may know which, and a few house rules that a machine can see.
package lockstep_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rules: packages (with all below them) must not import what begins with one of the paths, directly or through others of ours.
var rules = []struct {
	packages, forbidden []string
	why                 string
}{
	{[]string{"directory", "provision", "filter", "scope", "mapping", "plan"}, []string{"net/http", "database/sql", "log/slog", "lockstep/connector/", "lockstep/store", "lockstep/engine"},
		"the domain and the pure stages know no technology and no target: put I/O into the engine, the store or a connector"},
	{[]string{"filter", "scope", "mapping", "plan"}, []string{"os", "time.Now", "math/rand"}, "the pure stages give the same answer for the same input: pass in what they need"},
	{[]string{"store"}, []string{"lockstep/engine", "lockstep/connector", "net/http", "lockstep/api"}, "the store keeps things and decides nothing"},
	{[]string{"connector"}, []string{"lockstep/store", "lockstep/engine", "lockstep/api", "lockstep/sandbox", "log/slog", "database/sql"},
		"connectors translate and classify; the engine decides, and the sandbox must not share their mistakes"},
	{[]string{"sandbox"}, []string{"lockstep/connector", "lockstep/scim", "lockstep/provision", "lockstep/directory"}, "the simulated target shares no code with the connector that is tested on it"},
	{[]string{"engine"}, []string{"lockstep/api", "lockstep/store", "lockstep/connector/", "database/sql", "lockstep/schedule"}, "the engine knows the port, not a target, and an interface, not the store"},
	{[]string{"api"}, []string{"lockstep/store", "lockstep/engine", "lockstep/connector", "database/sql"}, "the API is a door to the services: what it needs it says as an interface"},
	{[]string{"internal"}, []string{"lockstep/directory", "lockstep/provision", "lockstep/engine"}, "internal packages have no domain word in them"},
}

// imports of every package, without tests.
func packages(t *testing.T) (imports map[string][]string, files map[string][]string) {
	t.Helper()
	imports, files = map[string][]string{}, map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		files[folder] = append(files[folder], path)
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			if !slices.Contains(imports[folder], name) {
				imports[folder] = append(imports[folder], name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports, files
}

func TestImports(t *testing.T) {
	imports, _ := packages(t)
	for _, rule := range rules {
		for folder := range imports {
			if !slices.ContainsFunc(rule.packages, func(p string) bool { return folder == p || strings.HasPrefix(folder, p+"/") }) || strings.HasSuffix(folder, "/all") || strings.HasSuffix(folder, "test") {
				continue
			}
			for _, bad := range rule.forbidden {
				if way := reaches(imports, folder, bad, map[string]bool{}); way != nil {
					t.Errorf("%s must not reach %s (%s): %s", folder, bad, strings.Join(way, " -> "), rule.why)
				}
			}
		}
	}
}

// reaches answers how a package comes to import what is forbidden.
func reaches(imports map[string][]string, folder, bad string, seen map[string]bool) []string {
	seen[folder] = true
	for _, name := range imports[folder] {
		if name == bad || strings.HasSuffix(bad, "/") && strings.HasPrefix(name, bad) || strings.HasPrefix(name, bad+"/") && strings.HasPrefix(bad, "lockstep/") {
			return []string{folder, name}
		}
		next, ours := strings.CutPrefix(name, "lockstep/")
		if ours && !seen[next] && !strings.HasPrefix(next, "internal/") { // tools without a domain answer for themselves
			if way := reaches(imports, next, bad, seen); way != nil {
				return append([]string{folder}, way...)
			}
		}
	}
	return nil
}

func TestHouse(t *testing.T) {
	_, files := packages(t)
	banned := []string{"util", "utils", "common", "helper", "helpers", "manager", "types", "misc", "base"}
	for folder, paths := range files {
		if slices.Contains(banned, filepath.Base(folder)) {
			t.Errorf("%s: name the package after what it holds", folder)
		}
		commented := false
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, raw, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			commented = commented || file.Doc != nil
			inspect(t, path, raw, file)
		}
		if !commented {
			t.Errorf("%s has no package comment: say what it is for", folder)
		}
	}
}

const longest = 600

func inspect(t *testing.T, path string, raw []byte, file *ast.File) {
	t.Helper()
	test := strings.HasSuffix(path, "_test.go")
	if n := bytes.Count(raw, []byte("\n")); n > longest && !test {
		t.Errorf("%s has %d lines: is it one thing?", path, n)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
			t.Errorf("%s has an init function: list things explicitly", path)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, _ := selector.X.(*ast.Ident)
		switch {
		case x == nil:
		case x.Name == "time" && selector.Sel.Name == "Sleep":
			t.Errorf("%s sleeps: wait for what is waited for", path)
		case test && (selector.Sel.Name == "Skip" || selector.Sel.Name == "Skipf") && (x.Name == "t" || x.Name == "b"):
			t.Errorf("%s skips a test: run it, or remove it", path)
		}
		return true
	})
}
