package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"lockstep/internal/secret"
)

// Argon2id's cost: above OWASP's recommendation (19 MiB, two passes), and about a tenth of a second.
const (
	argonMemory  = 64 << 10 // KiB
	argonPasses  = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
	// atOnce bounds how much memory sign-ins can take, whoever asks.
	atOnce = 2
)

// passwords hashes and checks passwords, few at a time. Hashes are in the PHC string format, so that a later cost reads older ones.
type passwords struct {
	turn  chan struct{}
	empty func() string
}

func newPasswords() *passwords {
	p := &passwords{turn: make(chan struct{}, atOnce)}
	p.empty = sync.OnceValue(func() string { return encode(make([]byte, argonSalt), make([]byte, argonKey)) })
	return p
}

func (p *passwords) hash(password secret.Text) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	return encode(salt, argon2.IDKey(plain(password), salt, argonPasses, argonMemory, argonThreads, argonKey)), nil
}

// plain is the password as bytes: composed, so that every keyboard writes the same one.
func plain(password secret.Text) []byte { return norm.NFKC.Bytes([]byte(password.Reveal())) }

func encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonThreads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// nobody is a hash that no password has.
func (p *passwords) nobody() string { return p.empty() }

var errHash = errors.New("a kept password hash cannot be read")

func (p *passwords) verify(ctx context.Context, encoded string, password secret.Text) (bool, error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, errHash
	}
	var memory, passes uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || memory > 1<<20 || passes == 0 || passes > 64 || threads == 0 {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	key, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(key) == 0 {
		return false, errHash
	}
	if len(password.Reveal()) > 4*maxPassword {
		return false, nil
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-p.turn }()
	got := argon2.IDKey(plain(password), salt, passes, memory, threads, uint32(len(key))) //nolint:gosec // 32 bytes
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}
