// Package outbound makes the HTTP client for calls to other systems. It refuses private, loopback and other special
// addresses unless the operator allows them; the check is made on the address that is dialled, so that neither DNS nor a
// redirect gets around it.
package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivateAddress says that the address is one that must not be called.
var ErrPrivateAddress = errors.New("the address is private or local, and calls to such addresses are not allowed")

var errRedirect = errors.New("the server redirects to another address")

const maxRedirects = 3

// Client makes a client whose whole calls take at most timeout.
func Client(allowPrivate bool, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if !allowPrivate {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error { return check(address) }
	}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConns:        512, MaxIdleConnsPerHost: 128, IdleConnTimeout: 90 * time.Second,
			ForceAttemptHTTP2: true,
		},
		// A bearer token goes to the origin it was given for and to no other.
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			first := via[0].URL
			if len(via) > maxRedirects || request.URL.Scheme != first.Scheme || request.URL.Host != first.Host {
				return errRedirect
			}
			return nil
		},
	}
}

// special are ranges that netip has no word for.
var special = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), // carriers' NAT
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16"),
}

func check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrPrivateAddress
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return ErrPrivateAddress
	}
	for _, prefix := range special {
		if prefix.Contains(ip) {
			return ErrPrivateAddress
		}
	}
	return nil
}
