package cgiproxy

import (
	"net/http"
	"strings"
)

// A mount tells how the app's own URLs and the public ones relate.
type mount struct {
	app    *Upstream
	public publicURL
}

// rewrite turns the app's own URLs in the header into public ones.
func (m mount) rewrite(h http.Header) {
	for _, name := range [...]string{"Location", "Content-Location"} {
		for i, ref := range h[name] {
			h[name][i] = m.publicRef(ref)
		}
	}
	for i, value := range h["Refresh"] {
		h["Refresh"][i] = m.publicRefresh(value)
	}
	if m.app.base == m.public.prefix {
		return // cookie paths are the same on both sides
	}
	for i, cookie := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = m.publicCookie(cookie)
	}
}

// publicRef returns a URI reference (RFC 3986, section 4.1) as the visitor
// must see it. A URL at the app's own address gets the public one; a path gets
// back what was taken from it; relative and foreign references stay.
func (m mount) publicRef(ref string) string {
	if strings.HasPrefix(ref, "/") && !strings.HasPrefix(ref, "//") {
		return m.publicPath(ref)
	}
	scheme, rest, ok := strings.Cut(ref, "//")
	if !ok || scheme != "" && !strings.HasSuffix(scheme, ":") {
		return ref
	}
	scheme = strings.ToLower(strings.TrimSuffix(scheme, ":"))
	if scheme == "" { // the app's own, which it takes for the visitor's
		scheme = m.app.scheme
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	switch {
	case m.public.host == "" || scheme != "http" && scheme != "https":
		return ref
	case strings.EqualFold(host, m.public.host):
		// The app made it of Host, and may not know that the visitor has https.
		return ref[:len(ref)-len(path)] + m.publicPath(path)
	case m.app.isOwn(scheme, host):
		return m.public.scheme + "://" + m.public.host + m.publicPath(path)
	}
	return ref
}

// publicPath swaps the app's base for the public prefix. A path that has the
// prefix already is left alone: the app has read X-Forwarded-Prefix.
func (m mount) publicPath(path string) string {
	if m.public.prefix != "" && hasPathPrefix(path, m.public.prefix) {
		return path
	}
	if m.app.base != "" && hasPathPrefix(path, m.app.base) {
		path = path[len(m.app.base):]
	}
	path = m.public.prefix + path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path
}

// publicRefresh rewrites the URL in "5; url=/x".
func (m mount) publicRefresh(value string) string {
	i := 0 // byte by byte: strings.ToLower may change the length
	for !hasPrefixFold(value[i:], "url=") {
		if i++; i >= len(value) {
			return value
		}
	}
	i += len("url=")
	quote := ""
	if rest := value[i:]; rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		quote = rest[:1]
	}
	ref := strings.Trim(value[i:], quote+" \t")
	return value[:i] + quote + m.publicRef(ref) + quote
}

// publicCookie rewrites the Path of a Set-Cookie (RFC 6265, section 4.1). A
// __Host- cookie must keep the path /.
func (m mount) publicCookie(cookie string) string {
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

// hasPathPrefix reports whether path is prefix or below it.
func hasPathPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || strings.IndexByte("/?#", rest[0]) >= 0)
}
