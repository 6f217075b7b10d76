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

var (
	// ErrPrivateAddress says that the address is one that must not be called.
	ErrPrivateAddress = errors.New("the address is private or local, and calls to such addresses are not allowed")
	// ErrRedirect says that the server sends the call somewhere it must not go.
	ErrRedirect = errors.New("the server redirects to another address")
)

const maxRedirects = 3

// Client makes a client whose whole calls take at most timeout. It honours no proxy of the environment: a proxy would be
// dialled instead of the target, and the address that is checked would be the proxy's.
func Client(allowPrivate bool, timeout time.Duration) *http.Client {
	dialer := Dialer(allowPrivate)
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConns:        512, MaxIdleConnsPerHost: 128, IdleConnTimeout: 90 * time.Second,
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: checkRedirect,
	}
}

// Dialer makes a dialer with the same check, for what is no HTTP.
func Dialer(allowPrivate bool) *net.Dialer {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if !allowPrivate {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error { return check(address) }
	}
	return dialer
}

// checkRedirect keeps a bearer token at the origin that it was given for. A redirect that would make a GET of a write (301,
// 302, 303) is refused as well: its answer would look like that of the write.
func checkRedirect(request *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || request.Method != first.Method || request.URL.Scheme != first.URL.Scheme || request.URL.Host != first.URL.Host {
		return ErrRedirect
	}
	return nil
}

// special are ranges that netip has no word for.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),     // this network
	netip.MustParsePrefix("100.64.0.0/10"), // carriers' NAT
	netip.MustParsePrefix("192.0.0.0/24"),  // protocol assignments
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),   // reserved, and broadcast
	netip.MustParsePrefix("::/96"),         // IPv4-compatible
	netip.MustParsePrefix("64:ff9b::/96"),  // NAT64: an IPv4 address is inside
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"), // Teredo: likewise
	netip.MustParsePrefix("2002::/16"), // 6to4: likewise
	netip.MustParsePrefix("fec0::/10"), // site-local
}

func check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrPrivateAddress
	}
	ip := at.Addr().Unmap().WithZone("") // a prefix contains no address with a zone
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
