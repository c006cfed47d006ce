package cgiproxy

import (
	"net/http"
	"slices"
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
// app's Proxy-Authenticate stays, as in any gateway: it is for the client. So does
// Content-Length: it is for all, and shows that a message was cut. And so does what a
// proxy in front says of the client, who could take it away: HAProxy passes on the
// Connection that he has written (CVE-2022-31813 was that of mod_proxy).
func removeHopByHop(h http.Header) {
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			if name != "Content-Length" && !tellsOfProxy(name) {
				delete(h, name)
			}
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// forGateway lists what is meant for a proxy, or what only we may say.
// Content-Length is the body's to say.
var forGateway = [...]string{"Proxy", "Proxy-Authorization", "Expect", "Content-Length", signatureField, challenge.Field}

func removeForGateway(h http.Header) {
	for _, name := range forGateway {
		delete(h, name)
	}
}

// removeLookalikes drops fields that an app could take for one of those that end
// here: PHP reads X.Forwarded.User as X-Forwarded-User.
func removeLookalikes(h http.Header) {
	for name := range h {
		if plain := plainName(name); plain != name && endsHere(plain) {
			delete(h, name)
		}
	}
}

// plainName returns a field name with hyphens in place of all that is neither
// letter nor digit.
func plainName(name string) string {
	isOther := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-'
	}
	if strings.IndexFunc(name, isOther) < 0 {
		return name
	}
	return http.CanonicalHeaderKey(strings.Map(func(r rune) rune {
		if isOther(r) {
			return '-'
		}
		return r
	}, name))
}

func endsHere(name string) bool {
	return tellsOfProxy(name) || replacesTarget(name) ||
		slices.Contains(hopByHop[:], name) || slices.Contains(forGateway[:], name)
}
