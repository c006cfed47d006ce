package cgiproxy

import (
	"net/http"
	"strings"
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
		{"two slashes after base", base, plain, "/base//evil.example/x", "/.//evil.example/x"},
		{"backslash after base", base, plain, `/base/\evil.example/x`, `/./\evil.example/x`},
		{"a tab between two slashes after base", base, plain, "/base/\t/evil.example/x", "/./\t/evil.example/x"},
		{"two slashes after base, prefix", base, sub, "/base//a", "/sub//a"},
		{"two slashes in an absolute URL", base, plain, "http://127.0.0.1:6543/base//a", "https://example.com//a"},
		{"the app's own backslash", app, plain, `/\evil.example`, `/\evil.example`},
		{"base and query", base, plain, "/base?a", "/?a"},
		{"path outside of base", base, plain, "/other", "/other"},
		{"longer than base", base, plain, "/based", "/based"},
		{"path, base and prefix", base, sub, "/base/a", "/sub/a"},
		{"base that starts with the prefix", "http://127.0.0.1:6543/sub/base", sub, "/sub/base/a", "/sub/a"},
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
		{"own address, https as X-Forwarded-Proto says", app, sub, "https://localhost:6543/a", "https://example.com/sub/a"},
		{"own address of an https app with http", "https://app.example", sub, "http://app.example/a", "http://app.example/a"},

		{"own address, a chosen port", "auto START=true", sub, "http://127.0.0.1:51000/a", "https://example.com/sub/a"},
		{"own address, a chosen port of localhost", "auto START=true", sub, "http://localhost:51000/a", "https://example.com/sub/a"},
		{"a program's at the client", "auto START=true", sub, "http://127.0.0.1:51001/a", "http://127.0.0.1:51001/a"},

		{"public host", app, plain, "https://example.com/a", "https://example.com/a"},
		{"public host, prefix", app, sub, "https://example.com/a", "https://example.com/sub/a"},
		{"public host, has the prefix", app, sub, "https://example.com/sub/a", "https://example.com/sub/a"},
		{"public host, upper case", app, sub, "https://EXAMPLE.com/a", "https://EXAMPLE.com/sub/a"},
		{"public host, usual port", app, sub, "https://example.com:443/a", "https://example.com:443/sub/a"},
		{"public host, usual port of http", app, sub, "http://example.com:80/a", "http://example.com:80/sub/a"},
		{"public host, no port", app, sub, "https://example.com:/a", "https://example.com:/sub/a"},
		{"public host, two slashes and the usual port", app, sub, "//Example.com:443/a", "//Example.com:443/sub/a"},
		{"public host with the usual port, not written", app, publicURL{"https", "example.com:443", "/sub"}, "https://example.com/a", "https://example.com/sub/a"},
		{"public host, IPv6", app, publicURL{"https", "[2001:db8::1]", "/sub"}, "https://[2001:DB8::1]:443/a", "https://[2001:DB8::1]:443/sub/a"},
		{"public host, of a socket", socket, sub, "http://example.com/a", "http://example.com/sub/a"},
		{"public host and port", app, port, "http://example.com:8080/a", "http://example.com:8080/sub/a"},

		{"foreign", app, sub, "https://other.example/a", "https://other.example/a"},
		{"foreign, another port of the public host", app, sub, "https://example.com:8443/a", "https://example.com:8443/a"},
		{"foreign, the other scheme's port", app, sub, "https://example.com:80/a", "https://example.com:80/a"},
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
			m := reverseMapping{app: &configure(t, strings.Fields("UPSTREAM="+tt.upstream)...).Upstream, host: tt.public.host, public: tt.public, chosen: func() string { return "127.0.0.1:51000" }}
			h := http.Header{
				"Location":         {tt.ref},
				"Content-Location": {tt.ref},
				"Refresh":          {"5; url=" + tt.ref},
				"Link":             {tt.ref},
			}
			m.rewriteResponse(h)
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

// TestPublicRefOfOtherHost has apps that get another Host than the client sent.
func TestPublicRefOfOtherHost(t *testing.T) {
	const front = "TRUSTED_PROXIES=198.51.100.7"
	tests := []struct {
		name      string
		settings  []string
		ref, want string
	}{
		{"socket", []string{"UPSTREAM=unix:/run/app.sock", "PRESERVE_HOST=false"}, "http://localhost/login", "https://www.example.com/sub/login"},
		{"socket, usual port", []string{"UPSTREAM=unix:/run/app.sock", "PRESERVE_HOST=false"}, "http://LOCALHOST:80/login", "https://www.example.com/sub/login"},
		{"socket, https as X-Forwarded-Proto says", []string{"UPSTREAM=unix:/run/app.sock", "PRESERVE_HOST=false"}, "https://localhost/login", "https://www.example.com/sub/login"},
		{"socket, two slashes", []string{"UPSTREAM=unix:/run/app.sock", "PRESERVE_HOST=false"}, "//localhost/login", "https://www.example.com/sub/login"},
		{"socket, another port", []string{"UPSTREAM=unix:/run/app.sock", "PRESERVE_HOST=false"}, "http://localhost:3000/login", "http://localhost:3000/login"},
		{"socket, the client's Host", []string{"UPSTREAM=unix:/run/app.sock"}, "http://localhost/login", "http://localhost/login"},
		{"name", []string{"UPSTREAM=http://app.example", "PRESERVE_HOST=false"}, "http://App.example/login", "https://www.example.com/sub/login"},
		{"name, sent from http to https", []string{"UPSTREAM=http://app.example", "PRESERVE_HOST=false"}, "https://app.example/login", "https://app.example/login"},
		{"the public host all the same", []string{"PRESERVE_HOST=false"}, "https://www.example.com/login", "https://www.example.com/sub/login"},
		{"Host of a proxy in front", []string{front}, "http://internal.example/login", "https://www.example.com/sub/login"},
		{"Host of a proxy in front, https", []string{front}, "https://internal.example/login", "https://www.example.com/sub/login"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("HTTP_HOST=internal.example", "HTTP_X_FORWARDED_HOST=www.example.com", "HTTP_X_FORWARDED_PROTO=https", "REQUEST_URI=/sub/")
			_, m, err := newRequest(env, configure(t, append(tt.settings, "STRIP_PREFIX=/sub", front)...), "mark")
			if err != nil {
				t.Fatal(err)
			}
			if got := m.publicRef(tt.ref); got != tt.want {
				t.Errorf("with %q, Host %s, %s\n got %q\nwant %q", tt.settings, m.host, tt.ref, got, tt.want)
			}
		})
	}
}

// FuzzReverseMapping: a path below the public prefix comes back from the app as
// the client sent it (but for the dot segment before a backslash), and so does a
// URL of the site. Foreign references stay as
// they are in either direction.
func FuzzReverseMapping(f *testing.F) {
	for _, rest := range []string{"/", "/a%20b//c?d=/sub/#e", "/sub/a", "/subway", "/base", "/base/a", "?a", "#a", "\xe9%zz", "//a", "/../a"} {
		f.Add(rest, "other.example")
	}
	f.Add("/a", "example.com.evil.example")
	f.Add("/a", "me@example.com")
	f.Add("/a", "example.com:8080")
	f.Add("/a", "EXAMPLE.com:443")
	var mappings []reverseMapping
	for _, upstream := range []string{"6543", "http://app.example/base", "http://127.0.0.1:6543/sub/base", "http://127.0.0.1:6543/sub", "https://app.example:8443", "unix:/run/app.sock"} {
		for _, prefix := range []string{"", "/sub", "/a%20b/c"} {
			app := &configure(f, "UPSTREAM="+upstream).Upstream
			public := publicURL{"https", "example.com", prefix}
			mappings = append(mappings, reverseMapping{app: app, host: public.host, public: public}, reverseMapping{app: app, host: app.Authority, public: public})
		}
	}
	f.Fuzz(func(t *testing.T, rest, authority string) {
		for _, m := range mappings {
			path := m.public.prefix + "/" + strings.TrimLeft(rest, "/") // "//" starts a host
			appPath := m.appRef(path)
			if m.app.Base != "" || !hasPathPrefix(appPath, m.public.prefix) { // else the app's path looks like a public one
				for _, ref := range []string{path, "https://example.com" + path} {
					got := m.publicRef(m.appRef(ref))
					if strings.HasPrefix(strings.ReplaceAll(ref, "\t", ""), `/\`) || strings.HasPrefix(strings.ReplaceAll(ref, "\t", ""), "//") {
						got = strings.TrimPrefix(got, "/.")
					}
					if got != ref {
						t.Errorf("base %q, prefix %q, Host %s: %q became %q for the app, and %q again", m.app.Base, m.public.prefix, m.host, ref, m.appRef(ref), got)
					}
				}
			}
			for _, scheme := range []string{"http", "https", "ftp"} {
				ref := scheme + "://" + authority + "/" + rest
				_, found, _, ok := splitURL(ref)
				if ok && m.isPublic(scheme, found) {
					continue
				}
				if got := m.appRef(ref); got != ref {
					t.Errorf("%q, which is not the site's, became %q for the app", ref, got)
				}
				if got := m.publicRef(ref); got != ref && !m.isOwn(scheme, found) {
					t.Errorf("%q, which is not the app's, became %q for the client", ref, got)
				}
			}
		}
	})
}
