package upstream

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A body where there should be none, by a write that comes as late as it can,
// must reach nobody.
func TestPoolLateBody(t *testing.T) {
	const paste = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, tt := range []struct{ name, method, response string }{
		{"HEAD", "HEAD", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(paste))},
		{"HEAD without a length", "HEAD", "HTTP/1.1 200 OK\r\n\r\n"},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"304", "GET", fmt.Sprintf("HTTP/1.1 304 Not Modified\r\nContent-Length: %d\r\n\r\n", len(paste))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := testkit.StartApp(t, func(conn net.Conn) {
				for late := ""; ; {
					head, err := testkit.ReadHead(conn)
					if err != nil {
						return
					}
					io.WriteString(conn, late)
					if strings.Contains(head, " /paste ") {
						io.WriteString(conn, tt.response)
						late = paste
					} else {
						io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					}
				}
			})
			c := pooled(t, app)
			if body, err := ask(t, c, "REQUEST_METHOD="+tt.method, "REQUEST_URI=/paste"); body != "" || err != nil {
				t.Errorf("%s /paste: got %q, %v", tt.method, body, err)
			}
			if body, err := ask(t, c, "REQUEST_URI=/victim"); body != "ok" || err != nil {
				t.Errorf("the next client got %q, %v; want %q", body, err, "ok")
			}
		})
	}
}
