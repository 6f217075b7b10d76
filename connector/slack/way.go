package slack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"

	"lockstep/provision"
)

// way is how a request came to the target: what the transport saw of name and certificate, without a request of its own.
type way struct {
	base *url.URL

	mu        sync.Mutex
	addresses []string
	reused    bool
	state     *tls.ConnectionState
}

func newWay(base *url.URL) *way { return &way{base: base} }

func (w *way) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(d httptrace.DNSDoneInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, a := range d.Addrs {
				w.addresses = append(w.addresses, a.String())
			}
		},
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err == nil {
				w.state = &s
			}
		},
		GotConn: func(got httptrace.GotConnInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reused = w.reused || got.Reused
			if open, ok := got.Conn.(*tls.Conn); ok {
				s := open.ConnectionState()
				w.state = &s
			}
		},
	})
}

// checks are the first two steps; err is what came of the request.
func (w *way) checks(err error) []provision.Check {
	w.mu.Lock()
	defer w.mu.Unlock()
	code := ""
	if f, ok := errors.AsType[*provision.Fault](err); ok {
		code = f.Code
	}
	name, encrypted := w.name(), w.encryption()
	switch {
	case code == "dns":
		return []provision.Check{failed(nameDNS, err), skipped(nameTLS, "not tried: the name is not known")}
	case code == "tls":
		encrypted = failed(nameTLS, err)
	case err != nil && w.state == nil && w.base.Scheme == "https":
		encrypted = skipped(nameTLS, "not tried: no connection was made")
	}
	return []provision.Check{name, encrypted}
}

func (w *way) name() provision.Check {
	host := w.base.Hostname()
	switch {
	case net.ParseIP(host) != nil:
		return passed(nameDNS, "the base URL has an address, and no name to resolve")
	case len(w.addresses) > 0:
		return passed(nameDNS, fmt.Sprintf("%s is %s", host, strings.Join(w.addresses[:min(len(w.addresses), 3)], ", ")))
	case w.reused:
		return passed(nameDNS, host+" was resolved before; a connection that is open is used")
	default:
		return skipped(nameDNS, "not known: no connection was made")
	}
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (w *way) encryption() provision.Check {
	switch {
	case w.base.Scheme != "https" && local(w.base.Hostname()):
		return skipped(nameTLS, "not needed: the target is on this machine")
	case w.base.Scheme != "https":
		return provision.Check{Name: nameTLS, Status: provision.CheckWarning, Message: "the token is sent without encryption", Hint: "use a base URL with https"}
	case w.state == nil:
		return passed(nameTLS, "the connection is encrypted")
	}
	message := tls.VersionName(w.state.Version)
	if len(w.state.PeerCertificates) > 0 {
		leaf := w.state.PeerCertificates[0]
		message += fmt.Sprintf(", certificate by %s, good until %s", strings.Join(leaf.Issuer.Organization, " "), leaf.NotAfter.UTC().Format("2 January 2006"))
	}
	return passed(nameTLS, message)
}
