package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestProgressOnTerminal: on a terminal an import draws how far it is. Elsewhere it prints its result and nothing else, as the
// stories show.
func TestProgressOnTerminal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link, file := filepath.Join(dir, "lockstep"), filepath.Join(dir, "people.csv")
	people := strings.Builder{}
	people.WriteString("username,email\n")
	for i := range 5000 {
		fmt.Fprintf(&people, "user%d,user%d@example.com\n", i, i)
	}
	if err := os.WriteFile(file, []byte(people.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	terminal, err := pty.StartWithSize(exec.CommandContext(t.Context(), link, "import", "--data", filepath.Join(dir, "data"), file), &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	drawn, _ := io.ReadAll(terminal) // Linux ends a terminal whose program is gone with an error
	for _, want := range []string{"importing ", "%", "created 5000, updated 0, unchanged 0, refused 0"} {
		if !strings.Contains(string(drawn), want) {
			t.Errorf("%q is not in what was drawn: %q", want, drawn)
		}
	}
}
