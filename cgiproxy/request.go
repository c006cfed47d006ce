package cgiproxy

import (
	"net/http"
	"net/http/cgi"
	"net/url"
	"strconv"
	"strings"
)

// unknownLength is the ContentLength of a body that ends where stdin ends.
const unknownLength = -1

// newRequest returns the request to send to the app, without its body, and how
// the app's URLs and the public ones relate. It depends on its arguments only.
//
// RequestURI is the request-target as it goes on the wire: net/url cannot hold
// each one a visitor may send. ContentLength is 0 for no body and -1 for one of
// unknown length; Header has the matching Content-Length or Transfer-Encoding.
func newRequest(env Environ, cfg *Config) (*http.Request, reverseMapping, error) {
	in, err := readRequest(env)
	if err != nil {
		return nil, reverseMapping{}, err
	}
	path, query, err := requestTarget(env, cfg.UsePathInfo)
	if err != nil {
		return nil, reverseMapping{}, err
	}
	prefix := cfg.stripPrefix(env)
	if cfg.UsePathInfo {
		prefix = escapePath(prefix) // PATH_INFO comes without it
	} else {
		path, prefix = stripPrefix(path, prefix)
	}
	if path != "*" {
		path = cfg.Upstream.base + path
	}

	length, err := bodyLength(env, int64(cfg.MaxBody))
	if err != nil {
		return nil, reverseMapping{}, err
	}
	if hasToken(in.Header.Get("Upgrade"), "websocket") {
		return nil, reverseMapping{}, notImplemented("websocket",
			"A web server runs this site's gateway once for each request (CGI), so it cannot carry a WebSocket. Server-sent events and long polling work.")
	}
	removeHopByHop(in.Header)
	for _, name := range [...]string{"Proxy", "Proxy-Authorization", "Expect", signatureField} {
		delete(in.Header, name)
	}
	cfg.setMark(in.Header, env)
	public := setForwarded(in.Header, env, cfg.TrustedProxies, prefix)
	if public.host == "" {
		public.host = serverHost(env)
	}
	mapping := reverseMapping{app: &cfg.Upstream, host: hostField(env, cfg), public: public}
	mapping.rewriteRequest(in.Header)

	out := &http.Request{
		Method:     in.Method,
		URL:        &url.URL{Scheme: cfg.Upstream.scheme, Host: cfg.Upstream.authority},
		RequestURI: path + query,
		Header:     in.Header,
		Host:       mapping.host,
		Body:       http.NoBody,
		Close:      true,
	}
	setBodyLength(out, length)
	return out, mapping, nil
}

// readRequest reads what net/http/cgi can be trusted with: the method and the
// header fields. The rest it rejects or changes where a real server's variables
// are odd: HTTP/3, %zz, "//", "*", a Host with a path.
func readRequest(env Environ) (*http.Request, error) {
	vars := map[string]string{
		"REQUEST_METHOD":  env["REQUEST_METHOD"],
		"SERVER_PROTOCOL": "HTTP/1.1",
		"REQUEST_URI":     "/",
		"CONTENT_TYPE":    cleanValue(env["CONTENT_TYPE"]),
	}
	for name, value := range env {
		if strings.HasPrefix(name, "HTTP_") && name != "HTTP_HOST" {
			vars[name] = value
		}
	}
	switch method := vars["REQUEST_METHOD"]; {
	case !isToken(method):
		return nil, badRequest("method %q is no token", method)
	case method == http.MethodConnect:
		// A 2xx to CONNECT has no body but a tunnel, which CGI cannot be.
		return nil, notImplemented("method CONNECT", "")
	}
	if host := env["HTTP_HOST"]; host != "" && !isHost(host) {
		return nil, badRequest("Host %q is no host", host)
	}
	in, err := cgi.RequestFromMap(vars)
	if err != nil {
		return nil, badRequest("%w", err)
	}
	return in, nil
}

// hostField returns the Host to send. A visitor who sent none (HTTP/1.0) gets
// the name the web server chose for him.
func hostField(env Environ, cfg *Config) string {
	if !cfg.PreserveHost {
		return cfg.Upstream.authority
	}
	if host := env["HTTP_HOST"]; host != "" {
		return host
	}
	if host := serverHost(env); host != "" {
		return host
	}
	return cfg.Upstream.authority
}

// serverHost returns the web server's own name for the site, as a Host, or "".
func serverHost(env Environ) string {
	port := env["SERVER_PORT"]
	if port == "80" || port == "443" || !isPort(port) {
		port = ""
	}
	if host := joinHost(strings.Trim(env["SERVER_NAME"], "[]"), port); isHost(host) {
		return host
	}
	return ""
}

// bodyLength returns the length of the request's body: 0 or more where the
// server declared one, unknownLength where the body ends with stdin, noBody
// where there is none.
func bodyLength(env Environ, limit int64) (int64, error) {
	if declared := env["CONTENT_LENGTH"]; declared != "" {
		n, err := strconv.ParseUint(declared, 10, 63)
		if err != nil {
			return 0, badRequest("CONTENT_LENGTH %q is no length", declared)
		}
		if limit > 0 && n > uint64(limit) {
			return 0, tooLarge(limit)
		}
		return int64(n), nil
	}
	switch coding := env["HTTP_TRANSFER_ENCODING"]; {
	case strings.EqualFold(coding, "chunked"):
		return unknownLength, nil
	case coding != "" && !strings.EqualFold(coding, "identity"):
		// RFC 9112, section 6.1
		return 0, notImplemented("Transfer-Encoding "+strconv.Quote(coding), "")
	}
	return noBody, nil
}

// noBody is the length of a request that declares no body. It differs from 0
// in that no Content-Length is sent.
const noBody = -2

func setBodyLength(out *http.Request, length int64) {
	delete(out.Header, "Content-Length")
	switch {
	case length == unknownLength:
		out.ContentLength = length
		out.Header["Transfer-Encoding"] = []string{"chunked"}
	case length >= 0:
		out.ContentLength = length
		out.Header["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
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
	return rest, escapePath(prefix)
}
