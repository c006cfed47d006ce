package fastcgi

import (
	"net"
	"net/http"
	"testing"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// A client counts as gone before any look, where it was there when the request came.
// A web server that goes on for its cache, where the client has left, gets the
// whole response.
func TestClientGone(t *testing.T) {
	for _, tt := range []struct {
		name, software string
		header         http.Header
		want           bool
	}{
		{"Apache", "Apache/2.4.71", nil, true},
		{"Apache, not for a cache", "Apache/2.4.71", http.Header{"Cache-Control": {"no-store"}, "Etag": {`"a"`}}, true},
		{"Apache, for a cache", "Apache/2.4.71", http.Header{"Cache-Control": {"public, max-age=60"}}, false},
		{"Apache, an event stream", "Apache/2.4.71", http.Header{"Content-Type": {"text/event-stream"}, "Etag": {`"a"`}}, true},
		{"nginx", "nginx/1.22.1", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := testkit.Listen(t, "tcp", "127.0.0.1:0")
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			env := cgiproxy.Environ{"SERVER_SOFTWARE": tt.software}
			env["REMOTE_ADDR"], env["REMOTE_PORT"], _ = net.SplitHostPort(client.LocalAddr().String())
			env["SERVER_ADDR"], env["SERVER_PORT"], _ = net.SplitHostPort(l.Addr().String())
			r := &request{env: env}
			w := &responseWriter{request: r, header: tt.header}
			gone := r.clientGone(w)
			w.WriteStatus(200, "OK")
			client.(*net.TCPConn).SetLinger(0) // no trace of the connection is left
			client.Close()
			server.Read(make([]byte, 1))
			if got := gone(); got != tt.want {
				t.Errorf("gone: %v, want %v", got, tt.want)
			}
		})
	}
}
