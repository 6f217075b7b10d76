package directory

import "strings"

// Fold is how names are compared where case does not matter: usernames, e-mail addresses, population names.
func Fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
