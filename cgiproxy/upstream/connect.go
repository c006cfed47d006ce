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

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
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

// connectOnce connects to the app, which is started where that is wanted.
func (t *Transport) connectOnce(ctx context.Context) (conn net.Conn, err error) {
	if t.App != nil {
		conn, err = t.App.Dial(ctx)
	} else {
		conn, err = t.connectAny(ctx)
	}
	if err != nil || t.Config.Upstream.Scheme != "https" {
		return conn, err
	}
	ctx, cancel := withTimeout(ctx, t.Config.ConnectTimeout)
	defer cancel()
	return startTLS(ctx, conn, t.Config)
}

// connectAny connects to the first of the app's addresses that takes us.
func (t *Transport) connectAny(ctx context.Context) (net.Conn, error) {
	u := &t.Config.Upstream
	conn, err := t.connectTo(ctx, u.Network, u.Address)
	if u.Second != "" && mayBeElsewhere(err) {
		other, otherErr := t.connectTo(ctx, u.Network, u.Second)
		switch {
		case otherErr == nil:
			return other, nil
		case !errors.Is(err, syscall.ECONNREFUSED):
		case errors.Is(otherErr, syscall.ECONNREFUSED):
			err = &bothRefused{u.Address + " and " + u.Second}
		default:
			if _, stranger := errors.AsType[*ownerError](otherErr); stranger {
				err = fmt.Errorf("%w, and at %s %w", syscall.ECONNREFUSED, u.Second, otherErr)
			}
		}
	}
	return conn, err
}

// mayBeElsewhere reports whether the app may be at its other address: nobody
// listens here, or somebody else.
func mayBeElsewhere(err error) bool {
	_, stranger := errors.AsType[*ownerError](err)
	return stranger || errors.Is(err, syscall.ECONNREFUSED)
}

// bothRefused is ECONNREFUSED at two addresses.
type bothRefused struct{ addresses string }

func (e *bothRefused) Error() string { return syscall.ECONNREFUSED.Error() }
func (e *bothRefused) Unwrap() error { return syscall.ECONNREFUSED }

// connectTo connects to one address within CONNECT_TIMEOUT, to a listener that
// is ours where REQUIRE_OWNER demands it. At the second address there is no
// stranger's in any case: whoever takes it while the app is down at the first
// would get what clients send.
func (t *Transport) connectTo(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := withTimeout(ctx, t.Config.ConnectTimeout)
	defer cancel()
	dial := t.Dial
	if dial == nil {
		dial = Dial
	}
	dialIt := func(address string) (net.Conn, error) { return dial(ctx, network, address) }
	switch {
	case t.Config.RequireOwner:
		return dialOwn(network, address, dialIt)
	case address == t.Config.Upstream.Second:
		return dialNoStranger(address, dialIt)
	}
	return dialIt(address)
}

// withTimeout is context.WithTimeout, of which 0 is none.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// Dial connects to an address until ctx ends. It is net.Dialer.DialContext, but
// quicker where the address is one of this machine.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, ok, err := dialLocal(ctx, network, address)
	if !ok {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
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
	host, _ := syntax.SplitHost("https", cfg.Upstream.Authority)
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
	if errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*settings.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*ondemand.Error](err); ok {
		return err
	}
	at := "connect " + cfg.Upstream.String()
	if both, ok := errors.AsType[*bothRefused](err); ok {
		at = "connect " + both.addresses
	}
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return &Error{
			Err:     fmt.Errorf("%s: no connection within %v", at, cfg.ConnectTimeout),
			Remedy:  "is the app overloaded, or a firewall between?",
			Timeout: true,
		}
	}
	remedy := "does the app speak TLS there, with a certificate that " + settings.Prefix + "TLS_CA covers?"
	if _, ok := errors.AsType[*ownerError](err); ok {
		remedy = ownerRemedy(cfg)
	} else if _, ok := errors.AsType[*net.DNSError](err); ok {
		remedy = "write an address that this machine knows into " + settings.Prefix + "UPSTREAM"
	} else if cause, ok := errors.AsType[syscall.Errno](err); ok {
		err, remedy = cause, connectRemedy(cause)
	}
	return &Error{Err: fmt.Errorf("%s: %w", at, err), Remedy: remedy}
}

func ownerRemedy(cfg *settings.Config) string {
	if cfg.RequireOwner {
		return settings.Prefix + "REQUIRE_OWNER is set: is it your own app that listens there, started by you?"
	}
	return "is the app running? If that one is the app, name its address in " + settings.Prefix + "UPSTREAM"
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
		return "is the app running? If it listens elsewhere, write where into " + settings.Prefix + "UPSTREAM"
	}
}
