package live

import (
	"net"
	"net/netip"
	"strings"

	"proxy.cgi/cgiproxy/challenge"
)

// https tells what the first response said.
func https(s *site) Finding {
	got, want := s.seen.Get("scheme"), s.url.Scheme
	switch {
	case got == want && want == "http":
		return ok("seen as http, which it is; ask the https address, too")
	case got == want:
		return ok("seen as https")
	case want == "https" && strings.EqualFold(s.seen.Get("proto"), "https"):
		return fault(trust(s.seen.Get("addr")),
			"seen as http: TLS ends in a proxy at %s in front of the server, which says so and is not believed", s.seen.Get("addr"))
	case want == "https":
		return fault("if visitors come by https alone: SetEnv HTTPS on in .htaccess", "seen as http: TLS ends in front of the server, which is not told")
	}
	return fault("take away what sets HTTPS in .htaccess, or X-Forwarded-Proto in front", "seen as %s, and it is http", got)
}

// trust returns how a proxy comes to be believed.
func trust(addr string) string {
	return "write CGIPROXY_TRUSTED_PROXIES=" + addr + " into .htcgiproxy, if that is a proxy of the host or yours (ask for all its addresses), and ask again: it must not pass on what visitors forge"
}

// claimedAddress is nobody's (RFC 5737).
const claimedAddress = "203.0.113.9"

func clientAddress(s *site) Finding {
	r, bad := s.describe(question{fields: []string{"X-Forwarded-For: " + claimedAddress}})
	if bad != nil {
		return *bad
	}
	own, _, _ := net.SplitHostPort(r.local)
	return judgeClient(own, r.seen.Get("client"), r.seen.Get("addr"), r.seen.Get("for"))
}

// judgeClient compares our own address, as far as we know it, with what the app
// is told, what the web server sees, and the X-Forwarded-For that it got.
func judgeClient(own, client, addr, chain string) Finding {
	switch {
	case client == claimedAddress:
		return fault("name in CGIPROXY_TRUSTED_PROXIES only the host's own proxies, not those of everybody", "whoever writes X-Forwarded-For is believed: the app was told %s", client)
	case client == own && own != "": // a browser does not know it
		return ok("%s, which is ours", client)
	case client == addr && chain != claimedAddress && chain != "":
		return fault(trust(addr),
			"all visitors are %s, a proxy in front of the server: it says %q, and is not believed", addr, chain)
	case client == "":
		return fault("ask the host for REMOTE_ADDR", "none is known")
	}
	if got, err := netip.ParseAddr(client); err == nil && (got.IsLoopback() || got.IsPrivate()) {
		if here, err := netip.ParseAddr(own); err == nil && !here.IsLoopback() && !here.IsPrivate() {
			return warning("what is in front of the server has to add X-Forwarded-For; then name it in CGIPROXY_TRUSTED_PROXIES", "%s is an inner address, not that of a visitor", client)
		}
	}
	return ok("%s; is it yours?", client)
}

// forgedFields has a visitor claim what only a proxy in front may say. One that is
// trusted, and neither sets nor removes it, gives the app the visitor's word for its own.
func forgedFields(s *site) Finding {
	forged := [len(challenge.Claims)]string{"forged.invalid", "65535", "/forged", "forged", claimedAddress, claimedAddress, claimedAddress}
	var q question
	for i, name := range challenge.Claims {
		q.fields = append(q.fields, name+": "+forged[i])
	}
	r, err := s.ask(q)
	switch {
	case err != nil:
		return fault("see the web server's error log", "no response: %v", err)
	case !r.ours || r.seen.Get("refused") != "" || r.seen.Get("error") != "":
		return ok("refused: %s", orElse(r.seen.Get("error"), r.summary()))
	case !r.seen.Has(challenge.Claims[0]):
		return ok("not asked: the proxy.cgi there is too old for it")
	}
	var through []string
	for i, name := range challenge.Claims {
		if strings.HasPrefix(r.seen.Get(name), forged[i]) { // STRIP_PREFIX stands behind its own
			through = append(through, name)
		}
	}
	if through == nil {
		return ok("what a visitor claims to be, or to have asked, does not get to the app")
	}
	return warning("have the proxy at "+r.seen.Get("addr")+" remove or set them (at Cloudflare by a Request Header Transform Rule): MANUAL.md, \"Proxies in front\", has how",
		"the app gets any visitor's %s: he can have the links in its mails lead to his own site, or pass for another address", strings.Join(through, ", "))
}
