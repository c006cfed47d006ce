package cgiproxy

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// A target is the request-target (RFC 9112, section 3.2) as the app shall see
// it.
type target struct {
	path   string // with the app's base path, or "*"
	query  string // with its question mark, so that an empty one is not lost
	prefix string // what STRIP_PREFIX took away, percent-encoded
}

func newTarget(env Environ, cfg *settings.Config) (target, error) {
	path, query, err := requestTarget(env, cfg.UsePathInfo)
	if err != nil {
		return target{}, err
	}
	prefix := prefixFor(env, cfg.StripPrefix)
	if cfg.UsePathInfo {
		prefix = escapePath(prefix) // PATH_INFO comes without it
	} else {
		path, prefix = stripPrefix(path, prefix)
	}
	if path != "*" {
		path = cfg.Upstream.Base + path
	}
	return target{path, query, prefix}, nil
}

// prefixFor returns the decoded prefix to take from this request's path, "" for
// none.
func prefixFor(env Environ, stripPrefix string) string {
	if stripPrefix != settings.AutoPrefix {
		return stripPrefix
	}
	folder, name := env.scriptFolder()
	if name == "" {
		return ""
	}
	return strings.TrimRight(folder, "/")
}

// stripPrefix takes the public prefix, which is decoded, from the path. It
// returns the prefix percent-encoded, or "" where the path does not start so.
func stripPrefix(path, prefix string) (stripped, removed string) {
	if prefix == "" {
		return path, ""
	}
	_, rest, ok := cutPathPrefix(path, prefix)
	if !ok {
		return path, ""
	}
	if rest == "" {
		rest = "/"
	}
	// Not as the client spells it: an app that knows its prefix has one spelling.
	return rest, escapePath(prefix)
}

// requestTarget returns path and query of the request-target (RFC 9112,
// section 3.2) as the client sent them, byte for byte where they can be sent
// on, and before STRIP_PREFIX. The query includes its question mark, so that an
// empty one is not lost.
func requestTarget(env Environ, usePathInfo bool) (path, query string, err error) {
	raw := env["REQUEST_URI"]
	switch {
	case usePathInfo || raw == "":
		path = pathFromInfo(env, usePathInfo)
		if env["QUERY_STRING"] != "" {
			query = "?" + env["QUERY_STRING"]
		}
		path, err = removeDotSegments(path)
	case raw == "*" && env["REQUEST_METHOD"] == "OPTIONS":
		path = raw
	default:
		path, query, err = splitTarget(raw)
		if err == nil {
			path, err = removeDotSegments(path)
		}
		if err == nil {
			path, err = removeScriptName(path, env)
		}
	}
	return sendablePath(path), sendable(query), err
}

// pathFromInfo builds the path from variables that the server has decoded.
// With USE_PATH_INFO it is what the owner's rewrite rule put behind the
// script's name; without it, and without REQUEST_URI, it is the whole URL's.
func pathFromInfo(env Environ, usePathInfo bool) string {
	path := env["PATH_INFO"]
	if !usePathInfo {
		folder, name := env.scriptFolder()
		if name != "" && path == "" {
			path = "/" // the script stands for its folder
		}
		path = strings.TrimSuffix(folder, "/") + path
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return escapePath(path)
}

// splitTarget splits a request-target at the query. An absolute-form loses
// scheme and authority.
func splitTarget(raw string) (path, query string, err error) {
	path = raw
	if !strings.HasPrefix(raw, "/") {
		rest, _, ok := cutAbsoluteForm(raw)
		if !ok {
			return "", "", badRequest("request-target %.200q is neither a path nor an absolute URL", raw)
		}
		path = rest
	}
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i:]
	}
	if !strings.HasPrefix(path, "/") { // an absolute-form without a path
		path = "/" + path
	}
	if strings.Contains(path, "#") {
		// nginx and lighttpd, and Apache told to be lenient, decide by what is
		// before it: "/open#/../admin" is "/open" for them.
		return "", "", badRequest("path %.200q has a number sign", path)
	}
	return path, query, nil
}

// cutAbsoluteForm returns the parts of an absolute-form: what stands behind
// the authority, and that. It reports false for any other form.
func cutAbsoluteForm(raw string) (rest, authority string, ok bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || !syntax.IsToken(scheme) {
		return "", "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return rest[end:], rest[:end], true
}

// removeScriptName takes the script's name out of a URL that names it:
// /sub/proxy.cgi/x is /sub/x for the app, as in the article that started this.
// Where pages are for proxy.fcgi and uploads for proxy.cgi beside it, the URL
// may name the one and reach the other, by way of the rules in .htaccess: these
// have then been asked about the path behind it. Other servers took such a URL
// for one of the app, and have not. Where they refuse all that name the script, as
// MANUAL has it, lighttpd's regular expressions do not hold for a path that is no
// UTF-8.
func removeScriptName(path string, env Environ) (string, error) {
	script := env["SCRIPT_NAME"]
	if _, name := env.scriptFolder(); name == "" {
		return path, nil
	}
	names := []string{script}
	if env.readsHtaccess() {
		names = append(names, otherScript(script))
	}
	for _, script := range names {
		named, rest, ok := cutPathPrefix(path, script)
		if !ok {
			continue
		}
		if decoded, err := url.PathUnescape(rest); !env.readsHtaccess() && (err != nil || !utf8.ValidString(decoded)) {
			return "", badRequest("path %.200q names the script, and is no UTF-8 behind it", path)
		}
		if rest == "" {
			rest = "/"
		}
		return named[:strings.LastIndexByte(named, '/')] + rest, nil
	}
	return path, nil
}

// otherScript returns the URL of the script that may be beside this one.
func otherScript(script string) string {
	if before, ok := strings.CutSuffix(script, ".cgi"); ok {
		return before + ".fcgi"
	}
	return strings.TrimSuffix(script, ".fcgi") + ".cgi"
}

// cutPathPrefix splits a path after the segments of prefix, which is decoded.
// It compares as servers do, decoded and with slashes merged.
func cutPathPrefix(path, prefix string) (before, after string, found bool) {
	end := 0
	for want := range strings.SplitSeq(strings.Trim(prefix, "/"), "/") {
		segment := strings.TrimLeft(path[end:], "/")
		start := len(path) - len(segment)
		if start == end {
			return "", path, false
		}
		segment, _, _ = strings.Cut(segment, "/")
		if decoded, err := url.PathUnescape(segment); err != nil || decoded != want {
			return "", path, false
		}
		end = start + len(segment)
	}
	return path[:end], path[end:], true
}

// escapePath percent-encodes what may not stand in a path (RFC 3986, section
// 3.3): s is decoded, so a percent sign is one too.
func escapePath(s string) string {
	return percentEncode(s, func(c byte) bool {
		return syntax.IsAlphanumeric(c) || strings.IndexByte("/-._~!$&'()*+,;=:@", c) >= 0
	})
}

// sendable percent-encodes only what would break the request line: blanks and
// control bytes (RFC 9112, section 3), and the number sign, which would start a
// fragment that no request-target has. All other bytes are the client's own.
func sendable(s string) string {
	return percentEncode(s, func(c byte) bool {
		return c > ' ' && c != 0x7f && c != '#'
	})
}

// sendablePath is sendable for a path, of which a backslash is no separator, as for
// the web server: apps that read URLs as browsers do (WHATWG) take one for a slash,
// and have "/open/..\admin" for "/admin". A browser never sends one.
func sendablePath(s string) string {
	return sendable(strings.ReplaceAll(s, `\`, "%5C"))
}

func percentEncode(s string, keep func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		if !keep(s[i]) {
			b.WriteString(s[done:i])
			b.Write([]byte{'%', hex[s[i]>>4], hex[s[i]&15]})
			done = i + 1
		}
	}
	if done == 0 {
		return s
	}
	return b.String() + s[done:]
}
