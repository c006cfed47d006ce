package cgiproxy

import "testing"

func TestStripDestination(t *testing.T) {
	const sub = "SCRIPT_NAME=/sub/proxy.cgi"
	for _, tt := range []struct{ name, destination, prefix, want string }{
		{"below the prefix", "http://example.com/sub/a%20b?c", "auto", "http://example.com/a%20b?c"},
		{"the prefix itself", "https://example.com/sub", "auto", "https://example.com/"},
		{"beside the prefix", "http://example.com/subway/a", "auto", "http://example.com/subway/a"},
		{"another host", "http://example.org/sub/a", "auto", "http://example.org/sub/a"},
		{"no prefix", "http://example.com/sub/a", "", "http://example.com/sub/a"},
		{"no URL", "/sub/a", "auto", "/sub/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := visit(sub, "SCRIPT_FILENAME=/home/me/sub/proxy.cgi", "REQUEST_METHOD=MOVE", "REQUEST_URI=/sub/x", "HTTP_DESTINATION="+tt.destination)
			req, _, err := newRequest(env, configure(t, "STRIP_PREFIX="+tt.prefix))
			if err != nil {
				t.Fatal(err)
			}
			if got := req.Header.Get("Destination"); got != tt.want {
				t.Errorf("Destination %q, want %q", got, tt.want)
			}
		})
	}
}

// TestPrefixOfPathInfo: PATH_INFO comes without the prefix, but the visitor's
// URLs need it all the same.
func TestPrefixOfPathInfo(t *testing.T) {
	env := visit("SCRIPT_NAME=/sub/proxy.cgi", "SCRIPT_FILENAME=/home/me/sub/proxy.cgi", "REQUEST_URI=/sub/blog/a", "PATH_INFO=/app/a")
	req, public, err := newRequest(env, configure(t, "STRIP_PREFIX=auto", "USE_PATH_INFO=true"))
	if err != nil {
		t.Fatal(err)
	}
	if req.RequestURI != "/app/a" || public.prefix != "/sub" || req.Header.Get("X-Forwarded-Prefix") != "/sub" {
		t.Errorf("target %q, prefix %q, X-Forwarded-Prefix %q", req.RequestURI, public.prefix, req.Header["X-Forwarded-Prefix"])
	}
}
