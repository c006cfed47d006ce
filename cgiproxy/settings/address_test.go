package settings

import (
	"strings"
	"testing"
)

func TestUpstreamDecode(t *testing.T) {
	longest := "/" + strings.Repeat("a", 102)
	tests := []struct {
		name, value string
		want        Upstream
	}{
		{"port", "6543", Upstream{"tcp", "127.0.0.1:6543", "[::1]:6543", "http", "127.0.0.1:6543", "", false}},
		{"port with blanks", " 6543\t", Upstream{"tcp", "127.0.0.1:6543", "[::1]:6543", "http", "127.0.0.1:6543", "", false}},
		{"the largest port", "65535", Upstream{"tcp", "127.0.0.1:65535", "[::1]:65535", "http", "127.0.0.1:65535", "", false}},
		{"host and port", "localhost:6543", Upstream{"tcp", "127.0.0.1:6543", "[::1]:6543", "http", "localhost:6543", "", false}},
		{"LOCALHOST", "LocalHost:6543", Upstream{"tcp", "127.0.0.1:6543", "[::1]:6543", "http", "LocalHost:6543", "", false}},
		{"loopback written out", "127.0.0.1:6543", Upstream{"tcp", "127.0.0.1:6543", "", "http", "127.0.0.1:6543", "", false}},
		{"IPv4 and port", "192.0.2.1:80", Upstream{"tcp", "192.0.2.1:80", "", "http", "192.0.2.1:80", "", false}},
		{"IPv6 and port", "[::1]:6543", Upstream{"tcp", "[::1]:6543", "", "http", "[::1]:6543", "", false}},
		{"URL", "http://localhost:6543", Upstream{"tcp", "127.0.0.1:6543", "[::1]:6543", "http", "localhost:6543", "", false}},
		{"URL without port", "http://app.example", Upstream{"tcp", "app.example:80", "", "http", "app.example", "", false}},
		{"URL with an empty port", "http://app.example:", Upstream{"tcp", "app.example:80", "", "http", "app.example", "", false}},
		{"https URL without port", "https://app.example/", Upstream{"tcp", "app.example:443", "", "https", "app.example", "", false}},
		{"URL, scheme in upper case", "HTTPS://app.example", Upstream{"tcp", "app.example:443", "", "https", "app.example", "", false}},
		{"URL with base", "http://localhost:6543/base", Upstream{"tcp", "127.0.0.1:6543", "[::1]:6543", "http", "localhost:6543", "/base", false}},
		{"URL with base and slash", "http://localhost:6543/a/b//", Upstream{"tcp", "127.0.0.1:6543", "[::1]:6543", "http", "localhost:6543", "/a/b", false}},
		{"URL with encoded base", "http://localhost/a%2Fb", Upstream{"tcp", "127.0.0.1:80", "[::1]:80", "http", "localhost", "/a%2Fb", false}},
		{"URL with IPv6", "https://[2001:db8::1]/x", Upstream{"tcp", "[2001:db8::1]:443", "", "https", "[2001:db8::1]", "/x", false}},
		{"socket", "unix:/run/app.sock", Upstream{"unix", "/run/app.sock", "", "http", "localhost", "", false}},
		{"socket with a blank", "unix:/run/my app.sock", Upstream{"unix", "/run/my app.sock", "", "http", "localhost", "", false}},
		{"socket beside the app", "unix:app.sock", Upstream{"unix", "app.sock", "", "http", "localhost", "", false}},
		{"chosen at each start", "auto", Upstream{"tcp", "", "", "http", "localhost", "", true}},
		{"the longest socket", "unix:" + longest, Upstream{"unix", longest, "", "http", "localhost", "", false}},
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
		"unix:", "unix:///", "unix:/run/", "unix://run/app.sock", "AUTO",
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
			if got := u.IsOwn(tt.scheme, tt.host); got != tt.want {
				t.Errorf("%s: IsOwn(%q, %q) is %t, want %t", tt.upstream, tt.scheme, tt.host, got, tt.want)
			}
		})
	}
}
