package cgiproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// answer reads the header of the answer.
func (x *exchange) answer() (*http.Response, error) {
	source := &answerSource{r: answerReader{x}}
	resp, err := readAnswer(bufio.NewReader(source), source, x.req.Method)
	x.mu.Lock()
	x.answered = true
	x.conn.SetReadDeadline(time.Time{})
	x.mu.Unlock()
	if err != nil {
		x.close()
		return nil, x.answerFailure(err)
	}
	resp.Request = x.req
	resp.Body = &answerBody{ReadCloser: resp.Body, x: x}
	return resp, nil
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
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.ErrUnexpectedEOF) {
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
	n, err := x.conn.Read(p)
	x.passingOn.Store(time.Now().UnixNano())
	return n, err
}

// An answerBody is the answer's body. What it returns as io.EOF is the end of
// a whole answer.
type answerBody struct {
	io.ReadCloser
	x     *exchange
	whole bool
}

func (b *answerBody) Read(p []byte) (int, error) {
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

// Close closes the connection. After a whole answer an app may still read the
// request's body: it gets the rest first.
func (b *answerBody) Close() error {
	if b.whole {
		linger(b.x.sent, &b.x.taken)
	}
	b.x.close()
	return nil
}
