package cgiproxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"time"
)

// A client sends requests to the app. http.Transport is not used: it cannot
// carry each request-target, takes two framings of an answer for one, adds a
// Cache-Control to answers with only a Pragma, and costs a CGI process a fifth
// of its time.
type client struct {
	cfg  *Config
	pool *pool // nil for a connection for each request, as CGI needs it
}

// RoundTrip implements http.RoundTripper. It returns when the header of the
// answer has been read, while the body of the request may still be under way.
// Closing the answer's body, or the end of the request's context, ends both.
func (c *client) RoundTrip(req *http.Request) (*http.Response, error) {
	keep := c.pool != nil && repeatable(req)
	if keep {
		kept := *req
		kept.Close, req = false, &kept
		if conn := c.pool.take(); conn != nil {
			x := c.exchange(conn, req, keep)
			resp, err := x.answer()
			if err == nil || !x.unanswered() {
				return resp, err
			}
			// The app had closed the connection, or has been restarted. The
			// request is sent again, but only once and on a new connection: it
			// may be the request itself that ends the app's workers.
		}
	}
	conn, err := connect(req.Context(), c.cfg)
	if err != nil {
		return nil, err
	}
	return c.exchange(conn, req, keep).answer()
}

// exchange sends the request. The connection is kept afterwards if it may be.
func (c *client) exchange(conn net.Conn, req *http.Request, keep bool) *exchange {
	x := startExchange(conn, c.cfg, req)
	if c.pool != nil {
		x.silence = lingerFastCGI
	}
	if keep {
		x.pool = c.pool
	}
	return x
}

// repeatable reports whether a request may be sent twice (RFC 9110, section
// 9.2.2). Only such a one may go over a connection that was idle: nobody can
// tell whether the app saw it before it closed that.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return req.Body == http.NoBody
	}
	return false
}

// retryPause is the time between two attempts to connect.
const retryPause = 100 * time.Millisecond

// connect connects to the app. A refused connection is tried again for
// CONNECT_RETRY: no byte was sent, so every method may be.
func connect(ctx context.Context, cfg *Config) (net.Conn, error) {
	giveUp := time.Now().Add(cfg.ConnectRetry)
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		conn, err := dial(ctx, cfg)
		if err == nil {
			return conn, nil
		}
		notListening := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
		if !notListening || time.Until(giveUp) < retryPause {
			return nil, connectFailure(err, cfg)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

func dial(ctx context.Context, cfg *Config) (net.Conn, error) {
	if cfg.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.ConnectTimeout)
		defer cancel()
	}
	conn, ok, err := dialLocal(cfg.Upstream.network, cfg.Upstream.address, cfg.ConnectTimeout)
	if !ok {
		conn, err = new(net.Dialer).DialContext(ctx, cfg.Upstream.network, cfg.Upstream.address)
	}
	if err == nil && cfg.RequireOwner {
		if err = checkOwner(conn); err != nil {
			conn.Close()
		}
	}
	if err != nil || cfg.Upstream.scheme != "https" {
		return conn, err
	}
	if runtime.GOMAXPROCS(0) > maxProcessors { // reading the certificate authorities makes garbage
		runtime.GOMAXPROCS(maxProcessors)
	}
	settings, err := tlsSettings(cfg)
	if err == nil {
		secure := newTLSConn(conn, settings)
		if err = secure.HandshakeContext(ctx); err == nil {
			return secure, nil
		}
	}
	conn.Close()
	return nil, err
}

// maxTLSCA is several times what the authorities of a whole system take.
const maxTLSCA = 2 << 20

func tlsSettings(cfg *Config) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(cfg.Upstream.address)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{ServerName: host, InsecureSkipVerify: cfg.TLSSkipVerify}
	if cfg.TLSCA == "" {
		return settings, nil
	}
	pem, _, err := readOwn(cfg.TLSCA, maxTLSCA)
	if err != nil {
		return nil, &settingError{name: "TLS_CA", err: err}
	}
	settings.RootCAs = x509.NewCertPool()
	if !settings.RootCAs.AppendCertsFromPEM(pem) {
		return nil, &settingError{name: "TLS_CA", value: cfg.TLSCA, err: errors.New("holds no certificate in PEM form")}
	}
	return settings, nil
}

// connectFailure gives a failed attempt the status the visitor gets, and the
// remedy its cause suggests.
func connectFailure(err error, cfg *Config) error {
	if bad, ok := errors.AsType[*settingError](err); ok {
		return unreadable(bad, "name a file with the app's certificate authority")
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	at := "connect " + cfg.Upstream.String()
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return gatewayTimeout(fmt.Errorf("%s: no connection within %v", at, cfg.ConnectTimeout), "is the app overloaded, or a firewall between?")
	}
	if _, ok := errors.AsType[*ownerError](err); ok {
		return badGateway(fmt.Errorf("%s: %w", at, err), settingPrefix+"REQUIRE_OWNER is set: is it your own app that listens there, started by you?")
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return badGateway(fmt.Errorf("%s: %w", at, err), "write an address that this machine knows into "+settingPrefix+"UPSTREAM")
	}
	if cause, ok := errors.AsType[syscall.Errno](err); ok {
		return badGateway(fmt.Errorf("%s: %w", at, cause), connectRemedy(cause))
	}
	return badGateway(fmt.Errorf("%s: %w", at, err), "does the app speak TLS there, with a certificate that "+settingPrefix+"TLS_CA covers?")
}

func connectRemedy(cause syscall.Errno) string {
	switch cause {
	case syscall.ENOENT:
		return "is the app running, and is its socket there?"
	case syscall.EACCES, syscall.EPERM:
		return fmt.Sprintf("may user %d use the socket and its folders?", os.Geteuid())
	case syscall.EMFILE, syscall.ENFILE:
		return fewDescriptors
	default:
		return "is the app running?"
	}
}

// fewDescriptors is the remedy where a process may open no more files.
const fewDescriptors = "the host allows too few open files (ulimit -n)"
