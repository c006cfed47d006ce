// Package upstream is the wire to the app: it sends a request over a connection
// of its own, and reads the response.
//
//	transport.go  an http.RoundTripper: a new connection, or one that is kept
//	connect.go    the connection (dial_linux.go, tlsconn.go), and what to do
//	              where there is none
//	owner.go      whether the listener is ours
//	exchange.go   sends the request
//	response.go   reads the header of the response
//	body.go       reads its body (chunked.go)
//	pool.go       connections that are kept
//	linger.go     bodies that nobody wants any more
//	errors.go     what the owner reads when something fails
//
// It trusts neither the app's framing nor, where REQUIRE_OWNER is set, that the
// app is the owner's.
package upstream
