package settings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"proxy.cgi/cgiproxy/syntax"
)

// An Upstream is where the app listens. The zero value is none.
type Upstream struct {
	Network   string // "tcp" or "unix"
	Address   string // host:port, or the socket's path
	Second    string // host:port to try where nobody listens on Address, "" for none
	Scheme    string // "http" or "https"
	Authority string // the Host to send when the client's is not kept
	Base      string // path before every target, "" or "/base"
	Auto      bool   // a free port is chosen at each start; there is no Address
}

// Decode implements envconfig.Decoder. The forms are a port of this machine
// ("6543"), "host:port", "[::1]:6543", "http(s)://host[:port][/base]",
// "unix:/path" and "auto".
//
// A bare port and the name localhost are this machine's own loopback: 127.0.0.1,
// and then ::1, on which alone an app listens that asks for "localhost" where
// that is ::1 first (Node.js from 17 on).
func (u *Upstream) Decode(value string) error {
	value = strings.TrimSpace(value)
	switch {
	case value == "auto":
		*u = Upstream{Network: "tcp", Scheme: "http", Authority: "localhost", Auto: true}
		return nil
	case strings.HasPrefix(value, "unix:"):
		return u.decodeUnix(strings.TrimPrefix(value, "unix:"))
	case strings.Contains(value, "://"):
		return u.decodeURL(value)
	case syntax.IsPort(value):
		*u = Upstream{Network: "tcp", Scheme: "http", Authority: "127.0.0.1:" + value}
		u.setAddress("localhost", value)
		return nil
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil || !syntax.IsHost(value) || !syntax.IsPort(port) {
		return errors.New("neither a port, host:port, a URL, unix:/path nor auto")
	}
	*u = Upstream{Network: "tcp", Scheme: "http", Authority: value}
	u.setAddress(host, port)
	return nil
}

func (u *Upstream) setAddress(host, port string) {
	if strings.EqualFold(host, "localhost") {
		host, u.Second = "127.0.0.1", "[::1]:"+port
	}
	u.Address = net.JoinHostPort(host, port)
}

func (u *Upstream) decodeUnix(path string) error {
	if rest, ok := strings.CutPrefix(path, "///"); ok {
		path = "/" + rest // unix:///path, as a URL has it
	}
	if path == "" || strings.HasPrefix(path, "//") || strings.HasSuffix(path, "/") || strings.IndexByte(path, 0) >= 0 {
		return errors.New("a unix socket needs a path")
	}
	*u = Upstream{Network: "unix", Address: path, Scheme: "http", Authority: "localhost"}
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
	case !syntax.IsHost(p.Host) || p.Port() != "" && !syntax.IsPort(p.Port()):
		return fmt.Errorf("no host in %q", value)
	}
	port := p.Port()
	if port == "" {
		port = syntax.DefaultPort(p.Scheme)
	}
	*u = Upstream{
		Network:   "tcp",
		Scheme:    p.Scheme,
		Authority: strings.TrimSuffix(p.Host, ":"),
		Base:      strings.TrimRight(p.EscapedPath(), "/"),
	}
	u.setAddress(p.Hostname(), port)
	return nil
}

func (u *Upstream) String() string {
	switch {
	case u.Network == "unix":
		return "unix:" + u.Address
	case u.Auto:
		return "auto"
	}
	return u.Address
}

// At returns u with an address, "" for none: that of an app whose port is chosen at
// each start.
func (u Upstream) At(address string) *Upstream {
	u.Address = address
	return &u
}

// IsOwn reports whether the authority of a URL of the given scheme is the app's
// own address. All loopback names are one: an app on 127.0.0.1 may call itself
// localhost. The scheme matters for the usual port only: an app that believes
// X-Forwarded-Proto says https of a port that has http.
func (u *Upstream) IsOwn(scheme, authority string) bool {
	if u.Network == "unix" {
		return false
	}
	name, port := syntax.SplitHost(scheme, authority)
	ownName, ownPort, _ := net.SplitHostPort(u.Address)
	return port == ownPort && (strings.EqualFold(name, ownName) || IsLoopback(name) && IsLoopback(ownName))
}

// IsLoopback reports whether a host without its port is this machine's own name
// or address for itself.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}
