package cgiproxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// An Upstream is where the app listens. The zero value is none.
type Upstream struct {
	network   string // "tcp" or "unix"
	address   string // host:port, or the socket's path
	scheme    string // "http" or "https"
	authority string // the Host to send when the visitor's is not kept
	base      string // path before every target, "" or "/base"
}

// Decode implements envconfig.Decoder. The forms are a port on 127.0.0.1
// ("6543"), "host:port", "[::1]:6543", "http(s)://host[:port][/base]" and
// "unix:/path".
func (u *Upstream) Decode(value string) error {
	value = strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(value, "unix:"):
		return u.decodeUnix(strings.TrimPrefix(value, "unix:"))
	case strings.Contains(value, "://"):
		return u.decodeURL(value)
	case isPort(value):
		value = "127.0.0.1:" + value
	}
	_, port, err := net.SplitHostPort(value)
	if err != nil || !isHost(value) || !isPort(port) {
		return errors.New("neither a port, host:port, a URL nor unix:/path")
	}
	*u = Upstream{network: "tcp", address: value, scheme: "http", authority: value}
	return nil
}

func (u *Upstream) decodeUnix(path string) error {
	if rest, ok := strings.CutPrefix(path, "///"); ok {
		path = "/" + rest // unix:///path, as a URL has it
	}
	// sun_path has 108 bytes on Linux and 104 on FreeBSD, a NUL included.
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || len(path) > 103 {
		return errors.New("a unix socket needs an absolute path of at most 103 bytes")
	}
	*u = Upstream{network: "unix", address: path, scheme: "http", authority: "localhost"}
	return nil
}

func (u *Upstream) decodeURL(value string) error {
	p, err := url.Parse(value)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case p.Scheme != "http" && p.Scheme != "https":
		return fmt.Errorf("scheme %q is neither http nor https", p.Scheme)
	case p.User != nil || p.RawQuery != "" || p.ForceQuery || p.Fragment != "":
		return errors.New("a URL with a user, query or fragment")
	case !isHost(p.Host) || p.Port() != "" && !isPort(p.Port()):
		return fmt.Errorf("no host in %q", value)
	}
	port := p.Port()
	if port == "" {
		port = defaultPort(p.Scheme)
	}
	*u = Upstream{
		network:   "tcp",
		address:   net.JoinHostPort(p.Hostname(), port),
		scheme:    p.Scheme,
		authority: strings.TrimSuffix(p.Host, ":"),
		base:      strings.TrimRight(p.EscapedPath(), "/"),
	}
	return nil
}

func (u *Upstream) String() string {
	if u.network == "unix" {
		return "unix:" + u.address
	}
	return u.address
}

// isOwn reports whether the authority of a URL of the given scheme is the app's
// own address. All loopback names are one: an app on 127.0.0.1 may call itself
// localhost. The scheme matters for the usual port only: an app that believes
// X-Forwarded-Proto says https of a port that has http.
func (u *Upstream) isOwn(scheme, authority string) bool {
	if u.network == "unix" {
		return false
	}
	name, port := splitAuthority(scheme, authority)
	ownName, ownPort, _ := net.SplitHostPort(u.address)
	return port == ownPort && (strings.EqualFold(name, ownName) || isLoopback(name) && isLoopback(ownName))
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// Networks is a list of address ranges. The zero value is none.
type Networks []netip.Prefix

// Decode implements envconfig.Decoder: CIDRs or single addresses, separated by
// commas or spaces.
func (n *Networks) Decode(value string) error {
	*n = nil
	for _, s := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				return fmt.Errorf("%q is neither an address nor a CIDR", s)
			}
			addr = addr.Unmap()
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		*n = append(*n, prefix)
	}
	return nil
}

func (n Networks) contain(addr netip.Addr) bool {
	for _, prefix := range n {
		if prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// isHost reports whether s can stand in Host (RFC 9110, section 7.2): a name,
// an IPv4 address or an IPv6 address in brackets, with or without a port. Of
// the names of RFC 3986 only those are taken that DNS, and so a web server's
// configuration, can have.
func isHost(s string) bool {
	name, port, hasPort := s, "", false
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		name, port, hasPort = s[:i], s[i+1:], true
	}
	if hasPort && port != "" && !isPort(port) {
		return false
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for i := 0; i < len(name); i++ {
		if !isAlphanumeric(name[i]) && strings.IndexByte("-._~", name[i]) < 0 {
			return false
		}
	}
	return name != ""
}

// isPort reports whether s is a TCP port in plain decimal digits.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// joinHost puts brackets around an IPv6 address, and the port behind the host
// where there is one.
func joinHost(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return host
}
