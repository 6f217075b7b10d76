package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	sealPrefix  = "v1"
	stampPrefix = "h1"
	keyBytes    = 32 // AES-256
	keyIDBytes  = 6
)

// ErrUnreadable says that a sealed value cannot be opened: its key is not in the ring, or it was altered, or it was moved to
// another place than it was sealed for.
var ErrUnreadable = errors.New("the stored secret cannot be read with the keys at hand; restore the key file, or enter the secret again")

// Ring encrypts secrets at rest with AES-256-GCM. The newest key seals, every key opens, so keys can be rotated.
type Ring struct {
	current string
	keys    map[string]cipher.AEAD
	stamps  map[string][]byte // keys of Stamp, each derived from the one that seals
	signer  ed25519.PrivateKey
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
	r := &Ring{keys: map[string]cipher.AEAD{}, stamps: map[string][]byte{}}
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
		stamp, err := hkdf.Key(sha256.New, k.Key, nil, "lockstep stamp 1", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		seed, err := hkdf.Key(sha256.New, k.Key, nil, "lockstep signature 1", ed25519.SeedSize)
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		r.keys[k.ID], r.stamps[k.ID], r.current, r.signer = aead, stamp, k.ID, ed25519.NewKeyFromSeed(seed)
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
	sealed := r.keys[r.current].Seal(nil, nil, []byte(t.Reveal()), []byte(place)) //nolint:gosec // the nonce is random: NewGCMWithRandomNonce
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
	return New(string(plain)), nil
}

// Stamp answers a code for a text that nobody can make who has not the key file (HMAC-SHA256). It takes about a microsecond.
func (r *Ring) Stamp(text string) string { return r.stamp(r.current, text) }

// Stamped reports whether the code is one that this ring, with any of its keys, gave for the text.
func (r *Ring) Stamped(text, code string) bool {
	parts := strings.SplitN(code, ":", 3)
	return len(parts) == 3 && r.stamps[parts[1]] != nil && hmac.Equal([]byte(code), []byte(r.stamp(parts[1], text)))
}

func (r *Ring) stamp(key, text string) string {
	mac := hmac.New(sha256.New, r.stamps[key])
	_, _ = mac.Write([]byte(text)) // a hash never fails
	return stampPrefix + ":" + key + ":" + base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

// Sign signs a text so that anybody can check it with the public key (Ed25519), both in base64. The key is the newest one's.
func (r *Ring) Sign(text string) (signature, public string) {
	key, _ := r.signer.Public().(ed25519.PublicKey) // of an ed25519.PrivateKey it always is
	return base64.StdEncoding.EncodeToString(ed25519.Sign(r.signer, []byte(text))), base64.StdEncoding.EncodeToString(key)
}

// Verify reports whether a signature is by the owner of the public key.
func Verify(text, signature, public string) bool {
	key, err := base64.StdEncoding.DecodeString(public)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && ed25519.Verify(key, []byte(text), raw)
}
