// Package syntax is the grammar of HTTP that several packages need: tokens, lists
// of tokens, field values (RFC 9110, section 5.6), the methods that are safe, and
// the host and port of a URL (RFC 3986, section 3.2). It depends on nothing and
// trusts nobody.
package syntax

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// IsToken reports whether s is a token (RFC 9110, section 5.6.2): a method or a
// field name.
func IsToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !IsAlphanumeric(s[i]) && !strings.Contains("!#$%&'*+-.^_`|~", s[i:i+1]) {
			return false
		}
	}
	return s != ""
}

// IsSafe reports whether a method only asks for something (RFC 9110, section
// 9.2.1), of those that it defines: its content means nothing.
func IsSafe(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// HasToken reports whether a comma-separated field value has the token, in any
// spelling; a version ("websocket/13") does not matter.
func HasToken(value, token string) bool {
	for item := range strings.SplitSeq(value, ",") {
		name, _, _ := strings.Cut(strings.Trim(item, " \t"), "/")
		if strings.EqualFold(name, token) {
			return true
		}
	}
	return false
}

// IsAlphanumeric reports whether c is an ASCII letter or digit.
func IsAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// IsControl reports whether r is a control byte that no field value may have: a
// tab may stand in it (RFC 9110, section 5.5).
func IsControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// CleanValue returns s as a field value: a space for each control byte, and
// without the white space around it that is no part of a value.
func CleanValue(s string) string {
	return strings.Trim(withoutControls(s), " \t")
}

func withoutControls(s string) string {
	if !strings.ContainsFunc(s, IsControl) {
		return s
	}
	b := []byte(s) // by byte, not by rune: values need not be UTF-8
	for i, c := range b {
		if IsControl(rune(c)) {
			b[i] = ' '
		}
	}
	return string(b)
}

// IsHost reports whether s can stand in Host (RFC 9110, section 7.2): a name,
// an IPv4 address or an IPv6 address in brackets, with or without a port. Of
// the names of RFC 3986 only those are taken that DNS, and so a web server's
// configuration, can have.
func IsHost(s string) bool {
	name, port, hasPort := s, "", false
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		name, port, hasPort = s[:i], s[i+1:], true
	}
	if hasPort && port != "" && !IsPort(port) {
		return false
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for i := 0; i < len(name); i++ {
		if !IsAlphanumeric(name[i]) && strings.IndexByte("-._~", name[i]) < 0 {
			return false
		}
	}
	return name != ""
}

// IsPort reports whether s is a TCP port in plain decimal digits.
func IsPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// DefaultPort returns the port of a URL that names none.
func DefaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// JoinHost puts brackets around an IPv6 address, and the port behind the host
// where there is one.
func JoinHost(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return host
}

// SplitHost returns the host of a URL's authority, without brackets, and its
// port, which is the scheme's where none is written.
func SplitHost(scheme, authority string) (host, port string) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.Trim(authority, "[]")
	}
	if port == "" {
		port = DefaultPort(scheme)
	}
	return host, port
}
