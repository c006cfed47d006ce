package cgiproxy

import (
	"net/netip"
	"strings"
	"testing"
)

func TestUpstreamDecode(t *testing.T) {
	longest := "/" + strings.Repeat("a", 102)
	tests := []struct {
		name, value string
		want        Upstream
	}{
		{"port", "6543", Upstream{"tcp", "127.0.0.1:6543", "http", "127.0.0.1:6543", ""}},
		{"port with blanks", " 6543\t", Upstream{"tcp", "127.0.0.1:6543", "http", "127.0.0.1:6543", ""}},
		{"the largest port", "65535", Upstream{"tcp", "127.0.0.1:65535", "http", "127.0.0.1:65535", ""}},
		{"host and port", "localhost:6543", Upstream{"tcp", "localhost:6543", "http", "localhost:6543", ""}},
		{"IPv4 and port", "192.0.2.1:80", Upstream{"tcp", "192.0.2.1:80", "http", "192.0.2.1:80", ""}},
		{"IPv6 and port", "[::1]:6543", Upstream{"tcp", "[::1]:6543", "http", "[::1]:6543", ""}},
		{"URL", "http://localhost:6543", Upstream{"tcp", "localhost:6543", "http", "localhost:6543", ""}},
		{"URL without port", "http://app.example", Upstream{"tcp", "app.example:80", "http", "app.example", ""}},
		{"URL with an empty port", "http://app.example:", Upstream{"tcp", "app.example:80", "http", "app.example", ""}},
		{"https URL without port", "https://app.example/", Upstream{"tcp", "app.example:443", "https", "app.example", ""}},
		{"URL, scheme in upper case", "HTTPS://app.example", Upstream{"tcp", "app.example:443", "https", "app.example", ""}},
		{"URL with base", "http://localhost:6543/base", Upstream{"tcp", "localhost:6543", "http", "localhost:6543", "/base"}},
		{"URL with base and slash", "http://localhost:6543/a/b//", Upstream{"tcp", "localhost:6543", "http", "localhost:6543", "/a/b"}},
		{"URL with encoded base", "http://localhost/a%2Fb", Upstream{"tcp", "localhost:80", "http", "localhost", "/a%2Fb"}},
		{"URL with IPv6", "https://[2001:db8::1]/x", Upstream{"tcp", "[2001:db8::1]:443", "https", "[2001:db8::1]", "/x"}},
		{"socket", "unix:/run/app.sock", Upstream{"unix", "/run/app.sock", "http", "localhost", ""}},
		{"socket with a blank", "unix:/run/my app.sock", Upstream{"unix", "/run/my app.sock", "http", "localhost", ""}},
		{"the longest socket", "unix:" + longest, Upstream{"unix", longest, "http", "localhost", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Upstream
			if err := got.Decode(tt.value); err != nil {
				t.Fatalf("Decode(%q): %v", tt.value, err)
			}
			if got != tt.want {
				t.Errorf("Decode(%q)\n got %+v\nwant %+v", tt.value, got, tt.want)
			}
		})
	}
}

func TestUpstreamDecodeRefuses(t *testing.T) {
	for _, value := range []string{
		"", "0", "65536", "-1", "+80", "80 81", "6543/tcp", "app", "app.example", "localhost:", ":6543", "localhost:http", "localhost:0", "a:b:1",
		"::1:6543", "[::1]", "[::1]6543", "[::1%lo]:80", "me@localhost:80", "localhost:80/base", "a b:80", "a\r\nb:80",
		"http://", "http:///base", "http://:80", "http://localhost:0", "http://localhost:65536", "http://localhost:x", "http://a b/",
		"http://me@localhost/", "http://me:secret@localhost/", "http://localhost/?a", "http://localhost/?", "http://localhost/#a", "http://localhost/%zz",
		"http://localhost/\r\nX: y", "ftp://localhost/", "fcgi://localhost:9000", "://localhost",
		"unix:", "unix:app.sock", "unix:./app.sock", "unix:/" + strings.Repeat("a", 103),
	} {
		t.Run(value, func(t *testing.T) {
			var got Upstream
			if err := got.Decode(value); err == nil {
				t.Errorf("Decode(%q) is %+v, want an error", value, got)
			}
			if got != (Upstream{}) {
				t.Errorf("Decode(%q) has changed the value to %+v", value, got)
			}
		})
	}
}

func TestUpstreamString(t *testing.T) {
	for value, want := range map[string]string{
		"6543":                    "127.0.0.1:6543",
		"https://app.example/sub": "app.example:443",
		"unix:/run/app.sock":      "unix:/run/app.sock",
	} {
		u := configure(t, "UPSTREAM="+value).Upstream
		if got := u.String(); got != want {
			t.Errorf("%q prints as %q, want %q", value, got, want)
		}
	}
}

func TestUpstreamIsOwn(t *testing.T) {
	tests := []struct {
		name, upstream, scheme, host string
		want                         bool
	}{
		{"the same", "127.0.0.1:6543", "http", "127.0.0.1:6543", true},
		{"localhost", "127.0.0.1:6543", "http", "localhost:6543", true},
		{"LOCALHOST", "127.0.0.1:6543", "http", "LOCALHOST:6543", true},
		{"another loopback address", "127.0.0.1:6543", "http", "127.0.0.2:6543", true},
		{"IPv6 loopback", "127.0.0.1:6543", "http", "[::1]:6543", true},
		{"IPv6 loopback, long", "localhost:6543", "http", "[0:0:0:0:0:0:0:1]:6543", true},
		{"from IPv6 to IPv4", "[::1]:6543", "http", "127.0.0.1:6543", true},
		{"another port", "127.0.0.1:6543", "http", "127.0.0.1:6544", false},
		{"no port", "127.0.0.1:6543", "http", "127.0.0.1", false},
		{"another scheme, the same port", "127.0.0.1:6543", "https", "127.0.0.1:6543", true},
		{"another scheme and its port", "http://127.0.0.1", "https", "127.0.0.1", false},
		{"another host", "127.0.0.1:6543", "http", "192.0.2.1:6543", false},
		{"a name that starts so", "127.0.0.1:6543", "http", "localhost.evil.example:6543", false},
		{"a user before it", "127.0.0.1:6543", "http", "me@localhost:6543", false},
		{"the usual port", "http://localhost", "http", "localhost", true},
		{"the usual port, written", "http://localhost", "http", "localhost:80", true},
		{"the usual port, IPv6", "http://localhost", "http", "[::1]", true},
		{"the usual port, https", "https://app.example", "https", "app.example", true},
		{"a name in upper case", "https://app.example", "https", "App.Example:443", true},
		{"a name is no loopback", "https://app.example", "https", "localhost", false},
		{"socket", "unix:/run/app.sock", "http", "localhost", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := configure(t, "UPSTREAM="+tt.upstream).Upstream
			if got := u.isOwn(tt.scheme, tt.host); got != tt.want {
				t.Errorf("%s: isOwn(%q, %q) is %t, want %t", tt.upstream, tt.scheme, tt.host, got, tt.want)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	tests := []struct {
		name, value string
		in, out     []string
	}{
		{"none", "", nil, []string{"127.0.0.1", "::1"}},
		{"one address", "192.0.2.7", []string{"192.0.2.7", "::ffff:192.0.2.7"}, []string{"192.0.2.8", "::1"}},
		{"one IPv6 address", "2001:db8::1", []string{"2001:db8::1", "2001:db8:0::0:1"}, []string{"2001:db8::2", "192.0.2.1"}},
		{"CIDR", "10.0.0.0/8", []string{"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"}, []string{"11.0.0.0", "9.255.255.255"}},
		{"CIDR with host bits", "10.1.2.3/8", []string{"10.200.0.1"}, []string{"11.0.0.0"}},
		{"IPv6 CIDR", "2001:db8::/32", []string{"2001:db8:ffff::1"}, []string{"2001:db9::"}},
		{"several", "10.0.0.0/8, 192.0.2.7 ::1,,", []string{"10.0.0.1", "192.0.2.7", "::1"}, []string{"192.0.2.8"}},
		{"everybody", "0.0.0.0/0,::/0", []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"}, nil},
		{"IPv4 written as IPv6", "::ffff:192.0.2.7", []string{"192.0.2.7", "::ffff:192.0.2.7"}, []string{"192.0.2.8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n Networks
			if err := n.Decode(tt.value); err != nil {
				t.Fatalf("Decode(%q): %v", tt.value, err)
			}
			for _, addr := range tt.in {
				if !n.contain(netip.MustParseAddr(addr)) {
					t.Errorf("%q does not contain %s", tt.value, addr)
				}
			}
			for _, addr := range tt.out {
				if n.contain(netip.MustParseAddr(addr)) {
					t.Errorf("%q contains %s", tt.value, addr)
				}
			}
		})
	}
}

func TestNetworksDecodeRefuses(t *testing.T) {
	for _, value := range []string{"x", "10.0.0.0/33", "10.0.0.0/", "10.0.0", "10.0.0.256", "10.0.0.0/8;192.0.2.7", "localhost", "*", "192.0.2.7:80", "[::1]"} {
		t.Run(value, func(t *testing.T) {
			var n Networks
			if err := n.Decode(value); err == nil {
				t.Errorf("Decode(%q) is %v, want an error", value, n)
			}
		})
	}
}

func TestIsHost(t *testing.T) {
	for s, want := range map[string]bool{
		"example.com": true, "Example.COM.": true, "a_b-c~d": true, "192.0.2.1": true, "example.com:80": true, "example.com:": true,
		"[::1]": true, "[2001:db8::1]:8080": true, "[::ffff:192.0.2.1]": true, "x": true, "123": true,

		"": false, ":80": false, ":": false, "example.com:0": false, "example.com:65536": false, "example.com:+80": false, "example.com:80:80": false,
		"::1": false, "[::1": false, "::1]": false, "[]": false, "[::1]x": false, "[::1]:x": false, "[192.0.2.1]": false, "[fe80::1%eth0]": false, "[[::1]]": false,
		"a b": false, "a/b": false, "a\\b": false, "a?b": false, "a#b": false, "a@b": false, "a,b": false, "a%41": false, "caf\xc3\xa9": false, "a\r\n": false, "a\x00": false,
	} {
		if got := isHost(s); got != want {
			t.Errorf("isHost(%q) is %t, want %t", s, got, want)
		}
	}
}

func TestIsToken(t *testing.T) {
	for s, want := range map[string]bool{
		"GET": true, "get": true, "M-SEARCH": true, "!#$%&'*+-.^_`|~09": true,
		"": false, "A B": false, "A\tB": false, "A:B": false, "A/B": false, "(A)": false, "A\r\n": false, "A\x00": false, "\xc3\xa9": false, "A,": false, `"A"`: false, "A\x7f": false,
	} {
		if got := isToken(s); got != want {
			t.Errorf("isToken(%q) is %t, want %t", s, got, want)
		}
	}
}
