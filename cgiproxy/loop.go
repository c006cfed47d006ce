package cgiproxy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// An upstream that leads back to this site would have each request start the
// next proxy.cgi, until no worker of the web server is left to answer any. So
// each request carries a mark of the site and itself in a field of its own, and
// one that comes back is not sent again (RFC 9110, section 7.6). Another one does
// not come back: an app that makes its pages from others of its own site may ask
// for these with all fields of the visitor's request.
//
// Via (section 7.6.3) is for that, too, but an nginx or IIS in the place of the
// app answers a request with a Via uncompressed, and some apps take it for an
// anonymiser; mod_proxy, nginx and HAProxy send none either, unless told to.
const loopField = "X-Proxy-Loop"

// siteMark returns what tells one site from another that it may well send its
// requests to: a folder on a machine together with where it sends them.
func siteMark(folder string, u *settings.Upstream) string {
	host, _ := os.Hostname() // without it only copies of one site are alike
	text := make([]byte, 0, 256)
	for _, part := range [...]string{host, folder, u.Scheme, u.Network, u.Address, u.Base} {
		text = append(append(text, part...), 0)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:markBytes])
}

// requestMark returns the mark of a request for a target that a site sends.
func requestMark(site, method, target string) string {
	sum := sha256.Sum256([]byte(site + " " + method + " " + target))
	return hex.EncodeToString(sum[:markBytes])
}

const markBytes = 8

// checkLoop reports an upstream that is this site itself, and a request that has
// come through more sites than anybody leads one through on purpose. On its way a
// target may become another, as with a base path, or become that again which is
// about to be sent.
func (s *Site) checkLoop(env Environ, out *http.Request) error {
	came := env["HTTP_"+variableName(loopField)]
	back := func(target string) bool { return syntax.HasToken(came, requestMark(s.mark, out.Method, target)) }
	if came != "" && (back(env["REQUEST_URI"]) || back(out.RequestURI)) || isOwnURL(env, s.cfg) {
		return s.cfg.Misconfigured("UPSTREAM", errors.New("leads back to this site itself, so each request would start the next"))
	}
	if n := countMarks(came); n >= maxMarks {
		return badRequest("%s has %d marks of other sites, as in a loop", loopField, n)
	}
	return nil
}

// isOwnURL reports whether the app is sought where the client has sent this
// very request: same port, same Host, same path. The mark would end the loop
// only where a second worker is free.
func isOwnURL(env Environ, cfg *settings.Config) bool {
	name, port, err := net.SplitHostPort(cfg.Upstream.Address)
	if err != nil || port != env["SERVER_PORT"] || !cfg.PreserveHost || cfg.Upstream.Base != "" || cfg.StripPrefix != "" {
		return false
	}
	return isOwnName(name, env) && confirmsPort(env)
}

// isOwnName reports whether a name of the app is one of the web server. The
// usual loopback addresses are one, for a server listens on any address as a
// rule; 127.0.0.2 is another.
func isOwnName(name string, env Environ) bool {
	if strings.EqualFold(name, env["SERVER_NAME"]) {
		return true
	}
	app, err1 := netip.ParseAddr(name)
	own, err2 := netip.ParseAddr(strings.Trim(env["SERVER_ADDR"], "[]"))
	if err1 != nil || err2 != nil {
		return false
	}
	app, own = app.Unmap(), own.Unmap()
	return app == own || isUsualLoopback(app) && (isUsualLoopback(own) || !own.IsLoopback())
}

func isUsualLoopback(addr netip.Addr) bool {
	return addr == netip.IPv6Loopback() || addr == netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// setMark marks a request. A loop may lead through several sites, on several
// machines, so the marks that came with it are kept, whoever has sent them: they
// mean nothing but to the site that made them, and who claims some can have his
// own request refused and no more. What cannot be marks is not passed on.
func setMark(h http.Header, mark string) {
	if before := h.Get(loopField); countMarks(before) > 0 {
		mark = before + ", " + mark
	}
	h[loopField] = []string{mark}
}

// maxMarks bounds the field, as checkLoop refuses one with more.
const maxMarks = 10

// countMarks returns how many marks a field has, 0 where it has anything else.
func countMarks(s string) int {
	marks := strings.Split(s, ", ")
	for _, mark := range marks {
		if _, err := hex.DecodeString(mark); err != nil || len(mark) != 2*markBytes {
			return 0
		}
	}
	return len(marks)
}
