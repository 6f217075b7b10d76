package access

import (
	_ "embed"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"lockstep/internal/secret"
)

//go:embed common.txt
var commonText string

// common are the passwords that whoever guesses tries first (NIST SP 800-63B-4 §3.1.1.2), a few hundred of those that are long enough to be
// taken, in lower case.
var common = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(commonText) {
		out[strings.TrimSpace(line)] = true
	}
	return out
})

// isCommon reports whether a password is one of the commonest, in whatever case, or one or two characters again and again.
func isCommon(password secret.Text) bool {
	text := strings.ToLower(norm.NFKC.String(strings.TrimSpace(password.Reveal())))
	different := map[rune]bool{}
	for _, r := range text {
		different[r] = true
	}
	return common()[text] || len(different) <= 2
}
