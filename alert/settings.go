package alert

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// Settings say where alerts of an environment go, and what is worth one.
type Settings struct {
	EnvironmentID string
	Thresholds    Thresholds
	Webhook       Webhook
	Email         Email
	UpdatedAt     time.Time // zero: nobody has set anything
	KeyMade       bool      // by the edit that answered this; not kept
	Unreadable    bool      // a secret is kept that the keys at hand do not open: nothing can be sent
}

// Webhook is an address that alerts are posted to, signed as Standard Webhooks are (standardwebhooks.com, 2026).
type Webhook struct {
	URL string      // "" = none
	Key secret.Text // signs; "whsec_" and base64
}

// Email is a mail server that alerts are handed to.
type Email struct {
	Host     string // "" = none
	Port     int
	TLS      string // STARTTLS (must be offered), IMPLICIT, NONE
	Username string // "" = without signing in
	Password secret.Text
	From     string
	To       []string
}

// How a mail server is spoken to.
const (
	StartTLS    = "STARTTLS"
	ImplicitTLS = "IMPLICIT"
	NoTLS       = "NONE"
)

const (
	maxTo   = 20
	maxText = 1024
)

// check validates settings and fills in what may be left out.
func (s *Settings) check() error {
	var l problem.List
	s.Webhook.URL, s.Email.Host, s.Email.From = strings.TrimSpace(s.Webhook.URL), strings.TrimSpace(s.Email.Host), strings.TrimSpace(s.Email.From)
	directory.CheckText(&l, "webhook.url", s.Webhook.URL, maxText, false)
	if s.Webhook.URL != "" {
		u, err := url.Parse(s.Webhook.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
			l.Add(problem.InvalidValue, "webhook.url", "this is no address that can be posted to; write it as https://alerts.example.com/lockstep")
		}
		if s.Webhook.Key.IsZero() {
			l.Add(problem.RequiredValue, "webhook.key", "a webhook needs a key to sign with; leave it out of the request and one is made")
		} else if _, ok := keyOf(s.Webhook.Key); !ok {
			l.Add(problem.InvalidValue, "webhook.key", "the key is \"whsec_\" and 24 to 64 bytes in base64")
		}
	}
	s.checkEmail(&l)
	if s.Unreadable && s.Email.Host != "" && s.Email.Username != "" && s.Email.Password.IsZero() {
		l.Add(problem.RequiredValue, "email.password", "the saved password cannot be read with the keys at hand: enter it again")
	}
	for _, t := range []struct {
		name            string
		value, min, max int
	}{
		{"failedPercent", s.Thresholds.FailedPercent, 0, 100}, {"failedCount", s.Thresholds.FailedCount, 1, 1_000_000}, {"expiryDays", s.Thresholds.ExpiryDays, 0, 365},
		{"staleHours", s.Thresholds.StaleHours, 0, 24 * 365}, {"quietMinutes", s.Thresholds.QuietMinutes, 0, 24 * 60},
	} {
		if t.value < t.min || t.value > t.max {
			l.Add(problem.InvalidValue, "thresholds."+t.name, "this must be from %d to %d", t.min, t.max)
		}
	}
	return l.Err("The settings cannot be saved:")
}

func (s *Settings) checkEmail(l *problem.List) {
	e := &s.Email
	directory.CheckText(l, "email.host", e.Host, 255, false)
	directory.CheckText(l, "email.username", e.Username, maxText, false)
	if e.Host == "" {
		return
	}
	if strings.ContainsAny(e.Host, "/@ ") {
		l.Add(problem.InvalidValue, "email.host", "this is no name of a mail server; write it as smtp.example.com")
	}
	if e.TLS == "" {
		e.TLS = StartTLS
	}
	if !slices.Contains([]string{StartTLS, ImplicitTLS, NoTLS}, e.TLS) {
		l.Add(problem.InvalidValue, "email.tls", "this must be STARTTLS, IMPLICIT or NONE")
	}
	if e.Port == 0 {
		e.Port = map[string]int{StartTLS: 587, ImplicitTLS: 465, NoTLS: 25}[e.TLS]
	}
	if e.Port < 1 || e.Port > 65535 {
		l.Add(problem.InvalidValue, "email.port", "this must be from 1 to 65535")
	}
	if e.TLS == NoTLS && e.Username != "" {
		l.Add(problem.InvalidValue, "email.tls", "a password is not sent without TLS; choose STARTTLS or IMPLICIT")
	}
	if _, err := mail.ParseAddress(e.From); err != nil {
		l.Add(problem.InvalidValue, "email.from", "this is no e-mail address")
	}
	if len(e.To) == 0 || len(e.To) > maxTo {
		l.Add(problem.InvalidValue, "email.to", "name from 1 to %d recipients", maxTo)
	}
	for i, to := range e.To {
		e.To[i] = strings.TrimSpace(to)
		if _, err := mail.ParseAddress(e.To[i]); err != nil {
			l.Add(problem.InvalidValue, "email.to", "one of these is no e-mail address")
			break
		}
	}
}

// changes lists what differs, never a secret.
func changes(before, after *Settings) []directory.AttributeChange {
	var out []directory.AttributeChange
	secretOf := func(t secret.Text) any {
		if t.IsZero() {
			return nil
		}
		return "set"
	}
	for _, c := range []directory.AttributeChange{
		{Attribute: "email.from", From: before.Email.From, To: after.Email.From}, {Attribute: "email.host", From: before.Email.Host, To: after.Email.Host},
		{Attribute: "email.port", From: before.Email.Port, To: after.Email.Port}, {Attribute: "email.tls", From: before.Email.TLS, To: after.Email.TLS},
		{Attribute: "email.to", From: strings.Join(before.Email.To, " "), To: strings.Join(after.Email.To, " ")},
		{Attribute: "email.username", From: before.Email.Username, To: after.Email.Username},
		{Attribute: "thresholds.expiryDays", From: before.Thresholds.ExpiryDays, To: after.Thresholds.ExpiryDays},
		{Attribute: "thresholds.failedCount", From: before.Thresholds.FailedCount, To: after.Thresholds.FailedCount},
		{Attribute: "thresholds.failedPercent", From: before.Thresholds.FailedPercent, To: after.Thresholds.FailedPercent},
		{Attribute: "thresholds.quietMinutes", From: before.Thresholds.QuietMinutes, To: after.Thresholds.QuietMinutes},
		{Attribute: "thresholds.staleHours", From: before.Thresholds.StaleHours, To: after.Thresholds.StaleHours},
	} {
		if c.From != c.To {
			out = append(out, c)
		}
	}
	if before.Webhook.URL != after.Webhook.URL {
		out = append(out, directory.AttributeChange{Attribute: "webhook.url", From: serverOf(before.Webhook.URL), To: serverOf(after.Webhook.URL)})
	}
	for _, c := range []struct {
		name        string
		from, after secret.Text
	}{{"email.password", before.Email.Password, after.Email.Password}, {"webhook.key", before.Webhook.Key, after.Webhook.Key}} {
		if c.from.Reveal() != c.after.Reveal() {
			to := secretOf(c.after)
			if !c.from.IsZero() && to != nil {
				to = "replaced"
			}
			out = append(out, directory.AttributeChange{Attribute: c.name, From: secretOf(c.from), To: to})
		}
	}
	return out
}

// serverOf is what the log says of a webhook's address. What stands behind the server is often all that is asked for to post there.
func serverOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
