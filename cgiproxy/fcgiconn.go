package cgiproxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// net/http/fcgi refuses requests whose variables it cannot parse, forgets the
// raw REQUEST_URI, and tells nobody of an aborted request. So a listener of our
// own stands between it and the web server. It reads the parameters of each
// request itself, hands the library a few harmless ones and the key under which
// the real ones are kept, and watches for the end of the request. Everything
// else passes through as it is.

// Record types of the FastCGI specification, section 8.
const (
	fcgiAbortRequest = 2
	fcgiEndRequest   = 3
	fcgiParams       = 4
	fcgiStderr       = 7
	fcgiHeaderLength = 8
)

// maxParams bounds the variables of one request, in bytes. Apache's limits for
// a request's header add up to less than 1 MiB.
const maxParams = 1 << 20

// keyParam is the parameter that carries the key. No web server sends it.
const keyParam = "CGIPROXY-KEY"

// A fcgiListener hands out connections that know their requests.
type fcgiListener struct {
	net.Listener
	requests sync.Map // key to *fcgiRequest
	lastKey  atomic.Uint64
	running  sync.WaitGroup
}

// A fcgiRequest is one request on a connection, from its parameters to its end.
type fcgiRequest struct {
	env    Environ
	ctx    context.Context // ends when the web server gives the request up
	cancel context.CancelFunc
	conn   *fcgiConn
	id     uint16
	key    string
}

func newFCGIListener(l net.Listener) *fcgiListener { return &fcgiListener{Listener: l} }

// Accept implements net.Listener. Any error ends fcgi.Serve, so those that pass
// are waited for: no descriptor left, a connection that is gone already.
func (l *fcgiListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			return &fcgiConn{
				Conn: conn, r: bufio.NewReader(conn), listener: l,
				params: map[uint16][]byte{}, requests: map[uint16]*fcgiRequest{},
			}, nil
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// request returns the request that the library calls r, or nil.
func (l *fcgiListener) request(r *http.Request) *fcgiRequest {
	request, ok := l.requests.Load(fcgi.ProcessEnv(r)[keyParam])
	if !ok {
		return nil
	}
	return request.(*fcgiRequest)
}

// finish waits until the requests under way have been answered, but not longer
// than limit.
func (l *fcgiListener) finish(limit time.Duration) {
	done := make(chan struct{})
	go func() { l.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// A fcgiConn is a connection from the web server.
type fcgiConn struct {
	net.Conn
	r        *bufio.Reader
	listener *fcgiListener
	pending  []byte            // what the library reads next
	params   map[uint16][]byte // of requests whose parameters are not complete

	mu       sync.Mutex
	requests map[uint16]*fcgiRequest // under way
}

// Read implements net.Conn for the library.
func (c *fcgiConn) Read(p []byte) (int, error) {
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
func (c *fcgiConn) readRecord() error {
	header, err := c.r.Peek(fcgiHeaderLength)
	if err != nil {
		return err
	}
	kind, id := header[1], binary.BigEndian.Uint16(header[2:])
	length := int(binary.BigEndian.Uint16(header[4:]))
	record := make([]byte, fcgiHeaderLength+length+int(header[6]))
	if _, err := io.ReadFull(c.r, record); err != nil {
		return err
	}
	switch {
	case kind == fcgiParams && length > 0:
		c.params[id] = append(c.params[id], record[fcgiHeaderLength:fcgiHeaderLength+length]...)
		if len(c.params[id]) > maxParams {
			return errors.New("fastcgi: parameters over 1 MiB")
		}
		return nil
	case kind == fcgiParams:
		return c.begin(id)
	case kind == fcgiAbortRequest:
		c.end(id)
	}
	c.pending = record
	return nil
}

// begin takes the complete parameters of a request and gives the library those
// that it cannot misread.
func (c *fcgiConn) begin(id uint16) error {
	vars, err := decodeParams(c.params[id])
	if err != nil {
		return err
	}
	delete(c.params, id)
	l := c.listener
	ctx, cancel := context.WithCancel(context.Background())
	request := &fcgiRequest{
		env: NewEnviron(vars), ctx: ctx, cancel: cancel, conn: c, id: id,
		key: strconv.FormatUint(l.lastKey.Add(1), 10),
	}
	l.running.Add(1)
	l.requests.Store(request.key, request)
	c.mu.Lock()
	c.requests[id] = request
	c.mu.Unlock()

	var params []byte
	for _, pair := range [...][2]string{
		{"REQUEST_METHOD", http.MethodGet}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_URI", "/"}, {keyParam, request.key},
	} {
		params = append(params, byte(len(pair[0])), byte(len(pair[1])))
		params = append(params, pair[0]+pair[1]...)
	}
	c.pending = append(fcgiRecord(fcgiParams, id, params), fcgiRecord(fcgiParams, id, nil)...)
	return nil
}

// Write implements net.Conn. The library writes one record at a time.
func (c *fcgiConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if len(p) >= fcgiHeaderLength && p[1] == fcgiEndRequest {
		c.end(binary.BigEndian.Uint16(p[2:]))
	}
	return n, err
}

func (c *fcgiConn) Close() error {
	c.endAll()
	return c.Conn.Close()
}

// end ends a request, whoever wanted it.
func (c *fcgiConn) end(id uint16) {
	c.mu.Lock()
	request := c.requests[id]
	delete(c.requests, id)
	c.mu.Unlock()
	if request != nil {
		request.cancel()
		c.listener.requests.Delete(request.key)
		c.listener.running.Done()
	}
}

func (c *fcgiConn) endAll() {
	c.mu.Lock()
	ids := make([]uint16, 0, len(c.requests))
	for id := range c.requests {
		ids = append(ids, id)
	}
	c.mu.Unlock()
	for _, id := range ids {
		c.end(id)
	}
}

// cut closes the connection in the middle of the answer: FastCGI has no other
// way to say that it is not whole.
func (r *fcgiRequest) cut() { r.conn.Close() }

// Write sends a log line to the web server, which puts it into its error log.
func (r *fcgiRequest) Write(line []byte) (int, error) {
	if _, err := r.conn.Conn.Write(fcgiRecord(fcgiStderr, r.id, line[:min(len(line), 1<<16-1)])); err != nil {
		return 0, err
	}
	return len(line), nil
}

func fcgiRecord(kind byte, id uint16, content []byte) []byte {
	b := []byte{1, kind, byte(id >> 8), byte(id), byte(len(content) >> 8), byte(len(content)), 0, 0}
	return append(b, content...)
}

// decodeParams returns name-value pairs (FastCGI specification, section 3.4) as
// NAME=value strings.
func decodeParams(b []byte) (vars []string, err error) {
	malformed := errors.New("fastcgi: malformed parameters")
	length := func() int {
		if len(b) > 0 && b[0] < 0x80 {
			n := int(b[0])
			b = b[1:]
			return n
		}
		if len(b) < 4 {
			return -1
		}
		n := int(binary.BigEndian.Uint32(b) & 0x7fffffff)
		b = b[4:]
		return n
	}
	for len(b) > 0 {
		name, value := length(), 0
		if name >= 0 {
			value = length()
		}
		if name < 0 || value < 0 || name > len(b) || value > len(b)-name {
			return nil, malformed
		}
		vars = append(vars, string(b[:name])+"="+string(b[name:name+value]))
		b = b[name+value:]
	}
	return vars, nil
}
