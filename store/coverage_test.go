package store_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"testing"

	"lockstep/directory"
	"lockstep/provision"
	"lockstep/store"
)

// TestEveryMethodRunsOnBoth: the conformance suite calls every method that speaks to the database, by name. The suite runs on
// both databases, so no statement is left that only one of them has ever read. A method without a context speaks to nobody.
func TestEveryMethodRunsOnBoth(t *testing.T) {
	called := calls(t, "storetest")
	for receiver, kinds := range map[string][]reflect.Type{
		"db": {reflect.TypeFor[*store.DB]()},
		"tx": {reflect.TypeFor[directory.Tx](), reflect.TypeFor[provision.Tx]()},
	} {
		for _, kind := range kinds {
			for m := range kind.Methods() {
				if takesContext(m.Type) && !called[receiver+"."+m.Name] {
					t.Errorf("store/storetest never calls %s.%s (%s): add a test of what it does, so that its SQL runs on SQLite and on PostgreSQL", receiver, m.Name, kind)
				}
			}
		}
	}
}

func takesContext(f reflect.Type) bool {
	for in := range f.Ins() {
		if in == reflect.TypeFor[context.Context]() {
			return true
		}
	}
	return false
}

// calls lists what the suite calls on a store (s.db.User, db.User) and in a transaction (tx.User), as "db.User" and "tx.User".
func calls(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	out := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch on := method.X.(type) {
			case *ast.Ident:
				out[on.Name+"."+method.Sel.Name] = true
			case *ast.SelectorExpr:
				out[on.Sel.Name+"."+method.Sel.Name] = true
			}
			return true
		})
	}
	return out
}
