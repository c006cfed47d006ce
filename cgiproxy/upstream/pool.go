package upstream

import (
	"net"
	"sync"
	"time"

	"proxy.cgi/cgiproxy/descriptor"
)

const (
	// maxIdle is a choice. It bounds the descriptors of the app and of proxy.cgi
	// that idle connections take; those beyond it are closed after their response.
	maxIdle = 64

	// idleTime is below the 5 s after which Node.js closes idle connections, so
	// that few requests meet one that is being closed (RFC 9112, section 9.5).
	idleTime = 4 * time.Second
)

// A pool keeps connections to the app between requests. The zero value is an
// empty one.
type pool struct {
	address string // of the app that it leads to, where that is another at each start; "" is not known

	mu       sync.Mutex
	idle     []idleConn // the latest last
	expiring bool       // a call of expire is due
}

type idleConn struct {
	net.Conn
	since time.Time
}

// take returns a connection that the app has not closed so far, or nil. One on
// which something has come since the end of its last response is closed, for
// nobody has asked for that. What is left to the app is to keep to its own
// framing: a surplus behind the end it announced itself (Content-Length, last
// chunk) that looks like a response, and comes only after this look, cannot be
// told from the response to the next request.
func (p *pool) take() net.Conn {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		conn := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if time.Since(conn.since) < idleTime && !hasInput(conn.Conn) {
			return conn.Conn
		}
		conn.Close()
	}
}

// put keeps a connection that has nothing under way.
func (p *pool) put(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= maxIdle {
		conn.Close()
		return
	}
	p.idle = append(p.idle, idleConn{conn, time.Now()})
	p.expireLater()
}

// expire closes the connections that have been idle for too long.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].since) >= idleTime {
		p.idle[old].Close()
		old++
	}
	p.idle = append([]idleConn(nil), p.idle[old:]...)
	p.expiring = false
	p.expireLater()
}

// expireLater makes sure that expire is called when the oldest connection is
// due. There is one such call at a time, or there would be one more for each
// request.
func (p *pool) expireLater() {
	if len(p.idle) > 0 && !p.expiring {
		p.expiring = true
		time.AfterFunc(time.Until(p.idle[0].since.Add(idleTime)), p.expire)
	}
}

// close closes all idle connections.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.idle {
		conn.Close()
	}
	p.idle = nil
}

// hasInput reports whether an idle connection has something to read: its end,
// or a response that nobody asked for.
func hasInput(conn net.Conn) bool {
	if secure, ok := conn.(*tlsConn); ok && secure.buffered() {
		return true
	}
	something := true
	err := descriptor.Control(conn, func(fd int) { something = descriptor.HasInput(fd) })
	return err != nil || something
}
