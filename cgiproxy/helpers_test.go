package cgiproxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/settings/settingstest"
	"proxy.cgi/cgiproxy/upstream"
)

// visit returns testkit.Visit as an Environ.
func visit(vars ...string) Environ { return NewEnviron(testkit.Visit(vars...)) }

// configure returns the settings "NAME=value", with an app on port 6543 unless
// they say otherwise.
func configure(t testing.TB, vars ...string) *settings.Config {
	t.Helper()
	return settingstest.Config(t, vars...)
}

// wantFailure checks the status that the client gets for err.
func wantFailure(t *testing.T, err error, status int) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with status %d", status)
	}
	if f := asFailure(err); f.status != status {
		t.Fatalf("got status %d (%v), want %d", f.status, f, status)
	}
}

// logTo returns a logger that logs everything to the buffer.
func logTo(b *bytes.Buffer) *Logger {
	return &Logger{W: b, Level: settings.LevelDebug, ID: "test"}
}

// readCGI runs write with the writer of a CGI process and returns what comes
// out at the other end of the pipe.
func readCGI(t testing.TB, write func(*cgiWriter) error) (response testkit.CGIResponse, err error) {
	t.Helper()
	r, w, pipeErr := os.Pipe()
	if pipeErr != nil {
		t.Fatal(pipeErr)
	}
	defer r.Close()
	written := make(chan error, 1)
	go func() {
		defer w.Close()
		cw := newCGIWriter(w)
		err := write(cw)
		if flushErr := cw.FlushError(); err == nil {
			err = flushErr
		}
		written <- err
	}()
	text, readErr := io.ReadAll(r)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return testkit.ParseCGI(t, string(text)), <-written
}

// A recorder is a ResponseWriter that keeps what it is given.
type recorder struct{ *httptest.ResponseRecorder }

func newRecorder() *recorder { return &recorder{httptest.NewRecorder()} }

func (r *recorder) WriteStatus(code int, _ string) { r.WriteHeader(code) }
func (r *recorder) FlushLast() error               { return nil }
func (r *recorder) HasStarted() bool               { return false }
func (r *recorder) LargeBuffer() []byte            { return nil }

// A literalConn is a connection to an app that has sent all it will send, and
// keeps what it is sent.
type literalConn struct {
	net.Conn
	response io.Reader
	sent     bytes.Buffer
}

func (c *literalConn) Read(p []byte) (int, error)       { return c.response.Read(p) }
func (c *literalConn) Write(p []byte) (int, error)      { return c.sent.Write(p) }
func (c *literalConn) Close() error                     { return nil }
func (c *literalConn) SetReadDeadline(time.Time) error  { return nil }
func (c *literalConn) SetWriteDeadline(time.Time) error { return nil }

// literally sends a request, not encrypted, to an app that gives this response.
func literally(cfg *settings.Config, req *http.Request, response io.Reader) (*http.Response, *literalConn, error) {
	conn := &literalConn{response: response}
	plain := *cfg
	plain.Upstream.Scheme = "http"
	transport := &upstream.Transport{Config: &plain, Dial: func(_ context.Context, _, _ string) (net.Conn, error) { return conn, nil }}
	resp, err := transport.RoundTrip(req)
	return resp, conn, err
}

// sentHead returns the request line and header section of a request without a
// body on the wire.
func sentHead(t *testing.T, req *http.Request, cfg *settings.Config) string {
	t.Helper()
	resp, conn, err := literally(cfg, req, strings.NewReader(testkit.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return conn.sent.String()
}
