package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"

	"lockstep/internal/outbound"
	"lockstep/provision"
)

// bodyFault is a body that cannot be read. A request that was refused (3xx, 4xx) has changed nothing; any other may have.
func bodyFault(code, message, method string, r *Response) *provision.Fault {
	refused := r.Status >= http.StatusMultipleChoices && r.Status < http.StatusInternalServerError
	return &provision.Fault{
		Kind: provision.Transient, Code: code, Message: message, HTTPStatus: r.Status, RetryAfter: r.RetryAfter, Unanswered: writes(method) && !refused,
		Hint: "it is tried again by itself; if it stays, check the base URL and what stands between",
	}
}

// brokenOff is a body that did not arrive whole.
func brokenOff(ctx context.Context, err error, method string, r *Response) *provision.Fault {
	f := bodyFault("truncated_answer", "the answer broke off before its end", method, r)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f.Code, f.Message, f.Hint = "cancelled", "the call was given up", ""
	case isTimeout(err):
		f.Code, f.Message = "timeout", "the target did not finish its answer in time"
	}
	return f
}

// transportFault is a call that got no answer. committed says that it was sent, and so may have been carried out.
func transportFault(ctx context.Context, err error, committed bool) *provision.Fault {
	f := configured(err)
	if f == nil {
		f = passing(ctx, err)
	}
	f.Unanswered = committed && f.Kind == provision.Transient
	return f
}

// configured are failures that stay until somebody changes the connection or the machine; nil = it is none of them.
func configured(err error) *provision.Fault {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var plain tls.RecordHeaderError
	var alert tls.AlertError
	f := &provision.Fault{Kind: provision.Halted}
	switch {
	case errors.Is(err, outbound.ErrPrivateAddress):
		f.Code, f.Message = "private_address", "the base URL leads to a private or local address"
		f.Hint = "correct the base URL, or start the server with --allow-private-targets if that is meant"
	case errors.Is(err, outbound.ErrRedirect):
		f.Code, f.Message, f.Hint = "redirect", "the target redirects elsewhere", "enter the final address as base URL"
	case errors.As(err, &certificate) || errors.As(err, &authority):
		f.Code, f.Message, f.Hint = "tls", "the target's certificate is not trusted", "check the base URL, and the certificate authorities of this machine"
	case errors.As(err, &plain) || errors.Is(err, http.ErrSchemeMismatch):
		f.Code, f.Message, f.Hint = "tls", "the target does not speak TLS at this address", "check the base URL: https, host and port"
	case errors.As(err, &alert):
		f.Code, f.Message, f.Hint = "tls", "the target refuses the TLS connection", "check the base URL; TLS 1.2 or newer is needed on the other side"
	default:
		return nil
	}
	return f
}

// passing are failures that can go away by themselves.
func passing(ctx context.Context, err error) *provision.Fault {
	var dns *net.DNSError
	f := &provision.Fault{Kind: provision.Transient}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f.Code, f.Message = "cancelled", "the call was given up"
	case errors.As(err, &dns):
		f.Code, f.Message, f.Hint = "dns", "the name of the target's host cannot be resolved", "check the base URL and the server's DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Code, f.Message, f.Hint = "unreachable", "the target cannot be reached", "check the base URL, and whether the target is up"
	case isTimeout(err):
		f.Code, f.Message, f.Hint = "timeout", "the target did not answer in time", "it is tried again by itself; if it stays, check the base URL and what stands between"
	case isDial(err):
		f.Code, f.Message, f.Hint = "unreachable", "the target cannot be reached", "check the base URL and this machine's network"
	default:
		f.Code, f.Message, f.Hint = "connection_lost", "the connection broke before an answer came", "it is tried again by itself"
	}
	return f
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
