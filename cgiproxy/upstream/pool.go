package upstream

import (
	"net"
	"slices"
	"sync"
	"time"

	"proxy.cgi/cgiproxy/descriptor"
)

// maxIdle is a choice. It bounds the descriptors of the app and of proxy.cgi
// that idle connections take; those beyond it are closed after their response.
const maxIdle = 64

// A pool keeps connections to the app between requests, each until it is keepTime
// old, however many requests it has had.
type pool struct {
	address  string // of the app that it leads to, where that is another at each start; "" is not known
	keepTime time.Duration

	mu       sync.Mutex
	idle     []agingConn // the latest last
	expiring bool        // a call of expire is due
}

// An agingConn is a connection and when it was begun: before it waited for the app
// to accept it, so that each of those who wait in a row leaves the app free for
// the next.
type agingConn struct {
	net.Conn
	begun time.Time
}

func (p *pool) isOld(conn agingConn) bool { return time.Since(conn.begun) >= p.keepTime }

// take returns a connection that the app has not closed so far. One on
// which something has come since the end of its last response is closed, for
// nobody has asked for that. What is left to the app is to keep to its own
// framing: a surplus behind the end it announced itself (Content-Length, last
// chunk) that looks like a response, and comes only after this look, cannot be
// told from the response to the next request.
func (p *pool) take() (conn agingConn, ok bool) {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return agingConn{}, false
		}
		conn := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if !p.isOld(conn) && !hasInput(conn.Conn) {
			return conn, true
		}
		conn.Close()
	}
}

// put keeps a connection that has nothing under way.
func (p *pool) put(conn agingConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= maxIdle || p.isOld(conn) {
		conn.Close()
		return
	}
	p.idle = append(p.idle, conn)
	p.expireLater()
}

// expire closes the connections that are old.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(conn agingConn) bool {
		old := p.isOld(conn)
		if old {
			conn.Close()
		}
		return old
	})
	p.expiring = false
	p.expireLater()
}

// expireLater makes sure that expire is called now and then while there are
// connections. There is one such call at a time, or there would be one more for
// each request.
func (p *pool) expireLater() {
	if len(p.idle) > 0 && !p.expiring {
		p.expiring = true
		time.AfterFunc(p.keepTime/4, p.expire)
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
