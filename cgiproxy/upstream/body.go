package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy/descriptor"
	"proxy.cgi/cgiproxy/settings"
)

// headerBuffer is what a header is read into, and a small page with it, in bytes.
// With 4 KiB, which such a page often exceeds, FastCGI answers 5 % fewer requests
// per second.
const headerBuffer = 8 << 10

// readResponse reads the header of the response.
func (x *exchange) readResponse() (*http.Response, error) {
	x.source.r = connReader{x}
	x.buffer = bufio.NewReaderSize(&x.source, headerBuffer)
	resp, err := readHeader(x.buffer, &x.source, x.req.Method)
	x.mu.Lock()
	x.headerRead = true
	x.conn.SetReadDeadline(time.Time{})
	x.mu.Unlock()
	if err != nil {
		x.close()
		return nil, x.headerError(err)
	}
	resp.Request = x.req
	chunked, _ := resp.Body.(*chunkedBody)
	resp.Body = &Body{content: resp.Body, x: x, empty: resp.Body == http.NoBody, chunked: chunked, last: resp.Close}
	return resp, nil
}

// closedWithoutResponse reports whether the app closed the connection before it
// sent a byte.
func (x *exchange) closedWithoutResponse() bool {
	return x.source.read == 0 && x.cause() == nil && !errors.Is(x.source.err, os.ErrDeadlineExceeded)
}

// headerError tells why there is no response that could be passed on.
func (x *exchange) headerError(err error) error {
	if cause := x.cause(); cause != nil {
		return cause
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{
			Err:     fmt.Errorf("no answer within %v", x.cfg.HeaderTimeout),
			Remedy:  "is the app stuck? raise " + settings.Prefix + "HEADER_TIMEOUT if it needs longer",
			Timeout: true,
		}
	}
	_, broken := errors.AsType[syscall.Errno](err)
	if _, ok := errors.AsType[net.Error](err); ok || broken || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{
			Err:    fmt.Errorf("the app closed the connection before the header of its answer was complete (%w)", err),
			Remedy: "look into the app's own log",
		}
	}
	return &Error{Err: fmt.Errorf("malformed answer: %w", err), Remedy: "does an HTTP app listen at " + x.cfg.Upstream.String() + "?"}
}

// A connReader reads from the connection.
type connReader struct{ x *exchange }

func (r connReader) Read(p []byte) (int, error) {
	r.x.beforeRead()
	n, err := r.x.conn.Read(p)
	r.x.deliveringSince.Store(time.Now().UnixNano())
	return n, err
}

// beforeRead prepares a wait for the app, after the header each time within
// IDLE_TIMEOUT.
func (x *exchange) beforeRead() {
	x.deliveringSince.Store(0)
	if x.headerRead && x.cfg.IdleTimeout > 0 {
		x.conn.SetReadDeadline(time.Now().Add(x.cfg.IdleTimeout))
	}
	if x.pool != nil && x.source.read > 0 {
		quickAck(x.conn) // the app may send the rest only then
	}
}

// A Body is the body of a response. Read returns io.EOF only where the body is
// whole.
type Body struct {
	content io.Reader
	x       *exchange
	empty   bool
	chunked *chunkedBody // nil where it is not
	last    bool         // the connection ends with this response
	whole   bool
}

// Read implements io.Reader. An error is one that RoundTrip may return.
func (b *Body) Read(p []byte) (int, error) {
	if !b.RequestSent() {
		p = p[:min(len(p), copyBuffer)] // watchStuck measures how long a piece takes
	}
	n, err := b.content.Read(p)
	if err == io.EOF {
		b.whole = true
		return n, err
	}
	return n, b.failure(err)
}

// failure returns the error that RoundTrip may return for one of the
// connection, nil for nil.
func (b *Body) failure(err error) error {
	switch {
	case err == nil:
		return nil
	case b.x.cause() != nil:
		return b.x.cause()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{
			Err:     fmt.Errorf("no piece of the answer within %v", b.x.cfg.IdleTimeout),
			Remedy:  "raise " + settings.Prefix + "IDLE_TIMEOUT if the app may be silent for longer",
			Timeout: true,
		}
	default:
		return &Error{Err: fmt.Errorf("the app ended its answer early: %w", err), Remedy: "look into the app's own log"}
	}
}

// Ready reports whether Read has something without waiting for the app: bytes
// that came with the header, or the end.
func (b *Body) Ready() bool {
	if b.chunked != nil {
		return b.chunked.ready()
	}
	return b.empty || b.x.buffer.Buffered() > 0
}

// Wait waits until the app has sent something, and holds no buffer meanwhile: an
// event stream may be silent for hours. It may return at once, as over TLS and in
// a process for one request, and its error is one of Read's.
func (b *Body) Wait() error {
	if b.empty || b.whole || b.x.pool == nil || !b.awaitsInput() {
		return nil
	}
	b.x.beforeRead()
	err := descriptor.AwaitInput(b.x.conn, func() {
		if b.x.buffer.Buffered() == 0 { // else there is a part of a chunk's line
			*b.x.buffer = bufio.Reader{}
		}
	})
	if b.x.buffer.Size() == 0 {
		b.x.buffer.Reset(&b.x.source) // makes a buffer again
	}
	return b.failure(err)
}

// awaitsInput reports whether Read would have to read from the connection.
func (b *Body) awaitsInput() bool {
	if b.chunked != nil {
		return b.chunked.awaitsInput()
	}
	return b.x.buffer.Buffered() == 0
}

// RequestSent reports whether the request's body is no longer on its way, which
// Close may wait for.
func (b *Body) RequestSent() bool {
	select {
	case <-b.x.sent:
		return true
	default:
		return false
	}
}

// Close closes the connection, or gives it back. After a whole response an app
// may still read the request's body: it gets the rest first.
func (b *Body) Close() error {
	if b.whole {
		linger(b.x.sent, &b.x.bodyRead, b.x.req.Context().Done(), b.x.bodyLinger)
	}
	if b.x.pool != nil && b.x.aborted == nil && b.reusable() && b.x.release() {
		b.x.conn.SetDeadline(time.Time{})
		b.x.pool.put(agingConn{b.x.conn, b.x.begun})
		return nil
	}
	b.x.close()
	return nil
}

// reusable reports whether nothing is left on the connection. After the last
// chunk it must have an empty trailer section (RFC 9112, section 7.1.2) that is
// here already: to wait for it, or for a longer one, would delay the response.
func (b *Body) reusable() bool {
	if !b.whole || b.last {
		return false
	}
	rest, _ := b.x.buffer.Peek(b.x.buffer.Buffered())
	if b.chunked != nil {
		return string(rest) == "\r\n" // the end of the empty trailer section
	}
	return len(rest) == 0
}
