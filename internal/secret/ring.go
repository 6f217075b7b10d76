package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	sealPrefix = "v1"
	keyBytes   = 32 // AES-256
	keyIDBytes = 6
)

// ErrUnreadable says that a sealed value cannot be opened: its key is not in the ring, or it was altered, or it was moved to
// another place than it was sealed for.
var ErrUnreadable = errors.New("the stored secret cannot be read with the keys at hand; restore the key file, or enter the secret again")

// Ring encrypts secrets at rest with AES-256-GCM. The newest key seals, every key opens, so keys can be rotated.
type Ring struct {
	current string
	keys    map[string]cipher.AEAD
}

// ringFile is the key file: {"keys":[{"id":"…","key":"base64"}]}, oldest first.
type ringFile struct {
	Keys []ringKey `json:"keys"`
}

type ringKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"`
}

// LoadRing reads the key file at path, and makes one with a fresh key (mode 0600) when there is none.
func LoadRing(path string) (*Ring, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the key file
	if errors.Is(err, os.ErrNotExist) {
		if raw, err = createRing(path); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	return ParseRing(raw)
}

// ParseRing reads the contents of a key file.
func ParseRing(raw []byte) (*Ring, error) {
	var file ringFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, errors.New("the key file is not valid JSON; restore it from your backup")
	}
	r := &Ring{keys: map[string]cipher.AEAD{}}
	for _, k := range file.Keys {
		if len(k.Key) != keyBytes || k.ID == "" || strings.Contains(k.ID, ":") {
			return nil, fmt.Errorf("the key file holds a key that is not a %d-byte key with an id; restore it from your backup", keyBytes)
		}
		block, err := aes.NewCipher(k.Key)
		if err != nil {
			return nil, fmt.Errorf("use key: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("use key: %w", err)
		}
		r.keys[k.ID], r.current = aead, k.ID
	}
	if r.current == "" {
		return nil, errors.New("the key file holds no key; restore it from your backup")
	}
	return r, nil
}

// createRing writes a key file. Two processes that start at once end with one key: the loser reads what the winner linked.
func createRing(path string) ([]byte, error) {
	id, key := make([]byte, keyIDBytes), make([]byte, keyBytes)
	_, _ = rand.Read(id) // never fails: crypto/rand ends the process instead
	_, _ = rand.Read(key)
	raw, err := json.Marshal(ringFile{Keys: []ringKey{{ID: base64.RawURLEncoding.EncodeToString(id), Key: key}}})
	if err != nil {
		return nil, fmt.Errorf("encode key file: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // created with mode 0600
	if err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(raw)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, fmt.Errorf("write key file: %w", err)
	}
	if err := os.Link(tmp.Name(), path); errors.Is(err, os.ErrExist) {
		return os.ReadFile(path) //nolint:gosec // the operator names the key file
	} else if err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	return raw, nil
}

// Seal encrypts a secret for one place ("connection/<id>/OAUTH_ACCESS_TOKEN"). The result can be opened for that place only,
// so a ciphertext cannot be moved to another row.
func (r *Ring) Seal(t Text, place string) string {
	sealed := r.keys[r.current].Seal(nil, nil, []byte(t.value), []byte(place)) //nolint:gosec // the nonce is random: NewGCMWithRandomNonce
	return sealPrefix + ":" + r.current + ":" + base64.RawStdEncoding.EncodeToString(sealed)
}

// Open decrypts what Seal made for the same place. It answers ErrUnreadable, never a detail.
func (r *Ring) Open(sealed, place string) (Text, error) {
	parts := strings.SplitN(sealed, ":", 3)
	if len(parts) != 3 || parts[0] != sealPrefix {
		return Text{}, ErrUnreadable
	}
	key, ok := r.keys[parts[1]]
	if !ok {
		return Text{}, ErrUnreadable
	}
	raw, err := base64.RawStdEncoding.DecodeString(parts[2])
	if err != nil {
		return Text{}, ErrUnreadable
	}
	plain, err := key.Open(nil, nil, raw, []byte(place))
	if err != nil {
		return Text{}, ErrUnreadable
	}
	return Text{string(plain)}, nil
}
