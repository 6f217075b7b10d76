package messenger

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"lockstep/alert"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
)

func messenger(private bool) *Messenger {
	return New(outbound.Client(private, 5*time.Second), outbound.Dialer(private))
}

func delivery(channel alert.Channel) *alert.Delivery {
	at := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	return &alert.Delivery{ID: "01-delivery", EnvironmentID: "env", Channel: channel, CreatedAt: at, Notices: []alert.Notice{
		{Event: alert.Began, Alert: alert.Alert{ID: "a", ConnectionID: "c", ConnectionName: "Zürich\r\nBcc: x@example.com", Condition: alert.Halted, Since: at, Message: "the token was revoked", Hint: "enter a new one"}},
	}}
}

func TestWebhook(t *testing.T) {
	key := alert.NewKey()
	hook, err := standardwebhooks.NewWebhook(key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusTemporaryRedirect)
		case "/fails":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			if err := hook.Verify(body, r.Header); err != nil {
				t.Error(err)
			}
			got = body
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	defer receiver.Close()
	send := func(private bool, path string) error {
		return messenger(private).Send(t.Context(), &alert.Settings{Webhook: alert.Webhook{URL: receiver.URL + path, Key: key}}, delivery(alert.ByWebhook))
	}
	if err := send(true, "/?token=not-to-be-told"); err != nil || !strings.Contains(string(got), `"condition":"HALTED"`) || !strings.Contains(string(got), `"event":"BEGAN"`) {
		t.Errorf("%s %v", got, err)
	}
	for path, want := range map[string]string{"/fails": "answered 503", "/redirect": "redirects"} {
		if err := send(true, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := send(false, "/?token=not-to-be-told"); !errors.Is(err, outbound.ErrPrivateAddress) || strings.Contains(err.Error(), "not-to-be-told") {
		t.Errorf("a private address was called: %v", err)
	}
	receiver.Close()
	if err := send(true, "/?token=not-to-be-told"); err == nil || strings.Contains(err.Error(), "not-to-be-told") {
		t.Errorf("%v", err)
	}
}

// mailbox is a real mail server.
type mailbox struct {
	mu       sync.Mutex
	messages []string
	to       []string
	refuse   bool
	password string
}

func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: b}, nil }

type mailSession struct {
	box    *mailbox
	signed bool
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "lockstep" || password != s.box.password {
			return smtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}), nil
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if s.box.password != "" && !s.signed {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.refuse {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such person: " + to}
	}
	s.box.to = append(s.box.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.messages = append(s.box.messages, string(raw))
	return err
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pool
}

func (b *mailbox) listen(t *testing.T, config *tls.Config, implicit bool) int {
	t.Helper()
	server := smtp.NewServer(b)
	server.TLSConfig, server.Domain, server.AllowInsecureAuth = config, "127.0.0.1", false
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
	if implicit {
		listener = tls.NewListener(listener, config)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return port
}

func TestMail(t *testing.T) {
	pair, pool := certificate(t)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	for name, c := range map[string]struct {
		tls      string
		config   *tls.Config
		password string
		given    string
		refuse   bool
		trust    bool
		wrong    string
	}{
		"plain":               {tls: alert.NoTLS},
		"starttls":            {tls: alert.StartTLS, config: config, trust: true, password: "hush", given: "hush"},
		"implicit":            {tls: alert.ImplicitTLS, config: config, trust: true, password: "hush", given: "hush"},
		"no starttls offered": {tls: alert.StartTLS, given: "hush", wrong: "could not be reached"},
		"unknown certificate": {tls: alert.StartTLS, config: config, wrong: "certificate"},
		"wrong password":      {tls: alert.StartTLS, config: config, trust: true, password: "hush", given: "marker-password", wrong: "535"},
		"refused recipient":   {tls: alert.NoTLS, refuse: true, wrong: "550"},
	} {
		t.Run(name, func(t *testing.T) {
			box := &mailbox{password: c.password, refuse: c.refuse}
			e := alert.Email{Host: "127.0.0.1", Port: box.listen(t, c.config, c.tls == alert.ImplicitTLS), TLS: c.tls, From: "Lockstep <lockstep@example.com>", To: []string{"ann@example.com", "bob@example.com"}}
			if c.given != "" {
				e.Username, e.Password = "lockstep", secret.New(c.given)
			}
			m := messenger(true)
			if c.trust {
				m.roots = &tls.Config{RootCAs: pool}
			}
			err := m.Send(t.Context(), &alert.Settings{Email: e}, delivery(alert.ByEmail))
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "marker-password") || strings.Contains(err.Error(), "ann@") {
					t.Errorf("%v", err)
				}
				if len(box.messages) != 0 {
					t.Error("something was sent all the same")
				}
				return
			}
			if err != nil || len(box.messages) != 1 || len(box.to) != 2 {
				t.Fatalf("%v, %d messages to %v", err, len(box.messages), box.to)
			}
			head, text, _ := strings.Cut(box.messages[0], "\r\n\r\n")
			if !strings.Contains(head, "Message-ID: <01-delivery@") || !strings.Contains(head, "Auto-Submitted: auto-generated") || strings.Contains(head, "\r\nBcc:") || !strings.Contains(text, "the token was revoked") {
				t.Error(box.messages[0])
			}
		})
	}
	t.Run("private address", func(t *testing.T) {
		box := &mailbox{}
		e := alert.Email{Host: "127.0.0.1", Port: box.listen(t, nil, false), TLS: alert.NoTLS, From: "a@example.com", To: []string{"b@example.com"}}
		if err := messenger(false).Send(t.Context(), &alert.Settings{Email: e}, delivery(alert.ByEmail)); !errors.Is(err, outbound.ErrPrivateAddress) {
			t.Error(err)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		var listen net.ListenConfig
		silent, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		e := alert.Email{Host: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port, TLS: alert.NoTLS, From: "a@example.com", To: []string{"b@example.com"}} //nolint:forcetypeassert // it is TCP
		began := time.Now()
		if err := messenger(true).Send(ctx, &alert.Settings{Email: e}, delivery(alert.ByEmail)); err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
