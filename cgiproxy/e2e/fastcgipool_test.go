package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestFastCGILateBody has an app that sends a body where there should be none,
// as do_HEAD = do_GET of Python's http.server does, by a write that comes as
// late as it can: when the next request is there. No other client gets it.
func TestFastCGILateBody(t *testing.T) {
	const paste = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, kind := range webserver.FastCGI {
		for _, tt := range []struct{ name, method, head string }{
			{"HEAD", "HEAD", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(paste))},
			{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n"},
			{"304", "GET", "HTTP/1.1 304 Not Modified\r\n\r\n"},
		} {
			t.Run(fmt.Sprintf("%s/%s", kind, tt.name), func(t *testing.T) {
				t.Parallel()
				app := newApp(t, func(conn net.Conn) {
					for late := ""; ; {
						r := readRequest(conn)
						if r.err != nil {
							return
						}
						io.WriteString(conn, late)
						if strings.HasSuffix(r.line, "/paste HTTP/1.1") {
							io.WriteString(conn, tt.head)
							late = paste
						} else {
							io.WriteString(conn, plainResponse)
						}
					}
				})
				s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app+"\n")
				request := func(method, path string) visited {
					return visit(t, s.Addr, fmt.Sprintf("%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, s.folder, path, s.Addr))
				}
				for range 3 {
					if got := request(tt.method, "/paste"); got.body != "" || got.StatusCode >= 500 {
						t.Errorf("%s /paste: got %s %q", tt.method, got.Status, got.body)
					}
					if got := request("GET", "/victim"); got.body != "ok" || got.StatusCode != 200 {
						t.Errorf("the next client got %s %q, want what it asked for", got.Status, got.body)
					}
				}
			})
		}
	}
}
