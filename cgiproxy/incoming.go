package cgiproxy

import (
	"net/http"
	"net/http/cgi"
	"strings"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// An incoming is what came in of a request, besides its target and body.
type incoming struct {
	method     string
	header     http.Header // without what is not for the app
	host       string      // Host, "" where the client sent none (HTTP/1.0)
	serverName string      // where there is no Host, the web server's name for the site, or ""
}

// readIncoming takes what net/http/cgi can be trusted with from it: the names
// and values of the header fields. The rest it rejects or changes where a real
// server's variables are odd (HTTP/3, %zz, "//", "*", a Host with a path), so
// it gets harmless ones.
func readIncoming(env Environ) (incoming, error) {
	method := env["REQUEST_METHOD"]
	switch {
	case !syntax.IsToken(method):
		return incoming{}, badRequest("method %.200q is no token", method)
	case method == http.MethodConnect:
		// A 2xx to CONNECT has no body but a tunnel, which CGI cannot be.
		return incoming{}, notImplemented("method CONNECT", "")
	}
	host := env["HTTP_HOST"]
	if host != "" && !syntax.IsHost(host) {
		return incoming{}, badRequest("Host %.200q is no host", host)
	}
	vars := map[string]string{
		"REQUEST_METHOD":  http.MethodGet,
		"SERVER_PROTOCOL": "HTTP/1.1",
		"REQUEST_URI":     "/",
		"CONTENT_TYPE":    syntax.CleanValue(env["CONTENT_TYPE"]),
	}
	for name, value := range env {
		if strings.HasPrefix(name, "HTTP_") && name != "HTTP_HOST" {
			vars[name] = value
		}
	}
	read, err := cgi.RequestFromMap(vars)
	if err != nil {
		return incoming{}, badRequest("%w", err)
	}
	if syntax.HasToken(read.Header.Get("Upgrade"), "websocket") {
		return incoming{}, notImplemented("websocket",
			"A web server runs this site's gateway once for each request (CGI), so it cannot carry a WebSocket. Server-sent events and long polling work.")
	}
	removeHopByHop(read.Header)
	removeForGateway(read.Header)
	removeLookalikes(read.Header)
	in := incoming{method: method, header: read.Header, host: host}
	if host == "" {
		in.serverName = serverName(env)
	}
	return in, nil
}

// hostFor returns the Host to send. A client that sent none gets the name the
// web server chose for it.
func (in incoming) hostFor(cfg *settings.Config) string {
	switch {
	case !cfg.PreserveHost:
	case in.host != "":
		return in.host
	case in.serverName != "":
		return in.serverName
	}
	return cfg.Upstream.Authority
}

func serverName(env Environ) string {
	port := env["SERVER_PORT"]
	if port == "80" || port == "443" || !syntax.IsPort(port) {
		port = ""
	}
	if host := syntax.JoinHost(strings.Trim(env["SERVER_NAME"], "[]"), port); syntax.IsHost(host) {
		return host
	}
	return ""
}
