package cgiproxy

import (
	"net/http"
	"strings"
)

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
// app's Proxy-Authenticate stays, as in any gateway: it is for the visitor.
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

// hasToken reports whether a comma-separated field value has the token, in any
// spelling; a version ("websocket/13") does not matter.
func hasToken(value, token string) bool {
	for item := range strings.SplitSeq(value, ",") {
		name, _, _ := strings.Cut(strings.Trim(item, " \t"), "/")
		if strings.EqualFold(name, token) {
			return true
		}
	}
	return false
}
