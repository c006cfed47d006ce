package fastcgi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/descriptor"
)

// net/http/fcgi refuses requests whose variables it cannot parse, forgets the
// raw REQUEST_URI, and tells nobody of an aborted request. So a listener of our
// own stands between it and the web server. It reads the parameters of each
// request itself, hands the library a few harmless ones and the key under which
// the real ones are kept, and watches for the end of the request. Everything
// else passes through as it is.

// A request is one request on a connection, from its parameters to its end.
type request struct {
	env    cgiproxy.Environ
	ctx    context.Context // ends when the web server gives the request up
	cancel context.CancelFunc
	conn   *conn
	id     uint16
	number uint64 // grows from request to request
	key    string // the number, as the library passes it on
	reason string // that the library lacks in the record it writes next, or ""
}

// A conn is a connection from the web server.
type conn struct {
	net.Conn
	r        *bufio.Reader
	listener *listener
	record   []byte            // the one that came last
	pending  []byte            // what the library reads next
	params   map[uint16][]byte // of requests whose parameters are not complete

	// Guarded by the listener's mu.
	requests map[uint16]*request // under way
	running  int                 // requests whose last record has not been written
	served   bool                // there has been a request
}

func (l *listener) open(accepted net.Conn) *conn {
	c := &conn{
		Conn: accepted, r: bufio.NewReader(accepted), listener: l,
		params: map[uint16][]byte{}, requests: map[uint16]*request{},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = true
	return c
}

// idle reports whether the connection is kept open for another request.
func (c *conn) idle() bool { return c.served && c.running == 0 }

// hungUp reports whether the web server has closed the connection, also while
// nobody reads from it since the app does not take the request's body.
func (c *conn) hungUp() bool {
	gone := false
	err := descriptor.Control(c.Conn, func(fd int) { gone = descriptor.HungUp(fd) })
	return err != nil || gone
}

// hasInput reports whether the web server has sent something, or its end.
func (c *conn) hasInput() bool {
	input := false
	err := descriptor.Control(c.Conn, func(fd int) { input = descriptor.HasInput(fd) })
	return err != nil || input
}

// Read implements net.Conn for the library.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.pending) == 0 {
		if err := c.readRecord(); err != nil {
			c.endAll() // the web server has closed the connection
			return 0, err
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// readRecord takes a record from the web server and leaves in pending what the
// library is to see of it.
func (c *conn) readRecord() error {
	header, err := c.r.Peek(headerLength)
	if err != nil {
		return err
	}
	kind, id := header[1], binary.BigEndian.Uint16(header[2:])
	whole := headerLength + int(binary.BigEndian.Uint16(header[4:]))
	c.record = slices.Grow(c.record[:0], whole)[:whole]
	padding := int(header[6])
	header[6] = 0 // the library has no room for the largest record with padding
	if _, err := io.ReadFull(c.r, c.record); err != nil {
		return err
	}
	if _, err := c.r.Discard(padding); err != nil {
		return err
	}
	switch kind {
	case typeParams:
		return c.readParams(id, c.record[headerLength:])
	case typeBeginRequest:
		if c.request(id) != nil {
			return fmt.Errorf("fastcgi: request %d begins before it has ended", id)
		}
		// The library refuses other roles by itself.
		if whole >= headerLength+2 && binary.BigEndian.Uint16(c.record[headerLength:]) == roleResponder {
			c.params[id] = []byte{}
		}
	case typeAbortRequest:
		if _, begun := c.params[id]; !begun {
			c.abort(id)
			return nil
		}
		delete(c.params, id)
	}
	c.pending = c.record
	return nil
}

// readParams collects the parameters of a request. Those of one that has not
// begun are ignored (FastCGI specification, section 3.3).
func (c *conn) readParams(id uint16, content []byte) error {
	collected, ok := c.params[id]
	switch {
	case !ok:
		return nil
	case len(content) == 0:
		delete(c.params, id)
		return c.begin(id, collected)
	case len(collected)+len(content) > maxParams:
		return fmt.Errorf("fastcgi: parameters over %d bytes", maxParams)
	}
	c.params[id] = append(collected, content...)
	return nil
}

// begin takes the complete parameters of a request and gives the library those
// that it cannot misread.
func (c *conn) begin(id uint16, collected []byte) error {
	vars, err := decodeParams(collected)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	request := &request{env: cgiproxy.RequestEnviron(vars), ctx: ctx, cancel: cancel, conn: c, id: id}
	l := c.listener
	l.mu.Lock()
	l.last++
	request.number, request.key = l.last, strconv.FormatUint(l.last, 10)
	l.requests[request.key], c.requests[id] = request, request
	c.running++
	c.served = true
	crowd := len(l.requests) > 1
	l.mu.Unlock()
	if crowd {
		l.useMoreProcessors()
	}

	var params []byte
	for _, pair := range [...][2]string{
		{"REQUEST_METHOD", http.MethodGet}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_URI", "/"}, {keyParam, request.key},
	} {
		params = append(params, byte(len(pair[0])), byte(len(pair[1])))
		params = append(params, pair[0]+pair[1]...)
	}
	c.pending = append(newRecord(typeParams, id, params), newRecord(typeParams, id, nil)...)
	return nil
}

// abort tells a request that its response is not wanted any more. The library
// sees the end of its body, and so writes the end of the response when that has
// ended: of an abort it would say at once that the request is over, while what
// is still written for it would be taken for the response to the next one.
func (c *conn) abort(id uint16) {
	if request := c.request(id); request != nil {
		request.cancel()
	}
	c.pending = newRecord(typeStdin, id, nil)
}

// request returns the one that is under way with an id, or nil.
func (c *conn) request(id uint16) *request {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	return c.requests[id]
}

// Write implements net.Conn. The library writes one record at a time.
func (c *conn) Write(p []byte) (int, error) {
	switch {
	case len(p) >= headerLength && p[1] == typeStdout:
		return c.writeStdout(p)
	case len(p) < headerLength || p[1] != typeEndRequest:
		return c.Conn.Write(p)
	}
	// Forgotten before, for once it is written the web server may begin another
	// request with the same id.
	forgotten := c.forget(binary.BigEndian.Uint16(p[2:]))
	n, err := c.Conn.Write(p)
	if forgotten {
		c.finished()
	}
	return n, err
}

// writeStdout writes a part of a response. Where the library knows no reason
// phrase it ends the first line, Status, with a blank: see statusText.
func (c *conn) writeStdout(p []byte) (int, error) {
	id := binary.BigEndian.Uint16(p[2:])
	request := c.request(id)
	if request == nil || request.reason == "" {
		return c.Conn.Write(p)
	}
	content := p[headerLength:][:binary.BigEndian.Uint16(p[4:])]
	line, rest, _ := bytes.Cut(content, []byte("\r\n"))
	line = append(bytes.Clone(line), request.reason...)
	request.reason = ""
	records := newRecord(typeStdout, id, append(line, "\r\n"...))
	if len(rest) > 0 { // in a record of its own, for both together may be too long for one
		records = append(records, newRecord(typeStdout, id, rest)...)
	}
	if _, err := c.Conn.Write(records); err != nil {
		return 0, err
	}
	return len(p), nil
}

// forget takes a request off the lists.
func (c *conn) forget(id uint16) bool {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	request := c.requests[id]
	if request == nil {
		return false
	}
	request.cancel()
	delete(c.requests, id)
	delete(c.listener.requests, request.key)
	return true
}

// finished notes that a request has its last record.
func (c *conn) finished() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.running--
	if c.listener.stopping && c.running == 0 {
		c.Conn.Close()
	}
}

// Close implements net.Conn. The library closes each connection in the end.
func (c *conn) Close() error {
	c.endAll()
	l := c.listener
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	return c.Conn.Close()
}

// endAll ends all requests, for there is nobody left to answer.
func (c *conn) endAll() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	for id, request := range c.requests {
		request.cancel()
		delete(c.requests, id)
		delete(c.listener.requests, request.key)
	}
}

// cut closes the connection in the middle of the response: FastCGI has no other
// way to say that it is not whole.
func (r *request) cut() { r.conn.Close() }

// Write sends a log line to the web server, which puts it into its error log.
// After the web server has left, our own standard error is the place.
func (r *request) Write(line []byte) (int, error) {
	if _, err := r.conn.Conn.Write(newRecord(typeStderr, r.id, line[:min(len(line), 1<<16-1)])); err != nil {
		return cgiproxy.WriteLogLine(os.Stderr, line)
	}
	return len(line), nil
}
