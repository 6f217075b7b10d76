package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestVariables: a server and a sandbox on one machine must not take the same address because of one variable.
func TestVariables(t *testing.T) {
	for command, want := range map[string]string{"serve": "$LOCKSTEP_LISTEN", "demo": "$LOCKSTEP_LISTEN", "sandbox slack": "$LOCKSTEP_SANDBOX_LISTEN"} {
		var out bytes.Buffer
		if code := run(append(strings.Fields(command), "--help"), stdio{&out, &out}); code != 0 || !strings.Contains(out.String(), "("+want+")") {
			t.Errorf("%s does not name %s:\n%s", command, want, &out)
		}
		if command == "sandbox slack" && strings.Contains(out.String(), "$LOCKSTEP_LISTEN") {
			t.Errorf("%s", &out)
		}
	}
}
