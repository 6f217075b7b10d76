// Package messenger hands alerts to people: it posts signed webhooks, and gives e-mail to a mail server. It decides nothing and tries
// once; what is tried again, and when, is alert's to say. Errors name no secret and no address of a person.
package messenger

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"lockstep/alert"
	"lockstep/internal/outbound"
)

// Messenger sends by both channels.
type Messenger struct {
	client *http.Client
	dialer *net.Dialer
	now    func() time.Time
	roots  *tls.Config // nil: as the system says
}

// New makes a messenger. Client and dialer refuse what must not be called (package outbound).
func New(client *http.Client, dialer *net.Dialer) *Messenger {
	return &Messenger{client: client, dialer: dialer, now: time.Now}
}

const (
	maxAnswer = 64 << 10
	mailTime  = 20 * time.Second
)

// Send implements alert.Sender.
func (m *Messenger) Send(ctx context.Context, s *alert.Settings, d *alert.Delivery) error {
	switch d.Channel {
	case alert.ByWebhook:
		return m.post(ctx, &s.Webhook, d)
	case alert.ByEmail:
		return m.mail(ctx, &s.Email, d)
	default:
		return fmt.Errorf("there is no channel %q", d.Channel)
	}
}

// post sends a webhook in the form of Standard Webhooks. Any 2xx is an answer.
func (m *Messenger) post(ctx context.Context, w *alert.Webhook, d *alert.Delivery) error {
	if w.URL == "" {
		return errors.New("no webhook is set any more")
	}
	body, err := d.Body()
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's address cannot be posted to")
	}
	at := m.now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Lockstep")
	r.Header.Set("Webhook-Id", d.ID)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Webhook-Signature", alert.Sign(w.Key, d.ID, at, body))
	response, err := m.client.Do(r)
	if err != nil {
		return reason(err, "the webhook's server could not be reached")
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the webhook's server answered %d", response.StatusCode)
	}
	return nil
}

// reason keeps what an operator can act on of an error; the rest may hold an address with something secret in its query.
func reason(err error, otherwise string) error {
	switch {
	case errors.Is(err, outbound.ErrPrivateAddress):
		return fmt.Errorf("%s: %w; the operator can allow them with --allow-private-targets", otherwise, outbound.ErrPrivateAddress)
	case errors.Is(err, outbound.ErrRedirect):
		return fmt.Errorf("%s: %w", otherwise, outbound.ErrRedirect)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New(otherwise + " in time")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", otherwise, op.Err)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errors.New(otherwise + ": its certificate is not one that this machine trusts")
	}
	return errors.New(otherwise)
}

// mail gives a message to a mail server.
func (m *Messenger) mail(ctx context.Context, e *alert.Email, d *alert.Delivery) error {
	if e.Host == "" {
		return errors.New("no mail server is set any more")
	}
	message := mail.NewMsg()
	if err := message.From(e.From); err != nil {
		return errors.New("the sender is no e-mail address")
	}
	if err := message.To(e.To...); err != nil {
		return errors.New("a recipient is no e-mail address")
	}
	message.Subject(d.Subject())
	message.SetDateWithValue(d.CreatedAt)
	message.SetMessageIDWithValue(d.ID + "@lockstep.invalid") // the same for every attempt, so that a doubled one can be told
	message.SetGenHeader("Auto-Submitted", "auto-generated")  // RFC 3834: no out-of-office answers
	message.SetBodyString(mail.TypeTextPlain, d.Text())
	// The library bounds each step by its own clock and not by the context.
	patience := mailTime
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline))
	}
	options := []mail.Option{mail.WithPort(e.Port), mail.WithTimeout(max(patience, time.Millisecond)), mail.WithDialContextFunc(m.dial(e))}
	switch e.TLS {
	case alert.NoTLS:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case alert.ImplicitTLS: // the dialer speaks it
		options = append(options, mail.WithSSL())
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTLSConfig(m.tls(e.Host)))
	}
	if e.Username != "" {
		// The library does not see that our own connection is TLS already, and would find no way to sign in.
		way := mail.SMTPAuthAutoDiscover
		if e.TLS == alert.ImplicitTLS {
			way = mail.SMTPAuthPlainNoEnc
		}
		options = append(options, mail.WithSMTPAuth(way), mail.WithUsername(e.Username), mail.WithPassword(e.Password.Reveal()))
	}
	client, err := mail.NewClient(e.Host, options...)
	if err != nil {
		return errors.New("the mail server's settings cannot be used")
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return mailReason(err)
	}
	return nil
}

func (m *Messenger) tls(host string) *tls.Config {
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if m.roots != nil {
		out.RootCAs = m.roots.RootCAs
	}
	return out
}

func (m *Messenger) dial(e *alert.Email) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if e.TLS == alert.ImplicitTLS {
			return (&tls.Dialer{NetDialer: m.dialer, Config: m.tls(e.Host)}).DialContext(ctx, network, address)
		}
		return m.dialer.DialContext(ctx, network, address)
	}
}

// mailReason says what the server said, without the addresses that it may have repeated.
func mailReason(err error) error {
	const otherwise = "the mail server could not be reached"
	if sending, ok := errors.AsType[*mail.SendError](err); ok && sending.ErrorCode() != 0 {
		return fmt.Errorf("the mail server refused the message with %d", sending.ErrorCode())
	}
	if protocol, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("the mail server answered %d", protocol.Code)
	}
	return reason(err, otherwise)
}
