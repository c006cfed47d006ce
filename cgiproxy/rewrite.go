package cgiproxy

import (
	"net/url"
	"strings"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// A reverseMapping tells how the app's own URLs and the public ones relate. It
// goes both ways: what a client names by its public URL in a request, and what
// the app names by its own in the response.
type reverseMapping struct {
	app    *settings.Upstream
	host   string // Host as it is sent to the app
	public publicURL
	chosen func() string // the app's address, where that is another at each start
}

// publicRef returns a URI reference of the app (RFC 3986, section 4.1) as the
// client must see it. A URL at the app's own address gets the public one; a
// path gets back what was taken from it; relative and foreign references stay.
func (m reverseMapping) publicRef(ref string) string {
	if isAbsolutePath(ref) {
		path := m.publicPath(ref)
		// What browsers read: they take out tabs, and \ for / (URL Standard, section
		// 4.4).
		read := strings.NewReplacer("\t", "", `\`, "/").Replace(path)
		if path != ref && !isAbsolutePath(read) {
			// What is left of /base//host/ would be a URL of that host: a dot segment
			// says that it is a path (RFC 3986, section 4.2).
			return "/." + path
		}
		return path
	}
	scheme, authority, path, ok := splitURL(ref)
	switch {
	case !ok || m.public.host == "":
		return ref
	case m.isPublic(scheme, authority):
		// The app made it of Host, and may not know that the client has https.
		return ref[:len(ref)-len(path)] + m.publicPath(path)
	case m.isOwn(scheme, authority):
		return m.public.scheme + "://" + m.public.host + m.publicPath(path)
	}
	return ref
}

// appRef is the inverse of publicRef: it returns a URI reference of the client
// as the app must see it. WebDAV apps compare its host with Host, and answer
// 502 to another one. Some compare the scheme as well, with that of their own
// connection (mod_dav, nginx) or with X-Forwarded-Proto (SeafDAV): it goes with
// the host, the client's where Host is the client's.
func (m reverseMapping) appRef(ref string) string {
	if isAbsolutePath(ref) {
		path, _ := m.appPath(ref)
		return path
	}
	scheme, authority, path, ok := splitURL(ref)
	if !ok || m.public.host == "" || !m.isPublic(scheme, authority) {
		return ref
	}
	appPath, ok := m.appPath(path)
	switch {
	case !ok:
		return ref
	case sameAuthority(scheme, m.host, m.public.host):
		return ref[:len(ref)-len(path)] + appPath
	}
	return m.app.Scheme + "://" + m.host + appPath
}

// publicPath swaps the app's base for the public prefix. A path that has the
// prefix already is left alone: the app has read X-Forwarded-Prefix.
func (m reverseMapping) publicPath(path string) string {
	switch {
	case m.app.Base != "" && hasPathPrefix(path, m.app.Base):
		path = path[len(m.app.Base):]
	case m.public.prefix != "" && hasPathPrefix(path, m.public.prefix):
		return path
	}
	path = m.public.prefix + path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path
}

// appPath swaps the public prefix for the app's base, as it is done to the
// target of a request. It reports false for a path that is not below the
// prefix, and so not the app's.
func (m reverseMapping) appPath(path string) (string, bool) {
	if m.public.prefix == "" && m.app.Base == "" {
		return path, true
	}
	query := ""
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path, query = path[:i], path[i:]
	}
	rest := path
	if m.public.prefix != "" {
		prefix, err := url.PathUnescape(m.public.prefix)
		below := err == nil
		if below {
			_, rest, below = cutPathPrefix(path, prefix)
		}
		if !below {
			return path + query, false
		}
	}
	if rest == "" {
		rest = "/"
	}
	return m.app.Base + rest + query, true
}

// isPublic reports whether the authority of a URL is what the client calls the
// site. Where the URL has no scheme it has that of the page it stands in.
func (m reverseMapping) isPublic(scheme, authority string) bool {
	if scheme == "" {
		scheme = m.public.scheme
	}
	return sameAuthority(scheme, authority, m.public.host)
}

// isOwn reports whether the authority of a URL is the app's own: where it
// listens, or what Host calls it. The Host of a TCP address stands for that
// address only: an app that sends its clients from http to https, port 443,
// means another server, and would be asked in a circle.
func (m reverseMapping) isOwn(scheme, authority string) bool {
	if scheme == "" {
		scheme = m.app.Scheme
	}
	app := m.app
	if app.Auto { // another port is that of a program at the client's (RFC 8252, section 7.3)
		app = app.At(m.chosen())
	}
	if app.IsOwn(scheme, authority) {
		return true
	}
	address := m.app.Network == "tcp" && m.host == m.app.Authority
	return !address && sameAuthority(scheme, authority, m.host)
}

// isAbsolutePath reports whether ref starts at the root of its host.
func isAbsolutePath(ref string) bool {
	return strings.HasPrefix(ref, "/") && !strings.HasPrefix(ref, "//")
}

// splitURL splits an http or https URL, or one of two slashes and a host, in
// front of its path. It reports false for any other reference.
func splitURL(ref string) (scheme, authority, path string, ok bool) {
	scheme, rest, ok := strings.Cut(ref, "//")
	switch scheme = strings.ToLower(scheme); {
	case !ok || scheme != "" && scheme != "http:" && scheme != "https:":
		return "", "", "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return strings.TrimSuffix(scheme, ":"), rest[:end], rest[end:], true
}

// sameAuthority compares the authorities of two URLs of a scheme: the case of a
// host does not matter, nor whether the usual port is written (RFC 9110,
// section 4.2.3).
func sameAuthority(scheme, a, b string) bool {
	hostA, portA := syntax.SplitHost(scheme, a)
	hostB, portB := syntax.SplitHost(scheme, b)
	return portA == portB && strings.EqualFold(hostA, hostB)
}

// hasPathPrefix reports whether path is prefix or below it.
func hasPathPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || strings.IndexByte("/?#", rest[0]) >= 0)
}
