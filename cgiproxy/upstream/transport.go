package upstream

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// A Transport sends requests to the app. http.Transport is not used: it cannot
// carry each request-target, takes two framings of a response for one, adds a
// Cache-Control to responses with only a Pragma, and costs a CGI process a
// fifth of its time.
type Transport struct {
	Config *settings.Config

	// App starts the app where nobody listens; nil is an app that others start.
	// See NewApp.
	App *ondemand.App

	// Dial connects to an address of the app, without TLS, until ctx ends. Nil is
	// Dial of this package.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Sign is called right before a request goes out, and again before it is repeated: what
	// it writes into the header may depend on the time, and a connection may take long. Nil
	// is none.
	Sign func(*http.Request)

	// KeepTime is how long a connection is there for requests to come, from its
	// beginning. Zero keeps none: a process that has only one request has no use
	// for that.
	KeepTime time.Duration

	// BodyLinger is how long the client may pause in sending a body after the
	// response, before the rest of it is given up. Zero is 10 s.
	BodyLinger time.Duration

	idle atomic.Pointer[pool] // see idlePool
}

// RoundTrip implements http.RoundTripper. Unlike net/http it sends the
// request-target from RequestURI, and Transfer-Encoding as Header has it.
//
// It returns when the header of the response has been read, while the body of
// the request may still be under way. Closing the response's Body, which is a
// *Body, or the end of the request's context, ends both. Of httptrace.ClientTrace
// it calls GotConn. An error is an *Error,
// a *settings.Error, an *ondemand.Error, that of the request's context, or one that reading the
// request's body gave.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var keep *pool
	if t.KeepTime > 0 {
		p := t.idlePool()
		conn, ok := p.take()
		if repeatable(req) && !namesConnection(req) {
			kept := *req
			kept.Close, req = false, &kept
			keep = p
		}
		switch {
		case ok && keep == nil:
			// The request's own connection takes its place: an app with as many
			// threads as connections would wait for somebody to use this one.
			conn.Close()
		case ok:
			gotConn(req.Context(), conn.Conn, true)
			sent := time.Now()
			x := t.send(conn, req, keep)
			resp, err := x.readResponse()
			if err == nil || !x.closedWithoutResponse() && !errors.Is(err, errNotHTTP) || time.Since(sent) > staleTime {
				return resp, err
			}
			// The app had closed the connection, or has been restarted, or there
			// was more behind its last response than it announced, a stray line
			// end say. The request is sent again, but only once and on a new
			// connection: it may be the request itself that ends the app's workers.
		}
	}
	begun := time.Now()
	conn, err := t.connect(req.Context())
	if err != nil {
		return nil, err
	}
	gotConn(req.Context(), conn, false)
	return t.send(agingConn{conn, begun}, req, keep).readResponse()
}

// staleTime is a choice. A connection that was closed while it was idle ends almost
// at once; an app that closes it later has worked on the request and given up, say
// because its worker was killed, and the next worker need not go the same way.
const staleTime = time.Second

func gotConn(ctx context.Context, conn net.Conn, reused bool) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: conn, Reused: reused})
	}
}

// CloseIdle closes the connections that are kept and not in use.
func (t *Transport) CloseIdle() {
	if p := t.idle.Load(); p != nil {
		p.close()
	}
}

// send sends the request. The connection is kept afterwards if it may be, unless keep
// is nil.
func (t *Transport) send(conn agingConn, req *http.Request, keep *pool) *exchange {
	if t.Sign != nil {
		t.Sign(req)
	}
	x := startExchange(conn.Conn, t.Config, req)
	if t.BodyLinger > 0 {
		x.bodyLinger = t.BodyLinger
	}
	x.pool, x.begun = keep, conn.begun
	return x
}

// repeatable reports whether a request may be sent twice (RFC 9110, section
// 9.2.2). Only such a one may go over a connection that was idle: nobody can
// tell whether the app saw it before it closed that.
func repeatable(req *http.Request) bool {
	return syntax.IsSafe(req.Method) && req.Body == http.NoBody
}

// namesConnection reports whether the request may tell the app who speaks on the
// connection from now on, as NTLM and Negotiate do (RFC 4559, section 6): the next
// client on it would be taken for this one. A scheme that we do not know may be
// one more of that kind.
func namesConnection(req *http.Request) bool {
	for _, credentials := range req.Header["Authorization"] {
		scheme, _, _ := strings.Cut(credentials, " ")
		switch strings.ToLower(scheme) {
		case "basic", "bearer", "digest":
		default:
			return true
		}
	}
	return false
}
