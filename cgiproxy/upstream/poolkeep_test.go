package upstream

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A connection in constant use is not used for ever: an app that has been told to
// end would live on.
func TestPoolAge(t *testing.T) {
	t.Parallel()
	app := newCountingApp(t, true, testkit.NoBody)
	c := pooled(t, app.App)
	c.KeepTime = 50 * time.Millisecond
	for giveUp := time.Now().Add(20 * time.Second); app.conns.Load() < 2; {
		if _, err := ask(t, c); err != nil || time.Now().After(giveUp) {
			t.Fatalf("%d requests, error %v: the app saw %d connections, want a second one", app.requests.Load(), err, app.conns.Load())
		}
	}
}

// newSingleApp serves one connection at a time, to its end.
func newSingleApp(t *testing.T) *testkit.App {
	t.Helper()
	var only sync.Mutex
	return testkit.StartApp(t, func(conn net.Conn) {
		only.Lock()
		defer only.Unlock()
		for {
			head, err := testkit.ReadHead(conn)
			if err != nil {
				return
			}
			if strings.Contains(head, "Content-Length: 4\r\n") {
				io.CopyN(io.Discard, conn, 4)
			}
			io.WriteString(conn, testkit.NoBody)
		}
	})
}

// A request on a connection of its own does not wait for an idle one to end.
func TestPoolMakesRoom(t *testing.T) {
	t.Parallel()
	c := pooled(t, newSingleApp(t))
	for i, vars := range [][]string{nil, {"REQUEST_METHOD=POST", "CONTENT_LENGTH=4"}, nil, {"HTTP_AUTHORIZATION=NTLM TlRMTVNTUAAD"}} {
		if _, err := ask(t, c, vars...); err != nil {
			t.Errorf("request %d, %v: %v", i+1, vars, err)
		}
	}
}

// Who never ceases to ask over a kept connection keeps nobody else away from an app
// that serves one connection at a time.
func TestPoolSingleApp(t *testing.T) {
	t.Parallel()
	c := pooled(t, newSingleApp(t))
	c.KeepTime = 50 * time.Millisecond
	done := make(chan bool)
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				ask(t, c)
			}
		}
	})
	for range 3 {
		if _, err := ask(t, c, "REQUEST_METHOD=POST", "CONTENT_LENGTH=4"); err != nil {
			t.Errorf("POST: %v", err)
		}
	}
	close(done)
	wait.Wait()
}

func TestPoolKeeps(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	dial := func() agingConn {
		conn, err := net.Dial("tcp", app.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return agingConn{conn, time.Now()}
	}
	t.Run("the latest first", func(t *testing.T) {
		p := pool{keepTime: time.Hour}
		a, b := dial(), dial()
		p.put(a)
		p.put(b)
		for i, want := range []agingConn{b, a, {}} {
			if got, ok := p.take(); got != want || ok != (want != agingConn{}) {
				t.Errorf("number %d: got %v, %v; want %v", i, got, ok, want)
			}
		}
	})
	t.Run("so many", func(t *testing.T) {
		p := pool{keepTime: time.Hour}
		defer p.close()
		for range maxIdle + 1 {
			p.put(dial())
		}
		if len(p.idle) != maxIdle {
			t.Errorf("%d connections are kept, want %d", len(p.idle), maxIdle)
		}
	})
	t.Run("so long", func(t *testing.T) {
		p := pool{keepTime: time.Hour}
		defer p.close()
		young, old := dial(), dial()
		p.put(young)
		p.put(old)
		p.idle[1].begun = time.Now().Add(-p.keepTime)
		p.expire()
		if _, err := old.Write([]byte("x")); err == nil || len(p.idle) != 1 || !p.expiring {
			t.Errorf("an old connection: %v; %d are kept, another look is due: %v", err, len(p.idle), p.expiring)
		}
		p.idle[0].begun = time.Now().Add(-p.keepTime)
		if _, ok := p.take(); ok {
			t.Error("got an old connection")
		}
		p.put(agingConn{dial().Conn, time.Now().Add(-p.keepTime)})
		if len(p.idle) != 0 {
			t.Error("an old connection is kept")
		}
	})
	t.Run("one look at a time", func(t *testing.T) {
		p := pool{keepTime: time.Hour}
		defer p.close()
		p.put(dial())
		for range 100 { // each request empties the pool and fills it again
			conn, _ := p.take()
			p.put(conn)
		}
		p.expire() // as the timer does
		if !p.expiring || len(p.idle) != 1 {
			t.Errorf("after a look that found nothing: %d kept, another due: %v", len(p.idle), p.expiring)
		}
	})
}
