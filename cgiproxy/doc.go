// Package cgiproxy forwards one CGI request to an app that listens on a local
// port or a unix socket, and copies the app's answer back to the web server.
//
// A request goes one way through the package, one file a step:
//
//	environ.go   the CGI variables (RFC 3875), normalised
//	config.go    the settings, from the environment and .htcgiproxy (settings.go, settingsfile.go)
//	request.go   the request as the app shall see it (target.go, forwarded.go, fields.go, rewriterequest.go, loop.go)
//	upstream.go  the connection to the app (tlsconn.go; exchange.go sends; answer.go, answerbody.go, chunked.go read)
//	response.go  the answer as the web server shall see it (rewriteresponse.go, longfield.go)
//	rewrite.go   how the app's URLs and the public ones relate, for both
//	handler.go   the steps above, in order; what fails becomes a page (errorpage.go)
//	signature.go proves to the app where a request comes from; owner.go that the app
//	             is ours; ownfile.go that a file is
//	cgi.go       one way in: a process for each request
//	fastcgi.go   the other: one process for many (fcgiconn.go, fcgirecord.go, sites.go, pool.go, replaced.go)
//
// # Whom it trusts
//
// The settings and the app are the owner's. The web server is believed about
// what it says itself (REMOTE_ADDR, HTTPS, SCRIPT_NAME, REMOTE_USER), never
// about what it only passes on: everything under HTTP_ and the request-target
// come from a stranger, and nothing in them chooses where we connect.
package cgiproxy
