package cgiproxy

import (
	"net/http"
	"strings"

	"proxy.cgi/cgiproxy/challenge"
)

// Fields of a request that end here are in three places: those of one connection
// and those that only we may say below, those that frameworks believe of a proxy in
// proxyfields.go, and X-Forwarded-* in forwarded.go.

// hopByHop lists the fields that concern one connection only (RFC 9110,
// section 7.6.1), beside those that Connection names itself.
var hopByHop = [...]string{
	"Connection",
	"Keep-Alive",
	"Proxy-Connection", // not standard, but sent by old clients
	"Te",
	"Trailer",
	"Transfer-Encoding",
	"Upgrade",
}

// removeHopByHop drops the fields of the connection the message came on. An
// app's Proxy-Authenticate stays, as in any gateway: it is for the client.
func removeHopByHop(h http.Header) {
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			h.Del(strings.Trim(name, " \t"))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// removeForGateway drops what is meant for a proxy, or what only we may say.
// Content-Length is the body's to say.
func removeForGateway(h http.Header) {
	for _, name := range [...]string{"Proxy", "Proxy-Authorization", "Expect", "Content-Length", signatureField, challenge.Field} {
		delete(h, name)
	}
}
