package cgiproxy

import (
	"testing"
)

// TestRewriteDestination has the target of a COPY or MOVE in the forms of RFC
// 4918, section 8.3, from a client of http://example.com/sub/.
func TestRewriteDestination(t *testing.T) {
	const (
		sub   = "STRIP_PREFIX=/sub"
		base  = "UPSTREAM=http://127.0.0.1:6543/base"
		own   = "PRESERVE_HOST=false"
		front = "TRUSTED_PROXIES=198.51.100.7"
	)
	for _, tt := range []struct {
		name, destination string
		settings          []string
		want              string
	}{
		{"below the prefix", "http://example.com/sub/a%20b?c", []string{sub}, "http://example.com/a%20b?c"},
		{"the folder of proxy.cgi", "http://example.com/sub/a", []string{"STRIP_PREFIX=auto"}, "http://example.com/a"},
		{"the prefix itself", "https://example.com/sub", []string{sub}, "https://example.com/"},
		{"the prefix and a query", "http://example.com/sub?a", []string{sub}, "http://example.com/?a"},
		{"a path", "/sub/b.txt", []string{sub}, "/b.txt"},
		{"prefix in another spelling", "http://example.com//s%75b/a//b", []string{sub}, "http://example.com/a//b"},
		{"usual port", "http://example.com:80/sub/a", []string{sub}, "http://example.com:80/a"},
		{"upper case", "HTTP://EXAMPLE.com/sub/a", []string{sub}, "HTTP://EXAMPLE.com/a"},
		{"beside the prefix", "http://example.com/subway/a", []string{sub}, "http://example.com/subway/a"},
		{"path beside the prefix", "/subway/a?b", []string{sub, base}, "/subway/a?b"},
		{"another host", "http://example.org/sub/a", []string{sub, base, own}, "http://example.org/sub/a"},
		{"another port", "http://example.com:8080/sub/a", []string{sub, base, own}, "http://example.com:8080/sub/a"},
		{"no prefix", "http://example.com/sub/a", nil, "http://example.com/sub/a"},
		{"no path", "http://example.com", nil, "http://example.com"},
		{"no reference of RFC 4918", "a/b", []string{sub, base, own}, "a/b"},

		{"base", "http://example.com/a?b", []string{base}, "http://example.com/base/a?b"},
		{"base, no path", "http://example.com", []string{base}, "http://example.com/base/"},
		{"base, a path", "/a", []string{base}, "/base/a"},
		{"base and prefix", "http://example.com/sub/a", []string{sub, base}, "http://example.com/base/a"},
		{"base and the prefix itself", "/sub", []string{sub, base}, "/base/"},

		{"Host of the app", "https://example.com/sub/a", []string{sub, base, own}, "http://127.0.0.1:6543/base/a"},
		{"Host of the app, no prefix", "http://example.com/a", []string{own}, "http://127.0.0.1:6543/a"},
		{"Host of the app, a path", "/sub/a", []string{sub, own}, "/a"},
		{"Host of a socket", "http://example.com/sub/a", []string{sub, own, "UPSTREAM=unix:/run/app.sock"}, "http://localhost/a"},
		{"proxy in front", "https://www.example.com/front/sub/a", []string{sub, front}, "http://example.com/a"},
		{"not below the proxy in front", "https://www.example.com/sub/a", []string{sub, front}, "https://www.example.com/sub/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("SCRIPT_NAME=/sub/proxy.cgi", "SCRIPT_FILENAME=/home/me/sub/proxy.cgi", "REQUEST_METHOD=MOVE", "REQUEST_URI=/sub/x",
				"HTTP_X_FORWARDED_HOST=www.example.com", "HTTP_X_FORWARDED_PREFIX=/front", "HTTP_DESTINATION="+tt.destination)
			req, _, err := newRequest(env, configure(t, tt.settings...), "mark")
			if err != nil {
				t.Fatal(err)
			}
			if got := req.Header.Get("Destination"); got != tt.want {
				t.Errorf("with %q, Host %s, Destination: %s\n got %q\nwant %q", tt.settings, req.Host, tt.destination, got, tt.want)
			}
		})
	}
}

func TestRewriteIf(t *testing.T) {
	const token = "(<urn:uuid:181d4fae-7d8c-11d0-a765-00a0c91e6bf2>)"
	for _, tt := range []struct{ name, value, want string }{
		{"no tag", token, token},
		{"tag", "<http://example.com/sub/a> " + token, "<http://example.com/base/a> " + token},
		{"path as a tag", "</sub/a>" + token, "</base/a>" + token},
		{"two tags, two lists", "</sub/a> " + token + " (Not <DAV:no-lock>) <http://example.com/sub/b/>" + token, "</base/a> " + token + " (Not <DAV:no-lock>) <http://example.com/base/b/>" + token},
		{"tag of another host", "<http://example.org/sub/a> " + token, "<http://example.org/sub/a> " + token},
		{"token that looks like ours", "</sub/a> (<http://example.com/sub/a>)", "</base/a> (<http://example.com/sub/a>)"},
		{"token with a parenthesis", "</sub/a> (<a:)> <http://example.com/sub/a>)", "</base/a> (<a:)> <http://example.com/sub/a>)"},
		{"entity tag", `</sub/a> (["</sub/a>"] ["a) </sub/a>"]) </sub/b> ([W/"a"])`, `</base/a> (["</sub/a>"] ["a) </sub/a>"]) </base/b> ([W/"a"])`},
		{"tag that does not end", "</sub/a> " + token + " </sub/b", "</base/a> " + token + " </sub/b"},
		{"entity tag that does not end", `</sub/a> (["a]) </sub/b>`, `</base/a> (["a]) </base/b>`},
		{"list that does not end", "</sub/a> (<a:b>", "</base/a> (<a:b>"},
		{"no field of this kind", `"a", "b"`, `"a", "b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("REQUEST_METHOD=PUT", "REQUEST_URI=/sub/a", "HTTP_IF="+tt.value)
			req, _, err := newRequest(env, configure(t, "STRIP_PREFIX=/sub", "UPSTREAM=http://127.0.0.1:6543/base"), "mark")
			if err != nil {
				t.Fatal(err)
			}
			if got := req.Header.Get("If"); got != tt.want {
				t.Errorf("If: %s\n got %q\nwant %q", tt.value, got, tt.want)
			}
		})
	}
}

// TestPrefixOfPathInfo: PATH_INFO comes without the prefix, but the client's
// URLs need it all the same.
func TestPrefixOfPathInfo(t *testing.T) {
	env := visit("SCRIPT_NAME=/sub/proxy.cgi", "SCRIPT_FILENAME=/home/me/sub/proxy.cgi", "REQUEST_URI=/sub/blog/a", "PATH_INFO=/app/a")
	req, m, err := newRequest(env, configure(t, "STRIP_PREFIX=auto", "USE_PATH_INFO=true"), "mark")
	if err != nil {
		t.Fatal(err)
	}
	if req.RequestURI != "/app/a" || m.public.prefix != "/sub" || req.Header.Get("X-Forwarded-Prefix") != "/sub" {
		t.Errorf("target %q, prefix %q, X-Forwarded-Prefix %q", req.RequestURI, m.public.prefix, req.Header["X-Forwarded-Prefix"])
	}
}
