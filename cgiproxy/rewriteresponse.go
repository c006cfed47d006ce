package cgiproxy

import (
	"net/http"
	"strings"
)

// rewriteResponse turns the app's own URLs in the header of a response into
// public ones.
func (m reverseMapping) rewriteResponse(h http.Header) {
	for _, name := range [...]string{"Location", "Content-Location"} {
		for i, ref := range h[name] {
			h[name][i] = m.publicRef(ref)
		}
	}
	for i, value := range h["Refresh"] {
		before, ref, after := cutRefresh(value)
		h["Refresh"][i] = before + m.publicRef(ref) + after
	}
	if m.app.Base == m.public.prefix {
		return // cookie paths are the same on both sides
	}
	for i, cookie := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = m.publicCookie(cookie)
	}
}

// cutRefresh finds the URL in a Refresh field where browsers find it: "5;
// url=/x", but also "5, /x" and "5 'x'" (HTML Standard, "shared declarative
// refresh steps"). The URL is empty where they find none.
func cutRefresh(value string) (before, ref, after string) {
	const blanks, digits = " \t", "0123456789"
	rest := strings.TrimLeft(value, blanks)
	if rest == "" || strings.IndexByte(digits+".", rest[0]) < 0 {
		return value, "", ""
	}
	rest = strings.TrimLeft(rest, digits+".")
	if rest == "" || strings.IndexByte(";,"+blanks, rest[0]) < 0 {
		return value, "", ""
	}
	rest = strings.TrimLeft(rest, blanks)
	if rest != "" && (rest[0] == ';' || rest[0] == ',') {
		rest = strings.TrimLeft(rest[1:], blanks)
	}
	if hasPrefixFold(rest, "url") {
		if url, ok := strings.CutPrefix(strings.TrimLeft(rest[len("url"):], blanks), "="); ok {
			rest = strings.TrimLeft(url, blanks)
		}
	}
	ref = rest
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		quote := rest[:1]
		rest = rest[1:]
		ref, _, _ = strings.Cut(rest, quote)
	}
	start := len(value) - len(rest) + len(ref) - len(strings.TrimLeft(ref, blanks))
	ref = strings.Trim(ref, blanks) // blanks around are no part of a URL
	return value[:start], ref, value[start+len(ref):]
}

// publicCookie rewrites the Path of a Set-Cookie (RFC 6265, section 4.1). A
// __Host- cookie must keep the path /.
func (m reverseMapping) publicCookie(cookie string) string {
	if hasPrefixFold(cookie, "__Host-") {
		return cookie
	}
	parts := strings.Split(cookie, ";")
	for i, part := range parts[1:] {
		name, value, ok := strings.Cut(part, "=")
		value = strings.TrimSpace(value)
		if ok && strings.EqualFold(strings.TrimSpace(name), "Path") && strings.HasPrefix(value, "/") {
			path := m.publicPath(value)
			if path != value && path == m.public.prefix+"/" && path != "/" {
				path = m.public.prefix // for /sub/ would leave out /sub
			}
			parts[i+1] = name + "=" + path
		}
	}
	return strings.Join(parts, ";")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
