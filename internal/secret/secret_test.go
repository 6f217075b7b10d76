package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockstep/internal/secret"
)

func TestTextCannotBeSeen(t *testing.T) {
	s := secret.New("marker")
	holder := struct {
		S secret.Text
		P *secret.Text
		M map[string]secret.Text

		s secret.Text // fmt asks no method of what is not exported
		p *secret.Text
		m map[string]secret.Text
		l []secret.Text
		a any
	}{s, &s, map[string]secret.Text{"k": s}, s, &s, map[string]secret.Text{"k": s}, []secret.Text{s}, s}
	var said bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&said, verb+verb, s, holder)
	}
	logger := slog.New(slog.NewJSONHandler(&said, nil))
	logger.Info("x", "s", s, "h", holder)
	raw, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	said.Write(raw)
	fmt.Fprint(&said, fmt.Errorf("wrapped %v", s))
	slog.New(slog.NewTextHandler(&said, nil)).Info("x", "h", holder, "p", &holder)
	if strings.Contains(said.String(), "marker") || strings.Contains(said.String(), "6d61726b6572") {
		t.Error(said.String())
	}
}

func TestTextIsAValue(t *testing.T) {
	t.Parallel()
	if a, b := secret.New("a"), secret.New("a"+strings.Repeat("", 2)); a != b || a == secret.New("b") || a.Reveal() != "a" || a.IsZero() {
		t.Error("what is equal differs, or the other way round")
	}
	if none := secret.New(""); none != (secret.Text{}) || !none.IsZero() || none.Reveal() != "" {
		t.Error("an empty secret is one")
	}
}

func TestRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	ring, err := secret.LoadRing(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	sealed := ring.Seal(secret.New("marker"), "here")
	again, err := secret.LoadRing(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := again.Open(sealed, "here"); err != nil || text.Reveal() != "marker" {
		t.Errorf("%v", err)
	}
	other, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (secret.Text, error){
		"moved":       func() (secret.Text, error) { return ring.Open(sealed, "there") },
		"altered":     func() (secret.Text, error) { return ring.Open(sealed[:len(sealed)-3]+"AAA", "here") },
		"another key": func() (secret.Text, error) { return other.Open(sealed, "here") },
		"rubbish":     func() (secret.Text, error) { return ring.Open("rubbish", "here") },
	} {
		if _, err := open(); !errors.Is(err, secret.ErrUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, broken := range []string{"", "{}", `{"keys":[{"id":"a","key":"AAAA"}]}`} {
		if _, err := secret.ParseRing([]byte(broken)); err == nil {
			t.Errorf("%q is a key file", broken)
		}
	}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	ring, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := secret.LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	code := ring.Stamp("a text")
	if !ring.Stamped("a text", code) {
		t.Error("the ring does not know its own stamp")
	}
	for name, known := range map[string]bool{
		"another text": ring.Stamped("another text", code), "another ring": other.Stamped("a text", code), "nothing": ring.Stamped("a text", ""),
		"another's stamp": ring.Stamped("a text", other.Stamp("a text")), "cut": ring.Stamped("a text", code[:len(code)-1]), "garbage": ring.Stamped("a text", "h1:x:y"),
	} {
		if known {
			t.Error(name)
		}
	}
	signature, public := ring.Sign("a text")
	_, others := other.Sign("a text")
	if !secret.Verify("a text", signature, public) || secret.Verify("another", signature, public) || secret.Verify("a text", signature, others) || secret.Verify("a text", "", "") {
		t.Error("the signature does not say who signed what")
	}
}
