package upstream

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A connection that the app closes meanwhile is none of the client's concern,
// whether that is seen before the request is sent or after it.
func TestPoolStale(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	t.Run("closed before", func(t *testing.T) {
		app := testkit.StartApp(t, func(conn net.Conn) {
			testkit.ReadHead(conn)
			io.WriteString(conn, ok)
		})
		c := pooled(t, app)
		for range 5 {
			if body, err := ask(t, c); err != nil || body != "ok" {
				t.Fatalf("got %q, %v", body, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	t.Run("closed when asked again", func(t *testing.T) {
		app := newCountingApp(t, false, ok) // one response a connection
		c := pooled(t, app.App)
		for range 5 {
			if body, err := ask(t, c); err != nil || body != "ok" {
				t.Fatalf("got %q, %v", body, err)
			}
		}
		if app.conns.Load() != 5 || app.requests.Load() != 9 {
			t.Errorf("the app saw %d connections and %d requests, want 5 and 9", app.conns.Load(), app.requests.Load())
		}
	})
	t.Run("a stray line end behind the last response", func(t *testing.T) {
		app := newCountingApp(t, true, ok, "\r\n"+ok)
		c := pooled(t, app.App)
		for range 2 {
			if body, err := ask(t, c); err != nil || body != "ok" {
				t.Fatalf("got %q, %v", body, err)
			}
		}
		if app.conns.Load() != 2 {
			t.Errorf("the app saw %d connections, want 2", app.conns.Load())
		}
	})
	t.Run("closed by all of many when asked again", func(t *testing.T) {
		app := newCountingApp(t, false, ok)
		c := pooled(t, app.App)
		fillPool(t, c, 8, ok)
		if body, err := ask(t, c); err != nil || body != "ok" {
			t.Errorf("got %q, %v", body, err)
		}
		if app.requests.Load() != 8+2 {
			t.Errorf("the app saw the request %d times, want 2", app.requests.Load()-8)
		}
	})
}

// fillPool puts n connections into the pool that have had a request each.
func fillPool(t *testing.T, c *Transport, n int, response string) {
	t.Helper()
	for range n {
		conn, err := c.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET / HTTP/1.1\r\n\r\n")
		if _, err := io.CopyN(io.Discard, conn, int64(len(response))); err != nil {
			t.Fatal(err)
		}
		c.idlePool().put(agingConn{conn, time.Now()})
	}
}

// A request is signed each time that it goes out, whatever it goes over.
func TestPoolSigns(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, tt := range []struct {
		name    string
		forever bool // the app keeps the connection
		want    int64
	}{
		{"each on a connection kept", true, 2},
		{"the second repeated", false, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := newCountingApp(t, tt.forever, ok)
			c := pooled(t, app.App)
			var signed int64
			c.Sign = func(*http.Request) { signed++ }
			for range 2 {
				if body, err := ask(t, c); err != nil || body != "ok" {
					t.Fatalf("got %q, %v", body, err)
				}
			}
			if signed != tt.want || app.requests.Load() != tt.want {
				t.Errorf("signed %d times, and the app saw %d requests, want %d", signed, app.requests.Load(), tt.want)
			}
		})
	}
}

// A request that ends the app's workers is sent twice at most, however many
// connections are idle.
func TestPoolRepeatsOnce(t *testing.T) {
	var killed atomic.Int64
	app := testkit.StartApp(t, func(conn net.Conn) {
		for {
			head, err := testkit.ReadHead(conn)
			if err != nil {
				return
			}
			if strings.Contains(head, " /kill ") {
				killed.Add(1)
				return
			}
			io.WriteString(conn, testkit.NoBody)
		}
	})
	c := pooled(t, app)
	fillPool(t, c, 8, testkit.NoBody)
	_, err := ask(t, c, "REQUEST_URI=/kill")
	wantFailure(t, err, 502)
	if killed.Load() != 2 {
		t.Errorf("the app saw the request %d times, want 2", killed.Load())
	}
}

// Where the app has said something, or may still, nothing is sent again.
func TestPoolNotAgain(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	t.Run("part of a response", func(t *testing.T) {
		app := newCountingApp(t, false, ok, "HTTP/1.1 200 OK\r\nConnection: close\r\n")
		c := pooled(t, app.App)
		c.Config.HeaderTimeout = 100 * time.Millisecond
		ask(t, c)
		if body, err := ask(t, c); err == nil {
			t.Errorf("got %q, want an error: the app may have done its work", body)
		}
		if app.requests.Load() != 2 {
			t.Errorf("the app saw %d requests, want 2", app.requests.Load())
		}
	})
	t.Run("closes after some work", func(t *testing.T) {
		var requests atomic.Int64
		app := testkit.StartApp(t, func(conn net.Conn) {
			testkit.ReadHead(conn)
			io.WriteString(conn, ok)
			testkit.ReadHead(conn)
			requests.Add(1)
			time.Sleep(staleTime + 100*time.Millisecond)
		})
		c := pooled(t, app)
		ask(t, c)
		_, err := ask(t, c)
		wantFailure(t, err, 502)
		if requests.Load() != 1 {
			t.Errorf("the app saw the request %d times, want once", requests.Load())
		}
	})
	t.Run("says nothing in time", func(t *testing.T) {
		app := testkit.StartApp(t, func(conn net.Conn) {
			testkit.ReadHead(conn)
			io.WriteString(conn, ok)
			io.Copy(io.Discard, conn)
		})
		c := pooled(t, app)
		c.Config.HeaderTimeout = 50 * time.Millisecond
		ask(t, c)
		_, err := ask(t, c)
		wantFailure(t, err, 504)
	})
	t.Run("nobody listens any more", func(t *testing.T) {
		app := newCountingApp(t, false, ok)
		c := pooled(t, app.App)
		ask(t, c)
		app.Close()
		_, err := ask(t, c)
		wantFailure(t, err, 502)
	})
}
