package cgiproxy

import (
	"io"
	"net"
	"testing"
	"time"
)

// An app that sends its answer in two writes must not wait for the
// acknowledgement of the first. The system delays that by 40 ms once a
// connection has had some requests and answers, each time: so the fastest of
// the later requests tells, however busy the machine is.
func TestQuickAck(t *testing.T) {
	app := startApp(t, func(conn net.Conn) {
		conn.(*net.TCPConn).SetNoDelay(false)
		for {
			if _, err := readHeadBytes(conn); err != nil {
				return
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			io.WriteString(conn, "ok")
		}
	})
	c := &client{cfg: configure(t, app.upstream()), pool: new(pool)}
	defer c.pool.close()
	fastest := time.Hour
	for i := range 15 {
		start := time.Now()
		if body, err := ask(t, c); body != "ok" || err != nil {
			t.Fatalf("got %q, error %v", body, err)
		}
		if i >= 5 {
			fastest = min(fastest, time.Since(start))
		}
	}
	if fastest > 30*time.Millisecond {
		t.Errorf("the fastest of ten requests took %v: the app waited for an acknowledgement", fastest)
	}
}
