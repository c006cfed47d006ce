package cgiproxy

import (
	"net/http"
	"strings"
)

// rewriteRequest turns the public URLs in the fields of WebDAV into the app's
// own: the app compares them with its target. Referer and Origin stay, for they
// say where the client has been, and apps compare them with X-Forwarded-Host.
func (m reverseMapping) rewriteRequest(h http.Header) {
	for i, ref := range h["Destination"] {
		h["Destination"][i] = m.appRef(ref) // RFC 4918, section 10.3
	}
	for i, value := range h["If"] {
		h["If"][i] = m.appIf(value)
	}
}

// appIf rewrites the tags of the lists in an If field (RFC 4918, section 10.4):
// "<http://example.com/a> (<urn:uuid:1> ["etag"])". What stands in parentheses
// are no resources but state tokens and entity tags.
func (m reverseMapping) appIf(value string) string {
	var b strings.Builder
	inList, done := false, 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '(':
			inList = true
		case ')':
			inList = false
		case '"':
			i += strings.IndexByte(value[i+1:], '"') + 1
		case '<':
			end := strings.IndexByte(value[i:], '>')
			if end < 0 {
				return b.String() + value[done:]
			}
			if !inList {
				b.WriteString(value[done:i+1] + m.appRef(value[i+1:i+end]))
				done = i + end
			}
			i += end
		}
	}
	return b.String() + value[done:]
}
