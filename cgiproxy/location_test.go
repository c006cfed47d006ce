package cgiproxy

import (
	"net/http"
	"slices"
	"testing"
)

func TestRewriteReference(t *testing.T) {
	plain := publicURL{scheme: "https", host: "example.com"}
	sub := publicURL{scheme: "https", host: "example.com", prefix: "/sub"}
	port := publicURL{scheme: "http", host: "example.com:8080", prefix: "/sub"}
	unknown := publicURL{scheme: "http", prefix: "/sub"} // HTTP/1.0 without Host
	const app, base, socket = "6543", "http://127.0.0.1:6543/base", "unix:/run/app.sock"
	tests := []struct {
		name, upstream string
		public         publicURL
		ref, want      string
	}{
		{"path", app, plain, "/a?b#c", "/a?b#c"},
		{"path, prefix", app, sub, "/a?b#c", "/sub/a?b#c"},
		{"root, prefix", app, sub, "/", "/sub/"},
		{"path that has the prefix", app, sub, "/sub/a", "/sub/a"},
		{"path that is the prefix", app, sub, "/sub?a", "/sub?a"},
		{"path with a longer segment", app, sub, "/subway", "/sub/subway"},
		{"path, base", base, plain, "/base/a", "/a"},
		{"base alone", base, plain, "/base", "/"},
		{"base and query", base, plain, "/base?a", "/?a"},
		{"path outside of base", base, plain, "/other", "/other"},
		{"longer than base", base, plain, "/based", "/based"},
		{"path, base and prefix", base, sub, "/base/a", "/sub/a"},
		{"base alone and prefix", base, sub, "/base", "/sub"},

		{"relative", app, sub, "a/b", "a/b"},
		{"relative, up", app, sub, "../a", "../a"},
		{"query", app, sub, "?a", "?a"},
		{"fragment", app, sub, "#a", "#a"},
		{"empty", app, sub, "", ""},
		{"relative with a URL in the query", app, sub, "a?next=http://127.0.0.1:6543/", "a?next=http://127.0.0.1:6543/"},
		{"two slashes are a host", app, sub, "//cdn.example/a", "//cdn.example/a"},
		{"two slashes and the own host", app, sub, "//127.0.0.1:6543/a", "https://example.com/sub/a"},

		{"own address", app, plain, "http://127.0.0.1:6543/a", "https://example.com/a"},
		{"own address, localhost", app, plain, "http://localhost:6543/a?b#c", "https://example.com/a?b#c"},
		{"own address, IPv6", app, plain, "http://[::1]:6543/a", "https://example.com/a"},
		{"own address, upper case", app, plain, "HTTP://LOCALHOST:6543/a", "https://example.com/a"},
		{"own address, another of 127/8", app, plain, "http://127.0.1.1:6543/a", "https://example.com/a"},
		{"own address, no path", app, plain, "http://127.0.0.1:6543", "https://example.com/"},
		{"own address, query only", app, plain, "http://127.0.0.1:6543?a", "https://example.com/?a"},
		{"own address, prefix", app, sub, "http://localhost:6543/a", "https://example.com/sub/a"},
		{"own address, no path, prefix", app, sub, "http://localhost:6543", "https://example.com/sub"},
		{"own address, public port", app, port, "http://localhost:6543/a", "http://example.com:8080/sub/a"},
		{"own address, base", base, sub, "http://localhost:6543/base/a", "https://example.com/sub/a"},
		{"own address, https app", "https://app.example", sub, "https://APP.example/a", "https://example.com/sub/a"},
		{"own address of an https app with http", "https://app.example", sub, "http://app.example/a", "http://app.example/a"},

		{"public host", app, plain, "https://example.com/a", "https://example.com/a"},
		{"public host, prefix", app, sub, "https://example.com/a", "https://example.com/sub/a"},
		{"public host, has the prefix", app, sub, "https://example.com/sub/a", "https://example.com/sub/a"},
		{"public host, upper case", app, sub, "https://EXAMPLE.com/a", "https://EXAMPLE.com/sub/a"},
		{"public host, of a socket", socket, sub, "http://example.com/a", "http://example.com/sub/a"},
		{"public host and port", app, port, "http://example.com:8080/a", "http://example.com:8080/sub/a"},

		{"foreign", app, sub, "https://other.example/a", "https://other.example/a"},
		{"foreign, another port of ours", app, sub, "http://127.0.0.1:8000/a", "http://127.0.0.1:8000/a"},
		{"foreign, localhost with a socket", socket, sub, "http://localhost:3000/a", "http://localhost:3000/a"},
		{"foreign, starts like ours", app, sub, "https://example.com.evil.example/a", "https://example.com.evil.example/a"},
		{"foreign, with a user like ours", app, sub, "https://example.com@evil.example/a", "https://example.com@evil.example/a"},
		{"foreign, no Host", app, unknown, "http://other.example/a", "http://other.example/a"},
		{"path, no Host", app, unknown, "/a", "/sub/a"},
		{"another scheme", app, sub, "myapp://example.com/a", "myapp://example.com/a"},
		{"mailto", app, sub, "mailto:me@example.com", "mailto:me@example.com"},
		{"8-bit bytes", app, sub, "/caf\xe9/\x80", "/sub/caf\xe9/\x80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mount{&configure(t, "UPSTREAM="+tt.upstream).Upstream, tt.public}
			h := http.Header{
				"Location":         {tt.ref},
				"Content-Location": {tt.ref},
				"Refresh":          {"5; url=" + tt.ref},
				"Link":             {tt.ref},
			}
			m.rewrite(h)
			for name, want := range map[string]string{
				"Location":         tt.want,
				"Content-Location": tt.want,
				"Refresh":          "5; url=" + tt.want,
				"Link":             tt.ref,
			} {
				if got := h.Get(name); got != want {
					t.Errorf("app at %s, public %+v, %s: %q\n got %q\nwant %q", tt.upstream, tt.public, name, tt.ref, got, want)
				}
			}
		})
	}
}

func TestRewriteRefresh(t *testing.T) {
	tests := []struct {
		name, value, want string
	}{
		{"no URL", "5", "5"},
		{"lower case", "5; url=/a", "5; url=/sub/a"},
		{"upper case", "0;URL=/a", "0;URL=/sub/a"},
		{"single quotes", "0; url='/a'", "0; url='/sub/a'"},
		{"double quotes", `0; url="/a"`, `0; url="/sub/a"`},
		{"own address", "0; url=http://localhost:6543/a", "0; url=https://example.com/sub/a"},
		{"a URL in the URL", "0; url=https://other.example/?url=/a", "0; url=https://other.example/?url=/a"},
		{"blanks", "0; url= /a ", "0; url=/sub/a"},
		{"empty", "0; url=", "0; url="},
		{"quote alone", "0; url='", "0; url=''"},
		{"8-bit byte before it", "\x80url=/a", "\x80url=/sub/a"},
		{"8-bit bytes before it", "\xe9\xe9\xe9; url=/a/b/c", "\xe9\xe9\xe9; url=/sub/a/b/c"},
		{"8-bit byte, no URL behind it", "\x80url=", "\x80url="},
		{"letters that get longer in lower case", "\u023a\u023a; url=/a", "\u023a\u023a; url=/sub/a"},
		{"letters that get shorter in lower case", "\u212a\u212a; url=/a", "\u212a\u212a; url=/sub/a"},
	}
	m := mount{&configure(t).Upstream, publicURL{scheme: "https", host: "example.com", prefix: "/sub"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("Refresh %q: panic: %v", tt.value, p)
				}
			}()
			h := http.Header{"Refresh": {tt.value}}
			m.rewrite(h)
			if got := h.Get("Refresh"); got != tt.want {
				t.Errorf("Refresh %q\n got %q\nwant %q", tt.value, got, tt.want)
			}
		})
	}
}

func TestRewriteCookie(t *testing.T) {
	const app, base = "6543", "http://127.0.0.1:6543/base"
	tests := []struct {
		name, upstream, prefix string
		cookie, want           string
	}{
		{"no prefix", app, "", "a=b; Path=/; HttpOnly", "a=b; Path=/; HttpOnly"},
		{"no path", app, "/sub", "a=b; HttpOnly", "a=b; HttpOnly"},
		{"root", app, "/sub", "a=b; Path=/; HttpOnly", "a=b; Path=/sub; HttpOnly"}, // /sub/ would leave out /sub
		{"path", app, "/sub", "a=b; Path=/x; Secure", "a=b; Path=/sub/x; Secure"},
		{"path with a slash at the end", app, "/sub", "a=b; Path=/x/", "a=b; Path=/sub/x/"},
		{"has the prefix", app, "/sub", "a=b; Path=/sub", "a=b; Path=/sub"},
		{"is below the prefix", app, "/sub", "a=b; Path=/sub/x", "a=b; Path=/sub/x"},
		{"longer segment", app, "/sub", "a=b; Path=/subway", "a=b; Path=/sub/subway"},
		{"lower case, no blanks", app, "/sub", "a=b;path=/x;secure", "a=b;path=/sub/x;secure"},
		{"blanks around", app, "/sub", "a=b;  Path = /x ", "a=b;  Path =/sub/x"},
		{"empty path", app, "/sub", "a=b; Path=", "a=b; Path="},
		{"path that is none", app, "/sub", "a=b; Path=x", "a=b; Path=x"},
		{"path in the value", app, "/sub", "Path=/x; Domain=example.com", "Path=/x; Domain=example.com"},
		{"domain and dates stay", app, "/sub", "a=b; Domain=example.com; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/; SameSite=Lax", "a=b; Domain=example.com; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/sub; SameSite=Lax"},
		{"__Host- needs the path /", app, "/sub", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"},
		{"__host- too", app, "/sub", "__host-a=b; Path=/; Secure", "__host-a=b; Path=/; Secure"},
		{"__Secure- does not", app, "/sub", "__Secure-a=b; Path=/; Secure", "__Secure-a=b; Path=/sub; Secure"},
		{"base", base, "", "a=b; Path=/base/x", "a=b; Path=/x"},
		{"base alone", base, "", "a=b; Path=/base", "a=b; Path=/"},
		{"base to prefix", base, "/sub", "a=b; Path=/base/x", "a=b; Path=/sub/x"},
		{"base alone to prefix", base, "/sub", "a=b; Path=/base", "a=b; Path=/sub"},
		{"base is the prefix", base, "/base", "a=b; Path=/", "a=b; Path=/"},
		{"8-bit bytes", app, "/sub", "a=\xe9; Path=/\xe9", "a=\xe9; Path=/sub/\xe9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mount{&configure(t, "UPSTREAM="+tt.upstream).Upstream, publicURL{scheme: "http", host: "example.com", prefix: tt.prefix}}
			h := http.Header{"Set-Cookie": {"first=1", tt.cookie, "last=1"}}
			m.rewrite(h)
			if got, want := h["Set-Cookie"], []string{"first=1", tt.want, "last=1"}; !slices.Equal(got, want) {
				t.Errorf("app at %s, prefix %q, Set-Cookie: %s\n got %q\nwant %q", tt.upstream, tt.prefix, tt.cookie, got, want)
			}
		})
	}
}
