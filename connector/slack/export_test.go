package slack

import "lockstep/provision"

// Codes lists the codes that the connector knows.
func Codes() map[string]provision.FaultKind {
	out := map[string]provision.FaultKind{}
	for code, m := range meanings {
		out[code] = m.kind
	}
	return out
}

// Says answers a code's sentence and its next step.
func Says(code string) (message, hint string) { return meanings[code].message, meanings[code].hint }
