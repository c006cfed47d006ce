package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy/settings"
)

// retryPause is the time between two attempts to connect. It is a choice: so
// much longer than needed does a client wait for an app that has come back.
const retryPause = 100 * time.Millisecond

// connect connects to the app. A refused connection is tried again for
// CONNECT_RETRY: no byte was sent, so every method may be.
func (t *Transport) connect(ctx context.Context) (net.Conn, error) {
	giveUp := time.Now().Add(t.Config.ConnectRetry)
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		conn, err := t.connectOnce(ctx)
		if err == nil {
			return conn, nil
		}
		notListening := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
		if !notListening || time.Until(giveUp) < retryPause {
			return nil, connectError(err, t.Config)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

// connectOnce connects within CONNECT_TIMEOUT, to a listener that is ours where
// REQUIRE_OWNER demands it.
func (t *Transport) connectOnce(ctx context.Context) (net.Conn, error) {
	cfg, dial := t.Config, t.Dial
	if cfg.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.ConnectTimeout)
		defer cancel()
	}
	if dial == nil {
		dial = Dial
	}
	conn, err := dial(ctx, cfg)
	if err == nil && cfg.RequireOwner {
		if err = checkOwner(conn); err != nil {
			conn.Close()
		}
	}
	if err != nil || cfg.Upstream.Scheme != "https" {
		return conn, err
	}
	return startTLS(ctx, conn, cfg)
}

// Dial connects to where the app listens, until ctx ends or CONNECT_TIMEOUT has
// passed.
func Dial(ctx context.Context, cfg *settings.Config) (net.Conn, error) {
	conn, ok, err := dialLocal(cfg.Upstream.Network, cfg.Upstream.Address, cfg.ConnectTimeout)
	if !ok {
		conn, err = new(net.Dialer).DialContext(ctx, cfg.Upstream.Network, cfg.Upstream.Address)
	}
	return conn, err
}

// MaxProcessors is for hosts that count threads, often to 100 or less for all
// that a customer runs: Go's garbage collector starts one for each processor.
const MaxProcessors = 4

// startTLS takes over the connection, and closes it where it fails.
func startTLS(ctx context.Context, conn net.Conn, cfg *settings.Config) (net.Conn, error) {
	if runtime.GOMAXPROCS(0) > MaxProcessors { // reading the certificate authorities makes garbage
		runtime.GOMAXPROCS(MaxProcessors)
	}
	config, err := tlsConfig(cfg)
	if err == nil {
		secure := newTLSConn(conn, config)
		if err = secure.HandshakeContext(ctx); err == nil {
			return secure, nil
		}
	}
	conn.Close()
	return nil, err
}

// maxTLSCA is several times what the authorities of a whole system take.
const maxTLSCA = 2 << 20

func tlsConfig(cfg *settings.Config) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(cfg.Upstream.Address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: host, InsecureSkipVerify: cfg.TLSSkipVerify}
	if cfg.TLSCA == "" {
		return config, nil
	}
	pem, err := cfg.ReadOwn(cfg.TLSCA, maxTLSCA)
	config.RootCAs = x509.NewCertPool()
	if err == nil && !config.RootCAs.AppendCertsFromPEM(pem) {
		err = errors.New("holds no certificate in PEM form")
	}
	if err != nil {
		bad := cfg.Misconfigured("TLS_CA", err)
		bad.Remedy = settings.FileRemedy(err, "name a file with the app's certificate authority")
		return nil, bad
	}
	return config, nil
}

// connectError gives a failed attempt the remedy its cause suggests.
func connectError(err error, cfg *settings.Config) error {
	if _, ok := errors.AsType[*settings.Error](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	at := "connect " + cfg.Upstream.String()
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return &Error{
			Err:     fmt.Errorf("%s: no connection within %v", at, cfg.ConnectTimeout),
			Remedy:  "is the app overloaded, or a firewall between?",
			Timeout: true,
		}
	}
	remedy := "does the app speak TLS there, with a certificate that " + settings.Prefix + "TLS_CA covers?"
	if _, ok := errors.AsType[*ownerError](err); ok {
		remedy = settings.Prefix + "REQUIRE_OWNER is set: is it your own app that listens there, started by you?"
	} else if _, ok := errors.AsType[*net.DNSError](err); ok {
		remedy = "write an address that this machine knows into " + settings.Prefix + "UPSTREAM"
	} else if cause, ok := errors.AsType[syscall.Errno](err); ok {
		err, remedy = cause, connectRemedy(cause)
	}
	return &Error{Err: fmt.Errorf("%s: %w", at, err), Remedy: remedy}
}

func connectRemedy(cause syscall.Errno) string {
	switch cause {
	case syscall.ENOENT:
		return "is the app running, and is its socket there?"
	case syscall.EACCES, syscall.EPERM:
		return fmt.Sprintf("may user %d use the socket and its folders?", os.Geteuid())
	case syscall.EMFILE, syscall.ENFILE:
		return settings.FewDescriptors
	default:
		return "is the app running?"
	}
}
