package cgiproxy

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
)

// answer reads the header of the answer.
func (x *exchange) answer() (*http.Response, error) {
	x.source.r = answerReader{x}
	x.buffer = bufio.NewReader(&x.source)
	resp, err := readAnswer(x.buffer, &x.source, x.req.Method)
	x.mu.Lock()
	x.answered = true
	x.conn.SetReadDeadline(time.Time{})
	x.mu.Unlock()
	if err != nil {
		x.close()
		return nil, x.answerFailure(err)
	}
	resp.Request = x.req
	chunked, _ := resp.Body.(*chunkedBody)
	resp.Body = &answerBody{ReadCloser: resp.Body, x: x, empty: resp.Body == http.NoBody, chunked: chunked, last: resp.Close}
	return resp, nil
}

// unanswered reports whether the app closed the connection without a word.
func (x *exchange) unanswered() bool {
	return x.source.read == 0 && x.cause() == nil && !errors.Is(x.source.err, os.ErrDeadlineExceeded)
}

// answerFailure tells why there is no answer that could be passed on.
func (x *exchange) answerFailure(err error) error {
	if cause := x.cause(); cause != nil {
		return cause
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return gatewayTimeout(fmt.Errorf("no answer within %v", x.cfg.HeaderTimeout),
			"is the app stuck? raise "+settingPrefix+"HEADER_TIMEOUT if it needs longer")
	}
	_, broken := errors.AsType[syscall.Errno](err)
	if _, ok := errors.AsType[net.Error](err); ok || broken || errors.Is(err, io.ErrUnexpectedEOF) {
		return badGateway(fmt.Errorf("the app closed the connection before the header of its answer was complete (%w)", err),
			"look into the app's own log")
	}
	return badGateway(fmt.Errorf("malformed answer: %w", err), "does an HTTP app listen at "+x.cfg.Upstream.String()+"?")
}

// An answerReader reads from the connection, after the header each time within
// IDLE_TIMEOUT.
type answerReader struct{ x *exchange }

func (r answerReader) Read(p []byte) (int, error) {
	x := r.x
	x.passingOn.Store(0)
	if x.answered && x.cfg.IdleTimeout > 0 {
		x.conn.SetReadDeadline(time.Now().Add(x.cfg.IdleTimeout))
	}
	if x.pool != nil && x.source.read > 0 {
		quickAck(x.conn) // the rest may wait for it
	}
	n, err := x.conn.Read(p)
	x.passingOn.Store(time.Now().UnixNano())
	return n, err
}

// An answerBody is the answer's body. What it returns as io.EOF is the end of
// a whole answer.
type answerBody struct {
	io.ReadCloser
	x       *exchange
	empty   bool
	chunked *chunkedBody // nil where it is not
	last    bool         // the connection ends with this answer
	whole   bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	select {
	case <-b.x.sent:
	default:
		p = p[:min(len(p), copyBuffer)] // watchStuck measures how long a piece takes
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case err == io.EOF:
		b.whole = true
	case b.x.cause() != nil:
		err = b.x.cause()
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = gatewayTimeout(fmt.Errorf("no piece of the answer within %v", b.x.cfg.IdleTimeout),
			"raise "+settingPrefix+"IDLE_TIMEOUT if the app may be silent for longer")
	default:
		err = badGateway(fmt.Errorf("the app ended its answer early: %w", err), "look into the app's own log")
	}
	return n, err
}

// ready reports whether Read has something without waiting for the app: bytes
// that came with the header, or the end.
func (b *answerBody) ready() bool {
	if b.chunked != nil {
		return b.chunked.ready()
	}
	return b.empty || b.x.buffer.Buffered() > 0
}

// Close closes the connection, or gives it back. After a whole answer an app
// may still read the request's body: it gets the rest first.
func (b *answerBody) Close() error {
	if b.whole {
		linger(b.x.sent, &b.x.taken, b.x.req.Context().Done(), b.x.silence)
	}
	if b.x.pool != nil && b.x.aborted == nil && b.reusable() && b.x.release() {
		b.x.conn.SetDeadline(time.Time{})
		b.x.pool.put(b.x.conn)
		return nil
	}
	b.x.close()
	return nil
}

// reusable reports whether nothing is left on the connection. A chunked body
// with a trailer is not waited for.
func (b *answerBody) reusable() bool {
	if !b.whole || b.last {
		return false
	}
	rest, _ := b.x.buffer.Peek(b.x.buffer.Buffered())
	if b.chunked != nil {
		return string(rest) == "\r\n" // the end of the empty trailer section
	}
	return len(rest) == 0
}
