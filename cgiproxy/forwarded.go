package cgiproxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A publicURL is what the visitor sees before the path.
type publicURL struct {
	scheme string // "http" or "https"
	host   string // Host as the visitor sent it, empty where he sent none
	prefix string // the path that STRIP_PREFIX took away, percent-encoded, "" or "/sub"
}

// setForwarded replaces whatever the client claimed in X-Forwarded-* and the
// like by what the web server knows. Where the peer is one of TRUSTED_PROXIES
// its claims are kept and added to.
func setForwarded(h http.Header, env Environ, trusted Networks, prefix string) publicURL {
	peer, err := netip.ParseAddr(env["REMOTE_ADDR"])
	believed := err == nil && trusted.contain(peer)
	claims := http.Header{}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "X-Forwarded-"):
			if believed {
				claims[name] = values
			}
			delete(h, name)
		case !believed && isProxyField(name):
			delete(h, name)
		}
	}
	delete(h, "Forwarded")
	delete(h, "X-Real-Ip")
	set := func(name, value string) {
		if value != "" {
			h["X-Forwarded-"+name] = []string{value}
		}
	}

	public := publicURL{scheme: "http", host: env["HTTP_HOST"], prefix: prefix}
	port := env["SERVER_PORT"]
	if env.https() {
		public.scheme = "https"
		if port == "80" { // a host that ends TLS in front and sets HTTPS=on
			port = "443"
		}
	}
	if proto := strings.ToLower(claims.Get("X-Forwarded-Proto")); proto == "http" || proto == "https" {
		public.scheme, port = proto, defaultPort(proto)
	}
	if host := claims.Get("X-Forwarded-Host"); isHost(host) {
		public.host = host
		if _, p, err := net.SplitHostPort(host); err == nil && p != "" {
			port = p
		}
	}
	if p := claims.Get("X-Forwarded-Port"); isPort(p) {
		port = p
	}
	if front := claims.Get("X-Forwarded-Prefix"); strings.HasPrefix(front, "/") && !strings.HasPrefix(front, "//") {
		public.prefix = strings.TrimRight(front, "/") + public.prefix
	}

	if err == nil {
		chain := forwardedFor(claims["X-Forwarded-For"], peer, trusted)
		client, _, _ := strings.Cut(chain, ",")
		h["X-Real-Ip"] = []string{client}
		set("For", chain)
	}
	set("Host", public.host)
	set("Proto", public.scheme)
	if isPort(port) {
		set("Port", port)
	}
	set("Prefix", public.prefix)
	set("User", cleanValue(env["REMOTE_USER"]))
	return public
}

// forwardedFor returns the addresses the request came through, the visitor's
// first, the peer's last. It walks the trusted claim from the right and stops
// at the first address that is no trusted proxy: what stands left of it was
// written by a stranger.
func forwardedFor(claim []string, peer netip.Addr, trusted Networks) string {
	chain := peer.String()
	hops := strings.Split(strings.Join(claim, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.Trim(hops[i], " \t")
		if hop == "" {
			continue
		}
		addr, err := netip.ParseAddr(hop)
		if err != nil {
			break
		}
		chain = hop + ", " + chain
		if !trusted.contain(addr) {
			break
		}
	}
	return chain
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}
