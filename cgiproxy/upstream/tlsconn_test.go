package upstream

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// startTLSApp does with each connection as it is told, and then closes the one
// below TLS. The settings lead to the app.
func startTLSApp(t *testing.T, version uint16, handle func(conn *tls.Conn, below *corkedConn)) *Transport {
	t.Helper()
	known := httptest.NewTLSServer(nil)
	known.Close()
	settings := &tls.Config{Certificates: known.TLS.Certificates, MinVersion: version, MaxVersion: version}
	app := testkit.StartApp(t, func(conn net.Conn) {
		below := &corkedConn{Conn: conn}
		handle(tls.Server(below, settings), below)
	})
	return keeping(t, "UPSTREAM=https://"+app.Addr().String(), "TLS_SKIP_VERIFY=true")
}

// A corkedConn keeps what is written while it has a cork.
type corkedConn struct {
	net.Conn
	cork bool
	kept bytes.Buffer
}

func (c *corkedConn) Write(p []byte) (int, error) {
	if c.cork {
		return c.kept.Write(p)
	}
	return c.Conn.Write(p)
}

// release writes n bytes of what was kept, in one segment where they fit.
func (c *corkedConn) release(n int) { c.Conn.Write(c.kept.Next(n)) }

// A TLS connection is used again after exactly those responses that leave
// nothing on it, neither in the socket nor above it.
func TestTLSReuse(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	long := func(n int) string { // larger than one buffer or the other
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n))
	}
	for _, tt := range []struct {
		name    string
		records []string // written in one segment
		late    int      // bytes of them that come after the next request
		conns   int64    // for three requests
	}{
		{"one record", []string{ok}, 0, 1},
		{"header and body apart", []string{ok[:len(ok)-2], "o", "k"}, 0, 1},
		{"many records", []string{long(100000)}, 0, 1},
		{"more in the record", []string{ok + evil}, 0, 3},
		{"more in the record of 10000 bytes", []string{long(10000) + evil}, 0, 3},
		{"more in the last record of many", []string{long(100000) + evil}, 0, 3},
		{"another record", []string{ok, evil}, 0, 3},
		{"several other records", []string{ok, evil, evil, evil}, 0, 3},
		{"part of another record", []string{ok, evil}, 1, 3},
	} {
		for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				var conns atomic.Int64
				c := startTLSApp(t, version, func(conn *tls.Conn, below *corkedConn) {
					conns.Add(1)
					for {
						if _, err := testkit.ReadHead(conn); err != nil {
							return
						}
						below.release(below.kept.Len())
						below.cork = true
						for _, record := range tt.records {
							io.WriteString(conn, record)
						}
						below.release(below.kept.Len() - tt.late)
					}
				})
				for i := range 3 {
					if body, err := ask(t, c); err != nil || strings.Contains(body, "evil") {
						t.Fatalf("request %d: got %.100q, %v", i+1, body, err)
					}
				}
				if conns.Load() != tt.conns {
					t.Errorf("the app saw %d connections, want %d", conns.Load(), tt.conns)
				}
			})
		}
	}
}

// A response without a length is whole only where TLS itself says so: anybody
// can end a TCP connection (RFC 9112, section 9.8).
func TestTLSEnd(t *testing.T) {
	for _, tt := range []struct {
		name, response string
		notify         bool
		cut            string // what the error says, "" for a whole response
	}{
		{"no length, close_notify", "HTTP/1.1 200 OK\r\n\r\nok", true, ""},
		{"no length, no close_notify", "HTTP/1.1 200 OK\r\n\r\nok", false, "close_notify"},
		{"length, no close_notify", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, ""},
		{"chunked, no close_notify", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, ""},
		{"half a header, no close_notify", "HTTP/1.1 200 OK\r\n", false, "before the header of its answer was complete"},
		{"nothing, no close_notify", "", false, "before the header of its answer was complete"},
	} {
		for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				c := startTLSApp(t, version, func(conn *tls.Conn, below *corkedConn) {
					testkit.ReadHead(conn)
					io.WriteString(conn, tt.response)
					if tt.notify {
						conn.CloseWrite()
					}
				})
				body, err := ask(t, c)
				if tt.cut != "" {
					wantFailure(t, err, 502)
					testkit.WantText(t, explained(err), tt.cut)
				} else if body != "ok" || err != nil {
					t.Errorf("got %q, %v; want %q", body, err, "ok")
				}
			})
		}
	}
}
