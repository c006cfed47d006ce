package fastcgi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/descriptor"
)

// A conn is a connection from the web server. net/http/fcgi is not used: it
// refuses requests whose variables it cannot parse, forgets the raw
// REQUEST_URI, tells nobody of an aborted request, and takes two buffers of 64
// KiB for each.
type conn struct {
	net.Conn
	listener *listener
	input    *input               // nil while nothing comes
	incoming map[uint16]*incoming // by id
	last     *request             // it is here as a whole, and the connection ends after it
	unread   atomic.Bool          // nobody reads, for last is being answered
	writing  sync.Mutex           // held from the begin of a record to its end

	// Guarded by the listener's mu.
	requests map[uint16]*request // under way, by id
	running  int                 // requests from their first record on until their last has been written
	served   bool                // there has been a request
}

// An incoming is a request that has not come whole.
type incoming struct {
	keep   bool // the connection stays open afterwards
	params []byte
	body   *io.PipeWriter // nil while the parameters are not complete
}

func (l *listener) open(accepted net.Conn) *conn {
	c := &conn{
		Conn: accepted, listener: l,
		incoming: map[uint16]*incoming{}, requests: map[uint16]*request{},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = true
	return c
}

// serve takes what the web server sends, until the connection ends. Most have
// one request, without a body: it is answered here, and meanwhile nobody reads.
func (c *conn) serve() {
	var err error
	for err == nil && c.last == nil {
		c.input = c.input.await(c.Conn)
		err = c.readRecord()
	}
	c.input.release()
	c.input = nil
	if last := c.last; err == nil {
		c.last = nil
		c.unread.Store(true)
		last.answer(false)
		return
	}
	c.Close() // so that the requests under way have ended when their bodies do
	for _, in := range c.incoming {
		if in.body != nil {
			in.body.CloseWithError(err)
		}
	}
}

// readRecord takes a record. An error ends the connection.
func (c *conn) readRecord() error {
	in := c.input
	in.content = in.content[:0]
	h, err := in.next()
	if err != nil {
		return err
	}
	switch h.kind {
	case typeBeginRequest:
		return c.readBegin(h.id, in.content)
	case typeParams:
		return c.readParams(h.id, in.content)
	case typeStdin:
		for err == nil && in.hasMore(h) {
			_, err = in.next()
		}
		c.readBody(h.id, in.content)
	case typeAbortRequest:
		return c.abort(h.id)
	case typeGetValues:
		// A connection for each request at a time, though several would do: on one, what
		// an app does not read of an upload holds the others up, and a cut ends them.
		err = c.write(newRecord(typeGetValuesResult, 0, []byte("\x0f\x01FCGI_MPXS_CONNS0")))
	}
	return err
}

func (c *conn) readBegin(id uint16, content []byte) error {
	if c.isUnderWay(id) || len(content) != beginLength {
		return errors.New("fastcgi: malformed begin of a request, or one with the id of another")
	}
	if in := c.incoming[id]; in != nil {
		if in.body == nil {
			return errors.New("fastcgi: a request begins twice")
		}
		// It had its response before the end of its body. mod_proxy_fcgi then sends
		// no more of that, and the next request on the connection.
		in.body.CloseWithError(errAborted)
		delete(c.incoming, id)
	}
	if binary.BigEndian.Uint16(content) != roleResponder {
		return c.write(endRequest(id, unknownRole))
	}
	c.incoming[id] = &incoming{keep: content[2]&keepConn != 0}
	c.listener.mu.Lock()
	c.running++
	c.listener.mu.Unlock()
	return nil
}

// isUnderWay reports whether a request with the id has no end yet.
func (c *conn) isUnderWay(id uint16) bool {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	return c.requests[id] != nil
}

// readParams collects the parameters of a request. Those of one that has not
// begun are ignored (FastCGI specification, section 3.3), and those after their
// end.
func (c *conn) readParams(id uint16, content []byte) error {
	in := c.incoming[id]
	switch {
	case in == nil || in.body != nil:
		return nil
	case len(content) > 0 && len(in.params)+len(content) > maxParams:
		return fmt.Errorf("fastcgi: parameters over %d bytes", maxParams)
	case len(content) > 0:
		in.params = append(in.params, content...)
		return nil
	}
	vars, err := decodeParams(in.params)
	if err != nil {
		return err
	}
	in.params = nil
	if !in.keep && len(c.incoming) == 1 && c.input.takeEnd(id) {
		delete(c.incoming, id)
		c.last = c.begin(id, vars, http.NoBody)
		return nil
	}
	body, writer := io.Pipe()
	in.body = writer
	go c.begin(id, vars, body).answer(in.keep)
	return nil
}

// readBody hands a piece of the body over, and waits until it has been taken.
func (c *conn) readBody(id uint16, content []byte) {
	in := c.incoming[id]
	switch {
	case in == nil || in.body == nil:
	case len(content) > 0:
		in.body.Write(content) // an error means that nobody wants it
	default:
		in.body.Close()
		delete(c.incoming, id)
	}
}

var errAborted = errors.New("the web server has given the request up")

// abort tells a request that its response is not wanted any more. One that has
// not begun ends here.
func (c *conn) abort(id uint16) error {
	c.listener.mu.Lock()
	if request := c.requests[id]; request != nil {
		request.cancel()
	}
	c.listener.mu.Unlock()
	in := c.incoming[id]
	delete(c.incoming, id)
	if in == nil {
		return nil
	}
	if in.body != nil {
		in.body.CloseWithError(errAborted)
		return nil
	}
	err := c.write(endRequest(id, requestComplete))
	c.finished()
	if err == nil && !in.keep {
		err = errAborted
	}
	return err
}

// begin notes that a request is under way.
func (c *conn) begin(id uint16, vars []string, body io.ReadCloser) *request {
	ctx, cancel := context.WithCancel(context.Background())
	r := &request{env: cgiproxy.RequestEnviron(vars), body: body, ctx: ctx, cancel: cancel, conn: c, id: id}
	l := c.listener
	l.mu.Lock()
	l.last++
	r.number = l.last
	l.requests[r], c.requests[id] = true, r
	c.served = true
	crowd := len(l.requests) > 1
	l.mu.Unlock()
	if crowd {
		l.useMoreProcessors()
	}
	return r
}

// idle reports whether the connection is kept open for another request.
func (c *conn) idle() bool { return c.served && c.running == 0 }

// left reports whether the web server has closed the connection, also while nobody
// reads from it since the app does not take the request's body. Where there is
// something to read and nobody reads, somebody does from here on.
func (c *conn) left() bool {
	var hungUp, input bool
	err := descriptor.Control(c.Conn, func(fd int) { hungUp, input = descriptor.HungUp(fd), descriptor.HasInput(fd) })
	if err != nil || hungUp {
		return true
	}
	if input && c.unread.CompareAndSwap(true, false) {
		go c.serve()
	}
	return false
}

// hasInput reports whether the web server has sent something, or its end.
func (c *conn) hasInput() bool {
	input := false
	err := descriptor.Control(c.Conn, func(fd int) { input = descriptor.HasInput(fd) })
	return err != nil || input
}

// finished notes that a request has its last record.
func (c *conn) finished() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.running--
	if c.listener.stopping && c.running == 0 {
		c.end()
	}
}

// end closes a connection with nothing under way, with the listener's mu held. With the
// end of a request nginx may have sent the next one already: that is taken, and ends
// the connection in its turn.
func (c *conn) end() {
	if !c.hasInput() {
		c.Conn.Close()
		return
	}
	time.AfterFunc(c.listener.lastCall, func() {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		if c.running == 0 { // it was something else
			c.Conn.Close()
		}
	})
}

// Close ends all requests, for there is nobody left to answer.
func (c *conn) Close() error {
	l := c.listener
	l.mu.Lock()
	for _, r := range c.requests {
		r.forget()
	}
	delete(l.conns, c)
	l.mu.Unlock()
	return c.Conn.Close()
}
