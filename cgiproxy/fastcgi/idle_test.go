//go:build !race

// The race detector takes memory of its own, and more or less of it.

package fastcgi

import (
	"io"
	"runtime"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// An event stream that is silent holds no buffers: of a host's memory, which is
// counted, hundreds of them take little.
func TestIdleStreams(t *testing.T) {
	app := testkit.Listen(t, "tcp", "127.0.0.1:0")
	l, _ := serve(t, "UPSTREAM="+app.Addr().String())
	open := func() {
		c := dial(t, l)
		c.send(begin(false, visitVars()...), stdin(""))
		conn, err := app.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		testkit.ReadHead(conn)
		event := "9\r\ndata: 1\n\n\r\n"
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+event)
		for buf := make([]byte, 512); ; io.WriteString(conn, event) { // the last event is still on its way: the wait for the next is there
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if n < 64 { // no header with it
				break
			}
		}
	}
	holdsAtMost(t, 20<<10, open) // 17.7 KiB, both ends in this test included; 234 through net/http/fcgi
}

// A connection holds no buffer until the web server says something: of a crowd that
// opens, most are accepted before that.
func TestSilentConnections(t *testing.T) {
	l, _ := serve(t, "UPSTREAM=127.0.0.1:1")
	isOpen := func(n int) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.conns) == n
	}
	n := 0
	holdsAtMost(t, 8<<10, func() { // 3.6 KiB, both ends in this test included; 35 with a buffer
		dial(t, l)
		for n++; !isOpen(n); {
			time.Sleep(time.Millisecond)
		}
	})
}

// holdsAtMost checks how many bytes of memory each of many holds.
func holdsAtMost(t *testing.T, limit int64, open func()) {
	t.Helper()
	used := func() uint64 {
		runtime.GC()
		runtime.GC() // twice, to empty each sync.Pool
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	open()
	const many = 100
	before := used()
	for range many {
		open()
	}
	if each := (int64(used()) - int64(before)) / many; each > limit {
		t.Errorf("each holds %d bytes, want at most %d", each, limit)
	} else {
		t.Logf("each holds %d bytes", each)
	}
}
