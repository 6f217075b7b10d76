// Package lockstep_test guards the architecture: which package may know which, and the house rules that a machine can see.
//
// A failure says what is wrong, why it is wrong here, and what to do instead. Packages that do not exist yet break no rule.
package lockstep_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module  = "lockstep/"
	longest = 600 // lines of a file
)

// rule: the packages, with all below them, reach none of the imports, neither directly nor through other packages of the module.
// An import of ours stands for all below it too; one that ends in a slash stands only for what is below it.
type rule struct {
	packages, never []string
	why, instead    string
	direct          bool // only what the package itself imports counts: the services beside its words need more than it does
}

var (
	pure   = []string{"filter", "scope", "mapping", "plan"}
	domain = append([]string{"directory", "provision", "access", "audit", "alert"}, pure...)
)

// rules follow the dependency direction: cmd -> doors -> services; engine -> stages, port; connectors -> port; store -> domain.
var rules = []rule{
	{
		domain, []string{"net/http", "database/sql", "log/slog", "os", "github.com/jackc/pgx", "modernc.org/sqlite", "github.com/riverqueue/river"},
		"the domain and the stages know no technology", "answer a value or an error, and let the engine, the store or a door act on it", false,
	},
	{
		domain, []string{module + "connector", module + "scim", module + "sandbox", module + "store", module + "engine", module + "schedule", module + "api", module + "console"},
		"the domain and the stages know no target and nobody who calls them", "say what is needed as an interface or a value of provision", false,
	},
	{
		pure, []string{"context", "crypto/rand", "math/rand", "math/rand/v2", "net", module + "access"},
		"a stage gives the same answer for the same input", "pass in what it needs", true,
	},
	{
		[]string{"directory"}, []string{module + "provision", module + "access", module + "audit", module + "alert"},
		"who exists does not depend on what follows from it", "put what concerns both into provision", false,
	},
	{
		[]string{"store"}, []string{"net/http", module + "engine", module + "connector", module + "scim", module + "schedule", module + "api", module + "console", module + "sandbox"},
		"the store keeps things and decides nothing", "decide in a service or a stage, and hand the store the result", false,
	},
	{
		[]string{"connector", "scim"},
		[]string{"database/sql", "log/slog", module + "store", module + "engine", module + "schedule", module + "access", module + "api", module + "console", module + "sandbox"},
		"a connector translates and classifies; the engine decides, remembers and logs", "answer a provision.Fault that says what happened", false,
	},
	{
		[]string{"sandbox"},
		[]string{module + "connector", module + "scim", module + "provision", module + "directory", module + "engine", module + "store", module + "api"},
		"a simulated target shares no code with what is tested on it, so that neither hides the other's mistakes", "write it from the vendor's documentation", false,
	},
	{
		[]string{"engine"},
		[]string{"database/sql", module + "connector/", module + "scim", module + "store", module + "schedule", module + "access", module + "api", module + "console", module + "sandbox"},
		"the engine knows the port, not a target, and an interface, not the store", "make it a capability of connector.Target, or a method of engine.Store", false,
	},
	{
		[]string{"grant"},
		[]string{"database/sql", module + "connector/", module + "scim", module + "store", module + "engine", module + "schedule", module + "access", module + "api", module + "console", module + "sandbox"},
		"what gets tokens knows the port, not a target, and an interface, not the store", "make it a capability of connector.Type, or a method of grant.Store", false,
	},
	{
		[]string{"messenger"}, []string{"database/sql", module + "store", module + "engine", module + "connector", module + "schedule", module + "api", module + "console", module + "sandbox"},
		"a messenger hands over what it is given", "decide in alert, and give it the delivery", false,
	},
	{
		[]string{"schedule"}, []string{module + "store", module + "engine", module + "connector", module + "scim", module + "api", module + "console", module + "sandbox"},
		"the schedule says when, not what", "say what it calls as an interface of its own; cmd wires it", false,
	},
	{
		[]string{"api", "console"}, []string{"database/sql", module + "store", module + "engine", module + "connector", module + "scim/client", module + "schedule", module + "sandbox"},
		"a door reads, asks a service and answers", "say what it needs as an interface; cmd wires it", false,
	},
	{
		[]string{"internal"},
		[]string{
			module + "directory", module + "provision", module + "access", module + "audit", module + "alert", module + "filter", module + "scope", module + "mapping", module + "plan", module + "connector",
			module + "scim", module + "engine", module + "store", module + "schedule", module + "api", module + "console", module + "sandbox",
		},
		"what is internal has no domain word in it", "move it to the package whose word it uses", false,
	},
}

// passages are ways that rules do not follow, each with its reason.
var passages = map[[2]string]string{
	{"internal/secret", "os"}:       "its Ring reads the key file; the domain only holds Text, which cannot be printed",
	{"internal/secret", "log/slog"}: "Text redacts itself in logs",
}

// noTargets are the folders of connector/ that are no targets.
var noTargets = []string{"all", "connectortest"}

func TestImports(t *testing.T) {
	imports := importsOf(t, sources(t))
	used := map[[2]string]bool{}
	for _, r := range rules {
		for _, folder := range slices.Sorted(maps.Keys(imports)) {
			if folder == "connector/all" || !slices.ContainsFunc(r.packages, func(p string) bool { return within(folder, p) }) {
				continue
			}
			graph := imports
			if r.direct {
				graph = map[string][]string{folder: imports[folder]}
			}
			for _, bad := range r.never {
				if way := reach(graph, folder, bad, used, map[string]bool{}); way != nil {
					t.Errorf("%s: %s.\n\tInstead: %s.", strings.Join(way, " -> "), r.why, r.instead)
				}
			}
		}
	}
	for passage, why := range passages {
		if _, exists := imports[passage[0]]; exists && !used[passage] {
			t.Errorf("the passage %s -> %s (%s) is used by nobody: remove it from the table", passage[0], passage[1], why)
		}
	}
}

// TestTargets: a target knows no other target, and only connector/all, which cmd wires, knows them all.
func TestTargets(t *testing.T) {
	imports := importsOf(t, sources(t))
	for _, folder := range slices.Sorted(maps.Keys(imports)) {
		for _, name := range imports[folder] {
			other, ours := strings.CutPrefix(name, module+"connector/")
			other, _, _ = strings.Cut(other, "/")
			switch {
			case !ours || folder == "connector/all" || within(folder, "connector/"+other):
			case other == "all" && within(folder, "cmd"):
			case other == "connectortest":
				t.Errorf("%s -> %s: the conformance suite is for tests.\n\tInstead: import it in a _test.go file.", folder, name)
			default:
				t.Errorf("%s -> %s: nobody knows a target but connector/all, and only cmd knows that.\n\tInstead: use connector.Target; what two targets share goes into scim or scim/client.", folder, name)
			}
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(imports)) {
		name, ours := strings.CutPrefix(folder, "connector/")
		if ours && !strings.Contains(name, "/") && !slices.Contains(noTargets, name) && imports["connector/all"] != nil && !slices.Contains(imports["connector/all"], module+folder) {
			t.Errorf("%s: no Lockstep can use it.\n\tInstead: add it to the list in connector/all.", folder)
		}
	}
}

// TestReach: the guard itself catches what it is to catch.
func TestReach(t *testing.T) {
	t.Parallel()
	imports := map[string][]string{
		"plan":            {"fmt", module + "provision"},
		"provision":       {module + "internal/secret", module + "internal/web"},
		"internal/secret": {"os"},
		"internal/web":    {"net/http"},
		"engine":          {module + "connector", module + "plan"},
		"connector":       {"context"},
		"store":           {"modernc.org/sqlite/lib"},
		"loop":            {module + "loop/back"},
		"loop/back":       {module + "loop"},
	}
	for _, c := range []struct{ folder, bad, want string }{
		{"plan", "fmt", "plan -> fmt"},
		{"plan", "net/http", "plan -> lockstep/provision -> lockstep/internal/web -> net/http"},
		{"plan", "net", ""},
		{"plan", "os", ""}, // by a passage
		{"engine", module + "connector", "engine -> lockstep/connector"},
		{"engine", module + "connector/", ""},
		{"engine", module + "store", ""},
		{"store", "modernc.org/sqlite", "store -> modernc.org/sqlite/lib"},
		{"loop", "os", ""},
		{"absent", "os", ""},
	} {
		if got := strings.Join(reach(imports, c.folder, c.bad, map[[2]string]bool{}, map[string]bool{}), " -> "); got != c.want {
			t.Errorf("%s must not reach %s: found %q, want %q", c.folder, c.bad, got, c.want)
		}
	}
}

// reach answers how a package comes to import what is forbidden; nil: it does not.
func reach(imports map[string][]string, folder, bad string, used map[[2]string]bool, seen map[string]bool) []string {
	seen[folder] = true
	for _, name := range imports[folder] {
		if name == bad || below(name, bad) {
			if _, ok := passages[[2]string{folder, name}]; ok {
				used[[2]string{folder, name}] = true
				continue
			}
			return []string{folder, name}
		}
		next, ours := strings.CutPrefix(name, module)
		if !ours || seen[next] {
			continue
		}
		if way := reach(imports, next, bad, used, seen); way != nil {
			way[0] = name
			return append([]string{folder}, way...)
		}
	}
	return nil
}

// below: of the standard library each package is named by itself, as net/netip is no net.
func below(name, bad string) bool {
	first, _, _ := strings.Cut(bad, "/")
	named := strings.Contains(first, ".") || strings.HasPrefix(bad, module)
	return named && strings.HasPrefix(name, strings.TrimSuffix(bad, "/")+"/")
}

func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

// source is one Go file of the module.
type source struct {
	path, folder string
	raw          []byte
	file         *ast.File
	set          *token.FileSet
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// suite: a package of tests that others call.
func (s source) suite() bool { return s.test() || strings.HasSuffix(s.folder, "test") }

func (s source) line(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.set.Position(n.Pos()).Line)
}

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && name != "."
		if d.IsDir() && (hidden || slices.Contains([]string{"node_modules", "testdata", "vendor"}, d.Name())) {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		s := source{path: filepath.ToSlash(name), set: token.NewFileSet()}
		s.folder = path.Dir(s.path)
		if s.raw, err = os.ReadFile(name); err != nil {
			return err
		}
		s.file, err = parser.ParseFile(s.set, s.path, s.raw, parser.ParseComments|parser.SkipObjectResolution)
		out = append(out, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("only %d Go files were found: this test must run in the root of the module", len(out))
	}
	return out
}

// importsOf lists what each package imports; tests may import what they like.
func importsOf(t *testing.T, files []source) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, s := range files {
		if s.test() {
			continue
		}
		for _, i := range s.file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(out[s.folder], name) {
				out[s.folder] = append(out[s.folder], name)
			}
		}
	}
	return out
}

// TestPackages: each says what it is for, and is named after what it holds.
func TestPackages(t *testing.T) {
	banned := []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "types", "misc", "base", "shared", "lib"}
	commented := map[string]bool{}
	for _, s := range sources(t) {
		commented[s.folder] = commented[s.folder] || s.file.Doc != nil
		for _, name := range append(strings.Split(s.folder, "/"), s.file.Name.Name) {
			if slices.Contains(banned, name) {
				t.Errorf("%s: %q says nothing about what is inside.\n\tInstead: name the package after what it holds.", s.path, name)
			}
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(commented)) {
		if !commented[folder] {
			t.Errorf("%s has no package comment: nobody can know what belongs there.\n\tInstead: say in a sentence what it is for, above the package clause of one file.", folder)
		}
	}
}

// TestFiles: what no file of the house does.
func TestFiles(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.raw, []byte("\n")); n > longest && !s.suite() && !ast.IsGenerated(s.file) {
			t.Errorf("%s has %d lines, more than %d: it is hardly one thing.\n\tInstead: give each thing its own file.", s.path, n, longest)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: an init function acts at a distance.\n\tInstead: make an explicit list or a constructor, and call it from cmd.", s.line(d))
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				checkSelector(t, s, selector)
			}
			return true
		})
	}
}

// checkSelector looks at x.Name, called or passed on.
func checkSelector(t *testing.T, s source, selector *ast.SelectorExpr) {
	t.Helper()
	x, ok := selector.X.(*ast.Ident)
	if !ok {
		return
	}
	stage := slices.ContainsFunc(pure, func(p string) bool { return within(s.folder, p) })
	name := selector.Sel.Name
	switch {
	case x.Name == "time" && name == "Sleep":
		t.Errorf("%s sleeps: too short on a busy machine, too long everywhere else.\n\tInstead: wait for what is waited for: a channel, a status, testing/synctest.", s.line(selector))
	case x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, name) && stage && !s.test():
		t.Errorf("%s looks at the clock: a stage gives the same answer for the same input.\n\tInstead: pass the time in.", s.line(selector))
	case s.suite() && slices.Contains([]string{"t", "tb", "b", "f"}, x.Name) && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, name):
		t.Errorf("%s skips a test: a suite that skips is green for the wrong reason.\n\tInstead: have `make setup` install what it needs, or remove it.", s.line(selector))
	}
}
