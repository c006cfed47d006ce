package cgiproxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// A publicURL is what the client sees before the path.
type publicURL struct {
	scheme string // "http" or "https"
	host   string // Host as the client sent it, empty where it sent none
	prefix string // the path that STRIP_PREFIX took away, percent-encoded, "" or "/sub"
}

// A peer is who has sent the request to the web server: the client, or a proxy
// in front.
type peer struct {
	addr    netip.Addr // invalid where it is unknown
	trusted bool       // it is one of TRUSTED_PROXIES
	proxies settings.Networks
}

func newPeer(env Environ, proxies settings.Networks) peer {
	addr, err := netip.ParseAddr(env["REMOTE_ADDR"])
	return peer{addr, err == nil && proxies.Contains(addr), proxies}
}

// setForwarded replaces whatever the client claimed in X-Forwarded-* and the
// like by what the web server knows. The claims of a trusted peer are kept and
// added to.
func setForwarded(h http.Header, env Environ, from peer, prefix string) publicURL {
	claims := takeClaims(h, from.trusted)
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
	if proto := agreed(strings.ToLower(claims.Get("X-Forwarded-Proto"))); proto == "http" || proto == "https" {
		public.scheme, port = proto, syntax.DefaultPort(proto)
	}
	if host := claims.Get("X-Forwarded-Host"); syntax.IsHost(host) {
		public.host = host
		if _, p, err := net.SplitHostPort(host); err == nil && p != "" {
			port = p
		}
	}
	if p := claims.Get("X-Forwarded-Port"); syntax.IsPort(p) {
		port = p
	}
	if front := claims.Get("X-Forwarded-Prefix"); isPrefix(front) {
		public.prefix = strings.TrimRight(front, "/") + public.prefix
	}

	if from.addr.IsValid() {
		chain := from.forwardedFor(claims["X-Forwarded-For"])
		client, _, _ := strings.Cut(chain, ",")
		h["X-Real-Ip"] = []string{client}
		set("For", chain)
	}
	set("Host", public.host)
	set("Proto", public.scheme)
	if syntax.IsPort(port) {
		set("Port", port)
	}
	set("Prefix", public.prefix)
	if user := env["REMOTE_USER"]; syntax.CleanValue(user) == user { // else it would be another name
		set("User", user)
	}
	return public
}

// agreed returns what all elements of a list are, "" where they differ: each of two
// proxies in a row may have added its own.
func agreed(list string) string {
	first, rest, more := strings.Cut(list, ",")
	if first = strings.Trim(first, " \t"); more && agreed(rest) != first {
		return ""
	}
	return first
}

// checkClaims refuses what a trusted peer says of the client where the client may
// have said it, in another spelling: Caddy and HAProxy pass X_Forwarded_For on as it
// came, beside the X-Forwarded-For that they set.
func (p peer) checkClaims(env Environ) error {
	if !p.trusted {
		return nil
	}
	for name := range strings.FieldsSeq(env[ambiguous]) {
		field := http.CanonicalHeaderKey(strings.ReplaceAll(strings.TrimPrefix(name, "HTTP_"), "_", "-"))
		if strings.HasPrefix(field, "X-Forwarded-") || isProxyField(field) {
			return badRequest("%s is there in two spellings, and one may be the visitor's: %s has to take out names with underscores", field, p.addr)
		}
	}
	return nil
}

// isPrefix reports whether a claim is a path to put before others. A client may
// have made it: browsers read "//" and "/\" as the begin of another site.
func isPrefix(claim string) bool {
	return strings.HasPrefix(claim, "/") && !strings.HasPrefix(claim, "//") && !strings.ContainsFunc(claim, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>\^`+"`{|}?#", r) // RFC 3986, section 3.3
	})
}

// takeClaims takes out of the header what a proxy would say, and returns what
// is to be believed of it.
func takeClaims(h http.Header, trusted bool) (claims http.Header) {
	claims = http.Header{}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "X-Forwarded-"):
			if trusted {
				claims[name] = values
			}
			delete(h, name)
		case !trusted && isProxyField(name), replacesTarget(name):
			delete(h, name)
		}
	}
	delete(h, "Forwarded")
	delete(h, "X-Real-Ip")
	return claims
}

// forwardedFor returns the addresses the request came through, the client's
// first, the peer's last. It walks the trusted claim from the right and stops
// at the first address that is no trusted proxy: what stands left of it was
// written by a stranger.
func (p peer) forwardedFor(claim []string) string {
	chain := p.addr.String()
	hops := strings.Split(strings.Join(claim, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.Trim(hops[i], " \t")
		if hop == "" {
			continue
		}
		addr, err := netip.ParseAddr(hop)
		if end, portErr := netip.ParseAddrPort(hop); portErr == nil { // Azure's gateways write the port, too
			addr, err, hop = end.Addr(), nil, end.Addr().String()
		}
		if err != nil {
			break
		}
		chain = hop + ", " + chain
		if !p.proxies.Contains(addr) {
			break
		}
	}
	return chain
}
