package fastcgi

import (
	"context"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"proxy.cgi/cgiproxy"
)

// A request is one request on a connection, from its parameters to its end.
type request struct {
	env    cgiproxy.Environ
	body   io.ReadCloser
	ctx    context.Context // ends when the web server gives the request up
	cancel context.CancelFunc
	conn   *conn
	id     uint16
	number uint64      // grows from request to request
	sent   atomic.Bool // something of the response
}

// maxRest bounds, in bytes, what is taken of a body that nobody wants.
const maxRest = 100 << 20

// answer answers the request. keep tells whether the connection stays open.
func (r *request) answer(keep bool) {
	w := &responseWriter{request: r, header: http.Header{}}
	r.conn.listener.answer(w, r)
	w.end()
	if !keep {
		// With a part of the body unread, the end of the connection would take
		// the response away from the web server.
		r.drain()
		r.conn.Close()
	}
	r.body.Close()
}

// drain takes the rest of the body, while it comes: nginx sends none once it has a
// response, and then waits for the end of the connection.
func (r *request) drain() {
	if r.body == http.NoBody {
		return
	}
	pause := time.AfterFunc(bodyLinger, func() { r.body.Close() })
	defer pause.Stop()
	io.CopyBuffer(restart{pause}, io.LimitReader(r.body, maxRest), make([]byte, 4<<10)) // mostly nothing is left
}

// A restart starts a timer again with each piece that is written.
type restart struct{ *time.Timer }

func (t restart) Write(p []byte) (int, error) {
	t.Reset(bodyLinger)
	return len(p), nil
}

// forget ends the request and takes it off the lists, with the listener's mu
// held.
func (r *request) forget() {
	r.cancel()
	delete(r.conn.requests, r.id)
	delete(r.conn.listener.requests, r)
}

// cut closes the connection in the middle of the response: FastCGI has no other
// way to say that it is not whole. nginx takes that for the end of one without a
// length, which a cache of it keeps, but not after a record that only a web server
// sends.
func (r *request) cut() {
	if r.sent.Load() && cgiproxy.BehindNginx(r.env["SERVER_SOFTWARE"]) {
		_ = r.conn.write(newRecord(typeAbortRequest, r.id, nil)) // nobody is left to be told
	}
	r.conn.Close()
}

// Write sends a log line to the web server, which puts it into its error log.
// After the web server has left, our own standard error is the place.
func (r *request) Write(line []byte) (int, error) {
	if err := r.conn.write(newRecord(typeStderr, r.id, line[:min(len(line), maxContent)])); err != nil {
		return cgiproxy.WriteLogLine(os.Stderr, line)
	}
	return len(line), nil
}
