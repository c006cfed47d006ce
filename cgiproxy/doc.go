// Package cgiproxy forwards one CGI request to an app that listens on a local
// port or a unix socket, and copies the app's response to the web server.
//
//	handler.go    the steps, in order
//	environ.go    the CGI variables (RFC 3875), normalised; refused.go: what the
//	              web server has refused
//	site.go       the settings, and the way to the app
//	request.go    the request as the app shall see it: incoming.go, target.go
//	              (dotsegments.go), body.go, forwarded.go (proxyfields.go),
//	              fields.go, loop.go
//	rewrite.go    the app's URLs and the public ones, in rewriterequest.go and
//	              rewriteresponse.go
//	signature.go  proves to the app where a request comes from
//	response.go   the response as the web server shall see it; fieldlimit.go
//	probe.go      the responses to `proxy.cgi check --url`, not the app's
//	status.go     the page at STATUS_PATH, which package statuspage writes
//	failure.go    what goes wrong, and its status; errorpage.go, startingpage.go,
//	              log.go, logfile.go
//	cgi.go        one way in: a process for each request; package fastcgi is the
//	              other; clientgone.go: a client that leaves (clientconn_linux.go,
//	              and cachecopy.go: who else wants the response)
//
// # Whom it trusts
//
// The settings and the app are the owner's. The web server is believed about
// what it says itself (REMOTE_ADDR, HTTPS, SCRIPT_NAME, REMOTE_USER), never
// about what it only passes on: everything under HTTP_ and the request-target
// come from a stranger, and nothing in them chooses where we connect.
package cgiproxy
